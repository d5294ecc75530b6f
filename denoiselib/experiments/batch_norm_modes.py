"""Batch norm trained with small and large batches, and tested with statistics from everywhere.

At the noise level of the training and at others, on three families. All trainings see the same
number of signals; the learning rate goes with the root of the batch size.
"""

from functools import partial

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways

SIGNALS = 32_000  #: that a training sees
#: Network, batch size and norm.
TRAININGS = [("plain", 16, "none"), *(("plain", batch, "batch") for batch in (1, 4, 16, 64))]
TRAININGS += [("unet", batch, "batch") for batch in (1, 64)]


SETTINGS = []
for family in ("sparse_spikes", "pulses", "blocks"):
    SETTINGS.append({"net": "limit", "family": family, "batch": None})
    for net, batch, norm in TRAININGS:
        change = {"init": "lecun", "net": net, "family": family, "norm": norm, "batch": batch}
        change |= {"lr": round(0.03 * (batch / 32) ** 0.5, 4), "steps": SIGNALS // batch}
        SETTINGS.append(networks.BASE | change)


def modes(setting, seed):
    """Train a network at noise level 3; it is used in all modes of batch norm."""
    if setting["net"] == "limit":
        return {"": None}
    found = networks.modes(networks.train(setting, seed), setting, seed, batches=(1, 8, 64))
    return {mode: blind(denoise) for mode, denoise in found.items()}


def all_levels(setting):
    """List a test at each level: the same signals, but for the scale of the noise."""
    return [({"test_sigma": sigma}, sigma, "test") for sigma in networks.SIGMAS]


PROTOCOL = Protocol(
    name="batch-norm-modes",
    run_one=partial(run_ways, ways=modes, tests=all_levels, column="mode"),
    settings=SETTINGS,
    together=networks.gains,
    seeds=10,
    table={
        "by": ["family", "test_sigma", "net", "batch", "mode"],
        "reference": {"mode": "fixed"},
        "last": {"net": "limit"},
    },
    quick={"settings": shortened(SETTINGS, 100), "seeds": 2, "signals": 200},
)
