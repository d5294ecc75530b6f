"""Are the ways compared that the hypotheses name, on the tests that they name?"""

import numpy as np
import pytest

from denoiselib.experiments import mixed_levels

WAYS = ("fixed", "recalibrated", "alone", "batch 64", "share 0.25", "share 0.5", "share 0.75")
WAYS += tuple(f"{kind}, {n} steps" for kind in ("gains", "estimated gains") for n in (10, 50))


def rows(seeds=12, **errors):
    """Return rows whose errors are 1 but for some ways, at mixed levels and in validation."""
    made = []
    for family in ("blocks", "pulses", "sparse_spikes"):
        for batch in mixed_levels.BATCHES:
            for test in ("3", "mixed", "validation"):
                for way in WAYS if batch == 16 else WAYS[:4]:
                    error = errors.get(f"{way}, {test}", errors.get(f"{batch}, {way}", 1.0))
                    row = {"family": family, "batch": batch, "test": test, "way": way, "gap": 0.0}
                    made += [row | {"seed": k, "rmse": error + k / 100} for k in range(seeds)]
    return made


def holds(made):
    return {
        (line["statement"], line["way"], line["against"])
        for line in mixed_levels.comparisons(made)
        if line["holds"]
    }


NOTHING = {("3", "batch 64", "fixed")}  # holds unless a batch helps


def test_nothing_holds_where_all_are_alike():
    assert holds(rows()) == NOTHING


def test_a_statement_holds_where_its_way_is_better():
    better = {"gains, 50 steps, mixed": 0.8, "gains, 50 steps, validation": 0.8}
    assert holds(rows(**better)) == {*NOTHING, ("1", "gains", "alone")}
    worse = {"gains, 10 steps, mixed": 0.8}  # which validation does not choose
    assert holds(rows(**worse, **{"gains, 10 steps, validation": 1.2})) == NOTHING
    half = {"share 0.5, mixed": 0.9, "share 0.5, validation": 0.9}
    expected = {("2", "between", "fixed"), ("2", "between", "alone")}
    assert holds(rows(**half)) == NOTHING | expected
    assert holds(rows(**{"batch 64, mixed": 0.9})) == set()
    assert holds(rows(**{"batch 64, mixed": 1.1})) == NOTHING
    small = {"1, fixed": 1.2, "4, fixed": 0.9}
    assert holds(rows(**small)) == {*NOTHING, ("4", 1, 64)}


def test_the_report_says_what_was_chosen():
    text = mixed_levels.report(rows(**{"share 0.75, validation": 0.9}))
    assert text.startswith(mixed_levels.HYPOTHESES)
    assert "| blocks | between | share 0.75 |" in text


def test_a_level_that_is_estimated_needs_no_true_one():
    noisy = np.random.default_rng(0).normal(0, 3, (4, 100))
    seen = []
    mixed_levels._estimated(lambda y, sigma: seen.append(sigma), noisy, None)
    assert seen[0].shape == (4, 1)
    assert seen[0].mean() == pytest.approx(3, rel=0.2)


def test_tests_have_one_level_or_all():
    tests = mixed_levels.levels({})
    assert [says["test"] for says, *_ in tests[-2:]] == ["mixed", "validation"]
    assert [sigma for _, sigma, purpose in tests if purpose == "test"][:6] == [1, 2, 3, 4, 5, 6]
    assert tests[-1][1:] == ((1.0, 6.0), "validation")
