r"""The adaptive filters by the names they have in papers: `identify` with one choice or two each.

Common parameters, left out below:

    x, d, taps, mu
        As in `identify`: input, desired signal, length of the filter, step size.
    rho : float or array (..., 1)
        How hard the weights are pulled towards zero in each step (see `shrink`).
    **options
        Passed to `identify`: ``system``, ``start``, ``history``, ``clip``, ``delta``.

All return an `Adapted`, and raise what `identify` and the map in `shrink` raise.
"""

import numpy as np

from denoiselib import _check
from denoiselib.filters.adaptive import shrink
from denoiselib.filters.adaptive.online import identify


def lms(x, d, taps, mu, **options):
    r"""Least mean squares: :math:`w \leftarrow w + \mu e u` (Widrow & Hoff 1960).

    Examples
    --------
    >>> print(lms([1.0, 1.0], [1.0, 1.0], taps=1, mu=0.5).output)
    [0.  0.5]
    """
    return identify(x, d, taps, mu, normalised=False, **options)


def nlms(x, d, taps, mu, **options):
    r"""Normalised LMS: :math:`w \leftarrow w + \mu e u / (\|u\|^2 + \delta)`.

    In a stationary state, for a white input of n taps and noise that is s times the output's power,
    the misalignment is about :math:`s\,\frac{\mu}{2 - \mu} \frac{n}{n - 2}`.

    Examples
    --------
    >>> print(nlms([3.0, 3.0], [3.0, 3.0], taps=1, mu=0.5, delta=0).output)
    [0.  1.5]
    """
    return identify(x, d, taps, mu, **options)


def za_lms(x, d, taps, mu, rho, **options):
    """LMS with `zero_attracting` weights.

    Examples
    --------
    >>> print(za_lms([1.0, 0.0], [1.0, 0.0], taps=1, mu=0.5, rho=0.1).weights)
    [0.4]
    """
    return lms(x, d, taps, mu, shrink=shrink.zero_attracting(rho), **options)


def rza_lms(x, d, taps, mu, rho, eps=10.0, **options):
    """LMS with `reweighted` attraction to zero.

    Examples
    --------
    >>> print(rza_lms([1.0, 0.0], [1.0, 0.0], taps=1, mu=0.5, rho=0.3).weights)
    [0.45]
    """
    return lms(x, d, taps, mu, shrink=shrink.reweighted(rho, eps), **options)


def za_nlms(x, d, taps, mu, rho, **options):
    """NLMS with `zero_attracting` weights.

    Examples
    --------
    >>> print(za_nlms([3.0, 0.0], [3.0, 0.0], taps=1, mu=0.5, rho=0.1, delta=0).weights)
    [0.4]
    """
    return nlms(x, d, taps, mu, shrink=shrink.zero_attracting(rho), **options)


def rza_nlms(x, d, taps, mu, rho, eps=10.0, **options):
    """NLMS with `reweighted` attraction to zero.

    Examples
    --------
    >>> print(rza_nlms([3.0, 0.0], [3.0, 0.0], taps=1, mu=0.5, rho=0.3, delta=0).weights)
    [0.45]
    """
    return nlms(x, d, taps, mu, shrink=shrink.reweighted(rho, eps), **options)


def proximal_nlms(x, d, taps, mu, rho, penalty="l1", **options):
    """NLMS with a `proximal` map of the weights, ISTA on line.

    Examples
    --------
    >>> print(proximal_nlms([3.0, 0.0], [3.0, 0.0], taps=2, mu=0.5, rho=0.1, delta=0).weights)
    [0.3 0. ]
    """
    return nlms(x, d, taps, mu, shrink=shrink.proximal(rho, penalty), **options)


def block_nlms(x, d, taps, mu, rho, block, penalty="l1", **options):
    """NLMS with a `block_proximal` map of the weights: blocks of taps live or die together.

    Examples
    --------
    >>> x = [3.0, 0.0]
    >>> print(block_nlms(x, x, taps=2, mu=0.5, rho=0.1, block=2, delta=0).weights)
    [0.3 0. ]
    """
    return nlms(x, d, taps, mu, shrink=shrink.block_proximal(rho, block, penalty), **options)


def robust_nlms(x, d, taps, mu, clip=2.5, **options):
    r"""NLMS with clipped errors, for noise with impulses: Huber's :math:`\psi(e)` in place of e.

    The limit is `clip` robust standard deviations of the last errors (their median magnitude
    times 1.483), after the M-estimates of Zou, Chan & Ng (*IEEE Trans. Circuits Syst. II* 47
    (2000), 1564-1569), who set such errors to zero. It fails where half of the last errors are
    impulses.

    Examples
    --------
    >>> d = [1.0, 1.0, 1.0, 99.0]
    >>> print(robust_nlms([1.0] * 4, d, taps=1, mu=0.5, delta=0).weights.round(2))
    [2.27]
    """
    return nlms(x, d, taps, mu, clip=clip, **options)


def nsaf(x, d, taps, mu, bands=4, **options):
    r"""Normalised subband adaptive filter: NLMS in each of `bands`, for coloured inputs.

    :math:`w \leftarrow w + \mu \sum_i u_i e_i / (\|u_i\|^2 + \delta)` once every `bands` samples
    (Lee & Gan 2004). With more bands than taps it may diverge unless `mu` is small, for the bands
    then correct the same weights; and where `x` is a tone the empty bands learn from noise, unless
    `delta` is larger.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(500)
    >>> print(nsaf(x, 2 * x, taps=2, mu=1).weights.round(1))
    [ 2. -0.]
    """
    return identify(x, d, taps, mu, bands=bands, **options)


def za_nsaf(x, d, taps, mu, rho, bands=4, **options):
    """Subband filter with `zero_attracting` weights: the sparse variant by gradient.

    Examples
    --------
    >>> za_nsaf([1.0, 2.0], [1.0, 2.0], taps=3, mu=1, rho=0.1, bands=2).weights.shape
    (3,)
    """
    return nsaf(x, d, taps, mu, bands, shrink=shrink.zero_attracting(rho), **options)


def proximal_nsaf(x, d, taps, mu, rho, bands=4, penalty="l1", **options):
    """Subband filter with a `proximal` map of the weights: the sparse variant by soft threshold.

    Examples
    --------
    >>> proximal_nsaf([1.0, 2.0], [1.0, 2.0], taps=3, mu=1, rho=0.1, bands=2).weights.shape
    (3,)
    """
    return nsaf(x, d, taps, mu, bands, shrink=shrink.proximal(rho, penalty), **options)


def enhance(noisy, taps=32, delay=1, mu=0.1, rho=0.0, passes=1):
    r"""Adaptive line enhancer: keep of each sample what the past foretells.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals.
    taps : int
        Past samples that foretell one.
    delay : int
        Age of the youngest of them: longer than the noise is correlated, 1 for white noise.
    mu : float or array (..., 1)
        Step size of NLMS, between 0 and 2; small is slow and precise.
    rho : float or array (..., 1)
        Soft threshold of the weights after each step.
    passes : int
        How often a signal is gone through; the weights go on, the output is that of the last pass.

    Returns
    -------
    ndarray (..., length)
        Predictions; the first `delay` samples are 0, for nothing foretells them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real or not finite, `mu` or `rho` out of range, or `taps`, `delay` or
        `passes` not a positive integer.

    Notes
    -----
    A prediction :math:`\hat x_t = \sum_k w_k y_{t - delay - k}` by NLMS (Widrow et al., *Proc.
    IEEE* 63 (1975), 1692-1716). White noise cannot be foretold, tones can: the weights become a
    filter tuned to them. Nor can anything be foretold of independent spikes: on them the best
    prediction is their mean, and the answer of this filter is worse. With `passes` it is no
    longer on line, and it learns the noise of a short signal too.

    Examples
    --------
    >>> from denoiselib import metrics, signals
    >>> tone = 5 * np.sin(0.3 * np.arange(2000))
    >>> noisy = signals.add_noise(tone, sigma=3, rng=0)
    >>> estimate = enhance(noisy, taps=32, mu=0.05)
    >>> for y in (noisy, estimate):
    ...     print(f"{metrics.rmse(y[1000:], tone[1000:]):.2f}")
    3.07
    1.05
    """
    noisy = _check.array(noisy, "noisy")
    delay = _check.integer(delay, "delay", 1)
    past = np.zeros_like(noisy)
    past[..., delay:] = noisy[..., : max(0, noisy.shape[-1] - delay)]
    pull, weights = shrink.proximal(rho), None
    for _ in range(_check.integer(passes, "passes", 1)):
        output, _, weights, *_ = nlms(past, noisy, taps, mu, shrink=pull, start=weights)
    return output
