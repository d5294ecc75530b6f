"""What holds of every fitted law: units, shapes, and signals of which little can be said."""

import numpy as np
import pytest

from denoiselib import empirical, metrics, signals
from denoiselib.empirical import law

CLEAN = signals.blocks(12, 40, rng=1)
NOISY = signals.add_noise(CLEAN, 1.0, rng=2)
#: Those of independent samples have tests of their own.
FITS = {name: empirical.LAWS[name][1] for name in ("markov", "partition", "pulses")}
MOVED = [name for name in FITS if name != "pulses"]  # pulses start from 0
ALL = pytest.mark.parametrize("name", FITS)
#: What is in the unit of the signals; what moves with them is listed first.
IN_UNITS = {
    "markov": ("levels", "sigma"),
    "partition": ("mean", "sigma", "spread"),
    "pulses": ("heights", "sigma"),
}


def numbers(found):
    """Return the fields of a law but its likelihood."""
    return {key: value for key, value in vars(found).items() if key != "log_likelihood"}


@ALL
@pytest.mark.parametrize("given", [None, 1.0])
@pytest.mark.parametrize("c", [1e-60, 1e-9, 0.3, 1e60])
def test_a_law_is_in_the_unit_of_the_signals(name, given, c):
    expected, found = FITS[name](NOISY, given), FITS[name](c * NOISY, given and given * c)
    for key, value in numbers(expected).items():
        unit = c if key in IN_UNITS[name] else 1
        np.testing.assert_allclose(getattr(found, key) / unit, value, rtol=1e-6, atol=1e-9)
    likelihood = found.log_likelihood + NOISY.size * np.log(c)
    np.testing.assert_allclose(likelihood, expected.log_likelihood, rtol=1e-6)
    np.testing.assert_allclose(found.denoise(c * NOISY) / c, expected.denoise(NOISY), atol=1e-6)


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("b", [-3.0, 1e3, 1e6])
def test_a_law_moves_with_the_signals(name, b):
    expected, found = FITS[name](NOISY), FITS[name](NOISY + b)
    for key, value in numbers(expected).items():
        moved = b if key == IN_UNITS[name][0] else 0
        np.testing.assert_allclose(getattr(found, key) - moved, value, atol=1e-5)
    np.testing.assert_allclose(found.denoise(NOISY + b) - b, expected.denoise(NOISY), atol=1e-5)


@ALL
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_signals_of_any_shape_are_denoised_one_by_one(name, dtype):
    noisy = NOISY.astype(dtype)
    noisy.flags.writeable = False
    found = FITS[name](noisy.reshape(2, 3, 2, 40))
    estimate = found.denoise(noisy.reshape(2, 3, 2, 40))
    assert estimate.shape == (2, 3, 2, 40)
    assert estimate.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert type(found.sigma) is type(found.log_likelihood) is float
    np.testing.assert_allclose(found.denoise(noisy[7]), estimate.reshape(12, 40)[7], rtol=1e-5)
    assert found.denoise(noisy[:, :1]).shape == (12, 1)
    assert found.denoise(np.tile(noisy[0], 3)).shape == (120,)


@ALL
def test_many_signals_are_cut_into_parts_that_add_up(name, monkeypatch):
    module = __import__(f"denoiselib.empirical.{name}", fromlist=["CHUNK"])
    expected = FITS[name](NOISY)
    monkeypatch.setattr(module, "CHUNK", 1)  # a signal at a time
    found = FITS[name](NOISY)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-10)
    np.testing.assert_allclose(found.denoise(NOISY), expected.denoise(NOISY), rtol=1e-7)


@pytest.mark.parametrize("name", MOVED)
def test_a_level_that_is_found_is_better_than_a_wrong_one_and_than_nothing(name):
    right, wrong = FITS[name](NOISY), FITS[name](NOISY, 3.0)
    assert wrong.log_likelihood < right.log_likelihood
    error = [metrics.rmse(law.denoise(NOISY), CLEAN).mean() for law in (right, wrong)]
    assert error[0] < 0.75 * metrics.rmse(NOISY, CLEAN).mean()
    assert error[0] < error[1]


POOR = {
    "zeros": (np.zeros((3, 20)), 1.0),
    "a constant": (np.ones((3, 20)), 1.0),
    "one signal": (NOISY[0], 1.0),
    "one signal, level unknown": (NOISY[0], None),
    "two samples": (NOISY[0, :2], 1.0),
    "two equal samples": (np.ones(2), 1e-9),
    "a huge level": (NOISY, 1e70),
    "a level far too large": (NOISY, 100.0),
    "noise alone": (NOISY - CLEAN + 5, None),
    "signals without noise": (CLEAN, 0.01),
}


@ALL
@pytest.mark.parametrize("kind", POOR)
def test_poor_signals_have_an_answer(name, kind):
    noisy, sigma = POOR[kind]
    if name == "pulses" and kind == "signals without noise":
        noisy = np.where(np.arange(40) % 7 == 0, 5.0, 0.0) + 0 * CLEAN
    found = FITS[name](noisy, sigma)
    assert all(np.isfinite(value).all() for value in vars(found).values())
    estimate = found.denoise(noisy)
    assert noisy.min() - 1 <= estimate.min()
    assert estimate.max() <= noisy.max() + 1
    if kind == "signals without noise":
        np.testing.assert_allclose(estimate, noisy, atol=0.05)
    for far in (-1e77, -1e5, 1e-300, 1e5, 1e77):
        assert np.isfinite(found.denoise([far, 0.0, far])).all()


REFUSED = {
    "a sample a signal": (NOISY[:, :1], 1.0, "noisy must hold at least two samples"),
    "too few samples": (NOISY[0, :5], None, "noisy of 5 samples does not tell its noise level"),
    "no noise": (CLEAN, None, "half of the neighbouring samples of noisy are equal"),
    "a constant": (np.ones((3, 20)), None, "half of the neighbouring samples of noisy are equal"),
    "no level": (NOISY, 0, "sigma must be greater than 0"),
    "levels": (NOISY, [1.0, 2.0], "sigma must be a number"),
    "a level below rounding": (NOISY, 1e-9, "sigma must be at least 1e-06 of the range"),
    "denormals": (NOISY * 1e-310, None, "noisy spans only .* use a smaller unit"),
    "NaN": ([1.0, np.nan], 1.0, "noisy must be finite"),
}


@ALL
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_is_said(name, kind):
    noisy, sigma, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message):
        FITS[name](noisy, sigma)


def test_climbing_ends_with_a_state_and_its_own_height():
    climbs = []

    def step(x):
        climbs.append(x)
        return x + 1, -((x - 3) ** 2)

    assert law.climb(step, 0, gain=2, most=10) == (3, 0)
    assert climbs == [0, 1, 2, 3]
    assert law.climb(step, 0, gain=2, most=2) == (1, -4)
