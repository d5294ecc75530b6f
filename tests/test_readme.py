"""The README promises numbers, files and minutes: hold it to them."""

import doctest
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml  # comes with jupyterlab

import denoiselib

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


def test_results_and_networks_by_name_are_what_it_shows():
    text = "\n".join(re.findall(r"```\n(>>> .*?)```", README, re.DOTALL))
    noisy = np.random.default_rng(0).standard_normal((1000, 100))
    example = doctest.DocTestParser().get_doctest(text, {"noisy": noisy}, "README", None, 0)
    assert len(example.examples) == 14
    assert doctest.DocTestRunner().run(example).failed == 0


def test_the_order_of_reading_has_as_many_modules_as_it_says():
    listed = re.findall(r"^- `([\w.]+)`", denoiselib.__doc__, re.MULTILINE)
    assert len(listed) == 16
    assert "sixteen modules" in README


@pytest.mark.slow
def test_the_cluster_of_the_example_runs_all_jobs(tmp_path):
    few = """
from denoiselib.experiments import PROTOCOLS
PROTOCOLS["classical"].quick["settings"] = PROTOCOLS["classical"].settings[-3:]
"""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    (tmp_path / "script.py").write_text(few + CODE[2])
    done = subprocess.run(
        [sys.executable, "script.py"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.stdout == "0 jobs failed\n"
    assert (tmp_path / "results" / "classical-quick.jsonl").read_text().count('"rows"') == 3


# --- what a reader adds

LATER = """
import json, sys
from dataclasses import replace
import numpy as np
from denoiselib import metrics, nn, signals, widgets
from denoiselib.widgets.classical import ThresholdPanel
from denoiselib.experiments import PROTOCOLS, networks, recipes
from denoiselib.experiments.runner import run
from denoiselib.experiments.store import Store

classical = PROTOCOLS["classical"]
mine = [s for s in classical.settings if s["method"] == "median" or s["family"] == "ramps"]
failed = run(replace(classical, settings=mine), sys.argv[1], seeds=1, signals=200, workers=2)
rows = Store(sys.argv[1], "classical").rows()
panel = widgets.MethodsPanel("blocks")
ranked = panel.names
panel.family.value = "ramps"
short = networks.BASE | {"net": "plain", "change": "mine", "steps": 200}
(layer,) = recipes.PROTOCOL.run_one(short | {"norm": "layer"}, seed=0, signals=300)
(family,) = recipes.PROTOCOL.run_one(short | {"family": "ramps"}, seed=0, signals=300)
names = [type(m).__name__ for m in nn.UNet(norm="layer").modules()]
moved = ThresholdPanel()
moved.set(family="blocks", lam=1.5)
print(json.dumps([failed, rows, ranked, panel.names, layer, family, names, str(moved)]))
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Copy the project, and put the README's blocks where it says."""
    project = tmp_path_factory.mktemp("project")
    for folder in ("denoiselib", "tests"):
        shutil.copytree(ROOT / folder, project / folder)
    (project / "notebooks").mkdir()
    for file in ("pyproject.toml", "notebooks/unlabelled.py"):
        shutil.copy(ROOT / file, project / file)
    blocks = [re.match(r"# a [^,]+, in (denoiselib/\S+\.py)\n", code) for code in CODE]
    for code, block in zip(CODE, blocks, strict=True):
        if block:
            with (project / block[1]).open("a") as file:
                file.write(f"\n\n{code}")
    assert sum(map(bool, blocks)) == 5
    return project


def python(project, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_what_a_reader_adds_is_ranked_trained_and_run_by_name(extended):
    done = python(extended, "-Werror", "-c", LATER, extended / "results")
    assert done.returncode == 0, done.stderr
    failed, rows, ranked, others, layer, family, modules, moved = json.loads(done.stdout)
    assert failed == []
    rmse = {(r["method"], r["family"]): r["rmse"] for r in rows if r["tuning"] == "oracle"}
    methods = {name for name, place in rmse if place == "ramps"}
    assert {"median", "wiener", "tv"} < methods  # every filter on the new family
    assert {place for name, place in rmse if name == "median"} > {"blocks", "tones", "ramps"}
    assert 1 < rmse["median", "blocks"] < 1.5  # what a median can do there
    assert ranked.index("median") < ranked.index("soft threshold")
    assert "median" in others
    assert layer["rmse"] < 1.9
    assert "LayerNorm" in modules
    assert family["rmse"] < 2.4
    assert moved.endswith("limit 0.983")


@pytest.mark.slow
def test_a_study_that_a_reader_adds_is_run_and_summed_up_by_name(extended):
    quick = ("-m", "denoiselib.experiments")
    options = ("activations", "--quick", "--out", extended / "studies")
    done = python(extended, *quick, "run", *options)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 jobs are in" in done.stdout
    table = python(extended, *quick, "table", *options).stdout.splitlines()
    names = [line.split(" | ")[0].strip("| ") for line in table[2:]]
    assert names == ["gelu", "prelu", "relu"]
    means = [float(line.split(" | ")[3]) for line in table[2:]]
    assert all(1.6 < mean < 2.2 for mean in means)


@pytest.mark.slow
def test_what_a_reader_adds_passes_the_tests_of_all_names(extended):
    files = ("tests/nn/test_norm_registry.py", "tests/filters/test_methods.py")
    chosen = (
        "-k",
        "median or layer- or layer] or ramps or ThresholdPanel",
        "-p",
        "no:cacheprovider",
    )
    done = python(
        extended, "-m", "pytest", *files, "tests/test_signals.py", "tests/test_widgets.py", *chosen
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 30


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_every_notebook_is_listed_with_its_minutes():
    listed = dict(re.findall(r"\(notebooks/([^)]+)\) \|[^|]+\| (\d+) \|", README))
    assert set(listed) == {path.name for path in ROOT.glob("notebooks/*.ipynb")}
    for name, minutes in listed.items():
        first = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells[0].source
        assert f"About {minutes} minutes" in first


def test_the_citation_is_that_of_the_file_and_of_the_library():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    entry = re.search(r"```bibtex\n(.*?)```", README, re.DOTALL)[1]
    assert dict(re.findall(r"^  (\w+) = \{+([^}]+)\}", entry, re.MULTILINE)) == {
        "title": cff["title"],
        "author": " and ".join(author["name"] for author in cff["authors"]),
        "year": str(cff["date-released"].year),
        "version": cff["version"],
        "license": cff["license"],
    }
    assert cff["version"] == denoiselib.__version__


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
