"""A neural network in NumPy alone: tape, layers, networks.

`tensor` is the tape and `ops` its operations; `modules` and `norm` are layers; `unet` holds the
networks; `losses`, `optim` and `train` train them. These are the core. `wrappers` clip and scale
gradients, `unsupervised` trains without clean signals, `checkpoint` keeps networks and trainings in
files, `long` applies networks to signals of any length, and `stacks` puts many side by side. States
are PyTorch's, by name and shape.
"""

from denoiselib._lazy import extras
from denoiselib.nn import losses, norm, ops, optim, train
from denoiselib.nn.modules import Conv1d, Module, Sequential
from denoiselib.nn.norm import BatchNorm1d
from denoiselib.nn.tensor import Program, Tensor, no_grad
from denoiselib.nn.unet import PlainNet, UNet

EXTRAS = {
    "checkpoint": "denoiselib.nn.checkpoint",
    "denoise_long": "denoiselib.nn.long:denoise_long",
    "schedules": "denoiselib.nn.schedules",
    "stacks": "denoiselib.nn.stacks",
    "stack": "denoiselib.nn.stacks:stack",
    "unstack": "denoiselib.nn.stacks:unstack",
    "unsure": "denoiselib.nn.unsure:unsure",
    "unsupervised": "denoiselib.nn.unsupervised",
    "wrappers": "denoiselib.nn.wrappers",
}
__all__ = [
    "BatchNorm1d", "Conv1d", "Module", "PlainNet", "Program", "Sequential", "Tensor", "UNet",
    "losses", "no_grad", "norm", "ops", "optim", "train", *EXTRAS,
]  # fmt: skip
__getattr__, __dir__ = extras(globals(), EXTRAS)
