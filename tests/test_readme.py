"""The README promises numbers, files and minutes: hold it to them."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_example_prints_what_it_says():
    code = CODE[0]
    printed = re.search(r"prints\n\n```\n(.*?)```", README, re.DOTALL)[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == printed


def test_the_network_of_the_example_is_near_the_limit():
    program = "\n".join([*CODE[:2], "print(error)"])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(done.stdout.split()[-1]) < 1.64


def test_the_cluster_of_the_example_runs_all_jobs(tmp_path):
    few = """
from denoiselib.experiments import PROTOCOLS
PROTOCOLS["classical"].quick["settings"] = PROTOCOLS["classical"].settings[-3:]
"""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", few + CODE[2]],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.stdout == "0 jobs failed\n"
    assert (tmp_path / "results" / "classical-quick.jsonl").read_text().count('"rows"') == 3


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_every_notebook_is_listed_with_its_minutes():
    listed = dict(re.findall(r"\(notebooks/([^)]+)\) \|[^|]+\| (\d+) \|", README))
    assert set(listed) == {path.name for path in ROOT.glob("notebooks/*.ipynb")}
    for name, minutes in listed.items():
        first = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells[0].source
        assert f"About {minutes} minutes" in first


def test_every_make_target_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)
    assert {"lab", "test"} <= {*targets}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_data_file_is_described():
    data = ROOT / "data"
    text = (data / "README.md").read_text(encoding="utf-8")
    for path in data.rglob("*"):
        if path.is_file() and path.suffix != ".py" and path.name != "README.md":
            name = path.relative_to(data).as_posix()
            (row,) = (line for line in text.splitlines() if f"`{name}`" in line)
            assert hashlib.sha256(path.read_bytes()).hexdigest() in row
