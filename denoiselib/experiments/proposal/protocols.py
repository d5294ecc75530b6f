"""Three protocols: all variants on a short leash, the finalists everywhere, the best in the U-Net.

A variant that follows the noise level is compared where that could matter, with training signals of
any level. Each row is tried with the same two learning rates; validation signals choose one, and
say who goes on.
"""

from denoiselib.experiments.proposal.candidates import CANDIDATES, CONTROLS, recipe
from denoiselib.experiments.proposal.measure import run_one
from denoiselib.experiments.protocol import Protocol, shortened

RATES = (0.01, 0.03)
BOUNDS = ("limit", "limit, level unknown")


def bounds(family, sigma, **more):
    """Return the settings of the limits; the unknown level only where it is unknown, and cheap."""
    known = {"row": "limit", "family": family, "sigma": sigma, "lr": None, **more}
    if sigma == 3.0 or family == "pulses":
        return [known]
    return [known, known | {"row": "limit, level unknown"}]


SCREENED = [
    setting
    for family in ("sparse_spikes", "blocks")
    for setting in (
        *(recipe(name, family, lr=lr) for name in CONTROLS | CANDIDATES for lr in RATES),
        *bounds(family, [1.0, 5.0]),
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
