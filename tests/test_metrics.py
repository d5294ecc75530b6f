"""Measures have their closed forms; intervals are Student's."""

import numpy as np
import pytest
from scipy import stats

from denoiselib import metrics

RNG = np.random.default_rng(0)
CLEAN = RNG.uniform(0, 10, (5, 40))
ESTIMATE = CLEAN + RNG.standard_normal((5, 40))


def test_rmse_of_each_signal():
    expected = [np.linalg.norm(e - x) / np.sqrt(40) for e, x in zip(ESTIMATE, CLEAN, strict=True)]
    np.testing.assert_allclose(metrics.rmse(ESTIMATE, CLEAN), expected)
    np.testing.assert_array_equal(metrics.rmse(CLEAN, CLEAN), np.zeros(5))


def test_rmse_broadcasts_leading_axes_only():
    assert metrics.rmse(ESTIMATE[:, None], CLEAN).shape == (5, 5)
    assert metrics.rmse(ESTIMATE, CLEAN[0]).shape == (5,)
    with pytest.raises(ValueError, match="estimate and clean have lengths 40 and 1"):
        metrics.rmse(ESTIMATE, CLEAN[:, :1])


@pytest.mark.parametrize("measure", [metrics.rmse, metrics.psnr, metrics.slide_psnr])
def test_measures_keep_single_precision(measure):
    single = measure(ESTIMATE.astype(np.float32), CLEAN.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, measure(ESTIMATE, CLEAN), rtol=1e-4)


def test_psnr_of_known_errors():
    zero = np.zeros(4)
    assert metrics.psnr(zero + 0.1, zero) == pytest.approx(40)
    assert metrics.psnr(zero + 0.1, zero, peak=1) == pytest.approx(20)
    assert metrics.slide_psnr(zero + 0.1, zero) == pytest.approx(60)
    assert metrics.slide_psnr(zero + 10, zero) == pytest.approx(-20)


def test_slide_psnr_is_no_psnr():
    mse = np.mean((ESTIMATE - CLEAN) ** 2, axis=-1)
    slide = metrics.slide_psnr(ESTIMATE, CLEAN)
    np.testing.assert_allclose(slide, 20 * np.log10(10 / mse))
    np.testing.assert_allclose(slide, 2 * metrics.psnr(ESTIMATE, CLEAN, peak=10) - 20)


def test_an_exact_estimate_is_infinitely_good():
    for measure in (metrics.psnr, metrics.slide_psnr):
        assert np.all(measure(CLEAN, CLEAN) == np.inf)
        assert measure([0.0], [0.0]) == np.inf


@pytest.mark.parametrize("peak", [0, -1, np.inf])
def test_peak_must_be_positive(peak):
    with pytest.raises(ValueError, match="peak"):
        metrics.psnr(ESTIMATE, CLEAN, peak)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 30, 3001])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_mean_ci_is_students(n, confidence):
    values = RNG.exponential(size=n)
    low, high = stats.t.interval(confidence, n - 1, values.mean(), stats.sem(values))
    mean, half = metrics.mean_ci(values, confidence)
    assert mean == pytest.approx(values.mean())
    assert half == pytest.approx((high - low) / 2, rel=1e-6)


def test_mean_ci_takes_any_shape_and_its_coverage_is_right():
    assert metrics.mean_ci([[1, 2], [3, 4]]) == metrics.mean_ci([1.0, 2.0, 3.0, 4.0])
    runs = [metrics.mean_ci(values, 0.9) for values in RNG.standard_normal((2_000, 4))]
    hit = np.mean([abs(mean) < half for mean, half in runs])
    assert hit == pytest.approx(0.9, abs=0.027)  # four standard deviations


@pytest.mark.parametrize("bad", [[], [1.0], [1.0, np.inf], [1.0, np.nan], ["a", "b"], [1j, 2]])
def test_mean_ci_refuses(bad):
    with pytest.raises((TypeError, ValueError), match="values"):
        metrics.mean_ci(bad)


@pytest.mark.parametrize("bad", [1, -0.1, 95, np.nan, "high"])
def test_mean_ci_refuses_confidence(bad):
    with pytest.raises((TypeError, ValueError), match="confidence"):
        metrics.mean_ci([1.0, 2.0], bad)


@pytest.mark.parametrize("n", [2, 3, 100])
def test_paired_difference_is_the_paired_t_test(n):
    a = RNG.standard_normal(n)
    b = a + 0.1 * RNG.standard_normal(n)
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    mean, half = metrics.paired_difference(a, b)
    assert [mean - half, mean + half] == pytest.approx([low, high], rel=1e-6)


def test_paired_difference_needs_pairs():
    with pytest.raises(ValueError, match="a and b must be paired"):
        metrics.paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"^a must be finite"):
        metrics.paired_difference([np.inf, 1.0], [np.inf, 2.0])


def test_digest():
    assert metrics.digest([[1, -7], [2, 3], [0, -0.0]]) == (
        "norm 7.9373, samples -7.0000 3.0000 0.0000"
    )
    assert metrics.digest([2.0]) == "norm 2.0000, samples 2.0000"


def test_digest_notices_any_sample_and_the_order():
    line = metrics.digest(CLEAN)
    for i in (0, 77, 199):
        changed = CLEAN.copy().ravel()
        changed[i] *= 1.01
        assert metrics.digest(changed) != line
    assert metrics.digest(CLEAN[::-1]) != line


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_next_number_is_one_ulp_away(dtype):
    x = CLEAN.astype(dtype)
    beyond = np.nextafter(x, dtype(np.inf))
    np.testing.assert_array_equal(metrics.ulps(beyond, x, scale=x), np.ones(x.shape))
    np.testing.assert_array_equal(metrics.ulps(x, x), np.zeros(x.shape))
    unit = 2.0 ** (3 - (23 if dtype == np.float32 else 52))  # the largest is between 8 and 16
    np.testing.assert_array_equal(metrics.ulps(beyond, x), (beyond - x) / unit)


def test_the_dtype_that_computed_decides_what_an_ulp_is():
    truth = np.array([1.0, -(1 + 2.0**-24)])
    np.testing.assert_array_equal(metrics.ulps(truth.astype(np.float32), truth), [0, 0.5])
    assert metrics.ulps(np.float32(1), 1.0, scale=-1.0) == 0


def test_ulps_beside_zero():
    assert metrics.ulps([0.0], [0.0]) == 0
    assert metrics.ulps([1.0], [0.0]) == np.inf


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([1.0], [1.0, 2.0]), "computed and expected"),
        (([np.nan], [1.0]), "computed"),
        (([1.0], ["a"]), "expected"),
        (([1.0], [1.0], [np.inf]), "scale"),
        (([1.0, 2.0], [1.0, 2.0], np.ones(3)), "expected and scale"),
    ],
)
def test_ulps_refuses(arguments, name):
    with pytest.raises((TypeError, ValueError), match=f"^{name}"):
        metrics.ulps(*arguments)
