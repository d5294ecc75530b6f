"""Relatives of batch norm, by their formulas, channel by channel."""

import numpy as np
import pytest

from denoiselib.nn import BatchNorm1d
from denoiselib.nn.norm import InstanceNorm, RepresentativeNorm

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
