"""Relatives of batch norm: other statistics, or the same ones taken with more care."""

import numpy as np

from denoiselib import _check
from denoiselib.nn import ops
from denoiselib.nn.modules import Module, Parameter
from denoiselib.nn.norm.batch import (
    BatchNorm1d,
    FixedStatistics,
    Normalisation,
    Record,
    normalise_each,
    of_channels,
)
from denoiselib.nn.tensor import Op, Tensor


class BiasFreeNorm(Normalisation):
    r"""Batch norm without anything added: no mean is subtracted, there is no beta.

    Parameters
    ----------
    channels, eps, momentum, dtype
        As in `BatchNorm1d`.

    Notes
    -----
    :math:`y = \gamma x / \sqrt{\overline{x^2} + \epsilon}`, the mean square over batch and time,
    whose running value is the buffer ``running_power``. In fixed mode the layer is linear: a
    network that adds nothing elsewhere then answers a louder signal with a louder one, which helps
    at noise levels it was not trained for (Mohan et al. 2020; their code divides by the standard
    deviation). The convolutions of a network add something too, unless it is made with
    ``bias=False``.

    Examples
    --------
    >>> layer = BiasFreeNorm(1)
    >>> print(layer(np.array([[[3.0, 4.0, -3.0, -4.0]]])).data.round(2))
    [[[ 0.85  1.13 -0.85 -1.13]]]
    """

    def __init__(self, channels, *, eps=1e-5, momentum=0.1, dtype=np.float32):
        channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        self.weight = Parameter(np.ones(channels, dtype))
        self.eps, self.momentum = _check.number(eps, "eps"), _check.number(momentum, "momentum")
        self.run(channels, dtype, power=1)

    def forward(self, x):
        """Normalise ``(batch, channels, length)``."""
        x = self.checked(x)
        if self.statistics == "running":
            power = self.running_power[:, None]
        else:
            axes = 2 if self.statistics == "signal" else (0, 2)
            power = (x * x).mean(axis=axes, keepdims=True)
            if self.training:
                Record(self, power)
        return x * (self.weight[:, None] * (power + self.eps) ** -0.5)


class InstanceNorm(Module):
    r"""Every signal by its own mean and variance over time, in training and at test.

    Parameters
    ----------
    channels, eps, dtype
        As in `BatchNorm1d`.

    Notes
    -----
    :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta` for each signal and channel (Ulyanov,
    Vedaldi & Lempitsky 2016). There are no running statistics: all modes are the same.

    Examples
    --------
    >>> print(InstanceNorm(1)(np.array([[[1.0, 3.0]], [[10.0, 50.0]]])).data.round(2))
    [[[-1.  1.]]
    <BLANKLINE>
     [[-1.  1.]]]
    """

    def __init__(self, channels, *, eps=1e-5, dtype=np.float32):
        channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        self.weight = Parameter(np.ones(channels, dtype))
        self.bias = Parameter(np.zeros(channels, dtype))
        self.eps = _check.number(eps, "eps")

    def forward(self, x):
        """Normalise ``(batch, channels, length)``, of more than one sample."""
        x = of_channels(x, self.weight.shape[0])
        if x.shape[2] == 1:
            raise ValueError(f"one sample has no variance, but x has the shape {x.shape}")
        return normalise_each(x, self.weight, self.bias, self.eps)


class RepresentativeNorm(BatchNorm1d):
    r"""Batch norm that looks at each signal too, before and after.

    Parameters
    ----------
    channels, eps, momentum, dtype
        As in `BatchNorm1d`.

    Notes
    -----
    With K the mean over time of each signal and channel (Gao et al. 2021):

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
        self.unit = Tensor(np.ones(channels, dtype)), Tensor(np.zeros(channels, dtype))

    def forward(self, x):
        """Normalise ``(batch, channels, length)``."""
        x = self.checked(x)
        x = x + self.center_weight * x.mean(axis=2, keepdims=True)
        x = self.normalise(x, *self.unit)
        gate = ops.sigmoid(self.scale_weight * x.mean(axis=2, keepdims=True) + self.scale_bias)
        return x * (self.weight[:, None] * gate) + self.bias[:, None]


class FilteredNorm(BatchNorm1d):
    r"""Batch norm whose statistics leave outliers out.

    Parameters
    ----------
    channels, momentum, dtype
        As in `BatchNorm1d`.
    threshold : float
        Values of ``|z|`` from here on do not count.
    eps : float
        Added to both variances.

    Notes
    -----
    With :math:`z = (x - \mu) / \sqrt{v + \epsilon}`, v the unbiased variance, mean :math:`\mu'` and
    (biased) variance v' are taken anew from the values with :math:`|z| < T` (Horvath 2020):
    :math:`y = \gamma (x - \mu') / \sqrt{v' + \epsilon} + \beta`, for all values. These statistics
    run; which values are kept counts as constant in the gradient. Since
    :math:`|z| \le (n - 1) / \sqrt{n}`, T = 4 leaves out nothing of up to 17 values. Where a small T
    would leave out all values of a channel, all are kept.

    Examples
    --------
    >>> layer = FilteredNorm(1, threshold=1.5)
    >>> print(layer(np.array([[[1.0, -1.0, 1.0, -1.0, 50.0]]])).data.round(2))
    [[[ 1. -1.  1. -1. 50.]]]
    """

    def __init__(self, channels, *, threshold=4.0, eps=1e-10, momentum=0.1, dtype=np.float32):
        super().__init__(channels, eps=eps, momentum=momentum, dtype=dtype)
        self.threshold = _check.number(threshold, "threshold", positive=True)

    def forward(self, x):
        """Normalise ``(batch, channels, length)``."""
        x = self.checked(x)
        if self.statistics == "running":
            return FixedStatistics(x, self.weight, self.bias, self).out
        axes = 2 if self.statistics == "signal" else (0, 2)
        share = KeptShare(x, axes, self.threshold, self.eps).out
        mean = (x * share).sum(axis=axes, keepdims=True)
        centred = x - mean
        variance = (centred * centred * share).sum(axis=axes, keepdims=True)
        if self.training:
            Record(self, mean, variance)
        gain = self.weight[:, None] * (variance + self.eps) ** -0.5
        return centred * gain + self.bias[:, None]


class KeptShare(Op):
    """1 / n for the n values with |x - mean| < T sqrt(var + eps), 0 for others; no gradient

    If there are none, all values are kept.
    """

    def __init__(self, x, axes, threshold, eps):
        self.x, self.axes, self.threshold, self.eps = x.data, axes, threshold, eps
        self.y = np.empty_like(x.data)
        super().__init__([], self.y)

    def forward(self):
        distance = np.abs(self.x - self.x.mean(axis=self.axes, keepdims=True))
        variance = np.var(self.x, axis=self.axes, keepdims=True, ddof=1)
        kept = distance < self.threshold * np.sqrt(variance + self.eps)
        kept |= ~kept.any(axis=self.axes, keepdims=True)
        np.divide(kept, kept.sum(axis=self.axes, keepdims=True), out=self.y)
