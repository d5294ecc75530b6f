"""Normalisation layers, by name in one registry: a new one is one class.

A layer has four ways to find its statistics, set for a whole network by `Module.train` and
`Module.eval`: in training from the batch, updating the running statistics; at test, updating
nothing, from the running statistics (the slides' *fixed* mode), from the batch again (*unfixed*) or
from each signal alone.
"""

from denoiselib import _check
from denoiselib.nn.norm.batch import BatchNorm1d
from denoiselib.nn.norm.trained import fold, recalibrate

__all__ = ["NORMS", "BatchNorm1d", "fold", "make", "recalibrate"]

#: Normalisations by name: classes that are made with the number of channels, or None.
NORMS = {"none": None, "batch": BatchNorm1d}


def make(name, channels, dtype):
    """Make the normalisation of that name, or None for ``"none"``."""
    layer = NORMS[_check.choice(name, "norm", NORMS)]
    return None if layer is None else layer(channels, dtype=dtype)
