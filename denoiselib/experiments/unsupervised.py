"""Learning without clean signals, beside learning with them, on three families.

Networks learn from new noisy signals at each step, from a fixed set of 700, or from windows of one
long recording. A pilot trains each with three learning rates. The method itself chooses one of them
without clean signals: by its own loss, on noisy signals that no training has seen. The study
repeats the chosen trainings with other seeds.
"""

from functools import partial

from denoiselib import nn, signals
from denoiselib._random import stream
from denoiselib.experiments import choices, networks
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.study import blind, run_ways

SIGMA = networks.BASE["sigma"]
LENGTH = 100
SIGNALS = 700  #: in a fixed set; a recording is as long as all of them together
ALPHA = 0.3  #: of `nn.unsupervised.recorrupted`
EVERY = 10  #: of `nn.unsupervised.noise2self`

#: How each method teaches, from a source of noisy signals; where the level is found, also from it.
LESSONS = {
    "noise2noise": nn.unsupervised.noise2noise,
    "SURE": partial(nn.unsupervised.sure, sigma=SIGMA),
    "SURE, level found": nn.unsupervised.sure,
    "SURE, level estimated": partial(nn.unsupervised.sure, sigma=networks.ESTIMATES["difference"]),
    "UNSURE": nn.unsupervised.unsure,
    "recorrupted": partial(nn.unsupervised.recorrupted, sigma=SIGMA, alpha=ALPHA),
    "recorrupted, level found": partial(nn.unsupervised.recorrupted, alpha=ALPHA),
    "noise2self": partial(nn.unsupervised.noise2self, every=EVERY),
    "neighbor2neighbor": nn.unsupervised.neighbor2neighbor,
}


def recipe(method, data, family, **changes):
    """Return the recipe of a training, as `networks.BASE`, with ``method`` and ``data``.

    The method is a key of `LESSONS`, or ``"supervised"``; data are ``"fresh"``, ``"700 signals"``
    or ``"one recording"``; families are those of `networks.SHAPES`.

    Examples
    --------
    >>> recipe("SURE", "fresh", "blocks", lr=0.01)["shape"]
    {'kernel': 9, 'depth': 5}
    """
    count = SIGNALS if data == "700 signals" else None
    base = networks.BASE | {"net": "plain", "steps": 2000, "signals": count}
    named = {"method": method, "data": data, "family": family, "shape": networks.SHAPES[family]}
    return base | named | changes


def lesson(setting, seed):
    """Return what teaches a network of that recipe; None where clean signals do.

    Examples
    --------
    >>> seen, target, *_ = lesson(recipe("SURE", "one recording", "blocks"), seed=0).data(step=0)
    >>> seen.shape
    (32, 100)
    """
    method, batch, family = setting["method"], setting["batch"], setting["family"]
    if method == "supervised":
        return None
    draws = nn.unsupervised.copies if method == "noise2noise" else nn.train.fresh
    if setting["data"] == "fresh":
        return _teach(setting, draws(family, SIGMA, batch, seed=seed))
    if setting["data"] == "700 signals":
        noisy, *more = draws(family, SIGMA, SIGNALS, seed=seed)(0)
        return _teach(setting, nn.train.fixed(noisy, *more, batch, seed), noisy)
    rng = stream(seed, "recording")
    clean = signals.FAMILIES[family](1, SIGNALS * LENGTH, rng)
    noisy = signals.add_noise(clean, SIGMA, rng)
    return _teach(setting, nn.unsupervised.windows(noisy, LENGTH, batch, seed), noisy)


def _teach(setting, source, noisy=None):
    """Return the lesson of a method; a level that has to be found is that of the noisy signals."""
    lesson = LESSONS[setting["method"]]
    if setting["method"].endswith("level found"):
        return lesson(source, sigma=choices.level(setting["family"], noisy))
    return lesson(source)


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


def uses(setting, seed):
    """Train a network, and return the ways to use it that fit its method, with its own loss.

    Examples
    --------
    >>> list(uses(recipe("noise2self", "fresh", "blocks", steps=2), seed=0))
    ['direct', 'hidden']
    """
    if setting["method"] == "limit":
        return {"direct": None}
    net = train(setting, seed)
    teach = None if setting["method"] == "supervised" else partial(_teach, setting)
    own = choices.own_loss(net, setting["family"], SIGMA, seed, teach)
    found = {"direct": net.denoise}
    if setting["method"] == "recorrupted":
        estimate = nn.unsupervised.estimate_recorrupted
        found["mean of draws"] = partial(estimate, net, sigma=SIGMA, alpha=ALPHA)
    if setting["method"] == "noise2self":
        found["hidden"] = partial(nn.unsupervised.estimate_hidden, net, every=EVERY)
    return {use: (blind(denoise), {"own": own}) for use, denoise in found.items()}


def both_purposes(setting):
    """List two tests: on test signals, and on those that choose learning rates."""
    return [({"purpose": purpose}, SIGMA, purpose) for purpose in ("test", "validation")]


#: What the pilot tries, and all that is possible: a recording has no second copy, and is not clean.
TRIED = [(m, data) for data in ("fresh", "700 signals") for m in ("supervised", *LESSONS)]
TRIED = [(m, data) for m, data in TRIED if data != "fresh" or not m.endswith("level found")]
POSSIBLE = TRIED + [(m, "one recording") for m in LESSONS if m != "noise2noise"]

PILOTED = [
    recipe(*taught, family, lr=lr)
    for family in networks.SHAPES
    for taught in TRIED
    for lr in (0.003, 0.01, 0.03)
]

PILOT = Protocol(
    name="unsupervised-pilot",
    run_one=partial(run_ways, ways=uses, tests=both_purposes, column="use"),
    settings=PILOTED,
    seeds=2,
    table={"by": ["family", "data", "method", "lr", "use", "purpose"]},
    quick={"settings": shortened(PILOTED, 400), "seeds": 1, "signals": 50},
)

#: Learning rates that the pilot chose, on spikes, pulses and blocks, where one is not 0.03.
SLOWER = {
    ("supervised", "fresh"): (0.03, 0.03, 0.01),
    ("SURE, level estimated", "fresh"): (0.01, 0.03, 0.01),
    ("recorrupted", "fresh"): (0.03, 0.03, 0.01),
    ("noise2self", "fresh"): (0.01, 0.003, 0.01),
    ("neighbor2neighbor", "fresh"): (0.03, 0.003, 0.003),
    ("supervised", "700 signals"): (0.003, 0.003, 0.03),
    ("noise2noise", "700 signals"): (0.003, 0.003, 0.03),
    ("SURE", "700 signals"): (0.01, 0.03, 0.03),
    ("SURE, level estimated", "700 signals"): (0.003, 0.003, 0.03),
    ("UNSURE", "700 signals"): (0.003, 0.03, 0.03),
    ("recorrupted", "700 signals"): (0.03, 0.01, 0.03),
    ("neighbor2neighbor", "700 signals"): (0.01, 0.003, 0.01),
}


def chosen(method, data, family):
    """Return the recipe with the learning rate of the pilot; a recording is taken for 700 signals.

    Examples
    --------
    >>> chosen("recorrupted", "one recording", "pulses")["lr"]
    0.01
    """
    seen = "fresh" if data == "fresh" else "700 signals"
    rates = SLOWER.get((method, seen), [0.03] * 3)
    return recipe(method, data, family, lr=dict(zip(networks.SHAPES, rates, strict=True))[family])


STUDIED = [chosen(*taught, family) for taught in POSSIBLE for family in networks.SHAPES]
STUDIED += [{"method": "limit", "data": "fresh", "family": family} for family in networks.SHAPES]

STUDY = Protocol(
    name="unsupervised",
    # other seeds: signals that no choice was made on
    run_one=partial(run_ways, ways=uses, tests=both_purposes, column="use", first_seed=1000),
    settings=STUDIED,
    seeds=10,
    table={
        "by": ["family", "data", "purpose", "use", "method"],
        "value": "gap",
        "last": {"method": "limit"},
    },
    quick={"settings": shortened(STUDIED, 400), "seeds": 2, "signals": 50},
)
