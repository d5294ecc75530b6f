"""The U-Net's recipe: which of its parts matter, and how many seeds get stuck.

One thing at a time is changed in a recipe that is short on purpose, so that what helps shows.
"""

from functools import partial

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import run_ways, trained

CHANGES = {
    "as it is": {},
    "learning rate 1e-2": {"lr": 1e-2},
    "learning rate 1e-3": {"lr": 1e-3},
    "schedule: constant": {"schedule": "constant"},
    "schedule: staircase": {"schedule": "staircase"},
    "schedule: warm restarts": {"schedule": "warm restarts"},
    "AdamW": {"optimizer": "adamw"},
    "gradient scaling": {"scaling": True},
    "gradient clipped to 1": {"clip": 1.0},
    "initial weights: He": {"init": "he"},
    "initial weights: LeCun": {"init": "lecun"},
    "average pooling": {"pool": "average"},
    "no batch norm": {"norm": "none"},
    "loss: SmoothL1": {"loss": "smooth_l1"},
    "batches of 4": {"batch": 4},
    "700 signals": {"signals": 700},
    "batches of 64": {"batch": 64},
    "2,000 steps": {"steps": 2000},
    "best of 3 starts": {"starts": 3},
    "3 starts, 2,000 steps, batches of 64, LeCun": networks.GOOD,
}
STUCK = 1.9  #: RMSE above which a training has led nowhere: worse than a single ReLU


def stuck(row):
    """Tell whether the training of a row is `STUCK`."""
    return row["rmse"] > STUCK


SETTINGS = [{"change": name, **networks.BASE, **change} for name, change in CHANGES.items()]

PROTOCOL = Protocol(
    name="recipes",
    run_one=partial(run_ways, ways=trained),
    settings=SETTINGS,
    together=networks.gains,
    seeds=20,
    signals=3000,
    table={"by": ["change"], "reference": {"change": "as it is"}, "stuck": stuck},
    quick={"settings": shortened(SETTINGS, 50), "seeds": 2, "signals": 200},
)
