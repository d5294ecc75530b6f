"""What only the studies train: norms and penalties, by their formulas."""

import numpy as np
import pytest

from denoiselib.experiments.variants import BiasFreeNorm, FilteredNorm, penalised, sparsity
from denoiselib.interpret import watching
from denoiselib.nn import PlainNet, Program, Tensor, UNet, losses, optim, train
from denoiselib.nn.modules import Activation
from denoiselib.nn.norm import recalibrate
from tests.nn.conftest import _gradcheck as gradcheck

STATISTICS = pytest.mark.parametrize("statistics", ["running", "batch", "signal"])


def signals(*shape, seed=0):
    """Signals of mean 2 and standard deviation 3, a little different in each channel."""
    x = 2 + 3 * np.random.default_rng(seed).standard_normal(shape)
    return x * np.arange(1, shape[1] + 1)[:, None]


def filled(layer, seed=1):
    rng = np.random.default_rng(seed)
    for _, tensor in layer.named_state():
        tensor.data[...] = rng.uniform(0.5, 2, tensor.shape)
    return layer


def apart(x, statistics):
    """Yield for each channel the parts that share statistics, as index and values."""
    for c in range(x.shape[1]):
        for n in [slice(None)] if statistics == "batch" else range(len(x)):
            yield (n, c), c, x[n, c]


# --- bias-free


@STATISTICS
def test_bias_free_norm_divides_by_the_root_mean_square(statistics):
    layer, x = filled(BiasFreeNorm(3, dtype=np.float64)).eval(statistics), signals(4, 3, 10)
    expected = np.empty_like(x)
    for place, c, part in apart(x, statistics):
        power = layer.running_power.data[c] if statistics == "running" else np.mean(part**2)
        expected[place] = layer.weight.data[c] * part / np.sqrt(power + 1e-5)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)


def test_bias_free_norm_is_linear_in_fixed_mode_and_keeps_zero():
    layer, x = filled(BiasFreeNorm(3, dtype=np.float64)).eval(), signals(4, 3, 10)
    np.testing.assert_allclose(layer(-7 * x).data, -7 * layer(x).data, rtol=1e-12)
    assert not layer.eval("batch")(0 * x).data.any()


@pytest.mark.parametrize("statistics", ["batch", "signal"])
def test_bias_free_norm_does_not_know_how_loud_it_is_otherwise(statistics):
    layer, x = filled(BiasFreeNorm(3, dtype=np.float64)).eval(statistics), signals(4, 3, 10)
    layer.eps = 0.0
    np.testing.assert_allclose(layer(7 * x).data, layer(x).data, rtol=1e-12)


def test_the_running_power_is_that_of_the_batches():
    layer, batches = BiasFreeNorm(3, dtype=np.float64), [signals(4, 3, 10, seed=k) for k in (1, 2)]
    for batch in batches:
        layer(batch)
    powers = [np.mean(batch**2, axis=(0, 2)) for batch in batches]
    expected = 0.81 + 0.09 * powers[0] + 0.1 * powers[1]
    np.testing.assert_allclose(layer.running_power.data, expected, rtol=1e-12)
    recalibrate(layer, batches)
    np.testing.assert_allclose(layer.running_power.data, np.mean(powers, axis=0), rtol=1e-12)


@pytest.mark.parametrize("make", [PlainNet, UNet])
def test_a_network_without_any_bias_answers_in_proportion(make):
    net = make(norm="bias_free", bias=False, rng=0, dtype=np.float64)
    assert not any("bias" in name for name in net.state_dict())
    x = signals(5, 1, 40)
    recalibrate(net, [x])
    net.eval()
    np.testing.assert_allclose(net(3 * x).data, 3 * net(x).data, rtol=1e-9, atol=1e-10)
    with_bias = make(norm="bias_free", rng=0, dtype=np.float64).eval()
    assert np.abs(with_bias(3 * x).data - 3 * with_bias(x).data).max() > 1e-3


# --- filtered


@STATISTICS
@pytest.mark.parametrize("threshold", [1.5, 2.0, 4.0])
def test_filtered_norm_by_definition(statistics, threshold):
    layer = filled(FilteredNorm(3, threshold=threshold, dtype=np.float64)).eval(statistics)
    x = signals(4, 3, 25)
    x[0, :, 3] += 60
    expected, left_out = np.empty_like(x), 0
    for place, c, part in apart(x, statistics):
        z = (part - part.mean()) / np.sqrt(part.var(ddof=1) + 1e-10)
        kept = part[np.abs(z) < threshold]
        left_out += part.size - kept.size
        mean, var = kept.mean(), kept.var()
        if statistics == "running":
            mean, var = layer.running_mean.data[c], layer.running_var.data[c]
        normal = (part - mean) / np.sqrt(var + 1e-10)
        expected[place] = layer.weight.data[c] * normal + layer.bias.data[c]
    assert left_out
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("n", "differs"), [(17, False), (18, True)])
def test_filtered_norm_leaves_out_nothing_of_17_values(n, differs):
    x = np.zeros((1, 1, n))
    x[0, 0, 5] = 1.0  # the largest z that n values allow: (n - 1) / sqrt(n)
    layer = FilteredNorm(1, dtype=np.float64)
    layer(x)
    assert ((n - 1) / np.sqrt(n) >= 4) == differs
    assert (layer.running_mean.data[0] == 0) == differs


def test_filtered_norm_keeps_the_statistics_that_it_used():
    layer, x = FilteredNorm(1, threshold=1.5, dtype=np.float64), signals(4, 1, 25)
    layer(x)
    z = (x - x.mean()) / x.std(ddof=1)
    kept = x[np.abs(z) < 1.5]
    np.testing.assert_allclose(layer.running_mean.data, 0.1 * kept.mean())
    np.testing.assert_allclose(layer.running_var.data, 0.9 + 0.1 * kept.var())


@pytest.mark.parametrize("statistics", ["batch", "signal", None])
def test_filtered_norm_keeps_all_values_where_it_would_leave_out_all(statistics):
    """Both values of the first channel are 0.87 deviations from their mean."""
    layer = FilteredNorm(2, threshold=0.5, dtype=np.float64)
    if statistics:
        layer.eval(statistics)
    x = np.array([[[1.0, -1.0], [3.0, 3.0]], [[1.0, -1.0], [3.0, 9.0]]])
    y = layer(x).data
    assert np.isfinite(y).all()
    assert np.isfinite(layer.running).all()
    np.testing.assert_allclose(y[:, 0], x[:, 0], rtol=1e-9)


# --- sparse features


def passing(net, x):
    """What activations are given and return while a network computes."""
    with watching([part for part in net.modules() if isinstance(part, Activation)]) as seen:
        y = net(x)
    return y, [(before, after) for _, before, after in seen]


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
@pytest.mark.parametrize("weight", [0.3, 2.0])
@pytest.mark.parametrize("on", ["input", "output"])
def test_sparsity_is_its_formula(p, weight, on):
    seen = features()
    parts = [PENALTIES[p](pair[on == "output"].data).mean() for pair in seen]
    expected = np.sum(np.multiply(weight, parts))
    found = sparsity(weight, p, on)(seen)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_a_small_exponent_is_smooth_at_zero_and_itself_elsewhere():
    h = np.array([-2.0, -0.3, 0.0, 0.3, 2.0])
    x = Tensor(h, requires_grad=True)
    penalty = sparsity(1.0, 0.5)([(x, x)])
    penalty.backward()
    np.testing.assert_allclose(penalty.item(), np.mean(np.sqrt(np.abs(h))), rtol=0.03)
    assert x.grad[2] == 0
    slope = 0.5 * np.sign(h[[0, 1, 3, 4]]) / np.sqrt(np.abs(h[[0, 1, 3, 4]]))
    np.testing.assert_allclose(5 * x.grad[[0, 1, 3, 4]], slope, rtol=2e-3)


@pytest.mark.parametrize("p", PENALTIES)
def test_gradients_of_sparsity(p):
    x, z = np.random.default_rng(2).standard_normal((2, 2, 3, 5))
    gradcheck(lambda x, z: sparsity(3.0, p)([(x, z), (z, x)]), x, z)


def test_sparsity_counts_every_activation_of_a_network_in_a_program():
    net, rng = PlainNet(width=4, depth=3, dtype=np.float64), np.random.default_rng(3)
    penalty = sparsity(0.7)

    program = Program(lambda x: penalty(passing(net, x)[1]))
    for _ in range(2):
        x = rng.standard_normal((3, 1, 20))
        h, expected = Tensor(x), 0
        for _, module in net.layers.children():
            if hasattr(module, "function"):
                expected += 0.7 * np.abs(h.data).mean()
            h = module(h)
        np.testing.assert_allclose(program(x), expected, rtol=1e-12)


def test_training_adds_the_penalty_to_the_loss():
    data, penalty = train.fresh("sparse_spikes", 3.0, 16), sparsity(0.5)
    net = PlainNet(width=4, depth=3, rng=0, dtype=np.float64)
    noisy, clean = (part[:, None] for part in data(0))
    y, seen = passing(net, noisy)
    expected = losses.mse(y, clean).item() + penalty(seen).item()
    history = train.fit(net, data, optim.Adam(net, 1e-2), 1, loss=penalised(penalty))
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-12)


def test_a_training_with_a_penalty_replays_its_plan():
    data, loss, calls = train.fresh("sparse_spikes", 3.0, 16), penalised(sparsity(0.5)), []

    def counted(net, noisy, target):
        calls.append(net)
        return loss(net, noisy, target)

    net = PlainNet(width=4, depth=3, rng=0)
    train.fit(net, data, optim.Adam(net, 1e-2), 5, loss=counted)
    assert calls == [net]


def test_a_heavy_penalty_makes_features_small():
    data, sizes = train.fresh("sparse_spikes", 3.0, 16), []
    for loss in ("mse", penalised(sparsity(10.0, on="output"))):
        net = PlainNet(width=4, depth=3, rng=0)
        train.fit(net, data, optim.Adam(net, 1e-2), 150, loss=loss)
        _, seen = passing(net, data(999)[0][:, None])
        sizes.append([np.abs(after.data).mean() for _, after in seen])
    assert sizes[1][1] < 0.3 * sizes[0][1]


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
        sparsity(**options)
