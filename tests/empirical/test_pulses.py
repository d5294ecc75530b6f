"""Pulses of unknown shape: exact against all trains of spikes, and what is learned."""

from itertools import product

import numpy as np
import pytest

from denoiselib import bayes, empirical, metrics, signals
from denoiselib.empirical.pulses import Pulses, Train, _forward_backward, _step

HEIGHTS, WEIGHTS, SIGMA = np.array([0.0, 1.0, 3.0]), np.array([0.6, 0.3, 0.1]), 0.8
PULSE = np.array([1.0, -0.5, 0.3, 0.2])


def shifted(spikes, lag):
    """Delay trains (..., length) by a lag."""
    return np.pad(spikes, ((0, 0), (lag, 0)))[:, : spikes.shape[1]]


@pytest.mark.parametrize("taps", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 5])
def test_equals_the_sum_over_all_trains(taps, length):
    choice = np.array(list(product(range(3), repeat=length)))
    lagged = np.stack([shifted(HEIGHTS[choice], j) for j in range(taps)])
    clean = np.tensordot(PULSE[:taps], lagged, 1)
    noisy = np.random.default_rng(length).normal(1, 2, (3, length))
    found = _forward_backward(noisy, Train(HEIGHTS, WEIGHTS, PULSE[:taps], SIGMA))
    evidence, spikes, second, cross = 0, np.zeros(3), 0, 0
    for y, estimate in zip(noisy, found.estimate, strict=True):
        density = np.exp(-((y - clean) ** 2) / 2 / SIGMA**2) / SIGMA / np.sqrt(2 * np.pi)
        joint = density.prod(axis=1) * WEIGHTS[choice].prod(axis=1)
        p, evidence = joint / joint.sum(), evidence + np.log(joint.sum())
        np.testing.assert_allclose(estimate, p @ clean, rtol=1e-10)
        spikes += sum(np.bincount(choice[:, t], p, 3) for t in range(length))
        second += np.einsum("int,jnt,n->ij", lagged, lagged, p)
        cross += np.einsum("int,n,t->i", lagged, p, y)
    np.testing.assert_allclose(found.log_likelihood, evidence, rtol=1e-10)
    np.testing.assert_allclose(found.spikes, spikes, rtol=1e-10)
    np.testing.assert_allclose(found.second, second, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.cross, cross, rtol=1e-10, atol=1e-12)


def test_with_the_law_of_pulses_it_is_their_limit():
    noisy = signals.add_noise(signals.pulses(5, 60, rng=0), 2.0, rng=1)
    p = signals.SPIKE_PROBABILITY
    told = Pulses(
        sigma=2.0,
        log_likelihood=0.0,
        heights=np.r_[0.0, signals.AMPLITUDES],
        weights=np.r_[1 - p, np.full(9, p / 9)],
        pulse=np.array(signals.PULSE),
    )
    expected = bayes.pulses_posterior_mean(noisy, 2.0)
    np.testing.assert_allclose(told.denoise(noisy), expected, rtol=1e-9)


def test_each_step_climbs():
    y = signals.add_noise(signals.pulses(10, 40, rng=0), 1.0, rng=1)
    train, heights = Train(np.arange(0, 12, 2.0), np.ones(6) / 6, np.array([1, 0.5]), 4.0), []
    for _ in range(15):
        train, height = _step(y, train, None)
        heights.append(height)
    assert (np.diff(heights) > -1e-9).all()
    assert heights[-1] > heights[0] + 10


def test_the_pulse_and_the_noise_level_are_found_and_the_limit_is_near():
    clean = signals.pulses(240, rng=0)
    noisy = signals.add_noise(clean, 3.0, rng=1)
    found = empirical.pulses(noisy[:40])
    assert abs(found.sigma - 3) < 0.15
    np.testing.assert_allclose(found.pulse, signals.PULSE, atol=0.08)
    estimate, limit = found.denoise(noisy[40:]), bayes.pulses_posterior_mean(noisy[40:], 3.0)
    reached, least = (metrics.rmse(e, clean[40:]).mean() for e in (estimate, limit))
    assert least < reached < 1.01 * least


def test_a_low_noise_level_does_not_hold_the_pulse_where_it_starts():
    clean = signals.pulses(60, rng=5)
    noisy = signals.add_noise(clean, 0.5, rng=6)
    found = empirical.pulses(noisy[:30])
    np.testing.assert_allclose(found.pulse, signals.PULSE, atol=0.01)
    assert metrics.rmse(found.denoise(noisy[30:]), clean[30:]).mean() < 0.245


def test_a_pulse_of_one_tap_is_a_spike():
    clean = signals.sparse_spikes(100, rng=0)
    noisy = signals.add_noise(clean, 2.0, rng=1)
    found = empirical.pulses(noisy, taps=1)
    assert list(found.pulse) == [1.0]
    assert abs(found.sigma - 2) < 0.1
    reached = metrics.rmse(found.denoise(noisy), clean).mean()
    assert reached < 1.01 * metrics.rmse(bayes.POINTWISE["sparse_spikes"](noisy, 2), clean).mean()


@pytest.mark.parametrize("taps", [0, 7, 1.5])
def test_taps_that_do_not_fit_are_refused(taps):
    with pytest.raises((ValueError, TypeError), match="taps must be"):
        empirical.pulses(np.ones(9), 1.0, taps)


def test_signals_that_are_no_pulses_are_refused():
    with pytest.raises(ValueError, match=r"sigma of 0\.1 is too small for noisy"):
        empirical.pulses(-np.abs(np.random.default_rng(0).normal(size=(5, 50))) - 1, 0.1)
