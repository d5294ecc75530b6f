"""Functions of each number by itself."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import tensors
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


def relu(x):
    """Return max(x, 0)."""
    return Relu(*tensors(x)).out


def leaky_relu(x, slope=0.01):
    """Return x where it is positive, slope x elsewhere."""
    return LeakyRelu(*tensors(x), float(_check.fraction(slope, "slope"))).out


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return Sigmoid(*tensors(x)).out


def softplus(x):
    """Return log(1 + exp(x))."""
    return Softplus(*tensors(x)).out


def absolute(x):
    """Return the magnitude; its gradient at 0 is 0."""
    return Absolute(*tensors(x)).out
