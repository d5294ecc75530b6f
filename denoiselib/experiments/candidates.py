"""What the proposal's studies compare: the controls, and every variant that was tried."""

from denoiselib.experiments import networks

LIMIT, BLIND_LIMIT = "limit", "limit, level unknown"  #: rows without a network

#: A plain network's recipe, with a noise level that differs from signal to signal.
BLIND = networks.BASE | {"net": "plain", "sigma": [1.0, 5.0]}

#: Controls, in every table. Wide has at least as many parameters as the largest candidate.
CONTROLS = {
    "batch norm": {},
    "batch norm, wide": {"width": 22},
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
    *("batch+group*mean", "batch+group*both"),
    *("batch+mixture*mean", "batch+mixture*both"),
    *("batch+ista*mean", "batch+ista*both"),
]

#: Other normalisations and filters, before a ReLU.
FILTERS = [
    *("representative", "filtered", "wiener", "batch+wiener", "predict", "batch+predict"),
]

#: Every variant that was tried, by name: changes of a recipe.
CANDIDATES = {name: {"norm": name, "activation": "none"} for name in (*ONE_SIDED, *TWO_SIDED)}
CANDIDATES |= {name: {"norm": name} for name in FILTERS}
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

#: The six best rows of the screening and all controls, with the learning rates that it chose.
FINALISTS = {
    "batch+nonnegative_l1*linear": 0.01,
    "batch+nonnegative_l1*shared": 0.03,
    "batch+l1*rectified": 0.01,
    "representative": 0.03,
    "batch+firm*rectified": 0.01,
    "batch+l1*shared": 0.01,
}
CONTROL_LEARNING_RATES = {
    "batch norm": 0.03,
    "batch norm, wide": 0.01,
    "no norm": 0.01,
    "instance norm": 0.03,
    "leaky ReLU": 0.03,
    "PReLU": 0.03,
    "GELU": 0.01,
    "level as input: MAD": 0.01,
    "level as input: differences": 0.03,
    "level as input: mean |y|": 0.03,
    "level as input: true": 0.03,
}
CHOSEN = FINALISTS | CONTROL_LEARNING_RATES


def recipe(name, family, **changes):
    """Return the recipe of a control or a candidate on a family.

    Parameters
    ----------
    name : str
        In `CONTROLS` or `CANDIDATES`.
    family : str
        In `networks.SHAPES`.
    **changes
        Changes of the recipe.

    Returns
    -------
    dict
        As `networks.BASE`, and ``row``, the name.

    Examples
    --------
    >>> recipe("batch norm, wide", "pulses", steps=10)["shape"]
    {'kernel': 5, 'width': 22}
    """
    change = dict((CONTROLS | CANDIDATES)[name])
    shape = dict(networks.SHAPES[family])
    if "width" in change:
        shape["width"] = change.pop("width")
    return {"row": name, **BLIND, "family": family, "shape": shape, **change, **changes}
