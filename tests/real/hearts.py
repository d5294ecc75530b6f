"""Hearts with known beats: plain ones and unusual ones, disturbed in many ways.

A kind is a function ``(rng, rate, seconds)`` that returns an electrocardiogram in mV and the times
of its R waves, in samples. `missed_and_extra` counts the errors of a detector.
"""

from unittest import mock

import numpy as np

from denoiselib import real, signals
from denoiselib.real import synthetic

RATE, SECONDS = 360, 60
TOLERANCE = 75.0  #: in ms, also for detectors that find some other place in a QRS complex


def draw(kind, seed, rate=RATE, seconds=SECONDS):
    return KINDS[kind](np.random.default_rng([seed, 17]), rate, seconds)


def missed_and_extra(detect, kind, seeds, rate=RATE):
    """Sum both over the seeds; ``detect(signal, rate)`` returns times in samples."""
    total = np.zeros(2, dtype=int)
    for seed in seeds:
        signal, beats = draw(kind, seed, rate)
        timing = real.r_peak_timing_error(detect(signal, rate), beats, rate, TOLERANCE)
        total += timing.missed, timing.extra
    return total.tolist()


# --- hearts


def plain(rng, rate, seconds):
    (signal,), (beats,) = real.ecg_with_beats(1, round(seconds * rate), rng, rate=rate)
    return signal, beats


def paced(beats_a_minute):
    def kind(rng, rate, seconds):
        with mock.patch.object(synthetic, "PERIODS", (60 / beats_a_minute,) * 2):
            return plain(rng, rate, seconds)

    return kind


def irregular(rng, rate, seconds):
    """Periods vary by 12 %."""
    with mock.patch.object(synthetic, "VARIATION", 0.12):
        return plain(rng, rate, seconds)


def large_t(rng, rate, seconds):
    """T waves twice as high: some are as high as R waves."""
    high = synthetic.WAVES["T"]._replace(height=0.5)
    with mock.patch.dict(synthetic.WAVES, T=high):
        return plain(rng, rate, seconds)


def ectopic(rng, rate, seconds):
    """A fifth of the beats comes from a ventricle: they are high and wide, without other waves."""
    signal, beats = plain(rng, rate, seconds)
    wide = rng.uniform(size=len(beats)) < 0.2
    top, time = np.quantile(signal, 0.99), np.arange(len(signal))
    signal[wide[_nearest(beats, len(signal))]] = 0
    for beat in beats[wide]:
        signal += 1.5 * top * np.exp(-0.5 * ((time - beat) / (0.04 * rate)) ** 2)
        signal -= 0.5 * top * np.exp(-0.5 * ((time - beat) / rate - 0.2) ** 2 / 0.06**2)
    return signal, beats


def heights(factors, heart=plain):
    """Multiply beats, each up to halfway to its neighbours, by ``factors(rng, count)``."""

    def kind(rng, rate, seconds):
        signal, beats = heart(rng, rate, seconds)
        return signal * factors(rng, len(beats))[_nearest(beats, len(signal))], beats

    return kind


def _nearest(beats, length):
    return np.searchsorted((beats[1:] + beats[:-1]) / 2, np.arange(length))


def alternate(rng, count):
    return np.where(np.arange(count) % 2, 0.5, 1)


def sometimes(factor):
    return lambda rng, count: np.where(rng.uniform(size=count) < 0.1, factor, 1)


def gain(curve):
    """Multiply by a curve over the time, which runs from 0 to 1."""

    def kind(rng, rate, seconds):
        signal, beats = plain(rng, rate, seconds)
        return signal * curve(np.linspace(0, 1, len(signal))), beats

    return kind


def jump(factor):
    return gain(lambda time: np.where(time < 0.5, 1, factor))


# --- disturbances


def noisy(level, heart=plain):
    def kind(rng, rate, seconds):
        signal, beats = heart(rng, rate, seconds)
        return signals.add_noise(signal, level, rng), beats

    return kind


def disturbed(add, level):
    def kind(rng, rate, seconds):
        signal, beats = plain(rng, rate, seconds)
        return add(signal, level, rng, rate=rate), beats

    return kind


def steps(*sizes):
    """Jumps of the baseline, at random times."""

    def kind(rng, rate, seconds):
        signal, beats = plain(rng, rate, seconds)
        for size in sizes:
            signal[rng.integers(len(signal)) :] += size * rng.choice([-1, 1])
        return signal, beats

    return kind


def pops(count, highest):
    """A loose electrode: jumps that decay, within 5 to 100 ms each."""

    def kind(rng, rate, seconds):
        signal, beats = plain(rng, rate, seconds)
        for start in rng.integers(len(signal), size=count):
            size = highest * rng.uniform(0.25, 1) * rng.choice([-1, 1])
            time = np.arange(len(signal) - start) / rate
            signal[start:] += size * np.exp(-time / rng.uniform(0.005, 0.1))
        return signal, beats

    return kind


def short_pops(count, size, samples=1):
    """Pops of few samples, up or down, at random times."""

    def kind(rng, rate, seconds):
        signal, beats = plain(rng, rate, seconds)
        for start in rng.integers(len(signal) - samples, size=count):
            signal[start : start + samples] += size * rng.choice([-1, 1])
        return signal, beats

    return kind


def sawtooth(height, period):
    """A slow ramp that starts anew after each period, in seconds."""

    def kind(rng, rate, seconds):
        signal, beats = plain(rng, rate, seconds)
        time = np.arange(len(signal)) / rate + rng.uniform(0, period)
        return signal + height * (time / period % 1), beats

    return kind


def lost(noise, length, share=0.4, heart=plain):
    """No contact for so many seconds, after a share of the time: noise and no beats."""

    def kind(rng, rate, seconds):
        signal, beats = heart(rng, rate, seconds)
        start = round(share * len(signal))
        stop = start + round(length * rate)
        signal[start:stop] = noise * rng.standard_normal(stop - start)
        return signal, beats[(beats < start) | (beats >= stop)]

    return kind


def overloaded(rng, rate, seconds):
    """Twice the amplifier leaves its range, for about 2 s, and comes back slowly."""
    signal, beats = plain(rng, rate, seconds)
    for share in (0.3, 0.7):
        start = round(share * len(signal))
        signal[start:] += 30 * np.exp(-np.arange(len(signal) - start) / rate)
    seen = signal[np.round(beats).astype(int)] < 5
    return np.minimum(signal, 5), beats[seen]


def clipped(rng, rate, seconds):
    """R waves are cut off at half their height."""
    signal, beats = plain(rng, rate, seconds)
    return np.minimum(signal, signal.max() / 2), beats


KINDS = {
    "plain": plain,
    "35 a minute": paced(35),
    "180 a minute": paced(180),
    "irregular": irregular,
    "large T waves": large_t,
    "ectopic": ectopic,
    "alternating": heights(alternate),
    "alternating, noise": noisy(0.05, heights(alternate)),
    "some low": heights(sometimes(0.35)),
    "some high": heights(sometimes(2.5)),
    "heights vary": heights(lambda rng, count: rng.uniform(0.5, 1.5, count)),
    "halves": jump(1 / 2),
    "falls to a third": jump(1 / 3),
    "doubles": jump(2),
    "quadruples": jump(4),
    "falls to a tenth": jump(1 / 10),
    "grows tenfold": jump(10),
    "halves, doubles, ...": gain(lambda time: np.where(np.floor(10 * time) % 2, 0.5, 1)),
    "grows to 4": gain(lambda time: 4**time),
    "shrinks to 1/4": gain(lambda time: 4**-time),
    "noise of .1 mV": noisy(0.1),
    "noise of .2 mV": noisy(0.2),
    "bursts of .2 mV": disturbed(real.add_bursts, 0.2),
    "hum of .2 mV": disturbed(real.add_hum, 0.2),
    "wander of 1 mV": disturbed(real.add_wander, 1.0),
    "step of 15 mV": steps(15),
    "five steps": steps(1, 2, 4, 8, 15),
    "pop of 20 mV": pops(1, 20),
    "ten pops": pops(10, 20),
    "20 short pops": short_pops(20, 15),
    "sawtooth of 5 mV": sawtooth(5, 3.7),
    "flat for 5 s": lost(0.0, 5),
    "flat for 40 s": lost(0.0, 40, 0.1),
    "flat, noise of .2 mV": lost(0.0, 20, 0.4, noisy(0.2)),
    "noise for 5 s": lost(0.02, 5),
    "noise for 12 s": lost(0.02, 12),
    "noise at first": lost(0.02, 5, 0.0),
    "overloaded": overloaded,
    "clipped": clipped,
}
