"""Arithmetic on arrays of any shape, and sums over their axes."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import over_time, sum_to, tensors
from denoiselib.nn.tensor import Op


class Elementwise(Op):
    """An operation on two arrays that broadcast."""

    def __init__(self, a, b):
        self.a, self.b = a.data, b.data
        _check.broadcast(self.a, self.b, "a and b")
        self.y = np.asarray(np.add(self.a, self.b))  # in the memory order of its operands
        super().__init__([a, b], self.y)

    def give(self, k, gradient):
        """Hand the gradient to input k, summed over the axes along which it was repeated."""
        if self.dx[k] is not None:
            over_time(gradient, self.dx[k])


class Add(Elementwise):
    """a + b"""

    def forward(self):
        np.add(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy)
        self.give(1, self.dy)


class Subtract(Elementwise):
    """a - b"""

    def forward(self):
        np.subtract(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy)
        self.give(1, -self.dy)


class Multiply(Elementwise):
    """a b"""

    def forward(self):
        np.multiply(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy * self.b)
        self.give(1, self.dy * self.a)


class Divide(Elementwise):
    """a / b"""

    def forward(self):
        np.divide(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy / self.b)
        self.give(1, -self.dy * self.y / self.b)


def add(a, b):
    """Return a + b."""
    return Add(*tensors(a=a, b=b)).out


def subtract(a, b):
    """Return a - b."""
    return Subtract(*tensors(a=a, b=b)).out


def multiply(a, b):
    """Return a b."""
    return Multiply(*tensors(a=a, b=b)).out


def divide(a, b):
    """Return a / b."""
    return Divide(*tensors(a=a, b=b)).out


class Power(Op):
    """x^p, p a number"""

    def __init__(self, x, exponent):
        self.x, self.y, self.p = x.data, np.empty_like(x.data), exponent
        super().__init__([x], self.y)

    def forward(self):
        np.power(self.x, self.p, out=self.y)

    def backward(self):
        slope = self.p * self.x ** (self.p - 1) if self.p else 0.0  # a constant, at x = 0 too
        self.dx[0][...] = self.dy * slope


def power(x, exponent):
    """Return x^exponent; the exponent is a number."""
    return Power(*tensors(x=x), _check.number(exponent, "exponent", signed=True)).out


class MatMul(Op):
    """A B, of matrices or stacks of them"""

    def __init__(self, a, b):
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(f"a and b: matrices of shapes {a.shape} and {b.shape} do not fit")
        _check.broadcast(a.data[..., :0, :0], b.data[..., :0, :0], "the stacks of a and b")
        self.a, self.b = a.data, b.data
        self.y = np.matmul(self.a, self.b)
        super().__init__([a, b], self.y)

    def forward(self):
        np.matmul(self.a, self.b, out=self.y)

    def backward(self):
        da, db = self.dx
        if da is not None:
            sum_to(self.dy @ self.b.swapaxes(-1, -2), da)
        if db is not None:
            sum_to(self.a.swapaxes(-1, -2) @ self.dy, db)


def matmul(a, b):
    """Return the matrix product of the last two axes."""
    return MatMul(*tensors(a=a, b=b)).out


class Sum(Op):
    """sum of x over axes"""

    def __init__(self, x, axis, keepdims):
        self.x, self.axis, self.keepdims = x.data, axis, keepdims
        self.y = np.asarray(self.x.sum(axis=axis, keepdims=keepdims))
        super().__init__([x], self.y)

    def forward(self):
        np.sum(self.x, axis=self.axis, keepdims=self.keepdims, out=self.y)

    def backward(self):
        dy = self.dy
        if self.axis is not None and not self.keepdims:
            dy = np.expand_dims(dy, self.axis)
        self.dx[0][...] = dy


def sum(x, axis=None, keepdims=False):
    """Return the sum over axes; over all of them if none is given."""
    (x,) = tensors(x=x)
    return Sum(x, _axes(axis, x.ndim), _check.flag(keepdims, "keepdims")).out


def mean(x, axis=None, keepdims=False):
    """Return the mean over axes; over all of them if none is given."""
    (x,) = tensors(x=x)
    if not x.data.size:
        raise ValueError(f"x must not be empty, but has the shape {x.shape}")
    total = sum(x, axis, keepdims)
    return multiply(total, total.data.size / x.data.size)


def _axes(axis, ndim):
    """Return None, an axis, or several different ones."""
    if axis is None:
        return None
    given = axis if isinstance(axis, tuple) else (axis,)
    places = [_check.integer(k, "axis of x", -ndim, ndim - 1) % ndim for k in given]
    if len(set(places)) < len(places):
        raise ValueError(f"axis must not name one twice, as {axis} does")
    return axis
