import numpy as np
import pytest

from denoiselib import bayes, signals
from denoiselib.interpret import shrinkage_curve


def test_a_pointwise_rule_is_found_again():
    noisy = signals.add_noise(signals.sparse_spikes(2000, rng=0), 3, rng=1)
    best = bayes.sparse_spikes_posterior_mean(noisy, 3)
    curve = shrinkage_curve(noisy, best, np.linspace(-4, 12, 161))
    at_centres = bayes.sparse_spikes_posterior_mean(np.resize(curve.y, (2, 100)), 3).ravel()
    np.testing.assert_allclose(curve.mean, at_centres[: len(curve.mean)], atol=0.06)
    assert curve.spread.max() < 0.06  # no more than a bin is wide


def test_spread_tells_neighbours_from_the_sample():
    noisy = np.random.default_rng(0).standard_normal((500, 100))
    other = np.roll(noisy, 1, axis=-1)  # nothing of the sample itself
    curve = shrinkage_curve(noisy, other, np.linspace(-1, 1, 9))
    np.testing.assert_allclose(curve.mean, 0, atol=0.1)
    np.testing.assert_allclose(curve.spread, 1, atol=0.1)


def test_an_empty_bin_has_no_mean():
    curve = shrinkage_curve([0.5], [2.0], [0, 1, 2])
    assert curve.mean[0] == 2
    assert np.isnan(curve.mean[1])


@pytest.mark.parametrize("edges", [[0], [0, 0], [1, 0], [[0, 1]]])
def test_edges_must_rise(edges):
    with pytest.raises(ValueError, match="edges"):
        shrinkage_curve([0.5], [2.0], edges)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="noisy and estimate"):
        shrinkage_curve([0.5, 1], [2.0], [0, 1])
