"""A network and one's own signal: brought to the rate, the level and the unit that it was taught.

A network is no filter: twice the signal is not twice the estimate, and a constant that was not in
its training changes what it does. `denoise_own` brings a signal to what the network knows, brings
the estimate back, and warns where the two do not fit.
"""

import warnings
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.filters.tuning import mad_sigma
from denoiselib.nn.long import denoise_long
from denoiselib.nn.modules import Network

RATIO = 20_000  #: largest numerator and denominator of the ratio of two rates
ONE_LEVEL = 1.5  #: noise that varies by less than this factor is of one level
SIGNALS = 200  #: that say what a network was taught
ROOM = 1.25  #: a signal may lie so far outside of what was taught before it is said
UNHEARD = 0.5  #: the share of a signal's power that a lower rate may lose before it is said


class UntaughtWarning(UserWarning):
    """A signal differs from all that a network was taught: its estimate may be anything."""


class Taught(NamedTuple):
    """What a network has met in its training, so that a signal can be brought to it.

    Examples
    --------
    >>> from denoiselib.nn import train
    >>> taught = Taught.by(train.fresh("sparse_spikes", 3.0, batch_size=50))
    >>> print(f"noise from {taught.noise[0]:.1f} to {taught.noise[1]:.1f}, {taught.scaled_by}")
    noise from 2.4 to 4.7, noise
    """

    rate: float | None  #: samples a second; None if its signals have no rate
    length: int  #: samples of a signal in training
    middle: float  #: median of its noisy signals
    noise: tuple[float, float]  #: least and largest level, by `filters.tuning.mad_sigma`
    height: tuple[float, float]  #: least and largest range of a noisy signal
    medians: tuple[float, float]  #: least and largest median of a noisy signal
    scaled_by: str  #: "noise" if it knows one level of noise, else "height"

    @classmethod
    def by(cls, data, rate=None):
        """Find out from training data, ``data(step) -> (noisy, clean)`` each ``(batch, length)``.

        `rate` is that of its signals in Hz, if they have one.
        """
        rate = None if rate is None else _check.rate(rate)
        noisy, clean = _pair(_check.function(data, "data")(0))
        for step in range(1, -(-SIGNALS // len(noisy))):
            more = _pair(data(step))
            noisy, clean = np.concatenate([noisy, more[0]]), np.concatenate([clean, more[1]])
        if not np.ptp(noisy, axis=-1).min() > 0:
            raise ValueError(
                "data must not hold constant signals: they have neither noise nor height"
            )
        levels = np.std(noisy - clean, axis=-1)
        one = np.quantile(levels, 0.9) < ONE_LEVEL * np.quantile(levels, 0.1)
        return cls(
            rate,
            noisy.shape[-1],
            float(np.median(noisy)),
            _ends(mad_sigma(noisy, difference=True)),
            _ends(np.ptp(noisy, axis=-1)),
            _ends(np.median(noisy, axis=-1)),
            "noise" if one else "height",
        )


def denoise_own(net, signal, taught, rate=None, unit=None):
    """Denoise a signal of any unit, offset, rate and length by a network that was taught others.

    Parameters
    ----------
    net : Network
        Any network of the library.
    signal : array_like (length,)
        One noisy signal; the estimate has its unit, rate and length.
    taught : Taught
        What the network was taught.
    rate : float, optional
        Samples a second of `signal`; needed if what the network was taught has a rate.
    unit : float, optional
        How much of the signal's unit is one of the network's: 0.001 for a signal in volts and a
        network that was taught millivolts. Found from the signal if not given.

    Warns
    -----
    UntaughtWarning
        If the noise or the height of the signal is none that the network was taught, if its middle
        moves or its height changes by more, or if most of its power lies above half of the
        network's rate, and is lost.

    Notes
    -----
    The estimate is :math:`m + c f((y - m) / c)`, with y at the rate of the network f. m takes the
    median of the signal to that of the training. c takes its noise to the level of the training if
    there was one level; else c takes its height, the median range of stretches as long as signals
    in training, to the middle of those; or c is `unit`. So ``a * signal + b`` gives
    ``a * estimate + b`` for every a > 0.

    Examples
    --------
    >>> from denoiselib import nn, signals
    >>> data = nn.train.fresh("sparse_spikes", 3.0, batch_size=32)
    >>> net, taught = nn.PlainNet(rng=0).eval(), Taught.by(data)
    >>> noisy = signals.add_noise(signals.sparse_spikes(1, rng=0)[0], 3.0, rng=1)
    >>> in_volts = denoise_own(net, 1e-3 * noisy + 2, taught)
    >>> print(abs(in_volts - 2 - 1e-3 * denoise_own(net, noisy, taught)).max() < 1e-7)
    True
    """
    _check.instance(net, "net", Network)
    _check.instance(taught, "taught", Taught)
    signal = _check.array(signal, "signal")
    if signal.ndim != 1 or signal.size < 2:
        raise ValueError(f"signal must be one signal of two samples or more, not {signal.shape}")
    middle, untaught = np.median(signal), []
    seen = signal.astype(np.float64) - middle
    if taught.rate is not None:
        if rate is None:
            raise ValueError(f"rate must be given: the network was taught {taught.rate:g} Hz")
        rate = _check.rate(rate)
        seen = resample(seen, rate, taught.rate)
        lost = np.var(signal - middle - resample(seen, taught.rate, rate)[: signal.size])
        if lost > UNHEARD * np.var(signal):
            untaught.append(
                f"{100 * lost / np.var(signal):.0f} % of the signal's power lies above "
                f"{taught.rate / 2:g} Hz, which a network at {taught.rate:g} Hz cannot hold"
            )
    if len(seen) < 2 or np.ptp(seen) == 0:
        return signal.copy()  # nothing moves: there is nothing to take away
    found, heights, medians = _measured(seen, taught.length)
    if unit is None:
        by = taught.scaled_by if found[taught.scaled_by] > 0 else "height"
        unit = found[by] / np.mean(getattr(taught, by))
    unit = _check.number(unit, "unit", positive=True)
    untaught += _differences(unit, taught, found, heights, medians)
    estimate = unit * (denoise_long(net, seen / unit + taught.middle) - taught.middle)
    if taught.rate is not None:
        estimate = resample(estimate, taught.rate, rate)[: signal.size]
    if untaught:
        words = "; ".join(untaught)
        warnings.warn(f"{words}. The estimate may be wrong.", UntaughtWarning, stacklevel=2)
    return (estimate + middle).astype(signal.dtype)


def _differences(unit, taught, found, heights, medians):
    """Say in what a signal differs from all that a network was taught."""
    said = []
    for name, value in found.items():
        low, high = getattr(taught, name)
        if not low / ROOM <= value / unit <= high * ROOM:
            said.append(
                f"the signal's {name}, {value:.3g}, is that of {value / unit:.3g} in the "
                f"network's unit, and it was taught {low:.3g} to {high:.3g}"
            )
    low, high = (end - taught.middle for end in taught.medians)
    room = (ROOM - 1) * np.mean(taught.height)
    if medians.min() / unit < low - room or medians.max() / unit > high + room:
        said.append(f"the signal's middle moves from {medians.min():.3g} to {medians.max():.3g}")
    least, most = heights.min() / unit, heights.max() / unit
    if not taught.height[0] / ROOM <= least <= most <= taught.height[1] * ROOM:
        said.append(f"its height goes from {heights.min():.3g} to {heights.max():.3g}")
    return said


def _pair(batch):
    """Return noisy and clean signals ``(n, length)`` of a batch of training data."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ValueError("data must return (noisy, clean): what it was taught is known from both")
    noisy, clean = (_check.array(part, "data") for part in batch)
    noisy = noisy[:, 0] if noisy.ndim == 3 else noisy
    if noisy.ndim != 2 or noisy.shape != clean.shape:
        raise ValueError(f"data must fit each other, not have shapes {noisy.shape}, {clean.shape}")
    return noisy, clean


def _measured(signal, length):
    """Return noise and height of a signal, medians over stretches of that length.

    Also the height and the median of each stretch.
    """
    size = min(length, len(signal))
    stretches = signal[: len(signal) // size * size].reshape(-1, size)
    heights = np.ptp(stretches, axis=-1)
    found = {
        "noise": np.median(mad_sigma(stretches, difference=True)),
        "height": np.median(heights) or np.ptp(signal),
    }
    return found, heights, np.median(stretches, axis=-1)


def resample(signal, rate, new_rate):
    """Return signals at another rate, by a polyphase filter: what the new rate cannot hold goes.

    The new length is the old one times the ratio of the rates, rounded up; the first sample keeps
    its time. `scipy.signal.resample_poly` takes a signal as 0 beyond its ends: the line through the
    first and the last sample is therefore subtracted before, and added afterwards.

    Parameters
    ----------
    signal : array_like (..., length)
        Signals.
    rate, new_rate : float
        Samples a second, before and after.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 400 * np.arange(1000) / 1000)
    >>> print(f"{np.std(tone):.2f} {np.std(resample(tone, 1000, 360)[50:-50]):.2f}")
    0.71 0.00
    """
    signal = _check.array(signal, "signal")
    rate, new_rate = _check.rate(rate), _check.rate(new_rate, "new_rate")
    if not 1 / RATIO <= new_rate / rate <= RATIO:
        raise ValueError(f"new_rate must not be {new_rate / rate:.1g} times the rate")
    if rate == new_rate:
        return signal.copy()
    try:
        from scipy.signal import resample_poly
    except ImportError:
        raise ImportError("another rate needs SciPy: install denoiselib[notebooks]") from None
    ratio = Fraction(new_rate / rate).limit_denominator(RATIO)
    first, length = signal[..., :1].astype(np.float64), signal.shape[-1]
    slope = (signal[..., -1:] - first) / max(length - 1, 1)
    bent = signal - (first + slope * np.arange(length))
    found = resample_poly(bent, *ratio.as_integer_ratio(), axis=-1)
    return (found + first + slope / float(ratio) * np.arange(found.shape[-1])).astype(signal.dtype)


def _ends(values):
    return float(np.min(values)), float(np.max(values))
