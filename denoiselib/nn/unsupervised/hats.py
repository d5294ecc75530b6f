"""A denoiser of single samples that needs no training: each loss is solved exactly."""

from itertools import product

import numpy as np

from denoiselib import _check

KNOTS = np.linspace(-10.0, 20.0, 35)  #: where a rule may bend, for amplitudes up to 10


def solve_hats(seen, target, sigma=0.0, knots=KNOTS):
    r"""Solve for the rule, straight lines between knots, that a loss is least for.

    Parameters
    ----------
    seen : array_like (..., length)
        What the rule is applied to, sample by sample.
    target : array_like (..., length)
        What it is compared with.
    sigma : float
        Noise level in Stein's term, for a target that is what is seen; 0 leaves the term out.
    knots : array_like (knots,)
        Places, rising; beyond the first and the last one the rule is constant.

    Returns
    -------
    ndarray (knots,)
        The rule at the knots: its estimates are ``np.interp(noisy, knots, rule)``. Among equals, as
        for a knot that no sample is near, the one of least norm.

    Raises
    ------
    TypeError, ValueError
        If the arrays are empty, not real, not finite, or of different shapes; if `sigma` is
        negative, or there are not two rising knots.

    Notes
    -----
    The rule is :math:`f(y) = \sum_k \theta_k h_k(y)`; the hat function :math:`h_k` is 1 at knot k
    and 0 at all others. :math:`\sum_i (f(s_i) - t_i)^2 + 2 \sigma^2 f'(s_i)` is least where

    .. math:: H^\top H\,\theta = H^\top t - \sigma^2 \textstyle\sum_i h'(s_i), \quad
        H_{ik} = h_k(s_i).

    With y the noisy signals it is supervised learning for t = x, Noise2Noise for a second copy,
    Stein's estimate for t = y with sigma (Stein 1981, *Ann. Statist.* 9, 1135-1151).

    Examples
    --------
    >>> from denoiselib import metrics, signals
    >>> clean = signals.sparse_spikes(1000, rng=0)
    >>> noisy = signals.add_noise(clean, 3, rng=1)
    >>> rule = solve_hats(noisy, clean)
    >>> print(f"{metrics.rmse(np.interp(noisy, KNOTS, rule), clean).mean():.2f}")
    1.62
    """
    seen, target = _check.array(seen, "seen"), _check.array(target, "target")
    if seen.shape != target.shape:
        raise ValueError(f"target must have the shape {seen.shape} of seen, not {target.shape}")
    sigma, knots = _check.number(sigma, "sigma"), _check.array(knots, "knots")
    if knots.ndim != 1 or knots.size < 2 or not (np.diff(knots) > 0).all():
        raise ValueError("knots must be two or more rising numbers")
    seen, target, count = seen.ravel().astype(float), target.ravel().astype(float), knots.size
    left = np.clip(np.searchsorted(knots, seen, "right") - 1, 0, count - 2)
    width = np.diff(knots)[left]
    part = np.clip((seen - knots[left]) / width, 0, 1)
    slope = ((seen > knots[0]) & (seen < knots[-1])) / width
    hats = ((left, 1 - part, -slope), (left + 1, part, slope))  # the two that are not 0
    gram = sum(
        np.bincount(i * count + k, a * b, count**2) for (i, a, _), (k, b, _) in product(hats, hats)
    )
    right = sum(np.bincount(k, h * target - sigma**2 * dh, count) for k, h, dh in hats)
    return np.linalg.lstsq(gram.reshape(count, count), right, rcond=1e-9)[0]
