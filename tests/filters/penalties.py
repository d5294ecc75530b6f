"""The terms u f(x) of which the maps in `filters.prox` are proximal maps, by name."""

import numpy as np


def firm_penalty(x, u, gamma):
    """Return u |x| - gamma x^2 / 2 up to |x| = u / gamma, constant beyond."""
    near = u * np.abs(x) - gamma * np.abs(x) ** 2 / 2
    return np.where(np.abs(x) * gamma <= u, near, u**2 / (2 * gamma) if gamma else np.inf)


PENALTIES = {
    "l1": lambda x, u: u * np.abs(x),
    "nonnegative_l1": lambda x, u: np.where(x >= 0, u * x, np.inf),
    "l0": lambda x, u: u * (x != 0),
    "l_half": lambda x, u: u * np.abs(x) ** (1 / 2),
    "l_two_thirds": lambda x, u: u * np.abs(x) ** (2 / 3),
    "firm": lambda x, u: firm_penalty(x, u, 0.8),
}
