"""From rows to decisions: which learning rate, which finalists, and whether the goal is reached."""

import itertools

import numpy as np

from denoiselib.experiments import intervals, tables
from denoiselib.experiments.candidates import BLIND_LIMIT, FINALISTS, LIMIT
from denoiselib.experiments.table import Table

#: Controls that are told an estimate of the noise level; the goal was set with the first.
TOLD = ("level as input: MAD", "level as input: differences", "level as input: mean |y|")
CONTROL = TOLD[0]
GOAL = 0.3  #: share of the distance from the control to the limit
MAIN = {"training": "any level", "test": "as trained"}  #: rows by which the goal is judged


def ranking(rows, control=CONTROL):
    """Choose a learning rate for each row of the screening, and put the best row first.

    The ``gap`` at this rate on validation signals is a fraction of the control's: gaps are divided,
    family by family, by the control's at its best rate, since blocks would decide alone otherwise.

    Examples
    --------
    >>> rows = [
    ...     {"row": name, "lr": lr, "family": "blocks", "seed": 0, "test": "validation", "gap": gap}
    ...     for name, lr, gap in [("a", 0.01, 3.0), ("a", 0.03, 2.0), ("b", 0.01, 4.0)]
    ... ]
    >>> ranking(rows, control="b")
    {'a': (0.03, 0.5), 'b': (0.01, 1.0)}
    """
    judged = Table(row for row in rows if row["test"] == "validation" and row["lr"] is not None)
    unit = judged.where(row=control).best("lr", by="row", value="gap")
    parts = judged.relative("gap", to=unit, within="family").best("lr", by="row", value="gap")
    ranked = {name: (group[0]["lr"], group.mean("gap")) for name, group in parts.by("row").items()}
    return dict(sorted(ranked.items(), key=lambda item: item[1][1]))


def closed(rows, control=CONTROL):
    """Return how much of the distance from a control to the limit each row closes.

    The rows are of one family, training and test. A line has the ``share`` of the distance with its
    95 % interval ``low`` to ``high`` (`intervals.ratio`), and the columns of `tables.permuted` for
    what is missing to the `GOAL`.

    Examples
    --------
    >>> rows = [
    ...     {"row": name, "seed": seed, "rmse": rmse + seed / 100}
    ...     for name, rmse in [(CONTROL, 2.0), (LIMIT, 1.0), ("new", 1.5)]
    ...     for seed in range(4)
    ... ]
    >>> for line in closed(rows):
    ...     print(line["row"], f"{line['share']:.2f} {line['diff']:.2f} {line['p']:.3f}")
    new 0.50 -0.20 0.125
    """
    errors = Table(rows).pivot("row", "seed", "rmse")
    base, limit = errors.pop(control), errors.pop(LIMIT)
    lines = []
    for name, found in errors.items():
        seeds = sorted(found.keys() & base.keys() & limit.keys())
        error, start, end = (np.array([x[s] for s in seeds]) for x in (found, base, limit))
        line = {"row": name, "seeds": len(seeds)}
        found = intervals.ratio(start - error, start - end)
        line |= zip(("share", "low", "high"), found, strict=True)
        missing = error - start + GOAL * (start - end)
        lines.append(line | tables.permuted(missing.tolist()))
    return lines


def goals(rows, controls=TOLD):
    """Judge by the `GOAL`, for each control and family, every finalist trained at any level.

    Lines are those of `closed` with the control, ``told``, and ``family``; ``p_holm``, corrected
    for all of them; and ``judged``: ``"reached"`` or ``"missed"`` if ``p_holm`` is below 0.05,
    otherwise ``"open"``.
    """
    lines, main = [], Table(rows).where(**MAIN)
    for told, (family, group) in itertools.product(controls, main.by("family").items()):
        found = {line["row"]: line for line in closed(group, told)}
        place = {"told": told, "family": family}
        lines += [place | found[name] for name in FINALISTS if name in found]
    lines = Table(tables.corrected(lines))
    for line in lines:
        sure = line["p_holm"] is not None and line["p_holm"] < intervals.SIGNIFICANCE
        line["judged"] = ("reached" if line["diff"] < 0 else "missed") if sure else "open"
    return lines


def against(rows, control="batch norm", test="as trained"):
    """Compare all rows with a control, for all trainings and families.

    Lines hold `tables.permuted` of the differences in percent of the control's error (negative if
    the row is better) in one of the tests of `proposal.run_one`, and ``p_holm``, corrected for all
    of the same training.
    """
    lines = Table()
    for training, study in Table(rows).where(test=test).by("training").items():
        tested = []
        for family, group in study.by("family").items():
            errors = group.pivot("row", "seed", "rmse")
            base = errors.pop(control)
            for name, found in errors.items():
                if name in (LIMIT, BLIND_LIMIT):
                    continue
                percent = [100 * (found[s] / base[s] - 1) for s in sorted(found.keys() & base)]
                line = {"family": family, "training": training, "row": name, "seeds": len(percent)}
                tested.append(line | tables.permuted(percent))
        lines += tables.corrected(tested)
    return lines


def report(rows, controls=("batch norm", "batch norm, wide")):
    """Write `goals`, and `against` some controls, as tables in Markdown."""
    parts = [
        f"Close {GOAL:.0%} of the distance from a network that is told the level to the limit that "
        f"knows it (diff: what is missing, negative if reached)\n\n{tables.markdown(goals(rows))}"
    ]
    for control, test in itertools.product(controls, ("as trained", "elsewhere")):
        table = tables.markdown(against(rows, control, test), decimals=2)
        parts.append(f"Difference to '{control}', percent of its error, {test}\n\n{table}")
    return "\n\n".join(parts)


def report_screening(rows):
    """Write the `ranking` of the screening, with learning rates and gaps, as a Markdown table."""
    gaps = Table(rows).where(test="validation").pivot(("row", "lr"), "family", "gap")
    lines = []
    for place, (name, (lr, part)) in enumerate(ranking(rows).items(), 1):
        line = {"place": place, "row": name, "lr": lr, f"parts of '{CONTROL}'": f"{part:.2f}"}
        lines.append(line | {f"{k}, %": f"{v:.2f}" for k, v in gaps[name, lr].items()})
    return "Above the limit on validation signals\n\n" + tables.markdown(lines)


def tuned(rows):
    """Keep the rows with the learning rate that is best on validation signals.

    Examples
    --------
    >>> rows = [
    ...     {"family": "blocks", "row": "a", "lr": lr, "test": test, "rmse": rmse}
    ...     for lr, rmse in [(0.01, 3.0), (0.03, 2.0)]
    ...     for test in ("as trained", "validation")
    ... ]
    >>> [row["lr"] for row in tuned(rows)]
    [0.03, 0.03]
    """
    rows = Table(rows)
    return rows.best("lr", ("family", "row"), "rmse", judged=rows.where(test="validation"))


def report_tuned(rows):
    """Write the chosen learning rates, and the `report` of their rows."""
    rows = tuned(rows)
    lines = tables.summary(rows.where(**MAIN), ["family", "row", "lr"], last={"row": LIMIT})
    parts = ["With the learning rates that validation chose", tables.markdown(lines)]
    return "\n\n".join([*parts, report(rows, controls=["batch norm"])])
