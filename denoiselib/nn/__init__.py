"""A neural network in NumPy alone: tape, layers, networks.

`tensor` is the tape and `ops` its operations; `modules` and `norm` are layers; `unet` holds the
networks; `losses`, `optim` and `train` train them, `unsupervised` does so without clean signals,
`checkpoint` keeps them, `long` applies them to signals of any length. States are PyTorch's, by name
and shape.
"""

from denoiselib.nn import checkpoint, losses, norm, ops, optim, train, unsupervised
from denoiselib.nn.long import denoise_long
from denoiselib.nn.modules import Conv1d, Module, Sequential
from denoiselib.nn.norm import BatchNorm1d
from denoiselib.nn.tensor import Program, Tensor, no_grad
from denoiselib.nn.unet import PlainNet, UNet

__all__ = [
    "BatchNorm1d",
    "Conv1d",
    "Module",
    "PlainNet",
    "Program",
    "Sequential",
    "Tensor",
    "UNet",
    "checkpoint",
    "denoise_long",
    "losses",
    "no_grad",
    "norm",
    "ops",
    "optim",
    "train",
    "unsupervised",
]
