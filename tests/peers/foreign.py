"""Tests of other projects: found in what is installed, or in a source archive; and run."""

import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata, util
from pathlib import Path
from shutil import unpack_archive

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "denoiselib-peers"


def installed(package, file):
    """Return a file of an installed package."""
    return Path(util.find_spec(package).origin).parent / file


def sources(project):
    """Return the folder of a project's source archive, of the version that is installed.

    pip fetches it once; it is kept outside of the repository.
    """
    version = metadata.version(project)
    kept = CACHE / f"{project}-{version}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            fetch = ["pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            done = python("-m", *fetch, "--dest", folder, f"{project}=={version}")
            if done.returncode:
                (pytest.fail if os.environ.get("CI") else pytest.skip)(done.stderr[-2000:])
            (archive,) = Path(folder).iterdir()
            unpack_archive(archive, folder, filter="data")
            (Path(folder) / kept.name).rename(kept)
    return kept


def run(project, files, folder, options=()):
    """Run test files with `instead/<project>.py`; return what came of each test, by its name."""
    files = [Path(file) for file in files]
    top = Path(os.path.commonpath([file.parent for file in files]))
    found = _outcomes(["plugin", project], files, top, folder, options)
    failed = [top / name for name in found if found[name]["outcome"] == "failed"]
    # what fails with their own function, too, says nothing about ours
    again = _outcomes(["plugin"], failed, top, folder, codes=(0, 1, 2, 4)) if failed else {}
    for name in again:
        if again[name]["bare"] == "failed":
            found[name] |= {"outcome": "not applicable", "lacks": ["fails with theirs, too"]}
    return found


def _outcomes(plugins, files, top, folder, options=(), codes=(0, 1)):
    """Run test files; pytest may end with these codes, 2 and 4 where files cannot be read."""
    outcomes, settings = folder / "outcomes.json", folder / "pytest.ini"
    settings.write_text("[pytest]\n")
    outcomes.unlink(missing_ok=True)
    named = [part for name in plugins for part in ("-p", f"tests.peers.instead.{name}")]
    bare = ["-c", settings, "--rootdir", top, "-p", "no:cacheprovider", "-q"]
    done = python(
        *("-m", "pytest", *named, *bare, *options, *files),
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "OUTCOMES": str(outcomes)}
        | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert done.returncode in codes, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(outcomes.read_text()) if outcomes.exists() else {}


def python(*command, **options):
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)
