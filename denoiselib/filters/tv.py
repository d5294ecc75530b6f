"""Exact total-variation denoising in one dimension, in a time linear in the length.

For single numbers Python is faster than NumPy: signals are fitted one by one, as lists. In loops
over samples comparisons stand for `min` and `max`: calls would take a third of the time.
"""

import numpy as np

from denoiselib import _check

SHORT = 1000  #: samples up to which the method is the faster one that may go back


def tv(noisy, lam):
    r"""Fit a piecewise constant signal: few jumps, exactly.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals.
    lam : float or array (..., 1)
        Weight of the total variation.

    Returns
    -------
    ndarray (..., length)
        :math:`\arg\min_x \frac12 \|y - x\|^2 + \lambda \sum_i |x_{i+1} - x_i|`.

    Notes
    -----
    Dynamic programming (N. Johnson, *J. Comput. Graph. Stat.* 22 (2013), 246-260). Let
    :math:`F_i(b)` be the least cost of samples 1..i when :math:`x_i = b`. Its derivative is
    increasing and piecewise linear, and

    .. math:: F_{i+1}'(b) = \mathrm{clip}(F_i'(b), -\lambda, \lambda) + b - y_{i+1}

    With lo and hi, where :math:`F_i'` reaches :math:`\mp\lambda`, the solution is traced back from
    :math:`F_L'(x_L) = 0` by :math:`x_i = \mathrm{clip}(x_{i+1}, lo_i, hi_i)`. Each sample adds two
    knots and each is removed once: the work is linear in the length. Signals of up to 1,000 samples
    are fitted by the direct algorithm of L. Condat (*IEEE Signal Process. Lett.* 20 (2013),
    1054-1057), two to four times as fast; it may go over the same samples again.

    Examples
    --------
    >>> print(tv([0.0, 1.0, 0.0, 8.0, 9.0, 8.0], lam=1.0).round(3))
    [0.667 0.667 0.667 8.    8.    8.   ]
    """
    noisy = _check.array(noisy, "noisy")
    lam = _check.level(lam, "lam", noisy, per_signal=True)
    shape = np.broadcast_shapes(noisy.shape, lam.shape)
    y = np.broadcast_to(noisy, shape).reshape(-1, shape[-1]).astype(np.float64)
    # with lam above length x range the answer is the mean; a larger lam would only cost digits
    lam = np.broadcast_to(lam, (*shape[:-1], 1)).reshape(-1).astype(np.float64)
    lam = np.minimum(lam, shape[-1] * np.ptp(y, axis=-1))
    level = y.mean(axis=-1, keepdims=True)  # sums of a signal far from 0 would lose digits
    pairs = zip((y - level).tolist(), lam.tolist(), strict=True)
    fit = _direct if shape[-1] <= SHORT else _dynamic
    x = np.array([fit(*pair) for pair in pairs]) + level
    return x.reshape(shape).astype(noisy.dtype)


def _direct(y, lam):
    """Lengthen a piece of the signal as long as one level fits it; else end it where one last did.

    The level lies between `low` and `high`. For these two, the sums of y - level over the piece,
    `below` and `above`, are to stay within -lam .. lam; they were last at a bound at the samples
    `low_end` and `high_end`.
    """
    x, last, k, low_end, high_end = [], len(y) - 1, 0, 0, 0
    low, high, below, above = y[0] - lam, y[0] + lam, lam, -lam
    while True:
        if k == last:  # what is left over must be 0 at the end
            if not (below < 0 or above > 0):
                return x + [low + below / (k - len(x) + 1)] * (k - len(x) + 1)
            if below < 0:
                x += [low] * (low_end - len(x) + 1)
                k = low_end = len(x)
                low, below, above = y[k], lam, y[k] + lam - high
            else:
                x += [high] * (high_end - len(x) + 1)
                k = high_end = len(x)
                high, above, below = y[k], -lam, y[k] - lam - low
            continue
        below += y[k + 1] - low
        above += y[k + 1] - high
        if below < -lam:  # a jump down
            x += [low] * (low_end - len(x) + 1)
            k = low_end = high_end = len(x)
            low, high, below, above = y[k], y[k] + 2 * lam, lam, -lam
        elif above > lam:  # a jump up
            x += [high] * (high_end - len(x) + 1)
            k = low_end = high_end = len(x)
            low, high, below, above = y[k] - 2 * lam, y[k], lam, -lam
        else:
            k += 1
            if below >= lam:
                low += (below - lam) / (k - len(x) + 1)
                below, low_end = lam, k
            if above <= -lam:
                high += (above + lam) / (k - len(x) + 1)
                above, high_end = -lam, k


def _dynamic(y, lam):
    """Find the bounds of all samples from the first to the last, then trace the signal back."""
    last = len(y) - 1
    low, high = [0.0] * len(y), [0.0] * len(y)
    # F' beyond its knots is a line; at a knot its slope and intercept grow by so much
    knot, slopes, intercepts = ([0.0] * (2 * len(y)) for _ in range(3))
    left, right, clipped = len(y), len(y) - 1, 0.0  # the first knot and the last; none yet
    for i, sample in enumerate(y):
        slope, intercept, k = 1.0, -clipped - sample, left
        target = -lam if i < last else 0.0
        while k <= right and slope * knot[k] + intercept <= target:
            slope += slopes[k]
            intercept += intercepts[k]
            k += 1
        place = (target - intercept) / slope
        if i == last:
            break
        left = k - 1
        low[i] = knot[left] = place
        slopes[left], intercepts[left] = slope, intercept + lam

        slope, intercept, k = 1.0, clipped - sample, right if right > left else left
        while k > left and slope * knot[k] + intercept >= lam:
            slope -= slopes[k]
            intercept -= intercepts[k]
            k -= 1
        right = k + 1
        high[i] = knot[right] = (lam - intercept) / slope
        slopes[right], intercepts[right] = -slope, lam - intercept
        clipped = lam
    x = [place]
    for lowest, highest in zip(low[-2::-1], high[-2::-1], strict=True):
        place = lowest if place < lowest else highest if place > highest else place
        x.append(place)
    return x[::-1]
