"""Synthetic electrocardiograms, drawn at random, with known times of their beats."""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.real.disturbances import SAMPLING_RATE


class Wave(NamedTuple):
    """One of the five waves of a beat."""

    height: float  #: in mV
    place: float  #: in seconds from the R wave, at 60 beats a minute
    width: float  #: standard deviation of the Gaussian, in seconds
    follows: bool  #: whether its place scales with the root of the period, as the QT interval does


#: A beat at 60 beats a minute; each signal varies heights and widths.
WAVES = {
    "P": Wave(0.12, -0.17, 0.022, True),
    "Q": Wave(-0.10, -0.027, 0.009, False),
    "R": Wave(1.2, 0.0, 0.011, False),
    "S": Wave(-0.2, 0.028, 0.010, False),
    "T": Wave(0.25, 0.28, 0.045, True),
}
PERIODS = (0.45, 1.2)  #: shortest and longest mean period of a heart, in seconds
VARIATION = 0.05  #: standard deviation of a heart's periods, as a part of their mean
RATE_RANGE = (1, 100_000)  #: lowest and highest sampling rate, in Hz
SPAN = (0.35, 0.75)  #: seconds before and after an R wave in which its beat is drawn


def ecg(n, length=512, rng=None, *, rate=SAMPLING_RATE):
    r"""Draw clean electrocardiograms ``(n, length)`` in mV, each beat a sum of five Gaussians.

    Parameters
    ----------
    n, length : int
        Number of signals, each with its own heart rate and shape of beats, and samples in each.
    rng : seed, numpy.random.Generator or None
        Source of randomness.
    rate : float
        Samples a second.

    Notes
    -----
    :math:`x(t) = \sum_b \sum_i a_i \exp(-(t - r_b - d_i)^2 / 2 s_i^2)` with the waves i of `WAVES`
    (P, Q, R, S, T) and R waves at the times :math:`r_b`. The mean period of a signal is uniform in
    0.45 .. 1.2 s; single periods vary by 5 %. Amplitudes :math:`a_i` are half to twice those listed
    (uniform in the logarithm), widths :math:`s_i` 0.7 to 1.4 times. P and T move away from R with
    the root of the period, as QT does (Bazett 1920). The waves are those of McSharry and others
    (2003), *IEEE Trans. Biomed. Eng.* 50, 289-294. All beats are healthy, the baseline is flat, and
    a signal begins at a random place in a beat.

    To train on this family, pass the function:
    ``nn.train.fresh(ecg, 0.1, batch_size=32, length=512)``.

    Examples
    --------
    >>> clean = ecg(1000, rng=0)
    >>> print(clean.shape, f"{np.median(clean.max(axis=-1)):.1f} mV")
    (1000, 512) 1.2 mV
    """
    return ecg_with_beats(n, length, rng, rate=rate)[0]


def ecg_with_beats(n, length=512, rng=None, *, rate=SAMPLING_RATE):
    """Draw electrocardiograms as `ecg` does, and return them with the times of their R waves.

    The times are a list of n arrays ``(beats,)``, in samples and not rounded.

    Parameters
    ----------
    n, length, rng, rate
        As in `ecg`.

    Examples
    --------
    >>> clean, beats = ecg_with_beats(1, length=3600, rng=0)
    >>> top = np.round(beats[0]).astype(int)
    >>> print(len(top), np.all(clean[0, top] > 0.9 * clean.max()))
    11 True
    """
    n, length = _check.integer(n, "n", 1), _check.integer(length, "length", 1)
    rng, rate = _check.generator(rng), _check.rate(rate)
    if not RATE_RANGE[0] <= rate <= RATE_RANGE[1]:
        raise ValueError(f"rate must lie between {RATE_RANGE[0]} and {RATE_RANGE[1]}, not {rate:g}")
    before, after = (int(np.ceil(span * rate)) for span in SPAN)
    period = rng.uniform(*PERIODS, (n, 1))
    times = _times(period, after + length + before, rate, rng) - after

    height, place, width, follows = np.array(list(WAVES.values())).T
    height = (height * 2 ** rng.uniform(-1, 1, (n, 5)))[..., None]
    width = (width * rng.uniform(0.7, 1.4, (n, 5)))[..., None]
    place = (place * np.where(follows, np.sqrt(period), 1))[..., None]

    # Add beats to a longer array, then cut off what lies outside of the signal.
    span, rows = np.arange(-before, after + 1), np.arange(n)[:, None]
    room = np.zeros((n, length + 2 * (before + after) + 1))
    for time in times.T[..., None]:
        first = np.minimum(np.floor(time).astype(int), length + before)
        seconds = (first + span - time) / rate
        beat = sum(
            height[:, i] * np.exp(-0.5 * ((seconds - place[:, i]) / width[:, i]) ** 2)
            for i in range(len(WAVES))
        )
        room[rows, first + before + after + span] += beat
    clean = room[:, before + after :][:, :length].copy()
    return clean, [t[(t >= 0) & (t <= length - 1)] for t in times]


def _times(period, length, rate, rng):
    """Return times of beats in samples: the first within one period, the last beyond `length`."""
    count = int(np.ceil(length / rate / (PERIODS[0] * (1 - 3 * VARIATION)))) + 1
    deviation = np.clip(rng.standard_normal((len(period), count)), -3, 3)
    periods = period * (1 + VARIATION * deviation)
    first = rng.uniform(0, 1, (len(period), 1)) * periods[:, :1]
    return (first + np.cumsum(periods, axis=1) - periods[:, :1]) * rate
