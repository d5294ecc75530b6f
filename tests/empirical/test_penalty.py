"""The penalty behind a rule: known ones are found, and its proximal map gives the rule back."""

import numpy as np
import pytest

from denoiselib import bayes, filters, interpret, pretrained, signals
from denoiselib.empirical import independent, penalty

GRID = np.linspace(-8.0, 18.0, 2601)


def limit(y):
    """The pointwise limit of spikes, where signals have 100 samples."""
    return bayes.sparse_spikes_posterior_mean(np.repeat(y[:, None], 100, axis=1), 3.0)[:, 0]


def log_density(y):
    repeated = np.repeat(y[:, None], 100, axis=1)
    return bayes.sparse_spikes_posterior_mean(repeated, 3.0, evidence=True)[1] / 100


@pytest.fixture(scope="module")
def law():
    return independent(signals.add_noise(signals.sparse_spikes(100, rng=0), 3.0, rng=1))


KNOWN = {
    "l1": (lambda y: filters.threshold(y, 1.5), lambda x: 1.5 * abs(x)),
    "half": (lambda y: y / 2, lambda x: x**2 / 2),
    "cubic": (np.cbrt, lambda x: x**4 / 4 - x**2 / 2),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_penalties_are_found(name):
    rule, expected = KNOWN[name]
    grid = np.linspace(-5, 5, 2001)
    found = penalty.of_rule(rule, grid)
    expected = expected(found.x)
    np.testing.assert_allclose(found.value, expected - expected.min(), atol=1e-3)
    np.testing.assert_array_equal(found.x, rule(grid))


def test_rule_and_density_give_the_same_penalty_of_the_limit():
    a, b = penalty.of_rule(limit, GRID), penalty.of_density(limit, log_density, 3.0, GRID)
    np.testing.assert_allclose(a.value, b.value, atol=1e-9)
    assert a.value.max() > 10


def test_rule_and_density_give_the_same_penalty_of_a_fitted_law(law):
    a = penalty.of_rule(law.denoise, GRID)
    b = penalty.of_density(law.denoise, law.log_density, law.sigma, GRID)
    np.testing.assert_allclose(a.value, b.value, atol=1e-9)


def test_of_a_coarse_grid_the_error_falls_with_the_fourth_power():
    def error(points):
        grid = np.linspace(-8, 18, points)
        a, b = penalty.of_rule(limit, grid), penalty.of_density(limit, log_density, 3.0, grid)
        return abs(a.value - b.value).max()

    assert error(53) / error(105) == pytest.approx(16, rel=0.3)


def brute_force(y, found):
    cost = (y[:, None] - found.x) ** 2 / 2 + found.value
    return found.x[cost.argmin(axis=1)]


@pytest.mark.parametrize("name", ["the limit", "a fitted law", "soft threshold"])
def test_the_proximal_map_is_the_rule(name, law):
    rules = {"the limit": limit, "a fitted law": law.denoise}
    rule = rules.get(name, lambda y: filters.threshold(y, 2.0))
    found, y = penalty.of_rule(rule, GRID), np.linspace(-7, 17, 97)
    wide = np.diff(found.x).max()  # between two points
    np.testing.assert_allclose(brute_force(y, found), rule(y), atol=wide)
    np.testing.assert_allclose(penalty.proximal_map(y, found), rule(y), atol=wide)


def test_a_penalty_is_not_the_prior():
    """The limit lies between the heights: its penalty is smooth, the prior is of single points."""
    found = penalty.of_rule(limit, GRID)
    assert 0 < found.x.min() < 0.02
    assert 9 < found.x.max() < 10
    slope = np.diff(found.value) / np.diff(found.x)
    np.testing.assert_allclose(slope, (found.y - found.x)[1:], atol=0.05)
    assert abs(np.diff(slope)).max() < 0.02


def test_the_mean_response_of_a_network_has_a_penalty():
    """Beside that of the limit: a network that has learned the family has learned its penalty."""
    noisy = signals.add_noise(signals.sparse_spikes(3000, rng=5), 3.0, rng=6)
    edges = np.linspace(-6.5, 14.5, 43)
    seen = interpret.shrinkage_curve(noisy, pretrained.load("plain").denoise(noisy), edges)
    rising = np.maximum.accumulate(seen.mean)
    assert abs(rising - seen.mean).max() < 0.05

    def response(y):
        return np.interp(y, seen.y, rising)

    net, best = (penalty.of_rule(rule, seen.y) for rule in (response, limit))
    x = np.linspace(0.5, 8.5, 30)
    a, b = (np.interp(x, found.x, found.value) for found in (net, best))
    np.testing.assert_allclose(a - a.mean(), b - b.mean(), atol=0.1 * np.ptp(b))
    y = seen.y[5:-5]
    wide = np.diff(net.x).max()
    np.testing.assert_allclose(penalty.proximal_map(y, net), response(y), atol=wide)


@pytest.mark.parametrize("c", [1e-6, 1e6])
def test_units(c):
    here = penalty.of_rule(limit, GRID)
    there = penalty.of_rule(lambda y: c * limit(y / c), c * GRID)
    np.testing.assert_allclose(there.value / c**2, here.value, atol=1e-7)
    np.testing.assert_allclose(
        penalty.proximal_map(c * GRID, there) / c, penalty.proximal_map(GRID, here), atol=0.02
    )


@pytest.mark.parametrize("b", [-3.0, 1e6])
def test_a_shift_moves_the_points_alone(b):
    here = penalty.of_rule(limit, GRID)
    there = penalty.of_rule(lambda y: limit(y - b) + b, GRID + b)
    np.testing.assert_allclose(there.value, here.value, atol=1e-4)
    np.testing.assert_allclose(there.x - b, here.x, atol=1e-8)


def test_signals_keep_shape_and_precision():
    found = penalty.of_rule(lambda y: y / 2, GRID)
    y = np.linspace(-3, 3, 12, dtype=np.float32).reshape(2, 2, 3)
    estimate = penalty.proximal_map(y, found)
    assert estimate.dtype == np.float32
    np.testing.assert_allclose(estimate, y / 2, atol=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: penalty.of_rule(np.sin, GRID), r"rule must rise, .* but falls between"),
        (lambda: penalty.of_rule(np.sum, GRID), "rule must"),
        (lambda: penalty.of_rule(lambda y: y[:3], GRID), "rule must return one number a sample"),
        (lambda: penalty.of_rule(limit, [1.0]), "grid must be a rising sequence"),
        (lambda: penalty.of_rule(limit, [1.0, 0.0]), "grid must be a rising sequence"),
        (lambda: penalty.of_density(limit, log_density, 0.0, GRID), "sigma must be greater"),
        (lambda: penalty.of_density(limit, len, 1.0, GRID), "log_density must"),
        (lambda: penalty.proximal_map([1.0], "l1"), "penalty must be a Penalty"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
