"""Average a way to denoise over changes of signals that their law does not notice."""

from denoiselib import signals
from denoiselib.experiments import networks

HIGHEST = float(signals.BLOCK_HEIGHTS.max())


def mirrored(y):
    """Return the signals upside down, within the same heights."""
    return HIGHEST - y


def reversed_time(y):
    """Return the signals backward in time."""
    return y[..., ::-1]


#: Of each family, changes that undo themselves and leave its law as it is.
SYMMETRIES = {"blocks": (mirrored, reversed_time)}


def averaged(denoise, family):
    r"""Return the way to denoise that is the average over all symmetries of a family.

    Parameters
    ----------
    denoise : callable
        A function of signals ``(n, length)``.
    family : str
        One of `SYMMETRIES`.

    Returns
    -------
    callable
        A function of signals, too; it calls `denoise` once for each combination of symmetries.

    Notes
    -----
    With the k-th of the K combinations :math:`g_k`,

    .. math:: \bar f(y) = \frac{1}{K} \sum_k g_k^{-1} f(g_k y)

    If :math:`g_k x` has the law of x, and the noise the law of its own turned so, all terms have
    the same mean squared error, and by the inequality of Jensen the average has at most that one.
    The posterior mean is itself such an average: :math:`E[x | g_k y] = g_k E[x | y]`. Whatever
    `denoise` loses by not having learned this is won back, without training.

    Examples
    --------
    >>> import numpy as np
    >>> f = averaged(lambda y: np.cumsum(y, axis=-1), "blocks")
    >>> y = np.array([[1.0, 2.0, 4.0]])
    >>> bool(np.allclose(f(mirrored(y)), mirrored(f(y))))
    True
    """
    for change in SYMMETRIES[family]:
        denoise = _both(denoise, change)
    return denoise


def _both(denoise, change):
    return lambda y: (denoise(y) + change(denoise(change(y)))) / 2


def trained(setting, seed):
    """Train a network, and return its ``denoise``, averaged if the setting has ``"averaged"``.

    Examples
    --------
    >>> setting = networks.BASE | {"net": "plain", "family": "blocks", "steps": 2}
    >>> y = signals.add_noise(signals.blocks(2, rng=0), 3.0, 1)
    >>> trained(setting | {"averaged": True}, seed=0)(y).shape
    (2, 100)
    """
    denoise = networks.train(setting, seed).denoise
    return averaged(denoise, setting["family"]) if "averaged" in setting else denoise


def variants(setting, steps=(4000, 12_000)):
    """List the settings of averaged networks, of those like `setting` but trained for `steps`.

    Examples
    --------
    >>> [found] = variants({"method": "wide", "family": "blocks"}, steps=(4000,))
    >>> found["method"]
    'wide, averaged, 4,000 steps'
    """
    name = setting["method"]
    return [
        setting | {"method": f"{name}, averaged, {n:,} steps", "steps": n, "averaged": True}
        for n in steps
    ]
