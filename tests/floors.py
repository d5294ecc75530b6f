"""Print the oldest versions that pyproject.toml allows of what the library needs, for pip.

make floors runs the tests with these; tools of the tests themselves are the newest.
"""

import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def floors():
    """List ``name==version`` for the library and the extra ``notebooks``."""
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notebooks"]]
    return [package.replace(">=", "==") for package in wanted]


if __name__ == "__main__":
    print(*floors(), sep="\n")
