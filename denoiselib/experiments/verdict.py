"""From rows to decisions: which learning rate, who goes on, and whether the goal is reached."""

import numpy as np

from denoiselib.experiments import tables
from denoiselib.experiments.candidates import FINALISTS
from denoiselib.experiments.table import Table

#: Networks that are told an estimate of the level; the goal was set with the first.
TOLD = ("level as input: MAD", "level as input: differences", "level as input: mean |y|")
CONTROL = TOLD[0]
LEVEL = 0.05  #: of significance
GOAL = 0.3  #: share of the distance from the control to the limit


def ranking(rows, control=CONTROL):
    """Choose a learning rate for each row of the screening, and put the best row first.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `proposal-screen`.
    control : str
        The control. Gaps are divided, family by family, by the control's at its best learning
        rate; otherwise blocks, with large gaps, would decide alone.

    Returns
    -------
    dict of str to (float, float)
        For each row its learning rate, and its ``gap`` on validation signals as a part of the
        control's, averaged over families: the least of all learning rates.

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
    gaps = judged.pivot(("row", "lr"), "family", "gap")
    unit = min(
        (found for (name, _), found in gaps.items() if name == control),
        key=lambda found: sum(found.values()),
    )
    best = {}
    for (name, lr), found in gaps.items():
        part = float(np.mean([gap / unit[family] for family, gap in found.items()]))
        if name not in best or part < best[name][1]:
            best[name] = lr, part
    return dict(sorted(best.items(), key=lambda item: item[1][1]))


def closed(rows, control=CONTROL, value="rmse"):
    """Say how much of the distance from a control to the limit each row closes.

    Parameters
    ----------
    rows : list of dict
        Of one family, one training and one test, with those of the control and of the limit.
    control : str
        A row.
    value : str
        Column to compare.

    Returns
    -------
    list of dict
        For each other row its ``share`` of the distance (of means over seeds) with the interval
        ``low`` to ``high``; what is missing to the `GOAL` (``diff``: negative if it is reached,
        with ``diff_half``); and the p value of that difference, not corrected.

    Notes
    -----
    The interval of the share takes the distance, a mean over the same seeds, as known.

    Examples
    --------
    >>> rows = [
    ...     {"row": name, "seed": seed, "rmse": rmse + seed / 100}
    ...     for name, rmse in [(CONTROL, 2.0), ("limit", 1.0), ("new", 1.5)]
    ...     for seed in range(4)
    ... ]
    >>> for line in closed(rows):
    ...     print(line["row"], f"{line['share']:.2f} {line['diff']:.2f} {line['p']:.3f}")
    new 0.50 -0.20 0.125
    """
    by_name = {name: _by_seed(group, value) for name, group in Table(rows).by("row").items()}
    base, limit = by_name.pop(control), by_name.pop("limit")
    lines = []
    for name, errors in by_name.items():
        seeds = sorted(errors.keys() & base.keys() & limit.keys())
        error, start, end = (np.array([x[s] for s in seeds]) for x in (errors, base, limit))
        distance = (start - end).mean()
        missing = error - start + GOAL * (start - end)
        test = tables.permuted(missing.tolist())
        share = float(GOAL - missing.mean() / distance)
        half = None if test["diff_half"] is None else float(test["diff_half"] / distance)
        low, high = (None, None) if half is None else (share - half, share + half)
        line = {"row": name, "seeds": len(seeds), "share": share, "low": low, "high": high}
        lines.append(line | test)
    return lines


def goals(rows, control=CONTROL):
    """Judge every finalist, where it was trained with all levels, by what the study set out for.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `proposal`.
    control : str
        A row, from which the distance to the limit is taken.

    Returns
    -------
    list of dict
        As of `closed` with their ``family``; ``p_holm``, corrected for all of them; and ``judged``:
        ``"reached"`` or ``"missed"`` if that is below 0.05, or else ``"open"``.
    """
    lines = []
    for family in dict.fromkeys(row["family"] for row in rows):
        part = [row for row in rows if row["family"] == family and _primary(row)]
        found = {line["row"]: line for line in closed(part, control)}
        lines += [{"family": family} | found[name] for name in FINALISTS if name in found]
    lines = tables.corrected(lines)
    for line in lines:
        sure = line["p_holm"] is not None and line["p_holm"] < LEVEL
        line["judged"] = ("reached" if line["diff"] < 0 else "missed") if sure else "open"
    return lines


def against(rows, control="batch norm", test="as trained"):
    """Compare every finalist with a control, on all families and trainings.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `proposal`.
    control : str
        A row.
    test : str
        Where: a level, ``"as trained"`` or ``"elsewhere"``, as `run_one` names them.

    Returns
    -------
    list of dict
        For each ``family``, ``training`` and ``row`` the difference in percent of the control's
        error (``diff``: negative if the finalist is better, with its interval), its p value, and
        ``p_holm``, corrected for all of them.
    """
    groups = Table(rows).where(test=test).by("family", "training", "row")
    errors, lines = {key: _by_seed(group, "rmse") for key, group in groups.items()}, []
    for family, training in dict.fromkeys((row["family"], row["training"]) for row in rows):
        base = errors[family, training, control]
        for name in FINALISTS:
            found = errors.get((family, training, name), {})
            percent = [100 * (found[s] / base[s] - 1) for s in sorted(found.keys() & base.keys())]
            if percent:
                line = {"family": family, "training": training, "row": name, "seeds": len(percent)}
                lines.append(line | tables.permuted(percent))
    return tables.corrected(lines)


def report(rows, controls=("batch norm", "batch norm, wide")):
    """Write `goals`, and `against` some controls, as tables in Markdown."""
    parts = []
    for told in TOLD:
        parts += [
            f"Close {GOAL:.0%} of the distance from '{told}' to the limit that knows the level "
            "(diff: what is missing, negative if reached)",
            tables.markdown(goals(rows, told)),
        ]
    for control in controls:
        for test in ("as trained", "elsewhere"):
            parts += [
                f"Difference to '{control}', percent of its error, {test}",
                tables.markdown(against(rows, control, test), decimals=2),
            ]
    return "\n\n".join(parts)


def report_screening(rows):
    """Write the order in which the screening put all rows, with their learning rates and gaps."""
    gaps = Table(rows).where(test="validation").pivot(("row", "lr"), "family", "gap")
    lines = []
    for place, (name, (lr, part)) in enumerate(ranking(rows).items(), 1):
        line = {"place": place, "row": name, "lr": lr, f"parts of '{CONTROL}'": f"{part:.2f}"}
        lines.append(line | {f"{k}, %": f"{v:.2f}" for k, v in gaps[name, lr].items()})
    return "Above the limit on validation signals\n\n" + tables.markdown(lines)


def tuned(rows):
    """Keep, of rows with several learning rates, those of the rate that validation signals choose.

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
    """Write the `report` of rows with several learning rates, and which of them were chosen."""
    rows = tuned(rows)
    by = ["family", "row", "lr"]
    lines = tables.summary([r for r in rows if _primary(r)], by, last={"row": "limit"})
    parts = ["With the learning rates that validation chose", tables.markdown(lines)]
    return "\n\n".join([*parts, report(rows, controls=["batch norm"])])


def _by_seed(rows, value):
    return dict(zip(rows.column("seed"), rows.column(value), strict=True))


def _primary(row):
    return row["training"] == "any level" and row["test"] == "as trained"
