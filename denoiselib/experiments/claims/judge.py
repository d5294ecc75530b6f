"""Verdicts on the statements, computed from rows by one rule."""

from scipy import stats

from denoiselib.experiments import tables
from denoiselib.experiments.claims.statements import CLAIMS

LEVEL = 0.05

RULE = (
    "A statement holds under a condition if the number that decides lies above its bound: with its "
    "95 % interval over seeds, and in so many seeds that a sign test agrees (p < 0.05, at least 6 "
    "seeds). It does not hold if both say that it lies below. Everything else is open. Conditions "
    "are not corrected for their number."
)


def verdicts(rows):
    """Judge the statements.

    Parameters
    ----------
    rows : list of dict
        As `claims.run_one` returns them, with their ``seed``; those without a value are left out.

    Returns
    -------
    list of dict
        For each of `CLAIMS` its number, ``statement``, ``test``, ``measured`` (under each condition
        the number that decides, its share of the signals if it has one, both with half widths of
        95 % intervals over seeds, and the answer) and ``verdict``, by the `RULE`.

    Examples
    --------
    >>> row = {"claim": 11, "measure": "variance due to the training", "share": None}
    >>> rows = [row | {"condition": "all", "seed": s, "value": 0.1 + s / 100} for s in range(6)]
    >>> line = verdicts(rows)[10]
    >>> print(line["measured"], "|", line["verdict"])
    all: 0.125 ± 0.0196 (no) | does not hold
    """
    lines = []
    for number, claim in CLAIMS.items():
        found = decide(rows, number)
        line = {"claim": number, "statement": claim.text, "test": claim.test}
        line["measured"] = "; ".join(
            f"{x['condition']}: {_numbers(x)} ({x['holds']})" for x in found
        )
        lines.append(line | {"verdict": verdict({x["condition"]: x["holds"] for x in found})})
    return lines


def decide(rows, number):
    """Return the numbers of a statement under each condition, and whether it holds there.

    Parameters
    ----------
    rows : list of dict
        As for `verdicts`.
    number : int
        Of the statement.

    Returns
    -------
    list of dict
        ``condition``, ``seeds``, ``value`` and ``share`` (mean and half width, or None), ``holds``
        (``"yes"``, ``"no"`` or ``"open"``), in the order of the rows.

    Examples
    --------
    >>> row = {"claim": 1, "measure": "stuck without - with", "share": None, "condition": "x"}
    >>> [x] = decide([row | {"seed": s, "value": 1.0} for s in range(6)], 1)
    >>> x["value"], x["holds"]
    ((1.0, 0.0), 'yes')
    """
    claim, groups = CLAIMS[number], {}
    for row in rows:
        if row["claim"] == number and row["measure"] == claim.measure and row["value"] is not None:
            groups.setdefault(row["condition"], []).append(row)
    lines = []
    for condition, group in groups.items():
        line = {"condition": condition, "seeds": len(group), "share": None}
        for column in ("value", "share"):
            if group[0][column] is not None:
                (total,) = tables.summary(group, ["condition"], column)
                line[column] = total["mean"], total["half"]
        seen = [row[claim.column] - claim.above for row in group]
        line["holds"] = _holds(seen, line[claim.column][0] - claim.above, line[claim.column][1])
        lines.append(line)
    return lines


def verdict(answers):
    """Sum up the answers under all conditions.

    Parameters
    ----------
    answers : dict of str to {"yes", "no", "open"}
        By condition.

    Returns
    -------
    str
        The verdict.

    Examples
    --------
    >>> verdict({"fixed": "yes", "alone": "yes"})
    'holds'
    >>> verdict({"fixed": "yes", "alone": "no", "in 64": "open"})
    'holds only when: fixed; open when: in 64'
    >>> verdict({"fixed": "no", "alone": "no"})
    'does not hold'
    >>> verdict({})
    'not measured here'
    """
    if not answers:
        return "not measured here"
    when = {x: ", ".join(c for c, y in answers.items() if x == y) for x in ("yes", "no", "open")}
    kinds = set(answers.values())
    if len(kinds) == 1:
        return {"yes": "holds", "no": "does not hold", "open": "open"}[kinds.pop()]
    parts = []
    if when["yes"]:
        parts.append(f"holds {'only ' if when['no'] else ''}when: {when['yes']}")
    else:
        parts.append(f"does not hold when: {when['no']}")
    if when["open"]:
        parts.append(f"open when: {when['open']}")
    return "; ".join(parts)


def report(rows):
    """Return the verdicts as a table in Markdown, and below it the rule.

    Examples
    --------
    >>> print(report([]).splitlines()[0])
    | claim | statement | test | measured | verdict |
    """
    return f"{tables.markdown(verdicts(rows))}\n\n{RULE}"


def _holds(differences, mean, half):
    """Answer for differences from the bound: interval and sign test have to agree."""
    above, below = sum(x > 0 for x in differences), sum(x < 0 for x in differences)
    if half is None or abs(mean) <= half or not above + below:
        return "open"
    agree = above if mean > 0 else below
    if stats.binomtest(agree, above + below).pvalue >= LEVEL:
        return "open"
    return "yes" if mean > 0 else "no"


def _numbers(line):
    (mean, half), share = line["value"], line["share"]
    text = f"{mean:.3g}{_half(half)}"
    return text if share is None else f"{text}, on {share[0]:.1%}{_half(share[1], 100)}"


def _half(half, factor=1):
    return "" if half is None else f" ± {factor * half:.3g}"
