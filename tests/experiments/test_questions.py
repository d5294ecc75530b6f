"""Does each question have the rows it needs, and can its seeds decide it after correction?"""

import pytest

from denoiselib.experiments import intervals, paired, questions, results

each = pytest.mark.parametrize("name", questions.QUESTIONS)


@each
def test_all_seeds_are_compared(name):
    _, value, pairs = questions.QUESTIONS[name]
    studies = {choice["study"] for pair in pairs for choice in pair[2:]}
    seeds = 5 if studies == {"heart"} else 10
    for pair, line in zip(pairs, paired.compared(pairs, value), strict=True):
        # in one draw a synthetic signal has no burst, and nothing to gain
        missing = pair.column == "synthetic" and pair.line.startswith("bursts")
        assert line["seeds"] == seeds - missing


@each
def test_no_comparison_is_made_twice(name):
    pairs = questions.QUESTIONS[name].pairs
    assert all(pair.first != pair.second for pair in pairs)
    assert len({(pair.line, pair.column) for pair in pairs}) == len(pairs)
    choices = [frozenset(map(str, pair[2:])) for pair in pairs]
    assert len(set(choices)) == len(choices)


@each
def test_a_sign_test_of_ten_seeds_can_be_sure_after_correction(name):
    pairs = questions.QUESTIONS[name].pairs
    if "heart" not in {pair.first["study"] for pair in pairs}:
        assert len(pairs) * 2 / 2**10 < intervals.SIGNIFICANCE


def test_studies_that_are_paired_have_the_same_test_signals():
    limits = {}
    for study, where in (("unsupervised", {"purpose": "test"}), ("laws", {}), ("structured", {})):
        rows = results(study).where(method="limit", **where)
        limits[study] = {(row["family"], row["seed"]): row["rmse"] for row in rows}
    first, second, third = limits.values()
    assert len(first) == 30
    assert {place: second[place] for place in first} == pytest.approx(first)
    assert third["blocks", 0] != pytest.approx(first["blocks", 0], rel=1e-4)


def test_an_unknown_question_has_no_answer():
    with pytest.raises(ValueError, match="names must be"):
        questions.text("clean", "why")
