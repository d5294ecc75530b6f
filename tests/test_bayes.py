"""Posterior means equal brute force over all signals, and no estimator does better."""

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from denoiselib import bayes, metrics, signals

HEIGHTS = np.arange(2, 11)
ESTIMATORS = {
    "pointwise": bayes.sparse_spikes_posterior_mean,
    "joint": bayes.sparse_spikes_joint_posterior_mean,
    "pulses": bayes.pulses_posterior_mean,
    "blocks": bayes.blocks_posterior_mean,
}
HUBER = bayes.sparse_spikes_posterior_huber
ALL = pytest.mark.parametrize(
    "estimator", [*ESTIMATORS.values(), HUBER], ids=[*ESTIMATORS, "huber"]
)


def posterior_mean(y, sigma, candidates, log_prior):
    """The definition: the average of all candidates, weighted by prior and likelihood."""
    log_w = log_prior - ((y - candidates) ** 2).sum(axis=-1) / (2 * sigma**2)
    w = np.exp(log_w - log_w.max())
    return w @ candidates / w.sum()


def all_spikes(length, draws):
    """Every sequence of draws, all equally likely, and the signal it leaves."""
    draw = list(product(range(length), HEIGHTS))
    candidates = np.zeros((len(draw) ** draws, length))
    for x, sequence in zip(candidates, product(draw, repeat=draws), strict=True):
        for position, height in sequence:
            x[position] = height
    return candidates, 0.0


def all_pulses(length, _=None):
    spikes = np.array(list(product([0, *HEIGHTS], repeat=length)), float)
    p0 = 0.99**20
    log_prior = np.where(spikes == 0, np.log(p0), np.log((1 - p0) / 9)).sum(axis=-1)
    return np.array([np.convolve(s, [1, 0.7, 0.4])[:length] for s in spikes]), log_prior


def all_blocks(length, _=None):
    levels = np.array(list(product(range(11), repeat=length)), float)
    same = np.diff(levels) == 0
    return levels, np.log(np.where(same, 0.95 + 0.05 / 11, 0.05 / 11)).sum(axis=-1)


CASES = [
    ("joint", all_spikes, 1, 3),
    ("joint", all_spikes, 3, 2),
    ("joint", all_spikes, 3, 3),
    ("joint", all_spikes, 4, 1),
    ("joint", all_spikes, 4, 2),
    ("pulses", all_pulses, 1, None),
    ("pulses", all_pulses, 2, None),
    ("pulses", all_pulses, 3, None),
    ("pulses", all_pulses, 4, None),
    ("blocks", all_blocks, 1, None),
    ("blocks", all_blocks, 3, None),
    ("blocks", all_blocks, 4, None),
]


@pytest.mark.parametrize(("name", "family", "length", "draws"), CASES)
def test_equals_brute_force_over_all_signals(name, family, length, draws):
    options = {} if draws is None else {"draws": draws}
    candidates, log_prior = family(length, draws)
    noisy = np.random.default_rng(length).uniform(-5, 20, (12, length))
    # 0.3 tells the estimator of far less noise than there is: the answer is still defined
    for sigma in (0.3, 1.0, 3.0, 30.0):
        expected = [posterior_mean(y, sigma, candidates, log_prior) for y in noisy]
        got = ESTIMATORS[name](noisy, sigma, **options)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10, err_msg=f"{sigma=}")


@pytest.mark.parametrize(("name", "family", "length", "draws"), CASES)
def test_evidence_equals_brute_force_over_all_signals(name, family, length, draws):
    options = {} if draws is None else {"draws": draws}
    y = np.random.default_rng(length).normal(3, 4, (5, length))
    candidates, log_prior = family(length, draws)
    prior = np.exp(log_prior) * np.ones(len(candidates))
    for sigma in (0.7, 3.0):
        density = stats.norm.pdf(y[:, None], candidates, sigma).prod(axis=-1)
        _, evidence = ESTIMATORS[name](y, sigma, evidence=True, **options)
        np.testing.assert_allclose(evidence, np.log(density @ prior / prior.sum()), rtol=1e-9)


def test_pointwise_evidence_is_that_of_independent_samples():
    y = np.random.default_rng(0).normal(3, 4, (5, 6))
    heights = np.r_[0, HEIGHTS]
    prior = np.r_[(5 / 6) ** 2, np.full(9, (1 - (5 / 6) ** 2) / 9)]
    expected = np.log(stats.norm.pdf(y[..., None], heights, 2.0) @ prior).sum(axis=-1)
    for estimator in (ESTIMATORS["pointwise"], HUBER):
        estimate, evidence = estimator(y, 2.0, draws=2, evidence=True)
        np.testing.assert_allclose(evidence, expected)
        np.testing.assert_array_equal(estimate, estimator(y, 2.0, draws=2))


@pytest.mark.parametrize("family", bayes.LIMITS)
def test_an_unknown_level_is_found_from_the_signal(family):
    """Nearly as good as told; the wrong level is worse."""
    limit, n = bayes.LIMITS[family], 60
    clean = signals.FAMILIES[family](n, rng=1)
    noisy = signals.add_noise(clean, 2.0, rng=2)
    told, wrong, blind = (
        metrics.rmse(estimate, clean).mean()
        for estimate in (
            limit(noisy, 2.0),
            limit(noisy, 5.0),
            bayes.unknown_sigma(limit, noisy, [1.0, 2.0, 3.0, 5.0]),
        )
    )
    assert 0.99 * told < blind < 1.02 * told < wrong
    np.testing.assert_allclose(bayes.unknown_sigma(limit, noisy, [2.0]), limit(noisy, 2.0))
    with pytest.raises(ValueError, match="sigmas must be greater than 0"):
        bayes.unknown_sigma(limit, noisy, [0.0, 1.0])


@pytest.mark.parametrize(("length", "draws"), [(100, None), (100, 20), (7, 3), (1, 1)])
def test_pointwise_equals_the_formula(length, draws):
    y = np.linspace(-15, 25, 4 * length).reshape(4, length)
    sigma = np.array([[0.7], [1.0], [3.0], [20.0]])
    p0 = (1 - 1 / length) ** (draws or 20)
    w0 = p0 * np.exp(-(y**2) / (2 * sigma**2))
    w = (1 - p0) / 9 * np.exp(-((y[..., None] - HEIGHTS) ** 2) / (2 * sigma[..., None] ** 2))
    expected = (HEIGHTS * w).sum(axis=-1) / (w0 + w.sum(axis=-1))
    got = bayes.sparse_spikes_posterior_mean(y, sigma, draws=draws)
    np.testing.assert_allclose(got, expected, rtol=1e-10)


@pytest.mark.parametrize(("length", "draws"), [(100, None), (7, 3), (1, 1)])
def test_huber_has_the_least_loss_of_all_estimates(length, draws):
    y = np.resize(np.linspace(-8, 18, 53), (53, length))
    p0 = (1 - 1 / length) ** (20 if draws is None else draws)
    v = np.array([0, *HEIGHTS])
    w = np.where(v == 0, p0, (1 - p0) / 9) * np.exp(-((y[:, :1] - v) ** 2) / (2 * 2.5**2))
    w /= w.sum(axis=-1, keepdims=True)
    tried = np.linspace(-1, 11, 12001)
    error = np.abs(tried[:, None] - v)
    loss = np.where(error < 1, error**2 / 2, error - 0.5) @ w.T
    np.testing.assert_allclose(
        HUBER(y, 2.5, draws=draws)[:, 0], tried[loss.argmin(axis=0)], atol=1.01e-3
    )


@pytest.mark.parametrize(("draws", "places"), [(1, 1), (3, 2), (3, 3), (4, 3), (5, 2), (3, 5)])
def test_surjections_are_counted(draws, places):
    hits = [len(set(d)) for d in product(range(places), repeat=draws)]
    ways = np.exp(bayes._log_surjections(draws, places))
    assert len(ways) == min(draws, places) + 1
    for k, count in enumerate(ways):  # the k places are any of those there are
        assert hits.count(k) == pytest.approx(comb(places, k) * count)


def test_many_draws_do_not_overflow():
    log_ways = bayes._log_surjections(80, 400)
    assert log_ways[0] == -np.inf
    assert np.isfinite(log_ways[1:]).all()
    clean = signals.sparse_spikes(2, length=400, rng=0, draws=80)
    estimate = bayes.sparse_spikes_joint_posterior_mean(clean, 1.0, draws=80)
    assert metrics.rmse(estimate, clean).max() < 1


@ALL
def test_chunks_do_not_matter(estimator, monkeypatch):
    noisy = np.random.default_rng(0).uniform(-3, 13, (15, 6))
    whole = estimator(noisy, 2.0)
    monkeypatch.setattr(bayes, "CHUNK", 7)
    np.testing.assert_allclose(estimator(noisy, 2.0), whole, rtol=1e-13)


@ALL
def test_each_signal_may_have_its_own_sigma(estimator):
    noisy = np.random.default_rng(0).uniform(-3, 13, (3, 8))
    sigma = np.array([0.5, 2.0, 9.0])
    expected = [estimator(y, s) for y, s in zip(noisy, sigma, strict=True)]
    np.testing.assert_allclose(estimator(noisy, sigma[:, None]), expected, rtol=1e-12)
    column = [estimator(noisy[0], s) for s in sigma]
    np.testing.assert_allclose(estimator(noisy[0], sigma[:, None]), column, rtol=1e-12)


@ALL
def test_leading_axes_and_single_precision(estimator):
    noisy = np.random.default_rng(0).uniform(-3, 13, (2, 3, 5))
    expected = [[estimator(y, 2.0) for y in row] for row in noisy]
    np.testing.assert_allclose(estimator(noisy, 2.0), expected, rtol=1e-12)
    single = estimator(noisy.astype(np.float32), 2.0)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-5)
    assert estimator([1, 2, 3], 2).dtype == np.float64


@ALL
@pytest.mark.parametrize("sigma", [1e-9, 1e-3, 1.0, 1e6])
def test_extremes_give_an_estimate(estimator, sigma):
    noisy = np.array([[1e70, -1e70, 0, 5], [1e70] * 4, [-1e70] * 4, [0, 1e-300, 2.5, 7], [30] * 4])
    estimate = estimator(noisy, sigma)
    assert np.isfinite(estimate).all()
    assert estimate.min() >= -1e-9  # an average of signals lies among them
    assert estimate.max() <= 21 + 1e-9


@pytest.mark.parametrize("family", bayes.LIMITS)
@pytest.mark.parametrize("sigma", [1e-9, 1e-5, 1e-3, 0.1])
def test_weak_noise_leaves_no_doubt(family, sigma):
    clean = signals.FAMILIES[family](50, rng=0)
    noisy = signals.add_noise(clean, sigma, rng=1)
    np.testing.assert_allclose(bayes.LIMITS[family](noisy, sigma), clean, atol=1e-4)


@pytest.mark.parametrize("family", bayes.LIMITS)
def test_strong_noise_leaves_the_prior_mean(family):
    clean = signals.FAMILIES[family](4_000, rng=0)
    estimate = bayes.LIMITS[family](np.zeros(100), 1e6)
    np.testing.assert_allclose(estimate, clean.mean(axis=0), atol=0.3)
    np.testing.assert_allclose(estimate.mean(), clean.mean(), atol=0.05)


@pytest.fixture(scope="module")
def measured():
    """RMSE of each limit on 3,000 fresh signals at sigma 3, and the signals."""
    results = {}
    for name, estimator in ESTIMATORS.items():
        family = name if name in signals.FAMILIES else "sparse_spikes"
        clean = signals.FAMILIES[family](3_000, rng=10)
        estimate = estimator(signals.add_noise(clean, 3, rng=11), 3)
        results[name] = clean, estimate, metrics.rmse(estimate, clean)
    return results


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [("pointwise", 1.622, 0.015), ("joint", 1.618, 0.015), ("pulses", 1.637, 0.02)]
    + [("blocks", 0.937, 0.02)],
)
def test_known_limits(measured, name, expected, tolerance):
    assert measured[name][2].mean() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_error_is_orthogonal_to_the_estimate(measured, name):
    # E[(x - E[x|y]) g(y)] = 0 for every g: here 1, the estimate and its square
    clean, estimate, _ = measured[name]
    for g in (np.ones_like(estimate), estimate, estimate**2):
        mean, half = metrics.mean_ci(((clean - estimate) * g).mean(axis=-1), 0.999)
        assert abs(mean) < half


def test_joint_beats_pointwise(measured):
    difference, half = metrics.paired_difference(measured["joint"][2], measured["pointwise"][2])
    assert difference + half < 0


def test_limits_know_the_families_with_an_exact_one():
    assert set(bayes.LIMITS) == set(signals.FAMILIES) - {"tones"}
    assert bayes.LIMITS["sparse_spikes"] is bayes.sparse_spikes_joint_posterior_mean
    assert bayes.POINTWISE["sparse_spikes"] is bayes.sparse_spikes_posterior_mean
    assert {k for k in bayes.LIMITS if bayes.LIMITS[k] is not bayes.POINTWISE[k]} == {
        "sparse_spikes"
    }


@ALL
@pytest.mark.parametrize("sigma", [0, -1, np.nan, [1.0, 2.0], "loud"])
def test_sigma_is_refused(estimator, sigma):
    with pytest.raises((TypeError, ValueError), match="sigma"):
        estimator(np.zeros((3, 2)), sigma)


@pytest.mark.parametrize("name", ["pointwise", "joint"])
@pytest.mark.parametrize("draws", [0, -1, 2.5, True])
def test_draws_are_refused(name, draws):
    with pytest.raises((TypeError, ValueError), match="draws"):
        ESTIMATORS[name](np.zeros(5), 1.0, draws=draws)
