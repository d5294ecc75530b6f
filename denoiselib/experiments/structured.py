"""Signals whose neighbours say something: networks that see them, tuned filters, and the limit.

Two networks see few neighbours or many; two more have maps of both signs, whose weights follow the
signal, in place of ReLU, and the last of them sees as far as a block reaches. On blocks it is also
averaged over what does not change their law, and trained for longer. All filters are tuned with
clean signals, which is the best that can be done for them.
"""

from functools import lru_cache, partial

import numpy as np

from denoiselib import _check, signals
from denoiselib.experiments import networks, symmetries
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways
from denoiselib.filters import METHODS, gmc, linear_mmse
from denoiselib.filters.methods import KNOWN_PULSE

SIGMA = networks.BASE["sigma"]
MOMENTS_SEED = 2**32 - 3  #: of the signals whose moments are taken: that of no study
RECTIFIED = {"norm": "batch+l1*rectified", "activation": "none"}
WIDE = {"shape": {"kernel": 9, "depth": 5}}
FAR = {"shape": {"kernel": 5, "depth": 7, "width": 32, "dilation": [1, 2, 4, 8, 4, 2, 1]}}

#: What differs from `networks.BASE`.
NETS = {
    "kernel 3, depth 4": {"shape": {}},
    "kernel 9, depth 5": WIDE,
    "kernel 9, depth 5, rectified": WIDE | RECTIFIED,
    "dilated, rectified": FAR | RECTIFIED,
}
STEPS = {"pulses": 2000, "blocks": 4000}  #: each family's networks are given the same number


def _pulses(gamma):
    """Return GMC over the known pulse, with spikes that are not negative; L1 for a gamma of 0."""
    return METHODS["l1_pulse"]._replace(
        label=f"GMC, known pulse, spikes >= 0, gamma {gamma}",
        denoise=lambda y, s, lam: gmc(y, lam, gamma, KNOWN_PULSE, nonnegative=True, tol=1e-3),
    )


#: Those of `filters.METHODS` that these families may suit, and synthesis from nonnegative spikes.
TUNED_FILTERS = {
    name: METHODS[name]
    for name in ("wiener", "wiener_sigma", "soft", "l1_dft", "gmc_dft", "tv", "l1_pulse")
}
TUNED_FILTERS |= {"l1_pulse, spikes >= 0": _pulses(0.0)}
TUNED_FILTERS |= {f"gmc_pulse, spikes >= 0, gamma {g}": _pulses(g) for g in (0.2, 0.4, 0.8)}

SETTINGS = []
for kind, steps in STEPS.items():
    plain = networks.BASE | {"net": "plain", "family": kind, "steps": steps, "lr": 0.01}
    SETTINGS += [plain | {"method": name} | changes for name, changes in NETS.items()]
    if kind in symmetries.SYMMETRIES:
        SETTINGS += symmetries.variants(SETTINGS[-1])  # of the one that sees farthest
    SETTINGS += [{"method": name, "family": kind} for name in (*TUNED_FILTERS, "linear", "limit")]


@lru_cache
def moments(family, count=20_000):
    """Return mean and covariance of a family, averages over many clean signals; read-only.

    Examples
    --------
    >>> mean, covariance = moments("blocks")
    >>> mean.shape, covariance.shape
    ((100,), (100, 100))
    """
    clean = signals.FAMILIES[family](count, rng=MOMENTS_SEED)
    return _check.read_only(clean.mean(axis=0), np.cov(clean.T))


def ways(setting, seed):
    """Train a network, or tune a filter on validation signals.

    Examples
    --------
    >>> denoise, says = ways({"method": "tv", "family": "blocks"}, seed=0)[""]
    >>> says
    {'value': 8.0}
    """
    method, family, denoise, value = setting["method"], setting["family"], None, None
    if "net" in setting:
        denoise = blind(symmetries.trained(setting, seed))
    elif method == "linear":
        denoise = blind(lambda noisy: linear_mmse(noisy, SIGMA, *moments(family)))
    elif method != "limit":
        seen, known, _ = networks.draw(family, SIGMA, networks.VALIDATION, seed, "validation")
        value = TUNED_FILTERS[method].tune(seen, SIGMA, known).value
        denoise = blind(lambda noisy: TUNED_FILTERS[method].denoise(noisy, SIGMA, value))
    return {"": (denoise, {"value": value})}


PROTOCOL = Protocol(
    name="structured",
    run_one=partial(run_ways, ways=ways, first_seed=2000),
    settings=SETTINGS,
    seeds=10,
    table={"by": ["family", "method"], "reference": {"method": "tv"}, "last": {"method": "limit"}},
    quick={"settings": shortened(SETTINGS, 200), "seeds": 2, "signals": 100},
)
