"""One loop for all studies: ways to denoise meet signals, and give rows.

A *way* is a function ``denoise(noisy, sigma)`` of signals ``(n, length)`` and their noise levels
``(n, 1)``; or None, which stands for the limit; or a pair of a way and a dict of what its rows say
besides.
"""

from functools import partial

import numpy as np

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol
from denoiselib.experiments.table import Table

VALIDATION = 500  #: signals on which something is chosen, a learning rate or a start


def compare(ways, family, sigma, n, seed, purpose="test"):
    """Return a row of averages for each way to denoise the same signals.

    Parameters
    ----------
    ways : dict of str to way
        By name, as above.
    family : str
        Name in `signals.FAMILIES`.
    sigma : float or (float, float)
        Noise level, or a range from which each signal draws its own.
    n, seed : int
        How many signals, and which.
    purpose : {"test", "validation"}
        What for.

    Returns
    -------
    Table
        Rows with ``way``, ``rmse``, ``slide_psnr`` and ``gap``, the distance from the limit in
        percent (NaN if the limit is unknown).

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


def as_trained(setting):
    """List the tests of a setting: one, at its own noise level."""
    return [({}, setting["sigma"], "test")]


def study(ways, *, tests=as_trained, column=None, first_seed=0, **protocol):
    """Return a `Protocol` that compares ways.

    Parameters
    ----------
    ways : callable
        ``ways(setting, seed) -> dict`` of ways by name: here networks are trained, filters tuned.
    tests : callable
        ``tests(setting) -> list of (columns, sigma, purpose)``: what is tested on, and what the
        rows of that test say besides.
    column : str, optional
        Where rows hold the name of the way; not given if a setting has one.
    first_seed : int
        Added to the seeds of the jobs, so that a study does not see the signals of its pilot.
    **protocol
        The rest of the `Protocol`.

    Examples
    --------
    >>> from denoiselib import filters
    >>> def ways(setting, seed):
    ...     return {"": lambda noisy, sigma: filters.tv(noisy, setting["lam"])}
    >>> settings = [{"family": "blocks", "sigma": 3.0, "lam": lam} for lam in (4.0, 8.0)]
    >>> lambdas = study(ways, name="lambdas", settings=settings, table={"by": ["lam"]})
    >>> [row["rmse"] < 1.2 for row in lambdas.run_one(settings[1], seed=0, signals=50)]
    [True]
    """
    measure = partial(run_ways, ways=ways, tests=tests, column=column, first_seed=first_seed)
    return Protocol(run_one=measure, **protocol)


def run_ways(setting, seed, signals, *, ways, tests, column, first_seed):
    """Compare the ways of a setting in all its tests: the rows of a job."""
    seed, rows = seed + first_seed, []
    family, ways = setting.get("family", "sparse_spikes"), ways(setting, seed)
    for columns, sigma, purpose in tests(setting):
        n = VALIDATION if purpose == "validation" else signals
        for row in compare(ways, family, sigma, n, seed, purpose):
            name = row.pop("way")
            rows.append(columns | ({column: name} if column else {}) | row)
    return rows
