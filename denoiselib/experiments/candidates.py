"""What the proposal's studies compare: the controls, and every variant that was tried."""

from denoiselib.experiments import networks

LIMIT, BLIND_LIMIT = "limit", "limit, level unknown"  #: rows without a network

#: A plain network's recipe, with a noise level that differs from signal to signal.
BLIND = networks.BASE | {"net": "plain", "sigma": [1.0, 5.0]}

#: Changes of a shape: as many parameters as the largest candidate, or more.
WIDER = {"batch norm, wide": {"width": 22}}

#: Controls, in every table.
CONTROLS = {
    "batch norm": {},
    "batch norm, wide": {},
    "no norm": {"norm": "none"},
    "instance norm": {"norm": "instance"},
    "leaky ReLU": {"activation": "leaky_relu"},
    "PReLU": {"activation": "prelu"},
    "GELU": {"activation": "gelu"},
    "level as input: MAD": {"level": "mad"},
    "level as input: differences": {"level": "difference"},
    "level as input: mean |y|": {"level": "mean"},
    "level as input: true": {"level": "given"},
}

#: Thresholds before a ReLU, which may follow the signal: ``relu(h - lambda)``.
ONE_SIDED = [
    *(f"batch+nonnegative_l1*{x}" for x in ("mad", "mean", "both", "shared", "linear", "local")),
    *(f"nonnegative_l1*{x}" for x in ("mean", "both", "linear")),
    *(f"instance+nonnegative_l1*{x}" for x in ("mean", "linear")),
]

#: Shrinkage of both signs, in place of the ReLU.
TWO_SIDED = [
    *(f"batch+l1{x}" for x in ("", "*mad", "*mean", "*both", "*shared", "*rectified", "*local")),
    *(f"batch+firm{x}" for x in ("", "*mad", "*mean", "*both", "*shared", "*rectified")),
    *(f"batch+{p}{x}" for p in ("l_half", "l_two_thirds", "l0") for x in ("", "*rectified")),
    *("l1", "l1*mad", "l1*mean", "firm*mad", "l0*mad"),
    *(f"batch+{p}*{x}" for p in ("group", "mixture", "ista") for x in ("mean", "both")),
]

#: Other normalisations and filters, before a ReLU.
OTHER_NORMS = ["representative", "filtered", "wiener", "batch+wiener", "predict", "batch+predict"]

#: Every variant that was tried, by name: changes of a recipe.
CANDIDATES = {name: {"norm": name, "activation": "none"} for name in (*ONE_SIDED, *TWO_SIDED)}
CANDIDATES |= {name: {"norm": name} for name in OTHER_NORMS}
CANDIDATES |= {
    "bias-free": {"norm": "bias_free", "bias": False},
    "batch+firm*mad, ReLU": {"norm": "batch+firm*mad"},
    "penalty |x|, 0.01": {"penalty": {"weight": 0.01, "p": 1, "on": "output"}},
}
CANDIDATES |= {
    f"penalty {name}, {weight}": {"penalty": {"weight": weight, "p": p}}
    for name, p in {"|h|": 1, "|h|^1/2": 0.5, "log(1 + h^2)": "log"}.items()
    for weight in (0.001, 0.01, 0.1)
}
VARIANTS = CONTROLS | CANDIDATES

#: The six best rows of the screening, with the learning rates that it chose.
FINALISTS = {
    "batch+nonnegative_l1*linear": 0.01,
    "batch+nonnegative_l1*shared": 0.03,
    "batch+l1*rectified": 0.01,
    "representative": 0.03,
    "batch+firm*rectified": 0.01,
    "batch+l1*shared": 0.01,
}
#: Controls for which the screening chose a rate of 0.01, not 0.03.
SLOW = ("batch norm, wide", "no norm", "GELU", "level as input: MAD")
CHOSEN = FINALISTS | dict.fromkeys(CONTROLS, 0.03) | dict.fromkeys(SLOW, 0.01)


def recipe(name, family, **changes):
    """Return the recipe of a control or a candidate on a family, with ``row``, its name.

    Examples
    --------
    >>> recipe("batch norm, wide", "pulses", steps=10)["shape"]
    {'kernel': 5, 'width': 22}
    """
    place = {"family": family, "shape": networks.SHAPES[family] | WIDER.get(name, {})}
    return {"row": name} | BLIND | place | VARIANTS[name] | changes


def limits(family, *, sigma=BLIND["sigma"], rows=(LIMIT, BLIND_LIMIT), **more):
    """List the settings of the rows without a network on a family.

    Examples
    --------
    >>> limits("blocks", rows=[LIMIT])
    [{'row': 'limit', 'family': 'blocks', 'sigma': [1.0, 5.0]}]
    """
    return [{"row": row, "family": family, "sigma": sigma} | more for row in rows]
