"""The slides' proposal, judged: sparse and adaptive normalisations in the place of batch norm.

A variant whose threshold follows the noise level is compared where that could matter: with training
signals of any level. A short screening tries all variants, each with the same two learning rates;
validation signals choose one, and say who goes on. The study takes other seeds: what was chosen
because it was lucky shall not be lucky twice. `verdict` draws the conclusions.
"""

import numpy as np

from denoiselib import bayes, metrics
from denoiselib.experiments import networks, recipes
from denoiselib.experiments.candidates import CANDIDATES, CHOSEN, CONTROLS, FINALISTS, recipe
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.verdict import (
    TOLD,
    against,
    closed,
    goals,
    ranking,
    report,
    report_screening,
    report_tuned,
    tuned,
)

__all__ = [
    "CANDIDATES",
    "CHOSEN",
    "CONTROLS",
    "FINALISTS",
    "SCREEN",
    "STUCK",
    "STUDY",
    "TOLD",
    "UNET",
    "against",
    "closed",
    "goals",
    "ranking",
    "recipe",
    "run_one",
    "tuned",
]

LIMIT, UNKNOWN = "limit", "limit, level unknown"  #: rows that are no networks

SIGMAS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
GRID = np.linspace(1.0, 5.0, 17)  #: of noise levels, for those who are not told it


def run_one(setting, seed, signals=1000):
    """Train, and measure with running statistics at all noise levels.

    Parameters
    ----------
    setting : dict
        As `recipe` makes it; or ``row``: ``"limit"`` or
        ``"limit, level unknown"``, with ``family`` and ``sigma``.
    seed : int
        Draws weights and signals.
    signals : int
        Number of test signals, the same at all levels but for the scale of the noise.

    Returns
    -------
    list of dict
        For each ``test``: a noise level, ``"as trained"``, the mean over the levels of the
        training, ``"elsewhere"``, the mean over the others, and ``"validation"``, 500 other signals
        as in training, the ``rmse`` and the ``gap`` to the limit in percent.

    Examples
    --------
    >>> rows = run_one({"row": "limit", "family": "blocks", "sigma": 3.0}, seed=0, signals=50)
    >>> [row["test"] for row in rows]
    ['1', '2', '3', '4', '5', '6', 'as trained', 'elsewhere', 'validation']
    >>> rows[6]["rmse"] == rows[2]["rmse"]
    True
    """
    denoise = _estimator(setting, seed)

    def errors(sigma, *drawn):
        low_high = tuple(sigma) if np.ndim(sigma) else sigma
        noisy, clean, sigma, best = networks.draw_with_limit(setting["family"], low_high, *drawn)
        estimate = best if denoise is None else denoise(noisy, sigma)
        return np.array([metrics.rmse(x, clean).mean() for x in (estimate, best)])

    low, high = np.broadcast_to(setting["sigma"], 2)
    inside = np.array([low <= sigma <= high for sigma in SIGMAS])
    table = np.array([errors(sigma, signals, seed) for sigma in SIGMAS])
    tests = {f"{sigma:g}": pair for sigma, pair in zip(SIGMAS, table, strict=True)}
    tests["as trained"] = table[inside].mean(axis=0)
    tests["elsewhere"] = table[~inside].mean(axis=0)
    tests["validation"] = errors(setting["sigma"], 500, seed, "validation")
    return [
        {"test": test, "rmse": float(error), "gap": float(100 * (error / least - 1))}
        for test, (error, least) in tests.items()
    ]


def _estimator(setting, seed):
    """Return ``denoise(noisy, sigma)``, or None for the limit itself."""
    family = setting["family"]
    if setting["row"] == LIMIT:
        return None
    if setting["row"] == UNKNOWN:
        return lambda noisy, sigma: bayes.unknown_sigma(bayes.POINTWISE[family], noisy, GRID)
    net = networks.train(setting, seed)
    return lambda noisy, sigma: net.denoise(networks.with_level(setting, noisy, sigma))


LEARNING_RATES = (0.01, 0.03)
SCREENED = [
    setting
    for family in ("sparse_spikes", "blocks")
    for setting in (
        *(recipe(name, family, lr=lr) for name in CONTROLS | CANDIDATES for lr in LEARNING_RATES),
        *(
            {"row": limit, "family": family, "sigma": [1.0, 5.0], "lr": None}
            for limit in (LIMIT, UNKNOWN)
        ),
    )
]

SCREEN = Protocol(
    name="proposal-screen",
    run_one=run_one,
    settings=SCREENED,
    seeds=3,
    table={
        "by": ["family", "test", "row", "lr"],
        "reference": {"row": "batch norm"},
        "last": {"row": LIMIT},
    },
    report=report_screening,
    quick={"settings": shortened(SCREENED, 200), "seeds": 1, "signals": 50},
)

#: What is learned from, as changes of a recipe.
TRAININGS = {
    "any level": {"steps": 2000},
    "any level, 700 signals": {"signals": 700},
    "level 3": {"sigma": 3.0},
}


STUDIED = [
    {"training": training} | setting
    for family in networks.SHAPES
    for training, change in TRAININGS.items()
    for setting in (
        *(recipe(name, family, lr=lr, **change) for name, lr in CHOSEN.items()),
        {"row": LIMIT, "family": family, "sigma": change.get("sigma", [1.0, 5.0])},
    )
]
STUDIED += [
    {"training": "any level", "row": UNKNOWN, "family": family, "sigma": [1.0, 5.0]}
    for family in ("sparse_spikes", "blocks")
]


def run_fresh(setting, seed, signals=1000):
    """As `run_one`, with seeds that the screening has not seen."""
    return run_one(setting, seed + 1000, signals)


STUDY = Protocol(
    name="proposal",
    run_one=run_fresh,
    settings=STUDIED,
    seeds=12,
    table={"by": ["family", "training", "test", "row"], "last": {"row": LIMIT}},
    report=report,
    quick={"settings": shortened(STUDIED, 1000), "seeds": 2, "signals": 20},
)

#: The best three, and the controls that differ in a U-Net, whose width is given.
IN_UNET = [*list(FINALISTS)[:3], *(name for name in CONTROLS if name != "batch norm, wide")]
UNET_SETTINGS = [
    {"training": "any level"} | setting
    for family in ("sparse_spikes", "blocks")
    for setting in (
        *(recipe(n, family, net="unet", shape={}, lr=lr) for n in IN_UNET for lr in LEARNING_RATES),
        {"row": LIMIT, "family": family, "sigma": [1.0, 5.0], "lr": None},
    )
]

UNET = Protocol(
    name="proposal-unet",
    run_one=run_fresh,
    settings=UNET_SETTINGS,
    seeds=12,
    table={"by": ["family", "test", "row", "lr"], "last": {"row": LIMIT}},
    report=report_tuned,
    quick={"settings": shortened(UNET_SETTINGS, 500), "seeds": 2, "signals": 20},
)


def run_matched(setting, seed, signals=1000):
    """As `run_fresh`, measured only where it was trained."""
    return [row for row in run_fresh(setting, seed, signals) if row["test"] == "as trained"]


#: Ten times 700 signals, sixteen at a time.
TEN_EPOCHS = {"net": "unet", "shape": {}, "sigma": 3.0, "signals": 700, "batch": 16, "lr": 0.01}
STUCK_SETTINGS = [recipe(n, "sparse_spikes", steps=438, **TEN_EPOCHS) for n in IN_UNET]

STUCK = Protocol(
    name="proposal-stuck",
    run_one=run_matched,
    settings=STUCK_SETTINGS,
    seeds=48,
    table={"by": ["row"], "stuck": lambda row: row["rmse"] > recipes.STUCK},
    quick={"settings": shortened(STUCK_SETTINGS, 100), "seeds": 2, "signals": 20},
)
