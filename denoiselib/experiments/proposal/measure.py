"""Train one of them, and measure it at all noise levels."""

import numpy as np

from denoiselib import bayes, metrics
from denoiselib.experiments import networks

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
GRID = np.linspace(1.0, 5.0, 17)  #: of noise levels, for those who are not told it


def run_one(setting, seed, signals=1000):
    """Train, and measure with running statistics at all noise levels.

    Parameters
    ----------
    setting : dict
        A recipe as `candidates.recipe` makes it; or ``row``: ``"limit"`` or
        ``"limit, level unknown"``, with ``family`` and ``sigma``.
    seed : int
        Draws weights and signals.
    signals : int
        Number of test signals, the same at all levels but for the scale of the noise.

    Returns
    -------
    list of dict
        For each ``test``: a noise level, ``"as trained"``, the mean over the levels of the
        training, ``"elsewhere"``, the mean over the others, and ``"validation"``, 500 other signals
        as in training, the ``rmse`` and the ``gap`` to the limit in percent.

    Examples
    --------
    >>> rows = run_one({"row": "limit", "family": "blocks", "sigma": 3.0}, seed=0, signals=50)
    >>> [row["test"] for row in rows]
    ['1', '2', '3', '4', '5', '6', 'as trained', 'elsewhere', 'validation']
    >>> rows[6]["rmse"] == rows[2]["rmse"]
    True
    """
    denoise = _estimator(setting, seed)

    def errors(sigma, *drawn):
        low_high = tuple(sigma) if np.ndim(sigma) else sigma
        noisy, clean, sigma, best = networks.draw_with_limit(setting["family"], low_high, *drawn)
        estimate = best if denoise is None else denoise(noisy, sigma)
        return np.array([metrics.rmse(x, clean).mean() for x in (estimate, best)])

    low, high = np.broadcast_to(setting["sigma"], 2)
    inside = np.array([low <= sigma <= high for sigma in LEVELS])
    table = np.array([errors(sigma, signals, seed) for sigma in LEVELS])
    tests = {f"{sigma:g}": pair for sigma, pair in zip(LEVELS, table, strict=True)}
    tests["as trained"] = table[inside].mean(axis=0)
    tests["elsewhere"] = table[~inside].mean(axis=0)
    tests["validation"] = errors(setting["sigma"], 500, seed, "validation")
    return [
        {"test": test, "rmse": float(error), "gap": float(100 * (error / least - 1))}
        for test, (error, least) in tests.items()
    ]


def _estimator(setting, seed):
    """Return ``denoise(noisy, sigma)``, or None for the limit itself."""
    family = setting["family"]
    if setting["row"] == "limit":
        return None
    if setting["row"] == "limit, level unknown":
        pointwise = {"sparse_spikes": bayes.sparse_spikes_posterior_mean}
        limit = (bayes.LIMITS | pointwise)[family]
        return lambda noisy, sigma: bayes.unknown_sigma(limit, noisy, GRID)
    net = networks.train(setting, seed)
    return lambda noisy, sigma: net.denoise(networks.with_level(setting, noisy, sigma))
