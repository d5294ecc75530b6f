"""What one network with batch norm does, beside one without: claims 2, 3, 5, 6, 9, 10, 12, 13.

Each function returns rows on the claims that its docstring names. Networks are used in `ways`:
``"fixed"``, ``"alone"`` (unfixed, each signal with its own statistics), ``"in 64"`` (unfixed, 64
signals together) and ``"without"`` batch norm.
"""

import numpy as np

from denoiselib import metrics, nn
from denoiselib.experiments import classical, networks
from denoiselib.experiments.claims import measures
from denoiselib.filters import METHODS

SIGMAS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
MUCH = 0.05  #: the part of an error that counts
NAMES = {"fixed": "fixed", "batch 1": "alone", "batch 64": "in 64", "no batch norm": "without"}


def row(claim, measure, condition, value, share=None):
    """Return a row.

    Examples
    --------
    >>> row(1, "stuck", "with batch norm", np.float64(0))["value"]
    0.0
    """
    return {
        "claim": claim,
        "measure": measure,
        "condition": condition,
        "value": float(value) if np.isfinite(value) else None,
        "share": share,
    }


def network(setting, seed, n):
    """Train one with batch norm and one without, from the same start, and look at them."""
    net = networks.train(setting, seed)
    bare = networks.train(setting | {"norm": "none"}, seed)
    ways = networks.modes(net, setting, seed) | {"no batch norm": bare.denoise}
    ways = {NAMES[mode]: denoise for mode, denoise in ways.items() if mode in NAMES}
    test = networks.draw(setting["family"], setting["sigma"], n, seed)
    return [
        *accuracy(ways, setting, seed, test),
        *modes(ways, setting, seed, n),
        *fluctuations(ways, setting, test),
        *sensitivity(ways, setting, seed, test[0]),
        *layers({"with batch norm": net, "without": bare}, test[0][:100]),
        *outliers(net, bare, test[0][:128]),
    ]


def accuracy(ways, setting, seed, test):
    """2, 3: whether it is better than filters, and worse in some cases."""
    noisy, clean, _ = test
    best = networks.limit(setting["family"], noisy, setting["sigma"])
    filtered = tuned(setting, seed, noisy)
    others = filtered | {"no batch norm": ways["without"](noisy), "doing nothing": noisy}
    errors = {name: metrics.rmse(x, clean) for name, x in others.items()}
    own, least = metrics.rmse(ways["fixed"](noisy), clean), metrics.rmse(best, clean).mean()
    rows = [
        row(2, "RMSE above the limit, %", name, 100 * (error.mean() / least - 1))
        for name, error in {"batch norm": own, **errors}.items()
    ]
    for name in filtered:
        gain = 100 * (1 - own.mean() / errors[name].mean())
        won = measures.share(own < errors[name])
        rows.append(row(2, "RMSE below, %", f"the {name} filter", gain, won))
    for name in ("no batch norm", "tuned Wiener", "doing nothing"):
        loss = 100 * (own.mean() / errors[name].mean() - 1)
        for condition, factor in ((name, 1), (f"{name}, by 5 %", 1 + MUCH)):
            lost = measures.share(own > factor * errors[name])
            rows.append(row(3, "RMSE above, %", f"than {condition}", loss, lost))
    return rows


def tuned(setting, seed, noisy):
    """Return estimates of the best filter and of Wiener's, tuned on validation signals."""
    sigma, errors, values = setting["sigma"], {}, {}
    *seen, _ = networks.draw(setting["family"], sigma, 200, seed, "validation")
    for name, method in METHODS.items():
        values[name] = classical.tune(name, "oracle", *seen, sigma)
        errors[name] = metrics.rmse(method.denoise(seen[0], sigma, values[name]), seen[1]).mean()
    names = {"best tuned": min(errors, key=errors.get), "tuned Wiener": "wiener"}
    return {k: METHODS[name].denoise(noisy, sigma, values[name]) for k, name in names.items()}


def modes(ways, setting, seed, n):
    """5, 6: whether the mode of batch norm matters, and unfixed is better than fixed."""
    rows = []
    for sigma in SIGMAS:
        noisy, clean, _ = networks.draw(setting["family"], sigma, n, seed)
        made = {way: ways[way](noisy) for way in ("fixed", "alone", "in 64")}
        errors = {way: metrics.rmse(x, clean) for way, x in made.items()}
        for way in ("alone", "in 64"):
            gain = 100 * (1 - errors[way].mean() / errors["fixed"].mean())
            won = measures.share(errors[way] < errors["fixed"])
            rows.append(row(6, "RMSE below fixed, %", f"{way} at sigma {sigma:g}", gain, won))
        if sigma != setting["sigma"]:
            continue
        for a, b in (("fixed", "alone"), ("fixed", "in 64"), ("alone", "in 64")):
            apart = measures.change(made[a], made[b], clean)
            much = measures.share(apart > MUCH)
            rows.append(row(5, "change / error", f"{a} or {b}", np.median(apart), much))
    return rows


def fluctuations(ways, setting, test):
    """10: how much of the noise is gone where the clean signal is 0."""
    noisy, clean, _ = test
    made = {way: denoise(noisy) for way, denoise in ways.items()}
    made |= {"the limit": networks.limit(setting["family"], noisy, setting["sigma"])}
    made |= {"a constant": np.full_like(clean, clean.mean())}
    rows = []
    for name, estimate in made.items():
        gone = measures.removed(estimate, noisy, clean)
        what = "noise removed" if name in ways else "noise removed, for comparison"
        rows.append(row(10, what, name, gone.mean(), measures.share(gone > 0.5)))
    return rows


def sensitivity(ways, setting, seed, noisy):
    """12: whether slight differences in the input grow."""
    rows = []
    made = {way: ways[way] for way in ("fixed", "alone")}
    made |= {"the limit": lambda y: networks.limit(setting["family"], y, setting["sigma"])}
    for way, denoise in made.items():
        what = "amplification" if way in ways else "amplification, for comparison"
        found = {
            "random": measures.amplification(denoise, noisy, rng=seed),
            "worst": measures.worst_amplification(denoise, noisy[:20]),
        }
        for direction, x in found.items():
            condition = f"{direction} direction, {way}"
            rows.append(row(12, what, condition, x.mean(), measures.share(x > 1)))
    return rows


def layers(nets, noisy):
    """9: whether channels of two layers are less alike than those of one."""
    rows = []
    for name, net in nets.items():
        like = measures.correlations(measures.outputs(net, noisy, nn.unet.DoubleConv))
        rows += [row(9, f"correlation {where}", name, x) for where, x in like.items()]
        for where, which in (("between", "any two layers"), ("same length", "two of one length")):
            difference = like["within"] - like[where]
            rows.append(row(9, "correlation, one layer - two", f"{which}, {name}", difference))
    return rows


def outliers(net, bare, noisy):
    """13: whether batch norm takes outliers out of the features."""
    rows, before, after = [], nn.modules.Conv1d, nn.norm.BatchNorm1d
    for mode, batch in (("fixed", None), ("in 64", 64), ("alone", 1)):
        net.eval("running" if mode == "fixed" else "batch")
        a, b = (
            np.concatenate(
                [measures.kurtosis(x) for x in measures.outputs(net, noisy, kind, batch)]
            )
            for kind in (before, after)
        )
        a = a[: len(b)]  # the last convolution has no batch norm
        rows.append(row(13, "kurtosis before - after", mode, _mean(a - b)))
    net.eval()
    levels = [
        _mean(np.concatenate([measures.kurtosis(x) for x in measures.outputs(n, noisy, before)]))
        for n in (bare, net)
    ]
    rows.append(row(13, "kurtosis before - after", "trained with it", levels[0] - levels[1]))
    return rows


def _mean(values):
    return np.nanmean(values) if np.isfinite(values).any() else np.nan
