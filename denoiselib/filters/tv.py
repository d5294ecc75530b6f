"""Exact total-variation denoising in one dimension, for all signals at once."""

import numpy as np

from denoiselib import _check


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
    knots and each is removed once: the work is linear in the length.

    Examples
    --------
    >>> print(tv([0.0, 1.0, 0.0, 8.0, 9.0, 8.0], lam=1.0).round(3))
    [0.667 0.667 0.667 8.    8.    8.   ]
    """
    noisy = _check.array(noisy, "noisy")
    lam = _check.level(lam, "lam", noisy, per_signal=True)
    shape = np.broadcast_shapes(noisy.shape, lam.shape)
    y = np.broadcast_to(noisy, shape).reshape(-1, shape[-1]).T.astype(np.float64)
    # with lam above length x range the answer is the mean; a larger lam would only cost digits
    lam = np.broadcast_to(lam, (*shape[:-1], 1)).reshape(-1).astype(np.float64)
    lam = np.minimum(lam, len(y) * np.ptp(y, axis=0))
    x = np.empty_like(y)
    low, high = np.empty_like(y), np.empty_like(y)

    derivative = _Derivative(*y.shape)
    for i, sample in enumerate(y):
        clipped = lam if i else 0  # left of all knots F' is the line b - y - lam, right b - y + lam
        if i == len(y) - 1:
            x[i] = derivative.meet(0, -clipped - sample, LEFT)[0]
            break
        low[i], *left = derivative.meet(-lam, -clipped - sample, LEFT)
        high[i], *right = derivative.meet(lam, clipped - sample, RIGHT)
        derivative.add_knot(low[i], left, -lam, LEFT)
        derivative.add_knot(high[i], right, lam, RIGHT)
    for i in reversed(range(len(y) - 1)):
        x[i] = np.clip(x[i + 1], low[i], high[i])
    return x.T.reshape(shape).astype(noisy.dtype)


LEFT, RIGHT = 0, 1
INWARD = (1, -1)  # the way from either end of the knots to the other


class _Derivative:
    """Increasing piecewise linear functions, one for each signal, as sorted knots."""

    def __init__(self, length, n):
        rows = np.arange(n)
        self.knots = np.zeros((3, (2 * length + 2) * n))  # position; change of slope, of intercept
        # where in `knots` the first and the last knot of each signal lie: empty, from the middle
        self.ends = (length + 1) * n + rows, length * n + rows

    def meet(self, target, intercept, side):
        """Where the function, a line of slope 1 beyond its knots on `side`, reaches `target`.

        Knots passed on the way are dropped. Returns the place, and slope and intercept there.
        """
        slope, intercept = np.ones_like(intercept), intercept.copy()
        target, step, end = np.broadcast_to(target, slope.shape), INWARD[side], self.ends[side]
        rows = np.flatnonzero(self.ends[LEFT] <= self.ends[RIGHT])
        while rows.size:
            position, d_slope, d_intercept = self.knots.take(end[rows], axis=1)
            passed = step * (slope[rows] * position + intercept[rows] - target[rows]) <= 0
            rows = rows[passed]
            slope[rows] += step * d_slope[passed]
            intercept[rows] += step * d_intercept[passed]
            end[rows] += step * slope.size
            rows = rows[self.ends[LEFT][rows] <= self.ends[RIGHT][rows]]
        return (target - intercept) / slope, slope, intercept

    def add_knot(self, position, line, level, side):
        """Replace the function beyond `position` on `side` by the constant `level`."""
        slope, intercept = line
        step, end = INWARD[side], self.ends[side]
        end -= step * slope.size
        self.knots[:, end] = position, step * slope, step * (intercept - level)
