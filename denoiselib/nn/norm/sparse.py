"""The sparse normalisation: features, normalised or not, then what a penalty leaves of them."""

from functools import partial

import numpy as np

from denoiselib import _check
from denoiselib.nn.norm.before import BEFORE, Following
from denoiselib.nn.norm.levels import LEVELS
from denoiselib.nn.norm.maps import MAPS


class SparseNorm(Following):
    r"""A penalty on features: :math:`y = \mathrm{prox}_{\lambda f}(h)`, h normalised or not.

    Parameters
    ----------
    channels : int
        Number of channels.
    penalty : str
        What follows: a name in `maps.MAPS`, the penalties of `filters.prox` and others.
    level : str
        Where :math:`\lambda` comes from, a name in `levels.LEVELS`.
    before : {"", "batch", "instance"}
        What makes h of x: nothing, or a normalisation.
    dtype : numpy dtype
        float32 or float64.

    Raises
    ------
    ValueError
        If a name is unknown, or the level may be negative and the penalty is another than
        ``"nonnegative_l1"``.

    Notes
    -----
    With ``"l1"``, a learned level and a ReLU behind, :math:`\mathrm{relu}(\mathrm{prox}(\gamma
    \hat x + \beta)) = \mathrm{relu}(\gamma \hat x + \beta - \lambda)`: beta has it already. New are
    levels that follow the signal, maps that are not convex (l0, l_half, l_two_thirds, firm), and
    two-sided ones without ReLU. ``"nonnegative_l1"`` has the ReLU in itself.

    Examples
    --------
    >>> layer = SparseNorm(1, penalty="l1", level="fixed")
    >>> print(layer(np.array([[[1.0, -0.05, -2.0]]])).data)
    [[[ 0.9  0.  -1.9]]]
    """

    def __init__(self, channels, *, penalty="l1", level="learned", before="", dtype=np.float32):
        super().__init__(channels, before, dtype)
        self.level = LEVELS[_check.choice(level, "level", LEVELS)](channels, dtype)
        self.map = MAPS[_check.choice(penalty, "penalty", MAPS)](channels, dtype)
        if penalty != "nonnegative_l1" and not getattr(self.level, "positive", True):
            raise ValueError(f"level {level!r} may be negative: its penalty is 'nonnegative_l1'")

    def forward(self, x):
        """Normalise and shrink ``(batch, channels, length)``."""
        h = self.features(x)
        return self.map(h, self.level(h))


def sparse(name):
    """Return the sparse normalisation of a name such as ``"batch+firm*mad"``.

    Parameters
    ----------
    name : str
        What comes before and a plus sign, if anything does; a penalty; a star and a level, if it is
        another than ``"learned"``: see `SparseNorm`.

    Returns
    -------
    callable
        From the number of channels, and a dtype, to a layer: an entry for `NORMS`.

    Examples
    --------
    >>> layer = sparse("batch+l0*mean")(4)
    >>> list(layer.state_dict())[-2:]
    ['norm.running_var', 'level.raw']
    """
    before, _, rest = _check.instance(name, "name", str).rpartition("+")
    penalty, _, level = rest.partition("*")
    level = level or "learned"
    for part, known in ((before, BEFORE), (penalty, MAPS), (level, LEVELS)):
        _check.choice(part, f"a part of name {name!r}", known)
    return partial(SparseNorm, penalty=penalty, level=level, before=before)
