"""The conda environment asks for what pyproject.toml asks for, and imports point down only."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # comes with jupyterlab

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# from the ground up; a module imports its own floor and those below
FLOORS = [
    {"_check", "_files", "_lazy", "_random", "_threads"},
    {"signals", "metrics", "bayes"},
    {"filters"},
    {"nn"},
    {"empirical"},
    {"adaptation", "at_test", "interpret", "handmade", "magnitudes", "real"},
    {"experiments"},
    {"pretrained", "labels"},
    {"plots", "widgets"},
]
FLOOR = {name: k for k, names in enumerate(FLOORS) for name in names}
NUMPY_ONLY = FLOOR["experiments"]  # floors below this one need nothing else
MODULES = sorted((ROOT / "denoiselib").rglob("*.py"))


def test_conda_and_pip_install_the_same():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert conda["name"] == "denoiselib"
    assert conda["channels"] == ["conda-forge"]
    *packages, pip = conda["dependencies"]
    assert pip == {"pip": ["-e ."]}
    wanted = [*PROJECT["dependencies"], *EXTRAS["notebooks"], *EXTRAS["test"]]
    wanted = [package for package in wanted if not package.startswith("denoiselib[")]
    wanted += [f"python{PROJECT['requires-python']}", "pip"]
    assert sorted(packages) == sorted(wanted)


def test_the_library_needs_numpy_alone():
    """Nothing is loaded that NumPy has not loaded, by any module below `experiments`."""
    names = [name(path) for path in MODULES if floor(path) < NUMPY_ONLY]
    assert "denoiselib.filters" in names
    program = f"""
import sys, numpy
before = set(sys.modules)
import {", ".join(names)}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new - sys.stdlib_module_names - {{"numpy", "denoiselib"}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name(path))
def test_imports_point_down(path):
    for imported in imports(path):
        package, _, module = imported.partition(".")
        if package == "denoiselib":
            below = FLOOR[module.partition(".")[0]] if module else -1
            assert below <= floor(path), f"{name(path)} imports {imported}"
        elif package not in sys.stdlib_module_names and floor(path) < NUMPY_ONLY:
            assert package == "numpy" or imported in tried(path), f"{name(path)} imports {imported}"


def name(path):
    """Return ``denoiselib.filters.tv`` for ``.../denoiselib/filters/tv.py``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(path):
    """Return the floor on which a module lives; a new one must be given a floor first."""
    parts = name(path).split(".")
    return FLOOR[parts[1]] if len(parts) > 1 else -1


def tried(path):
    """List what is imported where a function needs it, and what to install is said without it."""
    return {
        imported
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Try)
        if any(ast.unparse(handler.type) == "ImportError" for handler in node.handlers)
        for part in node.body
        for imported in imported_by(part)
    }


def imports(path):
    """List all imported modules, those inside of functions too."""
    yield from imported_by(ast.parse(path.read_text()))


def imported_by(tree):
    """List the modules that some code imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            if node.module == "denoiselib":
                yield from (f"denoiselib.{alias.name}" for alias in node.names)
            else:
                yield node.module


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_what_is_missing_for_the_studies_is_said():
    done = python("import sys; sys.modules['scipy'] = None; import denoiselib.experiments")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: studies need scipy")
    assert "pip install 'denoiselib[notebooks]'" in last


def test_a_study_without_its_data_is_not_begun(tmp_path):
    code = (
        "from denoiselib import _files, real\n"
        "from denoiselib.experiments.__main__ import main\n"
        "def missing(name): raise FileNotFoundError(f'data/{name} is part of the repository')\n"
        "_files.data = missing\n"
        f"print(main(['run', 'heart', '--quick', '--out', {str(tmp_path)!r}]))\n"
    )
    done = python(code)
    assert done.stdout == "2\n"
    assert "error: data/ecg.npz is part of the repository" in done.stderr
    assert list(tmp_path.iterdir()) == []
