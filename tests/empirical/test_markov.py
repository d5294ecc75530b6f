"""A chain that stays or jumps: exact against all paths, and what is learned from noisy signals."""

from importlib import import_module
from itertools import product

import numpy as np
import pytest

from denoiselib import bayes, empirical, metrics, nn, signals
from denoiselib.empirical.markov import Chain, Markov, _forward_backward, _step

LEVELS, WEIGHTS, STAY, SIGMA = np.array([-1.0, 0.5, 4.0]), np.array([0.2, 0.5, 0.3]), 0.7, 1.3
CHAIN = Chain(LEVELS, WEIGHTS, STAY, SIGMA)


def all_paths(y):
    """Posterior of every path of levels, and the probability of y."""
    paths = np.array(list(product(range(3), repeat=len(y))))
    moves = STAY * np.eye(3) + (1 - STAY) * WEIGHTS
    prior = WEIGHTS[paths[:, 0]] * moves[paths[:, :-1], paths[:, 1:]].prod(axis=1)
    density = np.exp(-((y - LEVELS[paths]) ** 2) / 2 / SIGMA**2) / SIGMA / np.sqrt(2 * np.pi)
    joint = prior * density.prod(axis=1)
    return paths, joint / joint.sum(), joint.sum()


@pytest.mark.parametrize("length", [1, 2, 5])
def test_equals_the_sum_over_all_paths(length):
    noisy = np.random.default_rng(length).normal(1, 3, (4, length))
    found = _forward_backward(noisy, CHAIN)
    draws, jumps, samples, squares, evidence = np.zeros(3), np.zeros(3), np.zeros(3), 0, 0
    for y, estimate in zip(noisy, found.estimate, strict=True):
        paths, p, total = all_paths(y)
        np.testing.assert_allclose(estimate, p @ LEVELS[paths], rtol=1e-10)
        evidence += np.log(total)
        draws += np.bincount(paths[:, 0], p, 3)
        samples += sum(np.bincount(paths[:, t], p, 3) for t in range(length))
        squares += p @ ((y - LEVELS[paths]) ** 2).sum(axis=1)
        for t in range(1, length):  # the part of equal neighbours that has jumped to its own level
            jump = (1 - STAY) * WEIGHTS[paths[:, t]]
            same = paths[:, t] == paths[:, t - 1]
            jumps += np.bincount(paths[:, t], p * jump / (jump + STAY * same), 3)
    np.testing.assert_allclose(found.log_likelihood, evidence, rtol=1e-10)
    np.testing.assert_allclose(found.draws, draws, rtol=1e-10)
    np.testing.assert_allclose(found.jumps, jumps, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found.samples, samples, rtol=1e-10)
    np.testing.assert_allclose(found.squares, squares, rtol=1e-10)


def test_with_the_law_of_blocks_it_is_their_limit():
    clean = signals.blocks(20, rng=0)
    noisy = signals.add_noise(clean, 2.0, rng=1)
    told = Markov(
        sigma=2.0, log_likelihood=0.0, levels=np.arange(11.0), weights=np.ones(11) / 11, stay=0.95
    )
    expected = bayes.blocks_posterior_mean(noisy, 2.0)
    np.testing.assert_allclose(told.denoise(noisy), expected, rtol=1e-10)


@pytest.mark.parametrize("moving", [False, True])
def test_a_step_takes_what_is_expected_of_all_paths(moving):
    noisy = np.random.default_rng(0).normal(1, 3, (4, 5))
    found = _forward_backward(noisy, CHAIN)
    after, log_likelihood = _step(noisy, CHAIN, None, moving)
    levels = found.sums / found.samples if moving else LEVELS
    squares = 0
    for y in noisy:
        paths, p, _ = all_paths(y)
        squares += p @ ((y - levels[paths]) ** 2).sum(axis=1)
    weights = found.draws + found.jumps
    np.testing.assert_allclose(after.levels, levels)
    np.testing.assert_allclose(after.weights, weights / weights.sum())
    np.testing.assert_allclose(after.stay, 1 - found.jumps.sum() / (4 * 4))
    np.testing.assert_allclose(after.sigma, np.sqrt(squares / noisy.size))
    assert log_likelihood == found.log_likelihood


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("given", [None, 1.0])
def test_each_step_climbs(given, moving):
    y = signals.add_noise(signals.blocks(20, 30, rng=0), 1.0, rng=1)
    chain = Chain(np.linspace(-2, 13, 16), np.ones(16) / 16, 0.5, given or 2.0)
    heights = []
    for _ in range(15):
        chain, height = _step(y, chain, given, moving)
        heights.append(height)
    assert (np.diff(heights) > -1e-9).all()
    assert heights[-1] > heights[0] + 10


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 6.0])
def test_the_noise_level_and_the_jumps_are_found(sigma):
    found = empirical.markov(signals.add_noise(signals.blocks(100, rng=3), sigma, rng=4))
    assert abs(found.sigma / sigma - 1) < 0.03
    assert abs(found.stay - 0.95) < 0.01
    assert abs(found.weights.sum() - 1) < 1e-12
    assert (np.diff(found.levels) > 0).all()
    assert abs(found.weights @ found.levels - 5) < 0.4


def test_blocks_are_denoised_nearly_as_well_as_with_their_law():
    clean = signals.blocks(1100, rng=0)
    noisy = signals.add_noise(clean, 3.0, rng=1)
    estimate = empirical.markov(noisy[:100]).denoise(noisy[100:])
    limit = metrics.rmse(bayes.blocks_posterior_mean(noisy[100:], 3.0), clean[100:]).mean()
    assert limit < metrics.rmse(estimate, clean[100:]).mean() < 1.012 * limit


def test_levels_far_apart_are_found_where_a_grid_would_be_too_coarse():
    clean = np.random.default_rng(0).choice([0.0, 1.0, 7e3], (20, 8)).repeat(5, axis=1)
    noisy = signals.add_noise(clean, 0.1, rng=1)
    found = empirical.markov(noisy)
    assert abs(found.sigma - 0.1) < 0.01
    np.testing.assert_allclose(found.denoise(noisy), clean, atol=0.3)


def test_more_levels_than_there_may_be_are_refused():
    noisy = np.random.default_rng(0).normal(size=(20, 100))
    with pytest.raises(
        ValueError, match=r"the levels of noisy are too many for its noise of 0\.001"
    ):
        empirical.markov(noisy, 0.001)


def test_the_better_of_two_maxima_is_found(monkeypatch):
    noisy, _ = nn.train.fresh("sparse_spikes", 3.0, 100, seed=1008)(0)
    found = empirical.markov(noisy)
    assert found.sigma == pytest.approx(3, rel=0.05)
    assert found.stay < 0.1
    monkeypatch.setattr(import_module("denoiselib.empirical.markov"), "STAYS", (0.9,))
    other = empirical.markov(noisy)
    assert other.stay > 0.8
    assert other.log_likelihood < found.log_likelihood - 300
