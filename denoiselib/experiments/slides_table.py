"""The slides' table again: networks with and without batch norm, and filters, on the same signals.

Each network is trained by the slides' recipe and by a better one, and tested with its batch norm in
all modes. Each filter stands there with the slides' parameter, tuned on noisy signals alone (SURE)
and with the clean ones (oracle). The limit is the last row.
"""

from denoiselib import bayes
from denoiselib.experiments import classical, networks, recipes
from denoiselib.experiments.protocol import Protocol, shortened
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
    "limit": bayes.sparse_spikes_posterior_mean,
    "exact limit": bayes.sparse_spikes_joint_posterior_mean,
}


def run_one(setting, seed, signals=3000, validation=500):
    """Measure one line of the table, for a network one in each mode of batch norm.

    Parameters
    ----------
    setting : dict
        ``method``; for networks also a recipe as `networks.BASE`, for filters ``tuning``.
    seed : int
        Draws weights and signals.
    signals, validation : int
        Number of signals to test on, and to choose parameters on.

    Returns
    -------
    list of dict
        Rows with ``version`` (the mode, or how the parameter was found), ``rmse``,
        ``slide_psnr`` and ``gap``, the distance from the limit in percent.

    Examples
    --------
    >>> for row in run_one({"method": "wiener", "tuning": "slides"}, seed=0, signals=100):
    ...     print(row["version"], f"{row['rmse']:.1f}")
    slides 2.4
    """
    noisy, clean, _ = networks.draw("sparse_spikes", SIGMA, signals, seed)
    name, best = setting["method"], bayes.sparse_spikes_posterior_mean(noisy, SIGMA)
    if name in BOUNDS:
        estimates = {"": BOUNDS[name](noisy, SIGMA)}
    elif name in METHODS:
        *seen, _ = networks.draw("sparse_spikes", SIGMA, validation, seed, "validation")
        value = classical.tune(name, setting["tuning"], *seen, SIGMA)
        estimates = {setting["tuning"]: METHODS[name].denoise(noisy, SIGMA, value)}
    else:
        net = networks.train(setting, seed)
        ways = networks.modes(net, setting, seed)
        estimates = {way: denoise(noisy) for way, denoise in ways.items()}
    return [
        {"version": version} | networks.scores(estimate, clean, best)
        for version, estimate in estimates.items()
    ]


PROTOCOL = Protocol(
    name="slides-table",
    run_one=run_one,
    settings=SETTINGS,
    seeds=10,
    signals=3000,
    table={
        "by": ["method", "version"],
        "reference": {"method": "U-Net, slides' recipe", "version": "fixed"},
        "last": {"method": "limit"},
        "stuck": lambda row: row["rmse"] > recipes.STUCK,
    },
    quick={
        "settings": shortened(SETTINGS, 100),
        "seeds": 2,
        "signals": 200,
    },
)
