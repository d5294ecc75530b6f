"""Does the prior network help? With it, without it, and with it but untrained, paired by seed."""

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol, shortened

RECIPE = networks.BASE | {"init": "lecun", "batch": 16, "lr": 1e-2, "steps": 4000}
TASKS = {
    "spikes": {},
    "spikes, sigma 1 to 5": {"sigma": [1.0, 5.0]},
    "blocks, sigma 1 to 5": {"family": "blocks", "sigma": [1.0, 5.0]},
}
PRIORS = {"without": False, "untrained": "frozen", "trained": True}

SETTINGS = [
    {"task": task, "variant": variant, **RECIPE, **TASKS[task], "prior": PRIORS[variant]}
    for task in TASKS
    for variant in PRIORS
]


def run_one(setting, seed, signals=3000):
    """Train, and measure in batches of the training's size, with running statistics.

    Parameters
    ----------
    setting : dict
        A recipe as `networks.BASE`, with ``task`` and ``variant``, its names.
    seed : int
        Draws weights and signals.
    signals : int
        Number of test signals.

    Returns
    -------
    list of dict
        One row: ``rmse``, ``slide_psnr``, ``gap`` (to the limit that knows
        the noise level, in percent) and ``beta``, the weight of the mask (null without a prior).

    Examples
    --------
    >>> (row,) = run_one(SETTINGS[1] | {"steps": 5}, seed=0, signals=32)
    >>> row["beta"]  # untrained: as it was at the start
    0.5
    """
    net = networks.train(setting, seed)
    noisy, clean, sigma = networks.draw(setting["family"], setting["sigma"], signals, seed)
    best = networks.limit(setting["family"], noisy, sigma)
    estimate = net.denoise(noisy, batch_size=setting["batch"])
    beta = net.wienernet.beta.data.item() if setting["prior"] else None
    return [networks.scores(estimate, clean, best) | {"beta": beta}]


PROTOCOL = Protocol(
    name="prior",
    run_one=run_one,
    settings=SETTINGS,
    seeds=10,
    signals=3000,
    table={"by": ["task", "variant"], "reference": {"variant": "without"}},
    quick={
        "settings": shortened(SETTINGS, 100),
        "seeds": 2,
        "signals": 200,
    },
)
