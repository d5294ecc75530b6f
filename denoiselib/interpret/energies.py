"""The energies that the slides give to a network, evaluated and minimised."""

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
from denoiselib.nn import Module, Tensor, optim
from denoiselib.nn.losses import LOSSES
from denoiselib.nn.modules import Parameter
from denoiselib.nn.tensor import real


class Energy(NamedTuple):
    """The three terms of the slides' energies, scalar tensors: means over all elements."""

    data: Tensor  #: loss between the network's output and the target
    normal: Tensor  #: squared distance between features and their batch norm
    sparse: Tensor  #: magnitudes of the features, to the power p

    def total(self, gamma, lam):
        """Return ``data + gamma normal + lam sparse``."""
        gamma, lam = (_check.number(v, k, signed=True) for v, k in ((gamma, "gamma"), (lam, "lam")))
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
    batch, target = as_batch(net, noisy), as_batch(net, target, "target")
    loss = LOSSES[_check.choice(loss, "loss", LOSSES)]
    x = x if isinstance(x, Tensor) else Tensor(real(_check.array(x, "x"), net.dtype, "x"))
    p = _check.number(p, "p", positive=True)
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
    _check.number(gamma, "gamma", dtype=net.dtype)
    _check.number(lam, "lam", dtype=net.dtype)
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
