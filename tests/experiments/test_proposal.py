import numpy as np
import pytest

from denoiselib import bayes, metrics, nn
from denoiselib.experiments import networks, proposal
from denoiselib.experiments.proposal import measure
from denoiselib.experiments.proposal.candidates import SHAPES

NAMES = proposal.CONTROLS | proposal.CANDIDATES
SMALL = {"steps": 3, "batch": 4}


def by_test(rows):
    return {row["test"]: row["rmse"] for row in rows}


@pytest.mark.parametrize("family", SHAPES)
def test_every_row_is_a_network_of_its_own(family):
    recipes = [proposal.recipe(name, family) for name in NAMES]
    nets = [networks.make(recipe, 0) for recipe in recipes]
    reach = {net.layers.children().__next__()[1].weight.shape[-1] for net in nets}
    assert reach == {SHAPES[family].get("kernel", 3)}
    assert len({str({**recipe, "row": ""}) for recipe in recipes}) == len(NAMES)


def test_the_wide_control_is_as_large_as_the_largest_candidate():
    sizes = {
        name: sum(
            p.data.size for p in networks.make(proposal.recipe(name, "blocks"), 0).parameters()
        )
        for name in NAMES
    }
    largest = max(sizes[name] for name in proposal.CANDIDATES)
    assert largest <= sizes["batch norm, wide"] < 1.5 * largest
    assert sizes["batch norm"] < sizes["batch norm, wide"]


def test_a_row_is_measured_where_it_was_trained_and_elsewhere():
    recipe = proposal.recipe("batch norm", "blocks", **SMALL)
    net = networks.train(recipe, 2)
    rows = by_test(proposal.run_one(recipe, 2, 30))
    errors = []
    for sigma in measure.LEVELS:
        noisy, clean, _ = networks.draw("blocks", sigma, 30, 2)
        errors.append(metrics.rmse(net.denoise(noisy), clean).mean())
        assert rows[f"{sigma:g}"] == pytest.approx(errors[-1])
    assert rows["as trained"] == pytest.approx(np.mean(errors[:5]))
    assert rows["elsewhere"] == pytest.approx(errors[5])
    noisy, clean, _ = networks.draw("blocks", [1.0, 5.0], 500, 2, "validation")
    assert rows["validation"] == pytest.approx(metrics.rmse(net.denoise(noisy), clean).mean())


def test_the_limits():
    setting = {"row": "limit", "family": "sparse_spikes", "sigma": [1.0, 5.0]}
    known = proposal.run_one(setting, 0, 200)
    unknown = by_test(proposal.run_one(setting | {"row": "limit, level unknown"}, 0, 200))
    assert [row["gap"] for row in known] == [0] * 9
    assert 1 < unknown["as trained"] / by_test(known)["as trained"] < 1.01
    noisy, clean, _ = networks.draw("sparse_spikes", 4.0, 200, 0)
    told = bayes.sparse_spikes_posterior_mean(noisy, 4.0)
    assert by_test(known)["4"] == pytest.approx(metrics.rmse(told, clean).mean())


@pytest.mark.parametrize("level", ["mad", "difference", "given"])
@pytest.mark.parametrize("signals", [None, 10])
def test_a_level_reaches_the_network(level, signals):
    recipe = proposal.recipe("batch norm", "pulses", level=level, signals=signals, **SMALL)
    noisy, clean = networks.data(recipe, 0)(0)
    assert noisy.shape == ((4, 100) if level == "mad" else (4, 2, 100))
    if level != "mad":
        signal, said = noisy[:, 0], noisy[:, 1, :1]
        true = np.std(signal - clean, axis=1, keepdims=True)
        expected = networks.with_level(recipe, signal, true)[:, 1, :1]
        if level == "difference":
            np.testing.assert_allclose(said, expected, rtol=1e-6)
        else:  # as far as a hundred samples tell
            assert np.median(np.abs(said / expected - 1)) < 0.1
        assert np.ptp(noisy[:, 1], axis=1).max() == 0
    net = networks.train(recipe, 0)
    assert net.level == ("mad" if level == "mad" else "given")


def test_a_penalty_is_part_of_the_loss():
    base = networks.BASE | {"net": "plain", **SMALL}
    nets = [
        networks.train(base | {"penalty": penalty}, 0)
        for penalty in (None, {"weight": 0.0}, {"weight": 1.0})
    ]
    same = [np.array_equal(net.vector, nets[0].vector) for net in nets]
    assert same == [True, True, False]


def test_bias_free_adds_nothing_anywhere():
    net = networks.train(proposal.recipe("bias-free", "blocks", **SMALL), 0)
    assert isinstance(net, nn.PlainNet)
    noisy = np.random.default_rng(0).standard_normal((3, 100)).astype(np.float32)
    np.testing.assert_allclose(net.denoise(4 * noisy), 4 * net.denoise(noisy), rtol=1e-4, atol=1e-6)


def screened(**gaps):
    """Rows of a screening: for each row the gaps of its two learning rates, on two families."""
    return [
        {
            "row": name,
            "lr": lr,
            "family": family,
            "seed": seed,
            "test": test,
            "gap": sign * gap + shift,
        }
        for name, pair in gaps.items()
        for lr, gap in zip((0.01, 0.03), pair, strict=True)
        for family, shift in (("spikes", -1), ("blocks", 1))
        for seed in range(2)
        for test, sign in (("validation", 1), ("as trained", -1))
    ]


def test_validation_chooses_learning_rates_and_the_order():
    rows = screened(a=(3.0, 2.0), b=(1.0, 5.0), c=(4.0, 4.5))
    limit = {"row": "limit", "lr": None, "seed": 0, "test": "validation", "gap": 0.0}
    assert proposal.ranking([*rows, limit]) == {
        "b": (0.01, 1.0),
        "a": (0.03, 2.0),
        "c": (0.01, 4.0),
    }


def test_a_goal_is_reached_with_its_share_and_not_below():
    noise = np.random.default_rng(0).normal(size=(4, 12)) / 100
    base, limit = 2 + noise[0], 1 + noise[1]
    rows = [
        {"row": name, "seed": seed, "rmse": rmse}
        for name, errors in {
            "level as input: MAD": base,
            "limit": limit,
            "far": base - 0.5 * (base - limit) + noise[2] / 10,
            "near": base - 0.31 * (base - limit) + noise[3],
            "worse": base + 0.1,
        }.items()
        for seed, rmse in enumerate(errors)
    ]
    far, near, worse = proposal.closed(rows)
    assert far["share"] == pytest.approx(0.5, abs=0.01)
    assert (far["diff"] < 0, far["p"]) == (True, 2 / 2**12)
    assert near["p"] > 0.01
    assert worse["share"] == pytest.approx(-0.1, abs=0.01)
    assert worse["diff_low"] > 0
    assert far["diff"] == pytest.approx(
        0.3 * np.mean(base - limit) - 0.5 * np.mean(base - limit), 0.1
    )
