"""Learning without clean signals, beside learning with them: five methods, on three families.

From new noisy signals at each step, from 700 of them, and from windows of one long recording. A
pilot trains each with three learning rates, and validation signals choose one; the study takes
other seeds.
"""

from functools import partial

import numpy as np

from denoiselib import filters, nn, signals
from denoiselib.experiments import networks
from denoiselib.experiments.proposal.candidates import SHAPES
from denoiselib.experiments.protocol import Protocol, shortened

SIGMA, LENGTH = 3.0, 100
SIGNALS = 700  #: in a fixed set; a recording is as long as all of them together
ALPHA = 0.3  #: of `nn.unsupervised.recorrupted`
EVERY = 10  #: of `nn.unsupervised.noise2self`

#: How each method teaches, from a source of noisy signals.
METHODS = {
    "noise2noise": nn.unsupervised.noise2noise,
    "SURE": partial(nn.unsupervised.sure, sigma=SIGMA),
    "SURE, level estimated": partial(
        nn.unsupervised.sure, sigma=partial(filters.tuning.mad_sigma, difference=True)
    ),
    "recorrupted": partial(nn.unsupervised.recorrupted, sigma=SIGMA, alpha=ALPHA),
    "noise2self": partial(nn.unsupervised.noise2self, every=EVERY),
    "neighbor2neighbor": nn.unsupervised.neighbor2neighbor,
}


def recipe(method, data, family, **changes):
    """Return the recipe of a training.

    Parameters
    ----------
    method : str
        In `METHODS`, or ``"supervised"``.
    data : {"fresh", "700 signals", "one recording"}
        What it learns from.
    family : str
        In `proposal.candidates.SHAPES`.
    **changes
        Of `networks.BASE`.

    Returns
    -------
    dict
        As `networks.BASE`, with ``method`` and ``data``.

    Examples
    --------
    >>> recipe("SURE", "fresh", "blocks", lr=0.01)["shape"]
    {'kernel': 9, 'depth': 5}
    """
    base = networks.BASE | {"net": "plain", "sigma": SIGMA, "steps": 2000}
    base["signals"] = SIGNALS if data == "700 signals" else None
    chosen = {"method": method, "data": data, "family": family, "shape": SHAPES[family]}
    return base | chosen | changes


def lesson(setting, seed):
    """Return what teaches a network of that recipe; None where clean signals do.

    Examples
    --------
    >>> lesson(recipe("supervised", "fresh", "blocks"), seed=0) is None
    True
    >>> seen, target, *_ = lesson(recipe("SURE", "one recording", "blocks"), seed=0).data(step=0)
    >>> seen.shape
    (32, 100)
    """
    method, batch, family = setting["method"], setting["batch"], setting["family"]
    if method == "supervised":
        return None
    draws = nn.unsupervised.copies if method == "noise2noise" else nn.train.fresh
    if setting["data"] == "fresh":
        source = draws(family, SIGMA, batch, seed=seed)
    elif setting["data"] == "700 signals":
        source = nn.train.fixed(*draws(family, SIGMA, SIGNALS, seed=seed)(0), batch, seed)
    else:
        rng = np.random.default_rng([seed, 2**32 - 2])
        recording = signals.FAMILIES[family](1, SIGNALS * LENGTH, rng)
        source = nn.unsupervised.windows(
            signals.add_noise(recording, SIGMA, rng), LENGTH, batch, seed
        )
    return METHODS[method](source)


def train(setting, seed):
    """Train a network by a `recipe`.

    Examples
    --------
    >>> type(train(recipe("SURE", "fresh", "blocks", steps=2), seed=0)).__name__
    'PlainNet'
    """
    taught = lesson(setting, seed)
    batches, loss = (None, None) if taught is None else (taught.data, taught.loss)
    return networks.fit(setting, seed, batches, loss)[0]


def estimates(net, method, noisy):
    """Return the ways to use a network that was taught by a method.

    Examples
    --------
    >>> net = networks.make(recipe("noise2self", "fresh", "blocks"), seed=0)
    >>> list(estimates(net, "noise2self", np.zeros((2, 100))))
    ['direct', 'hidden']
    """
    found = {"direct": net.denoise(noisy)}
    if method == "recorrupted":
        found["mean of draws"] = nn.unsupervised.estimate_recorrupted(net, noisy, SIGMA, ALPHA)
    if method == "noise2self":
        found["hidden"] = nn.unsupervised.estimate_hidden(net, noisy, EVERY)
    return found


def run_one(setting, seed, signals=1000):
    """Train, and measure on clean signals.

    Parameters
    ----------
    setting : dict
        As `recipe` makes it; or ``method``: ``"limit"``, with ``family``.
    seed : int
        Draws weights and signals.
    signals : int
        Number of test signals.

    Returns
    -------
    list of dict
        For each ``use`` of the network, and each of ``"test"`` and ``"validation"`` signals: their
        ``rmse``, ``slide_psnr`` and the ``gap`` to the limit in percent.

    Examples
    --------
    >>> rows = run_one(recipe("SURE", "fresh", "sparse_spikes", steps=5), seed=0, signals=20)
    >>> [(row["use"], row["purpose"]) for row in rows]
    [('direct', 'test'), ('direct', 'validation')]
    """
    method, family = setting["method"], setting["family"]
    net = None if method == "limit" else train(setting, seed)
    rows = []
    for purpose, count in (("test", signals), ("validation", 500)):
        noisy, clean, _, best = networks.draw_with_limit(family, SIGMA, count, seed, purpose)
        found = {"direct": best} if net is None else estimates(net, method, noisy)
        rows += [
            {"use": use, "purpose": purpose} | networks.scores(estimate, clean, best)
            for use, estimate in found.items()
        ]
    return rows


#: All that is possible: a recording has no second copy, and clean signals are none.
POSSIBLE = [
    (method, data)
    for data in ("fresh", "700 signals", "one recording")
    for method in ("supervised", *METHODS)
    if data != "one recording" or method not in ("supervised", "noise2noise")
]

PILOTED = [
    recipe(method, data, family, lr=lr)
    for family in SHAPES
    for method, data in POSSIBLE
    if data != "one recording"
    for lr in (0.003, 0.01, 0.03)
]

PILOT = Protocol(
    name="unsupervised-pilot",
    run_one=run_one,
    settings=PILOTED,
    seeds=2,
    table={"by": ["family", "data", "method", "lr", "use", "purpose"]},
    quick={"settings": shortened(PILOTED, 400), "seeds": 1, "signals": 50},
)


def chosen(rows):
    """Return the learning rates that validation signals choose.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `unsupervised-pilot`.

    Returns
    -------
    dict of (str, str) to list of float
        For each method and kind of data those of the families, in the order of `SHAPES`.

    Examples
    --------
    >>> rows = [
    ...     {"method": "SURE", "data": "fresh", "family": family, "lr": lr, "rmse": rmse}
    ...     | {"use": "direct", "purpose": "validation"}
    ...     for family in SHAPES
    ...     for lr, rmse in [(0.01, 2.0), (0.03, 1.0)]
    ... ]
    >>> chosen(rows)
    {('SURE', 'fresh'): [0.03, 0.03, 0.03]}
    """
    errors = {}
    for row in rows:
        if row["purpose"] == "validation" and row["use"] == "direct":
            families = errors.setdefault((row["method"], row["data"]), {})
            rates = families.setdefault(row["family"], {})
            rates.setdefault(row["lr"], []).append(row["rmse"])
    return {
        key: [
            min(rates, key=lambda lr, r=rates: np.mean(r[lr])) for rates in map(found.get, SHAPES)
        ]
        for key, found in errors.items()
    }


#: What the pilot chose, for spikes, pulses and blocks. A recording is taken for 700 signals.
RATES = {
    ("supervised", "fresh"): [0.03, 0.03, 0.03],
    ("noise2noise", "fresh"): [0.03, 0.03, 0.03],
    ("SURE", "fresh"): [0.03, 0.03, 0.01],
    ("SURE, level estimated", "fresh"): [0.03, 0.03, 0.01],
    ("recorrupted", "fresh"): [0.03, 0.03, 0.03],
    ("noise2self", "fresh"): [0.03, 0.03, 0.03],
    ("neighbor2neighbor", "fresh"): [0.03, 0.01, 0.03],
    ("supervised", "700 signals"): [0.03, 0.03, 0.03],
    ("noise2noise", "700 signals"): [0.003, 0.003, 0.03],
    ("SURE", "700 signals"): [0.03, 0.03, 0.03],
    ("SURE, level estimated", "700 signals"): [0.003, 0.003, 0.03],
    ("recorrupted", "700 signals"): [0.03, 0.03, 0.01],
    ("noise2self", "700 signals"): [0.01, 0.03, 0.03],
    ("neighbor2neighbor", "700 signals"): [0.03, 0.01, 0.03],
}

STUDIED = [
    recipe(method, data, family, lr=lr)
    for method, data in POSSIBLE
    for family, lr in zip(
        SHAPES, RATES[method, "fresh" if data == "fresh" else "700 signals"], strict=True
    )
]
STUDIED += [{"method": "limit", "data": "fresh", "family": family} for family in SHAPES]


def run_fresh(setting, seed, signals=1000):
    """As `run_one`, with seeds that no choice was made on."""
    return run_one(setting, seed + 1000, signals)


STUDY = Protocol(
    name="unsupervised",
    run_one=run_fresh,
    settings=STUDIED,
    seeds=10,
    table={
        "by": ["family", "data", "purpose", "use", "method"],
        "value": "gap",
        "last": {"method": "limit"},
    },
    quick={"settings": shortened(STUDIED, 400), "seeds": 2, "signals": 50},
)
