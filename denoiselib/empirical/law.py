"""What fitted laws share: a noise level, a likelihood, and the posterior mean under the law."""

from dataclasses import dataclass

import numpy as np

from denoiselib import _check

FINEST = 1e-6  #: of the range of the signals: where they have less noise, rounding would decide
FEWEST = 20  #: samples that tell a noise level


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of signals plus white Gaussian noise, fitted to noisy signals.

    A subclass has fields for what it has learned, and ``posterior_mean(y)`` of signals
    ``(n, length)`` in float64.

    Attributes
    ----------
    sigma : float
        Noise level, given or found.
    log_likelihood : float
        Of the noisy signals that the law was fitted to, all together.
    """

    sigma: float
    log_likelihood: float

    def __post_init__(self):
        _check.read_only(*(x for x in vars(self).values() if isinstance(x, np.ndarray)))

    def denoise(self, noisy):
        """Return E[x | y] under this law, of signals ``(..., length)`` in its units, as they are.

        They need not be those that it was fitted to, nor as long.
        """
        noisy = _check.array(noisy, "noisy")
        flat = noisy.reshape(-1, noisy.shape[-1]).astype(np.float64)
        return self.posterior_mean(flat).reshape(noisy.shape).astype(noisy.dtype, copy=False)


def standard(noisy, sigma):
    """Check what a law is fitted to, and return it without its units.

    Returns
    -------
    y : ndarray (n, length)
        ``(noisy - centre) / unit``, which spans 1 from its least to its largest sample.
    sigma : float or None
        In this unit, too.
    centre, unit : float
    """
    noisy = _check.array(noisy, "noisy")
    if noisy.shape[-1] < 2:
        raise ValueError("noisy must hold at least two samples a signal: neighbours are what tells")
    if sigma is not None:
        sigma = _check.number(sigma, "sigma", positive=True, dtype=noisy.dtype)
    elif noisy.size < FEWEST:
        raise ValueError(f"noisy of {noisy.size} samples does not tell its noise level: give sigma")
    y = noisy.reshape(-1, noisy.shape[-1]).astype(np.float64)
    unit = float(y.max() - y.min()) or sigma or 1.0
    if unit < 1e-290:
        raise ValueError(f"noisy spans only {unit:.1g}, too little for floats: use a smaller unit")
    if sigma is not None and sigma < FINEST * unit:
        raise ValueError(
            f"sigma must be at least {FINEST:g} of the range of noisy, {unit:.3g}, not {sigma:g}"
        )
    centre = float(y.mean())
    return (y - centre) / unit, sigma and sigma / unit, centre, unit


def first_sigma(y):
    """Return a noise level to start with, by the median difference of neighbours (n, length)."""
    found = np.median(np.abs(np.diff(y))) / 0.6745 / 2**0.5
    if found < FINEST:
        raise ValueError(
            "half of the neighbouring samples of noisy are equal, or nearly so: there is no noise "
            "whose level could be found; give sigma"
        )
    return float(found)


def cut(y, room, states=1):
    """Cut signals (n, length) into parts that hold `room` numbers, if each sample has so many."""
    size = max(1, room // (y.shape[1] * states))
    return [y[i : i + size] for i in range(0, len(y), size)]


def climb(step, state, gain, most):
    """Repeat EM steps until one raises the log-likelihood by less than `gain`.

    ``step(state)`` returns the next state, and the log-likelihood of the one that it was given;
    what is returned are a state and its log-likelihood.
    """
    last = -np.inf
    for _ in range(most):
        following, log_likelihood = step(state)
        if log_likelihood - last < gain:
            break
        before, last, state = state, log_likelihood, following
    else:
        return before, last
    return state, log_likelihood
