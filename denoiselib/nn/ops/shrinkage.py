"""Gains between 0 and 1 that make features small where little but noise is expected."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import over_time, tensors
from denoiselib.nn.tensor import Op


class WienerGain(Op):
    """y = 1 - n / max(v, n): the share of the power v that is not noise n > 0

    dv = dy n / v^2, dn = -dy / v where v > n.
    """

    def __init__(self, v, n):
        self.v, self.n = v.data, n.data
        self.y, self.inverse = np.empty_like(v.data), np.empty_like(v.data)
        super().__init__([v, n], self.y)

    def forward(self):
        np.maximum(self.v, self.n, out=self.inverse)
        np.reciprocal(self.inverse, out=self.inverse)
        np.multiply(self.inverse, self.n, out=self.y)
        np.subtract(1, self.y, out=self.y)

    def plan(self, memory):
        self.alive, self.slope = memory.take(self.v, bool), memory.take(self.v)

    def backward(self):
        (dv, dn), slope = self.dx, self.slope
        np.greater(self.v, self.n, out=self.alive)
        np.multiply(self.dy, self.inverse, out=slope)
        np.multiply(slope, self.alive, out=slope)
        if dn is not None:
            over_time(slope, dn)
            np.negative(dn, out=dn)
        if dv is not None:
            np.multiply(slope, self.inverse, out=dv)
            np.multiply(dv, self.n, out=dv)


def wiener_gain(power, noise):
    """Return ``max(power - noise, 0) / power``, for noise > 0; 0 where there is no power.

    Examples
    --------
    >>> print(wiener_gain(np.array([0.0, 1.0, 4.0]), np.array([1.0, 1.0, 1.0])).data)
    [0.   0.   0.75]
    """
    power, noise = tensors(power=power, noise=noise)
    if _check.broadcast(power, noise, "power and noise") != power.shape:
        raise ValueError(f"noise of shape {noise.shape} is larger than power of {power.shape}")
    return WienerGain(power, noise).out
