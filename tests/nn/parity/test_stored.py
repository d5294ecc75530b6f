"""Does the library compute what PyTorch computed? From a file: PyTorch is not needed here."""

import numpy as np
import pytest

from denoiselib.nn import BatchNorm1d, UNet
from denoiselib.nn.tensor import as_innermost
from tests.nn.parity import answers, ours
from tests.nn.parity.cases import CASES

STORED = answers.Stored()
KEPT = [case for case in CASES if case.stored]
FUNCTIONS = [case for case in KEPT if case.kind in ours.FUNCTIONS]
MODULES = [case for case in KEPT if case.kind in ours.MODULES]


def every(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def inputs(case, dtype):
    return answers.cast(STORED(case.name, "inputs"), dtype)


@every(KEPT)
def test_answers_are_pytorchs(case):
    for dtype in case.dtypes:
        got = ours.answer(case, inputs(case, dtype))
        expected, exact = (STORED(case.name, kind) for kind in (dtype, "float64"))
        answers.compare(got, expected, dtype, exact)


@every(FUNCTIONS)
def test_the_layout_in_memory_does_not_matter(case):
    got = ours.answer(case, inputs(case, "float64"), layout=as_innermost)
    answers.compare(got, STORED(case.name, "float64"), "float64")


@every(MODULES)
def test_a_replayed_program_gives_the_same(case):
    expected = STORED(case.name, "float64")
    del expected["d x"]
    got = ours.replayed_answer(case, **inputs(case, "float64"))
    answers.compare(got, expected, "float64")


@pytest.mark.parametrize("switch", ["train", "batch"])
def test_one_value_has_no_statistics(switch):  # nor in PyTorch, see test_live
    for module, shape in ((BatchNorm1d(2), (1, 2, 1)), (UNet(rng=0), (1, 1, 16))):
        with pytest.raises(ValueError, match="more than one value"):
            ours.MODES[switch](module)(np.zeros(shape))


def test_the_file_holds_these_cases_and_is_small():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert STORED.cases.keys() == {case.name for case in KEPT}, (
        "run python tests/data/make_torch_answers.py"
    )
    assert STORED.versions.keys() == {"torch", "numpy"}
    assert answers.FILE.stat().st_size < 1.5e6
