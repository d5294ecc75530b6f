"""How large a threshold is: a number to learn, or learned from what the layer sees.

A level is a module from features h ``(batch, channels, length)`` to thresholds, one for each
channel, ``(1, channels, 1)``, for each signal and channel, ``(batch, channels, 1)``, or for each
sample. What is learned is the argument of a softplus or a sigmoid: thresholds stay positive, but
for those of `Linear`. All of them start near 0.1 for features of variance 1.
"""

import numpy as np

from denoiselib.nn import ops
from denoiselib.nn.modules import Buffer, Module, Parameter

START = 0.1
FLOOR = 1e-4  #: added to statistics: a silent channel has none


def positive(channels, dtype, start=START):
    """Return a parameter whose softplus is `start`."""
    return Parameter(np.full((1, channels, 1), np.log(np.expm1(start)), dtype))


class Fixed(Module):
    r"""The same for all: :math:`\lambda = 0.1`, part of the state but not learned."""

    def __init__(self, channels, dtype):
        self.value = Buffer(np.full((1, channels, 1), START, dtype))

    def forward(self, h):
        """Return the threshold, ``(1, channels, 1)``."""
        return self.value


class Learned(Module):
    r"""A number for each channel: :math:`\lambda = \mathrm{softplus}(r)`."""

    def __init__(self, channels, dtype):
        self.raw = positive(channels, dtype)

    def forward(self, h):
        """Return the threshold, ``(1, channels, 1)``."""
        return ops.softplus(self.raw)


class Spread(Learned):
    r"""In proportion to the noise level: :math:`\lambda = c\,\mathrm{MAD}(h)`, see `ops.mad`."""

    def forward(self, h):
        """Return a threshold for each signal, ``(batch, channels, 1)``."""
        return ops.softplus(self.raw) * (ops.mad(h) + FLOOR)


class Magnitude(Learned):
    r"""In proportion to the mean magnitude over time: :math:`\lambda = c\,\overline{|h|}`."""

    def forward(self, h):
        """Return a threshold for each signal, ``(batch, channels, 1)``."""
        return ops.softplus(self.raw) * (ops.mean_magnitude(h) + FLOOR)


class Both(Module):
    r"""Noise level and magnitude: :math:`\lambda = a\,\mathrm{MAD}(h) + b\,\overline{|h|}`.

    The first grows with the noise alone, the second with the signals too: both together tell how
    sparse the features are.
    """

    def __init__(self, channels, dtype):
        self.spread = positive(channels, dtype, START / 2)
        self.magnitude = positive(channels, dtype, START / 2)

    def forward(self, h):
        """Return a threshold for each signal, ``(batch, channels, 1)``."""
        return (
            ops.softplus(self.spread) * (ops.mad(h) + FLOOR)
            + ops.softplus(self.magnitude) * (ops.mean_magnitude(h) + FLOOR)
        )  # fmt: skip


class Shared(Module):
    r"""Channels share what they know: :math:`\lambda = \overline{|h|}\,\sigma(W s + b)`.

    s holds the logarithms of mean magnitude and MAD of all channels. The idea is that of deep
    residual shrinkage networks (Zhao et al. 2020), whose s is the mean magnitude behind two layers.
    W starts at 0: as a threshold in proportion to the channel's own magnitude.
    """

    def __init__(self, channels, dtype):
        self.weight = Parameter(np.zeros((channels, 2 * channels), dtype))
        self.bias = Parameter(np.full((channels, 1), np.log(START / (1 - START)), dtype))

    def forward(self, h):
        """Return a threshold for each signal, ``(batch, channels, 1)``."""
        magnitude = ops.mean_magnitude(h) + FLOOR
        seen = ops.log(ops.concat([magnitude, ops.mad(h) + FLOOR]))
        return magnitude * ops.sigmoid(self.weight @ seen + self.bias)


class Linear(Module):
    r"""Channels share what they know, without constraint: :math:`\lambda = W\,\overline{|h|} + b`.

    The magnitudes of all channels tell the noise level together, better than one of them alone. W
    and b may be negative, and so may be the threshold: a reward instead of a penalty, as the beta
    of a batch norm is where it is positive.
    """

    positive = False

    def __init__(self, channels, dtype):
        self.weight = Parameter(np.full((channels, channels), START / channels, dtype))
        self.bias = Parameter(np.zeros((channels, 1), dtype))

    def forward(self, h):
        """Return a threshold for each signal, ``(batch, channels, 1)``."""
        return self.weight @ ops.mean_magnitude(h) + self.bias


class Rectified(Linear):
    r"""As `Linear`, but not below zero: :math:`\lambda = \mathrm{relu}(W\,\overline{|h|} + b)`."""

    positive = True

    def forward(self, h):
        """Return a threshold for each signal, ``(batch, channels, 1)``."""
        return ops.relu(super().forward(h))


class Local(Module):
    r"""Every sample by its neighbourhood: :math:`\lambda_t = c\,m\,(a_t / m)^p`.

    :math:`m = \overline{|h|}` over time and a the moving mean of \|h\| over `window` samples. With
    the learned p = 0, where it starts, it is `Magnitude`; p < 0 lowers the threshold where
    something happens, as in spatially adaptive wavelet thresholds (Chang, Yu & Vetterli 2000).
    """

    def __init__(self, channels, dtype, window=5):
        self.raw = positive(channels, dtype)
        self.power = Parameter(np.zeros((channels, 1), dtype))
        self.window = window

    def forward(self, h):
        """Return a threshold for each sample, ``(batch, channels, length)``."""
        mean = ops.mean_magnitude(h) + FLOOR
        near = ops.moving_mean(abs(h), self.window) + FLOOR
        activity = ops.log(near) - ops.log(mean)
        return ops.exp(self.power * activity) * (ops.softplus(self.raw) * mean)


#: Levels by name.
LEVELS = {
    "fixed": Fixed,
    "learned": Learned,
    "mad": Spread,
    "mean": Magnitude,
    "both": Both,
    "shared": Shared,
    "linear": Linear,
    "rectified": Rectified,
    "local": Local,
}
