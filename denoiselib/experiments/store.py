"""Results as JSON Lines, one line for each finished job; a last line cut short is ignored.

``NAME.jsonl`` holds the jobs with their ``rows`` or their ``error`` and a CRC-32 checksum (older
lines have none); ``NAME.provenance.json`` lists the runs that wrote them.
"""

import json
import os
import zlib
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


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
    folder : str or Path
        Folder of the results; `open` makes it.
    name : str
        Name of the protocol.

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
        jobs = {}
        for number, line in enumerate(_whole(self.path).splitlines(), 1):
            try:
                job = json.loads(line)
                jobs[identity(job)] = job
                if "crc32" in job and job.pop("crc32") != _checksum(job):
                    raise ValueError("its checksum differs")
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self.path}, line {number}, is damaged: {error}") from None
        return list(jobs.values())

    def rows(self):
        """List the rows of all jobs, as the function `rows`."""
        return rows(self.read())

    @contextmanager
    def open(self):
        """Lock the file, and give a function that appends a job to it.

        Raises BlockingIOError if another process holds the lock, which ends with its process.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(f"{self.path}.lock").acquire(timeout=0)
        except Timeout:
            raise BlockingIOError(f"another run is writing to {self.path}") from None
        with lock, open(self.path, "ab", buffering=0) as file:
            os.truncate(self.path, len(_whole(self.path)))

            def append(job):
                job = {**job, "crc32": _checksum(job)}
                line = json.dumps(job, allow_nan=False).encode() + b"\n"
                while line:  # a full disk may take a part, and refuse the rest
                    line = line[file.write(line) :]
                os.fsync(file)

            yield append

    def note(self, run):
        """Append a run to the provenance file; call it while the store is open."""
        try:
            runs = json.loads(self.provenance.read_bytes()) if self.provenance.exists() else []
        except ValueError as error:
            raise ValueError(f"{self.provenance} is damaged: {error}") from None
        partial = self.provenance.with_suffix(".partial")
        partial.write_text(json.dumps([*runs, run], indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self.provenance)


def rows(jobs):
    """Return the rows of jobs, each with its setting, seed and number of signals."""
    return [
        {**job["setting"], "seed": job["seed"], "signals": job["signals"], **row}
        for job in jobs
        for row in job.get("rows", ())
    ]


def _checksum(job):
    """Return the CRC-32 checksum of a job's JSON, which does not depend on spaces in the file."""
    return zlib.crc32(json.dumps(job).encode())


def _whole(path):
    """Read all complete lines."""
    text = path.read_bytes() if path.exists() else b""
    return text[: text.rfind(b"\n") + 1]
