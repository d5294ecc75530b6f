"""Normalisation layers, by name in one registry: a new one is one class here.

A layer has four ways to find its mean and variance, set for a whole network by `Module.train` and
`Module.eval`: in training from the batch, updating the running statistics; at test, updating
nothing, from the running statistics (the slides' *fixed* mode), from the batch again (*unfixed*) or
from each signal alone.
"""

import copy
import itertools

import numpy as np

from denoiselib import _check
from denoiselib.nn.modules import Buffer, Conv1d, Module, Parameter
from denoiselib.nn.ops.layout import rows, signals
from denoiselib.nn.tensor import Op


class BatchStatistics(Op):
    """gamma (x - mean) s + beta, s = 1 / sqrt(var + eps), mean and variance over batch and time

    Both depend on x, and the gradient says so: with xc = x - mean and n numbers in a channel,
    dx = gamma s (dy - sum(dy)/n - xc s^2 sum(dy xc)/n).
    """

    def __init__(self, x, layer, update):
        self.x, self.layer, self.update = rows(x.data), layer, update
        self.gamma, self.beta = layer.weight.data, layer.bias.data
        channels, self.count = self.x.shape
        self.average = np.full(self.count, 1 / self.count, x.dtype)
        y = np.empty_like(x.data)
        self.y, self.centred = rows(y), np.empty_like(self.x)
        self.statistics = np.empty((2, channels), x.dtype)
        self.mean, self.variance = self.statistics
        self.scale, self.gain = np.empty_like(self.statistics)
        super().__init__([x, layer.weight, layer.bias], y)

    def forward(self):
        np.matmul(self.x, self.average, out=self.mean)
        np.subtract(self.x, self.mean[:, None], out=self.centred)
        variance, scale = self.variance, self.scale
        np.vecdot(self.centred, self.centred, out=variance)  # two passes: one loses digits
        variance *= 1 / self.count
        np.add(variance, self.layer.eps, out=scale)
        np.sqrt(scale, out=scale)
        np.reciprocal(scale, out=scale)
        np.multiply(self.gamma, scale, out=self.gain)
        np.multiply(self.centred, self.gain[:, None], out=self.y)
        np.add(self.y, self.beta[:, None], out=self.y)
        if self.update:
            variance *= self.count / (self.count - 1)  # the unbiased one
            self.layer.record(self.statistics)

    def plan(self, memory):
        self.dy_rows = rows(self.dy)
        self.dx_rows = None if self.dx[0] is None else rows(self.dx[0])
        self.mean_dy, self.product = np.empty_like(self.statistics)

    def backward(self):
        dy, dx, product = self.dy_rows, self.dx_rows, self.product
        _, d_gamma, d_beta = self.dx
        np.matmul(dy, self.average, out=self.mean_dy)
        np.vecdot(dy, self.centred, out=product)
        product *= self.scale
        if d_gamma is not None:
            np.copyto(d_gamma, product)
        if d_beta is not None:
            np.multiply(self.mean_dy, self.count, out=d_beta)
        if dx is not None:
            product *= self.scale
            product *= 1 / self.count
            np.multiply(self.centred, product[:, None], out=dx)
            np.subtract(dy, dx, out=dx)
            np.subtract(dx, self.mean_dy[:, None], out=dx)
            np.multiply(dx, self.gain[:, None], out=dx)


class FixedStatistics(Op):
    """gamma (x - mean) / sqrt(var + eps) + beta, mean and variance given: an affine map"""

    def __init__(self, x, layer):
        self.x, self.layer = rows(x.data), layer
        y = np.empty_like(x.data)
        self.y = rows(y)
        super().__init__([x, layer.weight, layer.bias], y)

    def forward(self):
        layer = self.layer
        self.scale = 1 / np.sqrt(layer.running_var.data + layer.eps)
        self.gain = layer.weight.data * self.scale
        np.multiply(self.x, self.gain[:, None], out=self.y)
        self.y += (layer.bias.data - layer.running_mean.data * self.gain)[:, None]

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


class BatchNorm1d(Module):
    r"""Batch normalisation, as PyTorch's ``BatchNorm1d`` (Ioffe & Szegedy 2015).

    Parameters
    ----------
    channels : int
        Number of channels.
    eps : float
        Added to the variance.
    momentum : float
        Share of a new batch in the running statistics, whose variance is the unbiased one.
    dtype : numpy dtype
        float32 or float64.

    Notes
    -----
    :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta` for each channel. The gradient is
    right in all modes: fixed statistics are constants, those of the batch depend on x.

    Examples
    --------
    >>> layer = BatchNorm1d(2)
    >>> y = layer(np.arange(12.0, dtype=np.float32).reshape(3, 2, 2))
    >>> print(abs(y.data.mean(axis=(0, 2))) < 1e-6, layer.running_mean.data.round(2))
    [ True  True] [0.45 0.65]
    """

    def __init__(self, channels, *, eps=1e-5, momentum=0.1, dtype=np.float32):
        channels = _check.integer(channels, "channels", 1)
        self.weight = Parameter(np.ones(channels, dtype))
        self.bias = Parameter(np.zeros(channels, dtype))
        self.running_mean = Buffer(np.zeros(channels, dtype))
        self.running_var = Buffer(np.ones(channels, dtype))
        self.eps, self.momentum = eps, momentum
        self._join()

    def _join(self):
        """Keep both running statistics in one array, so that one operation updates them."""
        self.running = np.stack([self.running_mean.data, self.running_var.data])
        self.running_mean.data, self.running_var.data = self.running

    def __setstate__(self, state):
        vars(self).update(state)
        self._join()

    def forward(self, x):
        """Normalise ``(batch, channels, length)``."""
        x = signals(x)
        if x.shape[1] != self.weight.shape[0]:
            raise ValueError(f"x has {x.shape[1]} channels, the layer {self.weight.shape[0]}")
        if self.statistics == "running":
            return FixedStatistics(x, self).out
        if x.shape[2] * (1 if self.statistics == "signal" else x.shape[0]) == 1:
            raise ValueError(
                f"{self.statistics} statistics need more than one value for each channel, but x "
                f"has the shape {x.shape}: take longer signals, a larger batch, or running "
                "statistics"
            )
        if self.statistics == "signal":
            return self.normalise_each(x)
        return BatchStatistics(x, self, self.training).out

    def normalise_each(self, x):
        """Normalise every signal by its own mean and variance over time."""
        centred = x - x.mean(axis=2, keepdims=True)
        variance = (centred * centred).mean(axis=2, keepdims=True)
        gain = self.weight[:, None] * (variance + self.eps) ** -0.5
        return centred * gain + self.bias[:, None]

    def record(self, statistics):
        """Move the running statistics towards the mean and the variance of a batch."""
        self.running *= 1 - self.momentum
        self.running += self.momentum * statistics


#: Normalisations by name: classes that are made with the number of channels, or None.
NORMS = {"none": None, "batch": BatchNorm1d}


def make(name, channels, dtype):
    """Make the normalisation of that name, or None for ``"none"``."""
    layer = NORMS[_check.choice(name, "norm", NORMS)]
    return None if layer is None else layer(channels, dtype=dtype)


def fold(net):
    """Return a copy of a network whose batch norms are part of its kernels, for fast inference.

    With running statistics a batch norm is an affine map, which the convolution before it can do
    as well: kernel and bias are scaled by gamma / sqrt(var + eps), and the bias is shifted.

    Parameters
    ----------
    net : Network
        Stays as it is.

    Returns
    -------
    Network
        Computes what `net` does in the mode ``eval(statistics="running")``, to rounding.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet().eval()
    >>> noisy = np.ones((1, 100))
    >>> np.allclose(fold(net).denoise(noisy), net.denoise(noisy), atol=1e-5)
    True
    """
    folded = copy.deepcopy(net)
    for module in list(folded.modules()):
        named = list(module.children())
        for (_, conv), (name, layer) in itertools.pairwise(named):
            if isinstance(conv, Conv1d) and type(layer) is BatchNorm1d:
                gain = layer.weight.data / np.sqrt(layer.running_var.data + layer.eps)
                conv.weight.data = conv.weight.data * gain[:, None, None]
                shifted = conv.bias.data - layer.running_mean.data
                conv.bias.data = shifted * gain + layer.bias.data
                delattr(module, name)
    folded.flatten()
    return folded.eval()


def recalibrate(net, batches):
    """Recompute the running statistics of a network as averages over batches.

    Running statistics remember the last few batches of training, taken while the weights still
    moved; at batch size 1 they are little more than noise. This takes them anew, with the weights
    as they are: plain averages of the batches' means and (unbiased) variances.

    Parameters
    ----------
    net : Module
        Its weights and its mode stay as they are.
    batches : iterable of array_like (batch, channels, length)
        Noisy signals such as it is trained on.

    Raises
    ------
    ValueError
        If there are no batches. Whatever is raised on the way, the statistics stay as they were.

    Examples
    --------
    >>> layer = BatchNorm1d(1)
    >>> recalibrate(layer, [np.full((1, 1, 2), v, np.float32) for v in (1, 3)])
    >>> print(layer.running_mean.data, layer.running_var.data)
    [2.] [0.]
    """
    layers = [module for module in net.modules() if isinstance(module, BatchNorm1d)]
    before = [(module, module.training, module.statistics) for module in net.modules()]
    momenta = [layer.momentum for layer in layers]
    statistics = [layer.running.copy() for layer in layers]
    count = 0
    try:
        net.train()
        for count, batch in enumerate(batches, 1):
            for layer in layers:
                layer.momentum = 1 / count  # running averages become plain ones
            net(batch)
    except BaseException:
        for layer, running in zip(layers, statistics, strict=True):
            layer.running[...] = running
        raise
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, training, statistics in before:
            module.training, module.statistics = training, statistics
    if not count:
        raise ValueError("batches must not be empty")
