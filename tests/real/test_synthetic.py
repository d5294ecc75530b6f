"""Synthetic electrocardiograms: beats where they are said to be, of hearts that differ."""

import numpy as np
import pytest

from denoiselib._random import stream
from denoiselib.nn import train
from denoiselib.real import ecg, ecg_with_beats
from denoiselib.real.synthetic import PERIODS


@pytest.mark.parametrize(("n", "length"), [(1, 1), (3, 2), (2, 37), (5, 512), (2, 3600)])
def test_shape_and_dtype(n, length):
    clean, beats = ecg_with_beats(n, length, rng=0)
    assert clean.shape == (n, length)
    assert clean.dtype == np.float64
    assert np.isfinite(clean).all()
    assert len(beats) == n
    for times in beats:
        assert ((times >= 0) & (times <= length - 1)).all()
    np.testing.assert_array_equal(clean, ecg(n, length, rng=0))


def test_seed_determines_the_signals():
    np.testing.assert_array_equal(ecg(4, rng=5), ecg(4, rng=np.random.default_rng(5)))
    assert not np.array_equal(ecg(4, rng=5), ecg(4, rng=6))
    assert not np.array_equal(ecg(4), ecg(4))
    rng = np.random.default_rng(0)
    assert not np.array_equal(ecg(4, rng=rng), ecg(4, rng=rng))


def test_r_waves_are_where_they_are_said_to_be():
    clean, beats = ecg_with_beats(50, 3600, rng=0)
    for signal, times in zip(clean, beats, strict=True):
        inner = times[(times > 10) & (times < 3589)]
        near = np.round(inner).astype(int)[:, None] + np.arange(-10, 11)
        np.testing.assert_allclose(signal[near].argmax(axis=1) - 10, 0, atol=2)
        # and nowhere else: what remains are P, Q, S, T
        rest = signal.copy()
        rest[np.clip(np.round(times).astype(int)[:, None] + np.arange(-25, 26), 0, 3599)] = 0
        assert rest[30:-30].max() < 0.9


def test_periods():
    _, beats = ecg_with_beats(400, 3600, rng=0)
    periods = [np.diff(times) / 360 for times in beats]
    means = np.array([p.mean() for p in periods])
    assert PERIODS[0] * 0.9 < means.min() < 0.5
    assert 1.1 < means.max() < PERIODS[1] * 1.1
    spread = np.array([p.std(ddof=1) / p.mean() for p in periods])
    assert np.sqrt((spread**2).mean()) == pytest.approx(0.05, rel=0.1)


def test_signals_begin_anywhere_and_no_time_is_special():
    clean = ecg(10_000, 400, rng=0)
    power = (clean**2).reshape(-1, 10, 40).mean(axis=(0, 2))
    np.testing.assert_allclose(power, power.mean(), rtol=0.1)
    np.testing.assert_allclose(clean.mean(axis=0), clean.mean(), atol=0.015)


def test_the_sampling_rate_changes_samples_not_seconds():
    slow, beats = ecg_with_beats(3, 1000, rng=0, rate=100)
    fast, same = ecg_with_beats(3, 10_000, rng=0, rate=1000)
    # the same hearts, from a beginning that is rounded to samples
    for a, b in zip(beats, same, strict=True):
        count = min(len(a), len(b))
        np.testing.assert_allclose(np.diff(a[:count]) / 100, np.diff(b[:count]) / 1000, atol=1e-9)
    np.testing.assert_allclose(slow.std(), fast.std(), rtol=0.05)


def test_a_long_one():
    clean, (beats,) = ecg_with_beats(1, 200_000, rng=0)
    assert clean.max() < 1.1 * clean[0, :3600].max()
    assert 200_000 / 360 / PERIODS[1] * 0.9 < len(beats) < 200_000 / 360 / PERIODS[0] * 1.1


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"n": 0}, ValueError, "n must"),
        ({"n": 1.0}, TypeError, "n must"),
        ({"length": 0}, ValueError, "length"),
        ({"rate": 0}, ValueError, "rate"),
        ({"rng": "dice"}, (TypeError, ValueError), "rng"),
    ],
)
def test_bad_arguments_are_named(options, error, name):
    with pytest.raises(error, match=name):
        ecg(**({"n": 1} | options))


def test_training_takes_the_family_as_a_function():
    noisy, clean = train.fresh(ecg, 0.1, batch_size=4, length=512)(step=3)
    assert noisy.shape == clean.shape == (4, 512)
    np.testing.assert_array_equal(clean, ecg(4, 512, stream(0, "training", 3)))
    with pytest.raises(ValueError, match="family"):
        train.fresh("ecg", 0.1, batch_size=4)
    with pytest.raises(ValueError, match="family"):
        train.fresh(lambda n, length, rng: np.zeros(n), 0.1, batch_size=4)
