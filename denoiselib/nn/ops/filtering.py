"""Filters along time, of each channel by itself."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import inner, signals, tensors
from denoiselib.nn.tensor import Op, empty


class Filter1d(Op):
    """y[c, t] = sum_k w[c, k] x[c, t + k - K // 2], zeros beyond the ends"""

    def __init__(self, x, kernel):
        taps, length = kernel.shape[1], x.shape[2]
        y = empty(x.shape, x.dtype)
        self.x, self.y, self.kernel = inner(x.data), inner(y), kernel.data
        self.part = np.empty_like(self.x)
        self.overlaps = []
        for k in range(taps):
            shift = k - taps // 2
            first, last = max(0, -shift), min(length, length - shift)
            if first < last:
                self.overlaps.append((k, slice(first, last), slice(first + shift, last + shift)))
        super().__init__([x, kernel], y)

    def forward(self):
        self.y.fill(0)
        self._spread(self.x, self.y, 1)

    def _spread(self, source, target, step):
        """Add the shifted source to the target, forwards or, with step -1, backwards."""
        for k, *places in self.overlaps:
            to, of = places[::step]
            part = self.part[:, of]
            np.multiply(source[:, of], self.kernel[:, k, None, None], out=part)
            target[:, to] += part

    def backward(self):
        dx, dw = self.dx
        dy = inner(self.dy)
        if dx is not None:
            inner(dx).fill(0)
            self._spread(dy, inner(dx), -1)
        if dw is not None:
            dw.fill(0)
            for k, to, of in self.overlaps:
                part = self.part[:, to]
                np.multiply(dy[:, to], self.x[:, of], out=part)
                sums = part.sum(axis=(1, 2))
                dw[:, k] += sums if len(dw) > 1 else sums.sum()


def filter1d(x, kernel):
    """Return signals filtered along time, each channel by a kernel of its own.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Signals.
    kernel : Tensor (channels, taps) or (1, taps)
        An odd number of taps, centred.

    Returns
    -------
    Tensor (batch, channels, length)
        Correlations; beyond the ends there are zeros.

    Examples
    --------
    >>> print(filter1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[1.0, 0.0, -1.0]])).data)
    [[[-2. -3.  2.]]]
    """
    x, kernel = tensors(x=x, kernel=kernel)
    x = signals(x)
    if kernel.ndim != 2 or kernel.shape[0] not in (1, x.shape[1]) or kernel.shape[1] % 2 == 0:
        raise ValueError(
            f"kernel must have the shape ({x.shape[1]} or 1, an odd number of taps), "
            f"not {kernel.shape}"
        )
    return Filter1d(x, kernel).out


def moving_mean(x, window):
    """Return the mean over a window around each sample, over what there is of it at the ends.

    Examples
    --------
    >>> print(moving_mean(np.array([[[1.0, 2.0, 6.0]]]), 3).data)
    [[[1.5 3.  4. ]]]
    """
    (x,) = tensors(x=x)
    x = signals(x)
    if _check.integer(window, "window", 1) % 2 == 0:
        raise ValueError(f"window must be odd, so that it has a centre, not {window}")
    time = np.arange(x.shape[2])
    ends = np.minimum(time, window // 2) + np.minimum(time[::-1], window // 2) + 1
    return filter1d(x, np.ones((1, window))) * (1 / ends)
