"""Statements that take several trainings: claims 1, 4, 8, 11.

Each function takes the setting, the seed and the number of test signals of `claims.run_one`, and
returns rows on the claim that its docstring names.
"""

import numpy as np
from scipy import stats

from denoiselib import bayes, metrics, signals
from denoiselib.experiments import networks, recipes
from denoiselib.experiments.claims import measures
from denoiselib.experiments.claims.one_network import row


def stability(setting, seed, n):
    """1: whether trainings with batch norm get stuck less often."""
    noisy, clean, _ = networks.draw(setting["family"], setting["sigma"], n, seed)
    stuck = [
        float(_rmse(networks.train(setting | {"norm": norm}, seed).denoise, noisy, clean).mean())
        > recipes.STUCK
        for norm in ("batch", "none")
    ]
    condition = f"learning rate {setting['lr']:g}"
    return [
        row(1, "stuck, with batch norm", condition, stuck[0]),
        row(1, "stuck, without", condition, stuck[1]),
        row(1, "stuck without - with", condition, stuck[1] - stuck[0]),
    ]


def batches(setting, seed, n):
    """4: whether a network is worse if it was trained one by one, on as many signals."""
    noisy, clean, _ = networks.draw(setting["family"], setting["sigma"], n, seed)
    errors = []
    for batch in (1, 64):
        lr = setting["lr"] * (batch / 32) ** 0.5
        recipe = setting | {"batch": batch, "lr": lr, "steps": max(setting["seen"] // batch, 1)}
        net = networks.train(recipe, seed)
        ways = networks.modes(net, recipe, seed, batches=[64])
        errors.append({way: _rmse(denoise, noisy, clean) for way, denoise in ways.items()})
    one, many = errors
    return [
        row(
            4,
            "RMSE after batches of 1 above 64, %",
            way.replace("batch 64", "in 64"),
            100 * (one[way].mean() / many[way].mean() - 1),
            measures.share(one[way] > many[way]),
        )
        for way in one
    ]


def sparsity(setting, seed, n):
    """8: whether a training converges faster, and further, on sparser signals."""
    found = [convergence(setting, draws, seed, n) for draws in setting["draws"]]
    rows = []
    for name in found[0]:
        values = [x[name] for x in found]
        rows += [
            row(8, name, f"{draws:3} draws", value)
            for draws, value in zip(setting["draws"], values, strict=True)
        ]
        rank = stats.spearmanr(setting["draws"], values)[0] if len(set(values)) > 1 else 0
        rows.append(row(8, "rank correlation with the draws", name, rank))
    return rows


def convergence(setting, draws, seed, n):
    """Return how fast a training on signals of so many draws comes near the limit, and how near.

    Steps are counted to 5 % above the limit, and to 95 % of the way from the best constant to it;
    of a training that does not get there, all of them twice.
    """

    def made(count, rng):
        clean = signals.sparse_spikes(count, rng=rng, draws=draws)
        return signals.add_noise(clean, setting["sigma"], rng), clean

    noisy, clean = made(n, np.random.default_rng([seed, draws, 2**32 - 1]))
    best = bayes.sparse_spikes_posterior_mean(noisy, setting["sigma"], draws=draws)
    limit = metrics.rmse(best, clean).mean()
    constant = metrics.rmse(np.full_like(clean, clean.mean()), clean).mean()
    steps = setting["steps"]
    _, history = networks.fit(
        setting,
        seed,
        lambda step: made(setting["batch"], np.random.default_rng([seed, step])),
        validation=(noisy, clean),
        every=max(steps // 40, 1),
    )
    errors = np.array(history["rmse"])

    def first(goal):
        return next(
            (s for s, e in zip(history["step"], errors, strict=True) if e <= goal), 2 * steps
        )

    return {
        "steps to 5 % above the limit": first(1.05 * limit),
        "steps to 95 % of the way": first(limit + 0.05 * (constant - limit)),
        "RMSE above the limit, %": 100 * (errors[-1] / limit - 1),
    }


def optima(setting, seed, n):
    """11: whether the errors of single signals depend on where a training has ended."""
    noisy, clean, _ = networks.draw(setting["family"], setting["sigma"], n, seed)
    starts = [seed + 1000 * k for k in range(setting["nets"])]
    errors = np.stack([_rmse(networks.train(setting, s).denoise, noisy, clean) for s in starts])
    well = errors[errors.mean(axis=1) < recipes.STUCK]
    rows = [row(11, "share of stuck trainings", "all", 1 - len(well) / len(errors))]
    for condition, some in (("all trainings", errors), ("those not stuck", well)):
        if len(some) > 1:
            rows.append(
                row(11, "variance due to the training", condition, measures.optimum_part(some))
            )
    return rows


def _rmse(denoise, noisy, clean):
    return metrics.rmse(denoise(noisy), clean)
