"""The folder ``data`` is found from any folder of the repository; elsewhere its absence is said."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from denoiselib import _files

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "from denoiselib import _files; print(_files.data('results'))"


@pytest.fixture
def installed(tmp_path):
    """Return a folder in which the package stands alone, as a wheel installs it."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "denoiselib", site / "denoiselib")
    return site


def ask(folder, site):
    """Ask the package in `site` for a folder of data, from another folder."""
    options = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": str(site)}}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks", ROOT / "denoiselib" / "nn"])
def test_a_checkout_finds_its_data_from_its_folders(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert _files.data("results") == ROOT / "data" / "results"
    assert _files.data("ecg.npz").is_file()


def test_a_checkout_finds_its_data_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _files.data("results") == ROOT / "data" / "results"


@pytest.mark.parametrize("below", [".", "notebooks"])
def test_an_installed_package_finds_data_near_the_current_folder(installed, tmp_path, below):
    folder = tmp_path / "repository" / below
    folder.mkdir(parents=True)
    (tmp_path / "repository" / "data" / "results").mkdir(parents=True)
    done = ask(folder, installed)
    assert done.stdout.strip() == str(tmp_path.resolve() / "repository" / "data" / "results")


def test_an_installed_package_without_data_says_so(installed, tmp_path):
    done = ask(tmp_path, installed)
    assert done.returncode == 1
    assert "FileNotFoundError: data/results is part of the repository" in done.stderr
    assert str(tmp_path / "data") in done.stderr


def test_names_that_are_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"data/nothing\.npz is part of the repository"):
        _files.data("nothing.npz")
