"""Adaptive filters in place of a normalisation, or after it: a local Wiener filter, a predictor."""

import numpy as np

from denoiselib import _check
from denoiselib.nn import ops
from denoiselib.nn.modules import Parameter
from denoiselib.nn.norm.sparse import FLOOR, Following, positive
from denoiselib.nn.ops.elementwise import over_time
from denoiselib.nn.ops.layout import inner
from denoiselib.nn.tensor import Op, empty


class WienerGain(Op):
    """y = 1 - n / max(v, n): the share of the power v that is not noise n > 0

    dv = dy n / v^2, dn = -dy / v where v > n.
    """

    def __init__(self, v, n):
        self.v, self.n, self.y = v.data, n.data, np.empty_like(v.data)
        super().__init__([v, n], self.y)

    def forward(self):
        self.inverse = 1 / np.maximum(self.v, self.n)
        np.subtract(1, self.inverse * self.n, out=self.y)

    def backward(self):
        dv, dn = self.dx
        slope = self.dy * self.inverse * (self.v > self.n)
        if dn is not None:
            over_time(slope, dn)
            np.negative(dn, out=dn)
        if dv is not None:
            np.multiply(slope * self.inverse, self.n, out=dv)


class WienerNorm(Following):
    r"""A local Wiener filter of each channel, after batch norm or in its place.

    Parameters
    ----------
    channels, before, dtype
        As in `SparseNorm`.
    window : int
        Odd number of samples around each one.

    Notes
    -----
    .. math:: y = m + \frac{\max(v - n, 0)}{v} (h - m)

    (Lim 1990, here on features). m and v are mean and variance of h over the window, which is cut
    off at the ends. :math:`n = c\,\overline{v}` is the noise power of each signal and channel, with
    c learned, from 0.5.

    Examples
    --------
    >>> layer = WienerNorm(1)
    >>> print(layer(np.array([[[0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0]]])).data.round(2))
    [[[0.   0.   0.64 7.71 0.64 0.   0.  ]]]
    """

    def __init__(self, channels, *, before="", window=3, dtype=np.float32):
        super().__init__(channels, before, dtype)
        self.raw = positive(channels, dtype, 0.5)
        self.window = _check.integer(window, "window", 1)
        if window % 2 == 0:
            raise ValueError(f"window must be odd, so that it has a centre, not {window}")

    def forward(self, x):
        """Filter ``(batch, channels, length)``."""
        h = self.features(x)
        level = h.mean(axis=2, keepdims=True)  # its square would cost the variance digits
        h = h - level
        mean = ops.moving_mean(h, self.window)
        power = ops.relu(ops.moving_mean(h * h, self.window) - mean * mean)
        noise = ops.softplus(self.raw) * (power.mean(axis=2, keepdims=True) + FLOOR)
        return level + mean + (h - mean) * WienerGain(power, noise).out


class LinePrediction(Op):
    """p[t] = w[t]' u[t], u[t] = x[t - 1] .. x[t - M], the weights found on the way

    After each sample w moves by mu e u / (eps + u'u) - rho sign(w), e = x[t] - p[t]. The gradient
    is truncated, with the weights as constants: dx[t - k] = w_k[t] dp[t].
    """

    def __init__(self, x, taps, mu, rho, eps):
        batch, channels, length = x.shape
        self.mu, self.rho, self.eps, self.taps = mu, rho, eps, taps
        y = empty(x.shape, x.dtype)
        self.x, self.y = inner(x.data), inner(y)
        self.weights = np.empty((length, taps, channels, batch), x.dtype)
        self.past = np.zeros((length + taps, channels, batch), x.dtype)
        super().__init__([x], y)

    def forward(self):
        x, w = self.past, np.zeros_like(self.weights[0])
        np.copyto(x[self.taps :], self.x.swapaxes(0, 1))
        predicted = self.y.swapaxes(0, 1)
        for t, kept in enumerate(self.weights):
            np.copyto(kept, w)
            u = x[t : t + self.taps]  # the oldest comes first
            p = np.add.reduce(w * u)
            predicted[t] = p
            step = self.mu * (x[t + self.taps] - p) / (self.eps + np.add.reduce(u * u))
            w = w + step * u - self.rho * np.sign(w)

    def backward(self):
        dx, dp = inner(self.dx[0]).swapaxes(0, 1), inner(self.dy).swapaxes(0, 1)
        length, taps = len(dx), self.taps
        dx.fill(0)
        for k in range(taps):  # tap k sees the sample t + k - taps
            delay = taps - k
            if delay < length:
                dx[: length - delay] += self.weights[delay:, k] * dp[delay:]


class LineEnhancer(Following):
    r"""An adaptive line enhancer: a mix of what can be predicted from the past, and of the rest.

    Parameters
    ----------
    channels, before, dtype
        As in `SparseNorm`.
    taps : int
        Samples of the past that the prediction is made of.
    mu, rho, eps : float
        Step size, attraction of the weights to zero, and number added to the power.

    Notes
    -----
    A zero-attracting normalised LMS filter (Widrow et al. 1975; Chen, Gu & Hero 2009) of each
    signal and channel starts with w = 0 and runs along time, :math:`u_t = (x_{t-1} .. x_{t-M})`:

    .. math:: p_t = w'u_t, \quad e_t = x_t - p_t, \quad
        w \leftarrow w + \mu e_t u_t / (\epsilon + u_t'u_t) - \rho\,\mathrm{sign}(w)

    The output is :math:`y = a p + (1 - a) e`, with a learned for each channel, from 1/2. The
    gradient treats the weights w as constants.

    Examples
    --------
    >>> layer = LineEnhancer(1, taps=1, mu=0.5)
    >>> layer.raw.data[...] = 99  # the prediction alone
    >>> print(layer(np.ones((1, 1, 5))).data.round(3))
    [[[0.    0.    0.5   0.749 0.874]]]
    """

    def __init__(
        self, channels, *, before="", taps=4, mu=0.1, rho=1e-4, eps=1e-3, dtype=np.float32
    ):
        super().__init__(channels, before, dtype)
        self.taps = _check.integer(taps, "taps", 1)
        self.mu, self.rho = _check.number(mu, "mu"), _check.number(rho, "rho")
        self.eps = _check.divisor(eps, "eps", dtype)
        self.raw = Parameter(np.zeros((channels, 1), dtype))

    def forward(self, x):
        """Filter ``(batch, channels, length)``."""
        x = self.features(x)
        p = LinePrediction(x, self.taps, self.mu, self.rho, self.eps).out
        share = ops.sigmoid(self.raw)
        return share * p + (1.0 - share) * (x - p)
