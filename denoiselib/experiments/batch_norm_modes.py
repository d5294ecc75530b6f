"""Batch norm trained with small and large batches, and tested with statistics from everywhere.

At the noise level of the training and at others, on three families. All trainings see the same
number of signals; the learning rate goes with the root of the batch size.
"""

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol, shortened

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


def run_one(setting, seed, signals=1000):
    """Train at noise level 3, and measure at all levels in all modes.

    Parameters
    ----------
    setting : dict
        A recipe as `networks.BASE`, or ``family`` and the `net` ``"limit"``.
    seed : int
        Draws weights and signals.
    signals : int
        Number of test signals, the same at all levels but for the scale of the noise.

    Returns
    -------
    list of dict
        Rows with ``test_sigma``, ``mode`` (see `networks.modes`), ``rmse``, ``slide_psnr`` and
        ``gap``, the distance from the limit in percent.

    Examples
    --------
    >>> rows = run_one({"net": "limit", "family": "blocks"}, seed=0, signals=100)
    >>> [f"{row['rmse']:.1f}" for row in rows]
    ['0.3', '0.6', '0.9', '1.2', '1.3', '1.5']
    """
    family, ways = setting["family"], {}
    if setting["net"] != "limit":
        net = networks.train(setting, seed)
        ways = networks.modes(net, setting, seed, batches=(1, 8, 64))
    rows = []
    for sigma in SIGMAS:
        noisy, clean, _ = networks.draw(family, sigma, signals, seed)
        best = networks.limit(family, noisy, sigma)
        estimates = {mode: denoise(noisy) for mode, denoise in ways.items()} or {"": best}
        rows += [
            {"test_sigma": sigma, "mode": mode} | networks.scores(estimate, clean, best)
            for mode, estimate in estimates.items()
        ]
    return rows


PROTOCOL = Protocol(
    name="batch-norm-modes",
    run_one=run_one,
    settings=SETTINGS,
    seeds=10,
    signals=1000,
    table={
        "by": ["family", "test_sigma", "net", "batch", "mode"],
        "reference": {"mode": "fixed"},
        "last": {"net": "limit"},
    },
    quick={
        "settings": shortened(SETTINGS, 100),
        "seeds": 2,
        "signals": 200,
    },
)
