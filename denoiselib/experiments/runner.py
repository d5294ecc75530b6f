"""Runs the jobs of a protocol on all cores or on a cluster, and stores each as it finishes.

A run that was stopped continues where it stopped: jobs that have rows are skipped, jobs that failed
are tried again. Only the process that calls `run` writes.
"""

import math
import os
import platform
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from denoiselib import _check
from denoiselib.experiments.store import Store, identity

FOLDER = "data/results"


def run(protocol, folder=FOLDER, *, seeds=None, signals=None, workers=-1, client=None):
    """Run all jobs of a protocol that have no rows yet.

    Parameters
    ----------
    protocol : Protocol
        For example one of `experiments.PROTOCOLS`, or its quick form, ``protocol.shrunk()``.
    folder : str or Path
        Folder of the results.
    seeds, signals : int, optional
        Replace the protocol's own numbers.
    workers : int
        Number of processes, each with one thread; -1 for one a core.
    client : distributed.Client, optional
        The workers of this Dask cluster run the jobs instead.

    Returns
    -------
    list of dict
        The jobs that failed, each with its ``error``.

    Raises
    ------
    BlockingIOError
        If another process is running the same protocol into the same folder.

    Examples
    --------
    >>> import tempfile
    >>> from denoiselib.experiments.protocol import Protocol
    >>> def run_one(setting, seed, signals):
    ...     return [{"rmse": setting["lam"] + seed / signals}]
    >>> protocol = Protocol(name="example", run_one=run_one, settings=[{"lam": 2}], table={})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     failed = run(protocol, folder, seeds=2, signals=10, workers=1)
    ...     row = Store(folder, "example").rows()[1]
    >>> print(failed, row)
    [] {'lam': 2, 'seed': 1, 'signals': 10, 'rmse': 2.1}
    """
    seeds = _check.integer(protocol.seeds if seeds is None else seeds, "seeds", 1)
    signals = _check.integer(protocol.signals if signals is None else signals, "signals", 1)
    if workers != -1:
        _check.integer(workers, "workers", 1)
    jobs = protocol.jobs(seeds, signals)
    store = Store(folder, protocol.name)
    with store.open() as append, threadpool_limits(1):
        done = {identity(job) for job in store.read() if "rows" in job}
        waiting = [job for job in jobs if identity(job) not in done]
        if waiting:
            store.note(_provenance(protocol, seeds, signals))
        compute, where = (_on_cores, workers) if client is None else (_on_cluster, client)
        finished = compute(protocol.run_one, waiting, where)
        bar = {"total": len(jobs), "initial": len(jobs) - len(waiting), "desc": protocol.name}
        failed = []
        with closing(finished):
            for job in tqdm(finished, **bar):
                append(job)
                if "error" in job:
                    failed.append(job)
    return failed


def _on_cores(run_one, jobs, workers):
    """Yield each job, with its rows or its error, as a process finishes it."""
    waiting = {identity(job): job for job in jobs}
    alone = False
    while waiting:
        batch = list(waiting.values())[: 1 if alone else None]
        parallel = Parallel(workers, return_as="generator_unordered", batch_size=1)
        try:
            for outcome in parallel(delayed(_work)(run_one, job) for job in batch):
                del waiting[identity(outcome)]
                yield outcome
            alone = False
        except BrokenProcessPool:
            # A process died, and the pool with it. To find the job that killed it, the first
            # unfinished job, which was among the running ones, is tried alone.
            if alone:
                yield {**waiting.pop(identity(batch[0])), "error": "its process died"}
            alone = not alone


def _on_cluster(run_one, jobs, client):
    """Yield each job, with its rows or its error, as a worker of a Dask cluster finishes it."""
    from distributed import as_completed  # an extra

    futures = {client.submit(_work, run_one, job, pure=False): job for job in jobs}
    for future in as_completed(futures):
        job = futures.pop(future)
        error = future.exception()  # of Dask itself: all workers that tried the job died
        yield future.result() if error is None else _failed(job, error)


def _work(run_one, job):
    """Return a job with its rows, or with the error that it raised."""
    threadpool_limits(1)  # rounding of sums depends on the number of threads
    try:
        return {**job, "rows": [_plain(row) for row in run_one(**job)]}
    except Exception as error:
        return _failed(job, error)


def _failed(job, error):
    return {**job, "error": f"{type(error).__name__}: {error}"}


def _plain(row):
    """Return a row of plain JSON values; NaN and infinity become None."""
    plain = {}
    for name, x in row.items():
        x = x.item() if isinstance(x, np.generic) else x
        if not (x is None or isinstance(x, str | int | float)):
            raise TypeError(f"{name} must be a number, text, bool or None, not {x!r}")
        plain[name] = None if isinstance(x, float) and not math.isfinite(x) else x
    return plain


def _command(name, seeds, signals):
    """Return the shell command that computes these rows."""
    quick = " --quick" if name.endswith("-quick") else ""
    numbers = f"--seeds {seeds} --signals {signals}{quick}"
    return f"python -m denoiselib.experiments run {name.removesuffix('-quick')} {numbers}"


def _provenance(protocol, seeds, signals):
    packages = {}
    for name in ("denoiselib", "numpy", "scipy", "joblib", "distributed"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "command": _command(protocol.name, seeds, signals),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **packages},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seeds": seeds,
        "signals": signals,
        "settings": protocol.settings,
    }
