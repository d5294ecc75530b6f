"""A shorter signal, one number for each window, and a longer one, linear in between."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import inner, signals
from denoiselib.nn.tensor import Op, empty

SHORT = 25  # samples up to which a product with the matrix is the fastest way to upsample

# --- pooling


class Pool1d(Op):
    """one number for each window of x; an incomplete window at the end is dropped"""

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
        np.maximum(self.parts[0], self.parts[-1], out=self.y)
        for part in self.parts[1:-1]:
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
        last[...] = left


class AvgPool1d(Pool1d):
    """y[t] = mean of x[w t .. w t + w - 1]"""

    def forward(self):
        self.y[...] = self.parts[0]
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
    """Return the largest sample of each window; an incomplete one at the end is dropped."""
    return _pooled(MaxPool1d, x, window)


def avg_pool1d(x, window=2):
    """Return the mean of each window; an incomplete one at the end is dropped."""
    return _pooled(AvgPool1d, x, window)


def _pooled(op, x, window):
    x = signals(x)
    of = f"x of {x.shape[-1]} samples"
    return op(x, _check.integer(window, "window", 1, x.shape[-1], of)).out


# --- upsampling


class Upsample1d(Op):
    """y = U x, twice the length by linear interpolation that keeps both ends (align_corners)

    Output i lies at i (l - 1)/(2 l - 1) between the inputs. If x is a part of a longer signal, l is
    the length of that signal, and i counts from its beginning.
    """

    def __init__(self, x, start, total):
        batch, channels, length = x.shape
        y = empty((batch, channels, 2 * length), x.dtype)
        self.x, self.y = inner(x.data), inner(y)
        i = np.arange(2 * start, 2 * (start + length))
        place = i * (total - 1) / (2 * total - 1) - start
        distance = np.abs(place[:, None] - np.arange(length))
        self.matrix = np.maximum(1 - distance, 0).astype(x.dtype)
        super().__init__([x], y)

    def forward(self):
        np.matmul(self.matrix, self.x, out=self.y)

    def backward(self):
        np.matmul(self.matrix.T, inner(self.dy), out=inner(self.dx[0]))


class UpsampleLong1d(Op):
    """the same, by the two numbers in each row of U

    With d_i = x[i] - x[i - 1]: y[2 i] = x[i] - a_i d_i and y[2 i + 1] = x[i] + b_i d_{i+1}.
    """

    def __init__(self, x, start, total):
        batch, channels, length = x.shape
        y = empty((batch, channels, 2 * length), x.dtype)
        self.x = inner(x.data)
        self.even, self.odd = inner(y)[:, 0::2], inner(y)[:, 1::2]
        self.step = np.empty((channels, length - 1, batch), x.dtype)
        i = np.arange(start, start + length)[:, None]
        self.a = (i[1:] / (2 * total - 1)).astype(x.dtype)
        self.b = ((total - 1 - i[:-1]) / (2 * total - 1)).astype(x.dtype)
        self.part = np.empty_like(self.step)
        super().__init__([x], y)

    def forward(self):
        x, step, part = self.x, self.step, self.part
        np.subtract(x[:, 1:], x[:, :-1], out=step)
        np.multiply(self.a, step, out=part)
        np.subtract(x[:, 1:], part, out=self.even[:, 1:])
        np.multiply(self.b, step, out=part)
        np.add(x[:, :-1], part, out=self.odd[:, :-1])
        self.even[:, 0], self.odd[:, -1] = x[:, 0], x[:, -1]

    def plan(self, memory):
        dy = inner(self.dy)
        self.d_even, self.d_odd = dy[:, 0::2], dy[:, 1::2]

    def backward(self):
        d_even, d_odd, dx = self.d_even, self.d_odd, inner(self.dx[0])
        np.add(d_even, d_odd, out=dx)
        np.multiply(self.b, d_odd[:, :-1], out=self.part)
        np.multiply(self.a, d_even[:, 1:], out=self.step)
        np.subtract(self.part, self.step, out=self.step)  # the gradient of the steps
        dx[:, 1:] += self.step
        dx[:, :-1] -= self.step


def upsample1d(x, part=None):
    """Return signals of twice the length, interpolated linearly, with both ends kept.

    With ``part = (start, total)`` x holds the samples from `start` on of signals of length `total`.
    The result is then that part of the longer result, except at its own ends.
    """
    x = signals(x)
    if part is not None:
        part = _check.several(part, "part")
        if len(part) != 2:
            raise ValueError(f"part must be (start, total), not {part}")
        total = _check.integer(part[1], "part", x.shape[-1])
        part = _check.integer(part[0], "part", 0, total - x.shape[-1]), total
    op = Upsample1d if x.shape[-1] <= SHORT else UpsampleLong1d
    return op(x, *(part or (0, x.shape[-1]))).out
