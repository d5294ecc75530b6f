"""Are controls at least as large, told what they are told, and is the goal judged as written?"""

import numpy as np
import pytest

from denoiselib.experiments import controls, networks
from denoiselib.experiments.candidates import BLIND_LIMIT, LIMIT

FAMILIES = list(networks.SHAPES)


def size(row, family):
    setting = controls.recipe(row, family, 0.01)
    if row in controls.NETS:
        net = controls.NETS[row](**setting["shape"])
    else:
        net = networks.make(setting, 0)
    return sum(parameter.data.size for parameter in net.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_told_networks_are_the_smallest_that_are_not_smaller(family, monkeypatch):
    proposed = max(size(row, family) for row in controls.PROPOSED)
    told = {row: size(row, family) for row in controls.LARGER if row.startswith("told")}
    assert min(told.values()) >= proposed
    monkeypatch.setitem(controls.WIDTHS, family, controls.WIDTHS[family] - 1)
    assert size("told MAD", family) < proposed


@pytest.mark.parametrize("row", controls.ROWS)
def test_only_one_row_is_told_the_truth(row):
    setting = controls.recipe(row, "blocks", 0.01) | {"steps": 2}
    way = controls.ways(setting, 0)[""]
    noisy, *_ = networks.draw("blocks", 3.0, 4, 0)
    one, other = (way(noisy, np.full((4, 1), sigma)) for sigma in (1.0, 5.0))
    assert one.shape == noisy.shape
    assert np.array_equal(one, other) == (row != "told the truth")


def test_a_limit_is_that_of_its_row():
    setting = {"family": "blocks", "sigma": [1.0, 5.0]}
    noisy, clean, _, best = networks.draw_with_limit("blocks", (1.0, 5.0), 20, 0)
    assert controls.ways({"row": LIMIT} | setting, 0) == {"": None}
    blind = controls.ways({"row": BLIND_LIMIT} | setting, 0)[""](noisy, None)
    assert 0 < np.sqrt(np.mean((blind - best) ** 2)) < 0.5 * np.sqrt(np.mean((best - clean) ** 2))


def rows(seeds=12, **errors):
    """Return rows of one family: told networks at 2 but for some, the limit at 1."""
    made = []
    names = {**dict.fromkeys(controls.ROWS, 2.0), LIMIT: 1.0, BLIND_LIMIT: 1.2} | errors
    for row, error in names.items():
        for test in ("validation", "as trained"):
            place = {"family": "blocks", "row": row, "test": test}
            made += [place | {"seed": k, "rmse": error + k / 100} for k in range(seeds)]
    return made


def test_the_goal_is_judged_against_the_best_network_that_is_told_an_estimate():
    found = rows(**{"told all": 1.8, "told the truth": 1.1, "linear": 1.4, "rectified": 1.79})
    lines = {line["row"]: line for line in controls.shares(found)}
    assert {line["told"] for line in lines.values()} == {"told all"}
    assert lines["linear"]["share"] == pytest.approx(0.5)
    assert lines["linear"]["judged"] == "reached"
    assert lines["linear"]["p_holm"] == pytest.approx(4 * 2 / 2**12)
    assert lines["rectified"]["judged"] == "missed"
    assert lines[BLIND_LIMIT]["share"] == pytest.approx(0.75)
    assert lines[BLIND_LIMIT]["judged"] == ""


def test_what_is_near_the_goal_is_not_judged():
    made = rows()
    for row in made:
        if row["row"] == "linear":
            row["rmse"] = 1.7 + 0.01 * (-1) ** row["seed"] + row["seed"] / 100
    lines = {line["row"]: line for line in controls.shares(made)}
    assert lines["linear"]["judged"] == ""
    assert (lines["linear"]["above"], lines["linear"]["below"]) == (6, 6)


def test_rows_are_compared_with_linear_in_percent():
    lines = {line["row"]: line for line in controls.against(rows(**{"no norm": 2.2}))}
    assert lines["no norm"]["median"] == pytest.approx(100 * 0.2 / 2.055, rel=0.01)
    assert (lines["no norm"]["better"], lines["no norm"]["worse"]) == (0, 12)
    assert lines["told MAD"]["median"] == 0
    assert LIMIT not in lines


def test_the_report_prints_both_tables():
    text = controls.report(rows())
    assert text.startswith(controls.HYPOTHESIS)
    assert text.count("| blocks |") == len(controls.shares(rows())) + len(controls.ROWS) - 1
