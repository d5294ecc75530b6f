"""What the tests of the network share: a check of any gradient against differences."""

import numpy as np
import pytest

from denoiselib.nn import Program, Tensor


def _gradcheck(function, *leaves, replay=False, step=1e-6, tolerance=1e-6):
    """Compare gradients of ``function(*leaves)`` with central differences, every element.

    A leaf is an array (float64) or a tensor that requires a gradient, e.g. a parameter. The
    gradient that arrives at the output is random, so that no error cancels in a sum. With `replay`
    the differences are those of a program: faster, for what is known to replay rightly.
    """
    leaves = [
        x if isinstance(x, Tensor) else Tensor(np.array(x, np.float64, order="K"), True)
        for x in leaves
    ]
    y = function(*leaves)
    upstream = np.random.default_rng(7).standard_normal(y.shape)
    (y * upstream).sum().backward()
    found = [x.grad.copy() for x in leaves]  # before the function is called again
    program = Program(lambda: function(*leaves))
    value_of = program if replay else lambda: function(*leaves).data
    for x, gradient in zip(leaves, found, strict=True):
        assert gradient.shape == x.shape
        assert gradient.dtype == np.float64
        expected = np.empty(x.shape)
        for i in np.ndindex(x.shape):
            value, sums = x.data[i], []
            for sign in (1, -1):
                x.data[i] = value + sign * step
                sums.append((value_of() * upstream).sum())
            x.data[i] = value
            expected[i] = (sums[0] - sums[1]) / (2 * step)
        np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="session")
def gradcheck():
    """Return the check; ``gradcheck(function, *leaves)``."""
    return _gradcheck


def _float_arrays(program):
    """List every array and number of floating point that the operations of a program hold."""
    found = []

    def walk(value):
        if isinstance(value, list | tuple):
            for part in value:
                walk(part)
        elif isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
            found.append(value)

    for op in program.ops:
        walk(list(vars(op).values()))
        for tensor in (op.out, *op.inputs):
            walk([tensor.data, tensor.grad])
    return found


@pytest.fixture(scope="session")
def float_arrays():
    """Return the list of a program's arrays; ``float_arrays(program)``."""
    return _float_arrays
