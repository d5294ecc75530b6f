"""The screening: all variants and controls on a short leash.

A variant that follows the noise level is compared where that could matter, with training signals of
any level. Each row is tried with the same two learning rates; validation signals choose one, and
say who goes on.
"""

from denoiselib.experiments.proposal.candidates import CANDIDATES, CONTROLS, recipe
from denoiselib.experiments.proposal.measure import run_one
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
    quick={"settings": shortened(SCREENED, 200), "seeds": 1, "signals": 50},
)
