"""Variants of layers and losses that only the studies train, beside the layers of `nn.norm`.

`nn.norm` imports them when a network asks for one by its name. Levels and maps are parts of
`nn.norm.SparseNorm`; `sparsity` and `penalised` add a penalty on features to a loss.
"""

import numpy as np

from denoiselib import _check, nn
from denoiselib.interpret import watching
from denoiselib.nn import ops
from denoiselib.nn.modules import Activation, Module, Parameter
from denoiselib.nn.norm.batch import BatchNorm1d, FixedStatistics, Normalisation, Record
from denoiselib.nn.norm.sparse import FLOOR, START, positive
from denoiselib.nn.ops.elementwise import over_time
from denoiselib.nn.ops.layout import inner, signals
from denoiselib.nn.tensor import Op, empty

# --- normalisations


class BiasFreeNorm(Normalisation):
    r"""Batch norm without anything added: no mean is subtracted, there is no beta.

    Parameters
    ----------
    channels, eps, momentum, dtype
        As in `BatchNorm1d`.

    Notes
    -----
    :math:`y = \gamma x / \sqrt{\overline{x^2} + \epsilon}`, the mean square over batch and time,
    whose running value is the buffer ``running_power``. In fixed mode the layer is linear. A
    network that adds nothing elsewhere either (made with ``bias=False``) then answers in proportion
    to its input, which helps at noise levels it was not trained for (Mohan et al. 2020; their code
    divides by the standard deviation).

    Examples
    --------
    >>> layer = BiasFreeNorm(1)
    >>> print(layer(np.array([[[3.0, 4.0, -3.0, -4.0]]])).data.round(2))
    [[[ 0.85  1.13 -0.85 -1.13]]]
    """

    def __init__(self, channels, *, eps=1e-5, momentum=0.1, dtype=np.float32):
        channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        self.weight = Parameter(np.ones(channels, dtype))
        self.eps = _check.divisor(eps, "eps", dtype)
        self.momentum = _check.number(_check.real(momentum, "momentum", 0, 1), "momentum")
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


class FilteredNorm(BatchNorm1d):
    r"""Batch norm whose statistics leave outliers out.

    Parameters
    ----------
    channels, momentum, dtype
        As in `BatchNorm1d`.
    threshold, eps : float
        T, the limit of outliers, in standard deviations; and what is added to both variances.

    Notes
    -----
    With :math:`z = (x - \mu) / \sqrt{v + \epsilon}`, v the unbiased variance, mean :math:`\mu'` and
    (biased) variance v' are taken anew from the values with :math:`|z| < T` (Horvath 2020):
    :math:`y = \gamma (x - \mu') / \sqrt{v' + \epsilon} + \beta`, for all values. The running
    statistics are averages of these. The gradient treats the choice of values as constant. Since
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


# --- levels


class Both(Module):
    r"""Noise level and magnitude: :math:`\lambda = a\,\mathrm{MAD}(h) + b\,\overline{|h|}`.

    The first grows with the noise alone, the second with the signals too. Their ratio tells how
    sparse the features are.
    """

    def __init__(self, channels, dtype):
        self.spread = positive(channels, dtype, START / 2)
        self.magnitude = positive(channels, dtype, START / 2)

    def forward(self, h):
        spread = ops.softplus(self.spread) * (ops.mad(h) + FLOOR)
        return spread + ops.softplus(self.magnitude) * (ops.mean_magnitude(h) + FLOOR)


class Local(Module):
    r"""Every sample by its neighbourhood: :math:`\lambda_t = c\,m\,(a_t / m)^p`.

    m is the mean of \|h\| over time, a its moving mean over `window` samples. The exponent p is
    learned, from 0, where this is `Magnitude`. With p < 0 the threshold is lower where something
    happens, as in spatially adaptive wavelet thresholds (Chang, Yu & Vetterli 2000).
    """

    def __init__(self, channels, dtype, window=5):
        self.raw = positive(channels, dtype)
        self.power = Parameter(np.zeros((channels, 1), dtype))
        self.window = window

    def forward(self, h):
        mean = ops.mean_magnitude(h) + FLOOR
        near = ops.moving_mean(abs(h), self.window) + FLOOR
        activity = ops.log(near) - ops.log(mean)
        return ops.exp(self.power * activity) * (ops.softplus(self.raw) * mean)


# --- maps


class Group(Module):
    r"""The soft threshold of a group: four consecutive channels, and three samples.

    :math:`y = x \max(1 - u / r, 0)`, r the root mean square of the group around each number. For
    groups of n channels alone and one u, this is the proximal map of :math:`u \sqrt{n} \lVert x
    \rVert_2` (Yuan & Lin 2006); with neighbours in time, block shrinkage (Cai & Silverman 2001).
    """

    def __init__(self, channels, dtype, size=4, window=3):
        self.size, self.window = size, window

    def forward(self, h, threshold):
        return GroupSoft(signals(h), signals(threshold), self.size, self.window, self.nets).out


class GroupSoft(Op):
    """y = max(1 - u / r, 0) x, r^2 = mean of x^2 over the channels of a group, and over a window

    With A the matrix of the two means, r^2 = A x^2, g the gain and d = dy x u / 2 r^3 where g > 0:
    dx = g dy + 2 x A'd, du = -dy x / r.
    """

    def __init__(self, x, u, size, window, nets=1):
        _, channels, length = x.shape
        self.x, self.u = inner(x.data), inner(u.data)
        y = empty(x.shape, x.dtype)
        self.y = inner(y)
        net, channel = divmod(np.arange(channels), channels // nets)
        group, time = net * channels + channel // size, np.arange(length)
        near = group[:, None] == group, np.abs(time[:, None] - time) <= window // 2
        self.over = [(x / x.sum(axis=1, keepdims=True)).astype(self.x.dtype) for x in near]
        self.least = np.finfo(x.dtype).tiny  # of a radius that divides
        super().__init__([x, u], y)

    def mean(self, values, channels, time):
        """Return A values, or A' values, from the matrices of the two means."""
        mixed = channels @ np.ascontiguousarray(values).reshape(len(values), -1)
        return np.matmul(time, mixed.reshape(values.shape))

    def forward(self):
        radius = np.sqrt(self.mean(self.x * self.x, *self.over))
        self.alive = radius > self.u
        self.inverse = np.reciprocal(np.maximum(radius, self.u + self.least))
        self.gain = (1 - self.u * self.inverse) * self.alive
        np.multiply(self.gain, self.x, out=self.y)

    def backward(self):
        dx, du = self.dx
        slope = inner(self.dy) * self.x * self.inverse * self.alive
        if du is not None:
            over_time(slope.transpose(2, 0, 1), du)
            np.negative(du, out=du)
        if dx is not None:
            pull = slope * self.inverse * self.inverse * self.u
            total = self.mean(pull, *(matrix.T for matrix in self.over))
            np.add(self.gain * inner(self.dy), total * self.x, out=inner(dx))


class Mixture(Module):
    """Identity, soft and firm threshold and ReLU in learned shares of each channel.

    The shares are a softmax of what is learned, and equal at the start.
    """

    def __init__(self, channels, dtype, gamma=0.5):
        self.raw, self.gamma = Parameter(np.zeros((channels, 4), dtype)), gamma

    def forward(self, h, threshold):
        shares = ops.exp(self.raw)
        shares = shares / shares.sum(axis=1, keepdims=True)
        return Mixed(signals(h), signals(threshold), shares, self.gamma).out


class Mixed(Op):
    """y = w1 x + w2 soft(x) + w3 firm(x) + w4 relu(x - u), u the threshold, w for each channel

    With soft(x) = x - clip(x, -u, u) the firm map is clip(soft(x) / (1 - gamma), -|x|, |x|).
    """

    def __init__(self, x, u, weights, gamma):
        self.x, self.u, self.weights = inner(x.data), inner(u.data), weights.data
        self.steep = 1 / (1 - gamma)
        y = empty(x.shape, x.dtype)
        self.y = inner(y)
        super().__init__([x, u, weights], y)

    def forward(self):
        x, u = self.x, self.u
        soft = x - np.maximum(np.minimum(x, u), -u)
        self.whole = np.abs(soft * self.steep) >= np.abs(x)  # the firm map leaves it as it is
        firm = np.where(self.whole, x, soft * self.steep)
        self.parts = x, soft, firm, np.maximum(soft, 0)
        self.y.fill(0)
        for part, w in zip(self.parts, self.weights.T[..., None, None], strict=True):
            self.y += part * w

    def backward(self):
        dx, du, dw = self.dx
        dy, soft, w = inner(self.dy), self.parts[1], self.weights.T[..., None, None]
        sign = np.sign(soft)
        # slope to x of the parts that u moves; times -sign it is the slope to u
        slope = (w[2] * self.steep * ~self.whole + w[1]) * np.abs(sign) + w[3] * (soft > 0)
        if dw is not None:
            flat = dy.reshape(len(dy), -1)
            for k, part in enumerate(self.parts):
                np.vecdot(flat, part.reshape(flat.shape), out=dw[:, k])
        if du is not None:
            over_time((sign * slope * dy).transpose(2, 0, 1), du)
            np.negative(du, out=du)
        if dx is not None:
            np.multiply(dy, slope + w[2] * self.whole + w[0], out=inner(dx))


class Ista(Module):
    r"""Three proximal steps instead of one, with a learned filter between.

    .. math:: z_0 = \mathrm{soft}(h, \lambda), \quad
        z_{k+1} = \mathrm{soft}(z_k + \mu (h - B z_k), \mu \lambda)

    These are the steps of learned ISTA (Gregor & LeCun 2010) for the minimum of
    :math:`\frac12 z'Bz - h'z + \lambda |z|_1`. B, a filter of three taps for each channel, and the
    step size :math:`\mu = \sigma(r)` are learned. They start as the identity, for which each step
    returns what it is given, and as 1/2.
    """

    def __init__(self, channels, dtype, steps=2):
        self.kernel = Parameter(np.tile(np.array([0, 1, 0], dtype), (channels, 1)))
        self.raw = Parameter(np.zeros((1, channels, 1), dtype))
        self.steps = steps

    def forward(self, h, threshold):
        mu = ops.sigmoid(self.raw)
        z = ops.prox(h, threshold)
        for _ in range(self.steps):
            z = ops.prox(z + mu * (h - ops.filter1d(z, self.kernel)), mu * threshold)
        return z


# --- penalties


class Sparsity(Op):
    """mean of S(x), S of slope s"""

    def __init__(self, x, value, slope):
        self.x, self.value, self.slope = x.data, value, slope
        self.y = np.empty((), self.x.dtype)
        super().__init__([x], self.y)

    def forward(self):
        self.y[...] = self.value(self.x).mean()

    def backward(self):
        np.multiply(self.slope(self.x), self.dy / self.x.size, out=self.dx[0])


def _penalty(p):
    """Return S and its slope: log(1 + x^2), or |x|^p, for p < 1 smoothed."""
    if p == "log":
        return lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x)
    _check.number(p, "p", positive=True)
    if p >= 1:
        return lambda x: np.abs(x) ** p, lambda x: p * np.sign(x) * np.abs(x) ** (p - 1)
    return lambda x: (x * x + 1e-4) ** (p / 2), lambda x: p * x * (x * x + 1e-4) ** (p / 2 - 1)


def sparsity(weight, p=1.0, on="input"):
    r"""Return a sparsity penalty on activations, to be added to a loss by `penalised`.

    It maps pairs of tensors, input and output of each activation, to a scalar tensor.

    Parameters
    ----------
    weight, p : float, float or "log"
        Not negative; and an exponent, greater than 0, or the logarithmic penalty.
    on : {"input", "output"}
        Side of the activations at which features are penalised.

    Notes
    -----
    :math:`\Lambda \sum_k \overline{S(h_k)}` over the activations k, the mean over batch, channels
    and time, with :math:`S(h) = |h|^p` (the slides' :math:`\Lambda \lVert X \rVert_p^p`) or
    :math:`\log(1 + h^2)`; Ide & Kurita (2017) penalise the inputs of ReLUs with p = 1 or the
    logarithm. For p < 1 the slope of :math:`|h|^p` is infinite at 0, so that
    :math:`(h^2 + 10^{-4})^{p/2}` is used instead.

    Examples
    --------
    >>> before, after = nn.Tensor([-1.0, 3.0]), nn.Tensor([0.0, 3.0])
    >>> print(sparsity(0.1)([(before, after)]).item())
    0.2
    """
    weight, functions = _check.number(weight, "weight"), _penalty(p)
    side = ("input", "output").index(_check.choice(on, "on", ("input", "output")))
    return lambda pairs: sum(Sparsity(pair[side], *functions).out * weight for pair in pairs)


def penalised(penalty, loss="mse"):
    """Return ``loss(net, noisy, target) -> Tensor ()``, with a penalty, for `nn.train.fit`.

    Parameters
    ----------
    penalty, loss : callable, str
        As `sparsity` returns it; and a name in `nn.losses.LOSSES`.

    Examples
    --------
    >>> x, net = np.zeros((1, 1, 20)), nn.PlainNet()
    >>> penalised(sparsity(0.1))(net, x, x).item() > nn.losses.mse(net(x), x).item()
    True
    """
    measure = nn.losses.LOSSES[_check.choice(loss, "loss", nn.losses.LOSSES)]

    def of_net(net, noisy, target):
        with watching([part for part in net.modules() if isinstance(part, Activation)]) as seen:
            value = measure(net(noisy), target)
        return value + penalty([(before, after) for _, before, after in seen])

    return of_net
