"""Train a network by a recipe, and measure it: what all protocols about networks share.

A recipe is a dict of plain values, `BASE` with some of them changed, and perhaps ``shape``, a dict
with ``width``, ``depth``, ``kernel`` of a plain net; ``bias``, False for convolutions that add
nothing; ``level``, what a second input channel says of the noise: ``"mad"``, the network's own
estimate, one of `ESTIMATES`, or ``"given"``, the truth; and ``penalty``, arguments of
`variants.sparsity` that is added to the loss.

A seed draws the initial weights and the training data, and the signals of validation and test:
these are the same for all recipes, so that differences between recipes are paired.
"""

import copy
import json
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from denoiselib import _check, bayes, filters, metrics, nn, signals
from denoiselib._random import stream
from denoiselib.experiments import variants
from denoiselib.experiments.protocol import TURN

#: The recipe that the others differ from.
BASE = {
    "net": "unet",
    "norm": "batch",
    "activation": "relu",
    "init": "pytorch",
    "pool": "max",  # U-Net only, as `prior`
    "prior": False,  # True, or "frozen": there, but not trained
    "family": "sparse_spikes",
    "sigma": 3.0,  # a number, or [low, high]
    "signals": None,  # a number of fixed training signals; None draws new ones at each step
    "batch": 32,
    "loss": "mse",
    "optimizer": "adam",
    "lr": 3e-2,
    "schedule": "cosine",
    "clip": None,
    "scaling": False,
    "starts": 1,  # the best of so many trainings, chosen on validation signals
    "steps": 1000,
}

SIGMAS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)  #: noise levels of tests
VALIDATION = 500  #: signals on which something is chosen, a learning rate or a start

#: One that reaches the limit.
GOOD = BASE | {"init": "lecun", "batch": 64, "starts": 3, "steps": 2000}

#: The slides' own: 700 signals, one at a time, 200 times over.
SLIDES = BASE | {"signals": 700, "batch": 1, "steps": 140_000, "loss": "smooth_l1"}
SLIDES |= {"optimizer": "sgd", "lr": 1e-4, "schedule": "constant"}

#: What a plain net has to be for a family: its receptive field must hold what matters.
SHAPES = {"sparse_spikes": {}, "pulses": {"kernel": 5}, "blocks": {"kernel": 9, "depth": 5}}

#: What can be told to a network in place of its noise level.
ESTIMATES = {
    "difference": lambda noisy: filters.tuning.mad_sigma(noisy, difference=True),
    "mean": lambda noisy: np.abs(noisy).mean(axis=-1, keepdims=True),
}

OPTIMIZERS = {
    "adam": nn.optim.Adam,
    "adamw": nn.optim.AdamW,
    "sgd": lambda net, lr: nn.optim.SGD(net, lr, momentum=0.9, weight_decay=1e-6),
}
SCHEDULES = {
    "constant": lambda lr, steps: nn.optim.constant(lr),
    "cosine": nn.optim.cosine,
    "staircase": lambda lr, steps: nn.optim.staircase(lr, max(steps // 3, 1)),
    "warm restarts": lambda lr, steps: nn.optim.warm_restarts(lr, max(-(-steps // 7), 1), factor=2),
}


def make(recipe, seed):
    """Return the untrained network of a recipe.

    Examples
    --------
    >>> type(make(BASE | {"net": "plain"}, seed=0)).__name__
    'PlainNet'
    """
    options = {name: recipe[name] for name in ("norm", "activation", "init")}
    level = recipe.get("level")
    options |= {"bias": recipe.get("bias", True), "level": "given" if level in ESTIMATES else level}
    if recipe["net"] == "plain":
        return nn.PlainNet(**options, **recipe.get("shape", {}), rng=seed)
    net = nn.UNet(**options, pool=recipe["pool"], prior=bool(recipe["prior"]), rng=seed)
    if recipe["prior"] == "frozen":
        for parameter in net.wienernet.parameters():
            parameter.requires_grad = False
    return net


def data(recipe, seed):
    """Return the training data of a recipe, a function of the step's number.

    Examples
    --------
    >>> noisy, clean = data(BASE, seed=0)(step=0)
    >>> noisy.shape
    (32, 100)
    """
    level, batch, count = recipe.get("level"), recipe["batch"], recipe["signals"]
    options = {"batch_size": count or batch, "seed": seed, "level": level == "given"}
    source = nn.train.fresh(recipe["family"], recipe["sigma"], **options)
    if count is not None:
        source = nn.train.fixed(*source(0), batch, seed=seed)
    if level not in ESTIMATES:
        return source

    def with_estimate(step):
        noisy, clean = source(step)
        return with_level(recipe, noisy), clean

    return with_estimate


def with_level(recipe, noisy, sigma=None):
    """Return signals ``(n, length)`` as a network takes them, ``(n, 2, length)`` if told the level.

    `sigma`, a float or ``(n, 1)``, is needed where the level of the recipe is ``"given"``.

    Examples
    --------
    >>> with_level(BASE | {"level": "given"}, np.zeros((5, 100)), 3.0).shape
    (5, 2, 100)
    """
    if recipe.get("level") in (None, "mad"):
        return noisy
    if recipe["level"] in ESTIMATES:
        sigma = ESTIMATES[recipe["level"]](noisy)
    if sigma is None:
        raise ValueError("sigma must be given: the network of this recipe is told the noise level")
    return np.stack([noisy, np.broadcast_to(sigma, noisy.shape)], axis=-2)


def draw(family, sigma, n, seed, purpose="test"):
    """Return signals that no training of this seed sees; another level scales the same noise.

    They are noisy ``(n, length)``, clean ``(n, length)``, and the noise level of each ``(n, 1)``.

    Parameters
    ----------
    family : str or callable
        As in `nn.train.fresh`.
    sigma : float or (float, float)
        Noise level, or a range from which each signal draws its own.
    n, seed, purpose : int, int, {"validation", "test"}
        How many, which, and what for.

    Examples
    --------
    >>> noisy, clean, _ = draw("blocks", 3.0, 100, seed=0)
    >>> print(f"{metrics.rmse(noisy, clean).mean():.1f}")
    3.0
    """
    rng = stream(seed, purpose)
    clean = (family if callable(family) else signals.FAMILIES[family])(n, rng=rng)
    noise = signals.add_noise(np.zeros_like(clean), 1.0, rng)
    level = rng.uniform(*np.broadcast_to(sigma, 2), (n, 1))
    return clean + level * noise, clean, level


def train(recipe, seed):
    """Return a trained network, in evaluation mode: the best of its starts on validation signals.

    The seed draws initial weights and training data; further starts take 1000, 2000 .. more.

    Examples
    --------
    >>> net = train(BASE | {"net": "plain", "steps": 100}, seed=0)
    >>> noisy, clean, _ = draw("sparse_spikes", 3.0, 200, seed=0)
    >>> metrics.rmse(net.denoise(noisy), clean).mean() < 1.8
    np.True_
    """
    noisy, clean, sigma = draw(recipe["family"], recipe["sigma"], VALIDATION, seed, "validation")
    seen = with_level(recipe, noisy, sigma)
    nets = [_start(recipe, seed + 1000 * k) for k in range(recipe["starts"])]
    return min(nets, key=lambda net: metrics.rmse(net.denoise(seen), clean).mean())


def gains(setting):
    """Return how many networks of a setting, if it is a recipe, train best side by side, or False.

    Examples
    --------
    >>> gains(BASE), gains(BASE | {"net": "plain"}), gains({"method": "tv"})
    (10, False, False)
    """
    # A step of a stack of ten took, for each net, this part of the time of a step of one net, on
    # one thread, with batches of 1, 4, 16, 32, 64: U-Net .16, .19, .56, .56, .66; plain .27, .59,
    # .89, 1.30, .86. In a stack of forty U-Nets, with batches of 1, it took half of that again.
    faster = "steps" in setting and (setting["net"] == "unet" or setting["batch"] < 16)
    return faster and (40 if setting["batch"] == 1 else 10)


def _start(recipe, seed):
    """Return a network trained once; with it those of the jobs to come are trained, and kept."""
    (kept, distances), name = TURN.get(), json.dumps(recipe, sort_keys=True)
    if len(distances) > 1 and (name, seed) not in kept and gains(recipe):
        seeds = [seed + distance for distance in distances]
        nets = dict.fromkeys(seeds)
        with suppress(Exception):  # of whatever is wrong each will tell alone
            nets |= _side_by_side(recipe, seeds)
        kept.update({(name, k): net for k, net in nets.items()})
    return kept.pop((name, seed), None) or fit(recipe, seed)[0]


def _side_by_side(recipe, seeds):
    """Return trained networks by seed; what goes wrong in one of them is an error of all."""
    whole = nn.stack([make(recipe, seed) for seed in seeds])
    batches = nn.stacks.streams([data(recipe, seed) for seed in seeds])
    whole, history = fit(recipe, seeds, batches, net=whole, every=1)
    np.asarray_chkfinite(history["loss"])  # one that diverges may disturb the others
    return dict(zip(seeds, nn.unstack(whole), strict=True))


def fit(recipe, seed, batches=None, loss=None, *, net=None, **options):
    """Train a network once, perhaps on other data or with another loss than those of its recipe.

    Its ``starts`` are not used. `batches`, `loss` and `net` stand in place of `data`, the recipe's
    loss and `make`, further options are those of `nn.train.fit`. It gives network and `History`.

    Examples
    --------
    >>> net, history = fit(BASE | {"net": "plain", "steps": 20}, seed=0, every=10)
    >>> history["step"]
    [10, 20]
    """
    net, steps, lr = net or make(recipe, seed), recipe["steps"], recipe["lr"]
    if loss is None and recipe.get("penalty"):
        loss = variants.penalised(variants.sparsity(**recipe["penalty"]), recipe["loss"])
    optimizer = OPTIMIZERS[recipe["optimizer"]](net, lr)
    if recipe["clip"] is not None:
        optimizer = nn.optim.Clipped(optimizer, recipe["clip"])
    if recipe["scaling"]:
        optimizer = nn.optim.Scaled(optimizer)
    chosen = {"every": steps, "schedule": SCHEDULES[recipe["schedule"]](lr, steps)}
    chosen |= {"loss": loss or recipe["loss"]} | options
    history = nn.train.fit(net, batches or data(recipe, seed), optimizer, steps, **chosen)
    return net.eval(), history


def modes(net, recipe, seed, batches=(1, 64)):
    """Return functions that denoise by a trained network, one for each mode of its batch norm.

    ``"fixed"`` uses running statistics, ``"recalibrated"`` those computed anew with the final
    weights, ``"batch 1"`` .. those of the batch; ``"no batch norm"`` stands alone if there is none.

    Parameters
    ----------
    net : Network
        A trained network that is not told the noise level.
    recipe, seed
        Of its training. Recalibration passes the training data again, in batches of at least 64;
        with a prior, in those of training, for a batch shares a mask, and so does every mode.
    batches : sequence of int
        Batch sizes at which the statistics of the batch itself are used.

    Examples
    --------
    >>> list(modes(make(BASE, seed=0), BASE, seed=0, batches=[8]))
    ['fixed', 'recalibrated', 'batch 8']
    """
    if recipe.get("level") in ("given", *ESTIMATES):
        raise ValueError("net must not take the noise level from its signals")
    if recipe["norm"] == "none":
        return {"no batch norm": net.denoise}
    renewed, unfixed = copy.deepcopy(net), copy.deepcopy(net).eval("batch")
    size = recipe["batch"] if recipe["prior"] else None
    draws = data(recipe | {"batch": size or max(recipe["batch"], 64)}, seed)
    nn.norm.recalibrate(renewed, (draws(step)[0][:, None] for step in range(50)))
    ways = {"fixed": net.eval().denoise, "recalibrated": renewed.eval().denoise}
    ways = {mode: partial(denoise, batch_size=size) for mode, denoise in ways.items()}
    return ways | {f"batch {n}": partial(unfixed.denoise, batch_size=n) for n in batches}


def pointwise_limit(family, noisy, sigma):
    """Return the estimates of `bayes.POINTWISE`, the limit for networks; None if it is unknown.

    Examples
    --------
    >>> noisy, clean, _ = draw("sparse_spikes", 3.0, 200, seed=0)
    >>> print(f"{metrics.rmse(pointwise_limit('sparse_spikes', noisy, 3.0), clean).mean():.2f}")
    1.59
    """
    return bayes.POINTWISE[family](noisy, sigma) if family in bayes.POINTWISE else None


@lru_cache(maxsize=64)
def draw_with_limit(family, sigma, n, seed, purpose="test"):
    """Return what `draw` returns and its `pointwise_limit`, read-only, once for all settings.

    A range of levels must be a tuple.

    Examples
    --------
    >>> noisy, *_, best = draw_with_limit("blocks", 3.0, 10, seed=0)
    >>> best.shape == noisy.shape
    True
    """
    noisy, clean, level = draw(family, sigma, n, seed, purpose)
    return _check.read_only(noisy, clean, level, pointwise_limit(family, noisy, level))


def scores(estimate, clean, best):
    """Return average errors; ``gap`` is the distance of the RMSE from the limit's, in percent.

    It is NaN if the limit ``best`` is None, that is unknown.

    Examples
    --------
    >>> scores(np.ones((2, 4)), np.zeros((2, 4)), best=np.full((2, 4), 0.8))
    {'rmse': 1.0, 'slide_psnr': 20.0, 'gap': 25.0}
    """
    error = metrics.rmse(estimate, clean).mean()
    least = np.nan if best is None else metrics.rmse(best, clean).mean()
    return {
        "rmse": float(error),
        "slide_psnr": float(metrics.slide_psnr(estimate, clean).mean()),
        "gap": float(100 * (error / least - 1)),
    }


def save(path, net, recipe, seed):
    """Write a network, its recipe and seed to a file (``.safetensors`` or ``.npz``), for `load`."""
    metadata = {"recipe": json.dumps(recipe), "seed": str(seed)}
    nn.checkpoint.save(path, net.state_dict(), metadata)


def load(path):
    """Return a network that `save` wrote, in evaluation mode.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.safetensors")
    ...     save(path, make(BASE, seed=3), BASE, seed=3)
    ...     net = load(path)
    >>> net.denoise(np.zeros(100)).shape
    (100,)
    """
    state, metadata = nn.checkpoint.load(path)
    try:
        net = make(json.loads(metadata["recipe"]), int(metadata["seed"]))
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{Path(path).name} was not written by `networks.save`") from None
    net.load_state_dict(state)
    return net.eval()
