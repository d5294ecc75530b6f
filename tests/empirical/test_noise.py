"""Estimators of the noise level: right where they should be, and off where it is said."""

import numpy as np
import pytest

from denoiselib import signals
from denoiselib.empirical import noise
from denoiselib.experiments import noise_levels

NOISE = 2 * np.random.default_rng(0).standard_normal((200, 100))
EACH = pytest.mark.parametrize("estimator", noise.ESTIMATORS.values(), ids=noise.ESTIMATORS)


@EACH
def test_of_noise_alone_all_are_right(estimator):
    assert estimator(NOISE) == pytest.approx(2, rel=0.03)


@EACH
@pytest.mark.parametrize("c", [1e-9, 1e9])
def test_a_level_is_in_the_unit_of_the_signals(estimator, c):
    assert estimator(c * NOISE) / c == pytest.approx(estimator(NOISE), rel=1e-6)


@pytest.mark.parametrize("name", ["median", "differences", "profile"])
def test_an_offset_does_not_matter(name):
    estimator = noise.ESTIMATORS[name]
    assert estimator(NOISE + 50) == pytest.approx(estimator(NOISE), rel=1e-6)


def test_differences_need_two_samples():
    with pytest.raises(ValueError, match="noisy must hold at least two samples"):
        noise.ESTIMATORS["differences"](NOISE[:, :1])


@pytest.fixture(scope="module")
def rows():
    return noise_levels.bias(n=100)


def test_every_estimator_is_tried_on_every_family(rows):
    tried = {(row["family"], row["sigma"], row["estimator"]) for row in rows}
    families = [*signals.FAMILIES, "ecg"]
    assert tried == {(f, s, e) for f in families for s in (1.0, 3.0) for e in noise.ESTIMATORS}
    for row in rows:
        assert row["bias"] == pytest.approx(row["found"] / row["sigma"] - 1)


@pytest.mark.parametrize(
    ("family", "name"),
    [("sparse_spikes", "edge"), ("pulses", "edge"), ("blocks", "differences")]
    + [("ecg", "differences")],
)
def test_the_one_recommended_is_the_best_or_near(rows, family, name):
    off = rows.where(family=family).pivot("sigma", "estimator", "bias")
    for found in off.values():
        assert abs(found[name]) < 0.06
        assert abs(found[name]) < min(abs(b) for b in found.values()) + 0.05
    assert off[1.0]["median"] > 0.2  # far too large


def test_of_sums_of_sinusoids_all_are_far_too_large(rows):
    assert min(rows.where(family="tones").column("bias")) > 1.5


def test_coloured_noise_deceives_differences_alone():
    """Neighbours are alike: a correlation of 0.8 leaves the root of 0.2 of the level."""
    rng = np.random.default_rng(0)
    steps = 0.6 * rng.standard_normal((300, 100))
    slow = np.empty_like(steps)
    slow[:, 0] = rng.standard_normal(300)
    for t in range(1, 100):
        slow[:, t] = 0.8 * slow[:, t - 1] + steps[:, t]
    found = {name: estimator(slow) for name, estimator in noise.ESTIMATORS.items()}
    assert found.pop("differences") == pytest.approx(0.2**0.5, rel=0.03)
    assert list(found.values()) == pytest.approx([1, 1, 1], rel=0.05)


def test_an_estimator_that_refuses_has_no_row():
    rows = noise_levels.bias(n=2, sigmas=[1e-9])
    assert "profile" not in rows.where(family="sparse_spikes").column("estimator")
    assert "differences" in rows.where(family="sparse_spikes").column("estimator")


@pytest.mark.parametrize("sigmas", [[0.0], -1.0, [], "loud"])
def test_sigmas_are_refused(sigmas):
    with pytest.raises((TypeError, ValueError), match="sigmas"):
        noise_levels.bias(n=2, sigmas=sigmas)
