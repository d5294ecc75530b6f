"""Does the prior network help? With it, without it, and with it but untrained, paired by seed."""

from functools import partial

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways

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


def ways(setting, seed):
    """Train a network, and use it in all `networks.modes` of its statistics.

    A row holds ``beta``, the weight of the mask; null without a prior.

    Examples
    --------
    >>> found = ways(SETTINGS[1] | {"steps": 5}, seed=0)
    >>> list(found), found["fixed"][1]  # untrained: as it was at the start
    (['fixed', 'recalibrated', 'batch 16'], {'beta': 0.5})
    """
    net = networks.train(setting, seed)
    says = {"beta": net.wienernet.beta.data.item() if setting["prior"] else None}
    found = networks.modes(net, setting, seed, batches=[setting["batch"]])
    return {mode: (blind(denoise), says) for mode, denoise in found.items()}


PROTOCOL = Protocol(
    name="prior",
    run_one=partial(run_ways, ways=ways, column="mode"),
    settings=SETTINGS,
    together=networks.gains,
    seeds=10,
    signals=3000,
    table={"by": ["task", "mode", "variant"], "reference": {"variant": "without"}},
    quick={"settings": shortened(SETTINGS, 100), "seeds": 2, "signals": 200},
)
