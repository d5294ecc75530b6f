"""A small part of `make torture`."""

import json

import pytest

from tests.torture.torture import main


@pytest.mark.slow
def test_a_few_accidents_do_nothing(capsys):
    assert main(["--share", "0.05"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == {"all well": True}
    assert len(lines) == 5
    assert all(int(line[26:].split()[0]) > 0 for line in lines)
