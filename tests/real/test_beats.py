"""Beats are found, paired and measured: on hearts that are known, and on the recording."""

from pathlib import Path

import numpy as np
import pytest

from denoiselib import signals
from denoiselib.real import (
    add_hum,
    add_wander,
    ecg_with_beats,
    load_signal,
    qrs_amplitude_error,
    r_peak_timing_error,
    r_peaks,
)
from denoiselib.real.beats import _candidates, _moving_max, _running_median
from tests.real import hearts

RECORDING = Path(__file__).resolve().parents[2] / "data" / "ecg.npz"


def inner(times, length=3600):
    """Those that are not cut by an end."""
    times = np.asarray(times)
    return times[(times > 36) & (times < length - 36)]


@pytest.mark.parametrize("seed", range(20))
def test_all_beats_of_a_clean_heart_are_found(seed):
    (signal,), (beats,) = ecg_with_beats(1, 3600, rng=seed)
    found = r_peaks(signal)
    assert (np.diff(found) > 0).all()
    timing = r_peak_timing_error(inner(found), inner(beats))
    assert (timing.missed, timing.extra) == (0, 0)
    assert np.abs(timing.errors).max() <= 1000 / 360


@pytest.mark.parametrize("seed", range(5))
def test_beats_are_found_in_noise_hum_and_wander(seed):
    (signal,), (beats,) = ecg_with_beats(1, 3600, rng=seed)
    noisy = signals.add_noise(add_wander(add_hum(signal, 0.1, seed), 0.5, seed), 0.05, seed)
    timing = r_peak_timing_error(inner(r_peaks(noisy)), inner(beats))
    assert (timing.missed, timing.extra) == (0, 0)
    assert np.abs(timing.errors).mean() < 6


def test_units_levels_and_rates_do_not_matter():
    (signal,), (beats,) = ecg_with_beats(1, 3600, rng=0)
    found = r_peaks(signal)
    np.testing.assert_array_equal(r_peaks(1000 * signal + 300), found)
    np.testing.assert_array_equal(r_peaks(signal.astype(np.float32)), found)
    for rate in (128, 250, 1000):
        (other,), (beats,) = ecg_with_beats(1, 10 * rate, rng=0, rate=rate)
        timing = r_peak_timing_error(
            inner(r_peaks(other, rate), 10 * rate), inner(beats, 10 * rate), rate
        )
        assert timing.missed == timing.extra == 0


@pytest.mark.parametrize("level", [0.0, 5.0, 0.1, -1e6])
def test_a_flat_line_has_no_beats(level):
    assert r_peaks(np.full(1000, level)).size == 0
    timing = r_peak_timing_error([], [5])
    assert (timing.errors.size, timing.missed, timing.extra) == (0, 1, 0)


SMOOTH = {
    "ramp": lambda time, at: time,
    "parabola": lambda time, at: (time - at) ** 2,
    "cubic": lambda time, at: (time - at) ** 3,
    "decay": lambda time, at: np.exp(-20 * at * time),
    "step": lambda time, at: np.where(time < at, 0, 1),
    "smooth step": lambda time, at: np.tanh(10 ** (3 * at) * (time - at)),
    "slow sine": lambda time, at: np.sin(2 * np.pi * (4 * time + at)),
}


@pytest.mark.parametrize("rate", [100, 360, 1000])
@pytest.mark.parametrize("curve", SMOOTH)
def test_smooth_curves_have_no_beats(curve, rate):
    rng = np.random.default_rng(0)
    for seconds in (8, 10, 30, 83.3):
        time = np.linspace(0, 1, round(seconds * rate))
        for at in rng.uniform(size=5):
            signal = SMOOTH[curve](time, at)
            assert r_peaks(signal, rate).size == 0
            assert r_peaks(3 - 100 * signal, rate).size == 0


@pytest.mark.parametrize("level", [0.3, -1e6])
def test_rounding_is_no_heart(level):
    rng = np.random.default_rng(0)
    assert r_peaks(level * (1 + 1e-15 * rng.standard_normal(1000))).size == 0


#: Missed and extra beats in 6 minutes; of the other kinds all are found, and no extra ones.
BOUNDS = {
    "180 a minute": (4, 0),
    "some low": (2, 0),
    "heights vary": (2, 0),
    "falls to a tenth": (6, 3),
    "grows tenfold": (1, 1),
    "bursts of .2 mV": (2, 2),
    "pop of 20 mV": (3, 1),
    "ten pops": (20, 4),
    "flat for 40 s": (0, 1),
    "noise for 12 s": (0, 2),
    "overloaded": (0, 2),
}


@pytest.mark.parametrize("kind", hearts.KINDS)
def test_all_kinds_of_hearts(kind):
    missed, extra = hearts.missed_and_extra(r_peaks, kind, seeds=range(6))
    most_missed, most_extra = BOUNDS.get(kind, (0, 0))
    assert missed <= most_missed
    assert extra <= most_extra


@pytest.mark.parametrize("factor", [1 / 30, 1 / 10, 1 / 3, 3, 10, 30])
@pytest.mark.parametrize("times", [(0.5, 1), (1 / 3, 2 / 3), (0.3, 1)])
def test_a_jump_of_the_gain_costs_no_more_than_a_beat(factor, times):
    start, stop = times
    kind = hearts.gain(lambda time: np.where((time >= start) & (time < stop), factor, 1))
    for seed in range(3):
        signal, beats = kind(np.random.default_rng(seed), 360, 60)
        timing = r_peak_timing_error(r_peaks(signal), beats)
        jumps = 1 if stop == 1 else 2
        assert timing.missed <= jumps
        assert timing.extra <= jumps


@pytest.mark.parametrize("rate", [128, 360, 1000])
@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize("count", [20, 60])
def test_short_pops_cost_nothing(count, samples, rate):
    kind = hearts.short_pops(count, 15, samples)
    for seed in range(3):
        signal, beats = kind(np.random.default_rng(seed), rate, 60)
        timing = r_peak_timing_error(r_peaks(signal, rate), beats, rate)
        assert (timing.missed, timing.extra) == (0, 0)


@pytest.mark.parametrize("after", [-8, -3, -1, 0, 1, 3, 8])
def test_short_pops_at_r_waves_cost_nothing(after):
    for size, seed in ((-15, 0), (15, 0), (-15, 1), (15, 1)):
        signal, beats = hearts.draw("plain", seed)
        signal[np.round(beats[1:-1:6]).astype(int) + after] += size
        timing = r_peak_timing_error(r_peaks(signal), beats)
        assert (timing.missed, timing.extra) == (0, 0)


@pytest.mark.parametrize("rate", [250, 360, 1000])
@pytest.mark.parametrize("height", [-15, -5, 5, 15])
@pytest.mark.parametrize("period", [2.0, 3.7, 7.0])
def test_a_sawtooth_costs_nothing(period, height, rate):
    for seed in range(3):
        signal, beats = hearts.sawtooth(height, period)(np.random.default_rng(seed), rate, 60)
        timing = r_peak_timing_error(r_peaks(signal, rate), beats, rate)
        assert (timing.missed, timing.extra) == (0, 0)


def test_beats_that_point_down_are_found_among_others():
    signal, beats = hearts.draw("plain", seed=0)
    nearest = abs(np.arange(len(signal))[:, None] - beats).argmin(axis=1)
    down = np.where(nearest % 5 == 2, -1, 1)
    timing = r_peak_timing_error(r_peaks(down * signal), beats, tolerance=100)
    assert (timing.missed, timing.extra) == (0, 0)


@pytest.mark.parametrize("rate", [100, 128, 250, 1000, 2000])
@pytest.mark.parametrize("kind", ["plain", "large T waves", "ectopic", "alternating", "grows to 4"])
def test_any_rate_will_do(kind, rate):
    assert hearts.missed_and_extra(r_peaks, kind, range(3), rate) == [0, 0]


@pytest.mark.parametrize("kind", ["noise of .1 mV", "halves", "ten pops", "flat for 5 s"])
def test_units_and_a_constant_do_not_matter(kind):
    signal, _ = hearts.draw(kind, seed=0)
    found = r_peaks(signal)
    for factor in (1e-9, 1e-3, 1e3, 1e9):
        np.testing.assert_array_equal(r_peaks(factor * signal), found)
    for level in (-1e3, 1e6, 1e9):
        np.testing.assert_array_equal(r_peaks(signal + level), found)


@pytest.mark.parametrize("kind", ["noise of .2 mV", "halves", "ten pops", "alternating, noise"])
@pytest.mark.parametrize("shift", [1, 100, 1234])
def test_a_later_start_changes_nothing(kind, shift):
    signal, _ = hearts.draw(kind, seed=1)
    all_of_them = r_peaks(signal)
    later = r_peaks(signal[shift:]) + shift
    np.testing.assert_array_equal(later[later > shift + 36], all_of_them[all_of_them > shift + 36])


@pytest.mark.parametrize("noise", [0, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_beats_near_the_ends(seed, noise):
    (signal,), (beats,) = ecg_with_beats(1, 7200, seed)
    signal = signals.add_noise(signal, noise, seed)
    first, last = round(beats[3]), round(beats[-4])
    for near in (0, 1, 3, 10, 30):
        found = r_peaks(signal[first - near : last + near + 1])
        assert abs(found[0] - near) <= 3
        assert abs(found[-1] - (last - first + near)) <= 3
    for cut in (4, 8, 20, 40):  # the R wave is not in the signal, but what surrounds it is
        found = r_peaks(signal[first + cut : last - cut + 1]) + first + cut
        assert r_peak_timing_error(found, beats[4:-4]).extra == 0


@pytest.mark.parametrize("rate", [100, 101, 360, 2000])
def test_half_a_second_is_enough(rate):
    (signal,), (beats,) = ecg_with_beats(1, 10 * rate, rng=0, rate=rate)
    start, length = round(beats[3] - 0.25 * rate), int(np.ceil(rate / 2))
    (found,) = r_peaks(signal[start : start + length], rate)
    assert abs(start + found - beats[3]) <= 1


def test_zeros_around_a_signal_do_not_hide_it():
    (signal,), (beats,) = ecg_with_beats(1, 1080, rng=0)
    found = r_peaks(np.pad(signal, 3600))
    timing = r_peak_timing_error(found - 3600, beats)
    assert (timing.missed, timing.extra) == (0, 0)


def test_lost_contact_for_long_in_a_longer_recording():
    signal, beats = hearts.lost(0.02, 40)(np.random.default_rng(0), 360, 180)
    timing = r_peak_timing_error(r_peaks(signal), beats)
    assert (timing.missed, timing.extra) == (0, 0)


def test_beats_in_noise_alone_are_not_closer_than_those_of_hearts():
    found = r_peaks(np.random.default_rng(0).standard_normal(60 * 360))
    assert np.diff(found).min() >= (0.25 - 2 * 0.08) * 360


def test_an_hour():
    signal, beats = hearts.pops(100, 20)(np.random.default_rng(0), 360, 3600)
    timing = r_peak_timing_error(r_peaks(signal), beats)
    assert len(beats) > 3000
    assert timing.missed < 50
    assert timing.extra < 25


def test_the_recording_is_the_one_described():
    samples, rate = load_signal(RECORDING)
    assert (samples.dtype, samples.shape, rate) == (np.float32, (3600,), 360)
    assert (samples.min(), samples.max()) == (np.float32(-1.04), np.float32(2.58))
    assert samples.mean(dtype=float) == pytest.approx(-0.15194, abs=1e-5)
    raw = samples * 200 + 1024  # what the converter gave: whole numbers of 11 bits
    np.testing.assert_allclose(raw, raw.round(), atol=1e-3)
    assert 0 <= raw.min() < raw.max() < 2048
    with np.load(RECORDING, allow_pickle=False) as stored:
        assert "record 208" in str(stored["about"])
        assert "Attribution" in str(stored["about"])


def test_the_beats_of_the_recording():
    samples, rate = load_signal(RECORDING)
    beats = r_peaks(samples, rate)  # seen in a plot: as many, and these
    assert len(beats) == 20
    assert beats.tolist() == [
        101, 268, 432, 590, 752, 924, 1105, 1286, 1458, 1628,
        1788, 1960, 2133, 2299, 2472, 2650, 2833, 3024, 3226, 3430,
    ]  # fmt: skip
    noisy = signals.add_noise(samples, 0.1, 0)
    timing = r_peak_timing_error(r_peaks(noisy, rate), beats, rate)
    assert (timing.missed, timing.extra) == (0, 0)


def test_pairs_are_the_nearest_and_each_counts_once():
    timing = r_peak_timing_error([100, 110, 500], [108, 300, 505.5], rate=1000)
    np.testing.assert_allclose(timing.errors, [2, -5.5])
    assert (timing.missed, timing.extra) == (1, 1)
    timing = r_peak_timing_error([100, 104], [103, 106], rate=1000)  # 104 to 103, 100 to 106
    np.testing.assert_allclose(timing.errors, [1, -6])
    edge = r_peak_timing_error([150.0], [100.0], rate=1000)
    assert edge.errors.tolist() == [50]
    assert r_peak_timing_error([151.0], [100.0], rate=1000).missed == 1
    assert r_peak_timing_error([151.0], [100.0], rate=1000, tolerance=60).missed == 0
    assert r_peak_timing_error([3], [1], rate=100).errors.tolist() == [20]


def test_a_shift_is_measured():
    (signal,), _ = ecg_with_beats(1, 3600, rng=0)
    shifted = np.roll(signal, 9)  # 25 ms
    timing = r_peak_timing_error(inner(r_peaks(shifted)), inner(r_peaks(signal)))
    np.testing.assert_allclose(timing.errors, 25)


def test_heights_are_measured():
    (signal,), (beats,) = ecg_with_beats(1, 3600, rng=0)
    np.testing.assert_allclose(qrs_amplitude_error(0.8 * signal + 3, signal, beats), -0.2)
    np.testing.assert_allclose(qrs_amplitude_error(signal, signal, beats), 0, atol=1e-12)
    one = signal.copy()
    near = np.arange(round(beats[3]) - 18, round(beats[3]) + 19)
    one[near] *= 1.5
    error = qrs_amplitude_error(one, signal, beats)
    assert error[3] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(np.delete(error, 3), 0, atol=1e-12)
    assert qrs_amplitude_error(signal, signal, []).shape == (0,)
    far = signal.copy()
    far[round(beats[3]) + 19 : round(beats[3]) + 60] += 5  # more than 50 ms from the R wave
    np.testing.assert_allclose(qrs_amplitude_error(far, signal, beats), 0, atol=1e-12)


def test_of_equal_energies_the_first_is_a_candidate():
    assert _candidates(np.array([0, 0, 1, 1, 1, 0, 0, 0, 2, 0.0]), 3) == [2, 8]
    assert _candidates(np.ones(7), 2) == [0, 3, 6]


@pytest.mark.parametrize("reach", [0, 1, 2, 5, 11])
def test_moving_maximum_and_running_median(reach):
    x = np.random.default_rng(0).standard_normal(20)
    spans = [slice(max(i - reach, 0), i + reach + 1) for i in range(20)]
    np.testing.assert_array_equal(_moving_max(x, reach), [x[span].max() for span in spans])
    starts = [min(max(i - reach, 0), max(20 - 2 * reach - 1, 0)) for i in range(20)]
    medians = [np.median(x[i : i + 2 * reach + 1]) for i in starts]
    np.testing.assert_array_equal(_running_median(x, 2 * reach + 1), medians)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: r_peaks(np.zeros((2, 1000))), "signal"),
        (lambda: r_peaks(np.zeros(100)), "signal must last"),
        (lambda: r_peaks([np.nan] * 1000), "signal"),
        (lambda: r_peaks(np.zeros(1000), rate=50), "rate"),
        (lambda: r_peak_timing_error([[1]], [1]), "found"),
        (lambda: r_peak_timing_error([1], [np.inf]), "true"),
        (lambda: r_peak_timing_error([1], [1], tolerance=0), "tolerance"),
        (lambda: qrs_amplitude_error(np.ones(5), np.ones(6), [1]), "lengths 5 and 6"),
        (lambda: qrs_amplitude_error(np.ones(5), np.ones(5), [7]), "beats"),
        (lambda: qrs_amplitude_error(np.ones(5), np.ones(5), [1]), "constant"),
        (lambda: qrs_amplitude_error(np.ones((2, 5)), np.ones(5), [1]), "estimate"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=name):
        call()
