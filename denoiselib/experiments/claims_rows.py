"""Rows on the statements of `claims`: trainings, and what the trained networks do.

The parts of the study, ``part(setting, seed, n)``, train networks, test them on n signals and yield
rows. A docstring begins with the numbers of its statements. One network is used in several `ways`:
``"fixed"``, ``"alone"`` (unfixed, each signal with its own statistics), ``"in 64"`` (unfixed, 64
signals together) and ``"without"`` batch norm.
"""

import itertools
from functools import partial

import numpy as np
from scipy import stats

from denoiselib import bayes, metrics, nn, signals
from denoiselib._random import stream
from denoiselib.experiments import claims_measures as measures
from denoiselib.experiments import networks, recipes
from denoiselib.filters import METHODS

NOTICEABLE = 0.05  #: a relative difference of errors that counts
#: Names of `networks.modes` among `ways`.
WAYS = {"fixed": "fixed", "batch 1": "alone", "batch 64": "in 64", "no batch norm": "without"}


def row(claim, measure, condition, value, yes=None):
    """Return a row: a value, None if it is not finite, and on which share of the signals it holds.

    Examples
    --------
    >>> row(1, "stuck", "with batch norm", np.float64(0), yes=[True, False])["share"]
    0.5
    """
    value = float(value) if np.isfinite(value) else None
    share = None if yes is None else float(np.mean(yes))
    named = {"claim": claim, "measure": measure, "condition": condition}
    return named | {"value": value, "share": share}


def percent(errors, others):
    """Return by how many percent a mean of errors is above that of others."""
    return 100 * (errors.mean() / others.mean() - 1)


def network(setting, seed, n):
    """2, 3, 5, 6, 9, 10, 12, 13: two networks from the same weights, one without batch norm."""
    net = networks.train(setting, seed)
    bare = networks.train(setting | {"norm": "none"}, seed)
    ways = networks.modes(net, setting, seed) | {"no batch norm": bare.denoise}
    ways = {WAYS[mode]: denoise for mode, denoise in ways.items() if mode in WAYS}
    test = networks.draw_with_limit(setting["family"], setting["sigma"], n, seed)
    yield from accuracy(ways, setting, seed, test)
    yield from modes(ways, setting, seed, n)
    yield from fluctuations(ways, test)
    yield from sensitivity(ways, setting, seed, test[0])
    yield from layers({"with batch norm": net, "without": bare}, test[0][:100])
    yield from outliers(net, bare, test[0][:128])


def stability(setting, seed, n):
    """1: whether trainings get stuck less often with batch norm."""
    error = _test(setting, seed, n)
    nets = (networks.train(setting | {"norm": norm}, seed) for norm in ("batch", "none"))
    with_it, without = (float(error(net.denoise).mean()) > recipes.STUCK for net in nets)
    condition = f"learning rate {setting['lr']:g}"
    yield row(1, "stuck, with batch norm", condition, with_it)
    yield row(1, "stuck, without", condition, without)
    yield row(1, "stuck without - with", condition, without - with_it)


def batches(setting, seed, n):
    """4: whether batches of one signal give a worse network, for the same number of signals."""
    error, errors = _test(setting, seed, n), []
    for batch in (1, 64):
        lr = setting["lr"] * (batch / 32) ** 0.5
        recipe = setting | {"batch": batch, "lr": lr, "steps": max(setting["seen"] // batch, 1)}
        ways = networks.modes(networks.train(recipe, seed), recipe, seed, batches=[64])
        errors.append({way: error(denoise) for way, denoise in ways.items()})
    measure, (one, many) = "RMSE after batches of 1 above 64, %", errors
    for way, x in one.items():
        name = way.replace("batch 64", "in 64")
        yield row(4, measure, name, percent(x, many[way]), x > many[way])


def sparsity(setting, seed, n):
    """8: whether a training on sparser signals converges faster, and nearer to the limit."""
    found = [convergence(setting, draws, seed, n) for draws in setting["draws"]]
    for name in found[0]:
        values = [x[name] for x in found]
        for draws, value in zip(setting["draws"], values, strict=True):
            yield row(8, name, f"{draws:3} draws", value)
        rank = stats.spearmanr(setting["draws"], values)[0] if len(set(values)) > 1 else 0
        yield row(8, "rank correlation with the draws", name, rank)


def convergence(setting, draws, seed, n):
    """Train on signals of so many spikes, and return the steps to two goals, and the final gap.

    The goals are 5 % above the limit, and 95 % of the way from the best constant to the limit. A
    training that misses a goal counts with twice its steps.
    """

    def made(count, rng):
        clean = signals.sparse_spikes(count, rng=rng, draws=draws)
        return signals.add_noise(clean, setting["sigma"], rng), clean

    def batches(step):
        return made(setting["batch"], stream(seed, "training", step))

    noisy, clean = test = made(n, stream(seed, "sparsity", draws))
    best = bayes.sparse_spikes_posterior_mean(noisy, setting["sigma"], draws=draws)
    limit = metrics.rmse(best, clean).mean()
    constant = metrics.rmse(np.full_like(clean, clean.mean()), clean).mean()
    steps = setting["steps"]
    every = max(steps // 40, 1)
    _, history = networks.fit(setting, seed, batches, validation=test, every=every)

    def first(goal):
        passed = zip(history["step"], history["rmse"], strict=True)
        return next((step for step, error in passed if error <= goal), 2 * steps)

    return {
        "steps to 5 % above the limit": first(1.05 * limit),
        "steps to 95 % of the way": first(limit + 0.05 * (constant - limit)),
        "RMSE above the limit, %": 100 * (history["rmse"][-1] / limit - 1),
    }


def optima(setting, seed, n):
    """11: whether the errors of single signals depend on the training."""
    error = _test(setting, seed, n)
    starts = [seed + 1000 * k for k in range(setting["nets"])]
    errors = np.stack([error(networks.train(setting, s).denoise) for s in starts])
    well = errors[errors.mean(axis=1) < recipes.STUCK]
    yield row(11, "share of stuck trainings", "all", 1 - len(well) / len(errors))
    for condition, some in (("all trainings", errors), ("those not stuck", well)):
        if len(some) > 1:
            yield row(11, "variance due to the training", condition, measures.optimum_part(some))


def accuracy(ways, setting, seed, test):
    """2, 3: whether the network is better than filters, and worse in some cases."""
    noisy, clean, _, best = test
    filtered = tuned(setting, seed, noisy)
    others = filtered | {"no batch norm": ways["without"](noisy), "doing nothing": noisy}
    errors = {name: metrics.rmse(x, clean) for name, x in others.items()}
    own, least = metrics.rmse(ways["fixed"](noisy), clean), metrics.rmse(best, clean)
    for name, error in {"batch norm": own, **errors}.items():
        yield row(2, "RMSE above the limit, %", name, percent(error, least))
    for name in filtered:
        gain = 100 * (1 - own.mean() / errors[name].mean())
        yield row(2, "RMSE below, %", f"the {name} filter", gain, own < errors[name])
    for name in ("no batch norm", "tuned Wiener", "doing nothing"):
        loss = percent(own, errors[name])
        for condition, factor in ((name, 1), (f"{name}, by 5 %", 1 + NOTICEABLE)):
            lost = own > factor * errors[name]
            yield row(3, "RMSE above, %", f"than {condition}", loss, lost)


def tuned(setting, seed, noisy):
    """Return estimates of the best filter and of Wiener's, tuned on validation signals."""
    sigma, errors, values = setting["sigma"], {}, {}
    *seen, _ = networks.draw(setting["family"], sigma, 200, seed, "validation")
    for name, method in METHODS.items():
        values[name] = method.tune(seen[0], sigma, seen[1]).value
        errors[name] = metrics.rmse(method.denoise(seen[0], sigma, values[name]), seen[1]).mean()
    names = {"best tuned": min(errors, key=errors.get), "tuned Wiener": "wiener"}
    return {k: METHODS[name].denoise(noisy, sigma, values[name]) for k, name in names.items()}


def modes(ways, setting, seed, n):
    """5, 6: whether the mode of batch norm matters, and whether unfixed is better than fixed."""
    for sigma in networks.SIGMAS:
        noisy, clean, _ = networks.draw(setting["family"], sigma, n, seed)
        made = {way: ways[way](noisy) for way in ("fixed", "alone", "in 64")}
        errors = {way: metrics.rmse(x, clean) for way, x in made.items()}
        for way in ("alone", "in 64"):
            gain = 100 * (1 - errors[way].mean() / errors["fixed"].mean())
            won = errors[way] < errors["fixed"]
            yield row(6, "RMSE below fixed, %", f"{way} at sigma {sigma:g}", gain, won)
        if sigma == setting["sigma"]:
            for a, b in itertools.combinations(made, 2):
                apart = measures.change(made[a], made[b], clean)
                much = apart > NOTICEABLE
                yield row(5, "change / error", f"{a} or {b}", np.median(apart), much)


def fluctuations(ways, test):
    """10: how much of the noise is removed where the clean signal is 0."""
    noisy, clean, _, best = test
    made = {way: denoise(noisy) for way, denoise in ways.items()}
    made |= {"the limit": best, "a constant": np.full_like(clean, clean.mean())}
    for name, estimate in made.items():
        gone = measures.removed(estimate, noisy, clean)
        what = "noise removed" if name in ways else "noise removed, for comparison"
        yield row(10, what, name, gone.mean(), gone > 0.5)


def sensitivity(ways, setting, seed, noisy):
    """12: whether small changes of the input grow."""
    limit = partial(networks.pointwise_limit, setting["family"], sigma=setting["sigma"])
    for way in ("fixed", "alone", "the limit"):
        what = "amplification" if way in ways else "amplification, for comparison"
        denoise = ways.get(way, limit)
        found = {
            "random": measures.amplification(denoise, noisy, rng=seed),
            "worst": measures.worst_amplification(denoise, noisy[:20]),
        }
        for direction, x in found.items():
            yield row(12, what, f"{direction} direction, {way}", x.mean(), x > 1)


def layers(nets, noisy):
    """9: whether channels of two layers are less alike than those of one."""
    for name, net in nets.items():
        like = measures.correlations(measures.outputs(net, noisy, nn.unet.DoubleConv))
        for where, x in like.items():
            yield row(9, f"correlation {where}", name, x)
        for where, which in (("between", "any two layers"), ("same length", "two of one length")):
            difference = like["within"] - like[where]
            yield row(9, "correlation, one layer - two", f"{which}, {name}", difference)


def outliers(net, bare, noisy):
    """13: whether batch norm removes outliers from the features."""
    measure, before, after = "kurtosis before - after", nn.modules.Conv1d, nn.norm.BatchNorm1d
    for mode, batch in (("fixed", None), ("in 64", 64), ("alone", 1)):
        net.eval("running" if mode == "fixed" else "batch")
        a, b = (_kurtosis(net, noisy, kind, batch) for kind in (before, after))
        a = a[: len(b)]  # the last convolution has no batch norm
        yield row(13, measure, mode, _mean(a - b))
    net.eval()
    without, with_it = (_mean(_kurtosis(n, noisy, before)) for n in (bare, net))
    yield row(13, measure, "trained with it", without - with_it)


def _kurtosis(net, noisy, kind, batch=None):
    outputs = measures.outputs(net, noisy, kind, batch)
    return np.concatenate([measures.kurtosis(x) for x in outputs])


def _mean(values):
    return np.nanmean(values) if np.isfinite(values).any() else np.nan


def _test(setting, seed, n):
    """Return a function from a way to denoise to the errors on n test signals."""
    noisy, clean, _ = networks.draw(setting["family"], setting["sigma"], n, seed)
    return lambda denoise: metrics.rmse(denoise(noisy), clean)


#: The parts of the study by name.
PARTS = {part.__name__: part for part in (network, stability, batches, sparsity, optima)}
