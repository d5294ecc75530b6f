"""Runs the jobs of a protocol on all cores or on a cluster, and stores each as it finishes.

A run that was stopped, in whatever way, goes on where it stopped: jobs that have rows are not run
again, jobs that failed are. Only the process that calls `run` writes.
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
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from denoiselib import _check
from denoiselib.experiments.store import Store, identity

FOLDER = "data/results"


def run(protocol, folder=FOLDER, *, seeds=None, signals=None, workers=-1):
    """Run all jobs of a protocol that have no rows yet.

    Parameters
    ----------
    protocol : Protocol
        One of `experiments.PROTOCOLS`, for example, or its quick form, ``protocol.shrunk()``.
    folder : str or Path
        Where its file lies, or is made.
    seeds, signals : int, optional
        Instead of the protocol's own numbers.
    workers : int
        Processes, each with one thread; -1 for one a core. A cluster has its own number: under
        ``joblib.parallel_config("dask")`` the jobs run on the workers of the current Dask client.

    Returns
    -------
    list of dict
        The jobs that failed, each with its ``error``.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or the file is damaged.
    BlockingIOError
        If another process is running the same protocol into the same folder.

    Examples
    --------
    >>> import tempfile
    >>> from denoiselib.experiments.protocol import Protocol
    >>> from denoiselib.experiments.store import Store
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
        failed = []
        with (
            tqdm(total=len(jobs), initial=len(jobs) - len(waiting), desc=protocol.name) as bar,
            closing(_outcomes(protocol.run_one, waiting, workers)) as outcomes,
        ):
            for job in outcomes:
                append(job)
                if "error" in job:
                    failed.append(job)
                bar.update()
    return failed


def _outcomes(run_one, jobs, workers):
    """Yield each job, with its rows or its error, as it finishes."""
    waiting = {identity(job): job for job in jobs}
    alone = False
    while waiting:
        # One by one, and all of them at once, so that a cluster sees how many workers it needs.
        parallel = Parallel(
            workers, return_as="generator_unordered", batch_size=1, pre_dispatch="all"
        )
        _trust_dask()
        batch = list(waiting.values())[: 1 if alone else None]
        try:
            for outcome in parallel(delayed(_work)(run_one, job) for job in batch):
                del waiting[identity(outcome)]
                yield outcome
            alone = False
        except BrokenProcessPool:
            # A process died, and took the others along. To find out whose fault it was, the job
            # that has been waiting longest, thus one of those that were running, goes alone.
            if alone:
                yield {**waiting.pop(identity(batch[0])), "error": "its process died"}
            alone = not alone


def _work(run_one, job):
    """Compute the rows of a job; whatever happens, it comes back."""
    threadpool_limits(1)  # sums depend on the number of threads; not every backend sees to it
    try:
        return {**job, "rows": [_plain(row) for row in run_one(**job)]}
    except Exception as error:
        return {**job, "error": f"{type(error).__name__}: {error}"}


def _plain(row):
    """Return a row as it will be read from the file; what is not finite becomes None."""
    plain = {}
    for name, x in row.items():
        x = x.item() if isinstance(x, np.generic) else x
        if not (x is None or isinstance(x, str | int | float)):
            raise TypeError(f"{name} must be a number, text, bool or None, not {x!r}")
        plain[name] = None if isinstance(x, float) and not math.isfinite(x) else x
    return plain


def _trust_dask():
    """Mend two habits of joblib on Dask, in the active backend.

    It waits for ever for a job that Dask gives up, because all its workers died for example: it is
    told of results, but not of the errors of Dask itself. And where it finds a single worker, which
    may be the first of many, it computes everything here.
    """
    backend, _ = get_active_backend()
    if not hasattr(backend, "client") or "submit" in vars(backend):
        return
    submit, count = backend.submit, backend.effective_n_jobs

    def heard(calls, callback=None):
        ((_, (_, job), _),) = calls.items

        def pass_on(future):
            if (error := future.exception()) is not None:
                callback([{**job, "error": f"{type(error).__name__}: {error}"}])

        future = submit(calls, callback)
        future.add_done_callback(pass_on)
        return future

    backend.submit = heard
    backend.effective_n_jobs = lambda workers: max(2, count(workers))


def _command(name, seeds, signals):
    """Return what a shell is told to get these rows, wherever they are to lie."""
    quick = " --quick" if name.endswith("-quick") else ""
    name = name.removesuffix("-quick")
    numbers = f"--seeds {seeds} --signals {signals}"
    return f"python -m denoiselib.experiments run {name} {numbers}{quick}"


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
