"""Pieces of normal levels: exact against all segmentations, and parameters of largest evidence."""

from itertools import product

import numpy as np
import pytest

from denoiselib import bayes, empirical, metrics, signals
from denoiselib.empirical import partition as fit
from denoiselib.empirical.partition import Partition, Pieces, _all_segmentations, _step

PIECES = Pieces(jump=0.2, mean=1.0, spread=2.0, sigma=1.5)


def all_segmentations(y, pieces):
    """Posterior mean and evidence by normal vectors, one for each of 2^(L-1) segmentations."""
    jump, mean, spread, sigma = pieces
    total, sums = 0.0, 0.0
    for cuts in product([0, 1], repeat=len(y) - 1):
        label = np.cumsum([0, *cuts])
        signal = spread**2 * (label[:, None] == label)
        seen = signal + sigma**2 * np.eye(len(y))
        solved = np.linalg.solve(seen, y - mean)
        density = np.exp(-(y - mean) @ solved / 2) / np.sqrt(np.linalg.det(2 * np.pi * seen))
        p = density * np.prod(np.where(cuts, jump, 1 - jump))
        total, sums = total + p, sums + p * (mean + signal @ solved)
    return sums / total, np.log(total)


@pytest.mark.parametrize("length", [1, 2, 3, 8])
@pytest.mark.parametrize("pieces", [PIECES, PIECES._replace(jump=0.9, spread=0.1, sigma=4.0)])
def test_equals_the_sum_over_all_segmentations(length, pieces):
    noisy = np.random.default_rng(length).normal(2, 4, (5, length))
    expected = [all_segmentations(y, pieces) for y in noisy]
    estimate, (log_likelihood, *_) = _all_segmentations(noisy, pieces)
    np.testing.assert_allclose(estimate, [mean for mean, _ in expected], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(log_likelihood, sum(log for _, log in expected), rtol=1e-10)


def test_the_fit_is_the_likelihood_of_its_parameters():
    y = signals.add_noise(signals.blocks(20, 9, rng=0), 1.0, rng=1)
    found = fit(y)
    pieces = Pieces(found.jump, found.mean, found.spread, found.sigma)
    expected = sum(all_segmentations(part, pieces)[1] for part in y)
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-10)
    np.testing.assert_allclose(
        found.denoise(y), [all_segmentations(part, pieces)[0] for part in y], rtol=1e-9
    )


@pytest.mark.parametrize("given", [None, 1.0])
def test_each_step_climbs_and_at_the_end_no_parameter_is_better(given):
    y = signals.add_noise(signals.blocks(40, 30, rng=0), 1.0, rng=1)
    pieces, heights = Pieces(0.5, 0.0, 1.0, given or 3.0), []
    for _ in range(80):
        pieces, height = _step(y, pieces, given)
        heights.append(height)
    assert (np.diff(heights) > -1e-9).all()
    for name in pieces._fields:
        if name != "sigma" or given is None:
            for factor in (0.98, 1.02):
                moved = pieces._replace(**{name: getattr(pieces, name) * factor})
                assert _step(y, moved, given)[1] < heights[-1]


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 6.0])
def test_the_parameters_are_found(sigma):
    found = empirical.partition(signals.add_noise(signals.blocks(100, rng=3), sigma, rng=4))
    assert abs(found.sigma / sigma - 1) < 0.03
    assert abs(found.jump - 0.05) < 0.012
    assert abs(found.mean - 5) < 0.5
    assert abs(found.spread - 10**0.5) < 0.4


def test_blocks_are_denoised_well_though_their_levels_are_not_normal():
    clean = signals.blocks(800, rng=0)
    noisy = signals.add_noise(clean, 3.0, rng=1)
    estimate = empirical.partition(noisy[:200]).denoise(noisy[200:])
    limit = metrics.rmse(bayes.blocks_posterior_mean(noisy[200:], 3.0), clean[200:]).mean()
    assert limit < metrics.rmse(estimate, clean[200:]).mean() < 1.025 * limit


def test_long_signals_are_stable_and_longer_ones_refused():
    rng = np.random.default_rng(0)
    clean = signals.blocks(1, 3000, rng=rng)
    noisy = signals.add_noise(clean, 0.01, rng)
    law = Partition(sigma=0.01, log_likelihood=0.0, jump=0.05, mean=5.0, spread=3.0)
    np.testing.assert_allclose(law.denoise(noisy), clean, atol=0.05)
    for call in (law.denoise, fit):
        with pytest.raises(ValueError, match="noisy must hold at most 5000 samples a signal"):
            call(np.zeros(5001))


def test_a_sigma_far_too_small_leaves_the_signals_as_they_are():
    noisy = np.random.default_rng(0).normal(size=(5, 50))
    np.testing.assert_allclose(fit(noisy, 1e-4).denoise(noisy), noisy, atol=1e-3)
