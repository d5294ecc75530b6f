"""What a trained network may change at noise levels that it has not seen: statistics, or gains.

Networks with batch norm learn at level 3 and meet levels from 1 to 6: all signals of a test at one
level, or mixed, each at its own. Beside *fixed* and *unfixed* stand statistics between both
(`at_test.interpolated`) and gains that are learned for each signal by an estimate of the risk
(`at_test.gain_tuned`). Other trainings have other batch sizes, and as many steps.
"""

from functools import partial

from denoiselib import at_test
from denoiselib.experiments import intervals, networks, tables
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways
from denoiselib.experiments.table import Table

SHARES = (0.25, 0.5, 0.75)  #: of the statistics of training
TUNED = (10, 50)  #: steps in which gains are learned
RANGE = (networks.SIGMAS[0], networks.SIGMAS[-1])  #: of the levels of mixed signals
BATCHES = (1, 4, 16, 64)
STUDIED = 16  #: batch size of the networks that change at test

HYPOTHESES = """\
Written before the study was run. Signals are mixed, each at its own level from 1 to 6; a network
has learned at level 3, in batches of 16. A line compares two ways, seed by seed.
1. Gains that are learned for each signal by its risk are better than its own statistics ('alone'),
   whether its level is told or estimated.
2. Statistics between those of training and those of the signal are better than either. The share
   is chosen on validation signals.
3. A batch of 64 adapts to one level: where levels are mixed it is no better than 'fixed'.
4. With equally many steps, batches of 1 and 4 in training harm: at level 3, in fixed mode, their
   networks are worse than those of batches of 64.
A statement holds in a line if p of the sign test is below 0.05, corrected by Holm's procedure for
all lines, and the median of the differences has its sign; the third fails where batches are better.
"""


def ways(setting, seed):
    """Train a network; return the modes of its batch norm, and what may be changed for each signal.

    Examples
    --------
    >>> list(ways(SETTINGS[2] | {"steps": 2}, seed=0))[-3:]
    ['gains, 50 steps', 'estimated gains, 10 steps', 'estimated gains, 50 steps']
    """
    net = networks.train(setting, seed)
    modes = networks.modes(net, setting, seed)
    modes["alone"] = modes.pop("batch 1")
    found = {mode: blind(denoise) for mode, denoise in modes.items()}
    if setting["batch"] != STUDIED:
        return found
    for share in SHARES:
        found[f"share {share}"] = blind(partial(at_test.interpolated, net, share=share))
    told = partial(at_test.gain_tuned, net, seed=seed)
    found |= {f"gains, {steps} steps": partial(told, steps=steps) for steps in TUNED}
    for steps in TUNED:
        found[f"estimated gains, {steps} steps"] = partial(_estimated, partial(told, steps=steps))
    return found


def _estimated(tuned, noisy, sigma):
    return tuned(noisy, networks.ESTIMATES["difference"](noisy))


def levels(setting):
    """List the tests: a level each, mixed levels, and mixed levels of validation."""
    tests = [({"test": f"{sigma:g}"}, sigma, "test") for sigma in networks.SIGMAS]
    tests.append(({"test": "mixed"}, RANGE, "test"))
    return [*tests, ({"test": "validation"}, RANGE, "validation")]


def chosen(rows):
    """Return rows of mixed levels of the networks that change, shares and steps chosen.

    The best on validation signals of all shares is ``"between"``, of numbers of steps ``"gains"``
    and ``"estimated gains"``. The rows have the choice in ``chosen``.
    """
    rows = Table(row for row in rows if row["batch"] == STUDIED)
    kinds = {"between": "share", "gains": "gains", "estimated gains": "estimated"}
    parts = []
    for row in rows:
        kind = next((k for k, start in kinds.items() if row["way"].startswith(start)), row["way"])
        parts.append(row | {"chosen": row["way"], "way": kind})
    parts = Table(parts)
    judged = parts.where(test="validation")
    return parts.where(test="mixed").best("chosen", ("family", "way"), "rmse", judged=judged)


def comparisons(rows):
    """Compare ways as in the `HYPOTHESES`: lines with medians in percent, and ``holds``."""
    lines, mixed = [], chosen(rows)
    small = Table(rows).where(test="3", way="fixed")
    for family, group in mixed.by("family").items():
        errors = group.pivot("way", "seed", "rmse")
        batches = small.where(family=family).pivot("batch", "seed", "rmse")
        pairs = [("1", "gains", "alone"), ("1", "estimated gains", "alone")]
        pairs += [("2", "between", "fixed"), ("2", "between", "alone"), ("3", "batch 64", "fixed")]
        lines += [_line(family, *pair, errors, better=pair[0] != "3") for pair in pairs]
        lines += [_line(family, "4", batch, 64, batches, better=False) for batch in (1, 4)]
    lines = tables.corrected(lines)
    for line in lines:
        sure = line["p_holm"] < intervals.SIGNIFICANCE
        if line["statement"] == "3":  # says that something is not so
            line["holds"] = not (sure and line["median"] < 0)
        else:
            line["holds"] = sure and line["expected"]
        del line["expected"]
    return lines


def _line(family, statement, way, other, errors, better):
    a, b = errors[way], errors[other]
    seeds = sorted(a.keys() & b.keys())
    percent = [100 * (a[seed] / b[seed] - 1) for seed in seeds]
    line = {"family": family, "statement": statement, "way": way, "against": other}
    line |= zip(("median", "low", "high"), intervals.median(percent), strict=True)
    line["above"], line["below"], line["p"] = intervals.sign(percent)
    return line | {"expected": (line["median"] < 0) == better}


def report(rows):
    """Write the hypotheses, what was chosen, and the `comparisons`."""
    lines = []
    for (family, way, option), group in chosen(rows).by("family", "way", "chosen").items():
        line = {"family": family, "way": way, "chosen": option if option != way else ""}
        lines.append(line | {"mean": group.mean("rmse"), "gap": f"{group.mean('gap'):.1f}"})
    parts = [HYPOTHESES, "Mixed levels", tables.markdown(lines, 3)]
    return "\n\n".join([*parts, tables.markdown(comparisons(rows), 2)])


SETTINGS = []
for family, shape in networks.SHAPES.items():
    for batch in BATCHES:
        change = {"net": "plain", "init": "lecun", "family": family, "shape": shape, "steps": 2000}
        change |= {"batch": batch, "lr": round(0.03 * (batch / 32) ** 0.5, 4)}
        SETTINGS.append(networks.BASE | change)

PROTOCOL = Protocol(
    name="mixed-levels",
    run_one=partial(run_ways, ways=ways, tests=levels, column="way"),
    settings=SETTINGS,
    together=networks.gains,
    seeds=12,
    signals=192,
    table={"by": ["family", "batch", "test", "way"]},
    report=report,
    quick={"settings": shortened(SETTINGS, 100), "seeds": 1, "signals": 64},
)
