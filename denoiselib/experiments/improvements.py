"""Three changes that the slides made to their model, each alone and together, in their own recipe.

The slides name a learning rate scheduler, gradient scaling and avoiding local optima, and as their
results "stable training", "high average accuracy", "removing most fluctuations" and "worsen in some
cases". Here all is tested against the network before the changes, and batch norm against none.
"""

import copy
import math

import numpy as np

from denoiselib import metrics
from denoiselib.experiments import claims_measures, intervals, networks, recipes, tables
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.table import Table

#: Of the slides' schedule and optima only the names are known: their references have warm restarts.
ALL = {"schedule": "cosine", "scaling": True, "starts": 3}
CHANGES = {
    "before": {},
    "schedule: cosine": {"schedule": "cosine"},
    "schedule: warm restarts": {"schedule": "warm restarts"},
    "gradient scaling": {"scaling": True},
    "gradient clipped to 1": {"clip": 1.0},
    "best of 3 starts": {"starts": 3},
    "all three": ALL,
    "before, no batch norm": {"norm": "none"},
    "all three, no batch norm": ALL | {"norm": "none"},
}
COMPARED = 200  #: signals whose errors a row holds
NOTICEABLE = 1.05  #: an error of a signal so many times larger is worse

HYPOTHESES = """\
Written before the study was run. A line compares two ways to train, seed by seed, by an exact test.
1. Stable: after the changes fewer trainings are stuck, and the error moves less in one more epoch.
2. Accurate: after the changes the error is smaller.
3. Fluctuations: after the changes more of the noise is gone where the signal is 0.
4. Worse in some cases: after the changes, more than 1 % of the signals have an error that is 5 %
   larger (the median is what exceeds 1 %), though the error as a whole is smaller.
5. Batch norm matters in any mode: with it, the error is another than without it.
Batch norm is fixed, as the first mode of the slides, but for 5. Stuck trainings are compared by
McNemar's test, all else by the sign test; a statement holds if p is below 0.05, corrected by Holm's
procedure for all lines of the table, and the median has the sign of the statement."""


def run_one(setting, seed, signals):
    """Train by a setting; return a row for each mode of batch norm.

    Besides `networks.scores` a row has ``removed``, the mean share of the noise's energy that is
    gone where the signal is 0; ``wobble``, `wobble`; and ``errors``, a text of the RMSE of each of
    the first `COMPARED` signals, by which a change is compared with the network before it.

    Examples
    --------
    >>> rows = run_one(SETTINGS[0] | {"steps": 2, "signals": 70}, seed=0, signals=70)
    >>> [row["mode"] for row in rows]
    ['fixed', 'recalibrated', 'batch 1', 'batch 64']
    """
    rows, net = [], networks.train(setting, seed)
    noisy, clean, _, best = networks.draw_with_limit(
        setting["family"], setting["sigma"], signals, seed
    )
    moves = wobble(net, setting, seed)
    for mode, denoise in networks.modes(net, setting, seed).items():
        estimate = denoise(noisy)
        errors = metrics.rmse(estimate, clean)[:COMPARED]
        gone = claims_measures.removed(estimate, noisy, clean)
        row = {"mode": mode, "removed": float(np.mean(gone)), "wobble": moves}
        row |= {"errors": " ".join(f"{x:.4g}" for x in errors)}
        rows.append(row | networks.scores(estimate, clean, best))
    return rows


def wobble(net, recipe, seed, epochs=1, points=10):
    """Return how much an error moves while a trained network goes on at its last learning rate.

    It is the standard deviation of the mean error on validation signals, in percent of its mean, at
    so many points of the next epochs: what a training has not settled depends on when it ends. (If
    the rate has fallen to 0, what moves are the running statistics alone.)

    Examples
    --------
    >>> recipe = networks.SLIDES | {"steps": 10, "signals": 70}
    >>> 0 < wobble(networks.make(recipe, 0), recipe, 0) < 100
    True
    """
    steps = epochs * recipe["signals"] // recipe["batch"]
    schedule = networks.SCHEDULES[recipe["schedule"]](recipe["lr"], recipe["steps"])
    more = recipe | {"lr": schedule(recipe["steps"] - 1), "schedule": "constant", "steps": steps}
    drawn = recipe["family"], recipe["sigma"], networks.VALIDATION, seed, "validation"
    seen = networks.draw(*drawn)[:2]
    watched = {"net": copy.deepcopy(net), "validation": seen, "every": steps // points}
    errors = networks.fit(more, seed, **watched)[1]["rmse"]
    return float(100 * np.std(errors) / np.mean(errors))


#: What lines compare: statement, column, and whether more of it is asked for.
TESTS = (
    ("1 stuck", "stuck", False),
    ("1 wobble", "wobble", False),
    ("2 error", "rmse", False),
    ("3 noise removed", "removed", True),
    ("4 signals 5 % worse", "errors", True),
)


def comparisons(rows):
    """Compare all changes with the network before them, and batch norm with none.

    A line has the ``change``, the ``statement``, the number of ``seeds``, the ``median`` of the
    paired differences with its 95 % interval ``low`` to ``high`` (of shares that are stuck, their
    difference), the pairs that are ``above`` and ``below``, ``p``, ``p_holm`` and ``holds``.
    """
    rows = [row | {"stuck": recipes.stuck(row)} for row in rows]
    groups, lines = Table(rows).by("change", "mode"), []
    for name in CHANGES:
        if "no batch norm" not in name and name != "before":
            pair = groups[name, "fixed"], groups["before", "fixed"]
            lines += [_line(name, pair, *test) for test in TESTS]
    for name in ("before", "all three"):
        bare = groups[f"{name}, no batch norm", "no batch norm"]
        lines.append(_line(f"{name}: no batch norm", (groups[name, "fixed"], bare), *TESTS[0]))
        for mode in ("fixed", "batch 1", "batch 64"):
            pair = groups[name, mode], bare
            lines.append(_line(f"{name}: no batch norm, {mode}", pair, "5 error", "rmse", None))
    lines = tables.corrected(lines)
    for line in lines:
        line["holds"] = line.pop("asked") and line["p_holm"] < intervals.SIGNIFICANCE
    return lines


def worse(found, base):
    """Return which share of signals is `NOTICEABLE` worse, by the ``errors`` of two rows.

    Examples
    --------
    >>> worse("1 1.1 1.2 1.3", "1 1 1.3 1.2")
    0.5
    """
    found, base = (np.array(errors.split(), float) for errors in (found, base))
    return float(np.mean(found > NOTICEABLE * base))


def _line(name, pair, statement, column, more):
    a, b = ({row["seed"]: row[column] for row in group} for group in pair)
    pairs = [(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]
    if column == "errors":
        differences = [worse(*pair) - 0.01 for pair in pairs]
    else:
        differences = [found - base for found, base in pairs]
    middle, low, high = intervals.median(differences)
    if column == "stuck":  # most pairs agree, and the median is 0
        middle, low, high = float(np.mean(differences)), math.nan, math.nan
    above, below, p = intervals.sign(differences)  # of stuck trainings, McNemar's test
    line = {"change": name, "statement": statement, "seeds": len(pairs), "median": middle}
    line |= {"low": low, "high": high, "above": above, "below": below, "p": p}
    return line | {"asked": above != below if more is None else (above > below) == more}


def report(rows):
    """Write the hypotheses and the `comparisons` as text."""
    return f"{HYPOTHESES}\n\n{tables.markdown(comparisons(rows))}"


SETTINGS = [networks.SLIDES | change | {"change": name} for name, change in CHANGES.items()]

PROTOCOL = Protocol(
    name="improvements",
    run_one=run_one,
    settings=SETTINGS,
    together=networks.gains,
    seeds=40,
    signals=2000,
    table={"by": ["change", "mode"], "stuck": recipes.stuck},
    report=report,
    quick={
        "settings": shortened([setting | {"signals": 70} for setting in SETTINGS], 1000),
        "seeds": 2,
        "signals": 200,
    },
)
