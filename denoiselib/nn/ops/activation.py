"""Functions of each number by itself."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import sum_to, tensors
from denoiselib.nn.tensor import Op


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


class LeakyRelu(Op):
    """max(x, slope x), 0 <= slope < 1"""

    def __init__(self, x, slope):
        self.x, self.y, self.slope = x.data, np.empty_like(x.data), slope
        super().__init__([x], self.y)

    def forward(self):
        np.multiply(self.x, self.slope, out=self.y)
        np.maximum(self.x, self.y, out=self.y)

    def backward(self):
        np.multiply(self.dy, self.slope, out=self.dx[0])
        np.copyto(self.dx[0], self.dy, where=self.x > 0)


class Sigmoid(Op):
    """1 / (1 + exp(-x))"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        np.tanh(self.x * 0.5, out=self.y)  # does not overflow
        self.y += 1
        self.y *= 0.5

    def backward(self):
        np.multiply(self.dy, self.y * (1 - self.y), out=self.dx[0])


class Softplus(Op):
    """log(1 + exp(x))"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        self.zero = np.zeros_like(self.x)
        super().__init__([x], self.y)

    def forward(self):
        np.logaddexp(self.x, self.zero, out=self.y)

    def backward(self):
        self.dx[0][...] = self.dy * 0.5 * (1 + np.tanh(self.x * 0.5))


class Absolute(Op):
    """|x|"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        np.absolute(self.x, out=self.y)

    def backward(self):
        np.multiply(self.dy, np.sign(self.x), out=self.dx[0])


class Exp(Op):
    """exp(x)"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        np.exp(self.x, out=self.y)

    def backward(self):
        np.multiply(self.dy, self.y, out=self.dx[0])


class Log(Op):
    """log(x)"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        np.log(self.x, out=self.y)

    def backward(self):
        np.divide(self.dy, self.x, out=self.dx[0])


class Gelu(Op):
    """x (1 + t) / 2, t = tanh(a (x + b x^3)), a = sqrt(2 / pi), b = 0.044715

    Hence dy/dx = (1 + t) / 2 + x (1 - t^2) a (1 + 3 b x^2) / 2.
    """

    a, b = float(np.sqrt(2 / np.pi)), 0.044715

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        self.t, self.square = np.empty_like(self.x), np.empty_like(self.x)
        super().__init__([x], self.y)

    def forward(self):
        t = self.t
        np.multiply(self.x, self.x, out=self.square)
        np.multiply(self.square, self.a * self.b, out=t)
        t += self.a
        t *= self.x
        np.tanh(t, out=t)
        np.add(t, 1, out=self.y)
        self.y *= self.x
        self.y *= 0.5

    def backward(self):
        slope = self.square * (3 * self.a * self.b)
        slope += self.a
        slope *= self.x
        slope *= 1 - self.t * self.t
        slope += 1 + self.t
        slope *= 0.5
        np.multiply(self.dy, slope, out=self.dx[0])


class PRelu(Op):
    """max(x, 0) + a min(x, 0), the slope a learned"""

    def __init__(self, x, slope):
        self.x, self.slope = x.data, slope.data
        self.y, self.low = np.empty_like(self.x), np.empty_like(self.x)
        self.zero = np.zeros_like(self.x[:, :1] if x.ndim == 3 else self.x)
        super().__init__([x, slope], self.y)

    def forward(self):
        np.minimum(self.x, self.zero, out=self.low)
        np.maximum(self.x, self.zero, out=self.y)
        self.y += self.low * self.slope

    def backward(self):
        dx, d_slope = self.dx
        if dx is not None:
            np.multiply(self.dy, self.slope, out=dx)
            np.copyto(dx, self.dy, where=self.x > 0)
        if d_slope is not None:
            sum_to(self.dy * self.low, d_slope)


def relu(x):
    """Return max(x, 0)."""
    return Relu(*tensors(x=x)).out


def leaky_relu(x, slope=0.01):
    """Return x where it is positive, slope x elsewhere."""
    return LeakyRelu(*tensors(x=x), _check.fraction(slope, "slope")).out


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return Sigmoid(*tensors(x=x)).out


def softplus(x):
    """Return log(1 + exp(x))."""
    return Softplus(*tensors(x=x)).out


def absolute(x):
    """Return the magnitude; its gradient at 0 is 0."""
    return Absolute(*tensors(x=x)).out


def exp(x):
    """Return exp(x)."""
    return Exp(*tensors(x=x)).out


def log(x):
    """Return the natural logarithm."""
    return Log(*tensors(x=x)).out


def gelu(x):
    """Return x times the Gaussian's distribution function, in the form with tanh.

    NumPy has no erf: this is PyTorch's ``approximate="tanh"`` (Hendrycks & Gimpel 2016), within
    5e-4 of the exact one.

    Examples
    --------
    >>> print(gelu(np.array([-1.0, 0.0, 1.0])).data.round(4))
    [-0.1588  0.      0.8412]
    """
    return Gelu(*tensors(x=x)).out


def prelu(x, slope):
    """Return x where it is positive, slope x elsewhere; the slope is a tensor that is learned."""
    x, slope = tensors(x=x, slope=slope)
    if _check.broadcast(x, slope, "x and slope") != x.shape:
        raise ValueError(f"slope of shape {slope.shape} is larger than x of shape {x.shape}")
    return PRelu(x, slope).out
