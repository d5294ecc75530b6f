"""Normalisation layers, by name: a new one is one class, and one entry of `NORMS`.

A layer has four ways to find its statistics, set for a whole network by `Module.train` and
`Module.eval`: in training from the batch, updating the running statistics; at test, updating
nothing, from the running statistics (the slides' *fixed* mode), from the batch again (*unfixed*) or
from each signal alone.

A sparse normalisation has no entry: its name ``before+map*level`` says what it is made of, see
`SparseNorm`.
"""

from pkgutil import resolve_name

from denoiselib import _check
from denoiselib._lazy import extras
from denoiselib.nn.norm.batch import BatchNorm1d, Normalisation

EXTRAS = {
    "InstanceNorm": "denoiselib.nn.norm.relatives:InstanceNorm",
    "LineEnhancer": "denoiselib.nn.norm.adaptive:LineEnhancer",
    "RepresentativeNorm": "denoiselib.nn.norm.relatives:RepresentativeNorm",
    "SparseNorm": "denoiselib.nn.norm.sparse:SparseNorm",
    "WienerNorm": "denoiselib.nn.norm.adaptive:WienerNorm",
    "recalibrate": "denoiselib.nn.norm.averages:recalibrate",
}
__all__ = ["NORMS", "BatchNorm1d", "Normalisation", "find", "make", *EXTRAS]

#: Normalisations by name: None, or what is called with the number of channels and a dtype. Text
#: says where to import it from when it is needed first.
NORMS = {
    "none": None,
    "batch": BatchNorm1d,
    "instance": "denoiselib.nn.norm.relatives:InstanceNorm",
    "representative": "denoiselib.nn.norm.relatives:RepresentativeNorm",
    "wiener": "denoiselib.nn.norm.adaptive:WienerNorm",
    "batch+wiener": "denoiselib.nn.norm.adaptive:WienerNorm.after_batch",
    "predict": "denoiselib.nn.norm.adaptive:LineEnhancer",
    "batch+predict": "denoiselib.nn.norm.adaptive:LineEnhancer.after_batch",
    "bias_free": "denoiselib.experiments.variants:BiasFreeNorm",
    "filtered": "denoiselib.experiments.variants:FilteredNorm",
}


def make(name, channels, dtype):
    """Make the normalisation of that name, or None for ``"none"``.

    Examples
    --------
    >>> list(make("batch+l1*mad", 4, "float32").state_dict())[-2:]
    ['norm.running_var', 'level.raw']
    """
    layer = find(name)
    return None if layer is None else layer(channels, dtype=dtype)


def find(name):
    """Return what makes the normalisation of that name: a callable, or None for ``"none"``."""
    if isinstance(name, str) and name in NORMS:
        return entry(NORMS, name, "name of a norm")
    return resolve_name("denoiselib.nn.norm.sparse:named")(name)


def entry(table, name, argument):
    """Return the entry of a table, imported if it is text."""
    found = table[_check.choice(name, argument, table)]
    return resolve_name(found) if isinstance(found, str) else found


__getattr__, __dir__ = extras(globals(), EXTRAS)
