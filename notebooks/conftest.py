"""Compare printed decimals with a tolerance: nbval, which runs the notebooks, compares letters.

Another processor sums in another order, and the last printed digit may turn. Two outputs agree if
their decimals may have been rounded from numbers within one part in a thousand of each other, as
2.43 and 2.44 may, and if everything else, integers too, is the same.
Pictures are not compared, but no figure passes without labels and units: see `startup.py`.
"""

import os
import re
from decimal import Decimal
from pathlib import Path

RELATIVE, ABSOLUTE = Decimal("1e-3"), Decimal("1e-9")

# 0.25, -.5, 1e-07, 1.e+20; neither the 1 of "layer 1" nor what follows a letter, as in "v1.5"
DECIMAL = re.compile(r"(?<![\w.#])[-+]?(?:\d*\.\d+(?:[eE][-+]?\d+)?|\d+\.?[eE][-+]?\d+)")


def close(a, b):
    """Whether two printed numbers may come from numbers within one part in a thousand.

    Printed with as many places, each may have been rounded by half a unit of the last one.
    """
    a, b = Decimal(a), Decimal(b)
    last = a.as_tuple().exponent
    rounding = Decimal(1).scaleb(last) if last == b.as_tuple().exponent else 0
    return abs(a - b) <= max(RELATIVE * max(abs(a), abs(b)) + rounding, ABSOLUTE)


class Approximate(str):
    """Text that equals another if the words are the same and the decimals close."""

    __slots__ = ()

    def __eq__(self, other):
        if not isinstance(other, str):
            return NotImplemented
        pairs = zip(DECIMAL.findall(self), DECIMAL.findall(other), strict=False)
        return DECIMAL.split(self) == DECIMAL.split(other) and all(close(*pair) for pair in pairs)

    def __ne__(self, other):  # str has one of its own, which compares letters
        return not self == other

    def __hash__(self):
        return hash(tuple(DECIMAL.split(self)))


def pytest_configure():
    """Let a kernel draw as it does in JupyterLab, without progress bars, on one core.

    Small networks gain nothing from more, and wait for each other where cores are few.
    """
    os.environ.pop("MPLBACKEND", None)
    os.environ["PYTHONSTARTUP"] = str(Path(__file__).with_name("startup.py"))
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def pytest_itemcollected(item):
    """Give the cells that nbval collects this comparison: it passes all it compares to sanitize."""
    if hasattr(item, "sanitize"):
        item.sanitize = lambda output: Approximate(output) if isinstance(output, str) else output
