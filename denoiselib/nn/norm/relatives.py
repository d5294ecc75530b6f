"""Relatives of batch norm: other statistics, or the same ones taken with more care."""

import numpy as np

from denoiselib import _check
from denoiselib.nn import ops
from denoiselib.nn.modules import Module, Parameter
from denoiselib.nn.norm.batch import BatchNorm1d, normalise_each, of_channels
from denoiselib.nn.tensor import Tensor


class InstanceNorm(Module):
    r"""Every signal by its own mean and variance over time, in training and at test.

    :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta` for each signal and channel (Ulyanov,
    Vedaldi & Lempitsky 2016). There are no running statistics: all modes are the same. The
    arguments are as in `BatchNorm1d`.

    Examples
    --------
    >>> print(InstanceNorm(1)(np.array([[[1.0, 3.0]], [[10.0, 50.0]]])).data.ravel().round(2))
    [-1.  1. -1.  1.]
    """

    def __init__(self, channels, *, eps=1e-5, dtype=np.float32):
        channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        self.weight = Parameter(np.ones(channels, dtype))
        self.bias = Parameter(np.zeros(channels, dtype))
        self.eps = _check.divisor(eps, "eps", dtype)

    def forward(self, x):
        """Normalise ``(batch, channels, length)``, of more than one sample."""
        x = of_channels(x, self.weight.shape[0])
        if x.shape[2] == 1:
            raise ValueError(f"one sample has no variance, but x has the shape {x.shape}")
        return normalise_each(x, self.weight, self.bias, self.eps)


class RepresentativeNorm(BatchNorm1d):
    r"""Batch norm that looks at each signal by itself too, before and after.

    The arguments are as in `BatchNorm1d`. With K the mean over time of each signal and channel (Gao
    et al. 2021):

    .. math:: X_c = X + w_m K(X), \quad X_s = (X_c - \mu) / \sqrt{v + \epsilon}, \quad
        Y = \gamma X_s\, \sigma(w_v K(X_s) + w_b) + \beta

    It starts with w_m = w_v = 0 and w_b = 1, as batch norm times 0.731.

    Examples
    --------
    >>> layer = RepresentativeNorm(1)
    >>> print(layer(np.array([[[1.0, 3.0]]])).data.round(3))
    [[[-0.731  0.731]]]
    """

    def __init__(self, channels, *, eps=1e-5, momentum=0.1, dtype=np.float32):
        super().__init__(channels, eps=eps, momentum=momentum, dtype=dtype)
        for name, start in (("center_weight", 0), ("scale_weight", 0), ("scale_bias", 1)):
            setattr(self, name, Parameter(np.full((channels, 1), start, dtype)))

    def forward(self, x):
        """Normalise ``(batch, channels, length)``."""
        x = self.checked(x)
        x = x + self.center_weight * x.mean(axis=2, keepdims=True)
        x = self.normalise(x, *(Tensor(np.full_like(self.weight.data, v)) for v in (1, 0)))
        gate = ops.sigmoid(self.scale_weight * x.mean(axis=2, keepdims=True) + self.scale_bias)
        return x * (self.weight[:, None] * gate) + self.bias[:, None]
