"""Batch normalisation, and what every layer with running statistics has."""

import math

import numpy as np

from denoiselib import _check
from denoiselib.nn.modules import Buffer, Module, Parameter
from denoiselib.nn.ops.layout import rows, signals
from denoiselib.nn.tensor import Op


class BatchStatistics(Op):
    """gamma (x - mean) s + beta, s = 1 / sqrt(var + eps), mean and variance over batch and time

    Both depend on x: with xc = x - mean and n numbers in a channel the gradient is
    dx = gamma s (dy - sum(dy)/n - xc s^2 sum(dy xc)/n).
    """

    def __init__(self, x, weight, bias, layer):
        self.x, self.layer, self.update = rows(x.data), layer, layer.training
        channels, count = self.x.shape
        y = np.empty_like(x.data)
        self.y, self.centred = rows(y), np.empty_like(self.x)
        self.statistics = np.empty((2, channels), x.dtype)
        self.mean, self.variance = self.statistics
        self.deviation, self.gain = np.empty_like(self.statistics)
        columns = (a[:, None] for a in (self.mean, self.gain, bias.data))
        self.mean_column, self.gain_column, self.beta_column = columns
        self.gamma, self.average = weight.data, np.full(count, 1 / count, x.dtype)
        # an array of one number is twice as fast as a number
        numbers = (1 / count, layer.eps, count / max(count - 1, 1), count)
        self.share, self.eps, self.unbiased, self.count = np.array(numbers, x.dtype)[:, None]
        # each net of a stack is averaged as it would be alone, to the last bit
        self.of_nets, self.means = (
            a.reshape(layer.nets, -1, *a.shape[1:]) for a in (self.x, self.mean)
        )
        super().__init__([x, weight, bias], y)

    def forward(self):
        np.matmul(self.of_nets, self.average, out=self.means)
        np.subtract(self.x, self.mean_column, out=self.centred)
        variance, deviation = self.variance, self.deviation
        np.vecdot(self.centred, self.centred, out=variance)  # two passes: one loses digits
        np.multiply(variance, self.share, out=variance)
        np.add(variance, self.eps, out=deviation)
        np.sqrt(deviation, out=deviation)
        np.divide(self.gamma, deviation, out=self.gain)
        np.multiply(self.centred, self.gain_column, out=self.y)
        np.add(self.y, self.beta_column, out=self.y)
        if self.update:
            np.multiply(variance, self.unbiased, out=variance)
            self.layer.record(self.statistics)

    def plan(self, memory):
        dx, d_gamma, self.d_beta = self.dx
        self.dy_rows, self.dx_rows = rows(self.dy), None if dx is None else rows(dx)
        self.mean_dy, self.product = np.empty_like(self.statistics)
        self.mean_dy_column, self.product_column = self.mean_dy[:, None], self.product[:, None]
        self.d_gamma = self.product if d_gamma is None else d_gamma
        self.dy_of_nets = self.dy_rows.reshape(self.of_nets.shape)
        self.means_dy = self.mean_dy.reshape(self.means.shape)

    def backward(self):
        dy, dx, product, d_gamma = self.dy_rows, self.dx_rows, self.product, self.d_gamma
        np.matmul(self.dy_of_nets, self.average, out=self.means_dy)
        np.vecdot(dy, self.centred, out=product)
        np.divide(product, self.deviation, out=d_gamma)
        if self.d_beta is not None:
            np.multiply(self.mean_dy, self.count, out=self.d_beta)
        if dx is not None:
            np.multiply(d_gamma, self.share, out=product)
            np.divide(product, self.deviation, out=product)
            np.multiply(self.centred, self.product_column, out=dx)
            np.subtract(dy, dx, out=dx)
            np.subtract(dx, self.mean_dy_column, out=dx)
            np.multiply(dx, self.gain_column, out=dx)


class FixedStatistics(Op):
    """gamma (x - mean) / sqrt(var + eps) + beta, mean and variance given: an affine map"""

    def __init__(self, x, weight, bias, layer):
        self.x, self.layer = rows(x.data), layer
        self.gamma, self.beta = weight.data, bias.data
        y = np.empty_like(x.data)
        self.y = rows(y)
        super().__init__([x, weight, bias], y)

    def forward(self):
        layer = self.layer
        self.scale = 1 / np.sqrt(layer.running_var.data + layer.eps)
        self.gain = self.gamma * self.scale
        np.multiply(self.x, self.gain[:, None], out=self.y)
        self.y += (self.beta - layer.running_mean.data * self.gain)[:, None]

    def backward(self):
        dy = rows(self.dy)
        dx, d_gamma, d_beta = self.dx
        if dx is not None:
            np.multiply(dy, self.gain[:, None], out=rows(dx))
        if d_gamma is not None:
            mean = self.layer.running_mean.data
            np.multiply(np.vecdot(dy, self.x) - mean * dy.sum(axis=1), self.scale, out=d_gamma)
        if d_beta is not None:
            np.sum(dy, axis=1, out=d_beta)


class Normalisation(Module):
    """A layer with running statistics of each channel.

    A subclass sets its parameters, calls `run`, passes its input through `checked`, and hands the
    statistics of a batch to `record`.
    """

    def run(self, channels, dtype, **start):
        """Make the running statistics, buffers ``running_<name>``, from their first values."""
        self._running = [f"running_{name}" for name in start]
        for name, value in zip(self._running, start.values(), strict=True):
            setattr(self, name, Buffer(np.full(channels, value, dtype)))
        self._join()

    def _join(self):
        """Keep the running statistics in one array, so that one operation updates them."""
        buffers = [getattr(self, name) for name in self._running]
        self.running = np.stack([buffer.data for buffer in buffers])
        for buffer, row in zip(buffers, self.running, strict=True):
            buffer.data = row

    def __setstate__(self, state):
        vars(self).update(state)
        self._join()

    def checked(self, x):
        """Return x as signals of which there are statistics."""
        x = of_channels(x, self.running.shape[1])
        values = x.shape[2] * (1 if self.statistics == "signal" else x.shape[0])
        if self.statistics != "running" and values == 1:
            raise ValueError(
                f"{self.statistics} statistics need more than one value for each channel, but x "
                f"has the shape {x.shape}: take longer signals, a larger batch, or running "
                "statistics"
            )
        return x

    def record(self, statistics):
        """Move the running statistics towards those of a batch, if those of the net are finite.

        The NaN of a batch whose step a gradient scaler skips would otherwise stay for ever.
        """
        move = statistics - self.running
        if not math.isfinite(np.vdot(move, move)):
            of_nets = move.reshape(len(move), self.nets, -1)
            of_nets[:, ~np.isfinite(of_nets).all(axis=(0, 2))] = 0
        move *= self.momentum
        self.running += move


def of_channels(x, channels):
    """Return x as signals with so many channels."""
    x = signals(x)
    if x.shape[1] != channels:
        raise ValueError(f"x has {x.shape[1]} channels, the layer {channels}")
    return x


class Record(Op):
    """records the statistics of a batch, given as tensors; no gradient passes"""

    def __init__(self, layer, *statistics):
        self.layer, self.seen = layer, [tensor.data.reshape(-1) for tensor in statistics]
        self.values = np.empty_like(layer.running)
        super().__init__([], self.values)

    def forward(self):
        np.stack(self.seen, out=self.values)
        self.layer.record(self.values)


class BatchNorm1d(Normalisation):
    r"""Batch normalisation, like PyTorch's ``BatchNorm1d`` (Ioffe & Szegedy 2015).

    Parameters
    ----------
    channels : int
        Number of channels.
    eps : float
        Added to the variance.
    momentum : float
        Share of a new batch in the running mean and the running (unbiased) variance.
    dtype : numpy dtype
        float32 or float64.

    Notes
    -----
    :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta` for each channel. In the gradient
    running statistics are constants, and those of the batch depend on x.

    Examples
    --------
    >>> layer = BatchNorm1d(2)
    >>> y = layer(np.arange(12.0, dtype=np.float32).reshape(3, 2, 2))
    >>> print(abs(y.data.mean(axis=(0, 2))) < 1e-6, layer.running_mean.data.round(2))
    [ True  True] [0.45 0.65]
    """

    def __init__(self, channels, *, eps=1e-5, momentum=0.1, dtype=np.float32):
        channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        self.weight = Parameter(np.ones(channels, dtype))
        self.bias = Parameter(np.zeros(channels, dtype))
        self.eps = _check.divisor(eps, "eps", dtype)
        self.momentum = _check.number(_check.real(momentum, "momentum", 0, 1), "momentum")
        self.run(channels, dtype, mean=0, var=1)

    def forward(self, x):
        """Normalise ``(batch, channels, length)``."""
        return self.normalise(self.checked(x), self.weight, self.bias)

    def normalise(self, x, weight, bias):
        """Normalise by the statistics of the mode, then scale and shift."""
        if self.statistics == "signal":
            return normalise_each(x, weight, bias, self.eps)
        op = FixedStatistics if self.statistics == "running" else BatchStatistics
        return op(x, weight, bias, self).out


def normalise_each(x, weight, bias, eps):
    """Normalise every signal by its own mean and variance over time, then scale and shift."""
    centred = x - x.mean(axis=2, keepdims=True)
    variance = (centred * centred).mean(axis=2, keepdims=True)
    gain = weight[:, None] * (variance + eps) ** -0.5
    return centred * gain + bias[:, None]
