"""The slides' proposal to the letter, in their own network: a sparse penalty of one fixed weight.

``Lambda ||X||^p`` has the proximal map of p: soft, firm, l_1/2 or hard thresholds. Here they stand
behind batch norm, in the place of the ReLU or in front of it. Their weight is learned, one number a
channel, and does not follow the signal.
"""

import itertools
from functools import partial

import numpy as np

from denoiselib.experiments import claims_measures, intervals, networks, recipes, tables
from denoiselib.experiments.candidates import BLIND, recipe
from denoiselib.experiments.proposal import FIRST_SEED, LEARNING_RATES, TEN_EPOCHS
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways
from denoiselib.experiments.table import Table
from denoiselib.nn.unet import DoubleConv

CONTROL = "batch norm"
MAPS = ("l1", "firm", "l_half", "l0")
ROWS = {CONTROL: ("batch", "relu"), "PReLU": ("batch", "prelu")}
ROWS |= {f"{p} in place of ReLU": (f"batch+{p}", "none") for p in MAPS}
ROWS |= {f"{p} in front of ReLU": (f"batch+{p}", "relu") for p in MAPS}
LEVELS = {"any level": BLIND["sigma"], "level 3": 3.0}
PLACE = ("family", "training", "row")  #: in which a learning rate is chosen
LOOKED_AT = 200  #: signals of which features are measured

HYPOTHESIS = f"""\
Written before the study was run. A fixed sparse map is better than batch norm with ReLU in the
U-Net: its error is smaller, or fewer of its trainings are stuck. All rows are compared with
'{CONTROL}', seed by seed, each at the learning rate that validation chose for its family: errors by
the sign test, stuck trainings by McNemar's. It holds in a line if p is below 0.05, corrected by
Holm's procedure for all lines of its table. Another table has PReLU for the control: what a map of
two signs gains without a threshold. Zeros: the share of features that are exactly 0."""


def ways(setting, seed):
    """Train a U-Net; its one way to denoise says how sparse the features are.

    They are those behind each double convolution: ``zeros`` is the share that is exactly 0, and
    ``hoyer`` the mean of `hoyer`.

    Examples
    --------
    >>> _, says = ways(SETTINGS[0] | {"steps": 2}, seed=0)[""]
    >>> list(says)
    ['zeros', 'hoyer']
    """
    net = networks.train(setting, seed)
    noisy, *_ = networks.draw(setting["family"], setting["sigma"], LOOKED_AT, seed)
    features = claims_measures.outputs(net, noisy, DoubleConv)
    says = {"zeros": float(np.mean([np.mean(x == 0) for x in features]))}
    says["hoyer"] = float(np.mean([hoyer(x).mean() for x in features]))
    return {"": (blind(net.denoise), says)}


def signals_of(setting):
    """List the tests of a setting: signals of validation, and others, as in training."""
    named = {"validation": "validation", "as trained": "test"}
    return [({"test": test}, setting["sigma"], purpose) for test, purpose in named.items()]


def hoyer(features):
    r"""Return how sparse the features ``(n, channels, length)`` of each signal are, from 0 to 1.

    Of N numbers, :math:`(\sqrt N - \|x\|_1 / \|x\|_2) / (\sqrt N - 1)`: 1 if one of them is not 0,
    and 0 if all have the same magnitude (Hoyer 2004, J. Mach. Learn. Res. 5); 0 if all are 0.

    Examples
    --------
    >>> print(hoyer(np.array([[[0.0, 3.0, 0.0, 0.0]], [[1.0, -1.0, 1.0, 1.0]]])))
    [1. 0.]
    """
    x = abs(features.reshape(len(features), -1)).astype(float)
    root, energy = np.sqrt(x.shape[1]), np.sqrt((x**2).sum(axis=1))
    ratio = np.divide(x.sum(axis=1), energy, out=np.full(len(x), root), where=energy > 0)
    return (root - ratio) / (root - 1)


def comparisons(rows, control=CONTROL, column="rmse", places=("family", "training")):
    """Compare all rows with a control, in each place, seed by seed, in percent of its error.

    Of a `column` ``"stuck"``, lines have the difference of shares, and McNemar's test.
    """
    lines = []
    for place, group in Table(rows).by(*places).items():
        found = group.pivot("row", "seed", column)
        base = found.pop(control)
        key = dict(zip(places, place if isinstance(place, tuple) else (place,), strict=True))
        for name, values in found.items():
            seeds = sorted(values.keys() & base.keys())
            a, b = [values[s] for s in seeds], [base[s] for s in seeds]
            line = key | {"row": name, "seeds": len(seeds)}
            if column == "stuck":
                worse, better, p = intervals.mcnemar(a, b)
                line["median"] = float(np.mean(a) - np.mean(b))
            else:
                percent = [100 * (x / y - 1) for x, y in zip(a, b, strict=True)]
                worse, better, p = intervals.sign(percent)
                line |= zip(("median", "low", "high"), intervals.median(percent), strict=True)
            lines.append(line | {"better": better, "worse": worse, "p": p})
    return tables.corrected(lines)


def report(rows):
    """Write the hypothesis, the medians at the chosen learning rates, and the `comparisons`."""
    rows, lines = Table(rows), []
    judged = rows.where(test="validation")
    chosen = rows.where(test="as trained").best("lr", PLACE, "rmse", judged=judged)
    for (family, training, name), group in chosen.by(*PLACE).items():
        line = {"family": family, "training": training, "row": name, "lr": group[0]["lr"]}
        for column in ("gap", "zeros", "hoyer"):
            line[column] = f"{np.median(group.column(column)):.2f}"
        lines.append(line)
    parts = [HYPOTHESIS, "Medians over seeds, gap in percent", tables.markdown(lines)]
    for control in (CONTROL, "PReLU"):
        table = tables.markdown(comparisons(chosen, control), 2)
        parts += [f"Difference to '{control}', percent of its error", table]
    return "\n\n".join(parts)


def report_stuck(rows):
    """Write which share of trainings is stuck, with its interval, and the `comparisons`."""
    tested, lines = Table(rows).where(test="as trained"), []
    rows = Table(row | {"stuck": recipes.stuck(row)} for row in tested)
    for name, group in rows.by("row").items():
        found = intervals.share(sum(group.column("stuck")), len(group))
        lines.append({"row": name, **dict(zip(("stuck", "low", "high"), found, strict=True))})
    parts = [HYPOTHESIS, tables.markdown(lines, 3)]
    compared = comparisons(rows, column="stuck", places=["family"])
    return "\n\n".join([*parts, tables.markdown(compared, 3)])


def _settings(**changes):
    return [
        recipe(CONTROL, "sparse_spikes", net="unet", shape={}, norm=norm, activation=activation)
        | {"row": name, **changes}
        for name, (norm, activation) in ROWS.items()
    ]


SETTINGS = [
    setting
    for family, (training, sigma) in itertools.product(networks.SHAPES, LEVELS.items())
    for lr in LEARNING_RATES
    for setting in _settings(family=family, training=training, sigma=sigma, lr=lr)
]
STUCK_SETTINGS = _settings(steps=438, **TEN_EPOCHS)

RUN = partial(run_ways, ways=ways, tests=signals_of, first_seed=FIRST_SEED)

PROTOCOL = Protocol(
    name="fixed-maps",
    run_one=RUN,
    settings=SETTINGS,
    together=networks.gains,
    seeds=24,
    table={"by": ["family", "training", "test", "row", "lr"]},
    report=report,
    quick={"settings": shortened(SETTINGS, 500), "seeds": 1, "signals": 20},
)

STUCK = Protocol(
    name="fixed-maps-stuck",
    run_one=RUN,
    settings=STUCK_SETTINGS,
    together=networks.gains,
    seeds=48,
    table={"by": ["row", "test"], "stuck": recipes.stuck},
    report=report_stuck,
    quick={"settings": shortened(STUCK_SETTINGS, 100), "seeds": 2, "signals": 20},
)
