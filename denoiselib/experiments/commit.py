"""Which commit of its repository the code is."""

import subprocess
from contextlib import suppress
from pathlib import Path


def commit():
    """Return the commit of this code, with "-dirty" if files differ; None outside a repository.

    Examples
    --------
    >>> commit() is None or len(commit()) >= 40
    True
    """
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # perhaps installed, inside of another repository
        return None
    describe = ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
