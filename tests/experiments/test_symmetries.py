import numpy as np
import pytest

from denoiselib import bayes, metrics, signals
from denoiselib.experiments import networks, symmetries
from denoiselib.experiments.symmetries import SYMMETRIES, averaged


@pytest.mark.parametrize("family", SYMMETRIES)
def test_changes_undo_themselves_and_leave_the_law(family):
    clean = signals.FAMILIES[family](20_000, rng=0)
    features = {
        "mean": lambda x: x.mean(axis=1),
        "spread": lambda x: x.std(axis=1),
        "first": lambda x: x[:, 0],
        "first squared": lambda x: x[:, 0] ** 2,
        "jumps before the middle": lambda x: (np.diff(x[:, :50]) != 0).sum(axis=1),
        "three in a row": lambda x: np.mean(x[:, :-2] * x[:, 1:-1] * x[:, 2:], axis=1),
    }
    for change in SYMMETRIES[family]:
        assert np.array_equal(change(change(clean)), clean)
        for name, feature in features.items():
            apart = feature(change(clean)) - feature(clean)
            assert abs(apart.mean()) < 4 * apart.std() / 20_000**0.5 + 1e-9, name


@pytest.mark.parametrize("family", SYMMETRIES)
def test_the_limit_has_them(family):
    noisy, _, _, best = networks.draw_with_limit(family, 3.0, 50, seed=0)
    limit = averaged(lambda y: bayes.LIMITS[family](y, 3.0), family)
    assert np.allclose(limit(noisy), best, atol=1e-9)


def test_it_is_the_mean_over_all_combinations():
    def f(y):
        return np.cumsum(y, axis=-1) ** 2

    y = np.random.default_rng(0).standard_normal((3, 7))
    every = [f(y), 10 - f(10 - y), f(y[:, ::-1])[:, ::-1], 10 - f(10 - y[:, ::-1])[:, ::-1]]
    assert np.allclose(averaged(f, "blocks")(y), np.mean(every, axis=0))


def test_what_has_no_symmetry_gains():
    noisy, clean, _, _ = networks.draw_with_limit("blocks", 3.0, 1000, seed=1)

    def late(y):  # the mean of a sample and those before it
        return (y + np.roll(y, 1, axis=-1) + np.roll(y, 2, axis=-1)) / 3

    error = metrics.rmse(averaged(late, "blocks")(noisy), clean).mean()
    assert error < 0.9 * metrics.rmse(late(noisy), clean).mean()


def test_variants_are_trained_as_the_setting_says():
    setting = networks.BASE | {"net": "plain", "family": "blocks", "steps": 2, "method": "a"}
    short, long = symmetries.variants(setting, steps=(2, 4))
    noisy, *_ = networks.draw("blocks", 3.0, 5, seed=0)
    net = networks.train(setting, 3)
    assert np.array_equal(symmetries.trained(setting, 3)(noisy), net.denoise(noisy))
    found = symmetries.trained(short, 3)(noisy)
    assert np.array_equal(found, averaged(net.denoise, "blocks")(noisy))
    assert not np.allclose(symmetries.trained(long, 3)(noisy), found)
