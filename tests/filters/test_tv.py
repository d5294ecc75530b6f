"""Total variation is exact: the conditions of optimality hold to rounding."""

import numpy as np
import pytest

from denoiselib import signals
from denoiselib.filters import tv
from denoiselib.filters.tv import SHORT, _direct, _dynamic

RNG = np.random.default_rng(0)
FAMILIES = pytest.mark.parametrize("family", signals.FAMILIES)
LAMBDAS = (0.0, 1e-9, 0.1, 1.0, 3.0, 8.0, 30.0, 1e3, 1e70)


def assert_optimal(x, y, lam, tolerance=1e-9):
    """u = cumsum(y - x) stays within +-lam, ends at 0, and is -lam sign(jump) at a jump."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    tolerance *= max(1, np.abs(y).max())
    u, jump = np.cumsum(y - x, axis=-1), np.diff(x, axis=-1)
    assert np.abs(u[..., -1]).max() <= tolerance
    assert np.abs(u).max() <= lam + tolerance
    up, down = jump > tolerance, jump < -tolerance
    np.testing.assert_allclose(u[..., :-1][up], -lam, rtol=1e-12, atol=tolerance)
    np.testing.assert_allclose(u[..., :-1][down], lam, rtol=1e-12, atol=tolerance)


@FAMILIES
@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("length", [1, 2, 3, 17, 200])
def test_optimal(family, lam, length):
    y = signals.add_noise(signals.FAMILIES[family](10, length, rng=0), 3, rng=1)
    assert_optimal(tv(y, lam), y, lam)


@FAMILIES
@pytest.mark.parametrize("lam", [0, 0.5, 8])
def test_optimal_in_single_precision(family, lam):
    y = signals.add_noise(signals.FAMILIES[family](20, rng=0), 3, rng=1).astype(np.float32)
    x = tv(y, lam)
    assert x.dtype == np.float32
    assert_optimal(x, y, lam, 1e-5)


@pytest.mark.parametrize("lam", [0.25, 0.5, 1, 2, 3, 7])
def test_optimal_with_ties(lam):
    y = RNG.integers(0, 4, (500, 12))
    x = tv(y, lam)
    assert x.dtype == np.float64
    assert_optimal(x, y, lam)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-9, 1e9, 1e70])
def test_scales(scale):
    y = RNG.standard_normal((10, 50))
    np.testing.assert_allclose(tv(scale * y, scale) / scale, tv(y, 1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("lam", [0.1, 1.0, 5.0])
def test_symmetries(lam):
    y = 3 * RNG.standard_normal((10, 50))
    x = tv(y, lam)
    np.testing.assert_allclose(tv(-y, lam), -x, atol=1e-12)
    np.testing.assert_allclose(tv(y[:, ::-1], lam), x[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(tv(y + 100, lam), x + 100, atol=1e-11)
    np.testing.assert_allclose(x.mean(axis=-1), y.mean(axis=-1), atol=1e-12)


def test_without_penalty_the_signal_stays():
    y = RNG.standard_normal((3, 20))
    np.testing.assert_allclose(tv(y, 0), y, rtol=1e-12, atol=1e-14)
    flat = np.full((3, 20), 0.1)
    np.testing.assert_allclose(tv(flat, 5.0), flat, rtol=1e-15)


def test_the_mean_from_the_largest_sum_on():
    y = RNG.standard_normal((20, 40))
    mean = y.mean(axis=-1, keepdims=True)
    largest = np.abs(np.cumsum(y - mean, axis=-1)).max(axis=-1, keepdims=True)
    for factor in (1, 1.01, 1e3, 1e60):
        np.testing.assert_allclose(tv(y, factor * largest), mean + 0 * y, atol=1e-12)
    assert np.ptp(tv(y, 0.99 * largest), axis=-1).min() > 1e-4


@pytest.mark.parametrize("lam", [0.1, 8.0, 1e4])
def test_a_long_signal(lam):
    y = np.repeat(5 * RNG.standard_normal(10_000), 10) + RNG.standard_normal(100_000)
    assert_optimal(tv(y, lam), y, lam, 1e-8)


@pytest.mark.parametrize("offset", [-1e9, 1e6, 1e12])
def test_a_signal_far_from_zero(offset):
    y = RNG.standard_normal((3, 2000)) + offset  # rounded here: this is the signal
    x = tv(y - offset, 3.0)
    np.testing.assert_allclose(tv(y, 3.0) - offset, x, atol=4e-16 * abs(offset))


def test_one_sample_and_two():
    np.testing.assert_array_equal(tv([[3.0], [-7.0]], 5.0), [[3], [-7]])
    np.testing.assert_allclose(tv([1.0, 9.0], 2.5), [3.5, 6.5])
    np.testing.assert_allclose(tv([9.0, 1.0], 2.5), [6.5, 3.5])
    np.testing.assert_allclose(tv([1.0, 9.0], 4.5), [5, 5])


@pytest.mark.parametrize("lam", [0.5, 2.0])
def test_against_brute_force(lam):
    values = np.arange(-2, 5.01, 0.25)  # with these weights the levels lie on the grid or near it
    grid = np.stack(np.meshgrid(*[values] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    variation = lam * np.abs(np.diff(grid)).sum(axis=-1)
    for y in RNG.integers(-2, 6, (10, 4)):
        best = grid[np.argmin(((grid - y) ** 2).sum(axis=-1) / 2 + variation)]
        np.testing.assert_allclose(tv(y, lam), best, atol=0.25)


def test_each_signal_may_have_its_own_weight():
    y, lam = RNG.standard_normal((6, 30)), np.array([0, 0.1, 0.5, 1, 5, 100])
    expected = [tv(row, weight) for row, weight in zip(y, lam, strict=True)]
    got = tv(y.reshape(2, 3, 30), lam.reshape(2, 3, 1))
    np.testing.assert_allclose(got.reshape(6, 30), expected, atol=1e-14)
    column = tv(y[0], lam[:, None])
    np.testing.assert_allclose(column, [tv(y[0], weight) for weight in lam], atol=1e-14)


@pytest.mark.parametrize("lam", [-1, np.nan, np.inf, np.ones(30), np.ones((4, 1)), 1j, "1", True])
def test_weight_is_refused(lam):
    with pytest.raises((TypeError, ValueError), match="lam"):
        tv(np.ones((3, 30)), lam)


@pytest.mark.parametrize("whole", [False, True])
def test_short_and_long_signals_are_fitted_alike(whole):
    for length in [1, 2, 3, 5, 17, 60, 300]:
        for lam in (0.0, 0.5, 1.0, 2.5, 40.0):
            y = 3 * RNG.standard_normal(length)
            y = (y.round() if whole else y).tolist()
            direct, dynamic = _direct(y, lam), _dynamic(y, lam)
            np.testing.assert_allclose(direct, dynamic, atol=1e-12 * length)


def test_the_methods_meet_where_they_change():
    y = np.repeat(4 * RNG.standard_normal(101), 10)[: SHORT + 1] + RNG.standard_normal(SHORT + 1)
    for length in (SHORT, SHORT + 1):
        assert_optimal(tv(y[:length], 5.0), y[:length], 5.0)
