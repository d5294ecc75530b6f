"""What is compared beside networks: filters with one parameter each, and how it is chosen."""

import numpy as np
from scipy import signal as scipy_signal

from denoiselib import filters
from denoiselib.experiments.heart.conditions import RATE, rms_error
from denoiselib.filters import Method, tuning

#: Daubechies' least asymmetric wavelet with four vanishing moments: its low-pass filter.
SYMLET = np.array(
    [-0.07576571478927333, -0.02963552764599851, 0.49761866763201545, 0.8037387518059161,
     0.29785779560527736, -0.09921954357684722, -0.012603967262037833, 0.0322231006040427]
)  # fmt: skip
PAIR = SYMLET, (-1.0) ** np.arange(8) * SYMLET[::-1]
SCALES = 4


def _split(y):
    """Return wavelet coefficients of signals, seen as periodic; their length a multiple of 16."""
    parts = []
    for _ in range(SCALES):
        y, high = (sum(h * np.roll(y, -k, -1) for k, h in enumerate(f))[..., ::2] for f in PAIR)
        parts.insert(0, high)
    return np.concatenate([y, *parts], axis=-1)


def _join(c):
    """Return the signals with these wavelet coefficients: the adjoint, and the inverse."""
    size = c.shape[-1] >> SCALES
    y = c[..., :size]
    while size < c.shape[-1]:
        bands, y = (y, c[..., size : 2 * size]), 0
        for band, f in zip(bands, PAIR, strict=True):
            spread = np.zeros((*band.shape[:-1], 2 * size))
            spread[..., ::2] = band
            y = y + sum(h * np.roll(spread, k, -1) for k, h in enumerate(f))
        size *= 2
    return y


WAVELETS = (_split, _join)  #: a pair as `filters.gmc` takes


def passed(kind, edges, y):
    """Return what a Butterworth filter of order 2 leaves, run forth and back: no delay.

    Parameters
    ----------
    kind : {"lowpass", "highpass", "bandpass"}
        What passes.
    edges : float or (float, float)
        In Hz.
    y : ndarray (..., length)
        Signals at 360 samples a second.

    Examples
    --------
    >>> time = np.arange(3600) / RATE
    >>> slow, fast = np.cos(2 * np.pi * 5 * time), np.cos(2 * np.pi * 60 * time)
    >>> print(f"{abs(passed('lowpass', 20, slow + fast) - slow)[360:-360].max():.2f}")
    0.01
    """
    sections = scipy_signal.butter(2, edges, kind, fs=RATE, output="sos")
    return scipy_signal.sosfiltfilt(sections, y, axis=-1)


def notched(mains, width, y):
    """Return signals without the mains and its harmonics: notches run forth and back.

    Parameters
    ----------
    mains, width : float
        Frequency and width of the first notch, in Hz; those of harmonics are as wide.
    y : ndarray (..., length)
        Signals at 360 samples a second.

    Examples
    --------
    >>> hum = np.cos(2 * np.pi * 50 * np.arange(3600) / RATE)
    >>> print(f"{abs(notched(50, 1, hum))[720:-720].max():.2f}")
    0.00
    """
    for frequency in np.arange(mains, RATE / 2, mains):
        b, a = scipy_signal.iirnotch(frequency, frequency / width, fs=RATE)
        y = scipy_signal.filtfilt(b, a, y, axis=-1)
    return y


LAMBDAS = np.round(np.geomspace(0.02, 2, 13), 3)  #: in mV
FEW = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.8])  #: for total variation, which takes its time
CUTOFFS = np.array([8, 12, 16, 20, 25, 30, 40, 50, 70, 100, 150])
WIDTHS = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0])

#: Filters by name; a mains frequency is that of the country, so it is known.
FILTERS = {
    "Wiener": filters.METHODS["wiener"],
    "total variation": Method("", "lambda", FEW, lambda y, s, lam: filters.tv(y, lam)),
    "soft threshold, DFT": Method("", "lambda", LAMBDAS, lambda y, s, lam: filters.l1(y, lam)),
    "GMC, DFT": Method("", "lambda", LAMBDAS, lambda y, s, lam: filters.gmc(y, lam)),
    "GMC, wavelets": Method(
        "", "lambda", LAMBDAS, lambda y, s, lam: filters.gmc(y, lam, transform=WAVELETS)
    ),
    "low-pass": Method("", "cutoff", CUTOFFS, lambda y, s, f: passed("lowpass", f, y)),
    "high-pass": Method(
        "",
        "cutoff",
        np.array([0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5]),
        lambda y, s, f: passed("highpass", f, y),
    ),
    "band-pass from 0.5 Hz": Method(
        "", "cutoff", CUTOFFS, lambda y, s, f: passed("bandpass", (0.5, f), y)
    ),
    "notch 50 Hz": Method("", "width", WIDTHS, lambda y, s, w: notched(50, w, y)),
    "notch 60 Hz": Method("", "width", WIDTHS, lambda y, s, w: notched(60, w, y)),
    "notch 50 Hz, band-pass": Method(
        "", "cutoff", CUTOFFS, lambda y, s, f: passed("bandpass", (0.5, f), notched(50, 1.0, y))
    ),
}


def risks(method, noisy, clean=None):
    """Try all values of a filter's parameter on signals.

    Parameters
    ----------
    method : Method
        One of `FILTERS`.
    noisy : ndarray (n, length)
        Signals.
    clean : ndarray (n, length), optional
        What they should be. Without them the noise is taken for white, its level is estimated from
        differences of neighbours, and the errors by Stein's formula.

    Returns
    -------
    found : ndarray (values, n, length)
        Estimates.
    risk : ndarray (values, n)
        `conditions.rms_error` of each, or an estimate of its square.

    Examples
    --------
    >>> found, risk = risks(FILTERS["high-pass"], np.random.default_rng(0).standard_normal((2, 99)))
    >>> found.shape, risk.shape
    ((7, 2, 99), (7, 2))
    """
    level = tuning.mad_sigma(noisy, difference=True)
    found = method.sweep(noisy, level)
    if clean is not None:
        return found, rms_error(found, clean)
    return found, tuning.sure_risk(
        lambda y: method.sweep(y, level), noisy, level, 0, estimate=found
    )


def choose(method, noisy, clean=None):
    """Return the value of a filter's parameter with the least mean of `risks` over all signals.

    Examples
    --------
    >>> from denoiselib.experiments.heart.conditions import draw
    >>> noisy, clean, _ = draw("white", 0.1, signals=5, seed=0, purpose="validation")
    >>> choose(FILTERS["low-pass"], noisy, clean), choose(FILTERS["low-pass"], noisy)
    (30, 30)
    """
    return method.grid[risks(method, noisy, clean)[1].mean(axis=-1).argmin()].item()
