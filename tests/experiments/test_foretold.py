"""Are the laws those that are drawn, and is a winner counted only where there is one?"""

import numpy as np
import pytest

from denoiselib import metrics
from denoiselib.experiments import foretold


@pytest.mark.parametrize("family", foretold.LAWS)
def test_what_is_drawn_has_its_law(family):
    x = foretold.draw(family, 500, rng=np.random.default_rng(0))
    law = foretold.law(family, 3.0)
    mean = law.weights @ law.atoms
    variance = law.weights @ (law.atoms - mean) ** 2
    assert x.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / x.size))
    assert x.var() == pytest.approx(variance, rel=0.1)
    noisy = x + 3 * np.random.default_rng(1).standard_normal(x.shape)
    best = metrics.rmse(law.denoise(noisy), x).mean()
    others = [foretold.law(family, sigma).denoise(noisy) for sigma in (2.0, 4.0)]
    assert all(best < metrics.rmse(other, x).mean() for other in others)


def test_two_symbols_have_a_hyperbolic_tangent():
    y = np.linspace(-9, 9, 50).reshape(1, -1)
    expected = 4 * np.tanh(4 * y / 9)
    np.testing.assert_allclose(foretold.law("symbols", 3.0).denoise(y), expected, rtol=1e-10)


def test_fixed_mode_is_the_rule_itself():
    noisy = np.random.default_rng(0).normal(0, 5, (64, 100))
    rule = foretold.law("rare", 3.0).denoise
    assert np.array_equal(foretold.foretold("rare", 3.0, noisy, "fixed"), rule(noisy))
    alone = foretold.foretold("rare", 3.0, noisy, "batch 1")
    assert not np.allclose(foretold.foretold("rare", 3.0, noisy, "batch 64"), alone)


def rows(told, measured):
    """Return rows of two seeds at one level; errors of the modes in their order."""
    place = {"family": "symbols", "test_sigma": 1.0}
    return [
        place | {"mode": mode, "seed": seed, "foretold": x + seed, "rmse": y + seed}
        for seed in (0, 1)
        for mode, x, y in zip(foretold.MODES, told, measured, strict=True)
    ]


def test_winners_are_counted_where_modes_differ():
    made = rows(told=(2.0, 1.9, 2.2), measured=(2.0, 1.8, 1.7))
    fixed, many, alone = foretold.compared(made)
    assert many["wins"] == [True, True]
    assert alone["wins"] == [False, True]
    assert many["off"] == pytest.approx(100 * (2.4 / 2.3 - 1))
    assert fixed["off"] == 0
    assert foretold.report(made).endswith("1 of 3 within 3 %, 1 of 2 winners right")
    near = rows(told=(2.0, 1.9, 2.2), measured=(2.0, 1.99, 1.7))
    assert foretold.report(near).endswith("0 of 1 winners right")
