"""Losses: scalar tensors, means over all samples."""

import numpy as np

from denoiselib.nn.ops.layout import tensors
from denoiselib.nn.tensor import Op


class Loss(Op):
    """mean of f(error), error = prediction - target"""

    def __init__(self, prediction, target):
        self.p, self.t = prediction.data, target.data
        self.error, self.slope = np.empty_like(self.p), np.empty_like(self.p)
        self.flat_error, self.flat_slope = self.error.ravel("K"), self.slope.ravel("K")
        self.y = np.empty((), self.p.dtype)
        super().__init__([prediction, target], self.y)

    def backward(self):
        """The gradient is the slope f'(error), over the number of samples."""
        share = self.dy / self.slope.size
        for d, sign in zip(self.dx, (1, -1), strict=True):
            if d is not None:
                np.multiply(self.slope, sign * share, out=d)


class SquaredError(Loss):
    """error^2, of slope 2 error"""

    def forward(self):
        np.subtract(self.p, self.t, out=self.error)
        np.add(self.error, self.error, out=self.slope)
        self.y[...] = np.dot(self.flat_error, self.flat_error) / self.error.size


class SmoothL1(Loss):
    """error^2 / 2 up to 1, |error| - 1/2 beyond, of slope clip(error, -1, 1)"""

    def forward(self):
        np.subtract(self.p, self.t, out=self.error)
        np.clip(self.error, -1, 1, out=self.slope)
        # slope (error - slope / 2) is both branches at once
        total = np.dot(self.flat_slope, self.flat_error)
        total -= np.dot(self.flat_slope, self.flat_slope) / 2
        self.y[...] = total / self.error.size


def mse(prediction, target):
    """Return the mean squared error.

    Parameters
    ----------
    prediction, target : Tensor or array_like
        Of one shape.

    Returns
    -------
    Tensor ()
        The mean over all samples.

    Examples
    --------
    >>> print(mse([1.0, 2.0], [1.0, 4.0]).item())
    2.0
    """
    return SquaredError(*_pair(prediction, target)).out


def smooth_l1(prediction, target):
    """Return the mean Huber loss with its bend at 1, the slides' SmoothL1.

    Parameters
    ----------
    prediction, target : Tensor or array_like
        Of one shape.

    Returns
    -------
    Tensor ()
        The mean over all samples.

    Examples
    --------
    >>> print(smooth_l1([1.0, 2.0], [1.5, 4.0]).item())
    0.8125
    """
    return SmoothL1(*_pair(prediction, target)).out


#: Losses by name.
LOSSES = {"mse": mse, "smooth_l1": smooth_l1}


def _pair(prediction, target):
    prediction, target = tensors(prediction=prediction, target=target)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction and target have shapes {prediction.shape}, {target.shape}")
    return prediction, target
