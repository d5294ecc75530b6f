"""A screening of all variants on a short leash, and the study of those that came out best.

A variant that follows the noise level is compared where that could matter, with training signals of
any level. In the screening each row is tried with the same two learning rates; validation signals
choose one, and say who goes on. The study takes other seeds: what was chosen because it was lucky
shall not be lucky twice.
"""

from denoiselib.experiments import recipes
from denoiselib.experiments.proposal.candidates import (
    CANDIDATES,
    CHOSEN,
    CONTROLS,
    FINALISTS,
    SHAPES,
    recipe,
)
from denoiselib.experiments.proposal.measure import run_one
from denoiselib.experiments.proposal.verdict import report, report_screening, report_tuned
from denoiselib.experiments.protocol import Protocol, shortened

RATES = (0.01, 0.03)
SCREENED = [
    setting
    for family in ("sparse_spikes", "blocks")
    for setting in (
        *(recipe(name, family, lr=lr) for name in CONTROLS | CANDIDATES for lr in RATES),
        *(
            {"row": limit, "family": family, "sigma": [1.0, 5.0], "lr": None}
            for limit in ("limit", "limit, level unknown")
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
        "last": {"row": "limit"},
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
    for family in SHAPES
    for training, change in TRAININGS.items()
    for setting in (
        *(recipe(name, family, lr=lr, **change) for name, lr in CHOSEN.items()),
        {"row": "limit", "family": family, "sigma": change.get("sigma", [1.0, 5.0])},
    )
]
STUDIED += [
    {"training": "any level", "row": "limit, level unknown", "family": family, "sigma": [1.0, 5.0]}
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
    table={"by": ["family", "training", "test", "row"], "last": {"row": "limit"}},
    report=report,
    quick={"settings": shortened(STUDIED, 1000), "seeds": 2, "signals": 20},
)

#: The best three, and the controls that differ in a U-Net, whose width is given.
IN_UNET = [*list(FINALISTS)[:3], *(name for name in CONTROLS if name != "batch norm, wide")]
UNET_SETTINGS = [
    {"training": "any level"} | setting
    for family in ("sparse_spikes", "blocks")
    for setting in (
        *(recipe(n, family, net="unet", shape={}, lr=lr) for n in IN_UNET for lr in RATES),
        {"row": "limit", "family": family, "sigma": [1.0, 5.0], "lr": None},
    )
]

UNET = Protocol(
    name="proposal-unet",
    run_one=run_fresh,
    settings=UNET_SETTINGS,
    seeds=12,
    table={"by": ["family", "test", "row", "lr"], "last": {"row": "limit"}},
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
