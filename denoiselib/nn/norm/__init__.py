"""Normalisation layers, by name in one registry: a new one is one class.

A layer has four ways to find its statistics, set for a whole network by `Module.train` and
`Module.eval`: in training from the batch, updating the running statistics; at test, updating
nothing, from the running statistics (the slides' *fixed* mode), from the batch again (*unfixed*) or
from each signal alone.
"""

from functools import partial

from denoiselib import _check
from denoiselib.nn.norm.batch import BatchNorm1d, Normalisation
from denoiselib.nn.norm.predict import LineEnhancer
from denoiselib.nn.norm.sparse import SparseNorm, sparse
from denoiselib.nn.norm.trained import fold, recalibrate
from denoiselib.nn.norm.variants import (
    BiasFreeNorm,
    FilteredNorm,
    InstanceNorm,
    RepresentativeNorm,
)
from denoiselib.nn.norm.wiener import WienerNorm

__all__ = [
    "NORMS",
    "BatchNorm1d",
    "BiasFreeNorm",
    "FilteredNorm",
    "InstanceNorm",
    "LineEnhancer",
    "Normalisation",
    "RepresentativeNorm",
    "SparseNorm",
    "WienerNorm",
    "fold",
    "make",
    "recalibrate",
    "sparse",
]

#: Normalisations by name: callables that are given the number of channels and a dtype, or None.
NORMS = {
    "none": None,
    "batch": BatchNorm1d,
    "bias_free": BiasFreeNorm,
    "instance": InstanceNorm,
    "representative": RepresentativeNorm,
    "filtered": FilteredNorm,
    "wiener": WienerNorm,
    "batch+wiener": partial(WienerNorm, before="batch"),
    "predict": LineEnhancer,
    "batch+predict": partial(LineEnhancer, before="batch"),
}

#: Sparse ones, see `sparse`: what comes before + penalty, and the levels.
SPARSE = {
    "batch+l1": "fixed learned mad mean both shared rectified local",
    "batch+firm": "learned mad mean both shared rectified local",
    "batch+l_half": "learned mad mean rectified",
    "batch+l_two_thirds": "learned mad mean rectified",
    "batch+l0": "learned mad mean rectified",
    "batch+nonnegative_l1": "learned mad mean both shared linear local",
    "batch+group": "mad mean both",
    "batch+mixture": "mad mean both",
    "batch+ista": "mad mean both",
    "instance+l1": "learned mad mean both",
    "instance+nonnegative_l1": "learned mad mean both shared linear",
    "l1": "fixed learned mad mean both shared local",
    "firm": "learned mad mean both shared",
    "l_half": "learned mad",
    "l0": "learned mad",
    "nonnegative_l1": "learned mad mean both shared linear local",
    "group": "mad mean both",
    "mixture": "mad mean both",
    "ista": "mad mean",
}
for _head, _levels in SPARSE.items():
    for _level in _levels.split():
        _name = _head if _level == "learned" else f"{_head}*{_level}"
        NORMS[_name] = sparse(_name)


def make(name, channels, dtype):
    """Make the normalisation of that name, or None for ``"none"``."""
    layer = NORMS[_check.choice(name, "name of a norm", NORMS)]
    return None if layer is None else layer(channels, dtype=dtype)
