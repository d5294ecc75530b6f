"""The proposal against fair controls: each at its own learning rate, and not smaller.

Networks see signals of any level from 1 to 5. Controls are told estimates of the level, one or all,
and are at least as large as the normalisations of the proposal that they are compared with. Related
layers of others (`related`) are rows of the table. A pilot on other seeds chooses a learning rate
for each row and family.
"""

from functools import partial

from denoiselib import bayes
from denoiselib.experiments import fixed_maps, intervals, networks, proposal, tables, verdict
from denoiselib.experiments.candidates import BLIND, BLIND_LIMIT, LIMIT
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.related import NETS
from denoiselib.experiments.study import blind, run_ways
from denoiselib.experiments.table import Table

#: Widths with which a told network has as many parameters as the proposal's, or more.
WIDTHS = {"sparse_spikes": 20, "pulses": 19, "blocks": 18}
PROPOSED = ("linear", "rectified", "residual norm", "residual norm, two-sided")
ESTIMATED = ("told MAD", "told differences", "told mean |y|", "told all")
LARGER = {
    "batch norm": {},
    "no norm": {"norm": "none"},
    "told MAD": {"level": "mad"},
    "told differences": {"level": "difference"},
    "told mean |y|": {"level": "mean"},
    "told all": {},
    "told the truth": {"level": "given"},
    "wrapped": {},
}
ROWS = LARGER | {
    "linear": {"norm": "batch+nonnegative_l1*linear", "activation": "none"},
    "rectified": {"norm": "batch+l1*rectified", "activation": "none"},
    "residual norm": {"norm": "batch+nonnegative_l1*residual", "activation": "none"},
    "residual norm, two-sided": {"norm": "batch+l1*residual", "activation": "none"},
}
ROWS["rectified, told differences"] = ROWS["rectified"] | {"level": "difference"}

HYPOTHESIS = """\
Written before the study was run. Trained at any level, a normalisation of the proposal closes at
least 30 % of the distance between the best network of its family that is told an estimate of the
level, and the limit that knows the level. 'reached' and 'missed' are judged by what is missing to
30 %, seed by seed (sign test, p below 0.05 after Holm's correction for all lines). The best told
network is that with the least error on validation signals. Where the limit for an unknown level is
known, its share is the ceiling: no method that is not told can close more.
The second table compares all rows with 'linear', in percent of its error, by the sign test."""


def ways(setting, seed):
    """Train a network, or take a limit; a way is told the level only if its row is.

    Examples
    --------
    >>> list(ways(PILOT.settings[0] | {"steps": 2}, seed=0))
    ['']
    """
    row = setting["row"]
    if row == LIMIT:
        return {"": None}
    if row == BLIND_LIMIT:
        limit = bayes.POINTWISE[setting["family"]]
        grid = proposal.SIGMA_GRID
        return {"": blind(lambda noisy: bayes.unknown_sigma(limit, noisy, grid))}
    if row in NETS:
        net = NETS[row](**setting["shape"], init=setting["init"], rng=seed)
        net, _ = networks.fit(setting, seed, net=net)
    else:
        net = networks.train(setting, seed)
    return {"": lambda noisy, sigma: net.denoise(networks.with_level(setting, noisy, sigma))}


def signals_of(setting):
    """List the tests: signals of validation, and others, at any level."""
    named = {"validation": "validation", "as trained": "test"}
    return [({"test": test}, setting["sigma"], purpose) for test, purpose in named.items()]


def shares(rows):
    """Return how much of the distance from the best told network to the limit each row closes.

    A line has the ``family``, the best ``told`` network, ``row``, the ``share`` with its 95 %
    interval (`intervals.ratio`), the pairs ``above`` and ``below`` the goal, ``p``, ``p_holm`` and
    what is ``judged``; for `BLIND_LIMIT`, the ceiling, the share alone.
    """
    lines = []
    validation = Table(rows).where(test="validation", row=ESTIMATED).pivot("family", "row", "rmse")
    for family, group in Table(rows).where(test="as trained").by("family").items():
        told = min(validation[family], key=validation[family].get)
        errors = group.pivot("row", "seed", "rmse")
        start, end = errors[told], errors[LIMIT]
        for name in (*PROPOSED, BLIND_LIMIT):
            if name not in errors:
                continue
            seeds = sorted(errors[name].keys() & start.keys())
            gained = [start[seed] - errors[name][seed] for seed in seeds]
            whole = [start[seed] - end[seed] for seed in seeds]
            line = {"family": family, "told": told, "row": name}
            line |= zip(("share", "low", "high"), intervals.ratio(gained, whole), strict=True)
            missing = [verdict.GOAL * b - a for a, b in zip(gained, whole, strict=True)]
            below, above, p = intervals.sign(missing)
            p = None if name == BLIND_LIMIT else p
            lines.append(line | {"above": above, "below": below, "p": p})
    lines = tables.corrected(lines)
    for line in lines:
        sure = line["p"] is not None and line["p_holm"] < intervals.SIGNIFICANCE
        line["judged"] = ("reached" if line["above"] > line["below"] else "missed") if sure else ""
    return lines


def against(rows, control="linear"):
    """Compare all networks with a control, seed by seed, in percent of its error."""
    limits = (LIMIT, BLIND_LIMIT)
    tested = [x for x in rows if x["test"] == "as trained" and x["row"] not in limits]
    return fixed_maps.comparisons(tested, control, places=["family"])


def report(rows):
    """Write the hypothesis, `shares` and comparisons with 'linear'."""
    return "\n\n".join([HYPOTHESIS, *(tables.markdown(f(rows), 2) for f in (shares, against))])


def recipe(row, family, lr):
    """Return the recipe of a row on a family."""
    shape = networks.SHAPES[family] | ({"width": WIDTHS[family]} if row in LARGER else {})
    place = {"row": row, "family": family, "shape": shape, "lr": lr, "steps": 2000}
    return BLIND | place | ROWS[row]


LEARNING_RATES = (0.003, 0.01, 0.03)
PILOTED = [
    recipe(row, family, lr) for family in networks.SHAPES for row in ROWS for lr in LEARNING_RATES
]

PILOT = Protocol(
    name="controls-pilot",
    run_one=partial(run_ways, ways=ways, tests=signals_of, first_seed=3000),
    settings=PILOTED,
    seeds=2,
    table={"by": ["family", "row", "lr", "test"]},
    quick={"settings": shortened(PILOTED, 500), "seeds": 1, "signals": 20},
)
