"""The law of one sample has the greatest likelihood there is, and tells sigma where it can."""

import numpy as np
import pytest
from scipy import stats

from denoiselib import bayes, metrics, signals
from denoiselib.empirical import independent, mixture


def spikes(n, sigma=3.0, seed=0):
    return signals.add_noise(signals.sparse_spikes(n, rng=seed), sigma, rng=seed + 500)


def densities(y, law):
    """The joint density of each sample and each atom, by the definition."""
    return law.weights * stats.norm.pdf(np.ravel(y)[:, None], law.atoms, law.sigma)


@pytest.mark.parametrize("options", [{}, {"nonnegative": True}, {"sigma": 2.0}])
def test_estimate_and_likelihood_equal_brute_force(options):
    y = spikes(30)
    law = independent(y, **options)
    p = densities(y, law)
    np.testing.assert_allclose(law.denoise(y).ravel(), p @ law.atoms / p.sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(law.log_likelihood, np.log(p.sum(axis=1)).sum(), rtol=1e-12)
    np.testing.assert_allclose(law.log_density(y).ravel(), np.log(p.sum(axis=1)), atol=1e-9)
    assert law.weights.sum() == pytest.approx(1)
    assert (law.weights > 0).all()
    assert (np.diff(law.atoms) > 0).all()
    assert law.atoms[0] >= (0 if "nonnegative" in options else y.min())


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("n", [1, 20, 700])
def test_no_atom_is_worth_more_weight(n, nonnegative):
    """Kuhn-Tucker: D(a) is at most 0 for all a, also between those of the grid, and 0 at atoms."""
    y = spikes(n).ravel()
    law = independent(y, sigma=3.0, nonnegative=nonnegative)
    f = densities(y, law).sum(axis=1)

    def worth(a):
        return np.array([np.mean(stats.norm.pdf(y, x, 3.0) / f) for x in a]) - 1

    everywhere = np.arange(0 if nonnegative else y.min(), y.max(), 0.11)
    # beside that of the fit, there is the width of the bins of its histogram
    assert worth(everywhere).max() < 5e-5 + 0.3 / y.size
    counted = law.atoms[law.weights > 0.01]
    assert counted.size >= 1
    assert abs(worth(counted)).max() < 3e-4 + 0.3 / y.size


def em(kernel, share, steps):
    """Expectation and maximisation, from equal weights: the weights, and log likelihoods."""
    w, seen = np.full(kernel.shape[1], 1 / kernel.shape[1]), []
    for _ in range(steps):
        f = kernel @ w
        seen.append(share @ np.log(f))
        w = w * (kernel.T @ (share / f))
    return w, np.array(seen)


def test_em_tends_to_the_same_law_and_stays_below():
    u = np.sort(spikes(100).ravel()) / 3
    points, share, atoms = mixture._grid(u, False, 1000)
    kernel = np.exp(-((points[:, None] - atoms) ** 2) / 2)
    best = share @ np.log(kernel @ mixture._newton(kernel, share, u.size))
    w, seen = em(kernel, share, 3000)
    assert (np.diff(seen) >= -1e-13).all()
    short = u.size * (best - seen)
    assert short[0] > 500
    assert short[100] > 3  # two levels could not be compared
    assert -mixture.GAP < short[-1] < 1
    assert w.sum() == pytest.approx(1)


def test_two_groups_of_samples_are_two_atoms():
    law = independent([0.0, 0.0, 0.0, 100.0], sigma=1)
    assert law.weights[law.atoms < 50].sum() == pytest.approx(0.75, abs=1e-3)
    assert law.atoms[law.weights > 0.2] == pytest.approx([0, 100], abs=0.2)
    np.testing.assert_allclose(law.denoise([-1e70, 2.0, 1e70]), [0, 0, 100], atol=0.2)


TEST = signals.sparse_spikes(3000, rng=1)
SEEN = signals.add_noise(TEST, 3.0, rng=2)


def gap(law):
    """How much worse than the limit of pointwise rules, as a part of it."""
    limit = metrics.rmse(bayes.sparse_spikes_posterior_mean(SEEN, 3), TEST).mean()
    return metrics.rmse(law.denoise(SEEN), TEST).mean() / limit - 1


@pytest.mark.parametrize(
    ("n", "options", "most"),
    [(700, {"sigma": 3.0}, 1.5e-3), (700, {"nonnegative": True}, 2e-3), (700, {}, 7e-3)]
    + [(100, {"nonnegative": True}, 1e-2), (100, {}, 2e-2)],
)
def test_an_estimate_is_near_the_limit(n, options, most):
    gaps = [gap(independent(spikes(n, seed=seed), **options)) for seed in (0, 1)]
    assert -1e-4 < np.mean(gaps) < most


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 6.0])
def test_sigma_is_found(sigma):
    """From above without a constraint, and on both sides with it."""
    noisy = spikes(300, sigma)
    assert independent(noisy, nonnegative=True).sigma == pytest.approx(sigma, rel=0.03)
    assert -0.01 < independent(noisy).sigma / sigma - 1 < 0.06


def test_over_a_wide_range_sigma_is_not_pulled_down():
    """Many heights apart from each other have many chances to fit a smaller one by accident."""
    for seed in (1, 2):
        assert independent(spikes(700, 0.5, seed)).sigma == pytest.approx(0.5, rel=0.015)


def test_a_smaller_sigma_is_no_less_likely_but_a_larger_one_is():
    """That is why the likelihood alone does not tell sigma."""
    likelihoods = [independent(spikes(300), s).log_likelihood for s in (2.0, 2.5, 3.0, 3.5)]
    assert likelihoods[0] > likelihoods[1] - 0.2
    assert likelihoods[1] > likelihoods[2] - 0.2
    assert likelihoods[2] > likelihoods[3] + 100
    below = [independent(spikes(300), s, nonnegative=True).log_likelihood for s in (2.5, 3.0)]
    assert below[1] > below[0] + 100


def test_many_samples_do_not_pull_sigma_down():
    """The bins of the histogram are a part of sigma, and must not favour small ones."""
    assert independent(spikes(3000)).sigma == pytest.approx(3, rel=0.02)


def test_noise_alone_is_noise():
    noise = 2 * np.random.default_rng(0).standard_normal((100, 100)) + 7
    law = independent(noise)
    assert law.sigma == pytest.approx(noise.std(), rel=0.02)
    assert metrics.rmse(law.denoise(noise), 7 * np.ones(100)).mean() < 0.1
    assert independent([0.0, 1.0]).sigma == pytest.approx(0.5)  # so few are taken for noise


def test_coloured_noise_has_its_level_found():
    clean = signals.sparse_spikes(700, rng=0)
    white = np.random.default_rng(1).standard_normal((700, 101))
    noise = 3 * (white[:, 1:] + white[:, :-1]) / 2**0.5
    assert independent(clean + noise, nonnegative=True).sigma == pytest.approx(3, rel=0.03)


def test_far_above_zero_the_constraint_changes_nothing():
    noisy = spikes(100) + 200
    law = independent(noisy, nonnegative=True)
    assert law.sigma == pytest.approx(independent(noisy).sigma, rel=0.01)


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("c", [1e-200, 1e-9, 0.3, 1e9, 1e70])
def test_units_do_not_matter(c, nonnegative):
    y = spikes(40)
    here, there = (independent(k * y, nonnegative=nonnegative) for k in (1, c))
    assert there.sigma / c == pytest.approx(here.sigma, rel=1e-6)
    assert there.log_likelihood + y.size * np.log(c) == pytest.approx(here.log_likelihood, rel=1e-6)
    np.testing.assert_allclose(there.denoise(c * y) / c, here.denoise(y), atol=1e-5)
    np.testing.assert_allclose((there.atoms / c)[[0, -1]], here.atoms[[0, -1]], atol=0.5)


@pytest.mark.parametrize("b", [-3.0, 1e3, 1e6])
def test_estimates_move_with_the_signals(b):
    y = spikes(40)
    here, there = independent(y), independent(y + b)
    assert there.sigma == pytest.approx(here.sigma, rel=1e-6)
    np.testing.assert_allclose(there.denoise(y + b) - b, here.denoise(y), atol=1e-5)


def test_shapes_and_precision_are_kept():
    y = spikes(6).reshape(2, 3, 100)
    law = independent(y)
    assert law.denoise(y).shape == (2, 3, 100)
    assert law.denoise(y[0, 0, :7]).shape == (7,)
    single = independent(y.astype(np.float32))
    assert single.sigma == pytest.approx(law.sigma, rel=1e-5)
    assert single.denoise(y.astype(np.float32)).dtype == np.float32
    assert independent(y.ravel()).sigma == law.sigma  # all samples are alike


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("value", [0.0, 2.5])
def test_constant_signals_are_their_own_estimate(value, nonnegative):
    constant = np.full((3, 5), value)
    law = independent(constant, sigma=1, nonnegative=nonnegative)
    np.testing.assert_allclose(law.denoise(constant), value, atol=1e-12)
    with pytest.raises(ValueError, match=r"noisy must hold noise .* give sigma"):
        independent(constant, nonnegative=nonnegative)


def test_negative_signals_under_the_constraint_are_noise():
    law = independent([-1.0, -2.0, -3.0], sigma=1, nonnegative=True)
    np.testing.assert_array_equal(law.denoise([-1.0, -2.0]), [0, 0])


@pytest.mark.parametrize(
    ("noisy", "options", "message"),
    [
        (signals.sparse_spikes(20, rng=0), {}, "noisy must hold more noise"),
        ([1.0, 2.0], {"sigma": 0}, "sigma must be greater than 0"),
        ([0.0, 2.0], {"sigma": 1e-60}, "sigma must not be so small"),
        (spikes(100), {"sigma": 1e-3}, "sigma must not be so small"),
        ([1.0, np.nan], {}, "noisy must be finite"),
        ([1.0, 2.0], {"nonnegative": 1}, "nonnegative must be True or False"),
    ],
)
def test_what_cannot_be_fitted_is_said(noisy, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        independent(noisy, **options)
