"""Operations: values by definition, gradients by differences, replays, dtypes, memory orders."""

import inspect
import itertools
import math
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoiselib.experiments import variants
from denoiselib.filters.prox import PENALTIES
from denoiselib.nn import Program, Tensor, activations, ops
from denoiselib.nn.norm import adaptive
from denoiselib.nn.tensor import Op, as_innermost

PROPERTY = settings(max_examples=30, derandomize=True, deadline=None)


class Case(NamedTuple):
    """An operation, the shapes it takes, and what it is in NumPy (of arrays)."""

    op: callable
    shapes: tuple
    reference: callable


def correlate(x, w, b, padding):
    """Cross-correlation as it is defined, channel by channel."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding)])
    y = [
        [sum(np.correlate(*pair) for pair in zip(signal, kernel, strict=True)) for kernel in w]
        for signal in x
    ]
    return np.array(y) + b[:, None]


def windows(x, w):
    """Windows of w samples, one after the other, on a last axis of their own."""
    count = x.shape[-1] // w
    return x[..., : count * w].reshape(*x.shape[:-1], count, w)


def spread(kernel, dilation):
    """The kernel with zeros between its taps."""
    wide = np.zeros((*kernel.shape[:2], dilation * (kernel.shape[2] - 1) + 1), kernel.dtype)
    wide[..., ::dilation] = kernel
    return wide


def interpolated(x):
    """Twice the samples, spread evenly from the first to the last."""
    n = x.shape[-1]
    at = np.arange(2 * n) * (n - 1) / (2 * n - 1)
    return np.apply_along_axis(lambda row: np.interp(at, np.arange(n), row), -1, x)


def median_deviation(x):
    """Median distance from the median, over that of a standard normal number."""
    middle = np.median(x, axis=-1, keepdims=True)
    return np.median(np.abs(x - middle), axis=-1, keepdims=True) / 0.6745


def filtered(x, kernel):
    """Each channel with its kernel, or all with one."""
    kernel = np.broadcast_to(kernel, (x.shape[1], kernel.shape[1]))
    return np.array(
        [[np.convolve(c, k[::-1], "full") for c, k in zip(s, kernel, strict=True)] for s in x]
    )[..., kernel.shape[1] // 2 :][..., : x.shape[2]]


def moved_mean(x, window):
    """Mean over what a window sees of each signal."""
    half = window // 2
    parts = [x[..., max(t - half, 0) : t + half + 1].mean(-1) for t in range(x.shape[-1])]
    return np.stack(parts, axis=-1)


def together(x, u, size, window):
    """Each group of channels times what its root mean square leaves."""
    y = []
    for first in range(0, x.shape[1], size):
        part = x[:, first : first + size]
        radius = np.sqrt(moved_mean((part**2).mean(axis=1, keepdims=True), window))
        y.append(part * np.maximum(1 - u[:, first : first + size] / radius, 0))
    return np.concatenate(y, axis=1)


def mixed(x, u, w):
    """Four maps, in shares of each channel."""
    maps = (x, PENALTIES["l1"](x, u), PENALTIES["firm"](x, u, 0.5), np.maximum(x - u, 0))
    return sum(share[:, None] * part for share, part in zip(w.T, maps, strict=True))


SIGNALS = ((3, 2, 7),)
CASES = {
    "add": Case(ops.add, ((2, 3), (2, 3)), np.add),
    "subtract": Case(ops.subtract, ((2, 3), (2, 3)), np.subtract),
    "multiply": Case(ops.multiply, ((2, 3), (2, 3)), np.multiply),
    "divide": Case(ops.divide, ((2, 3), (2, 3)), np.divide),
    "add to signals": Case(ops.add, ((3, 2, 7), (2, 1)), np.add),
    "channels minus signals": Case(ops.subtract, ((2, 1), (3, 2, 7)), np.subtract),
    "scale of one number": Case(ops.multiply, ((1,), (3, 2, 7)), np.multiply),
    "outer division": Case(ops.divide, ((3, 1), (1, 4)), np.divide),
    "two numbers": Case(ops.multiply, ((), ()), np.multiply),
    "number and signals": Case(ops.divide, ((), (3, 2, 7)), np.divide),
    "cube": Case(lambda x: x**3, ((2, 3),), lambda x: x**3),
    "inverse square": Case(lambda x: ops.power(x, -2), ((2, 3),), lambda x: x**-2.0),
    "matmul": Case(ops.matmul, ((2, 3), (3, 4)), np.matmul),
    "matmul of stacks": Case(ops.matmul, ((5, 2, 3), (5, 3, 2)), np.matmul),
    "matmul, one for all": Case(ops.matmul, ((2, 3), (5, 3, 2)), np.matmul),
    "sum": Case(ops.sum, SIGNALS, lambda x: x.sum()),
    "sum over time": Case(lambda x: x.sum(-1), SIGNALS, lambda x: x.sum(-1)),
    "sum over two axes": Case(lambda x: x.sum((0, 2)), SIGNALS, lambda x: x.sum((0, 2))),
    "sum that keeps axes": Case(
        lambda x: x.sum((0, -1), keepdims=True), SIGNALS, lambda x: x.sum((0, 2), keepdims=True)
    ),
    "mean": Case(ops.mean, SIGNALS, np.mean),
    "mean over the batch": Case(lambda x: x.mean(0), SIGNALS, lambda x: x.mean(0)),
    "slice": Case(lambda x: x[:, 1:, ::-2], SIGNALS, lambda x: x[:, 1:, ::-2]),
    "new axis": Case(lambda x: x[:, None], ((2, 3),), lambda x: x[:, None]),
    "one element": Case(lambda x: x[1, 0, 2], SIGNALS, lambda x: x[1, 0, 2]),
    "repeated indices": Case(
        lambda x: ops.take(x, np.array([0, 2, 2, 2])), ((3, 2),), lambda x: x[[0, 2, 2, 2]]
    ),
    "concat": Case(
        lambda *parts: ops.concat(parts),
        ((3, 2, 4), (3, 1, 4), (3, 2, 4)),
        lambda *parts: np.concatenate(parts, axis=1),
    ),
    "concat in time": Case(
        lambda *parts: ops.concat(parts, axis=-1),
        ((3, 2, 4), (3, 2, 1)),
        lambda *parts: np.concatenate(parts, axis=-1),
    ),
    "pad": Case(lambda x: ops.pad(x, 2, 1), SIGNALS, lambda x: np.pad(x, [(0, 0), (0, 0), (2, 1)])),
    "conv1d": Case(
        lambda x, w, b: ops.conv1d(x, w, b, padding=1),
        ((3, 2, 7), (4, 2, 3), (4,)),
        lambda x, w, b: correlate(x, w, b, 1),
    ),
    "conv1d, no bias, even kernel": Case(
        ops.conv1d, ((3, 2, 7), (1, 2, 4)), lambda x, w: correlate(x, w, np.zeros(1), 0)
    ),
    "conv1d, kernel longer than the signal": Case(
        lambda x, w, b: ops.conv1d(x, w, b, padding=5),
        ((2, 2, 3), (2, 2, 9), (2,)),
        lambda x, w, b: correlate(x, w, b, 5),
    ),
    "conv1d, dilated": Case(
        lambda x, w, b: ops.conv1d(x, w, b, padding=3, dilation=2),
        ((3, 2, 7), (4, 2, 3), (4,)),
        lambda x, w, b: correlate(x, spread(w, 2), b, 3),
    ),
    "conv1d, dilated beyond the signal": Case(
        lambda x, w, b: ops.conv1d(x, w, b, padding=4, dilation=4),
        ((2, 2, 3), (2, 2, 3), (2,)),
        lambda x, w, b: correlate(x, spread(w, 4), b, 4),
    ),
    "conv1d, one tap": Case(
        ops.conv1d, ((3, 2, 7), (1, 2, 1), (1,)), lambda x, w, b: correlate(x, w, b, 0)
    ),
    "conv1d, kernel reversed by the tape": Case(
        lambda x, w: ops.conv1d(x, w[:, :, ::-1], padding=1),
        ((3, 2, 7), (4, 2, 3)),
        lambda x, w: correlate(x, w[:, :, ::-1], np.zeros(4), 1),
    ),
    "conv1d, masked kernel": Case(
        lambda x, w, mask: ops.conv1d(x, w * mask, padding=1),
        ((3, 2, 7), (4, 2, 3), (4, 1, 3)),
        lambda x, w, mask: correlate(x, w * mask, np.zeros(4), 1),
    ),
    "max_pool1d": Case(ops.max_pool1d, SIGNALS, lambda x: windows(x, 2).max(-1)),
    "max_pool1d of 3": Case(
        lambda x: ops.max_pool1d(x, 3), ((3, 2, 8),), lambda x: windows(x, 3).max(-1)
    ),
    "avg_pool1d": Case(ops.avg_pool1d, SIGNALS, lambda x: windows(x, 2).mean(-1)),
    "avg_pool1d of 3": Case(
        lambda x: ops.avg_pool1d(x, 3), ((3, 2, 8),), lambda x: windows(x, 3).mean(-1)
    ),
    "upsample1d": Case(ops.upsample1d, SIGNALS, interpolated),
    "upsample1d of a longer signal": Case(ops.upsample1d, ((2, 1, 30),), interpolated),
    "upsample1d of one sample": Case(
        ops.upsample1d, ((3, 2, 1),), lambda x: np.repeat(x, 2, axis=-1)
    ),
    "relu": Case(ops.relu, SIGNALS, lambda x: np.maximum(x, 0)),
    "leaky_relu": Case(
        lambda x: ops.leaky_relu(x, 0.2), SIGNALS, lambda x: np.where(x > 0, x, 0.2 * x)
    ),
    "sigmoid": Case(ops.sigmoid, SIGNALS, lambda x: 1 / (1 + np.exp(-x))),
    "softplus": Case(ops.softplus, SIGNALS, lambda x: np.log1p(np.exp(x))),
    "absolute": Case(abs, SIGNALS, np.abs),
    "exp": Case(ops.exp, SIGNALS, np.exp),
    "log": Case(lambda x: ops.log(abs(x)), SIGNALS, lambda x: np.log(np.abs(x))),
    "gelu": Case(
        ops.gelu,
        SIGNALS,
        lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    "prelu": Case(ops.prelu, ((3, 2, 7), (1,)), lambda x, a: np.where(x > 0, x, a * x)),
    "prelu of each channel": Case(
        ops.prelu, ((3, 2, 7), (2, 1)), lambda x, a: np.where(x > 0, x, a * x)
    ),
    "mean_magnitude": Case(
        ops.mean_magnitude, SIGNALS, lambda x: np.abs(x).mean(axis=2, keepdims=True)
    ),
    # cubes: no two distances from the median are the same
    **{
        f"mad of {n} samples": Case(
            lambda x: ops.mad(x * x * x), ((3, 2, n),), lambda x: median_deviation(x**3)
        )
        for n in (2, 3, 4, 7, 10)
    },
    "filter1d": Case(ops.filter1d, ((3, 2, 7), (2, 3)), filtered),
    "filter1d, one kernel longer than the signals": Case(
        ops.filter1d, ((3, 2, 4), (1, 11)), filtered
    ),
    "moving_mean": Case(lambda x: ops.moving_mean(x, 5), ((3, 2, 7),), lambda x: moved_mean(x, 5)),
    "the gain of a Wiener norm": Case(
        lambda v, n: adaptive.WienerGain(abs(v), abs(n)).out,
        ((3, 2, 7), (3, 2, 1)),
        lambda v, n: np.maximum(1 - np.abs(n / v), 0),
    ),
    "group_soft": Case(
        lambda x, u: variants.GroupSoft(ops.signals(x), ops.signals(abs(u)), 2, 3).out,
        ((3, 5, 7), (3, 5, 1)),
        lambda x, u: together(x, np.abs(u), 2, 3),
    ),
    "group_soft, at each time": Case(
        lambda x, u: variants.GroupSoft(ops.signals(x), ops.signals(abs(u)), 4, 1).out,
        ((3, 4, 7), (1, 4, 1)),
        lambda x, u: together(x, np.abs(u), 4, 1),
    ),
    "mixture": Case(
        lambda x, u, w: variants.Mixed(ops.signals(x), ops.signals(abs(u)), w, 0.5).out,
        ((3, 2, 7), (3, 2, 1), (2, 4)),
        lambda x, u, w: mixed(x, np.abs(u), w),
    ),
    "negative": Case(lambda x: -x, SIGNALS, np.negative),
    **{
        f"prox {name}": Case(
            lambda x, u, name=name: ops.prox(x, abs(u) * 0.6, name),
            ((3, 2, 7), (2, 1)),
            lambda x, u, prox=penalty: prox(x, np.abs(u) * 0.6),
        )
        for name, penalty in PENALTIES.items()
    },
    **{
        f"prox {name}, a threshold for each signal": Case(
            lambda x, u, name=name: ops.prox(x, abs(u) * 0.6, name),
            ((3, 2, 7), (3, 2, 1)),
            lambda x, u, prox=penalty: prox(x, np.abs(u) * 0.6),
        )
        for name, penalty in PENALTIES.items()
    },
    "prox firm, gamma 0.3": Case(
        lambda x, u: ops.prox(x, abs(u), "firm", gamma=0.3),
        ((3, 2, 7), (1,)),
        lambda x, u: PENALTIES["firm"](x, np.abs(u), gamma=0.3),
    ),
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def draw(shapes, rng, dtype=np.float64):
    """Numbers of either sign and different sizes, none near 0, no two near each other."""
    sizes = [math.prod(shape) for shape in shapes]
    values = rng.permutation(np.linspace(0.3, 2.0, sum(sizes))) * rng.choice([-1, 1], sum(sizes))
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [part.reshape(shape).astype(dtype) for part, shape in zip(parts, shapes, strict=True)]


# --- every operation


@ALL
def test_value(case):
    arrays = draw(case.shapes, np.random.default_rng(0))
    y = case.op(*map(Tensor, arrays)).data
    expected = case.reference(*arrays)
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@ALL
@pytest.mark.parametrize("order", ["C", "F", "batch innermost"])
def test_gradient(case, order, gradcheck):
    arrays = draw(case.shapes, np.random.default_rng(1))
    if order == "batch innermost":
        arrays = [as_innermost(array) for array in arrays]
    else:
        arrays = [np.asarray(array, order=order) for array in arrays]
    gradcheck(case.op, *arrays)


@ALL
def test_every_array_keeps_float32(case, float_arrays):
    rng = np.random.default_rng(2)
    weights = [Tensor(a, requires_grad=True) for a in draw(case.shapes, rng, np.float32)]
    program = Program(lambda: case.op(*weights).sum())
    program()
    program.backward()
    assert {array.dtype for array in float_arrays(program)} == {np.dtype(np.float32)}


@ALL
def test_a_replay_equals_a_first_call(case):
    """On new data, and after the arrays have been changed in place; values and gradients."""
    rng = np.random.default_rng(3)
    weights = [Tensor(a, requires_grad=True) for a in draw(case.shapes, rng)]
    output = case.op(*weights)
    upstream = rng.standard_normal(output.shape)
    program = Program(lambda: (case.op(*weights) * upstream).sum())
    for _ in range(3):
        for weight, array in zip(weights, draw(case.shapes, rng), strict=True):
            weight.data[...] = array
        value = program().copy()
        program.backward()
        replayed = [weight.grad.copy() for weight in weights]
        fresh = [Tensor(weight.data.copy("K"), requires_grad=True) for weight in weights]
        loss = (case.op(*fresh) * upstream).sum()
        loss.backward()
        np.testing.assert_array_equal(value, loss.data)
        for gradient, weight in zip(replayed, fresh, strict=True):
            np.testing.assert_array_equal(gradient, weight.grad)


@ALL
def test_constants_get_no_gradient_and_do_not_disturb(case):
    """Each argument alone requiring a gradient gets what it gets among all."""
    arrays = draw(case.shapes, np.random.default_rng(4))
    among = [Tensor(a, requires_grad=True) for a in arrays]
    (case.op(*among) ** 2).sum().backward()
    for k, leaf in enumerate(among):
        alone = [Tensor(a, requires_grad=i == k) for i, a in enumerate(arrays)]
        (case.op(*alone) ** 2).sum().backward()
        np.testing.assert_array_equal(alone[k].grad, leaf.grad)
        assert all(x.grad is None for i, x in enumerate(alone) if i != k)


#: Operations of single layers.
EXTRA = {adaptive.WienerGain, variants.GroupSoft, variants.Mixed}
EXTRA |= {activations.Gelu, activations.PRelu}


def test_no_operation_is_left_out():
    rng = np.random.default_rng(5)
    modules = [module for _, module in inspect.getmembers(ops, inspect.ismodule)]
    classes = {c for module in modules for _, c in inspect.getmembers(module, inspect.isclass)}
    defined = {c for c in classes if issubclass(c, Op)} | EXTRA
    seen = set()
    for case in CASES.values():
        program = Program(lambda case=case: case.op(*map(Tensor, draw(case.shapes, rng))))
        program()
        seen |= {type(op) for op in program.ops}
    assert seen == defined - {Op, ops.resample.Pool1d}  # the base


# --- refusals


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, w: ops.conv1d(x[0], w), r"x must have the shape \(batch, channels, length\)"),
        (lambda x, w: ops.conv1d(x, w[:, :1]), r"weight must have the shape .*2, taps"),
        (lambda x, w: ops.conv1d(x, w[0]), "weight must have the shape"),
        (lambda x, w: ops.conv1d(x, w, np.zeros(3)), r"bias must have the shape \(4,\)"),
        (
            lambda x, w: ops.conv1d(x[:, :, :2], w),
            "spans 3 samples is longer than the padded signal, 2",
        ),
        (lambda x, w: ops.conv1d(x, w, dilation=6), "spans 13 samples is longer than the padded"),
        (lambda x, w: ops.conv1d(x, w, dilation=0), "dilation must be at least 1"),
        (lambda x, w: ops.conv1d(x, w, padding=-1), "padding must be at least 0"),
        (lambda x, w: ops.conv1d(x, w, groups=0), "groups must be at least 1"),
        (lambda x, w: ops.conv1d(x, w, groups=2), "out_channels, 2 / 2 groups, taps"),
        (lambda x, w: ops.conv1d(x, w[:3, :1], groups=2), "2 do not divide the 3 output channels"),
        (lambda x, w: ops.max_pool1d(x, 8), "window must be between 1 and 7"),
        (lambda x, w: ops.avg_pool1d(x, 0), "window must be between 1 and 7"),
        (lambda x, w: ops.pad(x, -1, 0), "before must be at least 0"),
        (lambda x, w: ops.upsample1d(x[0, 0]), "x must have the shape"),
        (lambda x, w: ops.max_pool1d(np.zeros((0, 1, 4))), "x must have the shape"),
        (lambda x, w: ops.add(x, w), "do not broadcast"),
        (lambda x, w: ops.matmul(x, x), r"\(3, 2, 7\) and \(3, 2, 7\) do not fit"),
        (lambda x, w: ops.matmul(x[0, 0], x), "do not fit"),
        (lambda x, w: ops.filter1d(x, np.ones((2, 2))), r"kernel must have the shape \(2 or 1, an"),
        (lambda x, w: ops.filter1d(x, np.ones((3, 3))), r"kernel must have the shape \(2 or 1, an"),
        (lambda x, w: ops.moving_mean(x, 4), "window must be odd"),
        (lambda x, w: ops.prelu(x[:1], x), "slope of shape .* is larger"),
        (lambda x, w: ops.mad(x[0]), "x must have the shape"),
        (lambda x, w: ops.mean_magnitude(x[0]), "x must have the shape"),
        (lambda x, w: ops.prox(x, 1.0, "l3"), "penalty must be one of 'l1'.*'firm'"),
        (lambda x, w: ops.prox(x, -1.0), "must not be negative"),
        (lambda x, w: ops.prox(x[0], np.ones((5, 2, 7))), "u of shape .* is larger"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call(Tensor(np.ones((3, 2, 7))), Tensor(np.ones((4, 2, 3))))


@pytest.mark.parametrize("op", [ops.add, ops.divide, ops.matmul, ops.prox])
def test_two_dtypes_are_refused(op):
    with pytest.raises(TypeError, match="choose one dtype"):
        op(Tensor(np.ones((2, 2), np.float32)), Tensor(np.ones((2, 2))))


@pytest.mark.parametrize("op", [ops.conv1d, lambda x, w: ops.concat([x, w])])
def test_two_dtypes_are_refused_of_signals(op):
    with pytest.raises(TypeError, match="choose one dtype"):
        op(Tensor(np.ones((2, 2, 3), np.float32)), Tensor(np.ones((2, 2, 3))))


# --- kinks and extremes


@pytest.mark.parametrize(
    ("op", "slope"),
    [(ops.relu, 0), (abs, 0), (lambda x: ops.leaky_relu(x, 0.2), 0.2)],
)
def test_the_slope_at_zero(op, slope):
    x = Tensor([0.0, -0.0], requires_grad=True)
    op(x).sum().backward()
    np.testing.assert_array_equal(x.grad, slope)


@pytest.mark.parametrize("window", [2, 3, 4])
def test_of_equal_samples_the_first_takes_the_gradient(window):
    x = Tensor(np.ones((1, 1, 9)), requires_grad=True)
    ops.max_pool1d(x, window).sum().backward()
    expected = np.arange(9) % window == 0
    expected[9 // window * window :] = False
    np.testing.assert_array_equal(x.grad[0, 0], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("op", [ops.sigmoid, ops.softplus])
def test_large_arguments_neither_overflow_nor_divide_by_zero(op, dtype):
    big = 1e4
    x = Tensor(np.array([-big, 0, big], dtype), requires_grad=True)
    y = op(x)
    y.sum().backward()
    if op is ops.sigmoid:
        values, slopes = [0, 0.5, 1], [0, 0.25, 0]
    else:
        values, slopes = [0, np.log(2), big], [0, 0.5, 1]
    np.testing.assert_allclose(y.data, values, rtol=1e-6)
    np.testing.assert_allclose(x.grad, slopes, rtol=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_what_a_prox_sets_to_zero_gets_no_gradient(penalty):
    x = Tensor([-0.1, 0.0, 0.1], requires_grad=True)
    u = Tensor([1.0], requires_grad=True)
    ops.prox(x, u, penalty).sum().backward()
    assert not x.grad.any()
    assert not u.grad.any()


@pytest.mark.parametrize("penalty", ["l0", "l_half", "l_two_thirds"])
@pytest.mark.parametrize("width", [0.02, 0.1])
def test_with_a_width_the_gradient_to_u_sees_the_jump(penalty, width):
    """It is that of the map, moved by a logistic step in place of its jump.

    Far and wide around the threshold there are samples; the mean map over them falls with u, though
    each sample but a few does not see it.
    """
    y = np.linspace(-4, 4, 80_001)
    u, step = 0.7, 0.02
    prox = PENALTIES[penalty]
    fall = (prox(y, u + step) - prox(y, u - step)) / (2 * step)
    blind, seeing = Tensor([u], requires_grad=True), Tensor([u], requires_grad=True)
    (ops.prox(y, blind, penalty) * np.sign(y)).sum().backward()
    (ops.prox(y, seeing, penalty, width=width) * np.sign(y)).sum().backward()
    expected = (fall * np.sign(y)).sum()
    np.testing.assert_allclose(seeing.grad, expected, rtol=1e-2)
    assert abs(blind.grad - expected) > 0.2 * abs(expected)


def threshold_of(function, low=0.0, high=9.0):
    """Where a function begins to differ from 0, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) else (middle, high)
    return high


@pytest.mark.parametrize("penalty", ["l0", "l_half", "l_two_thirds"])
def test_the_width_is_that_of_a_logistic_step(penalty):
    y, u, width, moved = np.linspace(0.1, 3, 30), 0.7, 0.1, 1e-5
    prox = PENALTIES[penalty]
    threshold = threshold_of(lambda y: prox(y, u))
    jump = prox(threshold, u)
    rate = (threshold_of(lambda y: prox(y, u + moved)) - threshold) / moved
    slope = np.exp(-np.abs(y - threshold) / width)
    slope = slope / (1 + slope) ** 2 / width
    for k, value in enumerate(y):
        blind, seeing = Tensor([u], requires_grad=True), Tensor([u], requires_grad=True)
        ops.prox([value], blind, penalty).sum().backward()
        ops.prox([value], seeing, penalty, width=width).sum().backward()
        np.testing.assert_allclose(
            seeing.grad - blind.grad, -jump * rate * slope[k], rtol=1e-3, atol=1e-9
        )


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_width_changes_no_value_and_no_gradient_to_x(penalty):
    y = np.linspace(-3, 3, 301)
    one, other = Tensor(y, requires_grad=True), Tensor(y, requires_grad=True)
    a, b = ops.prox(one, 0.7, penalty), ops.prox(other, 0.7, penalty, width=0.1)
    a.sum().backward()
    b.sum().backward()
    np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(one.grad, other.grad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mad_estimates_the_level_of_noise_and_hardly_that_of_spikes(dtype):
    rng = np.random.default_rng(11)
    noise = (3 * rng.standard_normal((20, 2, 5000))).astype(dtype)
    level = ops.mad(noise).data
    # its variance is 1.36 / n: 2.7 times that of the standard deviation
    assert abs(level.mean() / 3 - 1) < 4 * np.sqrt(1.36 / noise.size)
    assert np.abs(level / 3 - 1).max() < 5 * np.sqrt(1.36 / 5000)
    noise[..., ::50] += 100
    assert 3 < ops.mad(noise).data.mean() < 3.2


@pytest.mark.parametrize("values", [[0, 0, 0, 0], [1, 1, 1, 5], [0, 0, 2, 2], [0, 0, 0, 3, 4]])
def test_mad_of_equal_samples_is_right_and_its_gradient_finite(values):
    x = Tensor(np.array([[values]], float), requires_grad=True)
    y = ops.mad(x)
    y.sum().backward()
    np.testing.assert_allclose(y.data, median_deviation(x.data))
    assert np.abs(x.grad).max() <= 2 / 0.6745
    np.testing.assert_allclose(x.grad.sum(), 0, atol=1e-12)  # a shift changes nothing


# --- what holds of any signal


@st.composite
def batches(draw):
    """A batch of signals of any shape, and a generator for what else is needed."""
    shape = [draw(st.integers(1, high)) for high in (3, 3, 20)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.standard_normal(shape), rng


@PROPERTY
@given(batches(), st.integers(1, 4), st.integers(1, 5), st.integers(0, 4))
def test_conv1d_is_a_sum_of_correlations(batch, out_channels, taps, padding):
    x, rng = batch
    padding = max(padding, -((x.shape[-1] - taps) // 2))
    w, b = rng.standard_normal((out_channels, x.shape[1], taps)), rng.standard_normal(out_channels)
    y = ops.conv1d(x, w, b, padding).data
    assert y.shape == (len(x), out_channels, x.shape[-1] + 2 * padding - taps + 1)
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding)])
    for signal, features in zip(padded, y, strict=True):
        for kernel, offset, feature in zip(w, b, features, strict=True):
            total = offset + sum(
                np.correlate(channel, k) for channel, k in zip(signal, kernel, strict=True)
            )
            np.testing.assert_allclose(feature, total, rtol=1e-10, atol=1e-10)


@PROPERTY
@given(batches(), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_groups_of_conv1d_are_convolutions_of_their_own(batch, groups, outs, taps, dilation):
    x, rng = batch
    x = np.concatenate([x + k for k in range(groups)], axis=1)
    w = rng.standard_normal((groups * outs, x.shape[1] // groups, taps))
    b = rng.standard_normal(groups * outs)
    leaves = [Tensor(array, requires_grad=True) for array in (x, w, b)]
    y = ops.conv1d(*leaves, padding=4, dilation=dilation, groups=groups)
    dy = rng.standard_normal(y.shape)
    (y * dy).sum().backward()
    for k in range(groups):
        own = [np.array_split(array, groups, axis)[k] for array, axis in ((x, 1), (w, 0), (b, 0))]
        alone = [Tensor(array, requires_grad=True) for array in own]
        part = ops.conv1d(*alone, padding=4, dilation=dilation)
        close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10)
        close(np.array_split(y.data, groups, 1)[k], part.data)
        (part * np.array_split(dy, groups, 1)[k]).sum().backward()
        for leaf, axis, mine in zip(leaves, (1, 0, 0), alone, strict=True):
            close(np.array_split(leaf.grad, groups, axis)[k], mine.grad)


#: Paddings and dilations with which kernels reach far beyond short signals.
SPREADS = (range(6), range(1, 5))


def test_gradients_of_conv1d_where_few_taps_meet_the_signal():
    rng, tried = np.random.default_rng(0), 0
    for length, taps, padding, dilation in itertools.product(range(1, 4), range(1, 5), *SPREADS):
        if dilation * (taps - 1) >= length + 2 * padding:
            continue
        x, w = (Tensor(rng.standard_normal((1, 1, n)), True) for n in (length, taps))
        y = ops.conv1d(x, w, padding=padding, dilation=dilation)
        given = rng.standard_normal(y.shape)
        (y * given).sum().backward()
        expected_x, expected_w = np.zeros(length), np.zeros(taps)
        for t, k in itertools.product(range(y.shape[2]), range(taps)):
            if 0 <= (i := t + dilation * k - padding) < length:
                expected_x[i] += given[0, 0, t] * w.data[0, 0, k]
                expected_w[k] += given[0, 0, t] * x.data[0, 0, i]
        np.testing.assert_allclose(x.grad[0, 0], expected_x, atol=1e-12)
        np.testing.assert_allclose(w.grad[0, 0], expected_w, atol=1e-12)
        tried += 1
    assert tried > 150


@PROPERTY
@given(batches())
def test_conv1d_is_linear(batch):
    x, rng = batch
    z = rng.standard_normal(x.shape)
    w = rng.standard_normal((2, x.shape[1], 3))
    both = ops.conv1d(2 * x - 3 * z, w, padding=1).data
    apart = 2 * ops.conv1d(x, w, padding=1).data - 3 * ops.conv1d(z, w, padding=1).data
    np.testing.assert_allclose(both, apart, rtol=1e-10, atol=1e-10)


@PROPERTY
@given(batches(), st.integers(1, 6))
def test_conv1d_moves_with_its_input(batch, shift):
    x, rng = batch
    w = rng.standard_normal((2, x.shape[1], 3))
    moved = ops.pad(Tensor(x), 2 + shift, 2).data
    still = ops.pad(Tensor(x), 2, 2).data
    np.testing.assert_allclose(
        ops.conv1d(moved, w, padding=1).data[..., shift:],
        ops.conv1d(still, w, padding=1).data,
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("shape", [(64, 4, 512), (61, 4, 503), (500, 4, 100), (1, 4, 30000)])
@pytest.mark.parametrize(("taps", "padding"), [(3, 1), (5, 0), (1, 0)])
def test_a_wide_convolution_equals_narrow_ones_and_its_gradients_are_adjoint(shape, taps, padding):
    """More than a million multiplications, which may be done in parts.

    The map is linear: <dy, conv(v, w)> = <dx, v>, <dy, conv(x, v)> = <dw, v>.
    """
    rng = np.random.default_rng(8)
    weights = rng.standard_normal((16, 4, taps)), rng.standard_normal(16)
    x, w, b = (Tensor(a, requires_grad=True) for a in (rng.standard_normal(shape), *weights))
    y = ops.conv1d(x, w, b, padding)
    for k in (0, len(x.data) - 1):
        expected = correlate(x.data[k : k + 1], w.data, b.data, padding)
        np.testing.assert_allclose(y.data[k : k + 1], expected, rtol=1e-9, atol=1e-9)
    dy = rng.standard_normal(y.shape)
    (y * dy).sum().backward()
    np.testing.assert_allclose(b.grad, dy.sum(axis=(0, 2)), rtol=1e-9, atol=1e-9)
    for _ in range(3):
        dx, dw = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
        for leaf, v, moved in ((x, dx, (dx, w.data)), (w, dw, (x.data, dw))):
            answer = (dy * ops.conv1d(*moved, padding=padding).data).sum()
            np.testing.assert_allclose((leaf.grad * v).sum(), answer, rtol=1e-9, atol=1e-6)


@PROPERTY
@given(batches(), st.integers(1, 6))
def test_pooling_equals_a_reduction_of_windows(batch, window):
    x, _ = batch
    window = min(window, x.shape[-1])
    np.testing.assert_array_equal(ops.max_pool1d(x, window).data, windows(x, window).max(-1))
    np.testing.assert_allclose(
        ops.avg_pool1d(x, window).data, windows(x, window).mean(-1), rtol=1e-12, atol=1e-12
    )


@PROPERTY
@given(batches())
def test_upsample1d_interpolates_and_keeps_both_ends(batch):
    x, _ = batch
    y = ops.upsample1d(x).data
    np.testing.assert_allclose(y, interpolated(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(y[..., [0, -1]], x[..., [0, -1]])


@PROPERTY
@given(st.integers(1, 300), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_upsample1d_keeps_constants_and_straight_lines(length, first, last):
    constant = np.full((1, 1, length), first / 7)
    np.testing.assert_allclose(ops.upsample1d(constant).data, first / 7, rtol=1e-15)
    last = first if length == 1 else last
    line = np.linspace(first, last, length).reshape(1, 1, -1)
    y = ops.upsample1d(line).data[0, 0]
    np.testing.assert_allclose(y, np.linspace(first, last, 2 * length), rtol=1e-13, atol=1e-10)


@PROPERTY
@given(batches(), st.data())
def test_take_undoes_concat_and_pad(batch, data):
    x, _ = batch
    axis = data.draw(st.integers(0, 2))
    cut = data.draw(st.integers(0, x.shape[axis]))
    before, after = (data.draw(st.integers(0, 5)) for _ in range(2))
    parts = [part for part in np.split(x, [cut], axis) if part.size]
    np.testing.assert_array_equal(ops.concat(parts, axis).data, x)
    padded = ops.pad(x, before, after)
    assert padded.shape[-1] == before + x.shape[-1] + after
    np.testing.assert_array_equal(padded[..., before : before + x.shape[-1]].data, x)
    assert not np.delete(padded.data, range(before, before + x.shape[-1]), axis=-1).any()


@pytest.mark.parametrize(
    "op",
    [
        lambda x: ops.conv1d(x, np.ones((1, 2, 3), np.float32), padding=1),
        ops.max_pool1d,
        ops.avg_pool1d,
        ops.upsample1d,
        lambda x: ops.pad(x, 1, 2),
    ],
)
def test_memory_order_of_the_input_does_not_matter(op):
    x = np.random.default_rng(6).standard_normal((8, 2, 20)).astype(np.float32)[::2, :, ::-1]
    expected = op(np.ascontiguousarray(x)).data
    for same in (x, np.asfortranarray(x), as_innermost(x)):
        y = op(same)
        assert y.shape == expected.shape
        np.testing.assert_array_equal(y.data, expected)


def test_the_input_is_left_as_it_was():
    x = np.random.default_rng(7).standard_normal((2, 2, 8))
    kept = x.copy()
    for op in (ops.relu, ops.max_pool1d, ops.upsample1d, abs, ops.sigmoid, lambda x: x * 2.0):
        y = op(Tensor(x, requires_grad=True))
        y.sum().backward()
        y.data[...] = 0
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("index", "basic"),
    [
        (1, True),
        (np.int64(-1), True),
        (slice(None, None, -2), True),
        ((..., 2), True),
        ((slice(1, 3), None, 0), True),
        ((1, 2, 3), True),
        (True, False),
        ([2, 0, 2, 2], False),
        ((slice(None), np.array([1, 1])), False),
        (np.arange(3) > 0, False),
        ((1, ..., [3, 3]), False),
    ],
)
def test_a_part_hands_its_gradient_to_where_it_came_from(index, basic):
    """Adding at repeated places is slow: only indices that can repeat one do it."""
    x = Tensor(np.arange(60.0).reshape(3, 4, 5), requires_grad=True)
    y = ops.take(x, index)
    upstream = np.random.default_rng(0).standard_normal(y.shape)
    (y * upstream).sum().backward()
    expected = np.zeros(x.shape)
    np.add.at(expected, index, upstream)
    np.testing.assert_array_equal(x.grad, expected)
    assert y.op.basic == basic
