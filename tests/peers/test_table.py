"""README.md says what `make peers` counts."""

import os
import re
import tomllib
from collections import Counter

import pytest

from tests.peers.expected import EXPECTED
from tests.peers.foreign import ROOT

TABLE = re.findall(
    r"^\| (\S+) \| (\S+) \| (its tests|side by side)\b[^|]*\| (\d+) \| (\d+) \| (\d+) \|",
    (ROOT / "tests" / "peers" / "README.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_the_table_has_the_expected_counts():
    rows = {}
    for name, version, kind, *counts in TABLE:
        assert version == EXPECTED[name.lower()].version
        rows[name.lower(), kind] = [int(count) for count in counts]
    expected = {}
    for name, counts in EXPECTED.items():
        if any(counts[1:4]):
            expected[name, "its tests"] = [*counts[1:4]]
        expected[name, "side by side"] = [counts.cases, 0, 0]
    assert rows == expected


def test_every_project_is_in_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = dict(package.split(">=") for package in project["optional-dependencies"]["peers"][1:])
    for name, counts in EXPECTED.items():
        assert f"{counts.version}.".startswith(f"{floors[name]}.")


@pytest.mark.peers
def test_as_many_cases_were_run(request):
    cases = [item for item in request.session.items if item.name != "test_their_tests"]
    names = [item.path.stem.removeprefix("test_") for item in cases]
    found = Counter(name for name in names if name in EXPECTED)
    if found.keys() != EXPECTED.keys() and "CI" not in os.environ:
        pytest.skip("only some of the projects are installed, or were chosen")
    assert found == {name: counts.cases for name, counts in EXPECTED.items()}
