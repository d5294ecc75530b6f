"""The layers of a network, and the features that pass through them."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.nn import BatchNorm1d, Conv1d, Module, no_grad
from denoiselib.nn.modules import Activation, Network
from denoiselib.nn.tensor import real


class Layer(NamedTuple):
    """A convolution and what follows it."""

    conv: Conv1d  #: kernel and bias
    norm: Module | None  #: normalisation, None without
    activation: Activation | None  #: None behind the last convolution


class Features(NamedTuple):
    """What passes through one layer, arrays ``(n, channels, length)``."""

    input: np.ndarray  #: what the convolution sees
    before: np.ndarray  #: behind the convolution, before the normalisation
    normal: np.ndarray  #: behind the normalisation; `before` where there is none
    output: np.ndarray  #: behind the activation

    def zeros(self):
        """Return the share of zeros in the output, for each channel."""
        return np.mean(self.output == 0, axis=(0, 2))

    def dead(self):
        """Return for each channel whether its output is one constant: it tells nothing."""
        return np.ptp(self.output, axis=(0, 2)) == 0


def find_layers(net):
    """Return the layers of a network in the order in which a signal passes them.

    Parameters
    ----------
    net : Network
        A `PlainNet` or a `UNet` without prior network.

    Returns
    -------
    dict of str to Layer
        The name is that of the block, with a number where a block has several layers.

    Raises
    ------
    ValueError
        If the network has a prior network, which changes a kernel with the signal.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, UNet
    >>> list(find_layers(PlainNet()))
    ['layer 1', 'layer 2', 'layer 3', 'layer 4']
    >>> list(find_layers(UNet()))[:3], len(find_layers(UNet()))
    (['inc 1', 'inc 2', 'down1 1'], 19)
    """
    if _check.instance(net, "net", Network).mixes_batch:
        raise ValueError("net must not have a prior network: its kernels depend on the signals")
    found = {}
    for name, block in net.children():
        own = [layer for module in block.modules() for layer in _layers_in(module)]
        name = {"layers": "layer"}.get(name, name)
        numbered = [f"{name} {k}" for k in range(1, len(own) + 1)] if len(own) > 1 else [name]
        found |= dict(zip(numbered, own, strict=True))
    return found


def _layers_in(module):
    """Group the children of a module: each convolution with what stands before the next one."""
    groups = []
    for _, child in module.children():
        if isinstance(child, Conv1d):
            groups.append([child, None, None])
        elif groups and isinstance(child, Module):
            groups[-1][1 + isinstance(child, Activation)] = child
    return [Layer(*group) for group in groups]


def features(net, noisy):
    """Return what passes through each layer of a network, in the mode that it is in.

    Parameters
    ----------
    net : Network
        In evaluation mode.
    noisy : array_like (..., length)
        Signals; in the mode ``eval("batch")`` all of them are one batch.

    Returns
    -------
    dict of str to Features
        By the names of `find_layers`.

    Raises
    ------
    TypeError, ValueError
        If `noisy` is empty, not real or not finite; if the network is in training mode, or has a
        prior network.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> seen = features(PlainNet(rng=0).eval(), np.ones((2, 100)))
    >>> seen["layer 2"].output.shape, seen["layer 2"].zeros().shape
    ((2, 16, 100), (16,))
    """
    layers, x = find_layers(net), as_batch(net, noisy)
    parts = [part for layer in layers.values() for part in layer if part is not None]
    with no_grad(), watching(parts) as seen:
        net(x)
    arrays = {module: (x.data, y.data) for module, x, y in seen}
    return {name: _gather(layer, arrays) for name, layer in layers.items()}


def _gather(layer, arrays):
    found = [*arrays[layer.conv]]
    for part in layer[1:]:
        found.append(found[-1] if part is None else arrays[part][1])
    return Features(*found)


@contextmanager
def watching(modules):
    """Gather what modules are given and what they return, whenever they compute meanwhile.

    Parameters
    ----------
    modules : iterable of Module
        For example all of a kind: ``[m for m in net.modules() if isinstance(m, Activation)]``.

    Yields
    ------
    list of (Module, Tensor, Tensor)
        A module, its input and its output, in the order of the computation. Outside of
        `nn.no_grad` they are part of the tape: a loss may be made of them.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(rng=0).eval()
    >>> with watching([find_layers(net)["layer 1"].activation]) as seen:
    ...     y = net(np.ones((2, 1, 100)))
    >>> [(type(module).__name__, x.shape, y.shape) for module, x, y in seen]
    [('Activation', (2, 16, 100), (2, 16, 100))]
    """
    seen = []
    forwards = {module: module.forward for module in modules}

    def watch(module, x):
        y = forwards[module](x)
        seen.append((module, x, y))
        return y

    with in_place_of(dict.fromkeys(forwards, watch)):
        yield seen


@contextmanager
def in_place_of(forwards):
    """Let modules compute something else for a while: ``{module: function(module, x)}``."""
    before = {module: vars(module).get("forward") for module in forwards}
    for module, function in forwards.items():
        module.forward = lambda x, module=module, function=function: function(module, x)
    try:
        yield
    finally:
        for module, forward in before.items():
            del module.forward
            if forward is not None:  # of an outer `in_place_of`
                module.forward = forward


@contextmanager
def constant_parameters(net):
    """Let no gradient go to parameters for a while, so that those of features cost less."""
    wanted = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in wanted:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in wanted:
            parameter.requires_grad = True


def as_batch(net, noisy, name="noisy"):
    """Check network and signals; return them as ``(n, 1, length)`` in the network's dtype."""
    if _check.instance(net, "net", Network).training:
        raise ValueError("net must be in evaluation mode: call net.eval() first")
    noisy = real(_check.array(noisy, name), net.dtype, name)
    return noisy.reshape(-1, 1, noisy.shape[-1])


def norm_gains(net, noisy):
    r"""Return the factor by which each batch norm multiplies, in the mode that it is in.

    Parameters
    ----------
    net, noisy
        As in `features`.

    Returns
    -------
    dict of str to ndarray (channels,)
        By the names of `find_layers`; layers without normalisation are left out. In the mode
        ``eval("signal")`` each signal has its own factors, ``(n, channels)``.

    Raises
    ------
    TypeError
        If the network has another normalisation than batch norm.

    Notes
    -----
    :math:`\gamma / \sqrt{v + \epsilon}`, v the running variance or that of the batch. In *fixed*
    mode it is a constant. In *unfixed* mode it is an automatic gain control: features that are
    c times as large are multiplied by 1/c of it.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> gains = norm_gains(PlainNet(rng=0).eval(), np.ones((2, 100)))
    >>> print(gains["layer 1"].shape, gains["layer 1"][0].round(3))
    (16,) 1.0
    """
    seen, gains = features(net, noisy), {}
    for name, layer in find_layers(net).items():
        norm = layer.norm
        if norm is None:
            continue
        if type(norm) is not BatchNorm1d:
            raise TypeError(f"net must have batch norm or none, not {type(norm).__name__}")
        if norm.statistics == "running":
            var = norm.running_var.data
        else:
            var = seen[name].before.var(axis=2 if norm.statistics == "signal" else (0, 2))
        gains[name] = norm.weight.data / np.sqrt(var + norm.eps)
    return gains
