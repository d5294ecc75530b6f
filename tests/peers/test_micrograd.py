"""The tape computes the scalar graphs of micrograd, and the gradients of its networks."""

import random

import numpy as np
import pytest

from denoiselib.nn import Tensor, ops
from tests.peers import foreign

pytestmark = pytest.mark.peers
engine = pytest.importorskip("micrograd.engine")
their_nn = pytest.importorskip("micrograd.nn")


def test_their_tests(their_tests):
    their_tests("micrograd", [foreign.sources("micrograd") / "test" / "test_engine.py"])


#: Functions of two nodes and a number; None stands for relu.
KINDS = (
    lambda a, b, number: a + b,
    lambda a, b, number: a - b,
    lambda a, b, number: a * b * 0.3,
    lambda a, b, number: a / (b * b + 1.0),
    lambda a, b, number: number - a,
    lambda a, b, number: number * a + number,
    lambda a, b, number: number / (a * a + 2.0),
    lambda a, b, number: (a * a + 0.5) ** -0.5,
    lambda a, b, number: -a,
    None,
)


def grown(leaves, relu, rng):
    """Grow a graph: each node is a function of two that were there, so that many are shared."""
    nodes = list(leaves)
    for _ in range(12):
        a, b = (nodes[k] for k in rng.integers(0, len(nodes), 2))
        kind = KINDS[rng.integers(0, len(KINDS))]
        nodes.append(relu(a) if kind is None else kind(a, b, float(rng.normal())))
    return sum(nodes[len(leaves) :], 0.0)


@pytest.mark.parametrize("seed", range(300))
def test_a_random_graph(seed):
    values = np.random.default_rng(seed).normal(size=4).tolist()
    theirs, ours = [engine.Value(v) for v in values], [Tensor(v, True) for v in values]
    their_sum = grown(theirs, lambda a: a.relu(), np.random.default_rng([seed, 1]))
    our_sum = grown(ours, ops.relu, np.random.default_rng([seed, 1]))
    their_sum.backward()
    our_sum.backward()
    assert our_sum.item() == pytest.approx(their_sum.data, rel=1e-12, abs=1e-12)
    reached = [0.0 if x.grad is None else x.grad.item() for x in ours]
    assert reached == pytest.approx([x.grad for x in theirs], rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("seed", range(30))
def test_a_network(seed):
    random.seed(seed)
    rng = np.random.default_rng(seed)
    net, x, target = their_nn.MLP(3, [5, 4, 1]), rng.normal(size=(6, 3)), rng.normal(size=6)
    found = [net([engine.Value(float(v)) for v in row]) for row in x]
    loss = sum(((y - t) ** 2 for y, t in zip(found, target.tolist(), strict=True)), 0.0)
    loss.backward()

    h, parameters = Tensor(x), []
    for k, layer in enumerate(net.layers):
        w = Tensor([[w.data for w in neuron.w] for neuron in layer.neurons], True)
        b = Tensor([neuron.b.data for neuron in layer.neurons], True)
        h = h @ turned(w) + b
        h = ops.relu(h) if k < len(net.layers) - 1 else h
        parameters.append((w, b))
    ((h[:, 0] - target) ** 2).sum().backward()
    for layer, (w, b) in zip(net.layers, parameters, strict=True):
        their_w = [[w.grad for w in neuron.w] for neuron in layer.neurons]
        np.testing.assert_allclose(w.grad, their_w, rtol=1e-10, atol=1e-10)
        their_b = [neuron.b.grad for neuron in layer.neurons]
        np.testing.assert_allclose(b.grad, their_b, rtol=1e-10, atol=1e-10)


def turned(w):
    """Return the transpose, by an index: the tape has no operation for it."""
    rows, columns = np.indices(w.shape[::-1])
    return w[columns, rows]
