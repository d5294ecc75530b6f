"""An adaptive filter in place of a normalisation, or after it: local Wiener shrinkage."""

import numpy as np

from denoiselib import _check
from denoiselib.nn import ops
from denoiselib.nn.norm.before import Following
from denoiselib.nn.norm.levels import FLOOR, positive


class WienerNorm(Following):
    r"""A local Wiener filter of each channel: an adaptive filter, after batch norm or in its place.

    Parameters
    ----------
    channels, before, dtype
        As in `SparseNorm`.
    window : int
        Odd number of samples around each one.

    Notes
    -----
    With m and v the mean and the variance of h over the window, at the ends over what there is of
    it, and the noise power :math:`n = c\,\overline{v}` of each signal and channel, c learned,
    started at 0.5 (Lim 1990, here on features):

    .. math:: y = m + \frac{\max(v - n, 0)}{v} (h - m)

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
        return level + mean + (h - mean) * ops.wiener_gain(power, noise)
