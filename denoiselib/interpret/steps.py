"""A layer as a step of a minimisation."""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.interpret.layers import Layer
from denoiselib.interpret.linear import frequency_response
from denoiselib.nn import BatchNorm1d, ops


class ProximalStep(NamedTuple):
    r"""A layer as the first step of ISTA, with a step size and a penalty for each channel.

    With the adjoint :math:`A^\top y = K * y` the step from X = 0 is
    :math:`X_c = \max(\mu_c (A^\top y)_c - \mu_c \lambda_c, 0)`.
    """

    kernel: np.ndarray  #: K, (channels, in_channels, taps), without the signs of the gains
    step: np.ndarray  #: mu, (channels,), not negative
    threshold: np.ndarray  #: mu lambda, (channels,); a penalty only where it is positive

    @property
    def weight(self):
        """The weight lambda of the penalty; infinite or NaN where the step is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.threshold / self.step

    def correlate(self, y):
        """Return ``A' y``: signals ``(n, in_channels, length)`` against each kernel."""
        y = _signals(y, "y", self.kernel.shape[1])
        return ops.conv1d(y, self.kernel, padding=self.kernel.shape[2] // 2).data

    def synthesise(self, x):
        """Return ``A X``, the adjoint of `correlate`: a sum of kernels, as high as X says."""
        x = _signals(x, "x", self.kernel.shape[0])
        kernel = self.kernel.swapaxes(0, 1)[..., ::-1].copy()
        return ops.conv1d(x, kernel, padding=self.kernel.shape[2] // 2).data

    def stiffness(self):
        r"""Return the largest eigenvalue of :math:`A\,\mathrm{diag}(\mu) A^\top`.

        Below 2 the step lowers `energy` for all signals, above it may overshoot: the energy of
        the direction with this eigenvalue changes as in gradient descent with that step.
        """
        _, response = frequency_response(self.kernel)
        weighted = np.sqrt(self.step)[:, None, None] * response
        return float(np.linalg.norm(np.moveaxis(weighted, -1, 0), 2, axis=(1, 2)).max() ** 2)

    def __call__(self, y):
        """Return what the layer makes of ``(n, in_channels, length)``."""
        u = self.step[:, None] * self.correlate(y)
        return np.maximum(u - self.threshold[:, None], 0)

    def model(self, x, y):
        r"""Return what the layer minimises, for each signal.

        :math:`\sum_c \frac{1}{2\mu_c} \|X_c - \mu_c (A^\top y)_c\|^2 + \lambda_c \sum_t X_{c,t}`
        over X >= 0; all steps must be positive.
        """
        step, weight = self.step[:, None], self.weight[:, None]
        x, correlated = _signals(x, "x", len(self.kernel)), self.correlate(y)
        _check.broadcast(x, correlated, "x and what correlates with y")
        distance = x - step * correlated
        return (distance**2 / (2 * step) + weight * x).sum(axis=(1, 2))

    def energy(self, x, y):
        r"""Return :math:`\frac12 \|y - A X\|^2 + \sum_c \lambda_c \sum_t X_{c,t}` of each signal.

        The sparse coding problem that ISTA solves; `model` bounds it from above, up to a constant,
        where the steps are short enough: :math:`A^\top A \le \mathrm{diag}(1/\mu)`.
        """
        y, synthesised = _signals(y, "y", self.kernel.shape[1]), self.synthesise(x)
        _check.broadcast(y, synthesised, "y and what x synthesises")
        misfit = (y - synthesised) ** 2
        return misfit.sum(axis=(1, 2)) / 2 + (self.weight[:, None] * x).sum(axis=(1, 2))


def proximal_step(layer):
    r"""Read convolution, batch norm with running statistics, and ReLU as one proximal step.

    Parameters
    ----------
    layer : Layer
        From `find_layers`.

    Returns
    -------
    ProximalStep
        Computes what the layer computes in the mode ``eval("running")``.

    Raises
    ------
    TypeError
        If the layer has no ReLU, or another normalisation than batch norm.

    Notes
    -----
    With the gain :math:`g = \gamma/\sqrt{v + \epsilon}` (1 without batch norm), step size
    :math:`\mu = |g|`, kernel :math:`\mathrm{sign}(g) K` and threshold
    :math:`\tau = \mu\lambda = g (m - b) - \beta` (b is the convolution's bias, m the running mean):

    .. math:: \mathrm{relu}(u - \tau) = \arg\min_{x \ge 0} \tfrac12 (x - u)^2 + \tau x,

    because the derivative x - u + tau vanishes at x = u - tau if that is positive, and is positive
    for all x > 0 if not. Where :math:`\tau < 0` the term rewards instead of penalising.

    Examples
    --------
    >>> from denoiselib.interpret import find_layers
    >>> from denoiselib.nn import PlainNet
    >>> step = proximal_step(find_layers(PlainNet(rng=0))["layer 1"])
    >>> print(step.step.shape, step(np.ones((1, 1, 5), np.float32)).shape)
    (16,) (1, 16, 5)
    """
    conv, norm, activation = _check.instance(layer, "layer", Layer)
    if activation is None or activation.function is not ops.relu:
        raise TypeError("layer must end with a ReLU")
    bias = 0 if conv.bias is None else conv.bias.data
    if norm is None:
        gain, mean, beta = np.ones(len(conv.weight.data), conv.dtype), 0, 0
    elif type(norm) is BatchNorm1d:
        gain = norm.weight.data / np.sqrt(norm.running_var.data + norm.eps)
        mean, beta = norm.running_mean.data, norm.bias.data
    else:
        raise TypeError(f"layer must have batch norm or none, not {type(norm).__name__}")
    kernel = np.where(gain < 0, -1, 1).astype(gain.dtype)[:, None, None] * conv.weight.data
    return ProximalStep(kernel, np.abs(gain), gain * (mean - bias) - beta)


def _signals(array, name, channels):
    array = _check.array(array, name)
    if array.ndim != 3 or array.shape[1] != channels:
        raise ValueError(f"{name} must have the shape (n, {channels}, length), not {array.shape}")
    return array
