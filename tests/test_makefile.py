"""What a newcomer meets when the machine lacks something."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def make(folder, python, target=".venv/bin/python"):
    """Run make in a copy, with a script in the place of Python that may lack something."""
    for name in ("Makefile", "pyproject.toml"):
        if not (folder / name).exists():
            shutil.copy(ROOT / name, folder)
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{python}\n")
    script.chmod(0o755)
    return subprocess.run(
        ["make", "-C", folder, target, f"PYTHON={script}"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("lacks", "sentence"),
    [
        ("sys.version_info", "needs Python 3.11 or newer"),
        ("ensurepip", "apt-get install python3-venv"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(tmp_path, lacks, sentence):
    done = make(tmp_path, f'case "$*" in *{lacks}*) exit 1;; *) exec {sys.executable} "$@";; esac')
    assert done.returncode != 0
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_environment_is_made_anew_only_when_pyproject_changes(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    log = tmp_path / "log"
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\necho "$*" >> {log}\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    for installs in (1, 1, 2):
        if installs == 2:
            (tmp_path / "pyproject.toml").unlink()  # copied again: newer than the environment
        done = make(tmp_path, f'exec {sys.executable} "$@"', ".venv/test")
        assert done.returncode == 0, done.stderr
        assert len(log.read_text().splitlines()) == installs
        assert ".[test]" in log.read_text()


def test_the_demo_is_served_with_the_options_given():
    done = subprocess.run(
        ["make", "-nB", "demo", "ARGS=--no-browser --port=9000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '".[demo]"' in done.stdout
    served = "cd demo && ../.venv/bin/voila panel.ipynb --no-browser --port=9000"
    assert served in done.stdout.splitlines()
