"""One loop for all studies: ways to denoise meet signals, and give rows.

A *way* is a function ``denoise(noisy, sigma)`` of signals ``(n, length)`` and their noise levels
``(n, 1)``; or None, which stands for the limit; or a pair of a way and a dict of what its rows say
besides.
"""

import numpy as np

from denoiselib.experiments import networks
from denoiselib.experiments.table import Table


def compare(ways, family, sigma, n, seed, purpose="test"):
    """Return a `Table` with the `networks.scores` of each ``way`` to denoise the same signals.

    Parameters
    ----------
    ways : dict of str to way
        By name, as above.
    family, sigma, n, seed, purpose
        Which signals, as in `networks.draw`.

    Examples
    --------
    >>> from denoiselib import filters
    >>> ways = {"TV": lambda noisy, sigma: filters.tv(noisy, 8.0), "limit": None}
    >>> for row in compare(ways, "blocks", 3.0, n=200, seed=0):
    ...     print(f"{row['way']:6s}{row['rmse']:.2f}, {row['gap']:4.1f} % above the limit")
    TV    1.06,  8.9 % above the limit
    limit 0.97,  0.0 % above the limit
    """
    sigma = tuple(sigma) if np.ndim(sigma) else sigma
    noisy, clean, level, best = networks.draw_with_limit(family, sigma, n, seed, purpose)
    rows = Table()
    for name, way in ways.items():
        denoise, says = way if isinstance(way, tuple) else (way, {})
        estimate = best if denoise is None else denoise(noisy, level)
        rows.append({"way": name, **networks.scores(estimate, clean, best), **says})
    return rows


def blind(denoise):
    """Return the way to denoise by a function that is not told the noise level."""
    return lambda noisy, sigma: denoise(noisy)


def trained(setting, seed):
    """Train a network by a recipe; its one way to denoise is not told the noise level."""
    return {"": blind(networks.train(setting, seed).denoise)}


def as_trained(setting):
    """List the tests of a setting: one, at its own noise level, or at the slides' if it has none.

    A test is what its rows say besides, a noise level, and the purpose of its signals.
    """
    return [({}, setting.get("sigma", networks.BASE["sigma"]), "test")]


def run_ways(setting, seed, signals, *, ways, tests=as_trained, column=None, first_seed=0):
    """Compare ways in all tests: what a `Protocol` may run, with its ways filled in by `partial`.

    Parameters
    ----------
    setting, seed, signals
        Of a job.
    ways : callable
        ``ways(setting, seed) -> dict`` of ways by name: here networks are trained, filters tuned.
    tests : callable
        ``tests(setting) -> list`` of tests, as `as_trained` does.
    column : str, optional
        Where rows hold the name of the way; not given if a setting has one.
    first_seed : int
        Added to the seeds of the jobs, so that a study does not see the signals of its pilot.

    Examples
    --------
    >>> from denoiselib import filters
    >>> def ways(setting, seed):
    ...     return {"": lambda noisy, sigma: filters.tv(noisy, setting["lam"])}
    >>> (row,) = run_ways({"family": "blocks", "lam": 8.0}, seed=0, signals=50, ways=ways)
    >>> row["rmse"] < 1.2
    True
    """
    seed, rows = seed + first_seed, []
    family, ways = setting.get("family", networks.BASE["family"]), ways(setting, seed)
    for columns, sigma, purpose in tests(setting):
        n = networks.VALIDATION if purpose == "validation" else signals
        for row in compare(ways, family, sigma, n, seed, purpose):
            name = row.pop("way")
            rows.append(columns | ({column: name} if column else {}) | row)
    return rows
