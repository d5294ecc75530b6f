"""Where the data of the project lies, and how a file is written: whole or not at all."""

import os
from contextlib import contextmanager
from pathlib import Path


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


@contextmanager
def replacing(path, overwrite=True):
    """Open a binary file beside `path` that takes its place once it is complete.

    A crash on the way, or an exception, leaves the old file as it was. Without `overwrite` an old
    file is an error.
    """
    path = Path(path)
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(
            f"{path.name} exists already and is not replaced: choose another path, or "
            "overwrite=True"
        )
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
