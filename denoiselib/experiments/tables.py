"""Rows summed up over seeds: one line for each setting, with what is certain about it."""

import csv as writer
import io
import statistics

import numpy as np
from scipy import stats

from denoiselib import _check

CONFIDENCE = 0.95
NUMBERS = (
    "mean",
    "half",
    "median",
    "share",
    "low",
    "high",
    "diff",
    "diff_half",
    "diff_low",
    "diff_high",
)


def summary(rows, by, value="rmse", *, reference=None, last=None, stuck=None, test="t"):
    r"""Sum up rows, one line for each combination of some columns.

    Parameters
    ----------
    rows : list of dict
        As `store.rows` returns them; each with its ``seed``.
    by : list of str
        Columns that tell the lines apart; for each seed a line has one row.
    value : str
        Column to sum up; lower is better.
    reference : dict, optional
        Some columns of `by` and their values, for example ``{"method": "tv"}``: the line to which
        those are compared that agree with it in the other columns.
    last : dict, optional
        For some columns of `by` the value that is sorted behind all others, such as
        ``{"method": "limit"}``.
    stuck : callable, optional
        ``stuck(row)`` says of a row whether its training has led nowhere.
    test : {"t", "permutation"}
        How differences are judged: by Student's t, which takes them for normal, or by flipping
        their signs, which takes them for symmetric; the interval is Student's in both cases.

    Returns
    -------
    list of dict
        Sorted lines with the columns of `by` and

        - ``seeds``, their number, ``mean``, ``half`` (half width of the 95 % interval of the mean,
          from Student's t; None for a single seed) and ``median``;
        - ``stuck``, the fraction of seeds: with that argument, or if values are None (they were
          not finite), which count as stuck and in nothing else;
        - with a `reference`: ``diff``, the mean difference to it over the seeds that both have
          (negative is better), its ``diff_half``, ``p`` from the paired test, and ``p_holm``,
          corrected for all comparisons of the table; with permutations ``diff_low`` and
          ``diff_high`` in place of ``diff_half``.

    Raises
    ------
    ValueError
        If a column or the test is unknown, a line has two rows of one seed, or no line is the
        reference.

    Notes
    -----
    With p values :math:`p_{(1)} \le \dots \le p_{(m)}` Holm's correction is
    :math:`\max_{j \le i} \min(1, (m - j + 1) p_{(j)})`: the probability that any of the
    differences called significant is none stays below the level.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 1979.

    Examples
    --------
    >>> rows = [
    ...     {"method": "limit", "seed": 0, "rmse": 1.0},
    ...     {"method": "limit", "seed": 1, "rmse": 1.2},
    ...     {"method": "tv", "seed": 0, "rmse": 1.5},
    ...     {"method": "tv", "seed": 1, "rmse": 1.8},
    ... ]
    >>> lines = summary(rows, ["method"], reference={"method": "limit"}, last={"method": "limit"})
    >>> print(markdown(lines, decimals=2))
    | method | seeds | mean | half | median | diff | diff_half | p | p_holm |
    |---|---|---|---|---|---|---|---|---|
    | tv | 2 | 1.65 | 1.91 | 1.65 | 0.55 | 0.64 | 0.058 | 0.058 |
    | limit | 2 | 1.10 | 1.27 | 1.10 |  |  |  |  |
    """
    judge = TESTS[_check.choice(test, "test", TESTS)]
    groups = _groups(rows, by, value)
    lines = []
    for key in sorted(groups, key=lambda key: _order(by, key, last or {})):
        seeds = groups[key]
        values = {seed: row[value] for seed, row in seeds.items() if row[value] is not None}
        mean, half = _mean(list(values.values()))
        line = dict(zip(by, key, strict=True)) | {"seeds": len(seeds), "mean": mean, "half": half}
        line["median"] = statistics.median(values.values()) if values else None
        lost = [row[value] is None or bool(stuck and stuck(row)) for row in seeds.values()]
        line["stuck"] = sum(lost) / len(lost)
        lines.append(line)
    if not stuck and not any(line["stuck"] for line in lines):
        for line in lines:
            del line["stuck"]
    if reference:
        _compare(lines, groups, by, value, reference, judge)
    return lines


def holm(p):
    """Correct p values for their number, by Holm's step-down procedure.

    Parameters
    ----------
    p : list of float
        Of all comparisons that are made.

    Returns
    -------
    list of float
        In the same order.

    Examples
    --------
    >>> holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(p[order] * np.arange(len(p), 0, -1), 1)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(steps)
    return corrected.tolist()


def markdown(lines, decimals=4):
    """Write lines of `summary` as a table in Markdown; what there is none of stays empty."""
    names = list(lines[0]) if lines else []
    texts = [names, ["---"] * len(names)]
    texts += [[_text(name, line[name], decimals) for name in names] for line in lines]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in texts)
    return text.replace("| --- |", "|---|").replace(" --- |", "---|")


def csv(lines):
    """Write lines of `summary` as comma-separated values, with all digits."""
    text = io.StringIO()
    table = writer.DictWriter(text, list(lines[0]) if lines else [], lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return text.getvalue().rstrip("\n")


def _groups(rows, by, value):
    """Arrange rows as ``{key: {seed: row}}``."""
    groups = {}
    for row in rows:
        if missing := {*by, value, "seed"} - set(row):
            raise ValueError(f"a row has no {', '.join(sorted(missing))}: {row}")
        seeds = groups.setdefault(tuple(row[name] for name in by), {})
        if row["seed"] in seeds:
            raise ValueError(f"by must tell rows apart, but seed {row['seed']} has two: {row}")
        seeds[row["seed"]] = row
    return groups


def _order(by, key, last):
    """Sort column by column, numbers by size, before text; None, and what comes last, behind."""
    return [
        (
            name in last and x == last[name],
            x is None,
            not isinstance(x, int | float),
            x if isinstance(x, int | float | str) else str(x),
        )
        for name, x in zip(by, key, strict=True)
    ]


def _mean(values):
    """Mean, and half width of its interval, as far as there are enough values."""
    if len(values) < 2:
        return (values[0] if values else None), None
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * error
    return float(np.mean(values)), float(half)


def _compare(lines, groups, by, value, reference, judge):
    if unknown := set(reference) - set(by):
        raise ValueError(f"reference must name columns of by, not {', '.join(sorted(unknown))}")
    found, tested = False, []
    for line in lines:
        key = tuple(line[name] for name in by)
        other = tuple(reference.get(name, line[name]) for name in by)
        found |= key == other
        pairs = [
            (row[value], groups[other][seed][value])
            for seed, row in groups[key].items()
            if key != other and seed in groups.get(other, ())
        ]
        differences = [a - b for a, b in pairs if a is not None and b is not None]
        line |= judge(differences) | {"p_holm": None}
        if line["p"] is not None:
            tested.append(line)
    if not found:
        raise ValueError(f"reference {reference} is no line of the table")
    for line, p in zip(tested, holm([line["p"] for line in tested]), strict=True):
        line["p_holm"] = p


def _student(differences):
    """Mean, half width, and the paired t test; differences that are all one number are certain."""
    (mean, half), p = _mean(differences), None
    if len(differences) > 1:
        error = np.std(differences, ddof=1) / np.sqrt(len(differences))
        p = 2 * stats.t.sf(abs(mean) / error, len(differences) - 1) if error else mean == 0
    return {"diff": mean, "diff_half": half, "p": p if p is None else float(p)}


def _flipped(differences):
    """Mean, its interval, and how rarely signs drawn at random give as large a mean.

    Up to 13 seeds all signs are tried. The interval is Student's: one from percentiles of the
    bootstrap is too short for few seeds, 83 % instead of 95 % for five.
    """
    mean, half = _mean(differences)
    if half is None:
        return {"diff": mean, "diff_low": None, "diff_high": None, "p": None}
    signs = {"permutation_type": "samples", "n_resamples": 9999, "rng": 0, "vectorized": True}
    p = stats.permutation_test((differences,), np.mean, **signs).pvalue
    return {"diff": mean, "diff_low": mean - half, "diff_high": mean + half, "p": float(p)}


#: Tests of paired differences by name.
TESTS = {"t": _student, "permutation": _flipped}


def _text(name, value, decimals):
    if value is None:
        return ""
    if isinstance(value, float) and name in ("p", "p_holm"):
        return f"{value:.2g}"
    if isinstance(value, float) and name in NUMBERS:
        return f"{value:.{decimals}f}"
    return f"{value:.2f}" if name == "stuck" else str(value)
