"""Many networks of one architecture side by side as one, which costs little more than one.

Small networks spend most of their time on calls, not on numbers. A stack has the channels of all
its nets, and convolutions in as many groups: every call then does the work of all.
"""

from copy import deepcopy

import numpy as np

from denoiselib import _check
from denoiselib.nn import train
from denoiselib.nn.modules import Conv1d, Module, Network
from denoiselib.nn.norm.batch import Normalisation
from denoiselib.nn.tensor import Tensor, no_grad, using_statistics

PROBE = 48  #: samples of a signal on which a stack is compared with its nets


def stack(nets):
    """Return one network that holds copies of several of one architecture and mode.

    Parameters
    ----------
    nets : sequence of Network
        At least two, made with the same arguments but for `rng`.

    Returns
    -------
    Network
        It trains by `train.fit`, which gives one loss for each net, saves its state, and denoises:
        ``stack.denoise(noisy)`` has the shape ``(nets, n, length)``. Called with signals ``(batch,
        1, length)`` all nets see the same; with ``(batch, nets, length)`` each sees its own.

    Raises
    ------
    ValueError
        If the nets differ in anything but their numbers, or cannot stand side by side.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> nets = [PlainNet(rng=seed).eval() for seed in range(3)]
    >>> noisy = np.sin(np.arange(200.0)).reshape(2, 100)
    >>> together = stack(nets).denoise(noisy)
    >>> print(together.shape, np.allclose(together[2], nets[2].denoise(noisy), atol=1e-6))
    (3, 2, 100) True
    """
    nets = [_check.instance(net, "nets", Network) for net in _check.several(nets, "nets")]
    if len(nets) < 2 or any(net.nets > 1 for net in nets):
        raise ValueError("nets must be at least two single networks")
    for k, net in enumerate(nets):
        if difference := _difference(nets[0], net):
            raise ValueError(f"nets must be of one architecture and mode: nets[{k}] {difference}")
    states = [net.state_dict() for net in nets]
    whole = deepcopy(nets[0])
    whole.owners = {}
    for module in whole.modules():
        module.nets = len(nets)
    for name, tensor, axis in _tensors(whole):
        arrays = [state[name] for state in states]
        _replace(tensor, np.concatenate(arrays, axis))
        numbers = [np.full(array.shape, k, np.int32) for k, array in enumerate(arrays)]
        whole.owners[name] = np.concatenate(numbers, axis)
    _joined(whole)
    _check_that_nothing_is_mixed(whole, nets)
    return whole


def unstack(whole):
    """Return the networks of a stack, as copies.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> first, second = unstack(stack([PlainNet(rng=seed) for seed in (4, 5)]))
    >>> np.array_equal(second.vector, PlainNet(rng=5).vector)
    True
    """
    if _check.instance(whole, "whole", Network).nets == 1:
        raise ValueError("whole must be a stack of networks, see stack")
    return [_taken(whole, k) for k in range(whole.nets)]


def streams(sources):
    """Return data for a stack in which each net has its own.

    Parameters
    ----------
    sources : sequence of callables
        ``source(step)`` gives arrays ``(batch, length)`` or ``(batch, channels, length)``, as
        `train.fresh` does; one for each net, all of the same shapes.

    Returns
    -------
    callable
        ``data(step)`` gives as many arrays ``(batch, nets * channels, length)``.

    Examples
    --------
    >>> from denoiselib.nn import train
    >>> data = streams([train.fresh("blocks", 1.0, 4, seed=seed) for seed in range(3)])
    >>> [array.shape for array in data(0)]
    [(4, 3, 100), (4, 3, 100)]
    """
    sources = [_check.function(f, "sources") for f in _check.several(sources, "sources")]

    def data(step):
        drawn = zip(*(train.batch_of(source(step)) for source in sources), strict=True)
        return tuple(np.concatenate(arrays, axis=1) for arrays in drawn)

    return data


def _check_that_nothing_is_mixed(whole, nets):
    """Refuse a layer that does not know of stacks, such as one of the user's, by what it does."""
    probe = 1 + np.sin(np.arange(2.0 * PROBE)).reshape(2, 1, PROBE)
    probe = np.tile(probe, (1, 2 if whole.level == "given" else 1, 1))
    with no_grad(), using_statistics({}), np.errstate(all="ignore"):
        together = whole(probe).data
        for k, net in enumerate(nets):
            alone = net(probe).data[:, 0]
            if not np.allclose(together[:, k], alone, 1e-3, 1e-3 * np.ptp(alone), equal_nan=True):
                raise ValueError(
                    "nets cannot stand side by side: one of their layers mixes the channels of "
                    "all, or has numbers that are not in its state; see Module.nets"
                )


def _taken(whole, k):
    """Return a copy of one network of a stack."""
    net = deepcopy(whole)
    for _, tensor, axis in _tensors(net):
        _replace(tensor, np.split(tensor.data, whole.nets, axis)[k])
    for module in net.modules():
        vars(module).pop("nets")
    del net.owners
    return _joined(net)


def _tensors(module, prefix=""):
    """Yield names and tensors of the state, each with the axis along which channels lie."""
    for name, child in module.children():
        if isinstance(child, Module):
            yield from _tensors(child, f"{prefix}{name}.")
        else:
            # of three axes, a kernel's channels come first, those of what broadcasts in the middle
            yield prefix + name, child, int(child.ndim == 3 and not isinstance(module, Conv1d))


def _replace(tensor, array):
    tensor.data = array
    tensor.grad = None if tensor.grad is None else np.zeros_like(array)


def _joined(net):
    """Return a network whose parameters, and whose running statistics, lie together again."""
    for module in net.modules():
        if isinstance(module, Normalisation):
            module._join()
    net.flatten()
    return net


def _difference(net, other):
    """Return in words how a network differs from another in more than its numbers, or None."""
    ours, theirs = _settings(net), _settings(other)
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            return f"has {name} = {theirs.get(name)}, not {ours.get(name)}"
    return None


def _settings(module, prefix=""):
    """Return all attributes by name, but for arrays; of tensors, how they are made."""
    settings = {f"{prefix}type": type(module).__name__}
    for name, value in vars(module).items():
        if isinstance(value, Module):
            settings |= _settings(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            settings[prefix + name] = value.shape, str(value.dtype), value.requires_grad
        elif name != "_plans" and not isinstance(value, np.ndarray):
            settings[prefix + name] = value
    return settings
