"""The verbs of a table, against loops written out, and stored results by name."""

import itertools
import math

import numpy as np
import pytest

from denoiselib.experiments.store import Store
from denoiselib.experiments.table import Table, results

RNG = np.random.default_rng(0)
ROWS = Table(
    {"family": f, "method": m, "lr": lr, "seed": seed, "rmse": float(RNG.uniform(1, 2))}
    for f, m, lr, seed in itertools.product("xyz", "ab", (0.1, 0.2, 0.3), range(4))
)


def test_where_keeps_rows_with_one_value_or_one_of_several():
    found = ROWS.where(family="x", lr=(0.1, 0.3))
    assert found == [r for r in ROWS if r["family"] == "x" and r["lr"] != 0.2]
    assert ROWS.where(family="nowhere") == []
    assert ROWS.where(family={"x": 1, "y": 2}) == [r for r in ROWS if r["family"] != "z"]


def test_a_column_that_is_not_there_is_an_error():
    for ask in (lambda: ROWS.where(colour=1), lambda: ROWS.by("colour"), lambda: ROWS.mean("c")):
        with pytest.raises(KeyError):
            ask()


def test_no_rows_have_no_mean():
    with pytest.raises(ValueError, match="there are no rows, and no mean of 'rmse'"):
        ROWS.where(family="nowhere").mean("rmse")


def test_by_loses_no_row_and_mixes_none():
    groups = ROWS.by("family", "lr")
    assert sum(map(len, groups.values())) == len(ROWS)
    for (family, lr), group in groups.items():
        assert group == ROWS.where(family=family, lr=lr)
    assert list(ROWS.by("method")) == ["a", "b"]


def test_pivot_is_two_loops():
    found = ROWS.pivot("method", ("family", "lr"), "rmse")
    for method, family, lr in itertools.product("ab", "xyz", (0.1, 0.2, 0.3)):
        values = [
            r["rmse"] for r in ROWS if (r["method"], r["family"], r["lr"]) == (method, family, lr)
        ]
        assert found[method][family, lr] == pytest.approx(math.fsum(values) / 4, rel=1e-12)
    assert ROWS.pivot("method", "family", "rmse", len)["a"]["x"] == 12
    largest = ROWS.pivot("family", "method", "rmse", max)["y"]["b"]
    assert largest == max(r["rmse"] for r in ROWS if r["family"] == "y" and r["method"] == "b")


def test_best_chooses_in_each_group_what_its_rows_say_or_others():
    judged = Table(r for r in ROWS if r["seed"] < 2)
    for rows in (None, judged):
        best = ROWS.best("lr", by=("family", "method"), value="rmse", judged=rows)
        for family, method in itertools.product("xyz", "ab"):
            means = {
                lr: np.mean(
                    [
                        r["rmse"]
                        for r in (rows or ROWS)
                        if (r["family"], r["method"], r["lr"]) == (family, method, lr)
                    ]
                )
                for lr in (0.1, 0.2, 0.3)
            }
            kept = best.where(family=family, method=method)
            assert {r["lr"] for r in kept} == {min(means, key=means.get)}
            assert len(kept) == 4
    assert ROWS.best("lr", "family", "rmse", judged=ROWS.where(family="x")) == [
        r for r in ROWS.best("lr", "family", "rmse") if r["family"] == "x"
    ]


def test_relative_makes_the_control_one():
    control = ROWS.where(method="a")
    found = ROWS.relative("rmse", to=control, within="family")
    for family, group in found.where(method="a").by("family").items():
        assert group.mean("rmse") == pytest.approx(1)
        ratio = ROWS.where(family=family, method="b").mean("rmse") / control.where(
            family=family
        ).mean("rmse")
        assert found.where(family=family, method="b").mean("rmse") == pytest.approx(ratio)
    assert ROWS[0]["rmse"] != found[0]["rmse"]


def test_results_are_those_of_the_store_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = results("prior")
    assert rows == Store(results.__globals__["_files"].data("results"), "prior").rows()
    with pytest.raises(ValueError, match=r"name must be one of .*'claims'.*, not 'prio'"):
        results("prio")
