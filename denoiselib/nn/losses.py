"""Losses: scalar tensors, means over all samples."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import signals, tensors
from denoiselib.nn.tensor import Op


class Loss(Op):
    """mean of f(error), error = prediction - target, for each of so many nets"""

    def __init__(self, prediction, target, nets):
        self.p, self.t = prediction.data, target.data
        self.error, self.slope = np.empty_like(self.p), np.empty_like(self.p)
        # in memory, the channels of a net follow those of the one before
        self.flat_error = self.error.ravel("K").reshape(nets, -1)
        self.flat_slope = self.slope.ravel("K").reshape(nets, -1)
        self.count = self.flat_error.shape[1]
        self.y = np.empty(() if nets == 1 else nets, self.p.dtype)
        self.each, self.part = self.y.reshape(nets), np.empty(nets, self.p.dtype)
        super().__init__([prediction, target], self.y)

    def backward(self):
        """The gradient is the slope f'(error), over the number of samples."""
        share = self.dy / self.count
        if share.ndim:  # one for each net, that is for its channel
            share = share[:, None].repeat(self.slope.shape[1] // len(share), axis=0)
        for d, sign in zip(self.dx, (1, -1), strict=True):
            if d is not None:
                np.multiply(self.slope, sign * share, out=d)


class SquaredError(Loss):
    """error^2, of slope 2 error"""

    def forward(self):
        np.subtract(self.p, self.t, out=self.error)
        np.add(self.error, self.error, out=self.slope)
        np.vecdot(self.flat_error, self.flat_error, out=self.each)
        self.each /= self.count


class SmoothL1(Loss):
    """error^2 / 2 up to 1, |error| - 1/2 beyond, of slope clip(error, -1, 1)"""

    def forward(self):
        np.subtract(self.p, self.t, out=self.error)
        np.clip(self.error, -1, 1, out=self.slope)
        # slope (error - slope / 2) is both branches at once
        np.vecdot(self.flat_slope, self.flat_error, out=self.each)
        self.each -= np.vecdot(self.flat_slope, self.flat_slope, out=self.part) / 2
        self.each /= self.count


def mse(prediction, target, nets=1):
    """Return the mean squared error.

    Parameters
    ----------
    prediction, target : Tensor or array_like
        Of one shape, with several nets ``(batch, nets * channels, length)``.
    nets : int
        How many networks computed them, see `stack`.

    Returns
    -------
    Tensor () or (nets,)
        The mean over all samples, of each network.

    Examples
    --------
    >>> print(mse([1.0, 2.0], [1.0, 4.0]).item())
    2.0
    """
    return SquaredError(*_pair(prediction, target, nets), nets).out


def smooth_l1(prediction, target, nets=1):
    """Return the mean Huber loss with its bend at 1, the slides' SmoothL1.

    Parameters
    ----------
    prediction, target : Tensor or array_like
        Of one shape, with several nets ``(batch, nets * channels, length)``.
    nets : int
        How many networks computed them, see `stack`.

    Returns
    -------
    Tensor () or (nets,)
        The mean over all samples, of each network.

    Examples
    --------
    >>> print(smooth_l1([1.0, 2.0], [1.5, 4.0]).item())
    0.8125
    """
    return SmoothL1(*_pair(prediction, target, nets), nets).out


#: Losses by name.
LOSSES = {"mse": mse, "smooth_l1": smooth_l1}


def _pair(prediction, target, nets):
    prediction, target = tensors(prediction=prediction, target=target)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction and target have shapes {prediction.shape}, {target.shape}")
    if _check.integer(nets, "nets", 1) == 1:
        return prediction, target
    return signals(prediction, "prediction"), signals(target, "target")
