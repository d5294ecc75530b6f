"""The slides' table again: networks with and without batch norm, and filters, on the same signals.

Each network is trained by the slides' recipe and by a better one, and tested with its batch norm in
all modes. Each filter stands there with the slides' parameter, tuned on noisy signals alone (SURE)
and with the clean ones (oracle). The limit is the last row.
"""

from denoiselib import bayes
from denoiselib.experiments import classical, networks, recipes
from denoiselib.experiments.protocol import shortened
from denoiselib.experiments.study import VALIDATION, blind, study
from denoiselib.filters import METHODS

SIGMA = 3.0
FILTERS = ("wiener", "l1_dft", "gmc_dft", "soft", "relu")
RECIPES = {
    "slides' recipe": networks.SLIDES,
    "slides' recipe, squared error": networks.SLIDES | {"loss": "mse"},
    "better recipe": networks.GOOD,
}

SETTINGS = [
    {"method": f"U-Net, {recipe}", **RECIPES[recipe], "norm": norm}
    for recipe, norm in (
        ("better recipe", "batch"),
        ("better recipe", "none"),
        ("slides' recipe", "batch"),
        ("slides' recipe", "none"),
        ("slides' recipe, squared error", "batch"),
    )
]
SETTINGS += [
    {"method": name, "tuning": tuning}
    for name in FILTERS
    for tuning in classical.TUNINGS
    if tuning != "slides" or METHODS[name].slides is not None
]
SETTINGS += [{"method": name} for name in ("noisy", "best for SmoothL1", "limit", "exact limit")]

BOUNDS = {
    "noisy": lambda noisy, sigma: noisy,
    "best for SmoothL1": bayes.sparse_spikes_posterior_huber,
    "exact limit": bayes.sparse_spikes_joint_posterior_mean,
}


def lines(setting, seed):
    """Train a network, used in each mode of batch norm; or tune a filter; or take a bound.

    Examples
    --------
    >>> list(lines({"method": "wiener", "tuning": "slides"}, seed=0))
    ['slides']
    """
    name = setting["method"]
    if name == "limit":
        return {"": None}
    if name in BOUNDS:
        return {"": BOUNDS[name]}
    if name in METHODS:
        *seen, _ = networks.draw("sparse_spikes", SIGMA, VALIDATION, seed, "validation")
        value = classical.tune(name, setting["tuning"], *seen, SIGMA)
        return {setting["tuning"]: lambda y, sigma: METHODS[name].denoise(y, SIGMA, value)}
    found = networks.modes(networks.train(setting, seed), setting, seed)
    return {mode: blind(denoise) for mode, denoise in found.items()}


def at_sigma(setting):
    """List the one test, at the slides' noise level."""
    return [({}, SIGMA, "test")]


PROTOCOL = study(
    lines,
    tests=at_sigma,
    column="version",
    name="slides-table",
    settings=SETTINGS,
    seeds=10,
    signals=3000,
    table={
        "by": ["method", "version"],
        "reference": {"method": "U-Net, slides' recipe", "version": "fixed"},
        "last": {"method": "limit"},
        "stuck": lambda row: row["rmse"] > recipes.STUCK,
    },
    quick={"settings": shortened(SETTINGS, 100), "seeds": 2, "signals": 200},
)
