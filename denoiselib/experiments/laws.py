"""Laws learned from noisy signals alone, on families where they are right and where they are not.

A law is fitted to 100 noisy signals, whose level has to be found, and judged on other signals;
where it is right, it is also given the level, or 700 signals (not that of pulses, which is slow).
These 700 are the noisy signals from which the networks of `unsupervised` learn, and all are judged
on the same signals. Beside them stand the classical filters, which are given the level, and tuned
on the 700. The electrocardiograms are synthetic.
"""

from denoiselib import bayes, nn
from denoiselib.empirical import LAWS
from denoiselib.experiments import networks
from denoiselib.experiments.noise_levels import FAMILIES
from denoiselib.experiments.protocol import Protocol
from denoiselib.experiments.study import blind, compare
from denoiselib.filters import METHODS

SIGMA = networks.BASE["sigma"]
FIRST_SEED = 1000  #: that of `unsupervised`

#: Which laws are right for a family, or nearly so: levels of blocks are not normal.
RIGHT = {
    "sparse_spikes": ("independent", "nonnegative", "pulses"),
    "pulses": ("pulses",),
    "blocks": ("markov", "partition"),
}

#: Filters that answer at once. Each stands once a family, for a level that is given.
FILTERS = [name for name in METHODS if name != "l1_pulse"]


def settings():
    """List what is compared: laws, filters and the limit, family by family.

    Examples
    --------
    >>> settings()[0]
    {'family': 'sparse_spikes', 'seen': 100, 'level': 'found', 'method': 'independent'}
    """
    found = []
    for family in FAMILIES:
        first, more = ({"family": family, "seen": seen} for seen in (100, 700))
        # where heights do not come in pulses, their law takes minutes
        laws = [law for law in LAWS if law != "pulses" or "pulses" in RIGHT.get(family, ())]
        found += [first | {"level": "found", "method": law} for law in laws]
        for law in RIGHT.get(family, ()):
            given = {"level": "given", "method": law}
            found.append(first | given)
            if law != "pulses":  # of 100 signals it learns enough
                found += [more | given, more | given | {"level": "found"}]
        found += [more | {"level": "given", "method": name} for name in FILTERS]
        found += [more | {"level": "given", "method": "limit"}] * (family in bayes.POINTWISE)
    return found


def way(setting, seed):
    """Fit a law, or tune a filter by Stein's estimate, to noisy signals.

    Examples
    --------
    >>> setting = {"family": "blocks", "seen": 100, "level": "found", "method": "markov"}
    >>> denoise, says = way(setting, seed=0)
    >>> print(f"{says['value']:.1f}")  # the noise level
    3.0
    """
    method = setting["method"]
    if method == "limit":
        return None
    family = FAMILIES[setting["family"]]
    noisy, _ = nn.train.fresh(family, SIGMA, setting["seen"], seed=seed)(0)
    if method in LAWS:
        law = LAWS[method][1](noisy, SIGMA if setting["level"] == "given" else None)
        return blind(law.denoise), {"value": law.sigma}
    value = METHODS[method].tune(noisy, SIGMA).value
    return lambda y, sigma: METHODS[method].denoise(y, SIGMA, value), {"value": value}


def run_one(setting, seed, signals):
    """Judge one of the `settings` on the test signals on which `unsupervised` judges networks.

    Examples
    --------
    >>> setting = {"family": "ecg", "seen": 100, "level": "given", "method": "tv"}
    >>> (row,) = run_one(setting, seed=0, signals=50)
    >>> row["rmse"] < 2
    True
    """
    seed, family = seed + FIRST_SEED, setting["family"]
    family = family if family in bayes.POINTWISE else FAMILIES[family]
    (row,) = compare({"": way(setting, seed)}, family, SIGMA, signals, seed)
    return [{name: x for name, x in row.items() if name != "way"}]


SETTINGS = settings()
QUICK = [s for s in SETTINGS if s["seen"] == 100 and s["method"] != "pulses"]

PROTOCOL = Protocol(
    name="laws",
    run_one=run_one,
    settings=SETTINGS,
    seeds=10,
    table={
        "by": ["family", "seen", "level", "method"],
        "value": "rmse",
        "last": {"method": "limit"},
    },
    quick={"settings": QUICK, "seeds": 2, "signals": 100},
)
