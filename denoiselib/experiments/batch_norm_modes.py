"""Batch norm trained with small and large batches, and tested with statistics from everywhere.

At the noise level of the training and at others, on three families. All trainings see the same
number of signals; the learning rate goes with the root of the batch size.
"""

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import shortened
from denoiselib.experiments.study import blind, study

SIGMAS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
BATCHES = {"plain": (1, 4, 16, 64), "unet": (1, 64)}
SIGNALS = 32_000  #: that a training sees
BASE = networks.BASE | {"init": "lecun"}


def _recipe(net, family, batch, norm="batch"):
    lr = round(0.03 * (batch / 32) ** 0.5, 4)
    change = {"batch": batch, "lr": lr, "steps": SIGNALS // batch}
    return BASE | {"net": net, "family": family, "norm": norm} | change


SETTINGS = [
    setting
    for family in ("sparse_spikes", "pulses", "blocks")
    for setting in (
        {"net": "limit", "family": family, "batch": None},
        _recipe("plain", family, 16, norm="none"),
        *(_recipe(net, family, batch) for net in BATCHES for batch in BATCHES[net]),
    )
]


def modes(setting, seed):
    """Train a network at noise level 3; it is used in all modes of batch norm."""
    if setting["net"] == "limit":
        return {"": None}
    net = networks.train(setting, seed)
    found = networks.modes(net, setting, seed, batches=(1, 8, 64))
    return {mode: blind(denoise) for mode, denoise in found.items()}


def all_levels(setting):
    """List a test at each level: the same signals, but for the scale of the noise."""
    return [({"test_sigma": sigma}, sigma, "test") for sigma in SIGMAS]


PROTOCOL = study(
    modes,
    tests=all_levels,
    column="mode",
    name="batch-norm-modes",
    settings=SETTINGS,
    seeds=10,
    signals=1000,
    table={
        "by": ["family", "test_sigma", "net", "batch", "mode"],
        "reference": {"mode": "fixed"},
        "last": {"net": "limit"},
    },
    quick={"settings": shortened(SETTINGS, 100), "seeds": 2, "signals": 200},
)
