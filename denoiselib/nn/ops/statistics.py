"""Statistics over time: how large a signal is, and how far it spreads."""

import numpy as np

from denoiselib.nn.ops.layout import inner, signals
from denoiselib.nn.tensor import Op, empty

GAUSSIAN = 0.6745  #: median of |x| for standard normal x


class MeanMagnitude(Op):
    """y = mean of |x| over time"""

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 1), x.dtype)
        self.x, self.y = inner(x.data), inner(y)
        self.size = np.empty_like(self.x)
        self.average = np.full((1, length), 1 / length, x.dtype)
        super().__init__([x], y)

    def forward(self):
        np.absolute(self.x, out=self.size)
        np.matmul(self.average, self.size, out=self.y)

    def backward(self):
        dx = inner(self.dx[0])
        np.sign(self.x, out=dx)
        dx *= inner(self.dy) * self.average[0, 0]


class Mad(Op):
    """y = median of |x - m| over time, over 0.6745, m the median of x

    The gradient goes to the samples that are the medians, of equal ones to the first. The samples
    nearest to m are neighbours in sorted order. Hence the k-th smallest distance from m is found
    among windows of k neighbours, as the least distance of a window's farther end.
    """

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 1), x.dtype)
        self.x, self.y = inner(x.data).swapaxes(1, 2), inner(y)[:, 0]
        self.samples = np.empty((channels, batch, length), x.dtype)
        self.sorting = np.empty_like(self.samples)
        self.sorted = np.empty((length, channels, batch), x.dtype)
        self.below, self.above, self.farther = np.empty((3, *self.sorted.shape), x.dtype)
        self.middle = sorted({(length - 1) // 2, length // 2})  # two of an even number
        self.medians = [self.sorted[k] for k in self.middle]
        self.distances = [np.empty((channels, batch), x.dtype) for _ in self.middle]
        super().__init__([x], y)

    def forward(self):
        np.copyto(self.samples, self.x)
        np.copyto(self.sorting, self.samples)
        self.sorting.sort(axis=2)
        np.copyto(self.sorted, np.moveaxis(self.sorting, 2, 0))
        self.median = _mean(self.medians)
        np.subtract(self.median, self.sorted, out=self.below)
        np.negative(self.below, out=self.above)
        for k, distance in zip(self.middle, self.distances, strict=True):
            windows = len(self.sorted) - k
            farther = self.farther[:windows]
            np.maximum(self.below[:windows], self.above[k:], out=farther)
            np.minimum.reduce(farther, axis=0, out=distance)
        np.divide(_mean(self.distances), GAUSSIAN, out=self.y)

    def plan(self, memory):
        channels, batch, _ = self.samples.shape
        self.places = np.indices((channels, batch))
        self.deviation = np.empty_like(self.samples)

    def backward(self):
        dx, dy = inner(self.dx[0]).swapaxes(1, 2), inner(self.dy)[:, 0]
        dx.fill(0)
        share, total = dy / (GAUSSIAN * len(self.middle)), np.zeros_like(dy)
        np.subtract(self.samples, self.median[..., None], out=self.deviation)
        np.absolute(self.deviation, out=self.deviation)
        for distance in self.distances:
            place = (*self.places, _first(self.deviation, distance))
            part = share * np.sign(self.samples[place] - self.median)
            dx[place] += part
            total += part
        total /= len(self.middle)
        for median in self.medians:
            dx[(*self.places, _first(self.samples, median))] -= total


def _first(rows, values):
    """Index of the first sample in each row that is equal to a value."""
    return np.equal(rows, values[..., None]).argmax(axis=-1)


def _mean(arrays):
    return arrays[0] if len(arrays) == 1 else (arrays[0] + arrays[1]) * 0.5


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
