"""Disturbances have the level, the band and the behaviour that they claim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoiselib import real
from denoiselib.real import DISTURBANCES, add_bursts, add_hum, add_wander

ALL = pytest.mark.parametrize("add", DISTURBANCES.values(), ids=DISTURBANCES)
OURS = pytest.mark.parametrize("add", [add_wander, add_hum, add_bursts])


def spectrum(x, rate=360.0):
    """Mean power in each bin, through a window without leakage to speak of, and frequencies."""
    window = np.blackman(x.shape[-1])
    power = (np.abs(np.fft.rfft(x * window)) ** 2).mean(axis=tuple(range(x.ndim - 1)))
    return power, np.fft.rfftfreq(x.shape[-1], 1 / rate)


@ALL
@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(1, 3), max_size=2),
    length=st.integers(1, 50),
    dtype=st.sampled_from(["float32", "float64", "int64"]),
    level=st.sampled_from([0, 0.1, 5.0]),
)
def test_shape_and_dtype(add, shape, length, dtype, level):
    clean = np.ones((*shape, length), dtype)
    clean.flags.writeable = False
    noisy = add(clean, level, 0)
    assert noisy.shape == clean.shape
    assert noisy.dtype == (np.float32 if dtype == "float32" else np.float64)
    assert np.isfinite(noisy).all()
    if level == 0:
        np.testing.assert_array_equal(noisy, clean)


@ALL
def test_the_level_is_the_root_mean_square(add):
    added = add(np.zeros((3000, 200)), 0.3, 0)
    assert np.sqrt(np.mean(added**2)) == pytest.approx(0.3, rel=0.05)
    assert added.mean() == pytest.approx(0, abs=0.015)
    # at every time: no end is special
    power = (added**2).reshape(-1, 10, 20).mean(axis=(0, 2))
    np.testing.assert_allclose(np.sqrt(power), 0.3, rtol=0.1)


@ALL
def test_it_is_added_and_each_signal_may_have_its_level(add):
    clean = np.arange(30.0).reshape(3, 10)
    levels = np.array([[0.0], [1.0], [2.0]])
    unit = add(np.zeros((3, 10)), 1, 5)
    np.testing.assert_allclose(add(clean, levels, 5), clean + levels * unit)
    assert add(np.zeros(10), levels, 5).shape == (3, 10)


@ALL
def test_seed_and_generator(add):
    x = np.zeros((30, 20))  # one of them has a burst
    np.testing.assert_array_equal(add(x, 1, 5), add(x, 1, np.random.default_rng(5)))
    assert not np.array_equal(add(x, 1, 5), add(x, 1, 6))
    assert not np.array_equal(add(x, 1), add(x, 1))
    both = add(x, 1, 5)
    assert len(np.unique(both, axis=0)) > 5
    rng = np.random.default_rng(0)
    assert not np.array_equal(add(x, 1, rng), add(x, 1, rng))


def test_wander_is_slow():
    power, frequency = spectrum(add_wander(np.zeros((100, 10_800)), 1, 0))
    assert power[frequency > 0.7].sum() < 1e-6 * power.sum()
    assert power[frequency < 0.25].sum() == pytest.approx(power.sum() / 2, rel=0.15)
    power, frequency = spectrum(add_wander(np.zeros((20, 10_000)), 1, 0, rate=100, highest=5), 100)
    assert power[frequency > 5.1].sum() < 1e-6 * power.sum()
    assert power[frequency > 2].sum() > 0.4 * power.sum()


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_hum_is_lines(mains):
    power, frequency = spectrum(add_hum(np.zeros((200, 7200)), 1, 0, mains=mains))
    lines = [power[np.abs(frequency - h * mains) < 2].sum() for h in (1, 2, 3)]
    assert sum(lines[:3]) == pytest.approx(power.sum(), rel=1e-3) or mains == 60
    np.testing.assert_allclose(lines[1] / lines[0], 0.15**2, rtol=0.1)
    if mains == 50:
        np.testing.assert_allclose(lines[2] / lines[0], 0.3**2, rtol=0.1)
    else:  # 180 Hz is half the rate: left out
        assert lines[2] < 1e-6 * lines[0]


def test_hum_drifts_slowly():
    time = np.arange(36_000) / 360
    hum = add_hum(np.zeros((30, 36_000)), 1, 0, harmonics=[1.0], drift=0.1)
    carrier = (hum * np.exp(-2j * np.pi * 50 * time)).reshape(30, -1, 360).mean(axis=-1)
    amplitude, phase = np.abs(carrier), np.unwrap(np.angle(carrier)) / (2 * np.pi)
    assert (amplitude.std(axis=1) / amplitude.mean(axis=1)).mean() == pytest.approx(0.1, rel=0.2)
    assert phase.std(axis=1).mean() == pytest.approx(0.1, rel=0.2)
    assert np.abs(np.diff(phase)).max() < 0.4
    steady = add_hum(np.zeros(36_000), 1, 0, harmonics=[1.0], drift=0)
    np.testing.assert_allclose(steady[360:], steady[:-360], atol=1e-9)


def test_bursts_come_and_go_in_a_band():
    added = add_bursts(np.zeros((100, 7200)), 1, 0)
    assert (added == 0).mean() == pytest.approx(0.7, abs=0.02)
    silent = add_bursts(np.zeros((100, 7200)), 1, 0, share=0.05)
    assert (silent == 0).mean() == pytest.approx(0.95, abs=0.01)
    power, frequency = spectrum(added)
    assert power[(frequency < 17) | (frequency > 153)].sum() < 1e-3 * power.sum()
    low = power[(frequency > 22) & (frequency < 80)].mean()
    high = power[(frequency > 90) & (frequency < 148)].mean()
    assert low == pytest.approx(high, rel=0.1)
    changes = np.count_nonzero(np.diff((added != 0).astype(int), axis=-1), axis=-1) / 20
    assert 0.5 < changes.mean() < 2  # a second


def test_bursts_up_to_half_the_rate_and_a_narrow_band():
    added = add_bursts(np.zeros((300, 500)), 1, 0, rate=100, band=(20, 150))
    assert added.std() == pytest.approx(1, rel=0.1)
    added = add_bursts(np.zeros((3000, 50)), 1, 0, band=(30, 31), share=0.9)
    assert added.std() == pytest.approx(1, rel=0.1)


@OURS
@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"clean": []}, ValueError, "clean"),
        ({"clean": [np.nan]}, ValueError, "clean"),
        ({"clean": [1j]}, TypeError, "clean"),
        ({"level": -1}, ValueError, "level"),
        ({"level": np.ones(7)}, ValueError, "level"),
        ({"rate": 0}, ValueError, "rate"),
        ({"rate": [360, 250]}, ValueError, "rate"),
        ({"rng": "dice"}, (TypeError, ValueError), "rng"),
    ],
)
def test_bad_arguments_are_named(add, options, error, name):
    with pytest.raises(error, match=name):
        add(**({"clean": np.zeros(10), "level": 1} | options))


@pytest.mark.parametrize(
    ("add", "options", "name"),
    [
        (add_wander, {"highest": 180}, "highest"),
        (add_wander, {"highest": 0}, "highest"),
        (add_hum, {"mains": 200}, "mains"),
        (add_hum, {"harmonics": [0, 0, 1], "mains": 60}, "harmonics"),
        (add_hum, {"harmonics": []}, "harmonics"),
        (add_hum, {"drift": -1}, "drift"),
        (add_bursts, {"share": 0}, "share"),
        (add_bursts, {"share": 1}, "share"),
        (add_bursts, {"band": 20}, "band"),
        (add_bursts, {"band": (50, 20)}, "band"),
        (add_bursts, {"band": (200, 250)}, "band"),
    ],
)
def test_options_out_of_range_are_named(add, options, name):
    with pytest.raises(ValueError, match=name):
        add(np.zeros(10), 1, **options)


def test_the_registry_holds_white_noise_too():
    assert list(real.DISTURBANCES) == ["white", "wander", "hum", "bursts"]
