"""Layers and networks of others that are near the proposal: what its study compares it with."""

import numpy as np

from denoiselib import nn
from denoiselib.nn import ops
from denoiselib.nn.modules import Conv1d
from denoiselib.nn.norm.sparse import FLOOR, Learned


class ResidualLevel(Learned):
    r"""In proportion to the norm of all features, :math:`\lambda = c \lVert h \rVert_2 / \sqrt n`.

    n is the number of features of a signal, over channels and time. Self-normalising ReLUs
    (Goldenstein, Sulam & Romano 2024, arXiv:2406.16052) unroll the square-root lasso, whose
    threshold is in proportion to the norm of the residual, so that it need not know the noise
    level. Before the first step nothing is explained, and the residual is all that a layer sees.
    """

    def forward(self, h):
        """Return ``(batch, channels, 1)``."""
        all_channels = h.shape[1]
        channels = all_channels // self.nets
        average = np.full((all_channels, channels), 1 / channels, h.dtype)
        power = ops.matmul(average, (h * h).mean(axis=2, keepdims=True), self.nets)
        return ops.softplus(self.raw) * (power + FLOOR**2) ** 0.5


class Wrapped(nn.PlainNet):
    r"""A plain net that answers alike in any unit and at any offset.

    :math:`f(y) = s\, g((y - m) / s) + m` with mean m and standard deviation s of each signal: every
    f with :math:`f(ay + b) = a f(y) + b` for a > 0 is of this form (Saied & Fleuret 2026,
    arXiv:2605.08193). A constant signal is returned as it is.

    Examples
    --------
    >>> net, y = Wrapped(width=4, rng=0).eval(), np.arange(20.0)
    >>> np.allclose(net.denoise(5 * y - 7), 5 * net.denoise(y) - 7, rtol=1e-4)
    True
    """

    def forward(self, x):
        """Denoise ``(batch, 1, length)``."""
        x = self.inputs(x)
        mean = x.mean(axis=2, keepdims=True)
        centred = x - mean
        tiny = float(np.finfo(x.dtype).tiny)
        deviation = ((centred * centred).mean(axis=2, keepdims=True) + tiny) ** 0.5
        return self.layers(centred / deviation) * deviation + mean


class ToldAll(nn.PlainNet):
    """A plain net that sees, beside each signal, three estimates of its noise level, as channels.

    They are the MAD, that of differences, and the mean magnitude. Arguments are those of
    `nn.PlainNet`.

    Examples
    --------
    >>> ToldAll(rng=0).eval().denoise(np.ones((2, 100))).shape
    (2, 100)
    """

    def __init__(self, width=16, depth=4, kernel=3, *, init="pytorch", rng=0, **options):
        super().__init__(width, depth, kernel, init=init, rng=rng, **options)
        first = Conv1d(4, width, kernel, init=init, rng=rng, dtype=self.dtype)
        setattr(self.layers, "0", first)
        self.flatten()

    def forward(self, x):
        """Denoise ``(batch, 1, length)``."""
        x = self.inputs(x)
        steps = ops.mad(x[..., 1:] - x[..., :-1]) * 0.5**0.5
        levels = [ops.mad(x), steps, ops.mean_magnitude(x)]
        ones = np.ones((1, 1, x.shape[2]))
        return self.layers(ops.concat([x, *(level * ones for level in levels)]))


#: Networks that a recipe may have for its ``net``.
NETS = {"wrapped": Wrapped, "told all": ToldAll}
