"""Normalisation: which statistics each mode takes, which it moves, and the gradients of all."""

import re

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.nn import BatchNorm1d, PlainNet, Tensor, UNet
from denoiselib.nn.modules import Module, Sequential
from denoiselib.nn.norm import NORMS, make, recalibrate
from tests.benchmarks.folding import fold

MODES = {
    "training": lambda layer: layer.train(),
    "fixed": lambda layer: layer.eval("running"),
    "unfixed": lambda layer: layer.eval("batch"),
    "each": lambda layer: layer.eval("signal"),
}
ALL_MODES = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


def signals(*shape, seed=0):
    """Signals of mean 2 and standard deviation 3, a little different in each channel."""
    x = 2 + 3 * np.random.default_rng(seed).standard_normal(shape)
    return x * np.arange(1, shape[1] + 1)[:, None]


def layer_of(channels=3, dtype=np.float64, **options):
    """A layer with weights and running statistics that are all different."""
    layer = BatchNorm1d(channels, dtype=dtype, **options)
    rng = np.random.default_rng(9)
    layer.load_state_dict({k: rng.uniform(0.5, 2, channels) for k in layer.state_dict()})
    return layer


def moments(x):
    """Mean and unbiased variance of each channel."""
    return x.mean(axis=(0, 2)), x.var(axis=(0, 2), ddof=1)


def column(parameter):
    """Values of each channel, to meet signals."""
    return parameter.data[:, None]


# --- values


@pytest.mark.parametrize("shape", [(4, 3, 10), (1, 3, 2), (2, 3, 1), (64, 3, 100)])
def test_training_output_has_mean_beta_and_deviation_gamma(shape):
    layer = layer_of(eps=1e-30)
    y = layer(signals(*shape)).data
    assert y.shape == shape
    np.testing.assert_allclose(y.mean(axis=(0, 2)), layer.bias.data, rtol=1e-10)
    np.testing.assert_allclose(y.std(axis=(0, 2)), layer.weight.data, rtol=1e-10)


@ALL_MODES
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_values_by_definition(mode, eps):
    layer, x = mode(layer_of(eps=eps)), signals(4, 3, 10)
    axes = 2 if layer.statistics == "signal" else (0, 2)
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    if layer.statistics == "running":
        mean, var = column(layer.running_mean), column(layer.running_var)
    expected = column(layer.weight) * (x - mean) / np.sqrt(var + eps) + column(layer.bias)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-10, atol=1e-10)


def test_fixed_mode_is_affine():
    layer = layer_of().eval()
    x, z = signals(2, 3, 5), signals(2, 3, 5, seed=1)
    origin = layer(0 * x).data
    np.testing.assert_allclose(
        layer(2 * x - 5 * z).data - origin,
        2 * (layer(x).data - origin) - 5 * (layer(z).data - origin),
        rtol=1e-10,
        atol=1e-10,
    )


def test_unfixed_mode_equals_training():
    layer, x = layer_of(), signals(4, 3, 10)
    np.testing.assert_array_equal(layer.train()(x).data, layer.eval("batch")(x).data)


def test_unfixed_mode_of_one_signal_is_instance_normalisation():
    layer, x = layer_of(), signals(5, 3, 10)
    expected = layer.eval("signal")(x).data
    layer.eval("batch")
    for signal, y in zip(x, expected, strict=True):
        np.testing.assert_allclose(layer(signal[None]).data[0], y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", ["training", "unfixed", "each"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_offset_does_not_spoil_the_variance(mode, dtype):
    """E[x^2] - E[x]^2 would lose it."""
    x = np.tile([1.0, -1.0], 50).reshape(1, 1, -1).astype(dtype) / 16
    y = MODES[mode](BatchNorm1d(1, dtype=dtype, eps=1e-30))(x + dtype(4096)).data
    np.testing.assert_allclose(y, np.sign(x), rtol=1e-2)


def test_a_silent_channel_stays_finite():
    layer = BatchNorm1d(2)
    x = Tensor(np.zeros((3, 2, 4), np.float32), requires_grad=True)
    y = layer(x)
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.data, 0)
    assert np.isfinite(x.grad).all()


# --- gradients


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(4, 3, 5), (1, 3, 4), (3, 3, 1), (2, 1, 6)])
def test_gradients(mode, shape, gradcheck):
    if mode == "each" and shape[2] == 1:
        return  # refused
    layer = MODES[mode](layer_of(shape[1]))
    gradcheck(lambda x, *_: layer(x), signals(*shape), layer.weight, layer.bias)


@ALL_MODES
def test_gradients_of_weights_alone(mode, gradcheck):
    """The input is data, as in a first layer."""
    layer, x = mode(layer_of()), signals(4, 3, 5)
    gradcheck(lambda *_: layer(x), layer.weight, layer.bias)


# --- running statistics


@pytest.mark.parametrize("momentum", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_running_statistics_after_some_batches(momentum, count):
    """running_k = (1 - m)^k running_0 + m sum_j (1 - m)^(k - j) batch_j, variance unbiased."""
    layer = layer_of(momentum=momentum)
    start = layer.running_mean.data.copy(), layer.running_var.data.copy()
    batches = [signals(2, 3, 4, seed=k) for k in range(count)]
    for batch in batches:
        layer(batch)
    shares = momentum * (1 - momentum) ** np.arange(count)[::-1]
    for running, first, of_batches in zip(
        (layer.running_mean, layer.running_var), start, zip(*map(moments, batches), strict=True),
        strict=True,
    ):  # fmt: skip
        expected = (1 - momentum) ** count * first + shares @ np.array(of_batches)
        np.testing.assert_allclose(running.data, expected, rtol=1e-10)


@pytest.mark.parametrize("statistics", ["running", "batch", "signal"])
def test_testing_updates_nothing(statistics):
    layer = layer_of().eval(statistics)
    before = layer.state_dict()
    layer(signals(4, 3, 10)).sum().backward()
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@ALL_MODES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(mode, dtype):
    layer = mode(layer_of(dtype=dtype))
    y = layer(signals(4, 3, 10))
    (y * y).sum().backward()
    kept = [y, layer.weight, layer.bias, layer.running_mean, layer.running_var]
    assert {t.dtype for t in kept} == {np.dtype(dtype)}
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == dtype


def test_a_new_layer_is_pytorchs():
    state = BatchNorm1d(2).state_dict()
    assert list(state) == ["weight", "bias", "running_mean", "running_var"]
    expected = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}
    for name, value in expected.items():
        np.testing.assert_array_equal(state[name], np.full(2, value, np.float32))
    layer = BatchNorm1d(2)
    assert (layer.eps, layer.momentum) == (1e-5, 0.1)


# --- refusals


@pytest.mark.parametrize(("mode", "batch"), [("training", 1), ("unfixed", 1), ("each", 4)])
def test_one_value_has_no_variance(mode, batch):
    layer = MODES[mode](layer_of())
    before = layer.state_dict()
    with pytest.raises(ValueError, match=r"more than one value.*running statistics"):
        layer(signals(batch, 3, 1))
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_one_value_may_be_normalised_by_running_statistics():
    assert np.isfinite(layer_of().eval()(signals(1, 3, 1)).data).all()


@ALL_MODES
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_another_number_of_channels_is_refused(mode, channels):
    with pytest.raises(ValueError, match=f"x has {channels} channels, the layer 3"):
        mode(layer_of())(signals(4, channels, 10))


@pytest.mark.parametrize("shape", [(3,), (3, 10), (0, 3, 10), (4, 3, 0), (1, 4, 3, 10)])
def test_another_number_of_axes_or_nothing_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(batch, channels, length\)"):
        layer_of()(np.ones(shape))


# --- folding, for benchmarks


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", ["batch", "batch+l1*mean", "bias_free"])
def test_batch_norm_folds_into_kernels_and_others_stay(norm, bias):
    net = PlainNet(width=4, depth=3, norm=norm, bias=bias, rng=0, dtype=np.float64)
    x = signals(5, 1, 40)
    recalibrate(net, [x])
    folded = fold(net)
    np.testing.assert_allclose(folded(x).data, net.eval()(x).data, rtol=1e-9, atol=1e-10)
    stays = any("running" in name for name in folded.state_dict())
    assert stays == (norm != "batch")


# --- recalibration


def deep():
    """Two normalisations: what the second sees depends on the first."""
    rng = np.random.default_rng(3)
    conv = [nn.Conv1d(2, 2, 3, rng=rng, dtype=np.float64) for _ in range(2)]
    return Sequential([conv[0], layer_of(2), conv[1], layer_of(2, momentum=0.4)])


BATCHES = [signals(n, 2, 12, seed=n) for n in (2, 3, 5)]


def test_recalibrated_statistics_are_plain_averages_over_batches():
    net, layers = deep(), deep()
    weights = {k: v for k, v in net.state_dict().items() if "running" not in k}
    recalibrate(net, iter(BATCHES))
    first, norm, second, _ = (module for _, module in layers.children())
    features = [[first(batch).data for batch in BATCHES]]
    features.append([second(norm(x)).data for x in features[0]])
    for (_, layer), seen in zip(list(net.children())[1::2], features, strict=True):
        means, variances = zip(*map(moments, seen), strict=True)
        np.testing.assert_allclose(layer.running_mean.data, np.mean(means, axis=0), rtol=1e-9)
        np.testing.assert_allclose(layer.running_var.data, np.mean(variances, axis=0), rtol=1e-9)
    for name, value in weights.items():
        np.testing.assert_array_equal(net.state_dict()[name], value)


def test_recalibration_does_not_depend_on_what_was_there():
    one, other = deep(), deep()
    for _, module in other.children():
        if isinstance(module, BatchNorm1d):
            module.running_mean.data[...] = 1e6
            module.running_var.data[...] = 0
    recalibrate(one, BATCHES)
    recalibrate(other, BATCHES)
    for name, value in one.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], value, rtol=1e-12)


@pytest.mark.parametrize("spoil", [False, True])
def test_recalibration_restores_modes_and_momenta(spoil):
    net = deep().eval("batch")
    first, *_, last = (module for _, module in net.children())
    first.train()
    last.eval("running")
    before = [(m.training, m.statistics, getattr(m, "momentum", 0)) for m in net.modules()]
    state = net.state_dict()
    if spoil:
        with pytest.raises(ValueError, match="channels"):
            recalibrate(net, [*BATCHES, signals(1, 3, 12)])
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(value, state[name])
    else:
        recalibrate(net, BATCHES)
    after = [(m.training, m.statistics, getattr(m, "momentum", 0)) for m in net.modules()]
    assert after == before


def test_recalibration_refuses_no_batches():
    net = deep()
    before = net.state_dict()
    with pytest.raises(ValueError, match="batches must not be empty"):
        recalibrate(net, [])
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_recalibration_on_the_batch_at_hand_makes_fixed_and_unfixed_alike():
    """But for the unbiased variance: many values, hence nearly the same."""
    net = UNet(rng=0)
    x = np.random.default_rng(0).standard_normal((400, 1, 64)).astype(np.float32)
    recalibrate(net, [x])
    fixed, unfixed = net.eval("running")(x).data, net.eval("batch")(x).data
    np.testing.assert_allclose(fixed, unfixed, atol=2e-3 * np.abs(unfixed).max())


@pytest.mark.parametrize("name", ["batch", "bias_free", "representative", "filtered"])
@pytest.mark.parametrize("spoil", [np.nan, np.inf])
def test_a_batch_that_is_not_finite_leaves_no_trace(name, spoil):
    """As the one that makes a gradient scaler skip its step."""
    layer, x = make(name, 3, np.float64), signals(4, 3, 10)
    layer(x)
    before = layer.running.copy()
    spoilt = Tensor(x.copy())
    spoilt.data[0, 1, 2] = spoil
    with np.errstate(invalid="ignore"):
        layer(spoilt)
    np.testing.assert_array_equal(layer.running, before)
    layer(x)
    assert not np.array_equal(layer.running, before)


@pytest.mark.parametrize("spoil", [np.nan, np.inf])
def test_recalibration_mends_statistics_that_are_not_finite(spoil):
    one, other = deep(), deep()
    for _, module in other.children():
        if isinstance(module, BatchNorm1d):
            module.running[...] = spoil
    recalibrate(one, BATCHES)
    recalibrate(other, BATCHES)
    for name, value in one.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], value)


def test_recalibration_refuses_statistics_that_are_not_finite():
    net = deep()
    next(net.modules()).parameters()[0].data[0, 0, 0] = np.nan
    before = net.state_dict()
    with pytest.raises(ValueError, match="batches lead to statistics that are not finite"):
        recalibrate(net, BATCHES)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# --- registry


@pytest.mark.parametrize(
    "name", ["bach", "batch+l3", "l1*sure", "+l1", "l1*", "batch+batch+l1", "", 3, None, ["batch"]]
)
def test_an_unknown_name_lists_the_known_ones(name):
    words = r"norm must be one of 'none', 'batch'.*map one of 'l1'.*level one of .*'mad'.*, not "
    for call in (lambda: make(name, 3, np.float32), lambda: UNet(norm=name)):
        with pytest.raises(ValueError, match=words + re.escape(repr(name))):
            call()


@pytest.mark.parametrize("name", NORMS)
def test_every_norm_keeps_shape_and_dtype_in_every_mode(name):
    layer = make(name, 3, np.float32)
    if name == "none":
        assert layer is None
        return
    for mode in MODES.values():
        y = mode(layer)(signals(4, 3, 10))
        assert (y.shape, y.dtype) == ((4, 3, 10), np.float32)


def test_a_new_norm_is_one_class(monkeypatch):
    class Half(Module):
        def __init__(self, channels, *, dtype):
            self.channels = channels

        def forward(self, x):
            assert x.shape[1] == self.channels
            return x * 0.5

    monkeypatch.setitem(NORMS, "half", Half)
    assert sum(isinstance(m, Half) for m in UNet(norm="half").modules()) == 18
