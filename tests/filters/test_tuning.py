"""The oracle finds the best value; Stein's estimate, without labels, nearly the same one."""

import numpy as np
import pytest
from scipy import stats

from denoiselib import filters, metrics, signals
from denoiselib.filters import tuning

CLEAN = signals.sparse_spikes(1_000, rng=0)
NOISY = signals.add_noise(CLEAN, 3, rng=1)
BLOCKS = signals.blocks(1_000, rng=0)
NOISY_BLOCKS = signals.add_noise(BLOCKS, 3, rng=1)

TASKS = {
    "soft": (filters.threshold, np.arange(1, 7, 0.25), NOISY, CLEAN),
    "relu": (
        lambda y, lam: filters.threshold(y, lam, "nonnegative_l1"),
        np.arange(1, 5, 0.25),
        NOISY,
        CLEAN,
    ),
    "wiener": (lambda y, w: filters.wiener(y, w, 9.0), np.arange(3, 41, 2), NOISY, CLEAN),
    "l1_dft": (filters.l1, np.arange(0.5, 6, 0.25), NOISY, CLEAN),
    "tv": (filters.tv, np.arange(4, 13, 1.5), NOISY_BLOCKS, BLOCKS),
}
ALL = pytest.mark.parametrize(("denoise", "grid", "noisy", "clean"), TASKS.values(), ids=TASKS)


@ALL
def test_sure_is_nearly_as_good_as_the_oracle(denoise, grid, noisy, clean):
    mse = np.array([((denoise(noisy, value) - clean) ** 2).mean() for value in grid])
    assert grid[0] < grid[mse.argmin()] < grid[-1]  # the grid is wide enough to tell
    chosen = tuning.sure(denoise, grid, noisy, sigma=3)
    assert mse[list(grid).index(chosen.value)] < 1.02 * mse.min()
    np.testing.assert_allclose(chosen.risk, mse, atol=0.25)
    np.testing.assert_array_equal(chosen.grid, grid)
    assert chosen.value == grid[np.argmin(chosen.risk)]


@pytest.mark.parametrize("value", [1, 2])
@ALL
def test_sure_risk_is_unbiased(denoise, grid, noisy, clean, value):
    value = grid[value]

    def f(y):
        return denoise(y, value)

    error = ((f(noisy) - clean) ** 2).mean(axis=-1)
    for step in (0.03, 0.1):
        risk = tuning.sure_risk(f, noisy, 3, rng=2, step=step)
        assert risk.shape == error.shape
        mean, half = metrics.paired_difference(risk, error, 0.999)
        assert abs(mean) < half
        assert half < 0.6  # else the line above says little


def test_sure_risk_of_a_linear_map():
    # |f - y|^2 / L - s^2 + 2 s^2 a mean(b^2), with the probe b drawn from the seed
    noisy, sigma = NOISY[:4], np.array([[0.5], [1], [3], [10]])
    probe = np.random.default_rng(5).standard_normal(noisy.shape)
    variance = sigma[:, 0] ** 2
    expected = (0.75**2 * noisy**2).mean(axis=-1) - variance
    expected += 2 * variance * 0.25 * (probe**2).mean(axis=-1)
    got = tuning.sure_risk(lambda y: 0.25 * y, noisy, sigma, rng=5)
    np.testing.assert_allclose(got, expected)


def test_sure_risk_of_a_jump_is_right_on_average():
    # where a derivative almost everywhere would miss the jumps of a hard threshold
    def hard(y):
        return filters.threshold(y, 12.5, "l0")

    error = ((hard(NOISY) - CLEAN) ** 2).mean(axis=-1)
    mean, half = metrics.paired_difference(tuning.sure_risk(hard, NOISY, 3, rng=2), error, 0.999)
    assert abs(mean) < half < 2


@pytest.mark.parametrize("rng", [0, 7])
def test_sure_tries_all_values_with_one_probe(rng):
    grid = np.array([2.0, 2.0, 3.0])
    tuned = tuning.sure(filters.threshold, grid, NOISY[:50], 3, rng)
    assert tuned.risk[0] == tuned.risk[1]
    again = tuning.sure(filters.threshold, grid, NOISY[:50], 3, np.random.default_rng(rng))
    np.testing.assert_array_equal(again.risk, tuned.risk)


def test_sure_risk_takes_an_estimate_that_is_known_already():
    known = filters.threshold(NOISY, 3.0)

    def f(y):
        return filters.threshold(y, 3.0)

    got = tuning.sure_risk(f, NOISY, 3, rng=0, estimate=known)
    np.testing.assert_array_equal(got, tuning.sure_risk(f, NOISY, 3, rng=0))
    with pytest.raises(ValueError, match="estimate"):
        tuning.sure_risk(f, NOISY, 3, rng=0, estimate=known * np.nan)


def test_whole_numbers_stay_whole():
    assert isinstance(tuning.sure(filters.wiener, [3, 5, 7], NOISY, 3).value, int)
    assert isinstance(tuning.sure(filters.wiener, np.array([3, 5]), NOISY, 3).value, int)


def test_one_sigma_for_each_signal_or_for_all():
    sigma = np.full((1_000, 1), 3.0)
    one, each = (tuning.sure_risk(lambda y: y / 2, NOISY, s, rng=0) for s in (3.0, sigma))
    np.testing.assert_allclose(one, each)


def test_single_precision_is_kept():
    single = tuning.sure_risk(lambda y: y / 2, NOISY.astype(np.float32), 3.0, rng=0)
    assert single.dtype == np.float32
    assert tuning.mad_sigma(NOISY.astype(np.float32)).dtype == np.float32


def test_a_filter_that_fails_is_not_chosen_silently():
    def fails(y, value):
        return y * np.nan if value == 2 else filters.threshold(y, value)

    with pytest.raises(ValueError, match="finite"):
        tuning.sure(fails, [1, 2, 3], NOISY, 3)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("difference", [False, True])
def test_mad_sigma_of_pure_noise(sigma, difference):
    noise = sigma * np.random.default_rng(0).standard_normal((200, 1_001))
    estimate = tuning.mad_sigma(noise, difference)
    assert estimate.shape == (200, 1)
    assert estimate.mean() == pytest.approx(sigma, rel=0.02)
    assert estimate.std() < 0.06 * sigma


def test_mad_sigma_is_the_median_absolute_deviation():
    expected = stats.median_abs_deviation(NOISY, axis=-1, scale=0.6745)
    np.testing.assert_allclose(tuning.mad_sigma(NOISY)[:, 0], expected)
    np.testing.assert_allclose(tuning.mad_sigma(NOISY + 50), tuning.mad_sigma(NOISY), rtol=1e-9)
    assert tuning.mad_sigma(NOISY[0]).shape == (1,)
    assert tuning.mad_sigma([2.0]) == 0


def test_differences_take_the_level_away():
    blocks = signals.add_noise(signals.blocks(500, rng=0), 1, rng=1)
    assert tuning.mad_sigma(blocks, difference=True).mean() == pytest.approx(1, rel=0.1)
    assert tuning.mad_sigma(blocks).mean() > 2


def test_a_difference_needs_two_samples():
    with pytest.raises(ValueError, match="noisy must hold at least two samples"):
        tuning.mad_sigma([2.0], difference=True)


@pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], 3.0, [np.nan], ["a"]])
def test_grid_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match="grid"):
        tuning.sure(filters.threshold, bad, NOISY, 3)


@pytest.mark.parametrize("sigma", [0, -1, np.nan, np.ones(100), np.ones((3, 1)), "3"])
def test_sigma_is_refused(sigma):
    with pytest.raises((TypeError, ValueError), match="sigma"):
        tuning.sure_risk(lambda y: y, NOISY, sigma)
    with pytest.raises((TypeError, ValueError), match="sigma"):
        tuning.sure(filters.threshold, [1, 2], NOISY, sigma)


@pytest.mark.parametrize("step", [0, -1, np.nan, "small"])
def test_step_is_refused(step):
    with pytest.raises((TypeError, ValueError), match="step"):
        tuning.sure_risk(lambda y: y, NOISY, 3, step=step)
