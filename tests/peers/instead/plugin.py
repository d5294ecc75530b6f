"""A plugin for pytest: runs tests of another project with our functions in the place of theirs.

A module beside this one puts them there, and marks them as `ours`. A test that calls none of them
is not applicable: it is about what we do not have.
"""

import json
import os
from functools import wraps
from pathlib import Path

import pytest

called, missing, outcomes = set(), set(), {}


def ours(function):
    """Take note of each call."""

    @wraps(function)
    def noted(*args, **kwargs):
        called.add(function.__name__)
        return function(*args, **kwargs)

    return noted


def lacks(what):
    """Say that a test asks for what we do not have, and leave it."""
    missing.add(what)
    pytest.skip(what)


def pytest_runtest_setup():
    called.clear()
    missing.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" or (report.when == "setup" and not report.passed):
        seen = called and not report.skipped
        outcomes[item.nodeid] = {
            "outcome": report.outcome if seen else "not applicable",
            "bare": report.outcome,
            "called": sorted(called),
            "lacks": sorted(missing),
            "said": str(report.longrepr)[-300:] if report.failed else "",
        }
    return report


def pytest_sessionfinish():
    Path(os.environ["OUTCOMES"]).write_text(json.dumps(outcomes))
