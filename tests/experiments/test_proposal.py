from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from denoiselib import bayes, metrics, nn
from denoiselib.experiments import candidates, networks, proposal, store, verdict

NAMES = candidates.VARIANTS
SMALL = {"steps": 3, "batch": 4}
RESULTS = Path(__file__).parents[2] / "data" / "results"


def by_test(rows):
    return {row["test"]: row["rmse"] for row in rows}


@pytest.mark.parametrize("family", networks.SHAPES)
def test_every_row_is_a_network_of_its_own(family):
    recipes = [proposal.recipe(name, family) for name in NAMES]
    nets = [networks.make(recipe, 0) for recipe in recipes]
    reach = {net.layers.children().__next__()[1].weight.shape[-1] for net in nets}
    assert reach == {networks.SHAPES[family].get("kernel", 3)}
    assert len({str({**recipe, "row": ""}) for recipe in recipes}) == len(NAMES)


def test_the_wide_control_is_as_large_as_the_largest_candidate():
    sizes = {
        name: sum(
            p.data.size for p in networks.make(proposal.recipe(name, "blocks"), 0).parameters()
        )
        for name in NAMES
    }
    largest = max(sizes[name] for name in candidates.CANDIDATES)
    assert largest <= sizes["batch norm, wide"] < 1.5 * largest
    assert sizes["batch norm"] < sizes["batch norm, wide"]


def test_a_row_is_measured_where_it_was_trained_and_elsewhere():
    recipe = proposal.recipe("batch norm", "blocks", **SMALL)
    net = networks.train(recipe, 2)
    rows = by_test(proposal.run_one(recipe, 2, 30))
    errors = []
    for sigma in networks.SIGMAS:
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


@pytest.mark.parametrize("level", ["mad", "difference", "mean", "given"])
@pytest.mark.parametrize("signals", [None, 10])
def test_a_level_reaches_the_network(level, signals):
    recipe = proposal.recipe("batch norm", "pulses", level=level, signals=signals, **SMALL)
    noisy, clean = networks.data(recipe, 0)(0)
    assert noisy.shape == ((4, 100) if level == "mad" else (4, 2, 100))
    if level != "mad":
        signal, said = noisy[:, 0], noisy[:, 1, :1]
        true = np.std(signal - clean, axis=1, keepdims=True)
        expected = networks.with_level(recipe, signal, true)[:, 1, :1]
        if level == "mean":
            np.testing.assert_allclose(said, np.abs(signal).mean(axis=1, keepdims=True), rtol=1e-6)
        elif level == "difference":
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
    ranked = verdict.ranking([*rows, limit], control="c")
    assert list(ranked) == ["b", "a", "c"]
    assert [lr for lr, _ in ranked.values()] == [0.01, 0.03, 0.01]
    parts = [part for _, part in ranked.values()]
    assert parts == pytest.approx([(0 / 3 + 2 / 5) / 2, (1 / 3 + 3 / 5) / 2, 1])


def test_what_goes_on_is_what_the_stored_screening_says():
    rows = store.Store(RESULTS, "proposal-screen").rows()
    ranked = verdict.ranking(rows)
    best = [name for name in ranked if name in candidates.CANDIDATES][:6]
    assert best == list(proposal.FINALISTS)
    assert {name: ranked[name][0] for name in proposal.CHOSEN} == proposal.CHOSEN
    assert set(proposal.CHOSEN) == {*best, *proposal.CONTROLS}


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
    far, near, worse = verdict.closed(rows)
    assert far["share"] == pytest.approx(0.5, abs=0.01)
    assert (far["diff"] < 0, far["p"]) == (True, 2 / 2**12)
    assert near["p"] > 0.01
    for line in (far, near, worse):
        assert line["low"] < line["share"] < line["high"] < line["low"] + 0.1
    assert (far["low"] > 0.3, near["low"] > 0.3) == (True, False)
    assert worse["share"] == pytest.approx(-0.1, abs=0.01)
    assert worse["diff"] > worse["diff_half"] > 0
    nearer = np.array([row["rmse"] for row in rows if row["row"] == "far"])
    for end in (far["low"], far["high"]):  # what Student's t just does not refute
        missing = base - nearer - end * (base - limit)
        assert stats.ttest_1samp(missing, 0).pvalue == pytest.approx(0.05)
    doubled = verdict.closed([row | {"rmse": 2 * row["rmse"]} for row in rows])
    for line, twice in zip((far, near, worse), doubled, strict=True):
        assert twice["diff_half"] == pytest.approx(2 * line["diff_half"])
        for bound in ("share", "low", "high"):
            assert twice[bound] == pytest.approx(line[bound])
    assert far["diff"] == pytest.approx(
        0.3 * np.mean(base - limit) - 0.5 * np.mean(base - limit), 0.1
    )


def studied(effects, seeds=12):
    """Rows of a study: each finalist's error is the control's, less an effect of its family."""
    rng = np.random.default_rng(0)
    rows = []
    for family, effect in effects.items():
        for training in ("any level", "level 3"):
            for seed in range(seeds):
                place = {"family": family, "training": training, "seed": seed, "test": "as trained"}
                error = dict.fromkeys(verdict.TOLD, 2.0) | {"limit": 1.0, "batch norm": 3.0}
                for name in proposal.FINALISTS:
                    error[name] = 2.0 - (effect if training == "any level" else -2)
                noise = rng.normal(scale=0.01, size=len(error))
                rows += [
                    place | {"row": name, "rmse": rmse + e}
                    for (name, rmse), e in zip(error.items(), noise, strict=True)
                ]
                rows.append(place | {"row": "limit", "rmse": 0.0, "test": "elsewhere"})
                worse = {"batch norm": 2.0, "representative": 2.5}
                rows += [
                    place | {"row": name, "rmse": rmse, "test": "elsewhere"}
                    for name, rmse in worse.items()
                ]
    return rows


ONE = [verdict.CONTROL]


def test_the_goal_is_judged_on_each_family_and_corrected_for_all():
    (line, *_) = verdict.goals(studied({"spikes": 0.5}, seeds=3), ONE)
    assert (line["share"] > 0.4, line["judged"]) == (True, "open")  # three seeds prove nothing
    lines = verdict.goals(studied({"spikes": 0.5, "blocks": 0.1}), ONE)
    assert [line["family"] for line in lines] == ["spikes"] * 6 + ["blocks"] * 6
    for line in lines:
        assert line["share"] == pytest.approx(0.5 if line["family"] == "spikes" else 0.1, abs=0.02)
        assert line["judged"] == ("reached" if line["family"] == "spikes" else "missed")
        assert (line["p"], line["p_holm"]) == (2 / 2**12, 12 * 2 / 2**12)


def test_the_goal_depends_on_what_the_control_is_told():
    rows = studied({"spikes": 0.5})
    better = verdict.TOLD[1]
    rows = [row | {"rmse": row["rmse"] - 0.4 * (row["row"] == better)} for row in rows]
    for line in verdict.goals(rows, [better]):  # from 1.6 to 1.5, of the way to 1
        assert line["share"] == pytest.approx(1 / 6, abs=0.02)
    lines = verdict.goals(rows)
    assert [line["told"] for line in lines] == [told for told in verdict.TOLD for _ in range(6)]
    assert min(line["p_holm"] for line in lines) == pytest.approx(18 * 2 / 2**12)


def test_what_is_worse_elsewhere_is_seen_there():
    (line, _) = verdict.against(studied({"spikes": 0.5}), test="elsewhere")
    assert (line["row"], line["diff"]) == ("representative", pytest.approx(25))


def test_the_screening_reports_its_order():
    rows = screened(**{"level as input: MAD": (3.0, 2.0), "b": (1.0, 5.0)})
    limit = {"row": "limit", "lr": None, "seed": 0, "test": "validation", "gap": 0.0}
    rows += [limit | {"family": family} for family in ("spikes", "blocks")]
    *_, first, second = proposal.SCREEN.report(rows).splitlines()
    assert first == "| 1 | b | 0.01 | 0.33 | 0.00 | 2.00 |"
    assert second.startswith("| 2 | level as input: MAD | 0.03 | 1.00 |")


def test_all_rows_are_compared_with_batch_norm():
    lines = verdict.against(studied({"spikes": 0.5}))
    names = {*proposal.FINALISTS, *verdict.TOLD}
    assert [line["training"] for line in lines] == ["any level"] * 9 + ["level 3"] * 9
    for lines_of_one in (lines[:9], lines[9:]):
        assert {line["row"] for line in lines_of_one} == names
    for line in lines:
        expected = -50 if line["training"] == "any level" else 100 / 3
        if line["row"] in verdict.TOLD:
            expected = -100 / 3
        assert line["diff"] == pytest.approx(expected, abs=1)
        assert line["diff_half"] > 0
        assert line["p_holm"] == pytest.approx(9 * line["p"])


def test_the_study_is_fresh_and_has_all_controls_in_every_table():
    recipe = proposal.recipe("batch norm", "blocks", **SMALL)
    rows = proposal.run_one(recipe, 1003, 20)
    assert proposal.STUDY.run_one(recipe, 3, 20) == proposal.UNET.run_one(recipe, 3, 20) == rows
    assert proposal.STUCK.run_one(recipe, 3, 20) == [rows[6]]
    assert rows[6]["test"] == "as trained"
    tables = {}
    for setting in proposal.STUDY.settings:
        tables.setdefault((setting["family"], setting["training"]), set()).add(setting["row"])
    assert len(tables) == 9
    for names in tables.values():
        assert names - {"limit, level unknown"} == {*proposal.CHOSEN, "limit"}


def test_validation_chooses_the_rates_of_the_unet():
    rows = [
        {"family": family, "row": name, "lr": lr, "seed": seed, "test": test, "rmse": rmse}
        for family, name, rates in [
            ("spikes", "a", {0.01: 3.0, 0.03: 2.0}),
            ("blocks", "a", {0.01: 1.0, 0.03: 2.0}),
            ("blocks", "limit", {None: 0.5}),
        ]
        for lr, mean in rates.items()
        for seed in range(2)
        for test, rmse in (("validation", mean + seed), ("as trained", 9 - mean))
    ]
    kept = {(row["family"], row["row"], row["lr"]) for row in verdict.tuned(rows)}
    assert kept == {("spikes", "a", 0.03), ("blocks", "a", 0.01), ("blocks", "limit", None)}
