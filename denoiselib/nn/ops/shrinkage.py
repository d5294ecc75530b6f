"""Gains between 0 and 1 that make features small where little but noise is expected."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import inner, over_time, signals, tensors
from denoiselib.nn.tensor import Op, empty


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


class GroupSoft(Op):
    """y = max(1 - u / r, 0) x, r^2 = mean of x^2 over the channels of a group, and over a window

    With A the matrix of the two means, r^2 = A x^2, g the gain and d = dy x u / 2 r^3 where g > 0:
    dx = g dy + 2 x A'd, du = -dy x / r.
    """

    def __init__(self, x, u, size, window):
        _, channels, length = x.shape
        self.x, self.u = inner(x.data), inner(u.data)
        y = empty(x.shape, x.dtype)
        self.y = inner(y)
        group = np.arange(channels) // size
        groups = group[:, None] == group
        self.over_channels = (groups / groups.sum(axis=1)).astype(x.dtype)
        time = np.arange(length)
        near = np.abs(time[:, None] - time) <= window // 2
        self.over_time = (near / near.sum(axis=1, keepdims=True)).astype(x.dtype)
        self.least = np.finfo(x.dtype).tiny  # of a radius that divides
        super().__init__([x, u], y)

    def mean(self, values, transpose=False):
        """Return A values, or A' values."""
        channels, time = self.over_channels, self.over_time
        if transpose:
            channels, time = channels.T, time.T
        mixed = channels @ np.ascontiguousarray(values).reshape(len(values), -1)
        return np.matmul(time, mixed.reshape(values.shape))

    def forward(self):
        radius = np.sqrt(self.mean(self.x * self.x))
        self.alive = radius > self.u
        self.inverse = np.reciprocal(np.maximum(radius, self.u + self.least))
        self.gain = 1 - self.u * self.inverse
        self.gain *= self.alive
        np.multiply(self.gain, self.x, out=self.y)

    def backward(self):
        dx, du = self.dx
        slope = inner(self.dy) * self.x
        slope *= self.inverse
        slope *= self.alive
        if du is not None:
            over_time(slope.transpose(2, 0, 1), du)
            np.negative(du, out=du)
        if dx is not None:
            slope *= self.inverse
            slope *= self.inverse
            slope *= self.u
            total = self.mean(slope, transpose=True)
            total *= self.x
            np.multiply(self.gain, inner(self.dy), out=inner(dx))
            inner(dx)[...] += total


def group_soft(x, u, size=4, window=3):
    r"""Return the block-sparse soft threshold: channels and neighbours live and die together.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Features.
    u : Tensor (batch, channels, 1) or (1, channels, 1)
        Threshold, not negative.
    size : int
        Channels of a group, one after the other; the last group may be smaller.
    window : int
        Samples of a group, odd, centred; 1 treats each time by itself.

    Returns
    -------
    Tensor (batch, channels, length)
        :math:`x \max(1 - u / r, 0)`, r the root mean square of the group. With ``window=1`` and u
        the same for its channels it is the proximal map of :math:`u \sqrt{n} \lVert x \rVert_2` for
        each group of n channels (Yuan & Lin 2006); with a window, neighbouring block shrinkage
        (Cai & Silverman 2001).

    Examples
    --------
    >>> x = np.array([[[3.0, 0.0], [1.0, 0.5]]])
    >>> print(group_soft(x, np.ones((1, 2, 1)), window=1).data.round(2))
    [[[1.66 0.  ]
      [0.55 0.  ]]]
    """
    x, u = tensors(x=x, u=u)
    x, u = signals(x), signals(u, "u")
    _check.integer(size, "size", 1)
    if _check.integer(window, "window", 1) % 2 == 0:
        raise ValueError(f"window must be odd, so that it has a centre, not {window}")
    if _check.broadcast(x, u, "x and u") != x.shape:
        raise ValueError(f"u of shape {u.shape} is larger than x of shape {x.shape}")
    return GroupSoft(x, u, size, window).out


class Mixture(Op):
    """y = w1 x + w2 soft(x) + w3 firm(x) + w4 relu(x - u), u the threshold, w for each channel

    With soft(x) = x - clip(x, -u, u) the firm map is clip(soft(x) / (1 - gamma), -|x|, |x|).
    """

    def __init__(self, x, u, weights, gamma):
        self.x, self.u, self.weights = inner(x.data), inner(u.data), weights.data
        self.steep = 1 / (1 - gamma)
        y = empty(x.shape, x.dtype)
        self.y = inner(y)
        self.parts = np.empty((3, *self.x.shape), x.dtype)
        super().__init__([x, u, weights], y)

    def forward(self):
        x, u, (soft, firm, positive) = self.x, self.u, self.parts
        np.minimum(x, u, out=soft)
        np.maximum(soft, -u, out=soft)
        np.subtract(x, soft, out=soft)
        np.multiply(soft, self.steep, out=firm)
        self.whole = np.abs(firm) >= np.abs(x)  # the firm map leaves it as it is
        np.copyto(firm, x, where=self.whole)
        np.maximum(soft, 0, out=positive)
        share = self.weights.T[..., None, None]
        np.multiply(x, share[0], out=self.y)
        for part, w in zip(self.parts, share[1:], strict=True):
            self.y += part * w

    def backward(self):
        dx, du, dw = self.dx
        dy, (soft, *_), w = inner(self.dy), self.parts, self.weights.T[..., None, None]
        sign = np.sign(soft)
        # the slopes to x; those to u are the same without what the map leaves as it is, times -sign
        slope = w[2] * self.steep * ~self.whole + w[1]
        slope *= np.abs(sign)
        slope += w[3] * (soft > 0)
        if dw is not None:
            flat = dy.reshape(len(dy), -1)
            for k, part in enumerate((self.x, *self.parts)):
                np.vecdot(flat, part.reshape(flat.shape), out=dw[:, k])
        if du is not None:
            np.multiply(sign, slope, out=sign)
            sign *= dy
            over_time(sign.transpose(2, 0, 1), du)
            np.negative(du, out=du)
        if dx is not None:
            slope += w[2] * self.whole
            slope += w[0]
            np.multiply(dy, slope, out=inner(dx))


def mixture(x, u, weights, gamma=0.5):
    """Return a mixture of identity, soft and firm threshold and ReLU, for each channel its own.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Features.
    u : Tensor (batch, channels, 1) or (1, channels, 1)
        Threshold of the three, not negative.
    weights : Tensor (channels, 4)
        Shares of the maps: x itself, soft(x), firm(x), relu(x - u).
    gamma : float
        In [0, 1), of the firm map.

    Returns
    -------
    Tensor (batch, channels, length)
        The mixture.

    Examples
    --------
    >>> x, u = np.array([[[-3.0, 0.5, 1.5]]]), np.ones((1, 1, 1))
    >>> print(mixture(x, u, np.array([[0.0, 0.5, 0.5, 0.0]])).data)
    [[[-2.5   0.    0.75]]]
    """
    x, u, weights = tensors(x=x, u=u, weights=weights)
    x, u = signals(x), signals(u, "u")
    if weights.shape != (x.shape[1], 4):
        raise ValueError(f"weights must have the shape {(x.shape[1], 4)}, not {weights.shape}")
    if _check.broadcast(x, u, "x and u") != x.shape:
        raise ValueError(f"u of shape {u.shape} is larger than x of shape {x.shape}")
    return Mixture(x, u, weights, _check.fraction(gamma, "gamma")).out
