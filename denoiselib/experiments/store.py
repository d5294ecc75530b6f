"""Results as JSON Lines, one line for each finished job; a last line cut short is ignored.

``NAME.jsonl`` holds the jobs with their ``rows`` or their ``error``, the ``source`` that computed
them, and a CRC-32 checksum; ``NAME.provenance.json`` lists the runs that wrote them, and ``run`` is
a job's place in this list, from 0. Older lines have none of the three.
"""

import json
import os
import zlib
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from denoiselib import _files
from denoiselib._files import fcntl


def identity(job):
    """Return setting, seed and number of signals as text: equal for equal jobs.

    Examples
    --------
    >>> print(identity({"seed": 1, "setting": {"b": 2, "a": 1}, "signals": 3, "rows": []}))
    [{"a": 1, "b": 2}, 1, 3]
    """
    return json.dumps([job["setting"], job["seed"], job["signals"]], sort_keys=True)


class Store:
    """The stored jobs of one protocol.

    Parameters
    ----------
    folder, name : str or Path, str
        Folder of the results, which `open` makes; and name of the protocol.

    Examples
    --------
    >>> import tempfile
    >>> job = {"setting": {"lam": 2}, "seed": 0, "signals": 10}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder, "example")
    ...     with store.open() as append:
    ...         append({**job, "error": "out of luck"})
    ...         append({**job, "rows": [{"rmse": 1.5}]})
    ...     store.rows()
    [{'lam': 2, 'seed': 0, 'signals': 10, 'rmse': 1.5}]
    """

    def __init__(self, folder, name):
        self.path = Path(folder) / f"{name}.jsonl"
        self.provenance = Path(folder) / f"{name}.provenance.json"

    def read(self):
        """List the jobs; of a job that was tried several times, the last try.

        A damaged line raises ValueError; a last line without its end is left out.
        """
        return self._parsed()[0]

    def _parsed(self):
        """Return the jobs, and how many bytes of the file hold them."""
        text = self.path.read_bytes() if self.path.exists() else b""
        jobs, whole = {}, 0
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            try:
                job = _job(line)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                unread = isinstance(error, json.JSONDecodeError | UnicodeDecodeError)
                if unread and b'{"'.startswith(line[:2]) and not line.endswith((b"\n", b"\r")):
                    break  # cut short
                raise ValueError(f"{self.path}, line {number}, is damaged: {error}") from None
            jobs[identity(job)] = job
            whole += len(line)
        return list(jobs.values()), whole

    def rows(self):
        """List the rows of all jobs, as the function `rows`."""
        return rows(self.read())

    @contextmanager
    def open(self):
        """Lock the file, and give a function that appends a job to it.

        What a killed run left of a line is moved to a file beside it. BlockingIOError is raised if
        another process holds the lock, which ends with its process; OSError if the file was
        replaced, removed or changed meanwhile; ValueError if a job is not one, or no plain JSON.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                lock = FileLock(f"{os.path.realpath(self.path)}.lock").acquire(timeout=0)
                stack.enter_context(lock)
                file = stack.enter_context(open(self.path, "a+b", buffering=0))
                if fcntl is not None:  # the file may have other names, and the lock be removed
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (Timeout, BlockingIOError):
                raise BlockingIOError(f"another run is writing to {self.path}") from None
            _, whole = self._parsed()  # nothing is cut before all is read
            file.seek(whole)
            if left := file.readall():
                with open(f"{self.path}.cut", "ab") as beside:
                    beside.write(left + b"\n")
                file.truncate(whole)
            if not _is_ended(file):
                whole += file.write(b"\n")

            def append(job):
                nonlocal whole
                line = _line(job)
                here, status = self.path.exists(), os.fstat(file.fileno())
                same = here and os.path.samestat(status, self.path.stat())
                if not same or status.st_size != whole or not _is_ended(file):
                    raise OSError(
                        f"{self.path} was {'changed' if same else 'replaced or removed'} during "
                        "the run: what has been computed since is not stored, and the same command "
                        "continues"
                    )
                whole += len(line)
                while line:  # a full disk may take a part, and refuse the rest
                    line = line[file.write(line) :]
                os.fsync(file)

            yield append

    def note(self, run):
        """Append a run to the provenance file, and return its place; the store must be open."""
        try:
            runs = json.loads(self.provenance.read_bytes()) if self.provenance.exists() else []
            if not (isinstance(runs, list) and all(isinstance(each, dict) for each in runs)):
                raise ValueError("it holds no list of runs")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.provenance} is damaged: {error}") from None
        with _files.replacing(self.provenance) as file:
            file.write(json.dumps([*runs, run], indent=1).encode() + b"\n")
        return len(runs)


def rows(jobs):
    """Return the rows of jobs, each with its setting, seed and number of signals."""
    return [
        {**job["setting"], "seed": job["seed"], "signals": job["signals"], **row}
        for job in jobs
        for row in job.get("rows", ())
    ]


def sources(jobs):
    """Count the jobs by the code that computed them: its checksum, or ``"unknown code"``."""
    return Counter(job.get("source", "unknown code") for job in jobs if "rows" in job)


def _job(line):
    job = json.loads(line)
    kinds = {"setting": dict, "seed": int, "signals": int, "rows": list, "error": str}
    kinds |= {"source": str, "run": int}
    needed = {"setting", "seed", "signals", "rows" if "rows" in job else "error"}
    for name, kind in kinds.items():
        if (name in needed or name in job) and not isinstance(job[name], kind):
            raise ValueError(f"its {name} is {job[name]!r:.40}")
    if unknown := job.keys() - kinds.keys() - {"crc32"}:
        raise ValueError(f"it has {', '.join(map(repr, sorted(unknown)))}")
    if not all(isinstance(row, dict) for row in job.get("rows", ())):
        raise ValueError("one of its rows is no row")
    if "crc32" in job and job.pop("crc32") != _checksum(job):
        raise ValueError("its checksum differs")
    return job


def _line(job):
    """Return the line of a job; what would be read as another job, or as none, is refused."""
    try:
        line = json.dumps({**job, "crc32": _checksum(job)}, allow_nan=False).encode() + b"\n"
        if _job(line) != job:
            raise ValueError("it would be read as another one")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a job must be plain JSON: {error}") from None
    return line


def _is_ended(file):
    """Tell whether the last line of a file has its end."""
    file.seek(max(os.fstat(file.fileno()).st_size - 1, 0))
    return file.read(1) in (b"", b"\n", b"\r")


def _checksum(job):
    """Return the CRC-32 checksum of a job's JSON, which does not depend on spaces in the file."""
    return zlib.crc32(json.dumps(job).encode())
