"""A shorter signal: one number for each window."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import inner, signals
from denoiselib.nn.tensor import Op, empty


class Pool1d(Op):
    """one number for each window of x; what is left over at the end is dropped"""

    def __init__(self, x, window):
        batch, channels, length = x.shape
        y = empty((batch, channels, length // window), x.dtype)
        self.window, self.y = window, inner(y)
        self.parts = _every(inner(x.data), window)
        super().__init__([x], y)

    def plan(self, memory):
        dx = inner(self.dx[0])
        self.back, self.rest = _every(dx, self.window), dx[:, self.y.shape[1] * self.window :]


class MaxPool1d(Pool1d):
    """y[t] = max of x[w t .. w t + w - 1]; of equal ones the first gets the gradient"""

    def forward(self):
        np.copyto(self.y, self.parts[0])
        for part in self.parts[1:]:
            np.maximum(self.y, part, out=self.y)

    def plan(self, memory):
        super().plan(memory)
        self.left, self.hit = memory.take(self.y), memory.take(self.y, bool)

    def backward(self):
        self.rest.fill(0)
        left = inner(self.dy)  # what no sample has taken yet
        *first, last = self.back
        for part, d in zip(self.parts, first, strict=False):
            np.equal(part, self.y, out=self.hit)
            np.multiply(left, self.hit, out=d)
            left = np.subtract(left, d, out=self.left)
        np.copyto(last, left)


class AvgPool1d(Pool1d):
    """y[t] = mean of x[w t .. w t + w - 1]"""

    def forward(self):
        np.copyto(self.y, self.parts[0])
        for part in self.parts[1:]:
            np.add(self.y, part, out=self.y)
        np.multiply(self.y, 1 / self.window, out=self.y)

    def backward(self):
        self.rest.fill(0)
        for d in self.back:
            np.multiply(inner(self.dy), 1 / self.window, out=d)


def _every(samples, window):
    """Views of the first, second .. sample of each window."""
    whole = samples.shape[1] // window * window
    return [samples[:, k:whole:window] for k in range(window)]


def max_pool1d(x, window=2):
    """Return the largest sample of each window; what is left over at the end is dropped."""
    return _pooled(MaxPool1d, x, window)


def avg_pool1d(x, window=2):
    """Return the mean of each window; what is left over at the end is dropped."""
    return _pooled(AvgPool1d, x, window)


def _pooled(op, x, window):
    x = signals(x)
    return op(x, _check.integer(window, "window", 1, x.shape[-1])).out
