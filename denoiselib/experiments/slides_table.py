"""The slides' table again: networks with and without batch norm, and filters, on the same signals.

Each network is trained by the slides' recipe and by a better one, and tested with its batch norm in
all modes. Each filter stands there with the slides' parameter, tuned on noisy signals alone (SURE)
and with the clean ones (oracle). The limit is the last row.
"""

from functools import partial

from denoiselib import bayes
from denoiselib.experiments import classical, networks, recipes
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways
from denoiselib.filters import METHODS

SIGMA = networks.BASE["sigma"]
SLIDES_FILTERS = ("wiener", "l1_dft", "gmc_dft", "soft", "relu")
BOUNDS = {
    "noisy": lambda noisy, sigma: noisy,
    "best for SmoothL1": bayes.sparse_spikes_posterior_huber,
    "limit": None,
    "exact limit": bayes.sparse_spikes_joint_posterior_mean,
}
NETS = {
    "better recipe": (networks.GOOD, ("batch", "none")),
    "slides' recipe": (networks.SLIDES, ("batch", "none")),
    "slides' recipe, squared error": (networks.SLIDES | {"loss": "mse"}, ("batch",)),
}
SETTINGS = [
    {"method": f"U-Net, {name}", **recipe, "norm": norm}
    for name, (recipe, norms) in NETS.items()
    for norm in norms
]
SETTINGS += [{"method": m, "tuning": t} for m in SLIDES_FILTERS for t in classical.tunings(m)]
SETTINGS += [{"method": name} for name in BOUNDS]


def lines(setting, seed):
    """Train a network, used in each mode of batch norm; or tune a filter; or take a bound.

    Examples
    --------
    >>> list(lines({"method": "wiener", "tuning": "slides"}, seed=0))
    ['slides']
    """
    name = setting["method"]
    if name in BOUNDS:
        return {"": BOUNDS[name]}
    if name in METHODS:
        *seen, _ = networks.draw("sparse_spikes", SIGMA, networks.VALIDATION, seed, "validation")
        value = classical.tune(name, setting["tuning"], *seen, SIGMA)
        return {setting["tuning"]: lambda y, sigma: METHODS[name].denoise(y, SIGMA, value)}
    found = networks.modes(networks.train(setting, seed), setting, seed)
    return {mode: blind(denoise) for mode, denoise in found.items()}


PROTOCOL = Protocol(
    name="slides-table",
    run_one=partial(run_ways, ways=lines, column="version"),
    settings=SETTINGS,
    together=networks.gains,
    seeds=10,
    signals=3000,
    table={
        "by": ["method", "version"],
        "reference": {"method": "U-Net, slides' recipe", "version": "fixed"},
        "last": {"method": "limit"},
        "stuck": recipes.stuck,
    },
    quick={"settings": shortened(SETTINGS, 100), "seeds": 2, "signals": 200},
)
