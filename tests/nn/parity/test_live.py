"""Does the library compute what PyTorch computes, now, on sizes and numbers drawn anew?"""

import numpy as np
import pytest

from denoiselib import nn
from tests.nn.parity import answers, ours
from tests.nn.parity.cases import CASES

pytestmark = pytest.mark.parity
STORED = answers.Stored()


def every(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def theirs():
    from tests.nn.parity import theirs  # only these tests need PyTorch, but they do

    return theirs


@pytest.mark.parametrize("seed", range(4))
@every(CASES)
def test_answers_agree(theirs, case, seed):
    drawn, exact = theirs.question(case, seed), None
    for dtype in case.dtypes:
        inputs = answers.cast(drawn, dtype)
        expected = theirs.answer(case, inputs)
        exact = expected if dtype == "float64" else exact
        answers.compare(ours.answer(case, inputs), expected, dtype, exact)


@every([case for case in CASES if case.stored])
def test_stored_answers_are_those_of_this_pytorch(theirs, case):
    for dtype in case.dtypes:
        inputs = answers.cast(STORED(case.name, "inputs"), dtype)
        stored, exact = (STORED(case.name, kind) for kind in (dtype, "float64"))
        answers.compare(theirs.answer(case, inputs), stored, dtype, exact)


@pytest.mark.parametrize(("prior", "entries"), [(False, 128), (True, 185)])
def test_states_can_be_exchanged(theirs, prior, entries):
    channels, x = (2, 4, 8, 16, 16), np.random.default_rng(0).standard_normal((2, 1, 100))
    their = theirs.MODULES["UNet"](1, channels=channels, prior=prior).double().eval()
    state = {name: value.numpy() for name, value in their.state_dict().items()}
    assert len(state) == entries
    our = nn.UNet(channels, prior=prior, dtype=np.float64).eval()
    assert our.state_dict().keys() == {k for k in state if "num_batches" not in k}
    our.load_state_dict(state)
    answers.compare(
        {"out": our(x).data}, {"out": their(theirs.leaf(x)).detach().numpy()}, "float64"
    )


def test_one_value_has_no_statistics(theirs):
    for name, c, options, shape in (
        ("BatchNorm1d", 2, {}, (1, 2, 1)),
        ("UNet", 1, {"channels": (2, 4, 8, 16, 16)}, (1, 1, 16)),
    ):
        for side in (ours, theirs):
            module = side.MODULES[name](c, **options).train()
            x = np.zeros(shape, np.float32)
            with pytest.raises(ValueError, match=r"more than (1|one) value"):
                module(x if side is ours else theirs.leaf(x))
