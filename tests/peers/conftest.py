"""Runs tests of other projects, and prints the counts that README.md beside this file keeps."""

from collections import Counter
from importlib import metadata

import pytest

from tests.peers import foreign
from tests.peers.expected import EXPECTED, Counts

collect_ignore = ["instead"]  # needs the other projects; no doctests there


@pytest.fixture
def their_tests(tmp_path, record_property):
    """Return a check: of their tests, with our functions, those fail that are known to fail."""

    def check(project, files, failing=(), options=()):
        found = foreign.run(project, files, tmp_path, options)
        counts = Counter(test["outcome"] for test in found.values())
        counts = [counts[kind] for kind in ("passed", "failed", "not applicable")]
        record_property("theirs", counts)
        failed = {name: test for name, test in found.items() if test["outcome"] == "failed"}
        said = "\n".join(f"{name}: {test['said']}" for name, test in failed.items())
        assert failed.keys() == {*failing}, said
        if metadata.version(project) == EXPECTED[project].version:
            assert counts == [*EXPECTED[project][1:4]], f"README.md counts {EXPECTED[project]}"
        else:  # a version that has other tests
            assert counts[0] > 0 or EXPECTED[project].passed == 0

    return check


def pytest_terminal_summary(terminalreporter):
    """Print one line for each project."""
    counts = {project: [0] * 4 for project in EXPECTED}
    for kind in ("passed", "failed"):
        for report in terminalreporter.stats.get(kind, []):
            file = report.nodeid.split("::")[0]
            project = file.removeprefix("tests/peers/test_").removesuffix(".py")
            if project not in counts or report.when != "call":
                continue
            theirs = dict(report.user_properties).get("theirs")
            if theirs:
                counts[project][:3] = theirs
            elif kind == "passed":
                counts[project][3] += 1
    counts = {project: Counts("", *found) for project, found in counts.items() if any(found)}
    for project, found in counts.items():
        terminalreporter.write_line(
            f"{project} {metadata.version(project)}: of their tests {found.passed} passed, "
            f"{found.failed} failed, {found.not_applicable} not applicable; "
            f"{found.cases} cases side by side passed"
        )
