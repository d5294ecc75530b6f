"""A signal of twice the length, linear in between."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import inner, signals
from denoiselib.nn.tensor import Op, empty


class Upsample1d(Op):
    """y = U x, twice the length by linear interpolation that keeps both ends (align_corners)

    Output i lies at i (l - 1)/(2 l - 1) between the inputs. Short signals: the matrix itself. Of a
    part of a longer signal l is the whole length, and i counts from its beginning.
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
    """the same, with the two numbers in each row of U: with d_i = x[i] - x[i - 1],
    y[2 i] = x[i] - a_i d_i and y[2 i + 1] = x[i] + b_i d_{i+1}
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
    """Return signals of twice the length, linear in between, both ends kept.

    With ``part = (start, total)`` x holds the samples from `start` on of signals of length `total`,
    and the result is that part of theirs, but for its own ends.
    """
    x = signals(x)
    if part is not None:
        part = _check.several(part, "part")
        if len(part) != 2:
            raise ValueError(f"part must be (start, total), not {part}")
        total = _check.integer(part[1], "part", x.shape[-1])
        part = _check.integer(part[0], "part", 0, total - x.shape[-1]), total
    op = Upsample1d if x.shape[-1] <= 25 else UpsampleLong1d
    return op(x, *(part or (0, x.shape[-1]))).out
