"""Activations beyond ReLU: one that is smooth, and one whose slope below zero is learned."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.modules import Activation, Parameter
from denoiselib.nn.ops.elementwise import sum_to
from denoiselib.nn.ops.layout import tensors
from denoiselib.nn.tensor import Op


class Gelu(Op):
    """x (1 + t) / 2, t = tanh(a (x + b x^3)), a = sqrt(2 / pi), b = 0.044715

    Hence dy/dx = (1 + t) / 2 + x (1 - t^2) a (1 + 3 b x^2) / 2.
    """

    a, b = float(np.sqrt(2 / np.pi)), 0.044715

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        self.square = self.x * self.x
        self.t = np.tanh((self.square * (self.a * self.b) + self.a) * self.x)
        np.multiply((self.t + 1) * self.x, 0.5, out=self.y)

    def backward(self):
        slope = (self.square * (3 * self.a * self.b) + self.a) * self.x * (1 - self.t * self.t)
        np.multiply(self.dy, (slope + (1 + self.t)) * 0.5, out=self.dx[0])


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


class PRelu(Op):
    """max(x, 0) + a min(x, 0), the slope a learned"""

    def __init__(self, x, slope):
        self.x, self.slope, self.y = x.data, slope.data, np.empty_like(x.data)
        super().__init__([x, slope], self.y)

    def forward(self):
        self.low = np.minimum(self.x, 0)
        np.add(np.maximum(self.x, 0), self.low * self.slope, out=self.y)

    def backward(self):
        dx, d_slope = self.dx
        if dx is not None:
            np.copyto(dx, np.where(self.x > 0, self.dy, self.dy * self.slope))
        if d_slope is not None:
            sum_to(self.dy * self.low, d_slope)


def prelu(x, slope):
    """Return x where it is positive, slope x elsewhere; the slope is a tensor that is learned."""
    x, slope = tensors(x=x, slope=slope)
    if _check.broadcast(x, slope, "x and slope") != x.shape:
        raise ValueError(f"slope of shape {slope.shape} is larger than x of shape {x.shape}")
    return PRelu(x, slope).out


class PReLU(Activation):
    """A ReLU with a learned slope below zero, one for all channels, as PyTorch's (He et al. 2015).

    `dtype` is float32 or float64.

    Examples
    --------
    >>> print(PReLU()(np.array([[[-2.0, 1.0]]])).data)
    [[[-0.5  1. ]]]
    """

    def __init__(self, dtype=np.float32):
        super().__init__(prelu)
        self.weight = Parameter(np.full(1, 0.25, dtype))

    def forward(self, x):
        """Apply the function with the slope."""
        return self.function(x, self.each(self.weight, x.shape[1]))
