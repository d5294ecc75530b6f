"""One file of jobs that survives a crash: a line is a whole job, what has no end does not count.

``NAME.jsonl`` holds a line of JSON for each job, in the order in which they finished, with its
``rows`` or its ``error``, and a checksum; ``NAME.provenance.json`` tells which runs wrote them.
Older lines have no checksum, and are taken as they are.
"""

import json
import os
import zlib
from contextlib import contextmanager
from pathlib import Path


def identity(job):
    """Return what makes a job itself, as text.

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
        Made by the first job that is stored.
    name : str
        Of the protocol.

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
        """List the jobs; of one that was tried again, the last try.

        Raises
        ------
        ValueError
            If a line is damaged, as far as its checksum can tell; the last one may be cut short,
            and is left out.
        """
        jobs = {}
        for number, line in enumerate(_whole(self.path).splitlines(), 1):
            try:
                job = json.loads(line)
                jobs[identity(job)] = job
                if "crc32" in job and job.pop("crc32") != _checksum(job):
                    raise ValueError("its checksum is another")
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self.path}, line {number}, is damaged: {error}") from None
        return list(jobs.values())

    def rows(self):
        """List the rows of all jobs that have some, each with its setting, seed and signals."""
        return rows(self.read())

    @contextmanager
    def open(self):
        """Lend a function that appends a job; nobody else can write in the meantime.

        Raises
        ------
        BlockingIOError
            If another process is writing. The lock ends with its process, however that ends.
        """
        import fcntl  # not everywhere; results can be read without it

        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(f"another run is writing to {self.path}") from None
            os.ftruncate(file, len(_whole(self.path)))

            def append(job):
                job = {**job, "crc32": _checksum(job)}
                line = json.dumps(job, allow_nan=False).encode() + b"\n"
                while line:  # a full disk may take a part, and refuse the rest
                    line = line[os.write(file, line) :]
                os.fsync(file)

            yield append
        finally:
            os.close(file)

    def note(self, run):
        """Add a run to the provenance; to be called while the store is open."""
        try:
            runs = json.loads(self.provenance.read_bytes()) if self.provenance.exists() else []
        except ValueError as error:
            raise ValueError(f"{self.provenance} is damaged: {error}") from None
        partial = self.provenance.with_suffix(".partial")
        partial.write_text(json.dumps([*runs, run], indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self.provenance)


def rows(jobs):
    """Return the rows of all jobs that have some, each with its setting, seed and signals."""
    return [
        {**job["setting"], "seed": job["seed"], "signals": job["signals"], **row}
        for job in jobs
        for row in job.get("rows", ())
    ]


def _checksum(job):
    """Return the CRC-32 of a job's JSON, however that is spaced."""
    return zlib.crc32(json.dumps(job).encode())


def _whole(path):
    """Read all lines that have an end."""
    text = path.read_bytes() if path.exists() else b""
    return text[: text.rfind(b"\n") + 1]
