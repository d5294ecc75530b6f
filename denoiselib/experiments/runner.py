"""Runs the jobs of a protocol on all cores or on a cluster, and stores each as it finishes.

A run that was stopped continues where it stopped: jobs that have rows are skipped, jobs that failed
are tried again. Only the process that calls `run` writes.
"""

import ast
import json
import math
import os
import platform
import threading
import time
import warnings
import zlib
from collections import Counter, defaultdict
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from contextvars import copy_context
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from denoiselib import _check
from denoiselib.experiments.commit import commit
from denoiselib.experiments.protocol import TURN
from denoiselib.experiments.store import Store, identity, sources

FOLDER = "data/results"


def run(protocol, folder=FOLDER, *, seeds=None, signals=None, workers=-1, client=None):
    """Run all jobs of a protocol that have no rows yet; list those that failed, with ``error``.

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

    Raises
    ------
    BlockingIOError
        If another process is running the same protocol into the same folder.
    OSError
        If the file of the results is replaced, removed or changed during the run.

    Warns
    -----
    UserWarning
        If some of the rows have been computed by other code than that of now.

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
    if protocol.needs is not None:
        protocol.needs()
    store = Store(folder, protocol.name)
    with store.open() as append, threadpool_limits(1):
        stored = {identity(job): job for job in store.read() if "rows" in job}
        done = [stored[identity(job)] for job in jobs if identity(job) in stored]
        waiting = [job for job in jobs if identity(job) not in stored]
        if waiting:
            if others := sources(done) - Counter({source(): len(done)}):
                warnings.warn(
                    f"{store.path} holds {others.total()} of these jobs, computed by other code "
                    f"({', '.join(others)}) than that of now ({source()}): rows of both are "
                    "mixed; another folder keeps them apart",
                    stacklevel=2,
                )
            run = store.note(_provenance(protocol, seeds, signals))
        workers = os.cpu_count() if workers == -1 else workers
        compute, where = (_on_cores, workers) if client is None else (_on_cluster, client)
        threads = workers if client is None else sum(client.nthreads().values())
        outcomes = compute(protocol.run_one, _groups(protocol, waiting, threads), where)
        failed = []
        with closing(outcomes):
            for job in tqdm(outcomes, protocol.name, len(jobs), initial=len(done)):
                append(job := {**job, "run": run})
                if job.get("source", source()) != source():
                    warnings.warn(
                        f"a worker computes with other code, {job['source']}", stacklevel=2
                    )
                if "error" in job:
                    failed.append(job)
    return failed


def _groups(protocol, jobs, workers):
    """Return lists of jobs, each for a worker: several seeds of a setting where that is faster."""
    # ten together take two to seven times as long as one: groups are large, if no worker is idle
    most = [protocol.together(job["setting"]) for job in jobs]
    groups = defaultdict(list)
    for job, many in zip(jobs, most, strict=True):
        seeds = max(min(many, np.count_nonzero(most) // workers), 1)
        groups[json.dumps(job["setting"]), job["seed"] // seeds].append(job)
    return list(groups.values())


def _on_cores(run_one, groups, workers):
    """Yield each job, with its rows or its error, as a process finishes its group."""
    waiting = {identity(group[0]): group for group in groups}
    alone = False
    while waiting:
        batch = list(waiting.values())[: 1 if alone else None]
        # a single one, unless it is asked for, would be this process, which a job may kill
        processes = min(workers, max(len(batch), 2))
        ends = {"initializer": _end_with, "initargs": (os.getpid(),)}
        parallel = Parallel(processes, return_as="generator_unordered", batch_size=1, **ends)
        try:
            for outcomes in parallel(delayed(_work)(run_one, group) for group in batch):
                del waiting[identity(outcomes[0])]
                yield from outcomes
            alone = False
        except BrokenProcessPool:
            # A process died, and the pool with it. To find the job that killed it, the first
            # unfinished group, which was among the running ones, is tried alone, then its jobs.
            if alone:
                first = waiting.pop(identity(batch[0][0]))
                if len(first) > 1:
                    waiting = {identity(job): [job] for job in first} | waiting
                else:
                    yield {**first[0], "error": "its process died"}
            alone = not alone


def _end_with(parent):
    """End this process soon after its parent, which may be killed before it can say a word."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(run_one, groups, client):
    """Yield each job, with its rows or its error, as a worker of a Dask cluster finishes it."""
    from distributed import as_completed  # an extra

    futures = {client.submit(_work, run_one, group, pure=False): group for group in groups}
    alone = []
    for future in as_completed(futures):
        group = futures.pop(future)
        error = future.exception()  # of Dask itself: all workers that tried the group died
        if error is None:
            yield from future.result()
        elif len(group) == 1:
            yield _failed(group[0], error)
        else:
            alone += [[job] for job in group]
    if alone:
        yield from _on_cluster(run_one, alone, client)


def _work(run_one, group):
    """Return jobs with their rows, or with the errors that they raised."""
    threadpool_limits(1)  # rounding of sums depends on the number of threads
    kept = {}
    return [copy_context().run(_first, run_one, group[k:], kept) for k in range(len(group))]


def _first(run_one, jobs, kept):
    """Return the first of jobs that run in `TURN`, with its rows or its error."""
    job = jobs[0]
    TURN.set((kept, [other["seed"] - job["seed"] for other in jobs]))
    try:
        rows = [_plain(row) for row in run_one(**job)]
        return {**job, "rows": rows, "source": source()}
    except (Exception, SystemExit) as error:
        return _failed(job, error)


def _failed(job, error):
    return {**job, "error": f"{type(error).__name__}: {error}"}


def _plain(row):
    """Return a row of plain JSON values; NaN and infinity become None."""
    plain = {}
    for name, x in row.items():
        x = x.item() if isinstance(x, np.generic) else x
        if not isinstance(name, str):
            raise TypeError(f"the names in a row must be text, not {name!r}")
        if not (x is None or isinstance(x, str | int | float)):
            raise TypeError(f"{name} must be a number, text, bool or None, not {x!r}")
        if isinstance(x, int) and abs(x) > 2**53:
            raise ValueError(f"{name} must not exceed 2**53: a table would round it")
        plain[name] = None if isinstance(x, float) and not math.isfinite(x) else x
    return plain


def _command(name, seeds, signals):
    """Return the shell command that computes these rows."""
    quick = " --quick" if name.endswith("-quick") else ""
    numbers = f"--seeds {seeds} --signals {signals}{quick}"
    return f"python -m denoiselib.experiments run {name.removesuffix('-quick')} {numbers}"


@cache
def source():
    """Return a checksum of the library's code, but for comments, words and what only draws."""
    package, total = Path(__file__).parents[1], 0
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in ("plots", "widgets"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    node.value.value = ...  # a docstring
            total = zlib.crc32(ast.unparse(tree).encode(), total)
    return f"{total:08x}"


def _provenance(protocol, seeds, signals):
    packages = {}
    for name in ("denoiselib", "numpy", "scipy", "joblib", "distributed"):
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return {
        "command": _command(protocol.name, seeds, signals),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **packages},
        "commit": commit(),
        "source": source(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seeds": seeds,
        "signals": signals,
        "settings": protocol.settings,
    }
