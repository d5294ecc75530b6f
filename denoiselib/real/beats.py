"""Heart beats in an electrocardiogram, and how denoising changes their times and heights."""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.real.disturbances import SAMPLING_RATE

REFRACTORY = 0.25  #: shortest time between two beats, in seconds
WINDOW = 0.12  #: moving mean of the energy of a QRS complex, in seconds
SLACK = 0.08  #: farthest distance of an R wave from the largest energy, in seconds
SHARE = 0.25  #: threshold, from 0 at the level of the noise to 1 at that of beats
LOWEST_RATE = 100  #: lowest sampling rate, in Hz, that shows a QRS complex
MEMORY = 1 / 8  #: weight of the newest value in the running levels of noise and beats


def r_peaks(signal, rate=SAMPLING_RATE):
    r"""Find the R waves of an electrocardiogram by their steep slopes.

    Parameters
    ----------
    signal : array_like (length,)
        One electrocardiogram, R waves upward, longer than half a second; in any unit.
    rate : float
        Samples a second, at least 100.

    Returns
    -------
    ndarray (beats,) of int
        Indices of the highest samples of the R waves, in rising order.

    Notes
    -----
    After Pan & Tompkins (1985), *IEEE Trans. Biomed. Eng.* 32, 230-236, simplified:

    1. two moving means of 25 ms against hum and muscles, differences over 25 ms against wander;
    2. square, and take the moving mean over 120 ms: the energy e;
    3. candidates are the largest e within 250 ms to either side. One is a beat if e exceeds
       N + (S - N) / 4, where S and N are the levels of beats and other candidates so far,
       :math:`S \leftarrow \frac78 S + \frac18 e`; S starts at the median of the largest e in pieces
       of 1.5 s, N at the median of e;
    4. the R wave is the highest sample within 80 ms, above a moving mean of 200 ms.

    Left out are the search back for missed beats, and the tests for T waves.

    Examples
    --------
    >>> from denoiselib.real import ecg_with_beats
    >>> (signal,), (beats,) = ecg_with_beats(1, length=3600, rng=0)
    >>> print(np.abs(r_peaks(signal) - beats).max() <= 1)
    True
    """
    signal, rate = _one(signal, "signal", rate)
    if rate < LOWEST_RATE:
        raise ValueError(f"rate must be at least {LOWEST_RATE}, not {rate:g}")
    if signal.size < rate / 2:
        raise ValueError(f"signal must last half a second, not {signal.size / rate:.2f} s")
    energy = _energy(signal, rate)
    found, reach = [], round(SLACK * rate)
    pieces = np.array_split(energy, max(1, len(energy) // round(1.5 * rate)))
    beat = np.median([piece.max() for piece in pieces])
    noise = np.median(energy)
    for i in _candidates(energy, round(REFRACTORY * rate)):
        if energy[i] > noise + SHARE * (beat - noise):
            beat += MEMORY * (energy[i] - beat)
            found.append(i)
        else:
            noise += MEMORY * (energy[i] - noise)
    above = signal - _moving_mean(signal, round(0.2 * rate))
    starts = [max(i - reach, 0) for i in found]
    return np.array([s + above[s : s + 2 * reach + 1].argmax() for s in starts], dtype=int)


class Timing(NamedTuple):
    """Detected beats compared with true ones."""

    errors: np.ndarray  #: in ms, found minus true, one for each pair
    missed: int  #: true beats that were not detected
    extra: int  #: detections that are no beats


def r_peak_timing_error(found, true, rate=SAMPLING_RATE, tolerance=50.0):
    """Pair detected beats with true ones, and measure their distances.

    Parameters
    ----------
    found, true : array_like (beats,)
        Times in samples, not necessarily whole; either may be empty.
    rate : float
        Samples a second.
    tolerance : float
        Largest distance of a pair, in ms.

    Returns
    -------
    Timing
        Pairs are made from the nearest to the farthest; each beat is used once.

    Examples
    --------
    >>> r_peak_timing_error(found=[101, 190, 520], true=[100, 300, 518], rate=1000)
    Timing(errors=array([1., 2.]), missed=1, extra=1)
    """
    found, true, rate = _times(found, "found"), _times(true, "true"), _check.rate(rate)
    tolerance = _check.number(tolerance, "tolerance", positive=True)
    distance = (found[:, None] - true) * (1000 / rate)
    near = np.argwhere(abs(distance) <= tolerance).tolist()
    used, errors = set(), {}
    for i, k in sorted(near, key=lambda pair: abs(distance[tuple(pair)])):
        if i not in used and k not in errors:
            used.add(i)
            errors[k] = distance[i, k]
    pairs = np.array([errors[k] for k in sorted(errors)])
    return Timing(pairs, len(true) - len(pairs), len(found) - len(pairs))


def qrs_amplitude_error(estimate, clean, beats, rate=SAMPLING_RATE):
    """Return the relative error of the height of each QRS complex.

    Parameters
    ----------
    estimate, clean : array_like (length,)
        A denoised signal, and the true one.
    beats : array_like (beats,)
        Times of the R waves of `clean`, in samples.
    rate : float
        Samples a second.

    Returns
    -------
    ndarray (beats,)
        For each beat the height (highest minus lowest sample within 50 ms) in `estimate` over that
        in `clean`, minus 1. Flattened peaks give negative numbers.

    Examples
    --------
    >>> clean = np.zeros(100)
    >>> clean[50] = 2.0
    >>> print(qrs_amplitude_error(0.75 * clean, clean, beats=[50]))
    [-0.25]
    """
    estimate, rate = _one(estimate, "estimate", rate)
    clean, _ = _one(clean, "clean", rate)
    if estimate.shape != clean.shape:
        raise ValueError(f"estimate and clean have lengths {estimate.size} and {clean.size}")
    beats, reach = np.round(_times(beats, "beats")), min(round(0.05 * rate), clean.size)
    if beats.size and not (beats.min() >= 0 and beats.max() < clean.size):
        raise ValueError(f"beats must lie within the {clean.size} samples of the signals")
    spans = [slice(max(i - reach, 0), i + reach + 1) for i in beats.astype(int)]
    true = np.array([np.ptp(clean[span]) for span in spans])
    if not true.all():
        raise ValueError("clean is constant around one of the beats: there is no QRS complex")
    return np.array([np.ptp(estimate[span]) for span in spans]) / true - 1


def _one(signal, name, rate):
    signal, rate = _check.array(signal, name), _check.rate(rate)
    if signal.ndim != 1:
        raise ValueError(f"{name} must be one signal (length,), not of shape {signal.shape}")
    return signal.astype(np.float64), rate


def _times(times, name):
    if _check.real(times, name).size == 0:
        return np.zeros(0)
    times = _check.array(times, name)
    if times.ndim != 1:
        raise ValueError(f"{name} must be times (beats,), not of shape {times.shape}")
    return times


def _energy(signal, rate):
    short = round(0.025 * rate)
    smooth = _moving_mean(_moving_mean(signal, short), short)
    reach = short // 2 + 1
    padded = np.pad(smooth, reach, mode="edge")
    slope = padded[2 * reach :] - padded[: -2 * reach]
    slope[np.abs(slope) < 1e-9 * np.abs(signal).max()] = 0  # a constant signal has no slope
    return np.maximum(_moving_mean(slope**2, round(WINDOW * rate)), 0)


def _moving_mean(x, window):
    """Mean over an odd window around each sample; the end samples are repeated."""
    half = window // 2
    total = np.cumsum(np.pad(x, (half + 1, half), mode="edge"))
    return (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)


def _candidates(energy, reach):
    """Return indices of energies that are the largest within `reach` samples to either side."""
    padded = np.pad(energy, reach, constant_values=-1.0)
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=-1)
    places, last = [], -reach - 1
    for i in np.flatnonzero((energy == near) & (energy > 1e-12 * energy.max())):
        if i - last > reach:  # of equal ones the first
            places.append(i)
            last = i
    return places
