"""Batch norms as part of the kernels: how a network is prepared for fast inference."""

import copy
import itertools

import numpy as np

from denoiselib.nn import BatchNorm1d, Conv1d
from denoiselib.nn.modules import Parameter


def fold(net):
    """Return a copy of a network that does in the mode "running" the same, without batch norms.

    With running statistics a batch norm is an affine map, which the convolution before it can do
    as well: kernel and bias are scaled by gamma / sqrt(var + eps), and the bias is shifted.
    """
    folded = copy.deepcopy(net)
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
