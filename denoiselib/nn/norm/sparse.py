r"""The sparse normalisation: features, normalised or not, then what a penalty leaves of them.

It is named by its parts, ``before+map*level``. A *level* is a module from features h
``(batch, channels, length)`` to thresholds: one for each channel, ``(1, channels, 1)`` (`Fixed`,
`Learned`), or for each signal and channel, ``(batch, channels, 1)`` (the others). They start near
0.1 for features of variance 1. The learned numbers are arguments of a softplus or a sigmoid, so
that thresholds stay positive; only those of `LinearLevel` may be negative. A *map* is a module from
features and thresholds to what is left.
"""

import re
from functools import partial

import numpy as np

from denoiselib import _check
from denoiselib.filters.prox import PENALTIES
from denoiselib.nn import ops
from denoiselib.nn.modules import Buffer, Module, Parameter
from denoiselib.nn.norm import NORMS, entry
from denoiselib.nn.norm.batch import BatchNorm1d, of_channels
from denoiselib.nn.norm.relatives import InstanceNorm

START = 0.1  #: threshold before training
FLOOR = 1e-4  #: added to statistics, since those of a silent channel are 0


# --- before

#: What comes before, by name: nothing, or a normalisation.
BEFORE = {"": None, "batch": BatchNorm1d, "instance": InstanceNorm}


class Following(Module):
    """A layer that follows a normalisation, its attribute `norm`, or takes its place."""

    def __init__(self, channels, before, dtype):
        self.channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        norm = BEFORE[_check.choice(before, "before", BEFORE)]
        if norm is not None:
            self.norm = norm(channels, dtype=dtype)

    @classmethod
    def after_batch(cls, channels, **options):
        """Make one that follows a batch norm."""
        return cls(channels, before="batch", **options)

    def features(self, x):
        """Return x as it is, or normalised."""
        x = of_channels(x, self.channels * self.nets)
        return self.norm(x) if hasattr(self, "norm") else x


# --- levels


def positive(channels, dtype, start=START):
    """Return a parameter ``(1, channels, 1)`` whose softplus is `start`."""
    return Parameter(np.full((1, channels, 1), np.log(np.expm1(start)), dtype))


class Fixed(Module):
    r"""The same for all: :math:`\lambda = 0.1`, part of the state but not learned."""

    def __init__(self, channels, dtype):
        self.value = Buffer(np.full((1, channels, 1), START, dtype))

    def forward(self, h):
        return self.value


class Learned(Module):
    r"""A number for each channel: :math:`\lambda = \mathrm{softplus}(r)`."""

    def __init__(self, channels, dtype):
        self.raw = positive(channels, dtype)

    def forward(self, h):
        return ops.softplus(self.raw)


class Spread(Learned):
    r"""In proportion to the noise level: :math:`\lambda = c\,\mathrm{MAD}(h)`, see `ops.mad`."""

    def forward(self, h):
        return ops.softplus(self.raw) * (ops.mad(h) + FLOOR)


class Magnitude(Learned):
    r"""In proportion to the mean magnitude over time: :math:`\lambda = c\,\overline{|h|}`."""

    def forward(self, h):
        return ops.softplus(self.raw) * (ops.mean_magnitude(h) + FLOOR)


class Shared(Module):
    r"""Each channel sees the statistics of all: :math:`\lambda = \overline{|h|}\,\sigma(W s + b)`.

    s holds the logarithms of mean magnitude and MAD of all channels. The idea is that of deep
    residual shrinkage networks (Zhao et al. 2020), whose s is the mean magnitude behind two layers.
    W starts at 0, where the threshold is in proportion to the channel's own magnitude.
    """

    def __init__(self, channels, dtype):
        self.weight = Parameter(np.zeros((channels, 2 * channels), dtype))
        self.bias = Parameter(np.full((channels, 1), np.log(START / (1 - START)), dtype))

    def forward(self, h):
        magnitude = ops.mean_magnitude(h) + FLOOR
        seen = ops.concat([magnitude, ops.mad(h) + FLOOR], groups=self.nets)
        seen = ops.matmul(self.weight, ops.log(seen), self.nets)
        return magnitude * ops.sigmoid(seen + self.bias)


class LinearLevel(Module):
    r"""Linear in the magnitudes of all channels: :math:`\lambda = W\,\overline{|h|} + b`.

    All channels together tell the noise level better than one of them. W and b may be negative, and
    so may be the threshold: it then rewards instead of penalising, as a positive beta of a batch
    norm does.
    """

    positive = False

    def __init__(self, channels, dtype):
        self.weight = Parameter(np.full((channels, channels), START / channels, dtype))
        self.bias = Parameter(np.zeros((channels, 1), dtype))

    def forward(self, h):
        return ops.matmul(self.weight, ops.mean_magnitude(h), self.nets) + self.bias


class RectifiedLevel(LinearLevel):
    r"""The same, but not below zero: :math:`\lambda = \mathrm{relu}(W\,\overline{|h|} + b)`."""

    positive = True

    def forward(self, h):
        return ops.relu(super().forward(h))


#: Levels of thresholds by name; text says where to import one from.
THRESHOLDS = {
    "fixed": Fixed,
    "learned": Learned,
    "mad": Spread,
    "mean": Magnitude,
    "shared": Shared,
    "linear": LinearLevel,
    "rectified": RectifiedLevel,
    "both": "denoiselib.experiments.variants:Both",
    "local": "denoiselib.experiments.variants:Local",
    "residual": "denoiselib.experiments.related:ResidualLevel",
}


# --- maps


class Prox(Module):
    """The proximal map of a penalty; the options are those of `ops.prox`."""

    def __init__(self, penalty, channels, dtype, *, width=0.1, gamma=0.5):
        self.penalty, self.width = penalty, width
        self.options = {"gamma": gamma} if penalty == "firm" else {}

    def forward(self, h, threshold):
        return ops.prox(h, threshold, self.penalty, width=self.width, **self.options)


class Nonnegative(Module):
    """The proximal map of the non-negative l1 penalty, relu(h - u): here u may be negative."""

    def __init__(self, channels, dtype):
        pass

    def forward(self, h, threshold):
        return ops.relu(h - threshold)


#: Maps by name, made with the number of channels and a dtype: those of penalties, and others; text
#: says where to import one from.
MAPS = {name: partial(Prox, name) for name in PENALTIES} | {
    "nonnegative_l1": Nonnegative,
    "group": "denoiselib.experiments.variants:Group",
    "mixture": "denoiselib.experiments.variants:Mixture",
    "ista": "denoiselib.experiments.variants:Ista",
}


# --- all together


class SparseNorm(Following):
    r"""A penalty on features: :math:`y = \mathrm{prox}_{\lambda f}(h)`, h normalised or not.

    Parameters
    ----------
    channels, dtype
        As in `BatchNorm1d`.
    penalty, level, before : str
        Names in `MAPS`, `THRESHOLDS` (where :math:`\lambda` comes from) and `BEFORE` (what makes h
        of x). A level that may be negative needs the penalty ``"nonnegative_l1"``.

    Notes
    -----
    With ``"l1"``, a learned level and a ReLU behind, :math:`\mathrm{relu}(\mathrm{prox}(\gamma
    \hat x + \beta)) = \mathrm{relu}(\gamma \hat x + \beta - \lambda)`: nothing that beta could not
    do. New are levels that follow the signal, penalties that are not convex (l0, l_half,
    l_two_thirds, firm), and two-sided maps without ReLU. ``"nonnegative_l1"`` includes the ReLU.

    Examples
    --------
    >>> layer = SparseNorm(1, penalty="l1", level="fixed")
    >>> print(layer(np.array([[[1.0, -0.05, -2.0]]])).data)
    [[[ 0.9  0.  -1.9]]]
    """

    def __init__(self, channels, *, penalty="l1", level="learned", before="", dtype=np.float32):
        super().__init__(channels, before, dtype)
        self.level = entry(THRESHOLDS, level, "level")(channels, dtype)
        self.map = entry(MAPS, penalty, "penalty")(channels, dtype)
        if penalty != "nonnegative_l1" and not getattr(self.level, "positive", True):
            raise ValueError(f"level {level!r} may be negative: its penalty is 'nonnegative_l1'")

    def forward(self, x):
        """Normalise and shrink ``(batch, channels, length)``."""
        h = self.features(x)
        return self.map(h, self.level(h))


def named(name):
    """Return what makes the sparse normalisation ``before+map*level``, as ``"batch+firm*mad"``.

    Nothing may come before, and a level that is left out is ``"learned"``.
    """
    parts = re.fullmatch(r"(?:(\w+)\+)?(\w+)(?:\*(\w+))?", str(name))
    before, penalty, level = parts.groups("") if parts else ("", "", "")
    level = level or "learned"
    if before not in BEFORE or penalty not in MAPS or level not in THRESHOLDS:
        tables = {"": NORMS, "before": BEFORE, "map": MAPS, "level": THRESHOLDS}
        names, *parts = (f"{k} one of {', '.join(map(repr, v))}" for k, v in tables.items())
        raise ValueError(
            f"name of a norm must be{names}, or before+map*level with {', '.join(parts)}, "
            f"not {name!r}"
        )
    return partial(SparseNorm, penalty=penalty, level=level, before=before)
