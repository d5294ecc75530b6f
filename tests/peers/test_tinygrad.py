"""Layers and their gradients are tinygrad's, which runs in Python here: no compiler is needed."""

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.nn import ops
from tests.peers import foreign

pytestmark = pytest.mark.peers
with pytest.MonkeyPatch.context() as patch:
    patch.setenv("DEV", "PYTHON")  # it asks for its device once
    tinygrad = pytest.importorskip("tinygrad")


@pytest.fixture(autouse=True)
def in_python(monkeypatch):
    monkeypatch.setenv("DEV", "PYTHON")


def test_their_tests(their_tests):
    their_tests("tinygrad", [foreign.sources("tinygrad") / "test" / "test_tiny.py"])


def conv(padding, dilation):
    return (
        lambda x, w, b: ops.conv1d(x, w, b, padding, dilation),
        lambda x, w, b: x.conv2d(w, b, padding=padding, dilation=dilation),
    )


#: Ours, theirs, and the shapes of the arguments for n signals with c channels and l samples.
FUNCTIONS = {
    f"conv1d, padding {padding}, dilation {dilation}": (
        *conv(padding, dilation),
        lambda n, c, l: ((n, c, l), (3, c, 3), (3,)),
    )
    for padding, dilation in ((0, 1), (1, 1), (2, 2), (0, 3))
} | {
    "max_pool1d": (ops.max_pool1d, lambda x: x.max_pool2d((2,))),
    "max_pool1d of 3": (lambda x: ops.max_pool1d(x, 3), lambda x: x.max_pool2d((3,))),
    "avg_pool1d": (ops.avg_pool1d, lambda x: x.avg_pool2d((2,))),
    "relu": (ops.relu, lambda x: x.relu()),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.1), lambda x: x.leaky_relu(0.1)),
    "gelu": (ops.gelu, lambda x: x.gelu()),
    "sigmoid": (ops.sigmoid, lambda x: x.sigmoid()),
    "softplus": (ops.softplus, lambda x: x.softplus()),
    "variance": (
        lambda x: ((x - x.mean(axis=2, keepdims=True)) ** 2).mean(axis=2),
        lambda x: x.var(axis=2, correction=0),
    ),
    "matmul": (ops.matmul, lambda a, b: a @ b, lambda n, c, l: ((n, c, l), (l, 3))),
}


def agree(ours, theirs, arrays, seed):
    """Compare the output, and the gradients of its weighted sum, to all arguments."""
    tensors = [nn.Tensor(array, requires_grad=True) for array in arrays]
    out = ours(*tensors)
    weights = np.random.default_rng([seed, 1]).normal(size=out.shape)
    (out * weights).sum().backward()
    their_tensors = [tinygrad.Tensor(array) for array in arrays]
    found = theirs(*their_tensors)
    gradients = (found * tinygrad.Tensor(weights)).sum().gradient(*their_tensors)
    np.testing.assert_allclose(out.data, found.numpy(), rtol=1e-9, atol=1e-9)
    for tensor, gradient in zip(tensors, gradients, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient.numpy(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_gradients_agree(name, seed):
    ours, theirs, *shapes = FUNCTIONS[name]
    rng = np.random.default_rng([seed, len(name)])
    n, c, l = (int(k) for k in rng.integers((1, 1, 7), (4, 4, 16)))
    shapes = shapes[0](n, c, l) if shapes else [(n, c, l)]
    agree(ours, theirs, [rng.normal(size=shape) for shape in shapes], seed)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_batch_norm(seed, training):
    rng = np.random.default_rng(seed)
    n, c, l = (int(k) for k in rng.integers((2, 1, 3), (4, 4, 12)))
    x, gamma, beta = (rng.normal(size=shape) for shape in ((n, c, l), c, c))
    mean, variance = rng.normal(size=c), rng.uniform(0.5, 2, c)

    layer = nn.BatchNorm1d(c, dtype=np.float64)
    state = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
    layer.load_state_dict(state)
    layer = layer.train() if training else layer.eval()
    their_layer = tinygrad.nn.BatchNorm(c)
    their_layer.running_mean, their_layer.running_var = map(tinygrad.Tensor, (mean, variance))

    def ours(x, gamma, beta):
        return layer.normalise(layer.checked(x), gamma, beta)

    def theirs(x, gamma, beta):
        their_layer.weight, their_layer.bias = gamma, beta
        return their_layer(x)

    with tinygrad.Context(TRAINING=int(training)):
        agree(ours, theirs, [x, gamma, beta], seed)
    for name in ("running_mean", "running_var"):
        after = getattr(their_layer, name).numpy()
        np.testing.assert_allclose(layer.state_dict()[name], after, rtol=1e-9, atol=1e-9)
