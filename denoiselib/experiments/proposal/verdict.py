"""From rows to decisions: which learning rate, who goes on, and whether the goal is reached."""

import numpy as np

from denoiselib.experiments import tables

CONTROL = "level as input: MAD"
GOAL = 0.3  #: share of the distance from the control to the limit


def ranking(rows):
    """Choose a learning rate for each row of the screening, and put the best row first.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `proposal-screen`.

    Returns
    -------
    dict of str to (float, float)
        For each row its learning rate, and its ``gap`` on validation signals, in percent, averaged
        over families and seeds: the least of all learning rates.

    Examples
    --------
    >>> rows = [
    ...     {"row": "a", "lr": lr, "seed": 0, "test": "validation", "gap": gap}
    ...     for lr, gap in [(0.01, 3.0), (0.03, 2.0)]
    ... ]
    >>> ranking(rows)
    {'a': (0.03, 2.0)}
    """
    gaps = {}
    for row in rows:
        if row["test"] == "validation" and row["lr"] is not None:
            gaps.setdefault((row["row"], row["lr"]), []).append(row["gap"])
    best = {}
    for (name, lr), values in gaps.items():
        gap = float(np.mean(values))
        if name not in best or gap < best[name][1]:
            best[name] = lr, gap
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
        For each other row its ``share`` of the distance (of means over seeds), what is missing to
        the `GOAL` (``diff``: negative if it is reached, with the interval ``diff_low`` to
        ``diff_high``) and the p value of that difference, not corrected.

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
    by_name = {}
    for row in rows:
        by_name.setdefault(row["row"], {})[row["seed"]] = row[value]
    base, limit = by_name.pop(control), by_name.pop("limit")
    lines = []
    for name, errors in by_name.items():
        seeds = sorted(errors.keys() & base.keys() & limit.keys())
        error, start, end = (np.array([x[s] for s in seeds]) for x in (errors, base, limit))
        share = (start - error).mean() / (start - end).mean()
        missing = error - start + GOAL * (start - end)
        line = tables.TESTS["permutation"](missing.tolist())
        lines.append({"row": name, "seeds": len(seeds), "share": float(share)} | line)
    return lines
