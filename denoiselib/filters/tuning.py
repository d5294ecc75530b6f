"""Choose a filter's parameter without clean signals.

`sure` needs the noise level, which `mad_sigma` estimates; `k_sparse_lam` counts coefficients. With
clean signals, see `Method.tune`.
"""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.filters import sparse


class Tuned(NamedTuple):
    """The best value of a grid, the grid, and the risk at each of its points."""

    value: float
    grid: np.ndarray
    risk: np.ndarray


def sure(denoise, grid, noisy, sigma, rng=0):
    """Choose the value of a grid with the least mean `sure_risk`, and return it as `Tuned`.

    Parameters
    ----------
    denoise : callable
        ``denoise(noisy, value) -> estimate``.
    grid : array_like (values,)
        Values to try.
    noisy, sigma, rng
        As in `sure_risk`; the probe is the same for all values.

    Examples
    --------
    >>> from denoiselib import filters, signals
    >>> noisy = signals.add_noise(signals.sparse_spikes(500, rng=0), 3, rng=1)
    >>> print(sure(filters.threshold, np.arange(1, 7), noisy, sigma=3).value)
    3
    """
    noisy, denoise = _check.array(noisy, "noisy"), _check.function(denoise, "denoise")
    if _check.array(grid, "grid").ndim != 1:
        raise ValueError(f"grid must be one-dimensional, not of shape {np.shape(grid)}")
    seed = _check.generator(rng).integers(2**32)
    values = np.asarray(grid).tolist()  # whole numbers stay whole: a window is one
    risk = [sure_risk(lambda y, v=v: denoise(y, v), noisy, sigma, seed).mean() for v in values]
    return Tuned(values[int(np.argmin(risk))], np.asarray(grid), np.array(risk))


def sure_risk(denoise, noisy, sigma, rng=None, step=0.1, estimate=None):
    r"""Estimate the mean squared error of each signal, ``(...)``, without the clean signals.

    Parameters
    ----------
    denoise : callable
        ``denoise(noisy) -> estimate``, acting on each signal by itself.
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise.
    sigma : float or array (..., 1)
        Noise level.
    rng : seed, numpy.random.Generator or None
        Source of the probe b.
    step : float
        Length of the difference quotient, as a part of sigma.
    estimate : array_like, optional
        ``denoise(noisy)``, if it is known already.

    Notes
    -----
    It is Stein's unbiased risk estimate. That of one signal may be negative: the average over
    signals is what counts. With a probe b of white noise of variance 1 and :math:`\tau` = `step`
    sigma it is

    .. math:: \frac{\|f(y) - y\|^2}{L} - \sigma^2
        + \frac{2\sigma^2}{L \tau}\, b^T (f(y + \tau b) - f(y))

    (Stein 1981; the divergence by Monte Carlo after Ramani, Blu & Unser 2008). At the jumps of a
    hard threshold a difference quotient is right on average; a derivative would miss them.

    Examples
    --------
    The risk of doing nothing is the variance of the noise:

    >>> noisy = np.random.default_rng(0).standard_normal((1000, 100))
    >>> print(f"{sure_risk(lambda y: y, noisy, sigma=1, rng=1).mean():.2f}")
    0.99
    """
    noisy, denoise = _check.array(noisy, "noisy"), _check.function(denoise, "denoise")
    sigma = _check.level(sigma, "sigma", noisy, per_signal=True)
    if not sigma.all():
        raise ValueError(
            "sigma must be greater than 0; where half of the samples of noisy, or half of their "
            "differences, are equal, an estimate by medians is 0"
        )
    noisy = np.broadcast_to(noisy, np.broadcast_shapes(noisy.shape, sigma.shape))
    tau = sigma * _check.level(step, "step", noisy[..., :1], per_signal=True, positive=True)
    if not tau.min() > 0:
        raise ValueError("sigma times step must be greater than 0")
    probe = _check.generator(rng).standard_normal(noisy.shape, dtype=noisy.dtype)
    estimate = _check.array(denoise(noisy) if estimate is None else estimate, "estimate")
    moved = _check.array(denoise(noisy + tau * probe), "estimate")
    _check.broadcast(estimate, noisy, "estimate and noisy")
    divergence = np.mean(probe * (moved - estimate) / tau, axis=-1)
    residual = np.mean((estimate - noisy) ** 2, axis=-1)
    variance = np.broadcast_to(sigma**2, (*residual.shape, 1))[..., 0]
    return residual - variance + 2 * variance * divergence


def k_sparse_lam(noisy, k, transform="dft"):
    """Return the lam of each signal, ``(..., 1)``, with which `k` of its coefficients survive.

    Who knows how sparse a signal is need not choose lam: the slides cite this rule (their reference
    12). The lam is for `filters.l1`, `filters.gmc`, and `filters.threshold` with ``"l1"`` or
    ``"firm"``. It lies half way between the magnitudes of coefficients k and k + 1, in falling
    order. Most bins of a DFT come in pairs of equal magnitude: a `k` that would split a pair keeps
    neither.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals.
    k : int
        Number of coefficients to keep, from 0 to less than there are.
    transform : {"dft", "identity"}, pair of callables or Transform
        As in `filters.l1`.

    Examples
    --------
    >>> from denoiselib import filters
    >>> lam = k_sparse_lam([5.0, -1.0, 3.0, 0.5], k=2, transform="identity")
    >>> print(lam, filters.threshold([5.0, -1.0, 3.0, 0.5], lam))
    [2.] [3. 0. 1. 0.]
    """
    noisy = _check.array(noisy, "noisy")
    magnitude = np.abs(sparse.resolve(transform, noisy.shape[-1]).analysis(noisy))
    count = magnitude.shape[-1]
    k = _check.integer(k, "k", 0, count - 1, f"noisy of {count} coefficients")
    falling = np.sort(magnitude, axis=-1)[..., ::-1]
    falling = np.concatenate([falling[..., :1], falling], axis=-1)  # k = 0 keeps none
    return (falling[..., k : k + 1] + falling[..., k + 1 : k + 2]) / 2


def mad_sigma(noisy, difference=False):
    r"""Estimate the noise level of each signal, ``(..., 1)``, from its median absolute deviation.

    It is :math:`\mathrm{median}|y - \mathrm{median}(y)| / 0.6745`, where 0.6745 is the median
    magnitude of a standard normal number. It is too large if the signal is not sparse enough.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals plus white Gaussian noise.
    difference : bool
        Use the differences of neighbours, divided by the root of 2: for signals with a level, such
        as `signals.blocks`. Otherwise for signals that are mostly 0.

    Examples
    --------
    >>> noisy = 3 * np.random.default_rng(0).standard_normal((1000, 100))
    >>> print(f"{mad_sigma(noisy).mean():.1f} {mad_sigma(noisy, difference=True).mean():.1f}")
    3.0 3.0
    """
    noisy = _check.array(noisy, "noisy")
    if _check.flag(difference, "difference"):
        if noisy.shape[-1] < 2:
            raise ValueError("noisy must hold at least two samples to take differences")
        noisy = np.diff(noisy, axis=-1) / 2**0.5
    deviation = np.abs(noisy - np.median(noisy, axis=-1, keepdims=True))
    return np.median(deviation, axis=-1, keepdims=True) / 0.6745
