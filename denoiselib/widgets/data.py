"""The signals that all panels look at, and what filters, networks and the limit make of them."""

from functools import lru_cache

import numpy as np

from denoiselib import _check, bayes, filters, metrics, signals
from denoiselib.empirical import FAST, LAWS
from denoiselib.interpret import shrinkage_curve

SIGNALS = 32  #: in the batch that a panel measures errors on
EDGES = np.linspace(-10, 20, 31)  #: bins of shrinkage curves
SIGMAS = np.linspace(0.5, 6, 12)  #: noise levels at which panels show errors
#: The filters that answer fast enough.
FAST_METHODS = {name: method for name, method in filters.METHODS.items() if name != "l1_pulse"}


@lru_cache(maxsize=64)
def batch(family, sigma):
    """Return the signals that all panels look at: clean, noisy, and the exact Bayes estimate.

    The noise is one draw times `sigma`, so that a slider changes its level and nothing else. The
    arrays ``(32, 100)`` are read-only; the last is None for a family without an exact limit.

    Parameters
    ----------
    family, sigma : str, float
        Name in `signals.FAMILIES`, and noise level.

    Examples
    --------
    >>> clean, noisy, best = batch("blocks", 3.0)
    >>> clean.shape, best.shape
    ((32, 100), (32, 100))
    """
    clean = signals.FAMILIES[family](SIGNALS, rng=1)
    noisy = clean + sigma * signals.add_noise(np.zeros_like(clean), 1, rng=2)
    best = bayes.LIMITS[family](noisy, sigma) if family in bayes.LIMITS else None
    return _check.read_only(clean, noisy, best)


@lru_cache(maxsize=256)
def tuned(family, sigma, name, labels, gamma=0.8):
    """Return the value, grid and RMSE of a method tuned on the signals of `batch`.

    Parameters
    ----------
    family, sigma
        As in `batch`.
    name : str
        Name in `FAST_METHODS`; `gamma` is for those that take one.
    labels : bool
        Whether it may look at the clean signals; without, the RMSE is Stein's estimate.

    Examples
    --------
    >>> tuned("blocks", 3.0, "tv", labels=True).value
    6.73
    """
    clean, noisy, _ = batch(family, sigma)
    options = {"gamma": gamma} if FAST_METHODS[name].gamma else {}
    found = FAST_METHODS[name].tune(noisy, sigma, clean if labels else None, **options)
    _check.read_only(found.grid, found.risk)
    return found


@lru_cache(maxsize=256)
def learned(family, sigma, name):
    """Return a law of `empirical.FAST` that is learned from the noisy signals of `batch` alone.

    It is given the noise level, as filters are.

    Examples
    --------
    >>> clean, noisy, _ = batch("sparse_spikes", 3.0)
    >>> estimate = learned("sparse_spikes", 3.0, "nonnegative").denoise(noisy)
    >>> print(f"{metrics.rmse(estimate, clean).mean():.2f}")
    1.61
    """
    return LAWS[name][1](batch(family, sigma)[1], sigma)


@lru_cache
def heights(family):
    """Return the range of the amplitude axis: that of the clean signals, with room for noise."""
    clean, *_ = batch(family, 1.0)
    return float(np.floor(clean.min())) - 16, float(np.ceil(clean.max())) + 16


def errors(way, family):
    """Return the mean RMSE of a way to denoise, as of `Seen.denoised`, at all `SIGMAS`."""
    seen = [Seen(family, sigma) for sigma in SIGMAS.tolist()]
    return [each.rmse(each.denoised(way)) for each in seen]


class Seen:
    """What a panel looks at: the signals of `batch`, of which the one numbered `which` is drawn.

    Examples
    --------
    >>> seen = Seen("blocks", 3.0, which=0)
    >>> seen.scores(seen.denoised("tv"))["limit"]
    '0.983'
    """

    ALL = f"{SIGNALS} signals: RMSE"  #: what the mean error is called in a line of numbers

    def __init__(self, family, sigma, which=0):
        self.family, self.sigma, self.which = family, sigma, which
        self.clean, self.noisy, self.best = batch(family, sigma)
        self.limit = self.error(self.best)

    def denoised(self, way):
        """Return the estimates of a network, a filter tuned by SURE, a law, or of ``"Bayes"``."""
        if way == "Bayes":
            return self.best
        if way in FAST:
            return learned(self.family, self.sigma, way).denoise(self.noisy)
        if way in FAST_METHODS:
            value = tuned(self.family, self.sigma, way, labels=False).value
            return FAST_METHODS[way].denoise(self.noisy, self.sigma, value)
        return way.denoise(self.noisy)

    def rmse(self, estimate):
        """Return the mean RMSE of all signals; NaN where there is no estimate."""
        return np.nan if estimate is None else metrics.rmse(estimate, self.clean).mean()

    def error(self, estimate):
        """Return the mean RMSE as a text."""
        return "unknown" if estimate is None else f"{self.rmse(estimate):.3f}"

    def scores(self, estimate, **between):
        """Return what most panels say: errors of one signal, of all, others, and the limit."""
        return {
            "this signal: RMSE": f"{metrics.rmse(estimate, self.clean)[self.which]:.3f}",
            self.ALL: self.error(estimate),
            **between,
            "limit": self.limit,
        }

    def responses(self, edges=EDGES, of="mean", **estimates):
        """Return y and the mean (or spread) of estimates from samples near y, as lines by name."""
        curves = {
            name: shrinkage_curve(self.noisy, estimate, edges)
            for name, estimate in estimates.items()
            if estimate is not None
        }
        return {name: (curve.y, getattr(curve, of)) for name, curve in curves.items()}


def histogram(values, edges, peak=None):
    """Return counts of values between edges, over their largest or a given one."""
    count = np.histogram(values, edges)[0]
    return count / max(count.max() if peak is None else peak, 1)
