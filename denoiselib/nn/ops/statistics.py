"""Statistics over time, of whole signals and of windows: magnitude, spread, and filters."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.convolution import overlaps
from denoiselib.nn.ops.layout import inner, signals, tensors
from denoiselib.nn.tensor import Op, empty

GAUSSIAN = 0.6745  #: median of |x| for standard normal x


class MeanMagnitude(Op):
    """y = mean of |x| over time"""

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 1), x.dtype)
        self.x, self.y = inner(x.data), inner(y)
        self.average = np.full((1, length), 1 / length, x.dtype)
        super().__init__([x], y)

    def forward(self):
        np.matmul(self.average, np.abs(self.x), out=self.y)

    def backward(self):
        np.multiply(np.sign(self.x), inner(self.dy) * self.average[0, 0], out=inner(self.dx[0]))


class Mad(Op):
    """y = median of |x - m| over time, over 0.6745, m the median of x

    The gradient goes to the samples that are the medians, of equal ones to the first. An even
    number of samples has two; their mean is the median.
    """

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 1), x.dtype)
        self.x, self.y = inner(x.data).swapaxes(1, 2), inner(y)[:, 0]
        self.middle = sorted({(length - 1) // 2, length // 2})
        super().__init__([x], y)

    def forward(self):
        self.samples = np.ascontiguousarray(self.x)
        self.medians, self.median = self.medians_of(self.samples)
        self.deviation = np.abs(self.samples - self.median[..., None])
        self.distances, distance = self.medians_of(self.deviation)
        np.divide(distance, GAUSSIAN, out=self.y)

    def medians_of(self, rows):
        """Return the one or two medians of each row, and their mean."""
        ordered = np.sort(rows)
        medians = [ordered[..., k] for k in self.middle]
        return medians, medians[0] if len(medians) == 1 else (medians[0] + medians[1]) * 0.5

    def backward(self):
        dx, dy = inner(self.dx[0]).swapaxes(1, 2), inner(self.dy)[:, 0]
        dx.fill(0)
        rows = tuple(np.indices(dy.shape))
        share, total = dy / (GAUSSIAN * len(self.middle)), np.zeros_like(dy)
        for distance in self.distances:
            place = (*rows, _first(self.deviation, distance))
            part = share * np.sign(self.samples[place] - self.median)
            dx[place] += part
            total += part
        total /= len(self.middle)
        for median in self.medians:
            dx[(*rows, _first(self.samples, median))] -= total


def _first(rows, values):
    """Index of the first sample in each row that is equal to a value."""
    return np.equal(rows, values[..., None]).argmax(axis=-1)


def mean_magnitude(x):
    """Return the mean of |x| over time, ``(batch, channels, 1)``.

    Examples
    --------
    >>> print(mean_magnitude(np.array([[[1.0, -2.0, 3.0]]])).item())
    2.0
    """
    return MeanMagnitude(signals(x)).out


def mad(x):
    r"""Return the noise level by the median absolute deviation, ``(batch, channels, 1)``.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Signals, or features.

    Returns
    -------
    Tensor (batch, channels, 1)
        A robust estimate of the standard deviation of Gaussian noise.

    Notes
    -----
    :math:`\mathrm{median}_t |x_t - \mathrm{median}\,x| / 0.6745` (Hampel 1974; for thresholds
    Donoho & Johnstone 1994).

    Examples
    --------
    >>> print(round(mad(np.array([[[0.0, 1.0, 2.0, 3.0, 99.0]]])).item(), 3))
    1.483
    """
    return Mad(signals(x)).out


# --- each channel by itself


class Filter1d(Op):
    """y[c, t] = sum_k w[c, k] x[c, t + k - K // 2], zeros beyond the ends"""

    def __init__(self, x, kernel):
        taps, length = kernel.shape[1], x.shape[2]
        y = empty(x.shape, x.dtype)
        self.x, self.y, self.kernel = inner(x.data), inner(y), kernel.data[..., None, None]
        self.overlaps = overlaps(length, length, taps, taps // 2)
        super().__init__([x, kernel], y)

    def forward(self):
        self.y.fill(0)
        for k, out, seen in self.overlaps:
            self.y[:, out] += self.x[:, seen] * self.kernel[:, k]

    def backward(self):
        dx, dw = self.dx
        dy = inner(self.dy)
        if dx is not None:
            dx.fill(0)
            for k, out, seen in self.overlaps:
                inner(dx)[:, seen] += dy[:, out] * self.kernel[:, k]
        if dw is not None:
            dw.fill(0)
            for k, out, seen in self.overlaps:
                sums = (dy[:, out] * self.x[:, seen]).sum(axis=(1, 2))
                dw[:, k] += sums if len(dw) > 1 else sums.sum()


def filter1d(x, kernel):
    """Return signals filtered along time, each channel by a kernel of its own.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Signals.
    kernel : Tensor (channels, taps) or (1, taps)
        An odd number of taps, centred.

    Returns
    -------
    Tensor (batch, channels, length)
        Correlations, with zeros beyond the ends.

    Examples
    --------
    >>> print(filter1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[1.0, 0.0, -1.0]])).data)
    [[[-2. -3.  2.]]]
    """
    x, kernel = tensors(x=x, kernel=kernel)
    x = signals(x)
    if kernel.ndim != 2 or kernel.shape[0] not in (1, x.shape[1]) or kernel.shape[1] % 2 == 0:
        raise ValueError(
            f"kernel must have the shape ({x.shape[1]} or 1, an odd number of taps), "
            f"not {kernel.shape}"
        )
    return Filter1d(x, kernel).out


def moving_mean(x, window):
    """Return the mean over a window around each sample; at the ends the window is cut off.

    Examples
    --------
    >>> print(moving_mean(np.array([[[1.0, 2.0, 6.0]]]), 3).data)
    [[[1.5 3.  4. ]]]
    """
    (x,) = tensors(x=x)
    x = signals(x)
    if _check.integer(window, "window", 1) % 2 == 0:
        raise ValueError(f"window must be odd, so that it has a centre, not {window}")
    time = np.arange(x.shape[2])
    ends = np.minimum(time, window // 2) + np.minimum(time[::-1], window // 2) + 1
    return filter1d(x, np.ones((1, window))) * (1 / ends)
