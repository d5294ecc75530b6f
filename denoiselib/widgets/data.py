"""The signals that all panels look at, and what filters and limits make of them."""

from functools import lru_cache

import numpy as np

from denoiselib import bayes, filters, metrics, signals
from denoiselib.interpret import shrinkage_curve

SIGNALS = 32  #: in the batch that a panel measures errors on
EDGES = np.linspace(-10, 20, 31)  #: bins of shrinkage curves
SIGMAS = np.linspace(0.5, 6, 12)  #: noise levels at which panels show errors
#: The filters that answer fast enough.
METHODS = {name: method for name, method in filters.METHODS.items() if name != "l1_pulse"}


def read_only(*arrays):
    """Make arrays that a cache keeps read-only, so that no cell can change later results."""
    for array in arrays:
        if array is not None:
            array.setflags(write=False)
    return arrays


@lru_cache(maxsize=64)
def batch(family, sigma, n=SIGNALS):
    """Return the signals that all panels look at: clean, noisy, and the exact Bayes estimate.

    The noise is one draw times `sigma`, so that a slider changes its level and nothing else.

    Parameters
    ----------
    family : str
        Name in `signals.FAMILIES`.
    sigma : float
        Noise level.
    n : int
        Number of signals.

    Returns
    -------
    clean, noisy, best : ndarray (n, 100)
        Read-only. `best` is None for a family without an exact limit.

    Examples
    --------
    >>> clean, noisy, best = batch("blocks", 3.0)
    >>> clean.shape, best.shape
    ((32, 100), (32, 100))
    """
    clean = signals.FAMILIES[family](n, rng=1)
    noisy = clean + sigma * signals.add_noise(np.zeros_like(clean), 1, rng=2)
    best = bayes.LIMITS[family](noisy, sigma) if family in bayes.LIMITS else None
    return read_only(clean, noisy, best)


@lru_cache(maxsize=256)
def tuned(family, sigma, name, labels, gamma=0.8):
    """Return the value, grid and RMSE of a method tuned on the signals of `batch`.

    Parameters
    ----------
    family, sigma
        As in `batch`.
    name : str
        Name in `METHODS`.
    labels : bool
        Whether it may look at the clean signals; without, the RMSE is Stein's estimate.
    gamma : float
        For methods that take one.

    Examples
    --------
    >>> tuned("blocks", 3.0, "tv", labels=True).value
    6.73
    """
    clean, noisy, _ = batch(family, sigma)
    options = {"gamma": gamma} if METHODS[name].gamma else {}
    found = METHODS[name].tune(noisy, sigma, clean if labels else None, **options)
    read_only(found.grid, found.risk)
    return found


def by_sure(family, sigma, name):
    """Return what a method, tuned without labels, makes of the signals of `batch`."""
    value = tuned(family, sigma, name, labels=False).value
    return METHODS[name].denoise(batch(family, sigma)[1], sigma, value)


@lru_cache
def heights(family):
    """Return the range of the amplitude axis: that of the clean signals, with room for noise.

    Examples
    --------
    >>> heights("blocks")
    (-16.0, 26.0)
    """
    clean, *_ = batch(family, 1.0)
    return float(np.floor(clean.min())) - 16, float(np.ceil(clean.max())) + 16


def rmse(estimate, clean):
    """Return the mean RMSE of signals; NaN where there is no estimate."""
    return np.nan if estimate is None else metrics.rmse(estimate, clean).mean()


def errors(nets, family):
    """Return the mean RMSE of networks by name, and of the Bayes limit, at all `SIGMAS`.

    Examples
    --------
    >>> print(f"{errors({}, 'blocks')['Bayes limit'][5]:.3f}")
    0.983
    """
    batches = [batch(family, sigma) for sigma in SIGMAS.tolist()]
    found = {
        name: [rmse(net.denoise(noisy), clean) for clean, noisy, _ in batches]
        for name, net in nets.items()
    }
    return found | {"Bayes limit": [rmse(best, clean) for clean, _, best in batches]}


def limit_text(best, clean):
    """Return the error of the Bayes estimate for a line of numbers."""
    return "unknown" if best is None else f"{rmse(best, clean):.3f}"


def scores(estimate, clean, best, which, between=()):
    """Return the numbers of most panels: errors of one signal, of all, others, and the limit.

    Examples
    --------
    >>> clean, noisy, best = batch("blocks", 3.0)
    >>> scores(noisy, clean, best, which=0)["limit"]
    '0.983'
    """
    error = metrics.rmse(estimate, clean)
    return {
        "this signal: RMSE": f"{error[which]:.3f}",
        f"{SIGNALS} signals: RMSE": f"{error.mean():.3f}",
        **dict(between),
        "limit": limit_text(best, clean),
    }


def response(noisy, estimate, edges=EDGES, of="mean"):
    """Return y and the mean (or spread) of the estimates from samples near y; None without any."""
    if estimate is None:
        return None
    curve = shrinkage_curve(noisy, estimate, edges)
    return curve.y, getattr(curve, of)


def histogram(values, edges, peak=None):
    """Return counts of values between edges, over their largest or a given one."""
    count = np.histogram(values, edges)[0]
    return count / max(count.max() if peak is None else peak, 1)
