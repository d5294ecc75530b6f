"""The tape: which gradients flow where, and a computation replayed in the same arrays."""

import operator
import threading
import tracemalloc

import numpy as np
import pytest

from denoiselib.nn import Program, Tensor, no_grad, ops
from denoiselib.nn.tensor import Op, as_innermost

OPERATORS = pytest.mark.parametrize(
    "operate", [operator.add, operator.sub, operator.mul, operator.truediv]
)


def leaf(*shape, seed=0, dtype=np.float64):
    """A tensor of numbers between 1 and 2 that requires a gradient."""
    return Tensor(np.random.default_rng(seed).uniform(1, 2, shape).astype(dtype), True)


# --- tensors


@pytest.mark.parametrize(
    ("given", "dtype"),
    [("f4", "f4"), ("f8", "f8"), ("f2", "f8"), (">f4", "f8"), ("i4", "f8"), ("u1", "f8")],
)
def test_single_and_double_precision_are_kept_the_rest_becomes_double(given, dtype):
    x = Tensor(np.ones(3, given), requires_grad=True)
    assert x.dtype == x.grad.dtype == np.dtype(dtype)
    assert (x.shape, x.ndim) == ((3,), 1)


@pytest.mark.parametrize("data", [[1j], ["1"], [None], [True]])
def test_only_real_numbers_are_taken(data):
    with pytest.raises(TypeError, match="real numbers"):
        Tensor(data)


def test_item_and_repr():
    assert Tensor([[2.5]]).item() == 2.5
    assert repr(Tensor(np.array([1.0, 2.0], np.float32))) == "Tensor([1. 2.], float32)"


# --- operators


@OPERATORS
@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (3,)),
        ((3,), (2, 3)),
        ((2, 3, 4), (3, 1)),
        ((2, 1), (1, 3)),
        ((1, 1), (2, 3)),
        ((1,), (2, 3)),
        ((), (2, 3)),
        ((2, 3), ()),
        ((1, 3, 1), (2, 1, 4)),
        ((), ()),
    ],
    ids=str,
)
def test_gradients_of_what_broadcasts_are_summed(operate, shapes, gradcheck):
    gradcheck(operate, *(leaf(*shape, seed=k) for k, shape in enumerate(shapes)))


@OPERATORS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "other",
    [2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.array([1.0, 2.0]), np.array([[3, 4]])],
    ids=repr,
)
def test_numbers_and_arrays_take_the_dtype_of_the_tensor(operate, dtype, other):
    values = np.array([1.5, 3.0], dtype)
    for y, expected in (
        (operate(Tensor(values), other), operate(values, other)),
        (operate(other, Tensor(values)), operate(other, values)),
    ):
        assert isinstance(y, Tensor)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.data, expected, rtol=1e-6)


@OPERATORS
def test_an_array_on_the_left_lets_the_gradient_through(operate, gradcheck):
    array = np.random.default_rng(1).uniform(1, 2, (2, 3))
    gradcheck(lambda x: operate(array, x), leaf(3))
    gradcheck(lambda x: operate(x, array), leaf(3))


def test_matrices_of_numbers_on_either_side(gradcheck):
    a = np.random.default_rng(2).standard_normal((3, 3))
    gradcheck(lambda x: a @ x, leaf(3, 2))
    gradcheck(lambda x: x @ a, leaf(2, 3))


def test_a_float64_scalar_leaves_a_whole_step_in_single_precision():
    x = leaf(2, 3, dtype=np.float32)
    y = ((x * np.float64(0.5) - np.float64(1)) ** np.float64(2)).mean() / np.sqrt(5)
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32


@OPERATORS
def test_two_dtypes_are_refused(operate):
    with pytest.raises(TypeError, match="float32 and float64 tensors meet"):
        operate(leaf(2), leaf(2, dtype=np.float32))


@OPERATORS
def test_complex_arrays_are_refused(operate):
    with pytest.raises(TypeError):
        operate(leaf(2), np.array([1j, 2]))


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        leaf(2) + leaf(3)


# --- graphs

GRAPHS = {
    "used twice": lambda x, y: x * x,
    "used three times": lambda x, y: x * x * x + x,
    "divided by itself": lambda x, y: (x + y) / x,
    "minus itself": lambda x, y: x - x + y,
    "diamond": lambda x, y: (lambda a: a.sum() * a + a / y)(x * y),
    "diamond in a diamond": lambda x, y: (lambda a: (lambda b: b * b + a * b)(a * y + a))(x + y),
    "chain": lambda x, y: ops.sigmoid(ops.softplus((x * y) ** 3) / 7.0) * x,
    "shared by two depths": lambda x, y: x + (x + (x + y) ** 2) ** 2,
    "one in the parts of another": lambda x, y: ops.concat([x, y, x * y, x], axis=0) ** 2,
    "slices of one": lambda x, y: x[1:] * x[:-1] + x[:1],
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_gradients_of_a_graph(graph, gradcheck):
    gradcheck(graph, leaf(3, 2), leaf(3, 2, seed=1))


def test_a_chain_may_be_longer_than_pythons_stack():
    x = y = leaf(1)
    for _ in range(5000):
        y = y + x
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 5001)


def test_constants_get_no_gradient():
    x, constant = leaf(3), Tensor(np.arange(3.0))
    y = constant * 2.0
    (x * y).sum().backward()
    assert constant.grad is None
    assert y.grad is None
    assert not y.requires_grad
    np.testing.assert_array_equal(x.grad, [0, 2, 4])


def test_an_unused_parameter_has_a_gradient_of_zeros():
    used, unused = leaf(2), leaf(3)
    aside = (unused * used[0]).sum()  # computed, but of no consequence
    used.sum().backward()
    np.testing.assert_array_equal(unused.grad, np.zeros(3))
    np.testing.assert_array_equal(used.grad, 1)
    assert aside.requires_grad


def test_gradients_are_those_of_the_last_backward():
    x = leaf(3)
    square, shared = (x * x).sum(), x * 3.0
    cube = (shared * x * x).sum()
    for loss, expected in ((square, 2 * x.data), (cube, 9 * x.data**2), (square, 2 * x.data)):
        for _ in range(2):
            loss.backward()
            np.testing.assert_allclose(x.grad, expected)


def test_two_losses_of_one_intermediate_do_not_mix():
    x = leaf(3)
    middle = x * x
    one, two = (middle * 2.0).sum(), (middle * middle).sum()
    one.backward()
    two.backward()
    np.testing.assert_allclose(x.grad, 4 * x.data**3)
    one.backward()
    np.testing.assert_allclose(x.grad, 4 * x.data)


def test_backward_of_a_leaf_is_one():
    x = leaf()
    x.backward()
    assert x.grad == 1


@pytest.mark.parametrize("shape", [(2,), (1, 2), (0,)])
def test_backward_starts_from_a_scalar(shape):
    with pytest.raises(ValueError, match=r"scalar, not from shape \("):
        (leaf(*shape) * 2.0).backward()


def test_backward_of_a_constant_is_refused():
    for constant in (Tensor(3.0), Tensor([3.0]).sum()):
        with pytest.raises(ValueError, match="nothing that requires a gradient"):
            constant.backward()


# --- no_grad


def test_no_grad_remembers_nothing_and_ends():
    x = leaf(2)
    with no_grad():
        with no_grad():
            assert not (x * x).requires_grad
        assert not (x * x).requires_grad
        assert (x * x).op is None
    assert (x * x).requires_grad


def test_no_grad_ends_with_an_error_too():
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (leaf(2) * 2.0).requires_grad


def test_no_grad_holds_for_its_thread_alone():
    x, inside, outside = leaf(2), threading.Event(), threading.Event()
    seen = {}

    def other():
        with no_grad():
            inside.set()
            assert outside.wait(5)
            seen["other"] = (x * x).requires_grad

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(5)
    seen["this"] = (x * x).requires_grad
    outside.set()
    thread.join()
    assert seen == {"this": True, "other": False}


def test_programs_are_recorded_each_in_its_thread():
    ready, counts = threading.Barrier(4), {}

    def record(count):
        def function(x):
            ready.wait(5)
            for _ in range(count):
                x = x * 2.0
            ready.wait(5)
            return x

        program = Program(function)
        program(np.ones(2))
        counts[count] = len(program.ops)

    threads = [threading.Thread(target=record, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {1: 1, 2: 2, 3: 3, 4: 4}


# --- programs


class Counter(Op):
    """x, and how often each way was gone"""

    calls = None

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        self.calls.append("forward")
        np.copyto(self.y, self.x)

    def backward(self):
        self.calls.append("backward")
        np.copyto(self.dx[0], self.dy)


def test_each_call_of_a_program_runs_each_operation_once(monkeypatch):
    calls, runs = [], []
    monkeypatch.setattr(Counter, "calls", calls)
    w = leaf(2)

    def function(x):
        runs.append(1)
        return (Counter(w * x).out * 2.0).sum()

    program = Program(function)
    for k in range(1, 4):
        program(np.full(2, k))
        assert calls == ["forward"]
        program.backward()
        assert calls == ["forward", "backward"]
        np.testing.assert_array_equal(w.grad, 2 * k)
        calls.clear()
    assert runs == [1]


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_replay_equals_a_first_call(graph):
    """New data, and parameters changed in place; a gradient may be summed in another order."""
    w = leaf(3, 2)
    program = Program(lambda y: (graph(w, y) ** 2).sum())
    for seed in range(4):
        y = leaf(3, 2, seed=10 + seed).data
        value = program(y).copy()
        program.backward()
        replayed = w.grad.copy()
        loss = (graph(w, Tensor(y)) ** 2).sum()
        loss.backward()
        np.testing.assert_array_equal(loss.data, value)
        np.testing.assert_allclose(w.grad, replayed, rtol=1e-12)
        assert replayed.any() == (graph is not GRAPHS["minus itself"])
        w.data *= 1.1


def test_a_program_runs_forward_many_times_before_backward():
    w = leaf(2)
    program = Program(lambda x: (w * x).sum())
    for k in range(5):
        program(np.full(2, float(k)))
    program.backward()
    np.testing.assert_array_equal(w.grad, 4)
    program.backward()
    np.testing.assert_array_equal(w.grad, 4)


def test_two_programs_may_share_their_parameters():
    w = leaf(2)
    programs = [Program(lambda x: (w * x).sum()) for _ in range(2)]
    for k in range(1, 4):
        for program, value in zip(programs, (k, -k), strict=True):
            program(np.full(2, value))
            program.backward()
            np.testing.assert_array_equal(w.grad, value)


@pytest.mark.parametrize("shape", [(2,), (3, 3), (3, 1), (), (2, 3, 1)])
def test_a_program_refuses_another_shape(shape):
    program = Program(lambda x: x * 2.0)
    program(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shape \(2, 3\) was given \("):
        program(np.ones(shape))


def test_a_program_refuses_another_number_of_arrays():
    program = Program(operator.add)
    program(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="argument"):
        program(np.ones(2))


def test_a_first_call_that_fails_plans_nothing():
    program = Program(lambda x: ops.max_pool1d(x, 4))
    with pytest.raises(ValueError, match="window"):
        program(np.ones((1, 1, 2)))
    assert program(np.ones((1, 1, 8))).shape == (1, 1, 2)


@pytest.mark.parametrize("shape", [(2, 1, 3), (1, 2, 3), (3,), ()])
def test_a_program_neither_keeps_its_input_nor_changes_it(shape):
    x, other = np.ones(shape), np.zeros(shape)
    program = Program(lambda x: x + np.ones(3))
    for _ in range(2):
        y = program(x)
        y[...] = 7
        np.testing.assert_array_equal(x, 1)
        program(other)
        np.testing.assert_array_equal(x, 1)


def test_backward_of_a_program_starts_from_a_scalar_that_requires_a_gradient():
    w = leaf(2)
    for function, words in ((lambda x: x * w, "scalar"), (lambda x: x.sum(), "nothing")):
        program = Program(function)
        program(np.ones(2))
        with pytest.raises(ValueError, match=words):
            program.backward()


def test_what_a_program_computed_has_no_backward_but_the_programs():
    """Another plan would take the arrays of the first from under it."""
    w = leaf(2)
    program = Program(lambda x: (w * w * x).sum())
    for _ in range(2):
        program(np.ones(2))
        for loss in (program.output, program.output * 2.0):
            with pytest.raises(ValueError, match="call the program's backward"):
                loss.backward()
        program.backward()
        np.testing.assert_allclose(w.grad, 2 * w.data)


def test_a_chain_of_steps_goes_back_in_a_few_arrays():
    """However deep: what one step has done with, a later one takes."""
    w, steps = leaf(1, 1, 1000, dtype=np.float32), []
    for depth in (5, 50):
        program = Program(lambda x, depth=depth: chain(x * w, depth).sum())
        program(np.ones((1, 1, 1000), np.float32))
        program.backward()
        arrays = [op.dy for op in program.ops] + [op.mask for op in program.ops[1:-1]]
        steps.append(len({id(array.base) for array in arrays if array.base is not None}))
    assert steps[0] == steps[1] <= 4


def chain(x, depth):
    for _ in range(depth):
        x = ops.relu(x)
    return x


def test_a_program_without_gradients_remembers_none():
    w = leaf(2)
    with no_grad():
        program = Program(lambda x: (w * x).sum())
        program(np.ones(2))
    assert not any(op.out.requires_grad for op in program.ops)
    assert program(np.full(2, 3.0)) == 3 * w.data.sum()  # replays outside no_grad too


def test_a_replay_allocates_nothing_large():
    """Of all operations that a network is made of (NumPy buffers a few thousand numbers)."""
    w = leaf(4, 4, 3, dtype=np.float32)

    def function(x):
        y = ops.relu(ops.conv1d(x, w, padding=1))
        y = ops.concat([ops.pad(ops.upsample1d(ops.max_pool1d(y)), 0, 0), ops.avg_pool1d(y, 1)])
        return y.sum()

    x = np.ones((256, 4, 256), np.float32)
    program = Program(function)
    for _ in range(2):
        program(x)
        program.backward()
    tracemalloc.start()
    program(x)
    program.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 10


# --- memory order


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3, 4), (4, 1, 1)])
def test_innermost_is_a_copy_with_the_batch_last_in_memory(shape, order):
    x = np.asarray(np.random.default_rng(0).standard_normal(shape), order=order)
    y = as_innermost(x)
    np.testing.assert_array_equal(y, x)
    assert y.transpose(1, 2, 0).flags.c_contiguous
    assert not np.shares_memory(x, y)
