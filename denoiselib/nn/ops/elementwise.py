"""Functions of single numbers, arithmetic of arrays that broadcast, and sums over axes."""

from functools import partial

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import grouped, inner, rows, tensors
from denoiselib.nn.tensor import Op

# --- functions of one number


class Unary(Op):
    """y = f(x) of each number, dx = g(dy, x, y)"""

    def __init__(self, x, function, gradient):
        self.x, self.y = x.data, np.empty_like(x.data)
        self.function, self.gradient = function, gradient
        super().__init__([x], self.y)

    def forward(self):
        self.y[...] = self.function(self.x)

    def backward(self):
        self.dx[0][...] = self.gradient(self.dy, self.x, self.y)


def _unary(x, function, gradient):
    return Unary(*tensors(x=x), function, gradient).out


def exp(x):
    """Return exp(x)."""
    return _unary(x, np.exp, lambda dy, x, y: dy * y)


def log(x):
    """Return the natural logarithm."""
    return _unary(x, np.log, lambda dy, x, y: dy / x)


def absolute(x):
    """Return the magnitude; its gradient at 0 is 0."""
    return _unary(x, np.absolute, lambda dy, x, y: dy * np.sign(x))


def _logistic(x):
    return (np.tanh(x * 0.5) + 1) * 0.5  # unlike exp(-x) it does not overflow


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return _unary(x, _logistic, lambda dy, x, y: dy * (y * (1 - y)))


def softplus(x):
    """Return log(1 + exp(x))."""
    return _unary(x, lambda x: np.logaddexp(x, 0), lambda dy, x, y: dy * _logistic(x))


def power(x, exponent):
    """Return x^exponent; the exponent is a number."""
    p = _check.number(exponent, "exponent", signed=True)

    def gradient(dy, x, y):
        return dy * (p * x ** (p - 1) if p else 0.0)  # of a constant it is 0, at x = 0 too

    return _unary(x, lambda x: np.power(x, p), gradient)


# --- activations


def leaky_relu(x, slope=0.01):
    """Return x where it is positive, slope x elsewhere; 0 <= slope < 1."""
    a = _check.fraction(slope, "slope")
    return _unary(x, lambda x: np.maximum(x, a * x), lambda dy, x, y: np.where(x > 0, dy, a * dy))


class Relu(Op):
    """max(x, 0)"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        # an array is three times as fast as a number; one channel stays in the cache
        self.zero = np.zeros_like(self.x[:, :1] if x.ndim == 3 else self.x)
        super().__init__([x], self.y)

    def forward(self):
        np.maximum(self.x, self.zero, out=self.y)

    def plan(self, memory):
        self.mask = memory.take(self.y, bool)

    def backward(self):
        np.greater(self.y, self.zero, out=self.mask)
        np.multiply(self.dy, self.mask, out=self.dx[0])


def relu(x):
    """Return max(x, 0)."""
    return Relu(*tensors(x=x)).out


# --- arithmetic


class Binary(Op):
    """y = f(a, b) of arrays that broadcast; da and db are g(dy, a, b, y), summed where repeated"""

    def __init__(self, a, b, function, *gradients):
        self.a, self.b, self.function, self.gradients = a.data, b.data, function, gradients
        _check.broadcast(self.a, self.b, "a and b")
        self.y = np.asarray(np.add(self.a, self.b))  # in the memory order of its operands
        super().__init__([a, b], self.y)

    def forward(self):
        self.function(self.a, self.b, out=self.y)

    def backward(self):
        for d, gradient in zip(self.dx, self.gradients, strict=True):
            if d is not None:
                over_time(gradient(self.dy, self.a, self.b, self.y), d)


def _binary(a, b, function, *gradients):
    return Binary(*tensors(a=a, b=b), function, *gradients).out


def add(a, b):
    """Return a + b."""
    return _binary(a, b, np.add, lambda dy, a, b, y: dy, lambda dy, a, b, y: dy)


def subtract(a, b):
    """Return a - b."""
    return _binary(a, b, np.subtract, lambda dy, a, b, y: dy, lambda dy, a, b, y: -dy)


def multiply(a, b):
    """Return a b."""
    return _binary(a, b, np.multiply, lambda dy, a, b, y: dy * b, lambda dy, a, b, y: dy * a)


def divide(a, b):
    """Return a / b."""
    return _binary(a, b, np.divide, lambda dy, a, b, y: dy / b, lambda dy, a, b, y: -dy * y / b)


def sum_to(array, out):
    """Fill `out` with an array, summed over the axes along which `out` was repeated."""
    missing = array.ndim - out.ndim
    repeated = [i for i, n in enumerate(out.shape, missing) if n == 1 and array.shape[i] > 1]
    axes = (*range(missing), *repeated)
    out[...] = array.sum(axis=axes).reshape(out.shape) if axes else array


def over_time(array, out):
    """Do what `sum_to` does, fast for signals and one number a channel, or a signal and channel."""
    if array.ndim == 3 and inner(array).flags.c_contiguous:
        if out.shape == (*array.shape[:2], 1):
            ones = np.ones((1, array.shape[2]), array.dtype)
            np.matmul(ones, inner(array), out=inner(out))
            return
        if out.shape in [(array.shape[1], 1), (1, array.shape[1], 1)]:
            matrix = rows(array)
            out[...] = np.matmul(matrix, np.ones(matrix.shape[1], array.dtype)).reshape(out.shape)
            return
    sum_to(array, out)


class MatMul(Op):
    """A B, of matrices or stacks of them; with groups, of as many parts of their rows"""

    def __init__(self, a, b, groups):
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] * groups != b.shape[-2]:
            raise ValueError(f"a and b: matrices of shapes {a.shape} and {b.shape} do not fit")
        _check.broadcast(a.data[..., :0, :0], b.data[..., :0, :0], "the stacks of a and b")
        self.split = partial(grouped, groups=groups, axis=-2) if groups > 1 else np.asarray
        self.a, self.b = self.split(a.data), self.split(b.data)
        product = np.matmul(self.a, self.b)
        self.y = product.reshape(*product.shape[:-3], -1, b.shape[-1]) if groups > 1 else product
        super().__init__([a, b], self.y)

    def forward(self):
        np.matmul(self.a, self.b, out=self.split(self.y))

    def backward(self):
        da, db = self.dx
        dy = self.split(self.dy)
        if da is not None:
            sum_to(dy @ self.b.swapaxes(-1, -2), self.split(da))
        if db is not None:
            sum_to(self.a.swapaxes(-1, -2) @ dy, self.split(db))


def matmul(a, b, groups=1):
    """Return the matrix product of the last two axes; with groups, of each part of the rows."""
    return MatMul(*tensors(a=a, b=b), _check.integer(groups, "groups", 1)).out


# --- sums


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
