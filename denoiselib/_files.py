"""Where the data of the project lies, and how a file is written: whole or not at all."""

import glob
import math
import os
import secrets
import shutil
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

MOST_BYTES = 2**31  #: that a zip file may unpack to


def data(name):
    """Return the path of a file or folder in the repository's folder ``data``.

    In a checkout the folder lies beside the package. If the package was installed without it, it
    is looked for in the current folder and in the one above.
    """
    here = Path.cwd()
    places = [root / "data" for root in (Path(__file__).resolve().parents[1], here, here.parent)]
    for place in places:
        if (place / name).exists():
            return place / name
    looked = ", ".join(str(place) for place in dict.fromkeys(places))
    raise FileNotFoundError(
        f"data/{name} is part of the repository, not of the installed package, and was not found "
        f"in {looked}: start Python in the repository"
    )


def check_unpacked(file):
    """Refuse a zip file that unpacks to more than `MOST_BYTES`, or less than its arrays claim."""
    with zipfile.ZipFile(file) as packed:
        total = sum(member.file_size for member in packed.infolist())
        if total > MOST_BYTES:
            raise ValueError(
                f"it unpacks to {total / 2**30:.1f} GB, and no more than {MOST_BYTES / 2**30:.0f} "
                "GB are read"
            )
        for member in packed.infolist():
            with packed.open(member) as array:
                check_claim(array, member.file_size)
    file.seek(0)


def check_claim(file, size):
    """Refuse an array in NumPy's format if its header claims more or less than the file holds."""
    form = np.lib.format
    if file.read(len(form.MAGIC_PREFIX)) == form.MAGIC_PREFIX:
        first = tuple(file.read(2)) == (1, 0)
        read = form.read_array_header_1_0 if first else form.read_array_header_2_0
        shape, _, dtype = read(file)
        claimed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
        if claimed != held and not dtype.hasobject:  # objects are refused where they are read
            than = "more" if held > claimed else "less"
            raise ValueError(f"there is {than} in it than its array of shape {shape}")


@contextmanager
def replacing(path, overwrite=True):
    """Open a binary file beside `path` that takes its place once it is complete.

    A crash on the way, or an exception, leaves the old file as it was, and any number of threads
    and processes may write at once: the last one wins. Of a link, what it points to is replaced;
    permissions stay. Without `overwrite` an old file is an error; a read-only one always is.
    """
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(
            f"{Path(path).name} exists already and is not replaced: choose another path, or "
            "overwrite=True"
        )
    path = Path(os.path.realpath(path))
    if path.is_file() and not (os.access(path, os.W_OK) and path.stat().st_mode & 0o222):
        raise PermissionError(f"{path} is read-only, and not replaced")  # not by root either
    if not path.parent.is_dir() or path.is_dir():
        wrong = path if path.is_dir() else path.parent
        raise FileNotFoundError(f"{wrong} is {'a' if path.is_dir() else 'no'} folder")
    start = path.name[:200]  # a name of 255 bytes is the longest
    for left in path.parent.glob(f"{glob.escape(start)}.{'[0-9a-f]' * 16}.partial"):
        _remove_if_stale(left)
    file = _new(path)
    partial = Path(file.name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, partial)
            if fcntl is not None:  # while it is locked, or it might be taken for stale
                os.replace(partial, path)
        if fcntl is None:
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _new(path):
    """Open a new file beside a path, locked as long as it is open."""
    while True:
        file = open(path.with_name(f"{path.name[:200]}.{secrets.token_hex(8)}.partial"), "xb")  # noqa: SIM115
        if fcntl is None:
            return file  # an open file cannot be removed there
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # taken for stale before it was locked


def _remove_if_stale(path):
    """Remove what a writer has left that was killed: a file that is open nowhere."""
    with suppress(OSError):
        if fcntl is None:
            path.unlink()
            return
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
