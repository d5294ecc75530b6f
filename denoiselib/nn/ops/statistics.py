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

    The gradient goes to the samples that are the medians; of equal ones to the first. Of sorted
    samples those nearest to m are neighbours: hence the k-th smallest distance is the least, over
    windows of k neighbours, of the distance of the end that is farther away.
    """

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 1), x.dtype)
        self.x, self.y = inner(x.data).swapaxes(1, 2), inner(y)[:, 0]
        self.rows = np.empty((channels, batch, length), x.dtype)
        self.sorted = np.empty_like(self.rows)
        self.middle = sorted({(length - 1) // 2, length // 2})  # two of an even number
        self.places = np.indices((channels, batch))
        super().__init__([x], y)

    def forward(self):
        np.copyto(self.rows, self.x)
        np.copyto(self.sorted, self.rows)
        self.sorted.sort(axis=2)
        self.medians = [self.sorted[..., k] for k in self.middle]
        median = _mean(self.medians)
        below, above = median[..., None] - self.sorted, self.sorted - median[..., None]
        self.ends, distances = [], []
        for k in self.middle:
            farther = np.maximum(below[..., : below.shape[2] - k], above[..., k:])
            first = farther.argmin(axis=2)[..., None]
            low, high = (
                np.take_along_axis(d, i, 2) for d, i in ((below, first), (above, first + k))
            )
            rises = low <= high  # the sample at the upper end decides
            end = np.take_along_axis(self.sorted, np.where(rises, first + k, first), 2)
            sign = np.where(rises, 1, -1).astype(self.y.dtype)
            self.ends.append((end[..., 0], sign[..., 0]))
            distances.append(np.maximum(low, high)[..., 0])
        np.divide(_mean(distances), GAUSSIAN, out=self.y)

    def backward(self):
        dx = inner(self.dx[0])
        dx.fill(0)
        share = inner(self.dy)[:, 0] / (GAUSSIAN * len(self.middle))
        total = share * sum(sign for _, sign in self.ends) / len(self.middle)
        given = [(end, share * sign) for end, sign in self.ends]
        given += [(median, -total) for median in self.medians]
        channel, batch = self.places
        for value, gradient in given:
            first = np.equal(self.rows, value[..., None]).argmax(axis=2)
            dx[channel, first, batch] += gradient


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
    r"""Return the noise level that the median absolute deviation tells, ``(batch, channels, 1)``.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Signals, or features.

    Returns
    -------
    Tensor (batch, channels, 1)
        An estimate of the standard deviation of Gaussian noise that a few large samples do not
        spoil.

    Notes
    -----
    :math:`\mathrm{median}_t |x_t - \mathrm{median}\,x| / 0.6745` (Hampel 1974; for thresholds
    Donoho & Johnstone 1994). Of an even number of samples the median is the mean of the middle two.

    Examples
    --------
    >>> print(round(mad(np.array([[[0.0, 1.0, 2.0, 3.0, 99.0]]])).item(), 3))
    1.483
    """
    return Mad(signals(x)).out
