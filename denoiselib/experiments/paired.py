"""Families of comparisons: differences with intervals, tests corrected for all of a family.

Who compares often enough finds a difference where there is none. `compared` therefore corrects the
p values of all pairs that answer the same question.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from denoiselib.experiments import intervals, tables
from denoiselib.experiments.table import results

FEWEST = 6  #: seeds of which a sign test can be sure: if all of 6 agree p is 0.03, of 5 0.06


#: Studies with signals of their own. All others have the same ones, seed by seed.
OTHER_SIGNALS = {"structured"}


class Pair(NamedTuple):
    """Two choices of rows to be compared, and the place of the answer in a table."""

    line: str
    column: str
    first: dict  #: the ``study``, and values that its rows must have
    second: dict


def compared(pairs, value):
    """Compare two choices of rows in each pair: ``first`` minus ``second``.

    Parameters
    ----------
    pairs : list of Pair
        The family.
    value : str
        Column of the rows; a seed without a value is left out.

    Returns
    -------
    list of dict
        For each pair ``line``, ``column``; what `by_seed` returns, or `apart` where the pair is of
        two studies that drew other signals; and ``p_holm``, corrected for all pairs.

    Examples
    --------
    >>> row = {"study": "unsupervised", "family": "blocks", "purpose": "test", "data": "fresh"}
    >>> ways = [row | {"method": method, "use": "direct"} for method in ("SURE", "supervised")]
    >>> [line] = compared([Pair("SURE", "blocks", *ways)], "gap")
    >>> print("{diff:.1f} ({low:.1f} to {high:.1f}), p {p_holm:.3f}".format(**line))
    2.2 (1.9 to 3.1), p 0.002
    """
    lines, rows = [], {}
    for line, column, *choices in pairs:
        studies = {choice["study"] for choice in choices}
        rows |= {study: results(study) for study in studies - rows.keys()}
        first, second = (_values(rows, choice, value) for choice in choices)
        if len(studies) == 2 and studies & OTHER_SIGNALS:
            found = apart([*first.values()], [*second.values()])
        else:
            found = by_seed([x - second[seed] for seed, x in first.items() if seed in second])
        lines.append({"line": line, "column": column} | found)
    return tables.corrected(lines)


def by_seed(differences):
    """Test paired differences by the sign test: ``seeds``, ``diff``, ``low``, ``high`` and ``p``.

    ``diff`` is their median, with its 95 % interval. Of fewer than `FEWEST` seeds, of which a sign
    test is never sure, it is their mean, by Student's t: it asks for differences that scatter
    evenly.

    Examples
    --------
    >>> print("{diff} ({low} to {high}), p {p:.3f}".format(**by_seed([1, 2, 3, 4, 5, 6])))
    3.5 (1.0 to 6.0), p 0.031
    """
    seeds = {"seeds": len(differences)}
    if len(differences) >= FEWEST:
        middle = dict(zip(("diff", "low", "high"), intervals.median(differences), strict=True))
        return seeds | middle | {"p": intervals.sign(differences)[2]}
    found = tables.student(differences)
    diff, half = found["diff"], found["diff_half"]
    return seeds | {"diff": diff, "low": diff - half, "high": diff + half, "p": found["p"]}


def apart(first, second):
    r"""Test two lists that are not paired by their ranks; the result is that of `by_seed`.

    Notes
    -----
    U counts the pairs in which a value of the first list is larger (Mann and Whitney 1947); p is
    exact. ``diff`` is the median of all differences. The k-th smallest and the k-th largest of them
    hold the shift between the two laws with probability :math:`1 - 2 P(U < k)`.

    Examples
    --------
    >>> print("{diff} ({low} to {high}), p {p:.3f}".format(**apart([5, 6, 7, 8], [1, 2, 3, 4])))
    4.0 (1.0 to 7.0), p 0.029
    """
    n, m = len(first), len(second)
    sums = np.zeros((n + 1, (n + m) ** 2))  # in how many ways k ranks have that sum
    sums[0, 0] = 1
    for rank in range(n + m):
        for k in range(n, 0, -1):
            sums[k, rank:] += sums[k - 1, : sums.shape[1] - rank]
    law = sums[n, n * (n - 1) // 2 :] / sums[n].sum()
    k = int(np.sum(np.cumsum(law) <= (1 - intervals.LEVEL) / 2))  # P(U < k) is half of 5 % at most
    differences = np.sort(np.subtract.outer(first, second), axis=None)
    ends = (differences[k - 1], differences[-k]) if k else (-np.inf, np.inf)
    found = {"seeds": min(n, m), "diff": float(np.median(differences))}
    found |= zip(("low", "high"), map(float, ends), strict=True)
    return found | {"p": float(stats.mannwhitneyu(first, second, method="exact").pvalue)}


def text(question, lines, decimals=2):
    """Write lines of `compared` as a table of differences, intervals and ``p_holm``.

    Examples
    --------
    >>> x = {"line": "a", "column": "b", "diff": 1.0, "low": 0.5, "high": 1.5, "p_holm": 0.0314}
    >>> print(text("Is a larger?", [x]))
    Is a larger? (1 comparison)
                                  b
    a  +1.00 (+0.50, +1.50) p 0.031
    """
    table, columns = {}, list(dict.fromkeys(x["column"] for x in lines))
    for x in lines:
        diff, low, high = (f"{x[name]:+.{decimals}f}" for name in ("diff", "low", "high"))
        p = "< .001" if x["p_holm"] < 0.001 else f"{x['p_holm']:.3f}"
        table.setdefault(x["line"], {})[x["column"]] = f"  {diff} ({low}, {high}) p {p}"
    head = max(map(len, table))
    cells = [[line.get(column, "") for column in columns] for line in table.values()]
    widths = [max(map(len, (f"  {x}", *c))) for x, *c in zip(columns, *cells, strict=True)]
    rows = [("", columns), *zip(table, cells, strict=True)]
    parts = [f"{question} ({len(lines)} comparison{'s' * (len(lines) > 1)})"]
    for name, row in rows:
        padded = (f"{cell:>{width}s}" for cell, width in zip(row, widths, strict=True))
        parts.append(f"{name:{head}s}{''.join(padded)}".rstrip())
    return "\n".join(parts)


def _values(rows, choice, value):
    """Return the values of the chosen rows by seed, from the rows of studies."""
    rows = rows[choice["study"]].where(**{k: x for k, x in choice.items() if k != "study"})
    found = {row["seed"]: row[value] for row in rows}
    if not rows or len(found) < len(rows):
        raise ValueError(f"a choice must have one row for each seed, not {len(rows)}: {choice}")
    return {seed: x for seed, x in found.items() if x is not None}
