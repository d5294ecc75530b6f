"""What is done to the normalisations of a trained network."""

import copy
import itertools

import numpy as np

from denoiselib import _check
from denoiselib.nn.modules import Conv1d, Module, Parameter
from denoiselib.nn.norm.batch import BatchNorm1d, Normalisation
from denoiselib.nn.tensor import Tensor


def fold(net):
    """Return a copy of a network whose batch norms are part of its kernels, for fast inference.

    With running statistics a batch norm is an affine map, which the convolution before it can do
    as well: kernel and bias are scaled by gamma / sqrt(var + eps), and the bias is shifted.

    Parameters
    ----------
    net : Network
        Stays as it is.

    Returns
    -------
    Network
        Computes what `net` does in the mode ``eval(statistics="running")``, to rounding.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet().eval()
    >>> noisy = np.ones((1, 100))
    >>> np.allclose(fold(net).denoise(noisy), net.denoise(noisy), atol=1e-5)
    True
    """
    folded = copy.deepcopy(_check.instance(net, "net", Module))
    for module in list(folded.modules()):
        named = list(module.children())
        for (_, conv), (name, layer) in itertools.pairwise(named):
            if isinstance(conv, Conv1d) and type(layer) is BatchNorm1d:
                gain = layer.weight.data / np.sqrt(layer.running_var.data + layer.eps)
                conv.weight.data = conv.weight.data * gain[:, None, None]
                bias = 0 if conv.bias is None else conv.bias.data
                shifted = bias - layer.running_mean.data
                conv.bias = Parameter(shifted * gain + layer.bias.data)
                delattr(module, name)
    folded.flatten()
    return folded.eval()


def recalibrate(net, batches):
    """Recompute the running statistics of a network as averages over batches.

    Running statistics remember the last few batches of training, taken while the weights still
    moved; at batch size 1 they are little more than noise. This takes them anew, with the weights
    as they are: plain averages of the batches' means and (unbiased) variances.

    Parameters
    ----------
    net : Module
        Its weights and its mode stay as they are.
    batches : iterable of array_like or Tensor (batch, channels, length)
        Noisy signals such as it is trained on.

    Raises
    ------
    ValueError
        If there are no batches, or a layer finds statistics that are not finite. Whatever is raised
        on the way, the statistics stay as they were.

    Examples
    --------
    >>> layer = BatchNorm1d(1)
    >>> recalibrate(layer, [np.full((1, 1, 2), v, np.float32) for v in (1, 3)])
    >>> print(layer.running_mean.data, layer.running_var.data)
    [2.] [0.]
    """
    _check.instance(net, "net", Module)
    before = [(module, module.training, module.statistics) for module in net.modules()]
    averages = {m: Average(m.running) for m in net.modules() if isinstance(m, Normalisation)}
    count = 0
    try:
        net.train()
        for layer, average in averages.items():
            layer.record = average.add  # hides the method
        for batch in _check.iterator(batches, "batches"):
            batch = _check.array(batch.data if isinstance(batch, Tensor) else batch, "batches")
            if batch.ndim != 3:
                raise ValueError(
                    f"batches must have the shape (batch, channels, length), not {batch.shape}"
                )
            net(batch)
            count += 1
    finally:
        for layer in averages:
            vars(layer).pop("record", None)
        for module, training, statistics in before:
            module.training, module.statistics = training, statistics
    if not count:
        raise ValueError("batches must not be empty")
    if not all(np.isfinite(average.value).all() for average in averages.values()):
        raise ValueError("batches lead to statistics that are not finite")
    for layer, average in averages.items():
        if average.count:
            layer.running[...] = average.value


class Average:
    """The mean of arrays that come one by one."""

    def __init__(self, like):
        self.value, self.count = np.zeros_like(like), 0

    def add(self, array):
        """Take one more array into the mean."""
        self.count += 1
        self.value *= 1 - 1 / self.count
        self.value += 1 / self.count * array
