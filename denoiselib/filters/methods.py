"""The classical filters as a list: each with the one parameter that a reader turns.

`METHODS` feeds the tables and the menus of the notebooks. To add a filter, add a line.
"""

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import NamedTuple

import numpy as np

from denoiselib import _check, metrics, signals
from denoiselib.filters import tuning
from denoiselib.filters.sparse import gmc, l1, resolve, threshold
from denoiselib.filters.tv import tv
from denoiselib.filters.wiener import wiener

WINDOWS = np.array([3, 5, 7, 9, 13, 17, 21, 25, 31, 41, 61])
LAMBDAS = np.round(np.geomspace(0.25, 32, 29), 2)  # four to an octave
SIGMA = 3.0  #: the noise level of the slides, at which these lambdas are worth trying


class Method(NamedTuple):
    """A filter with one parameter: ``denoise(noisy, sigma, value)``."""

    label: str
    parameter: str  #: "lambda" or "window"
    grid: np.ndarray  #: values worth trying, in rising order, at the noise level `unit`
    denoise: Callable
    unit: float | None = None  #: None for a grid without a unit, such as that of windows
    slides: float | None = None  #: the value used in the slides
    gamma: bool = False  #: whether `denoise` also takes ``gamma``

    def values(self, noisy, sigma):
        """Values worth trying on signals: a lambda grows with the noise, a window has to fit."""
        noisy = _check.array(noisy, "noisy")
        sigma = _check.level(sigma, "sigma", noisy, per_signal=True)
        if self.unit is not None:
            return self.grid * (np.sqrt(np.mean(sigma**2)) / self.unit)
        if self.parameter != "window":
            return self.grid
        length = noisy.shape[-1]
        if not self.grid[0] < 2 * length:
            raise ValueError(
                f"noisy of {length} samples is too short for windows of {self.grid[0]}"
            )
        return self.grid[self.grid < 2 * length]

    def sweep(self, noisy, sigma, **options):
        """Estimates for all of `values` at once, ``(values, ..., length)``."""
        values, noisy = self.values(noisy, sigma), _check.array(noisy, "noisy")
        sigma = _check.level(sigma, "sigma", noisy, per_signal=True)
        if self.parameter == "lambda":
            column = values.reshape(-1, *[1] * np.ndim(noisy))
            return self.denoise(noisy, sigma, column, **options)
        return np.stack([self.denoise(noisy, sigma, v, **options) for v in values.tolist()])

    def tune(self, noisy, sigma, clean=None, **options):
        """Choose by the error against `clean`, or without labels by Stein's estimate of it.

        The risk is the root of the mean squared error over all signals in both cases, so that the
        two can be compared. (The mean of `metrics.rmse`, a mean of roots, is smaller.)
        """
        noisy = _check.array(noisy, "noisy")
        if clean is not None:
            clean = _check.array(clean, "clean")
            if clean.shape[-1] != noisy.shape[-1]:
                raise ValueError(f"clean must fit noisy, not be {clean.shape} beside {noisy.shape}")
        estimates = self.sweep(noisy, sigma, **options)
        if clean is not None:
            risk = metrics.rmse(estimates, clean) ** 2
        else:
            risk = tuning.sure_risk(
                lambda y: self.sweep(y, sigma, **options), noisy, sigma, 0, estimate=estimates
            )
        mean = risk.reshape(len(estimates), -1).mean(axis=1)
        risk, values = np.sqrt(np.maximum(mean, 0)), self.values(noisy, sigma)
        return tuning.Tuned(values[risk.argmin()].item(), values, risk)


def _ring(c):
    """Convolve with the known pulse: the synthesis A of a signal from its spikes."""
    return sum(w * _delayed(c, lag) for lag, w in enumerate(signals.PULSE))


def _match(y):
    """Correlate with the known pulse: the adjoint of `_ring`."""
    return sum(w * _delayed(y[..., ::-1], lag)[..., ::-1] for lag, w in enumerate(signals.PULSE))


KNOWN_PULSE = (_match, _ring)  #: a pair as `l1` and `gmc` take; invertible, not orthogonal


def _delayed(x, lag):
    out = np.zeros_like(x)
    out[..., lag:] = x[..., : x.shape[-1] - lag]
    return out


@lru_cache
def _known_pulse(length):
    return resolve(KNOWN_PULSE, length)


def _l1_pulse(y, s, lam):
    return l1(y, lam, _known_pulse(y.shape[-1]), tol=1e-3)


def _wiener_sigma(y, s, w):
    y = _check.array(y, "noisy")
    _check.level(s, "sigma", y, per_signal=True)
    return wiener(y, w, np.square(s, dtype=float))


def _hard(y, s, t):
    """Take lambda as the threshold itself, for comparison with the others."""
    y = _check.array(y, "noisy")
    _check.level(t, "value", y)
    return threshold(y, np.square(t, dtype=float) / 2, "l0")


def _of_value(denoise):
    """Let a filter that refuses its own parameter call it ``value``, as its caller does."""

    @wraps(denoise)
    def named(noisy, sigma, value, **options):
        try:
            return denoise(noisy, sigma, value, **options)
        except (TypeError, ValueError) as error:
            error.args = (re.sub(r"\b(size|lam)\b", "value", str(error)),)
            raise

    return named


def _by_window(label, denoise, **options):
    return Method(label, "window", WINDOWS, _of_value(denoise), **options)


def _by_lambda(label, denoise, **options):
    return Method(label, "lambda", LAMBDAS, _of_value(denoise), unit=SIGMA, **options)


#: Filters by name.
METHODS = {
    "wiener": _by_window("Wiener", lambda y, s, w: wiener(y, w), slides=3),
    "wiener_sigma": _by_window("Wiener, noise known", _wiener_sigma),
    "l1_dft": _by_lambda("L1, DFT", lambda y, s, t: l1(y, t), slides=1.0),
    "gmc_dft": _by_lambda(
        "GMC, DFT", lambda y, s, t, gamma=0.8: gmc(y, t, gamma), slides=3.0, gamma=True
    ),
    "soft": _by_lambda("soft threshold", lambda y, s, t: threshold(y, t)),
    "relu": _by_lambda("ReLU with bias", lambda y, s, t: threshold(y, t, "nonnegative_l1")),
    "firm": _by_lambda(
        "firm threshold",
        lambda y, s, t, gamma=0.8: threshold(y, t, "firm", gamma=gamma),
        gamma=True,
    ),
    "hard": _by_lambda("hard threshold", _hard),
    "l1_pulse": _by_lambda("L1, known pulse", _l1_pulse),
    "tv": _by_lambda("total variation", lambda y, s, t: tv(y, t)),
}
