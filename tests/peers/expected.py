"""What `make peers` counts with the versions named, project by project."""

from typing import NamedTuple


class Counts(NamedTuple):
    """Tests of theirs that were run with our functions, and cases of ours side by side."""

    version: str
    passed: int = 0
    failed: int = 0
    not_applicable: int = 0
    cases: int = 0


EXPECTED = {
    "autograd": Counts("1.9.1", 68, 0, 521, 570),
    "micrograd": Counts("0.1.0", 2, 0, 0, 330),
    "padasip": Counts("1.2.2", 0, 0, 0, 350),
    "pyproximal": Counts("0.13.0", 89, 0, 187, 640),
    "pywavelets": Counts("1.9.0", 2, 1, 0, 401),
    "scipy": Counts("1.17.1", 0, 0, 1, 450),
    "tinygrad": Counts("0.14.0", 9, 0, 12, 192),
}
