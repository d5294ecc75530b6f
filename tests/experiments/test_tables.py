import csv
import io
import itertools

import numpy as np
import pytest
from scipy import stats

from denoiselib.experiments import PROTOCOLS, tables

RNG = np.random.default_rng(0)
VALUES = {name: RNG.normal(mean, 0.3, 6) for name, mean in [("a", 2), ("b", 1.5), ("limit", 1)]}
ROWS = [
    {"net": net, "seed": seed, "rmse": float(value)}
    for net, values in VALUES.items()
    for seed, value in enumerate(values)
]


def by_net(rows=ROWS, **options):
    return {line["net"]: line for line in tables.summary(rows, ["net"], **options)}


def test_mean_interval_and_median():
    for net, line in by_net().items():
        x = VALUES[net]
        low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
        assert line["mean"] == pytest.approx(x.mean())
        assert (line["mean"] - line["half"], line["mean"] + line["half"]) == pytest.approx(
            (low, high)
        )
        assert line["median"] == pytest.approx(np.median(x))
        assert line["seeds"] == 6
        assert "stuck" not in line
        assert "diff" not in line


def test_differences_are_paired_by_seed():
    lines = by_net(ROWS[::-1], reference={"net": "b"})
    p = {}
    for net in ("a", "limit"):
        test = stats.ttest_rel(VALUES[net], VALUES["b"])
        low, high = test.confidence_interval()
        p[net] = test.pvalue
        assert lines[net]["diff"] == pytest.approx((low + high) / 2)
        assert lines[net]["diff_half"] == pytest.approx((high - low) / 2)
        assert lines[net]["p"] == pytest.approx(p[net])
    small, large = sorted(p, key=p.get)
    assert lines[small]["p_holm"] == pytest.approx(2 * p[small])
    assert lines[large]["p_holm"] == pytest.approx(max(p[large], 2 * p[small]))
    assert lines["b"]["diff"] is lines["b"]["p"] is lines["b"]["p_holm"] is None


def test_only_shared_seeds_are_compared():
    rows = [row for row in ROWS if row["net"] != "a" or row["seed"] > 1]
    line = by_net(rows, reference={"net": "b"})["a"]
    assert line["p"] == pytest.approx(stats.ttest_rel(VALUES["a"][2:], VALUES["b"][2:]).pvalue)


def test_the_reference_is_sought_where_the_other_columns_agree():
    rows = [row | {"sigma": s, "rmse": row["rmse"] * s} for row in ROWS for s in (1.0, 3.0)]
    lines = tables.summary(rows, ["sigma", "net"], reference={"net": "b"})
    for line in lines:
        if line["net"] == "a":
            assert line["diff"] == pytest.approx(line["sigma"] * np.mean(VALUES["a"] - VALUES["b"]))


def test_holm_by_hand():
    assert tables.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert tables.holm([0.6, 0.5]) == [1.0, 1.0]
    assert tables.holm([]) == []


def test_equal_values_give_no_nan():
    rows = [
        {"net": net, "seed": seed, "rmse": value + seed}
        for net, value in [("a", 1), ("b", 1), ("c", 2)]
        for seed in range(3)
    ]
    lines = by_net(rows, reference={"net": "a"})
    assert (lines["b"]["diff"], lines["b"]["p"]) == (0, 1)
    assert (lines["c"]["diff"], lines["c"]["p"]) == (1, 0)


def test_permutations_try_all_signs():
    for net in ("a", "limit"):
        d = VALUES[net] - VALUES["b"]
        means = [np.mean(d * signs) for signs in itertools.product((-1, 1), repeat=6)]
        as_large = np.mean(np.abs(means) >= abs(d.mean()) - 1e-12)
        line = tables.permuted(d.tolist())
        assert line["p"] == pytest.approx(as_large)
        assert line["diff"] == pytest.approx(d.mean())
        assert line["diff_half"] == tables.student(d.tolist())["diff_half"] > 0
    assert tables.permuted([1.0]) == {"diff": 1.0, "diff_half": None, "p": None}


def test_permutations_of_equal_values_give_no_nan():
    assert tables.permuted([0.0, 0.0, 0.0]) == {"diff": 0, "diff_half": 0, "p": 1}


def percentiles(x):
    """Ends of a percentile bootstrap interval of the mean."""
    drawn = np.random.default_rng(0).integers(len(x), size=(1000, len(x)))
    return np.quantile(x[drawn].mean(axis=1), [0.025, 0.975])


def student(x):
    """Ends of the interval that tables print."""
    line = tables.student(x.tolist())
    return line["diff"] - line["diff_half"], line["diff"] + line["diff_half"]


@pytest.mark.parametrize("seeds", [5, 10, 12])
@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_an_interval_covers_the_mean_as_often_as_it_says(seeds, kind):
    rng = np.random.default_rng(seeds)
    x = rng.normal(4, 2, (2000, seeds)) if kind == "normal" else rng.gamma(4, size=(2000, seeds))
    coverage = {}
    for interval in (student, percentiles):
        ends = np.array([interval(values) for values in x])
        coverage[interval] = np.mean((ends[:, 0] < 4) & (ends[:, 1] > 4))
    assert coverage[student] > 0.93
    assert coverage[student] < 0.965
    assert coverage[percentiles] < 0.92  # what the bootstrap calls 95 % is not


def test_a_single_seed_has_no_interval():
    line = by_net([ROWS[0], ROWS[6]], reference={"net": "b"})["a"]
    assert line["half"] is line["diff_half"] is line["p"] is line["p_holm"] is None
    assert line["diff"] == pytest.approx(VALUES["a"][0] - VALUES["b"][0])


def test_stuck_seeds_are_counted():
    rows = [*ROWS[:3], ROWS[3] | {"rmse": 3.0}, ROWS[4] | {"rmse": None}]
    line = by_net(rows, stuck=lambda row: row["rmse"] is not None and row["rmse"] > 2.9)["a"]
    assert (line["stuck"], line["seeds"]) == (2 / 5, 5)
    assert line["others"] == pytest.approx(np.mean(VALUES["a"][:3]))
    assert line["stuck_low"] == pytest.approx(stats.beta.ppf(0.025, 2, 4))  # Clopper and Pearson
    assert line["stuck_high"] == pytest.approx(stats.beta.ppf(0.975, 3, 3))
    assert np.isnan(line["low"])  # five seeds are too few
    assert by_net(rows)["a"]["stuck"] == 1 / 5
    assert by_net(rows)["a"]["mean"] == pytest.approx(np.mean([*VALUES["a"][:3], 3.0]))
    assert by_net(ROWS, stuck=lambda row: False)["a"]["stuck"] == 0


def test_a_stuck_seed_moves_neither_the_median_nor_its_interval():
    errors = [1.60, 1.61, 1.62, 1.63, 1.64, 1.65, 1.66, 1.67, 1.68]
    for last in (1.69, 60.0, None):
        rows = [{"net": "a", "seed": s, "rmse": x} for s, x in enumerate([*errors, last])]
        line = by_net(rows, stuck=lambda row: row["rmse"] is not None and row["rmse"] > 2)["a"]
        middle = 1.645 if last else 1.64
        assert (line["median"], line["low"]) == (pytest.approx(middle), 1.61)
        assert line["high"] == (1.68 if last else 1.67)
        assert line["others"] < 1.65


def test_order_is_by_column_with_the_limit_last():
    keys = [(s, n) for s in (10, 2.0, None) for n in ("limit", "z", "a")]
    rows = [{"sigma": s, "net": n, "seed": 0, "rmse": 1.0} for s, n in keys]
    lines = tables.summary(rows, ["sigma", "net"], last={"net": "limit"})
    expected = [(s, n) for s in (2.0, 10, None) for n in ("a", "z", "limit")]
    assert [(line["sigma"], line["net"]) for line in lines] == expected
    assert lines == tables.summary(rows[::-1], ["sigma", "net"], last={"net": "limit"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": []}, "by must tell rows apart, but seed 0 has two"),
        ({"by": ["net", "sigma"]}, "a row has no sigma"),
        ({"by": ["net"], "value": "psnr"}, "a row has no psnr"),
        ({"by": ["net"], "reference": {"net": "c"}}, "is no line of the table"),
        ({"by": ["net"], "reference": {"sigma": 1}}, "reference must name columns of by"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tables.summary(ROWS, **options)


def test_csv_keeps_all_digits():
    lines = tables.summary(ROWS, ["net"], reference={"net": "b"})
    read = list(csv.DictReader(io.StringIO(tables.csv(lines))))
    assert [float(line["mean"]) for line in read] == [line["mean"] for line in lines]
    assert read[1]["p"] == ""


def test_markdown_has_a_cell_for_each_column():
    text = tables.markdown(tables.summary(ROWS, ["net"], reference={"net": "b"}, stuck=bool))
    assert {line.count("|") for line in text.splitlines()} == {16}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda protocol: protocol.name)
def test_every_protocol_has_a_reference_among_its_settings(protocol):
    for form in (protocol, protocol.shrunk()):
        assert len(form.jobs()) == form.seeds * len(form.settings)
        reference = form.table.get("reference", {})
        known = [{k: s.get(k) for k in reference if k in s} for s in form.settings]
        assert {k: v for k, v in reference.items() if k in form.settings[0]} in known
