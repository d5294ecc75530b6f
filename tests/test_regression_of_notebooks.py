"""Do the notebooks notice a filter that is wrong by one percent?

Each public filter is scaled by 1.01 in a copy of the project, and notebook 02 must fail there.
"""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from denoiselib import filters

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
FILTERS = [name for name in filters.__all__ if inspect.isfunction(getattr(filters, name))]
SCALE = """

def _scaled(correct):
    return lambda *args, **kwargs: correct(*args, **kwargs) * 1.01


{0} = _scaled({0})
"""


@pytest.fixture
def project(tmp_path):
    for folder in ("denoiselib", "notebooks", "data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def python(project, *arguments):
    """Run Python in the copy of the project, and with its library."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project / "notebooks",
        env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def check_notebook(project):
    """Run strict nbval on notebook 02, as `make nbval` does, up to the first mismatch."""
    where = python(project, "-c", "import denoiselib; print(denoiselib.__file__)").stdout.strip()
    assert where == str(project / "denoiselib" / "__init__.py")
    strict = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=120")
    options = ("-x", "-p", "no:cacheprovider", "--color=no")
    return python(project, "-m", "pytest", *strict, *options, "02_classical_filters.ipynb")


def test_passes_unharmed(project):
    done = check_notebook(project)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", FILTERS)
def test_notices_one_percent(project, name):
    with (project / "denoiselib" / "filters" / "__init__.py").open("a") as library:
        library.write(SCALE.format(name))
    done = check_notebook(project)
    assert done.returncode == 1, done.stdout
    assert "Cell outputs differ" in done.stdout
    assert "mismatch" in done.stdout
