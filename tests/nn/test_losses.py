import numpy as np
import pytest

from denoiselib.nn import PlainNet, Program, Tensor, losses, optim, train
from denoiselib.nn.tensor import watching


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mse_is_its_formula(dtype):
    p, t = np.random.default_rng(0).standard_normal((2, 3, 1, 5)).astype(dtype)
    prediction, target = Tensor(p, requires_grad=True), Tensor(t, requires_grad=True)
    loss = losses.mse(prediction, target)
    loss.backward()
    assert loss.dtype == prediction.grad.dtype == dtype
    np.testing.assert_allclose(loss.data, np.mean((p - t) ** 2), rtol=1e-6)
    np.testing.assert_allclose(prediction.grad, 2 * (p - t) / p.size, rtol=1e-5)
    np.testing.assert_array_equal(target.grad, -prediction.grad)


def test_smooth_l1_is_huber_with_its_bend_at_one():
    p = Tensor([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 4.0], requires_grad=True)
    loss = losses.smooth_l1(p, np.zeros(7))
    loss.backward()
    size = np.abs(p.data)
    expected = np.where(size < 1, size**2 / 2, size - 0.5)
    np.testing.assert_allclose(loss.item(), expected.mean())
    np.testing.assert_allclose(p.grad, np.clip(p.data, -1, 1) / 7)


@pytest.mark.parametrize("loss", losses.LOSSES.values())
def test_shapes_must_agree(loss):
    with pytest.raises(ValueError, match="prediction and target"):
        loss(np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize("loss", losses.LOSSES.values())
def test_zero_only_where_nothing_is_wrong(loss):
    assert loss([1.0, 2.0], [1.0, 2.0]).item() == 0
    assert loss([1.0, 2.0], [1.0, 2.1]).item() > 0


# --- sparse features


def features():
    """Two activations; what is given and what is returned."""
    rng = np.random.default_rng(1)
    return [tuple(Tensor(a) for a in rng.standard_normal((2, 3, 2, 5))) for _ in range(2)]


PENALTIES = {
    1: np.abs,
    2: np.square,
    1.5: lambda h: np.abs(h) ** 1.5,
    0.5: lambda h: (h**2 + 1e-4) ** 0.25,
    "log": lambda h: np.log(1 + h**2),
}


@pytest.mark.parametrize("p", PENALTIES)
@pytest.mark.parametrize("weight", [0.3, [0.3, 2.0]])
@pytest.mark.parametrize("on", ["input", "output"])
def test_sparsity_is_its_formula(p, weight, on):
    seen = features()
    parts = [PENALTIES[p](pair[on == "output"].data).mean() for pair in seen]
    expected = np.sum(np.multiply(weight, parts))
    found = losses.sparsity(weight, p, on)(seen)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_a_small_exponent_is_smooth_at_zero_and_itself_elsewhere():
    h = np.array([-2.0, -0.3, 0.0, 0.3, 2.0])
    x = Tensor(h, requires_grad=True)
    penalty = losses.sparsity(1.0, 0.5)([(x, x)])
    penalty.backward()
    np.testing.assert_allclose(penalty.item(), np.mean(np.sqrt(np.abs(h))), rtol=0.03)
    assert x.grad[2] == 0
    slope = 0.5 * np.sign(h[[0, 1, 3, 4]]) / np.sqrt(np.abs(h[[0, 1, 3, 4]]))
    np.testing.assert_allclose(5 * x.grad[[0, 1, 3, 4]], slope, rtol=2e-3)


@pytest.mark.parametrize("p", PENALTIES)
def test_gradients_of_sparsity(p, gradcheck):
    x, z = np.random.default_rng(2).standard_normal((2, 2, 3, 5))
    gradcheck(lambda x, z: losses.sparsity([0.5, 3.0], p)([(x, z), (z, x)]), x, z)


def test_sparsity_counts_every_activation_of_a_network_in_a_program():
    net, rng = PlainNet(width=4, depth=3, dtype=np.float64), np.random.default_rng(3)
    penalty = losses.sparsity(0.7)

    def total(x):
        with watching() as seen:
            net(x)
        return penalty(seen)

    program = Program(total)
    for _ in range(2):
        x = rng.standard_normal((3, 1, 20))
        h, expected = Tensor(x), 0
        for _, module in net.layers.children():
            if hasattr(module, "function"):
                expected += 0.7 * np.abs(h.data).mean()
            h = module(h)
        np.testing.assert_allclose(program(x), expected, rtol=1e-12)


def test_training_adds_the_penalty_to_the_loss():
    data, penalty = train.fresh("sparse_spikes", 3.0, 16), losses.sparsity(0.5)
    net = PlainNet(width=4, depth=3, rng=0, dtype=np.float64)
    noisy, clean = (part[:, None] for part in data(0))
    with watching() as seen:
        expected = losses.mse(net(noisy), clean).item()
    expected += penalty(seen).item()
    history = train.fit(net, data, optim.Adam(net, 1e-2), 1, loss=losses.penalised(penalty))
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-12)


def test_a_heavy_penalty_makes_features_small():
    """Where its weight is not zero."""
    data, sizes = train.fresh("sparse_spikes", 3.0, 16), []
    for loss in ("mse", losses.penalised(losses.sparsity([0.0, 10.0], on="output"))):
        net = PlainNet(width=4, depth=3, rng=0)
        train.fit(net, data, optim.Adam(net, 1e-2), 150, loss=loss)
        with watching() as seen:
            net(data(999)[0][:, None])
        sizes.append([np.abs(after.data).mean() for _, after in seen])
    assert sizes[1][1] < 0.3 * sizes[0][1]
    assert sizes[1][0] > 0.3 * sizes[0][0]


def test_nobody_watches_unless_asked():
    net, x = PlainNet(width=4, depth=3), np.zeros((1, 1, 20), np.float32)
    with watching() as outer:
        net(x)
        with watching() as inner:
            net(x)
    net(x)
    assert (len(outer), len(inner)) == (2, 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": -1.0}, "weight must not be negative"),
        ({"weight": 1.0, "p": 0}, "p must be greater than 0"),
        ({"weight": 1.0, "p": -1}, "p must not be negative"),
        ({"weight": 1.0, "on": "kernel"}, "on must be one of 'input', 'output'"),
    ],
)
def test_a_penalty_that_makes_no_sense_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        losses.sparsity(**options)


def test_as_many_weights_as_activations():
    with pytest.raises(ValueError, match="weight has 3 numbers for 2 activations"):
        losses.sparsity([1.0, 2.0, 3.0])(features())
