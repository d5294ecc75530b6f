"""Heart beats in an electrocardiogram, and how denoising changes their times and heights."""

from bisect import bisect
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.real.disturbances import SAMPLING_RATE

LOWEST_RATE = 100  #: lowest sampling rate, in Hz, that shows a QRS complex
LONG, WINDOW = 0.15, 0.1  #: moving means of slopes, to take away, and of squares, in seconds
REFRACTORY = 0.25  #: shortest time between two beats, in seconds
SLACK = 0.08  #: farthest distance of an R wave from the largest size, in seconds
NEAR = 0.75  #: farther than this, in seconds, the nearest beat is only in very slow hearts
STEP, SPAN = 0.5, 24.0  #: time between levels of beats, and time that each regards, in seconds
FAINT = 0.4  #: lowest level of noise alone, as a part of the median of all levels
DISTINCT = 3.0  #: beats are so many times as large as what is usual around them, noise is not
BLOCK, JUMP = 0.05, 9.0  #: seconds of a row; so many times its third largest change is a jump
ASIDE, RISE, FALL = 0.2, 0.1, 1.0  #: seconds to either side; least peak and trough, in sizes
ABRUPT = 3.0  #: a slope so many times as steep as that of beats is no beat
PIECE, HUGE = 1.5, 30.0  #: seconds in which a beat falls; more than so many times it is no voltage
FLAT = 1e-6  #: what is less than this part of the largest is a flat line
ROUNDING = 1e-13  #: what differs from a constant by less than this part is that constant
MEMORY = 1 / 8  #: weight of the newest value in the running level of noise
SHARE, LOWER = 0.35, 0.7  #: threshold, from 0 at noise to 1 at beats; part of it to search back
T_TIME, T_SIZE = 0.4, 0.6  #: a T wave comes within seconds after its beat, and is so much smaller
MISSED, USUAL = 1.66, 9  #: longest time between beats, as a multiple of the median of so many


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
    After Pan & Tompkins (1985), *IEEE Trans. Biomed. Eng.* 32, 230-236, and Hamilton & Tompkins
    (1986), *IEEE Trans. Biomed. Eng.* 33, 1157-1165, who take medians, which no artefact raises.
    Here those of beats regard the future, too:

    1. two moving means of 25 ms against hum and muscles, differences over 25 ms against wander:
       the slope. Slopes 3 times as steep as those of beats are artefacts: 0, with 100 ms to
       either side. The others lose their moving mean over 150 ms, against T waves;
    2. the size e is the root of the moving mean of squares over 100 ms;
    3. S is the median over 24 s of the largest e within 750 ms. Where it is less than 3 times
       the usual e (the median over 24 s of medians of 500 ms) there is noise alone: there S is
       not less than 0.4 of the median of all S. Each e is divided by the least S within 750 ms;
    4. candidates are the largest e within 250 ms to either side. One is a beat if e/S exceeds
       :math:`N + 0.35 (1 - N)`, unless it is a T wave: within 400 ms after a beat, and less than
       0.6 of its e/S. N, of noise, starts at the median of all e/S, and follows candidates
       below 0.7 of the threshold: :math:`N \leftarrow \frac78 N + \frac18 e/S`;
    5. search back: where the next beat is 1.66 times as far as usual, the largest candidate
       between them is one, if it exceeds 0.7 of the threshold (half of it, in squares);
    6. the R wave is the highest sample within 80 ms, above a moving mean of 200 ms. It is left
       out if it is not e/10 above the median of 200 ms to either side, and no sample is e below:
       what only rises, or only falls, holds no beat. Near the ends another beat is enough.

    First what is 30 times as far from the median as usual is clipped, such as the mark of a gap,
    and changes from a sample to the next that are 9 times as large as those of beats (the third
    largest in 50 ms counts) are taken away: steps of the baseline, and pops of few samples.
    Most of 24 s must be in contact with the heart; a flat line does not count.

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
    level = np.median(signal)
    signal = np.where(np.isclose(signal, level, rtol=ROUNDING, atol=0), 0, signal - level)
    pieces = np.array_split(np.abs(signal), max(1, round(signal.size / rate / PIECE)))
    usual = np.median([piece.max() for piece in pieces])
    if usual > 0:  # a marker of a gap, for example, is no voltage
        signal = np.clip(signal, -HUGE * usual, HUGE * usual)
    signal = _without_jumps(signal, rate)
    size = _sizes(signal, rate)
    return _r_waves(signal, size, _beats(size, rate), rate)


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
        raise ValueError(f"beats must lie within the {clean.size} samples of estimate and clean")
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


def _without_jumps(signal, rate):
    """Take away changes from one sample to the next that are far larger than those in beats."""
    change = np.diff(signal, prepend=signal[0])
    block = round(BLOCK * rate)
    third = np.sort(_blocks(abs(change), block))[:, -3]  # a pop is two changes, up and down
    level = _level(third.repeat(block)[: len(signal)], rate)
    jumps = (abs(change) > JUMP * level) & (level > 0)
    return np.cumsum(change * ~jumps)  # what rises or falls throughout still does


def _sizes(signal, rate):
    """Return the root of the mean square of the slope around each sample."""
    short, window = round(0.025 * rate), round(WINDOW * rate)
    smooth = _moving_mean(_moving_mean(signal, short), short)
    reach = short // 2 + 1
    slope = np.pad(smooth[2 * reach :] - smooth[: -2 * reach], reach)
    abrupt = abs(slope) > ABRUPT * _level(abs(slope), rate)
    rest, long = ~_moving_max(abrupt, window), round(LONG * rate)
    mean = _moving_mean(slope * rest, long) / np.maximum(_moving_mean(rest, long), FLAT)
    slope = (slope - mean) * rest
    return np.sqrt(np.maximum(_moving_mean(slope**2, window), 0))


def _level(x, rate):
    """Return how large x is in beats, around each sample."""
    step = round(STEP * rate)
    largest = _moving_max(x, round(NEAR * rate))[::step]
    alive = np.flatnonzero(largest >= FLAT * largest.max())  # a flat line does not count
    level = _running_median(largest[alive], round(SPAN / STEP))
    return np.interp(np.arange(len(largest)), alive, level).repeat(step)[: len(x)]


def _relative(size, rate):
    """Return sizes as parts of those of beats around them."""
    step, level = round(STEP * rate), _level(size, rate)
    usual = _running_median(np.median(_blocks(size, step), axis=1), round(SPAN / STEP))
    noise = level < DISTINCT * usual.repeat(step)[: len(size)]
    level = np.where(noise, np.maximum(level, FAINT * np.median(level)), level)
    return size / -_moving_max(-level, round(NEAR * rate))


def _beats(size, rate):
    """Return the places of the candidates that are beats."""
    places = _candidates(size, round(REFRACTORY * rate))
    if not places:
        return places
    size = _relative(size, rate)
    noise, found, weak = np.median(size), [], []
    for i, e in zip(places, size[places], strict=True):
        threshold = noise + SHARE * (1 - noise)
        if found and i - found[-1] < T_TIME * rate and e < T_SIZE * size[found[-1]]:
            threshold = np.inf
        if e > threshold:
            found.append(i)
        elif e > LOWER * threshold:
            weak.append(i)
        else:
            noise += MEMORY * (e - noise)
    return _searched_back(size, found, weak) if weak and len(found) > 2 else found


def _searched_back(size, found, weak):
    """Return beats with the largest of the weak candidates where the next beat is too far."""
    longest = MISSED * np.interp(weak, found[1:], _running_median(np.diff(found), USUAL))
    for _, i, gap in sorted(zip(-size[weak], weak, longest, strict=True)):
        k = bisect(found, i)
        if 0 < k < len(found) and found[k] - found[k - 1] > gap:
            found.insert(k, i)
    return found


def _r_waves(signal, size, found, rate):
    """Return the highest samples near beats, but not where there is neither peak nor trough."""

    def median(i):  # of a middle that only rises or falls, the sample itself
        half = min(aside, i, len(signal) - 1 - i)
        return np.median(signal[i - half : i + half + 1])

    reach, aside = round(SLACK * rate), round(ASIDE * rate)
    above = signal - _moving_mean(signal, round(0.2 * rate))
    spans = [slice(max(i - reach, 0), i + reach + 1) for i in found]
    top = np.array([span.start + above[span].argmax() for span in spans], dtype=int)
    low = np.array([span.start + above[span].argmin() for span in spans], dtype=int)
    rise = signal[top] - [median(i) for i in top]
    fall = [median(i) for i in low] - signal[low]
    beat = np.maximum(rise / RISE, fall / FALL) > size[np.array(found, dtype=int)]
    inner = (top >= aside) & (top < len(signal) - aside)
    return top[beat | ~inner] if (beat & inner).any() else top[:0]


def _blocks(x, length):
    """Return x in rows; its last sample is repeated."""
    return np.pad(x, (0, -len(x) % length), mode="edge").reshape(-1, length)


def _moving_mean(x, window):
    """Mean over an odd window around each sample; the end samples are repeated."""
    half = window // 2
    total = np.cumsum(np.pad(x, (half + 1, half), mode="edge"))
    return (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)


def _moving_max(x, reach):
    """Return the largest within `reach` samples to either side, by doubling the window."""
    x, width = np.pad(x, reach, mode="edge"), 1
    while more := min(width, 2 * reach + 1 - width):
        x, width = np.maximum(x[:-more], x[more:]), width + more
    return x


def _running_median(x, count):
    """Return medians of `count` neighbours; at the ends, of the first and the last."""
    count = min(count, len(x))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(x, count), axis=-1)
    return medians[np.clip(np.arange(len(x)) - count // 2, 0, len(medians) - 1)]


def _candidates(size, reach):
    """Return indices of sizes that are the largest within `reach` samples to either side."""
    largest = (size == _moving_max(size, reach)) & (size > FLAT * size.max())
    places, last = [], -reach - 1
    for i in np.flatnonzero(largest).tolist():
        if i - last > reach:  # of equal ones the first
            places.append(i)
            last = i
    return places
