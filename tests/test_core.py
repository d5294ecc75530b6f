"""The core is enough for the README's first example: all other modules are extras."""

import re
import subprocess
import sys
from pathlib import Path

import denoiselib

ROOT = Path(__file__).resolve().parents[1]
FIRST = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[1]
CORE = re.findall(r"^- `(?:nn\.)?([\w.]+)`", denoiselib.__doc__, re.MULTILINE)
#: What the example may import; every other module of the library refuses to be imported.
ALLOWED = ["_check", "_lazy", "signals", "metrics", "bayes", "filters"]
ALLOWED += [f"filters.{name}" for name in ("prox", "sparse", "wiener", "tv")]
PROGRAM = f"""
import sys

ALLOWED = {{"denoiselib", *("denoiselib." + name for name in {ALLOWED})}}


class Extras:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("denoiselib") and name not in ALLOWED:
            raise ImportError(name + " is no part of the core")


sys.meta_path.insert(0, Extras())
{FIRST}
"""


def run(program):
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_first_example_needs_the_core_alone():
    done = run(PROGRAM)
    assert done.stderr == ""
    assert "the limit             RMSE 1.62" in done.stdout


def test_an_extra_is_out_of_reach():
    done = run(PROGRAM + "\nfilters.METHODS")
    assert "ImportError: denoiselib.filters.methods is no part of the core" in done.stderr


def test_extras_of_the_filters_are_loaded_when_they_are_used():
    names = "from denoiselib.filters import METHODS, Method, adaptive, tuning\n"
    done = run(names + "print(len(METHODS), Method.__name__, adaptive.nlms, tuning.sure)")
    assert done.stderr == ""
    done = run("from denoiselib import filters; filters.nothing")
    assert "module 'denoiselib.filters' has no attribute 'nothing'" in done.stderr


def test_the_order_of_reading_names_modules():
    assert CORE[:3] == ["signals", "metrics", "bayes"]
    for name in re.findall(r"^- `([\w.]+)`", denoiselib.__doc__, re.MULTILINE):
        path = ROOT.joinpath("denoiselib", *name.split("."))
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), name
