"""Relatives of batch norm, by their formulas, channel by channel."""

import numpy as np
import pytest

from denoiselib.nn import BatchNorm1d, PlainNet, UNet
from denoiselib.nn.norm import (
    BiasFreeNorm,
    FilteredNorm,
    InstanceNorm,
    RepresentativeNorm,
    fold,
    recalibrate,
)

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


# --- instance


def test_instance_norm_takes_each_signal_by_itself_in_every_mode():
    layer, x = filled(InstanceNorm(3, dtype=np.float64)), signals(4, 3, 10)
    expected = np.empty_like(x)
    for place, c, part in apart(x, "signal"):
        normal = (part - part.mean()) / np.sqrt(part.var() + 1e-5)
        expected[place] = layer.weight.data[c] * normal + layer.bias.data[c]
    for mode in (layer.train, layer.eval, lambda: layer.eval("batch")):
        np.testing.assert_allclose(mode()(x).data, expected, rtol=1e-10, atol=1e-12)


def test_instance_norm_refuses_one_sample():
    with pytest.raises(ValueError, match=r"one sample .* \(4, 3, 1\)"):
        InstanceNorm(3)(signals(4, 3, 1))


# --- representative


@STATISTICS
def test_representative_norm_by_definition(statistics):
    layer, x = filled(RepresentativeNorm(3, dtype=np.float64)).eval(statistics), signals(4, 3, 10)
    state = layer.state_dict()
    expected, centred = np.empty_like(x), np.empty_like(x)
    for c in range(3):
        for n in range(4):
            centred[n, c] = x[n, c] + state["center_weight"][c] * x[n, c].mean()
    for place, c, part in apart(centred, statistics):
        mean, var = part.mean(), part.var()
        if statistics == "running":
            mean, var = state["running_mean"][c], state["running_var"][c]
        expected[place] = (part - mean) / np.sqrt(var + 1e-5)
    for c in range(3):
        for n in range(4):
            s = expected[n, c]
            gate = state["scale_weight"][c] * s.mean() + state["scale_bias"][c]
            gain = state["weight"][c] / (1 + np.exp(-gate))
            expected[n, c] = gain * s + state["bias"][c]
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-9, atol=1e-10)


def test_representative_norm_starts_as_batch_norm_times_0_731():
    x = signals(4, 3, 10)
    y = RepresentativeNorm(3, dtype=np.float64)(x).data
    expected = BatchNorm1d(3, dtype=np.float64)(x).data / (1 + np.exp(-1))
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)


def test_running_statistics_of_representative_norm_are_those_of_the_centred_signals():
    layer, x = RepresentativeNorm(3, dtype=np.float64), signals(4, 3, 10)
    layer.center_weight.data[...] = [[0.5], [-0.5], [2]]
    layer(x)
    centred = x + layer.center_weight.data * x.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(layer.running_mean.data, 0.1 * centred.mean(axis=(0, 2)))
    variance = centred.var(axis=(0, 2), ddof=1)
    np.testing.assert_allclose(layer.running_var.data, 0.9 + 0.1 * variance)


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
