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
from denoiselib.real.beats import _candidates

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
