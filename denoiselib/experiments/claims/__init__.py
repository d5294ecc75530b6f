"""Statements about a denoising U-Net and its batch norm, each with a test that can refute it.

A job trains the small networks that some of the statements need, and returns the numbers; the
verdicts are computed from these, see `judge`. All on sparse spikes.
"""

from denoiselib.experiments import networks
from denoiselib.experiments.claims.judge import report, verdicts
from denoiselib.experiments.claims.one_network import network
from denoiselib.experiments.claims.trainings import batches, optima, sparsity, stability
from denoiselib.experiments.protocol import Protocol

__all__ = ["PROTOCOL", "run_one", "verdicts"]

RECIPE = networks.BASE | {"init": "lecun", "steps": 2000}  #: of the network that is looked at
SEEN = 16_000  #: signals that the trainings with small and large batches see

SETTINGS = [
    {"part": "network", **RECIPE},
    *({"part": "stability", **networks.BASE, "lr": lr} for lr in (1e-3, 1e-2, 3e-2, 1e-1)),
    *({"part": "batches", **RECIPE, "norm": norm, "seen": SEEN} for norm in ("batch", "none")),
    {"part": "sparsity", **RECIPE, "steps": 1000, "draws": [2, 5, 10, 20, 40, 80]},
    {"part": "optima", **networks.BASE, "lr": 1e-2, "steps": 600, "nets": 8},
]

PARTS = {f.__name__: f for f in (network, stability, batches, sparsity, optima)}


def run_one(setting, seed, signals=1000):
    """Train what one part of the statements needs, and measure it.

    Parameters
    ----------
    setting : dict
        ``part``, a recipe as `networks.BASE`, and what the part needs besides.
    seed : int
        Draws weights and signals.
    signals : int
        Number of test signals.

    Returns
    -------
    list of dict
        Rows with ``claim`` (the statement's number), ``measure``, ``condition``, ``value`` and
        ``share`` (of the signals on which the statement holds; None if it is not about signals).

    Examples
    --------
    >>> setting = {"part": "stability", **networks.BASE, "batch": 2, "steps": 2}
    >>> for row in run_one(setting, seed=0, signals=10):
    ...     print(row["claim"], row["measure"], row["condition"], row["value"])
    1 stuck, with batch norm learning rate 0.03 1.0
    1 stuck, without learning rate 0.03 1.0
    1 stuck without - with learning rate 0.03 0.0
    """
    return PARTS[setting["part"]](setting, seed, signals)


def _quickly(setting):
    steps = {"steps": setting["steps"] // 25} | ({"seen": 640} if "seen" in setting else {})
    return setting | steps


PROTOCOL = Protocol(
    name="claims",
    run_one=run_one,
    settings=SETTINGS,
    seeds=10,
    signals=1000,
    table={"by": ["claim", "measure", "condition"], "value": "value"},
    report=report,
    quick={"settings": [_quickly(s) for s in SETTINGS], "seeds": 2, "signals": 100},
)
