"""The classical filters as a list: each with the one parameter that a reader turns.

`METHODS` feeds the tables and the menus of the notebooks. To add a filter, add a line.
"""

from typing import NamedTuple

import numpy as np

from denoiselib import signals
from denoiselib.filters.sparse import gmc, l1, threshold
from denoiselib.filters.tv import tv
from denoiselib.filters.wiener import wiener

WINDOWS = np.array([3, 5, 7, 9, 13, 17, 21, 25, 31, 41, 61])
LAMBDAS = np.round(np.geomspace(0.25, 32, 29), 2)


class Method(NamedTuple):
    """A filter with one parameter: ``denoise(noisy, sigma, value)``."""

    label: str
    domain: str  #: where it expects few coefficients
    parameter: str
    grid: np.ndarray  #: values worth trying, in rising order
    denoise: callable
    slides: float | None = None  #: the value used in the slides


def _ring(c):
    """Convolve with the known pulse: the synthesis A of a signal from its spikes."""
    return sum(w * _delayed(c, lag) for lag, w in enumerate(signals.PULSE))


def _match(y):
    """Correlate with the known pulse: the adjoint of `_ring`."""
    return sum(w * _delayed(y[..., ::-1], lag)[..., ::-1] for lag, w in enumerate(signals.PULSE))


def _delayed(x, lag):
    out = np.zeros_like(x)
    out[..., lag:] = x[..., : x.shape[-1] - lag]
    return out


#: Filters by name.
METHODS = {
    "wiener": Method(
        "Wiener, noise guessed", "none", "window", WINDOWS, lambda y, s, w: wiener(y, w), 3
    ),
    "wiener_sigma": Method(
        "Wiener, noise told", "none", "window", WINDOWS, lambda y, s, w: wiener(y, w, s**2)
    ),
    "l1_dft": Method(
        "L1, DFT", "frequency", "lambda", LAMBDAS, lambda y, s, lam: l1(y, lam, "dft"), 1.0
    ),
    "gmc_dft": Method(
        "GMC, DFT", "frequency", "lambda", LAMBDAS, lambda y, s, lam: gmc(y, lam), 3.0
    ),
    "soft": Method(
        "soft threshold", "time", "lambda", LAMBDAS, lambda y, s, lam: threshold(y, lam)
    ),
    "relu": Method(
        "ReLU with bias",
        "time, positive",
        "lambda",
        LAMBDAS,
        lambda y, s, lam: threshold(y, lam, "nonnegative_l1"),
    ),
    "firm": Method(
        "firm threshold", "time", "lambda", LAMBDAS, lambda y, s, lam: threshold(y, lam, "firm")
    ),
    "hard": Method(
        "hard threshold",
        "time",
        "lambda",
        LAMBDAS,
        lambda y, s, lam: threshold(y, lam**2 / 2, "l0"),
    ),
    "l1_pulse": Method(
        "L1, known pulse",
        "pulses",
        "lambda",
        LAMBDAS,
        lambda y, s, lam: l1(y, lam, (_match, _ring), tol=1e-4),
    ),
    "tv": Method("total variation", "jumps", "lambda", LAMBDAS, lambda y, s, lam: tv(y, lam)),
}
