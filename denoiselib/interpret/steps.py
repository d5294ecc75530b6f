"""A layer as a step of a minimisation, and the energies that the slides give to a network."""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.interpret.layers import (
    as_batch,
    constant_parameters,
    features,
    find_layers,
    in_place_of,
)
from denoiselib.interpret.linear import frequency_response
from denoiselib.nn import BatchNorm1d, Module, Tensor, ops, optim
from denoiselib.nn.losses import LOSSES
from denoiselib.nn.modules import Parameter


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
        return ops.conv1d(y, self.kernel, padding=self.kernel.shape[2] // 2).data

    def synthesise(self, x):
        """Return ``A X``, the adjoint of `correlate`: a sum of kernels, as high as X says."""
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
        distance = x - step * self.correlate(y)
        return (distance**2 / (2 * step) + weight * x).sum(axis=(1, 2))

    def energy(self, x, y):
        r"""Return :math:`\frac12 \|y - A X\|^2 + \sum_c \lambda_c \sum_t X_{c,t}` of each signal.

        The sparse coding problem that ISTA solves; `model` bounds it from above, up to a constant,
        where the steps are short enough: :math:`A^\top A \le \mathrm{diag}(1/\mu)`.
        """
        misfit = (y - self.synthesise(x)) ** 2
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
    conv, norm, activation = layer
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


class Energy(NamedTuple):
    """The three terms of the slides' energies, scalar tensors: means over all elements."""

    data: Tensor  #: loss between the network's output and the target
    normal: Tensor  #: squared distance between features and their batch norm
    sparse: Tensor  #: magnitudes of the features, to the power p

    def total(self, gamma, lam):
        """Return ``data + gamma normal + lam sparse``."""
        return self.data + gamma * self.normal + lam * self.sparse


def energy(net, name, x, noisy, target, p=1.0, loss="smooth_l1"):
    r"""Return the terms of the slides' energy for the features of one layer.

    Parameters
    ----------
    net : Network
        In evaluation mode; batch norm works in the mode that it is in.
    name : str
        A layer, by its name in `find_layers`.
    x : Tensor or array_like (n, channels, length)
        Features of that layer, in place of those that its convolution gives.
    noisy : array_like (n, length)
        Signals: what passes to the rest of the network by other ways, such as skips.
    target : array_like (n, length)
        What the output is compared with: the clean signals give the *training* energy, the noisy
        ones the *testing* energy.
    p : float
        Power of the sparse term, positive; below 1 it has no gradient at 0.
    loss : str
        Name in `nn.losses.LOSSES`.

    Returns
    -------
    Energy
        Scalars with gradients to `x`, if that is a tensor that wants them.

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not real or not finite, or a name unknown.

    Notes
    -----
    :math:`L(Y - \Omega(X)) + \Gamma\, \overline{(\mathrm{BN}(X) + B - X)^2} +
    \Lambda\, \overline{|X|^p}` where :math:`\Omega` is all that follows the convolution, BN(X) + B
    batch norm with its shift, and the bar an average over elements. In training the energy is
    minimised over the weights, in testing over X.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.ones((2, 100))
    >>> x = features(net, noisy)["layer 2"].before
    >>> terms = energy(net, "layer 2", x, noisy, target=noisy)
    >>> print(terms.normal.item() > 0, terms.total(gamma=0.0, lam=0.0).item() == terms.data.item())
    True True
    """
    layers = find_layers(net)
    layer = layers[_check.choice(name, "name", layers)]
    batch, target = as_batch(net, noisy), as_batch(net, target)
    loss = LOSSES[_check.choice(loss, "loss", LOSSES)]
    x = x if isinstance(x, Tensor) else Tensor(np.asarray(x, net.dtype))
    with in_place_of({layer.conv: lambda conv, seen: x}):
        output = net(batch)
    distance = (x if layer.norm is None else layer.norm(x)) - x
    size = abs(x)
    return Energy(
        loss(output, target),
        (distance * distance).mean(),
        (size if p == 1 else size**p).mean(),
    )


class Minimum(NamedTuple):
    """Where a descent has led, and what the network makes of it."""

    x: np.ndarray  #: features (n, channels, length)
    totals: np.ndarray  #: energy before each step and at the end, (steps + 1,)
    estimate: np.ndarray  #: output of the network for these features, (n, length)


class _Free(Module):
    """Features that are free to move."""

    def __init__(self, x):
        self.x = Parameter(x)
        self.flatten()


def minimise_energy(net, name, noisy, gamma=0.0, lam=0.0, *, steps=200, lr=0.05):
    """Minimise the slides' testing energy over the features of one layer, by Adam.

    Parameters
    ----------
    net, name, noisy
        As in `energy`; the descent starts from what the forward pass gives.
    gamma, lam : float
        Weights of the normal and of the sparse term.
    steps : int
        Number of steps.
    lr : float
        Size of the first steps, in units of the features; it falls along a cosine.

    Returns
    -------
    Minimum
        The features of least energy that were met.

    Raises
    ------
    TypeError, ValueError
        As `energy`.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.ones((2, 100))
    >>> found = minimise_energy(net, "layer 3", noisy, steps=20)
    >>> bool(found.totals[-1] < found.totals[0])
    True
    """
    _check.integer(steps, "steps", 1)
    _check.choice(name, "name", find_layers(net))
    free = _Free(features(net, noisy)[name].before.copy())
    descent, schedule, totals = optim.Adam(free, lr), optim.cosine(lr, steps), []
    best, least = free.x.data.copy(), np.inf
    with constant_parameters(net):
        for step in range(steps + 1):
            total = energy(net, name, free.x, noisy, noisy).total(gamma, lam)
            totals.append(total.item())
            if totals[-1] < least:
                best, least = free.x.data.copy(), totals[-1]
            if step < steps:
                total.backward()
                descent.lr = schedule(step)
                descent.step()
    layer = find_layers(net)[name]
    with in_place_of({layer.conv: lambda conv, seen: Tensor(best)}):
        estimate = net(as_batch(net, noisy)).data.reshape(np.shape(noisy))
    return Minimum(best, np.array(totals), estimate)
