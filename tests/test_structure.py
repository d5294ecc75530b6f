"""The structure of the library: imports run one way, the core stands alone, files stay small."""

import ast
import re
import subprocess
import sys
import tokenize
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "denoiselib"

#: What a newcomer reads, in the order of the package's docstring; the foot that it stands on; and
#: the doors of packages, which only open rooms.
CORE = (
    *("signals", "metrics", "bayes", "filters.prox", "filters.sparse", "filters.wiener"),
    *("filters.tv", "nn.tensor", "nn.ops.layout", "nn.ops.elementwise", "nn.ops.convolution"),
    *("nn.ops.resample", "nn.modules", "nn.norm.batch", "nn.unet", "nn.losses", "nn.optim"),
    "nn.train",
)
FOOT = ("_check", "_random", "_lazy", "_threads")
DOORS = ("", "filters", "nn", "nn.ops", "nn.norm")


def name_of(path):
    """Return the name of a module below the package, ``""`` for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


@cache
def tree(name):
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imports(name):
    """Return the modules of the package that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            deeper = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {full for full in deeper if full.removeprefix("denoiselib.") in MODULES}
            found |= modules
            if modules != deeper:  # a name that is defined in the module itself
                found.add(node.module)
    inside = {
        full.removeprefix("denoiselib").removeprefix(".")
        for full in found
        if full.split(".")[0] == "denoiselib"
    }
    return inside & MODULES.keys() - {name}


def test_no_modules_import_each_other_in_a_circle():
    remaining = {name: imports(name) for name in MODULES}
    while free := {name for name, needed in remaining.items() if not needed & remaining.keys()}:
        for name in free:
            del remaining[name]
    assert not remaining


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_the_core_alone(name):
    assert imports(name) <= {*CORE, *FOOT, *DOORS}


WITHOUT = """
import sys
from importlib.abc import MetaPathFinder


class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith("denoiselib.") and name not in {allowed!r}:
            raise ImportError(name + " is not of the core")


sys.meta_path.insert(0, Refuse())
"""


def python(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def on_the_core_alone(code):
    allowed = {f"denoiselib.{name}" for name in (*CORE, *FOOT, *DOORS)}
    return python(WITHOUT.format(allowed=allowed) + code)


def test_the_readme_runs_on_the_core_alone():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    library = text.split("## The library")[1].split("\n## ")[0]
    examples = [part.split("```")[0] for part in library.split("```python\n")[1:]]
    assert len(examples) == 2
    done = on_the_core_alone("".join(examples) + "print(f'{error:.1f}')")
    assert done.stderr == ""
    assert done.stdout.split()[-1] == "1.6"


EXTRAS = {
    "filters": ("METHODS", "Method", "adaptive", "tuning"),
    "nn": ("checkpoint", "denoise_long", "unsupervised"),
    "nn.norm": (
        "InstanceNorm",
        "LineEnhancer",
        "RepresentativeNorm",
        "SparseNorm",
        "WienerNorm",
        "recalibrate",
    ),
}


@pytest.mark.parametrize("door", EXTRAS)
def test_extras_are_opened_when_they_are_asked_for(door):
    module = import_module(f"denoiselib.{door}")
    for name in EXTRAS[door]:
        assert name in dir(module)
        assert getattr(module, name) is not None
        done = on_the_core_alone(f"import denoiselib.{door} as door\ndoor.{name}")
        assert "is not of the core" in done.stderr
    with pytest.raises(AttributeError, match=f"module 'denoiselib.{door}' has no .*nothing"):
        module.nothing  # noqa: B018


def test_the_core_is_read_in_the_order_of_the_docstring():
    listed = re.findall(r"`([a-z0-9_.]+)`", ast.get_docstring(tree("")))
    assert [name for name in listed if name in CORE] == [n for n in CORE if n in listed]
    assert set(CORE) - set(listed) == {"nn.ops.layout", "nn.losses"}


# --- sizes


def code_lines(name):
    """Return the numbers of lines that hold code: no docstring, no comment, not blank."""
    held = set()
    for token in tokenize.generate_tokens(StringIO(MODULES[name].read_text("utf-8")).readline):
        if token.type not in NOT_CODE:
            held |= set(range(token.start[0], token.end[0] + 1))
    return held - docstring_lines(tree(name))


NOT_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    tokenize.ENDMARKER,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def docstring_lines(node):
    """Return the numbers of lines of all docstrings in a tree."""
    lines = set()
    for part in ast.walk(node):
        if isinstance(part, DOCUMENTED) and ast.get_docstring(part) is not None:
            text = part.body[0]
            lines |= set(range(text.lineno, text.end_lineno + 1))
    return lines


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_and_functions_are_small(name):
    code = code_lines(name)
    assert len(code) <= 300
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef):
            body = set(range(node.body[0].lineno, node.end_lineno + 1))
            assert len(body & code) <= 45, node.name


def test_the_library_stays_small():
    """What is older than `ADDED` was 8,845 lines of code and 7,088 of docstrings once; it shrinks.

    Before a line is added to it, look for one that it could replace.
    """
    sizes = {name: len(code_lines(name)) for name in MODULES}
    older = MODULES.keys() - ADDED
    assert sum(sizes[name] for name in older) <= 8770
    assert sum(sizes[name] for name in CORE) <= 2200
    assert sum(len(docstring_lines(tree(name))) for name in older) <= 5500


#: What the library has learned since then: a new idea is one short file.
LAWS = ("independent", "law", "markov", "mixture", "noise", "partition", "penalty", "pulses")
ADDED = {"empirical", *(f"empirical.{name}" for name in LAWS), "nn.stacks", "plots.learning"}
STUDIES = (
    "choices",
    "commit",
    "controls",
    "fixed_maps",
    "foretold",
    "improvements",
    "intervals",
    "laws",
    "mixed_levels",
    "noise_levels",
    "paired",
    "questions",
    "related",
)
ADDED |= {
    "adaptation",
    "at_test",
    "magnitudes",
    "nn.unsure",
    *(f"experiments.{name}" for name in (*STUDIES, "symmetries")),
}


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_new_is_one_short_file(name):
    assert len(code_lines(name)) <= 120
    assert len(docstring_lines(tree(name))) <= 100
