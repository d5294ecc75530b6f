"""Is it told right what statistics of the batch do: exact where it can be, and of real networks?"""

import numpy as np
import pytest

from denoiselib import adaptation, bayes, metrics, nn, pretrained, signals

RNG = np.random.default_rng(0)
SEEN = RNG.normal(1.0, 3.0, (50, 40))
NOISY = RNG.normal(4.0, 1.0, (11, 40))


def soft(y):
    return np.sign(y) * np.maximum(np.abs(y) - 1, 0)


@pytest.mark.parametrize("size", [1, 4, 11, None])
def test_each_batch_gets_mean_and_deviation(size):
    found = adaptation.restandardised(NOISY, SEEN, size)
    for start in range(0, 11, size or 11):
        batch, old = (x[start : start + (size or 11)] for x in (found, NOISY))
        assert batch.mean() == pytest.approx(SEEN.mean())
        assert batch.std() == pytest.approx(SEEN.std())
        assert np.corrcoef(batch.ravel(), old.ravel())[0, 1] == pytest.approx(1)


def test_a_constant_signal_becomes_the_mean():
    found = adaptation.restandardised(np.full((2, 5), 7.0), SEEN, 1)
    assert np.array_equal(found, np.full((2, 5), SEEN.mean()))


@pytest.mark.parametrize("statistics", ["batch", "signal"])
def test_one_batch_norm_is_exactly_this(statistics):
    """A net with one batch norm, behind a kernel of one sample, restandardises its signals."""
    net = nn.PlainNet(width=8, depth=2, kernel=1, rng=0, dtype=np.float64)
    [block] = [module for module in net.modules() if isinstance(module, nn.BatchNorm1d)]
    block.eps = 1e-12
    nn.norm.recalibrate(net, [SEEN[:, None]])
    block.running_var.data *= (SEEN.size - 1) / SEEN.size  # that of all, not an estimate
    unfixed = net.eval(statistics).denoise(NOISY)
    size = {"batch": None, "signal": 1}[statistics]
    told = net.eval().denoise(adaptation.restandardised(NOISY, SEEN, size))
    np.testing.assert_allclose(unfixed, told, rtol=1e-6, atol=1e-8)


def test_a_linear_rule_needs_one_layer():
    def rule(y):
        return 1 + 0.3 * (y - 1)

    for size in (1, 4, None):
        first = adaptation.adapted(rule, NOISY, SEEN, size, depths=[0])
        np.testing.assert_allclose(adaptation.adapted(rule, NOISY, SEEN, size), first)
        np.testing.assert_allclose(first, rule(adaptation.restandardised(NOISY, SEEN, size)))


def test_features_of_the_last_layer_have_their_moments_back():
    t, y = 0.75, adaptation.adapted(lambda y: y, NOISY, SEEN, depths=[0])
    assert y.std() == pytest.approx(SEEN.std())

    class Last(list):
        def __call__(self, y):
            self.append(y)
            return soft(y)

    rule = Last()
    adaptation.adapted(rule, NOISY, SEEN, depths=[0, t])
    features, like = ((1 - t) * y + t * soft(y) for y in (rule[-1], SEEN))
    assert features.mean() == pytest.approx(like.mean(), abs=1e-4)
    assert features.std() == pytest.approx(like.std(), rel=1e-4)


def test_signals_as_in_training_stay_as_they_are():
    clean = signals.sparse_spikes(2000, rng=0)
    seen, noisy = (signals.add_noise(clean, 3.0, rng=k) for k in (1, 2))

    def rule(y):
        return bayes.sparse_spikes_posterior_mean(y, 3.0)

    found = adaptation.adapted(rule, noisy, seen)
    assert metrics.rmse(found, rule(noisy)).mean() < 0.02


@pytest.mark.parametrize(("unit", "offset"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e3)])
def test_units_and_offsets_make_no_difference(unit, offset):
    def other(y):
        return offset + unit * soft((y - offset) / unit)

    found = adaptation.adapted(other, offset + unit * NOISY, offset + unit * SEEN, 4)
    expected = adaptation.adapted(soft, NOISY, SEEN, 4)
    np.testing.assert_allclose((found - offset) / unit, expected, atol=1e-6)


def test_a_trained_network_does_what_is_foretold():
    net = pretrained.load("plain")
    clean = signals.sparse_spikes(960, rng=3)
    seen = signals.add_noise(signals.sparse_spikes(2000, rng=4), 3.0, rng=5)

    def rule(y):
        return bayes.sparse_spikes_posterior_mean(y, 3.0)

    for sigma in (1.0, 2.0, 5.0):
        noisy = signals.add_noise(clean, sigma, rng=6)
        for size in (1, 64):
            told = metrics.rmse(adaptation.adapted(rule, noisy, seen, size), clean).mean()
            measured = net.eval("batch").denoise(noisy, batch_size=size)
            assert told == pytest.approx(metrics.rmse(measured, clean).mean(), rel=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": lambda y: -y}, "rule must not fall, or depths must be"),
        ({"depths": [0, 1]}, "depths must be from 0 to less than 1"),
        ({"depths": [-0.1]}, "depths must be from 0 to less than 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_what_cannot_be_told_is_refused(change, message):
    arguments = {"rule": soft, "noisy": NOISY, "seen": SEEN} | change
    with pytest.raises(ValueError, match=message):
        adaptation.adapted(**arguments)
