"""Are the slides' changes compared with what they were changes of, in the right direction?"""

import numpy as np
import pytest

from denoiselib.experiments import improvements, networks

SEEDS = 12
MODES = ("fixed", "recalibrated", "batch 1", "batch 64")


def rows(**better):
    """Return rows of networks that are all alike, but for columns of 'all three'."""
    made = []
    for name in improvements.CHANGES:
        for mode in ["no batch norm"] if "no batch norm" in name else MODES:
            for seed in range(SEEDS):
                row = {"change": name, "mode": mode, "seed": seed, "rmse": 1.7 + seed / 100}
                row |= {"removed": 0.5, "wobble": 1.0, "errors": " ".join(["1"] * 200)}
                made.append(row | ({k: f(row) for k, f in better.items()} if name == ALL else {}))
    return made


ALL = "all three"


def errors(many):
    """Return errors of which so many are 6 % larger than 1."""
    return " ".join(["1.06"] * many + ["0.9"] * (200 - many))


BETTER = {
    "1 stuck": {"rmse": lambda row: 1.7 + row["seed"] / 100},
    "1 wobble": {"wobble": lambda row: 0.9},
    "2 error": {"rmse": lambda row: 1.6 + row["seed"] / 90},
    "3 noise removed": {"removed": lambda row: 0.6},
    "4 signals 5 % worse": {"errors": lambda row: errors(12)},
}


def found(lines):
    return {(x["change"], x["statement"]) for x in lines if x["holds"]}


@pytest.mark.parametrize("statement", [x for x in BETTER if x != "1 stuck"])
def test_a_statement_holds_where_every_seed_says_so(statement):
    told = improvements.comparisons(rows(**BETTER[statement]))
    held = {x for x in found(told) if not x[1].startswith("5")}
    assert held == {(ALL, statement)}
    line = next(x for x in told if (x["change"], x["statement"]) == (ALL, statement))
    assert line["p"] == pytest.approx(2 / 2**SEEDS)
    assert line["low"] <= line["median"] <= line["high"]


OTHER = {
    "1 wobble": {"wobble": lambda row: 1.1},
    "2 error": {"rmse": lambda row: 1.75 + row["seed"] / 90},
    "3 noise removed": {"removed": lambda row: 0.4},
    "4 signals 5 % worse": {"errors": lambda row: errors(0)},
}


@pytest.mark.parametrize("statement", OTHER)
def test_nothing_holds_where_it_is_the_other_way_round(statement):
    held = {x for x in found(improvements.comparisons(rows(**OTHER[statement]))) if x[1][0] != "5"}
    assert held == set()


def test_one_signal_in_two_hundred_is_not_some_cases():
    told = improvements.comparisons(rows(errors=lambda row: errors(1)))
    assert (ALL, "4 signals 5 % worse") not in found(told)


def test_stuck_trainings_are_compared_in_pairs():
    made = rows()
    for row in made:
        if row["change"] == "before" and row["mode"] == "fixed":
            row["rmse"] = 2.5
    line = next(x for x in improvements.comparisons(made) if x["statement"] == "1 stuck")
    assert (line["above"], line["below"], line["median"]) == (0, SEEDS, -1.0)
    assert line["holds"]


def test_batch_norm_matters_whichever_way_it_moves_the_error():
    for sign in (1, -1):
        made = rows()
        for row in made:
            row["rmse"] += sign * 0.01 * (row["mode"] == "batch 1")
        held = {x for x in found(improvements.comparisons(made)) if x[1][0] == "5"}
        assert held == {(f"{x}: no batch norm, batch 1", "5 error") for x in ("before", ALL)}


def test_the_report_says_what_was_expected():
    text = improvements.report(rows())
    assert text.startswith(improvements.HYPOTHESES)
    assert text.count("\n|") == len(improvements.comparisons(rows())) + 2


def test_a_network_that_has_settled_does_not_wobble():
    recipe = networks.SLIDES | {"steps": 1000, "signals": 70, "lr": 1e-3, "norm": "none"}
    net = networks.train(recipe | {"steps": 200}, seed=0)
    constant = improvements.wobble(net, recipe, seed=0)
    cosine = improvements.wobble(net, recipe | {"schedule": "cosine"}, seed=0)
    assert cosine < constant / 100
    assert np.array_equal(net.vector, networks.train(recipe | {"steps": 200}, seed=0).vector)


def test_worse_is_counted_signal_by_signal():
    setting = networks.SLIDES | {"steps": 300, "signals": 70, "lr": 1e-3}
    noisy, clean, _ = networks.draw("sparse_spikes", 3.0, 300, seed=0)
    expected, texts = [], []
    for change in ({}, {"steps": 200}):
        found = improvements.run_one(setting | change, seed=0, signals=300)
        net = networks.train(setting | change, 0)
        expected.append(np.sqrt(((net.denoise(noisy) - clean) ** 2).mean(axis=1)))
        assert found[0]["mode"] == "fixed"
        assert found[0]["rmse"] == pytest.approx(expected[-1].mean())
        texts.append(found[0]["errors"])
        stored = np.array(texts[-1].split(), float)
        assert stored == pytest.approx(expected[-1][: improvements.COMPARED], rel=1e-3)
    before, after = (errors[: improvements.COMPARED] for errors in expected)
    shares = np.mean(after > 1.05 * before), np.mean(after > before)
    assert shares[0] != shares[1]
    assert improvements.worse(texts[1], texts[0]) == pytest.approx(shares[0], abs=0.011)
    assert improvements.worse(texts[0], texts[0]) == 0
