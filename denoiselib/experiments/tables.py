"""Rows summed up over seeds, one line for each setting, with intervals and paired tests."""

import csv as writer
import io
import statistics

import numpy as np
from scipy import stats

from denoiselib.experiments import intervals

NUMBERS = ("mean", "half", "median", "share", "low", "high", "diff", "diff_half", "others")


def summary(rows, by, value="rmse", *, reference=None, last=None, stuck=None):
    """Sum up rows over seeds, one line for each combination of values of some columns.

    Parameters
    ----------
    rows : list of dict
        As `store.rows` returns them, each with its ``seed``.
    by : list of str
        Columns to group by; each group has one row for each seed.
    value : str
        Column to sum up; lower is better.
    reference : dict, optional
        Values of some columns of `by`, for example ``{"method": "tv"}``: each line is compared with
        the line that has these values and agrees with it in the other columns.
    last : dict, optional
        For some columns of `by` the value that is sorted last, such as ``{"method": "limit"}``.
    stuck : callable, optional
        ``stuck(row)`` tells whether the training of a row has failed.

    Returns
    -------
    list of dict
        Sorted lines with the columns of `by`; ``seeds``, their number; ``mean``, ``half`` (half
        width of its 95 % confidence interval, by Student's t; None for a single seed), ``median``;
        where seeds may be stuck, ``low`` and ``high``, the interval of the median; ``stuck``, the
        share of seeds for which `stuck(row)` holds or the value is missing (None: not finite; it
        enters no other column), ``stuck_low`` and ``stuck_high``, its exact interval; ``others``,
        the mean of those that are not stuck; with a `reference` the columns of `student` for the
        differences to it, paired by seed (negative is better), and ``p_holm``, corrected for all
        comparisons of the table.

    Examples
    --------
    >>> errors = [("limit", 0, 1.0), ("limit", 1, 1.2), ("tv", 0, 1.5), ("tv", 1, 1.8)]
    >>> rows = [dict(zip(["method", "seed", "rmse"], values)) for values in errors]
    >>> lines = summary(rows, ["method"], reference={"method": "limit"}, last={"method": "limit"})
    >>> print(markdown(lines, decimals=2))
    | method | seeds | mean | half | median | diff | diff_half | p | p_holm |
    |---|---|---|---|---|---|---|---|---|
    | tv | 2 | 1.65 | 1.91 | 1.65 | 0.55 | 0.64 | 0.058 | 0.058 |
    | limit | 2 | 1.10 | 1.27 | 1.10 |  |  |  |  |
    """
    groups, lines, errors = _groups(rows, by, value), [], {}
    count_stuck = stuck or any(row[value] is None for row in rows)
    for key in sorted(groups, key=lambda key: _order(by, key, last or {})):
        seeds = groups[key]
        values = {seed: row[value] for seed, row in seeds.items() if row[value] is not None}
        mean, half = _mean(list(values.values()))
        line = dict(zip(by, key, strict=True)) | {"seeds": len(seeds), "mean": mean, "half": half}
        line["median"] = statistics.median(values.values()) if values else None
        if count_stuck:
            lost = {k for k, x in seeds.items() if x[value] is None or (stuck and stuck(x))}
            line |= zip(("low", "high"), intervals.median(list(values.values()))[1:], strict=True)
            shares = intervals.share(len(lost), len(seeds))
            line |= zip(("stuck", "stuck_low", "stuck_high"), shares, strict=True)
            line["others"], _ = _mean([x for seed, x in values.items() if seed not in lost])
        lines.append(line)
        errors[key] = values
    return _compared(lines, errors, by, reference) if reference else lines


def student(differences):
    """Test by Student's t whether the mean of a list of paired differences is zero.

    The result has ``diff``, the mean, ``diff_half``, the half width of its 95 % confidence
    interval, and ``p``; None where there are too few differences.

    Examples
    --------
    >>> print("{diff:.2f} {diff_half:.2f} {p:.3f}".format(**student([1.0, 2.0, 3.0])))
    2.00 2.48 0.074
    """
    (mean, half), p = _mean(differences), None
    if len(differences) > 1:
        error = np.std(differences, ddof=1) / np.sqrt(len(differences))
        p = 2 * stats.t.sf(abs(mean) / error, len(differences) - 1) if error else mean == 0
    return {"diff": mean, "diff_half": half, "p": p if p is None else float(p)}


def permuted(differences):
    """Test as `student`, with ``p`` from a permutation test, which needs no normality.

    Notes
    -----
    p is the fraction of sign flips that give as large a mean: all flips of up to 13 differences,
    9,999 random ones of more. The interval is Student's, since percentiles of a bootstrap cover the
    mean too rarely; a few far differences widen it, so that it may hold 0 where p is small.

    Examples
    --------
    >>> permuted([1.0, 2.0, 3.0])["p"]
    0.25
    """
    line = student(differences)
    if len(differences) > 1:
        options = {"permutation_type": "samples", "n_resamples": 9999, "vectorized": True, "rng": 0}
        line["p"] = float(stats.permutation_test((differences,), np.mean, **options).pvalue)
    return line


def corrected(lines):
    """Add to lines with ``p`` their ``p_holm``, corrected for the number of comparisons."""
    tested = [line["p"] for line in lines if line["p"] is not None]
    p_holm = iter(holm(tested))
    return [line | {"p_holm": None if line["p"] is None else next(p_holm)} for line in lines]


def holm(p):
    r"""Correct a list of p values for their number, by Holm's step-down procedure.

    Notes
    -----
    With p values :math:`p_{(1)} \le \dots \le p_{(m)}` the correction is
    :math:`\max_{j \le i} \min(1, (m - j + 1) p_{(j)})`. It controls the family-wise error rate: the
    probability of even one false positive stays below the level (Holm 1979, Scand. J. Stat. 6).

    Examples
    --------
    >>> holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(p[order] * np.arange(len(p), 0, -1), 1)
    return np.maximum.accumulate(steps)[np.argsort(order)].tolist()


def markdown(lines, decimals=4):
    """Write lines of `summary` as a Markdown table; None leaves a cell empty."""
    names = list(lines[0]) if lines else []
    rows = [names, *([_text(name, line[name], decimals) for name in names] for line in lines)]
    first, *others = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([first, "|" + "---|" * len(names), *others])


def csv(lines):
    """Write lines of `summary` as comma-separated values, with all digits."""
    text = io.StringIO()
    table = writer.DictWriter(text, list(lines[0]) if lines else [], lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return text.getvalue().rstrip("\n")


def _groups(rows, by, value):
    """Group rows as ``{key: {seed: row}}``."""
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
    """Sort column by column: numbers by size, then text, then None, then the value that is last."""
    order = []
    for name, x in zip(by, key, strict=True):
        number = isinstance(x, int | float)
        order += [name in last and x == last[name], x is None, not number, x if number else str(x)]
    return order


def _mean(values):
    """Return the mean and the half width of its interval, or None where values are too few."""
    if len(values) < 2:
        return (values[0] if values else None), None
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf(0.975, len(values) - 1) * error  # 95 %, of both sides
    return float(np.mean(values)), float(half)


def _compared(lines, errors, by, reference):
    """Add the columns of the paired tests to the lines."""
    if unknown := set(reference) - set(by):
        raise ValueError(f"reference must name columns of by, not {', '.join(sorted(unknown))}")
    if not any(reference.items() <= line.items() for line in lines):
        raise ValueError(f"reference {reference} is no line of the table")
    tested = []
    for line in lines:
        key, other = (tuple(x[name] for name in by) for x in (line, line | reference))
        base = errors.get(other, {}) if key != other else {}
        differences = [x - base[seed] for seed, x in errors[key].items() if seed in base]
        tested.append(line | student(differences))
    return corrected(tested)


def _text(name, value, decimals):
    digits = {"p": ".2g", "p_holm": ".2g"} | dict.fromkeys(NUMBERS, f".{decimals}f")
    digits |= dict.fromkeys(("stuck", "stuck_low", "stuck_high"), ".2f")
    if isinstance(value, float) and name in digits and not np.isnan(value):
        return format(value, digits[name])
    return "" if value is None or value != value else str(value)  # NaN differs from itself
