"""Are two choices of rows compared seed by seed, and all pairs of a family corrected together?"""

import numpy as np
import pytest
from scipy import stats

from denoiselib.experiments import paired, tables
from denoiselib.experiments.table import Table

SHIFTS = {"base": 0.0, "better": -0.3, "as good": 0.0, "without one": -0.3}


@pytest.fixture
def rows(monkeypatch):
    """Ten seeds of four methods; seeds differ by more than methods do."""
    rng = np.random.default_rng(0)
    errors = {
        k: [seed + x + 0.1 * rng.standard_normal() for seed in range(10)] for k, x in SHIFTS.items()
    }
    errors["without one"][3] = None
    found = Table(
        {"method": method, "seed": seed, "rmse": x}
        for method, values in errors.items()
        for seed, x in enumerate(values)
    )
    monkeypatch.setattr(paired, "results", lambda study: found)
    return found


def pair(method, study="laws"):
    return paired.Pair(
        method, "all", {"study": study, "method": method}, {"study": "laws", "method": "base"}
    )


def test_pairs_are_of_the_same_seed_and_corrected_together(rows):
    lines = paired.compared([pair(method) for method in ("better", "as good")], "rmse")
    assert [line["seeds"] for line in lines] == [10, 10]
    assert lines[0]["diff"] == pytest.approx(-0.3, abs=0.1)
    assert lines[0]["low"] < lines[0]["diff"] < lines[0]["high"] < 0
    assert lines[0]["p"] == pytest.approx(2 / 2**10)
    assert [line["p_holm"] for line in lines] == tables.holm([line["p"] for line in lines])


def test_a_seed_without_a_value_is_left_out(rows):
    [line] = paired.compared([pair("without one")], "rmse")
    assert line["seeds"] == 9
    assert line["p"] == pytest.approx(2 / 2**9)


def test_a_study_with_signals_of_its_own_is_not_paired(rows):
    [line] = paired.compared([pair("better", study="structured")], "rmse")
    first, base = (rows.where(method=name).column("rmse") for name in ("better", "base"))
    assert line["p"] == stats.mannwhitneyu(first, base, method="exact").pvalue
    assert line["p"] > 0.5


@pytest.mark.parametrize("wanted", [{"method": "nobody"}, {}])
def test_a_choice_has_one_row_for_each_seed(rows, wanted):
    with pytest.raises(ValueError, match="one row for each seed"):
        paired.compared([pair("better")._replace(first={"study": "laws"} | wanted)], "rmse")


def test_five_seeds_are_too_few_for_the_sign_test():
    differences = [1.0, 1.1, 1.2, 1.3, 1.5]
    line, student = paired.by_seed(differences), tables.student(differences)
    assert line["p"] == student["p"] < 0.001
    assert line["high"] - line["diff"] == pytest.approx(student["diff_half"])
    assert paired.by_seed([*differences, 1.6])["p"] == pytest.approx(2 / 2**6)


@pytest.mark.parametrize(("n", "m"), [(10, 10), (6, 9), (12, 5)])
def test_the_interval_holds_the_shifts_that_the_ranks_do_not_refute(n, m):
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal(n) + 1, rng.standard_normal(m)
    line = paired.apart(a.tolist(), b.tolist())
    for end, outside in (("low", -1), ("high", 1)):
        for step, refuted in ((1e-9, True), (-1e-9, False)):
            shifted = a - line[end] - outside * step
            p = stats.mannwhitneyu(shifted, b, method="exact").pvalue
            assert (p <= 0.05) == refuted


def test_few_values_apart_have_no_interval():
    assert paired.apart([1.0, 2.0], [3.0, 4.0])["high"] == np.inf


def test_a_cell_without_a_pair_is_empty():
    lines = [
        {"line": x, "column": y, "diff": 1.0, "low": -1.0, "high": 2.0, "p_holm": p}
        for x, y, p in [("a", "left", 1e-5), ("b", "right", 0.5)]
    ]
    question, head, first, second = paired.text("Better?", lines, decimals=1).splitlines()
    assert question == "Better? (2 comparisons)"
    assert head.split() == ["left", "right"]
    assert first == "a  +1.0 (-1.0, +2.0) p < .001"
    assert second.endswith("   +1.0 (-1.0, +2.0) p 0.500")
    assert len(second) == len(head)
