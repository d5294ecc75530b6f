"""The tape's gradients are those of autograd, and pass its checks."""

import numpy as np
import pytest

from denoiselib.nn import Tensor, losses, ops, optim
from denoiselib.nn.modules import Module, Parameter
from tests.peers import foreign

pytestmark = pytest.mark.peers
autograd = pytest.importorskip("autograd")
anp = pytest.importorskip("autograd.numpy")
convolve = pytest.importorskip("autograd.scipy.signal").convolve

MACHINERY = ("test_tests.py", "test_vspaces.py", "test_wrappers.py")  # of autograd itself


def test_their_tests(their_tests):
    files = sorted((foreign.sources("autograd") / "tests").glob("test_*.py"))
    their_tests("autograd", [file for file in files if file.name not in MACHINERY])


def positive(x):
    return x * x + 0.1


def their_conv(x, w, b):
    padded = anp.concatenate([anp.zeros((*x.shape[:2], 2)), x, anp.zeros((*x.shape[:2], 2))], 2)
    found = convolve(padded, w[:, :, ::-1], axes=([2], [2]), dot_axes=([1], [1]), mode="valid")
    return found + b[:, None]


def their_soft(x, u):
    return anp.sign(x) * anp.maximum(anp.abs(x) - positive(u), 0.0)


def their_gelu(x):
    return 0.5 * x * (1 + anp.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def their_moving_mean(x):
    ends = np.convolve(np.ones(x.shape[2]), np.ones(3), "same")
    padded = anp.concatenate([0 * x[:, :, :1], x, 0 * x[:, :, :1]], 2)
    return (padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]) / ends


N, C, L = 3, 2, 7
SIGNALS = (N, C, L)

#: Ours, theirs, and the shapes of the arguments.
FUNCTIONS = {
    "sum": (lambda a, b: a + b, lambda a, b: a + b, SIGNALS, (C, 1)),
    "difference": (lambda a, b: a - b, lambda a, b: a - b, (L,), SIGNALS),
    "product": (lambda a, b: a * b, lambda a, b: a * b, (N, 1, L), (1, C, 1)),
    "quotient": (lambda a, b: a / positive(b), lambda a, b: a / positive(b), SIGNALS, (N, 1, 1)),
    "power": (lambda a: positive(a) ** -1.5, lambda a: positive(a) ** -1.5, SIGNALS),
    "matmul": (ops.matmul, anp.matmul, (N, C, L), (N, L, 4)),
    "matmul of one": (ops.matmul, anp.matmul, (4, C), (N, C, L)),
    "sum over axes": (
        lambda a: a.sum(axis=(0, 2)) * a.sum(axis=(0, 2)),
        lambda a: anp.sum(a, axis=(0, 2)) * anp.sum(a, axis=(0, 2)),
        SIGNALS,
    ),
    "mean": (
        lambda a: a - a.mean(axis=2, keepdims=True),
        lambda a: a - anp.mean(a, axis=2, keepdims=True),
        SIGNALS,
    ),
    "variance": (
        lambda a: ((a - a.mean(axis=2, keepdims=True)) ** 2).mean(axis=2),
        lambda a: anp.var(a, axis=2),
        SIGNALS,
    ),
    "exp": (ops.exp, anp.exp, SIGNALS),
    "log": (lambda a: ops.log(positive(a)), lambda a: anp.log(positive(a)), SIGNALS),
    "absolute": (ops.absolute, anp.abs, SIGNALS),
    "sigmoid": (ops.sigmoid, lambda a: 1 / (1 + anp.exp(-a)), SIGNALS),
    "softplus": (ops.softplus, lambda a: anp.logaddexp(a, 0.0), SIGNALS),
    "relu": (ops.relu, lambda a: anp.maximum(a, 0.0), SIGNALS),
    "leaky relu": (
        lambda a: ops.leaky_relu(a, 0.1),
        lambda a: anp.where(a > 0, a, 0.1 * a),
        SIGNALS,
    ),
    "prelu": (ops.prelu, lambda a, s: anp.where(a > 0, a, s * a), SIGNALS, (C, 1)),
    "gelu": (ops.gelu, their_gelu, SIGNALS),
    "concat": (
        lambda a, b: ops.concat([a, b, a], axis=1),
        lambda a, b: anp.concatenate([a, b, a], axis=1),
        SIGNALS,
        (N, 3, L),
    ),
    "slices": (lambda a: a[:, 1, ::2], lambda a: a[:, 1, ::2], SIGNALS),
    "indices": (
        lambda a: a[:, np.array([1, 0, 1])],
        lambda a: a[:, np.array([1, 0, 1])],
        SIGNALS,
    ),
    "conv1d": (lambda x, w, b: ops.conv1d(x, w, b, 2), their_conv, SIGNALS, (4, C, 5), (4,)),
    "max_pool1d": (
        ops.max_pool1d,
        lambda x: anp.max(anp.reshape(x[:, :, :6], (N, C, 3, 2)), axis=3),
        SIGNALS,
    ),
    "avg_pool1d": (
        ops.avg_pool1d,
        lambda x: anp.mean(anp.reshape(x[:, :, :6], (N, C, 3, 2)), axis=3),
        SIGNALS,
    ),
    "soft threshold": (lambda x, u: ops.prox(x, positive(u)), their_soft, SIGNALS, (C, 1)),
    "moving mean": (lambda x: ops.moving_mean(x, 3), their_moving_mean, SIGNALS),
    "mean squared error": (losses.mse, lambda p, t: anp.mean((p - t) ** 2), SIGNALS, SIGNALS),
}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_gradients_agree(name, seed):
    ours, theirs, *shapes = FUNCTIONS[name]
    rng = np.random.default_rng([seed, len(name)])
    arrays = [rng.normal(size=shape) for shape in shapes]
    value = theirs(*arrays)
    weights = rng.normal(size=np.shape(value))
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    out = ours(*tensors)
    (out * weights).sum().backward()
    np.testing.assert_allclose(out.data, value, rtol=1e-12, atol=1e-12)
    places = tuple(range(len(arrays)))
    expected = autograd.grad(lambda *a: anp.sum(theirs(*a) * weights), places)(*arrays)
    for tensor, gradient in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(10))
def test_a_network_learns_the_same(seed):
    rng = np.random.default_rng(seed)
    x, target = rng.normal(size=(4, 1, 12)), rng.normal(size=(4, 2, 12))
    start = [rng.normal(size=s) / 2 for s in ((3, 1, 5), (3,), (2, 3, 5), (2,))]

    def loss(w1, b1, w2, b2):
        found = their_conv(anp.maximum(their_conv(x, w1, b1), 0.0), w2, b2)
        return anp.mean((found - target) ** 2)

    net, theirs = Module(), start
    net.w1, net.b1, net.w2, net.b2 = map(Parameter, start)
    descent = optim.SGD(net, 0.05, momentum=0.0)
    for _ in range(25):
        h = ops.relu(ops.conv1d(x, net.w1, net.b1, 2))
        losses.mse(ops.conv1d(h, net.w2, net.b2, 2), target).backward()
        descent.step()
        gradients = autograd.grad(loss, (0, 1, 2, 3))(*theirs)
        theirs = [p - 0.05 * g for p, g in zip(theirs, gradients, strict=True)]
    for ours, their in zip((net.w1, net.b1, net.w2, net.b2), theirs, strict=True):
        np.testing.assert_allclose(ours.data, their, rtol=1e-9, atol=1e-9)
