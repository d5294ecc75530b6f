"""The slides' proposal as studies: sparse and adaptive normalisations in place of batch norm.

Training signals have any noise level, since only there can it help that thresholds follow the
level. A short screening trains all variants with two learning rates each; validation signals choose
the rates and the finalists. The study takes other seeds, since the best of many variants owes a
part of its lead to chance (selection bias). `verdict` draws the conclusions.
"""

import itertools
from functools import partial

import numpy as np

from denoiselib import bayes
from denoiselib.experiments import candidates, networks, recipes, verdict
from denoiselib.experiments.candidates import CHOSEN, CONTROLS, FINALISTS, LIMIT, limits, recipe
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import compare

SIGMA_GRID = np.linspace(1.0, 5.0, 17)  #: noise levels that `BLIND_LIMIT` averages over
FIRST_SEED = 1000  #: of the study: the screening has other signals


def run_one(setting, seed, signals=1000, *, first_seed=0, tests=None):
    """Train a network, and measure it with running statistics at all noise levels.

    The setting is a `recipe`, or has `LIMIT` or `BLIND_LIMIT` for its ``row``. Test signals differ
    between levels only in the scale of the noise. Rows hold ``rmse`` and ``gap``, the distance from
    the limit in percent, for each ``test`` (or those in `tests`): a noise level; ``"as trained"``,
    the mean over the levels of the training; ``"elsewhere"``, over the others; ``"validation"``,
    500 other signals as in training.

    Examples
    --------
    >>> rows = run_one({"row": LIMIT, "family": "blocks", "sigma": 3.0}, seed=0, signals=50)
    >>> [row["test"] for row in rows]
    ['1', '2', '3', '4', '5', '6', 'as trained', 'elsewhere', 'validation']
    """
    seed += first_seed
    ways = {"row": _way(setting, seed), LIMIT: None}

    def errors(sigma, n, purpose="test"):
        return compare(ways, setting["family"], sigma, n, seed, purpose).column("rmse")

    low, high = np.broadcast_to(setting["sigma"], 2)
    inside = np.array([low <= sigma <= high for sigma in networks.SIGMAS])
    table = np.array([errors(sigma, signals) for sigma in networks.SIGMAS])
    measured = {f"{sigma:g}": pair for sigma, pair in zip(networks.SIGMAS, table, strict=True)}
    measured["as trained"] = table[inside].mean(axis=0)
    measured["elsewhere"] = table[~inside].mean(axis=0)
    measured["validation"] = errors(setting["sigma"], networks.VALIDATION, "validation")
    return [
        {"test": test, "rmse": float(error), "gap": float(100 * (error / least - 1))}
        for test, (error, least) in measured.items()
        if tests is None or test in tests
    ]


def _way(setting, seed):
    """Return ``denoise(noisy, sigma)``, or None for the limit itself."""
    if setting["row"] == LIMIT:
        return None
    if setting["row"] == candidates.BLIND_LIMIT:
        limit = bayes.POINTWISE[setting["family"]]
        return lambda noisy, sigma: bayes.unknown_sigma(limit, noisy, SIGMA_GRID)
    net = networks.train(setting, seed)
    return lambda noisy, sigma: net.denoise(networks.with_level(setting, noisy, sigma))


LEARNING_RATES = (0.01, 0.03)
BY_RATE = ["family", "test", "row", "lr"]
KNOWN = ("sparse_spikes", "blocks")  #: families whose limit is known at an unknown level
SCREENED = []
for family in KNOWN:
    SCREENED += [recipe(n, family, lr=lr) for n in candidates.VARIANTS for lr in LEARNING_RATES]
    SCREENED += limits(family, lr=None)

SCREEN = Protocol(
    name="proposal-screen",
    run_one=run_one,
    settings=SCREENED,
    seeds=3,
    table={"by": BY_RATE, "reference": {"row": "batch norm"}, "last": {"row": LIMIT}},
    report=verdict.report_screening,
    quick={"settings": shortened(SCREENED, 200), "seeds": 1, "signals": 50},
)

#: What a network is trained on, as changes of a recipe.
TRAININGS = {
    "any level": {"steps": 2000},
    "any level, 700 signals": {"signals": 700},
    "level 3": {"sigma": 3.0},
}
STUDIED = []
for family, (training, change) in itertools.product(networks.SHAPES, TRAININGS.items()):
    trained = [recipe(name, family, lr=lr, **change) for name, lr in CHOSEN.items()]
    trained += limits(family, rows=[LIMIT], sigma=change.get("sigma", candidates.BLIND["sigma"]))
    STUDIED += [{"training": training} | setting for setting in trained]
for family in KNOWN:
    STUDIED += [
        {"training": "any level"} | x for x in limits(family, rows=[candidates.BLIND_LIMIT])
    ]

STUDY = Protocol(
    name="proposal",
    run_one=partial(run_one, first_seed=FIRST_SEED),
    settings=STUDIED,
    seeds=12,
    table={"by": ["family", "training", "test", "row"], "last": {"row": LIMIT}},
    report=verdict.report,
    quick={"settings": shortened(STUDIED, 1000), "seeds": 2, "signals": 20},
)

#: The best three, and the controls that differ in a U-Net, whose width is given.
IN_UNET = [*list(FINALISTS)[:3], *(name for name in CONTROLS if name != "batch norm, wide")]
UNET_SETTINGS = []
for family in KNOWN:
    change = {"net": "unet", "shape": {}}
    trained = [recipe(n, family, **change, lr=lr) for n in IN_UNET for lr in LEARNING_RATES]
    trained += limits(family, rows=[LIMIT], lr=None)
    UNET_SETTINGS += [{"training": "any level"} | setting for setting in trained]

UNET = Protocol(
    name="proposal-unet",
    run_one=partial(run_one, first_seed=FIRST_SEED),
    settings=UNET_SETTINGS,
    together=networks.gains,
    seeds=12,
    table={"by": BY_RATE, "last": {"row": LIMIT}},
    report=verdict.report_tuned,
    quick={"settings": shortened(UNET_SETTINGS, 500), "seeds": 2, "signals": 20},
)

#: Ten epochs of 700 signals, in batches of 16.
TEN_EPOCHS = {"net": "unet", "shape": {}, "sigma": 3.0, "signals": 700, "batch": 16, "lr": 0.01}
STUCK_SETTINGS = [recipe(n, "sparse_spikes", steps=438, **TEN_EPOCHS) for n in IN_UNET]

STUCK = Protocol(
    name="proposal-stuck",
    run_one=partial(run_one, first_seed=FIRST_SEED, tests=("as trained",)),
    settings=STUCK_SETTINGS,
    together=networks.gains,
    seeds=48,
    table={"by": ["row"], "stuck": recipes.stuck},
    quick={"settings": shortened(STUCK_SETTINGS, 100), "seeds": 2, "signals": 20},
)
