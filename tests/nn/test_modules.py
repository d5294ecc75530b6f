"""Modules: names, states, modes, initial weights, and denoising plain arrays."""

import contextlib
import copy
import itertools
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.interpret import in_place_of
from denoiselib.nn import (
    BatchNorm1d,
    Conv1d,
    Module,
    PlainNet,
    Program,
    Sequential,
    Tensor,
    UNet,
    modules,
    ops,
    optim,
    train,
)
from denoiselib.nn.modules import INITS, Activation, Buffer, Network, Parameter
from denoiselib.nn.norm import InstanceNorm

#: Where the double convolutions of the slides' U-Net are: (in, middle, out) channels.
BLOCKS = {
    "inc": (1, 2, 2),
    "down1.maxpool_conv.1": (2, 4, 4),
    "down2.maxpool_conv.1": (4, 8, 8),
    "down3.maxpool_conv.1": (8, 16, 16),
    "down4.maxpool_conv.1": (16, 16, 16),
    "up1.conv": (32, 16, 8),
    "up2.conv": (16, 8, 4),
    "up3.conv": (8, 4, 2),
    "up4.conv": (4, 2, 2),
}
PRIOR = {f"wienernet.{name}": widths for name, widths in list(BLOCKS.items())[:4]}
NETS = {
    "U-Net": UNet,
    "with prior": lambda **options: UNet(prior=True, **options),
    "plain": lambda **options: PlainNet(width=3, **options),
}
ALL = pytest.mark.parametrize("make", NETS.values(), ids=NETS)


def expected_state(prior, norm="batch"):
    """Names and shapes that PyTorch's module tree would give, in order."""
    state = {}

    def double_conv(name, widths):
        for k, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            state[f"{name}.double_conv.{3 * k}.weight"] = (n_out, n_in, 3)
            state[f"{name}.double_conv.{3 * k}.bias"] = (n_out,)
            if norm != "none":
                for entry in ("weight", "bias", "running_mean", "running_var"):
                    state[f"{name}.double_conv.{3 * k + 1}.{entry}"] = (n_out,)

    for name, widths in BLOCKS.items():
        double_conv(name, widths)
    state["outc.conv.weight"], state["outc.conv.bias"] = (1, 2, 1), (1,)
    if prior:
        for name, widths in PRIOR.items():
            double_conv(name, widths)
        state["wienernet.beta"] = (1,)
    return state


def changed(net, seed=1):
    """A state that fits, all entries new; variances are positive."""
    rng = np.random.default_rng(seed)
    return {k: rng.uniform(0.5, 1.5, v.shape).astype(v.dtype) for k, v in net.state_dict().items()}


def assert_same_state(net, state):
    assert list(net.state_dict()) == list(state)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[name], err_msg=name)


def noisy(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# --- names


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("prior", [False, True])
def test_the_state_of_a_unet_has_pytorchs_names_shapes_and_order(prior, norm):
    net, expected = UNet(prior=prior, norm=norm), expected_state(prior, norm)
    assert [(k, v.shape) for k, v in net.state_dict().items()] == list(expected.items())
    trained = [name for name in expected if "running" not in name]
    assert [name for name, _ in net.named_parameters()] == trained
    assert [p.shape for p in net.parameters()] == [expected[name] for name in trained]


@pytest.mark.parametrize(("prior", "count"), [(False, 128), (True, 185)])
def test_the_number_of_entries_is_pytorchs(prior, count):
    """PyTorch adds num_batches_tracked, one for each normalisation."""
    state = UNet(prior=prior).state_dict()
    assert len(state) + sum(name.endswith("running_var") for name in state) == count


def test_a_plain_stack_is_numbered():
    net = PlainNet(width=4, depth=3, kernel=5)
    names = [name for name, _ in net.named_parameters()]
    parts = [f"layers.{k}.{p}" for k in (0, 1, 3, 4, 6) for p in ("weight", "bias")]
    assert names == parts
    assert net.state_dict()["layers.3.weight"].shape == (4, 4, 5)
    assert net.state_dict()["layers.6.weight"].shape == (1, 4, 5)


def test_parameters_buffers_and_modules_are_found_in_attributes():
    class Part(Module):
        def __init__(self):
            self.b = Parameter(np.zeros(2))
            self.buffer = Buffer(np.ones(3))
            self.no_part_of_it = np.zeros(4)
            self.a = Sequential({2: Conv1d(1, 1, 1), 0: None, 7: BatchNorm1d(1)})

    part = Part()
    assert [name for name, _ in part.named_parameters()] == [
        "b", "a.2.weight", "a.2.bias", "a.7.weight", "a.7.bias"
    ]  # fmt: skip
    assert list(part.state_dict())[:2] == ["b", "buffer"]
    assert part.dtype == np.float64
    assert Module().dtype == np.float32


# --- states


@ALL
def test_a_state_goes_round(make):
    one, other = make(rng=0), make(rng=1)
    one.load_state_dict(changed(one))
    other.load_state_dict(one.state_dict())
    assert_same_state(other, one.state_dict())
    x = noisy(3, 1, 40)
    np.testing.assert_array_equal(one(x).data, other(x).data)


@ALL
def test_a_state_is_a_copy(make):
    net = make(rng=0)
    state, other = net.state_dict(), changed(net)
    kept = {k: v.copy() for k, v in state.items()}
    for value in state.values():
        value[...] = 7
    assert_same_state(net, kept)
    net.load_state_dict(other)
    kept = {k: v.copy() for k, v in other.items()}
    for value in other.values():
        value[...] = 7
    assert_same_state(net, kept)


def test_a_state_in_any_real_dtype_is_taken_and_the_nets_is_kept():
    net = PlainNet(width=2)
    net.load_state_dict({k: v.astype(np.float64) for k, v in changed(net).items()})
    net.load_state_dict({k: np.ones(v.shape, int).tolist() for k, v in net.state_dict().items()})
    assert {v.dtype for v in net.state_dict().values()} == {np.dtype(np.float32)}
    assert net.vector.dtype == np.float32
    assert set(net.vector) == {1}


@ALL
def test_a_loaded_state_is_in_the_vector(make):
    net = make(rng=0)
    net.load_state_dict(changed(net))
    flat = np.concatenate([p.data.ravel() for p in net.parameters()])
    np.testing.assert_array_equal(net.vector, flat)
    assert all(np.shares_memory(p.data, net.vector) for p in net.parameters())


def test_num_batches_tracked_is_ignored():
    net = UNet()
    state = changed(net)
    tracked = {
        k.replace("running_var", "num_batches_tracked"): np.array(3)
        for k in state
        if k.endswith("running_var")
    }
    assert len(tracked) == 18
    net.load_state_dict({**state, **tracked})
    assert_same_state(net, state)


SPOILED = {
    "missing": (lambda s: s.pop("outc.conv.bias"), "missing: outc.conv.bias"),
    "unexpected": (lambda s: s.update(extra=np.ones(1)), "unexpected: extra"),
    "misshapen": (
        lambda s: s.update({"outc.conv.bias": np.ones(2)}),
        r"outc.conv.bias has shape \(2,\), not \(1,\)",
    ),
    "would broadcast": (
        lambda s: s.update({"inc.double_conv.0.weight": np.ones((1, 1, 1))}),
        r"inc.double_conv.0.weight has shape \(1, 1, 1\), not \(2, 1, 3\)",
    ),
    "transposed": (
        lambda s: s.update({"inc.double_conv.0.weight": np.ones((3, 1, 2))}),
        r"inc.double_conv.0.weight has shape \(3, 1, 2\), not \(2, 1, 3\)",
    ),
    "NaN": (
        lambda s: s["inc.double_conv.1.running_var"].fill(np.nan),
        "inc.double_conv.1.running_var must hold finite",
    ),
    "infinite": (
        lambda s: s["up4.conv.double_conv.3.bias"].fill(-np.inf),
        "up4.conv.double_conv.3.bias must hold finite",
    ),
    "complex": (
        lambda s: s.update({"outc.conv.bias": np.ones(1, complex)}),
        "outc.conv.bias must hold finite real",
    ),
    "text": (lambda s: s.update({"outc.conv.bias": np.array(["1"])}), "outc.conv.bias must hold"),
    "too large for float32": (
        lambda s: s.update({"outc.conv.bias": np.array([1e39])}),
        r"outc\.conv\.bias",
    ),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILED.values(), ids=SPOILED)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, words):
    net = UNet()
    before, state = net.state_dict(), changed(net)
    spoil(state)
    with pytest.raises(ValueError, match=words):
        net.load_state_dict(state)
    assert_same_state(net, before)


def test_all_problems_of_a_state_are_named():
    net = UNet()
    state = changed(net)
    for name in ("unexpected", "would broadcast", "NaN", "complex"):
        SPOILED[name][0](state)
    with pytest.raises(ValueError, match="extra") as error:
        net.load_state_dict(state)
    for name in ("inc.double_conv.0.weight", "inc.double_conv.1.running_var", "outc.conv.bias"):
        assert name in str(error.value)


def test_a_prior_into_a_net_without_one_is_refused_by_name():
    net, state = UNet(), changed(UNet(prior=True))
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"unexpected: wienernet\.") as error:
        net.load_state_dict(state)
    assert "unexpected: wienernet.beta" in str(error.value)
    assert "missing" not in str(error.value)
    assert_same_state(net, before)


def test_a_net_with_prior_refuses_a_state_without_one_by_name():
    net, state = UNet(prior=True), changed(UNet())
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"missing: wienernet\.beta") as error:
        net.load_state_dict(state)
    assert "unexpected" not in str(error.value)
    assert_same_state(net, before)


# --- one vector


@ALL
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_and_gradients_are_views_of_two_vectors(make, dtype):
    net = make(rng=0, dtype=dtype)
    assert net.vector.dtype == net.gradient.dtype == dtype
    assert net.vector.ndim == net.gradient.ndim == 1
    (net(noisy(3, 1, 40)) ** 2).sum().backward()
    assert net.gradient.any()
    for whole, part in ((net.gradient, "grad"), (net.vector, "data")):
        flat = np.concatenate([getattr(p, part).ravel() for p in net.parameters()])
        np.testing.assert_array_equal(whole, flat)
        whole[...] = np.arange(whole.size)
        flat = np.concatenate([getattr(p, part).ravel() for p in net.parameters()])
        np.testing.assert_array_equal(flat, np.arange(whole.size))


@ALL
def test_a_step_along_the_vector_lowers_the_loss(make):
    net, x = make(rng=0), noisy(8, 1, 40)
    losses = []
    for _ in range(3):
        loss = ((net(x) - x) ** 2).sum() / x.size
        losses.append(loss.item())
        loss.backward()
        net.vector -= np.float32(0.01) * net.gradient
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]


# --- initial weights


@pytest.mark.parametrize(("init", "variance"), [("pytorch", 1 / 3), ("he", 2), ("lecun", 1)])
def test_initial_variances_in_units_of_the_fan_in(init, variance):
    layer = Conv1d(40, 500, 5, init=init, rng=0, dtype=np.float64)
    w, b, fan_in = layer.weight.data, layer.bias.data, 200
    assert abs(w.mean()) < 5 * np.sqrt(variance / fan_in / w.size)
    np.testing.assert_allclose(w.var() * fan_in, variance, rtol=0.02)
    if init == "pytorch":
        assert np.abs(b).max() <= 1 / np.sqrt(fan_in)
        assert np.unique(b).size == 500
        assert 0.999 / np.sqrt(fan_in) < np.abs(w).max() <= 1 / np.sqrt(fan_in)
    else:
        assert not b.any()
        assert np.abs(w).max() > 3 * np.sqrt(variance / fan_in)  # no uniform draw reaches there


@ALL
@pytest.mark.parametrize("init", INITS)
def test_a_seed_fixes_the_weights_in_either_precision(make, init):
    one, same, other = make(rng=3, init=init), make(rng=3, init=init), make(rng=4, init=init)
    assert_same_state(same, one.state_dict())
    assert (other.vector != one.vector).any()
    wide = make(rng=np.random.default_rng(3), init=init, dtype=np.float64)
    np.testing.assert_array_equal(wide.vector.astype(np.float32), one.vector)


def test_weights_are_drawn_without_global_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    UNet(rng=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_layers_are_drawn_anew_each():
    """Not each from the seed again: two kernels of one shape differ."""
    state = UNet(rng=0).state_dict()
    one, other = (state[f"down4.maxpool_conv.1.double_conv.{k}.weight"] for k in (0, 3))
    assert (one != other).mean() > 0.99


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conv1d(1, 1, 3, init="xavier"), "init must be one of 'pytorch', 'he', 'lecun'"),
        (lambda: UNet(init="xavier"), "init must be one of 'pytorch', 'he', 'lecun'"),
        (lambda: UNet(activation="tanh"), "activation must be one of 'relu'"),
        (lambda: PlainNet(activation="tanh"), "activation must be one of 'relu'"),
        (lambda: UNet(pool="min"), "pool must be one of 'max', 'average'"),
        (lambda: PlainNet(norm="bach"), "norm must be one of 'none', 'batch'"),
        (lambda: UNet(channels=(2, 4, 8)), "five widths"),
        (lambda: UNet(channels=(2, 4, 0, 8, 8)), "channels must be at least 1"),
        (lambda: UNet(channels=(2, 4, 8, 16, 32), prior=True), "last two widths must agree"),
        (lambda: UNet(dtype=np.float16), "float32 or float64, not float16"),
        (lambda: PlainNet(depth=1), "depth must be at least 2"),
        (lambda: PlainNet(kernel=4), "kernel must be odd"),
        (lambda: Conv1d(0, 1, 3), "in_channels must be at least 1"),
        (lambda: Conv1d(1, 0, 3), "out_channels must be at least 1"),
        (lambda: Conv1d(1, 1, 0), "taps must be at least 1"),
        (lambda: Conv1d(1, 1, 3, padding=-1), "padding must be at least 0"),
        (lambda: BatchNorm1d(0), "channels must be at least 1"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# --- modes


@ALL
def test_modes_reach_all_modules(make):
    net = make(rng=0)
    for switch, expected in (
        (net.eval, (False, "running")),
        (net.train, (True, "batch")),
        (lambda: net.eval("batch"), (False, "batch")),
        (lambda: net.eval(statistics="running"), (False, "running")),
    ):
        assert switch() is net
        assert {(m.training, m.statistics) for m in net.modules()} == {expected}
    assert sum(isinstance(m, BatchNorm1d) for m in net.modules()) >= 3


def test_a_new_net_is_in_training():
    assert {(m.training, m.statistics) for m in UNet().modules()} == {(True, "batch")}


def test_an_unknown_mode_is_refused_and_changes_none():
    net = UNet()
    with pytest.raises(ValueError, match="statistics must be one of 'running', 'batch', 'signal'"):
        net.eval("nonsense")
    assert {(m.training, m.statistics) for m in net.modules()} == {(True, "batch")}


# --- calling


@ALL
def test_arrays_take_the_dtype_of_the_net(make):
    for dtype in (np.float32, np.float64):
        net = make(rng=0, dtype=dtype)
        for x in (noisy(2, 1, 40), noisy(2, 1, 40, dtype=np.float64), np.ones((2, 1, 40), int)):
            y = net(x)
            assert isinstance(y, Tensor)
            assert (y.shape, y.dtype) == ((2, 1, 40), dtype)


@ALL
def test_a_tensor_of_another_dtype_is_refused(make):
    with pytest.raises(TypeError, match="choose one dtype"):
        make(rng=0)(Tensor(noisy(2, 1, 40, dtype=np.float64)))


@ALL
@pytest.mark.parametrize(
    "shape", [(40,), (2, 40), (2, 2, 40), (0, 1, 40), (2, 1, 0), (1, 2, 1, 40)]
)
def test_another_shape_is_refused(make, shape):
    with pytest.raises(ValueError, match=r"shape \(batch, (1|channels), length\)"):
        make(rng=0)(np.zeros(shape))


@ALL
def test_complex_signals_are_refused(make):
    for call in (make(rng=0), make(rng=0).denoise):
        with pytest.raises(TypeError, match="real numbers"):
            call(np.zeros((2, 1, 40), complex))


@ALL
def test_memory_order_of_the_input_does_not_matter(make):
    net = make(rng=0).eval("batch")
    x = noisy(8, 1, 120)[::2, :, ::-3]
    expected = net(np.ascontiguousarray(x)).data
    assert expected.shape == (4, 1, 40)
    for same in (x, np.asfortranarray(x), Tensor(x), Tensor(np.asfortranarray(x))):
        y = net(same)
        assert y.shape == (4, 1, 40)
        np.testing.assert_array_equal(y.data, expected)
    np.testing.assert_array_equal(net.denoise(x), expected)


# --- denoising


def trained(make, statistics, **options):
    """A net with running statistics of its own, under test."""
    net = make(rng=0, **options)
    for seed in range(3):
        net(2 + 3 * noisy(4, 1, 40, seed=seed))
    return net.eval(statistics)


STATISTICS = pytest.mark.parametrize("statistics", ["running", "batch"])


@ALL
@STATISTICS
def test_denoise_equals_a_call(make, statistics):
    net, x = trained(make, statistics), noisy(5, 40)
    y = net.denoise(x)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, net(x[:, None]).data[:, 0])


@ALL
@pytest.mark.parametrize("leading", [(), (1,), (6,), (2, 3), (3, 1, 2), (2, 2)])
def test_denoise_takes_any_leading_axes(make, leading):
    net, x = trained(make, "running"), noisy(*leading, 40)
    y = net.denoise(x)
    assert y.shape == x.shape
    np.testing.assert_array_equal(y.reshape(-1, 40), net.denoise(x.reshape(-1, 40)))


@ALL
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denoise_keeps_the_dtype_of_the_signals(make, dtype):
    net = trained(make, "running", dtype=dtype)
    x = noisy(3, 40, dtype=np.float64)
    expected = net.denoise(x)
    assert expected.dtype == np.float64
    single = net.denoise(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-4)
    assert net.denoise(np.ones((3, 40), int)).dtype == np.float64


@ALL
def test_batches_of_one_have_statistics_of_their_own(make):
    net, x = trained(make, "batch"), noisy(5, 40)
    alone = np.stack([net.denoise(signal) for signal in x])
    np.testing.assert_allclose(net.denoise(x, batch_size=1), alone, rtol=1e-4, atol=1e-5)
    assert np.abs(net.denoise(x) - alone).max() > 0.01


@ALL
@pytest.mark.parametrize("count", [2, 501, 1003])
def test_many_signals_pass_together_each_with_its_own_statistics(make, count, monkeypatch):
    """Those of a network that mixes its batch cannot: the mask of its kernel is the batch's."""
    net, x = trained(make, "batch", dtype=np.float64), noisy(count, 33, dtype=np.float64) * 3
    if net.mixes_batch:
        x = x[:20]
        net.wienernet.beta.data[...] = 5
    expected = np.stack([net(signal[None, None]).data[0, 0] for signal in x])
    passes, call = [], Program.__call__
    monkeypatch.setattr(Program, "__call__", lambda *args: passes.append(1) or call(*args))
    y = net.denoise(x, batch_size=1)
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-9)
    assert len(passes) == (len(x) if net.mixes_batch else -(-count // 500))


def test_signals_pass_alone_where_some_parts_use_running_statistics():
    net, x = trained(UNet, "batch"), noisy(5, 40)
    net.up1.eval("running")
    alone = np.stack([net.denoise(signal) for signal in x])
    np.testing.assert_allclose(net.denoise(x, batch_size=1), alone, rtol=1e-4, atol=1e-5)
    assert (net.up1.statistics, net.up2.statistics) == ("running", "batch")


@ALL
@STATISTICS
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100, np.int64(4)])
def test_denoise_goes_batch_by_batch(make, statistics, batch_size):
    net, x = trained(make, statistics), noisy(7, 40)
    batches = [net(x[k : k + batch_size, None]).data[:, 0] for k in range(0, 7, batch_size)]
    expected = np.concatenate(batches)
    y = net.denoise(x, batch_size=batch_size)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@ALL
@STATISTICS
@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_denoise_under_test_changes_nothing(make, statistics, batch_size):
    net, x = trained(make, statistics), noisy(5, 40)
    (net(x[:, None]) ** 2).sum().backward()
    before, gradient, kept = net.state_dict(), net.gradient.copy(), x.copy()
    first = net.denoise(x, batch_size=batch_size)
    again = first.copy()
    net.denoise(1 - x, batch_size=batch_size)
    np.testing.assert_array_equal(first, again)  # nobody else's array
    np.testing.assert_array_equal(x, kept)
    assert_same_state(net, before)
    np.testing.assert_array_equal(net.gradient, gradient)
    assert {(m.training, m.statistics) for m in net.modules()} == {(False, statistics)}


@ALL
def test_denoise_in_training_uses_running_statistics_and_updates_nothing(make):
    net, x = trained(make, "running"), noisy(5, 40)
    expected = net.denoise(x)
    net.train()
    before = net.state_dict()
    np.testing.assert_array_equal(net.denoise(x, batch_size=5), expected)
    assert_same_state(net, before)
    assert {(m.training, m.statistics) for m in net.modules()} == {(True, "batch")}


@pytest.mark.parametrize("length", [15, 40])
def test_denoise_leaves_every_module_in_its_mode(length):
    """Some frozen, others in training; whether the signals can be denoised or not."""
    net = UNet()
    net.down1.eval()
    net.up1.eval("batch")
    modes = [(m.training, m.statistics) for m in net.modules()]
    for _ in range(2):
        with contextlib.suppress(ValueError):
            net.denoise(noisy(2, length))
        assert [(m.training, m.statistics) for m in net.modules()] == modes


@ALL
def test_denoise_sees_what_has_changed_since(make):
    """Weights, statistics, modes and shapes."""
    net = trained(make, "running")
    for seed in range(3):
        for statistics in ("running", "batch"):
            net.eval(statistics)
            for shape in ((5, 40), (3, 40), (5, 33), (1, 64), (2, 16)):
                x = noisy(*shape, seed=seed)
                np.testing.assert_array_equal(net.denoise(x), net(x[:, None]).data[:, 0])
        net.load_state_dict(changed(net, seed))
        net.vector *= np.float32(0.9)


def _activation(net):
    return next(m for m in net.modules() if isinstance(m, Activation))


def _norm(net):
    return next(m for m in net.modules() if isinstance(m, BatchNorm1d))


def _block(net):
    """The first part of a network whose parts are numbered."""
    return next(m for m in net.modules() if isinstance(m, Sequential) and hasattr(m, "0"))


#: Ways to change a network, each with the object and the attribute that it changes.
CHANGES = {
    "function": lambda net: (_activation(net), "function", ops.absolute),
    "layer": lambda net: (_block(net), "2", Activation(ops.sigmoid)),
    "another norm": lambda net: (_block(net), "1", InstanceNorm(_norm(net).weight.shape[0])),
    "kernel": lambda net: (_block(net), "0", Conv1d(1, _norm(net).weight.shape[0], 3, rng=9)),
    "no bias": lambda net: (getattr(_block(net), "0"), "bias", None),
    "padding": lambda net: (
        getattr(_block(net), "0"),
        "forward",
        lambda x: ops.conv1d(x, getattr(_block(net), "0").weight, padding=1),
    ),
    "eps": lambda net: (_norm(net), "eps", 10.0),
    "parameter": lambda net: (_norm(net).weight, "data", _norm(net).weight.data * 2),
    "buffer": lambda net: (_norm(net).running_var, "data", _norm(net).running_var.data * 5),
    "one part's mode": lambda net: (_norm(net), "_statistics", "signal"),
    "forward of a class": lambda net: (_activation(net), "forward", lambda x: x * 0.5),
}


@ALL
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_denoise_sees_every_change_of_a_network_and_that_it_is_undone(make, change):
    net, x = trained(make, "running"), noisy(5, 40)
    expected = net.denoise(x)
    thing, name, value = change(net)
    before = vars(thing).get(name) if isinstance(thing, Module) else getattr(thing, name)
    for _ in range(2):
        setattr(thing, name, value)
        np.testing.assert_array_equal(net.denoise(x), net(x[:, None]).data[:, 0])
        assert np.abs(net.denoise(x) - expected).max() > 1e-4
        if before is None:
            delattr(thing, name)
        else:
            setattr(thing, name, before)
        np.testing.assert_array_equal(net.denoise(x), expected)


class Halved(Activation):
    """An activation that inherits what it computes."""


#: Ways to change a class, each with the class, the attribute, and its value.
CLASS_CHANGES = {
    "layer": lambda: (
        Conv1d,
        "forward",
        lambda self, x, mask=None: ops.conv1d(x, self.weight * 2, None, 1),
    ),
    "activation": lambda: (Activation, "forward", lambda self, x: self.function(x) * 0.5),
    "inherited": lambda: (Halved, "forward", lambda self, x: self.function(x) * 0.5),
    "norm": lambda: (BatchNorm1d, "forward", lambda self, x: x * 2.0),
    "network": lambda: (PlainNet, "forward", lambda self, x: self.layers(x) * 2.0),
    "base": lambda: (Module, "statistics", property(lambda self: "signal")),
}


@pytest.mark.parametrize("change", CLASS_CHANGES.values(), ids=CLASS_CHANGES)
def test_denoise_and_training_see_every_change_of_a_class_and_that_it_is_undone(change):
    net, x = PlainNet(width=4, depth=3, kernel=3, rng=0), noisy(5, 40)
    for module in net.modules():
        if isinstance(module, Activation):
            module.__class__ = Halved
    train.fit(net, lambda step: (x, x), optim.Adam(net), 3)
    expected = net.eval().denoise(x)
    for _ in range(2):
        with mock.patch.object(*change()):
            np.testing.assert_array_equal(net.denoise(x), net(x[:, None]).data[:, 0])
            assert np.abs(net.denoise(x) - expected).max() > 1e-4
        np.testing.assert_array_equal(net.denoise(x), expected)
    # in the midst of a training
    ends, kind, name, value = [], *change()
    for replay in (True, False):
        trained = copy.deepcopy(net)
        with mock.patch.object(kind, name, vars(kind).get(name, getattr(kind, name))):

            def patch(step, history, trained=trained, replay=replay):
                if step == 2:
                    setattr(kind, name, value)
                if not replay:  # planned anew at each step
                    trained.note = object()

            options = {"every": 1, "callbacks": [patch]}
            history = train.fit(
                trained, lambda step: (x, x), optim.SGD(trained, 1e-3), 4, **options
            )
        ends.append(history["loss"])
    assert ends[0] == ends[1]


def test_what_bypasses_attributes_is_seen_by_copies():
    net, x = PlainNet(width=4, depth=3, rng=0).eval(), noisy(5, 40)
    before, activation = net.denoise(x), _activation(net)
    vars(activation)["function"] = ops.absolute
    assert np.abs(copy.deepcopy(net).denoise(x) - before).max() > 1e-4


def test_a_network_without_attributes_can_denoise():
    class Same(Network):
        def forward(self, x):
            return x * 1.0

    np.testing.assert_array_equal(Same().denoise(np.ones((2, 9))), np.ones((2, 9)))


@ALL
def test_denoise_in_place_of_a_layer_is_that_of_the_call(make):
    net, x = trained(make, "running"), noisy(5, 40)
    for planned in (True, False):
        if planned:
            expected = net.denoise(x)
        with in_place_of({_activation(net): lambda module, x: x * 0.5}):
            np.testing.assert_array_equal(net.denoise(x), net(x[:, None]).data[:, 0])
            assert np.abs(net.denoise(x) - expected).max() > 1e-4
        np.testing.assert_array_equal(net.denoise(x), expected)


def planned(monkeypatch):
    """Count the programs that are made from now on."""
    made, start = [], Program.__init__

    def noted(self, *args):
        made.append(args)
        start(self, *args)

    monkeypatch.setattr(Program, "__init__", noted)
    return made


@ALL
def test_a_plan_is_kept_as_long_as_nothing_changes(make, monkeypatch):
    net, made = trained(make, "running"), planned(monkeypatch)
    for x in 3 * [noisy(5, 40), noisy(4, 40)]:
        net.denoise(x)
        net.load_state_dict(changed(net))
        net.vector *= np.float32(0.9)
        net(x[:, None])
    assert len(made) == 2
    net.train()
    for _ in range(3):
        net.denoise(x)
        net(x[:, None])
    assert len(made) == 3
    net.eval("batch")
    for _ in range(3):
        net.denoise(x)
        net.denoise(x, batch_size=1)
    assert len(made) == (4 if net.mixes_batch else 5) + net.mixes_batch


def test_plans_are_kept_up_to_a_bound(monkeypatch):
    net, made = UNet(rng=0).eval("batch"), planned(monkeypatch)
    few, many = noisy(100, 100), noisy(1200, 100)
    net.denoise(few)
    size = net._plans.programs[few[:, None].shape, ()].nbytes
    assert 20e6 > size > 20 * few.nbytes
    for count in (80, 90, *range(100, 1000, 100)):
        net.denoise(many[:count])
        held = sum(program.nbytes for program in net._plans.programs.values())
        assert held <= modules.PLANNED
    before = len(made)
    net.denoise(many[:count])
    assert len(made) == before
    net.denoise(many)
    assert not net._plans.programs  # one that is larger than all that may be kept


@ALL
@STATISTICS
def test_denoise_takes_many_signals_at_once(make, statistics):
    """Those that influence each other pass together, however many there are."""
    net, x = trained(make, statistics), noisy(2003, 16)
    if hasattr(net, "wienernet"):
        net.wienernet.beta.data[...] = 5
    expected = net(x[:, None]).data[:, 0]
    np.testing.assert_allclose(net.denoise(x), expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def impatient_threads():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@ALL
@pytest.mark.parametrize("mode", ["training", "running", "batch", "signal", "mixed"])
@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.usefixtures("impatient_threads")
def test_denoise_may_run_in_threads_in_every_mode(make, mode, batch_size):
    net, signals = trained(make, "running"), noisy(8, 20, 64)
    if mode == "training":
        net.train()
    elif mode == "mixed":
        _block(net).train()
    else:
        net.eval(mode)
    modes, state = [(m.training, m.statistics) for m in net.modules()], net.state_dict()
    expected = [net.denoise(x, batch_size) for x in signals]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda x: net.denoise(x, batch_size), [*signals] * 4)
        for y, alone in zip(found, expected * 4, strict=True):
            np.testing.assert_array_equal(y, alone)
    for x, alone in zip(signals, expected, strict=True):
        np.testing.assert_array_equal(net.denoise(x, batch_size), alone)
    assert [(m.training, m.statistics) for m in net.modules()] == modes
    assert_same_state(net, state)


#: Ways to switch the mode of a network, or of a part of it.
SWITCHES = {
    "training": lambda net: net.train(),
    "batch": lambda net: net.eval("batch"),
    "signal": lambda net: net.eval("signal"),
    "running": lambda net: net.eval(),
    "a part": lambda net: _block(net).eval("signal"),
}


def switched_in_a_thread(net, name):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(SWITCHES[name], net).result(60)


@ALL
@pytest.mark.parametrize("first", ["training", "batch", "signal", "running"])
@pytest.mark.parametrize("second", SWITCHES)
def test_a_mode_that_changes_during_a_pass_is_noticed(make, first, second, monkeypatch):
    net, x, run = SWITCHES[first](trained(make, "running")), noisy(201, 40), modules.Plans.run
    expected = net.denoise(x)

    def slowly(self, *arguments):
        estimate = run(self, *arguments)
        switched_in_a_thread(net, second)
        return estimate

    with monkeypatch.context() as patch:
        patch.setattr(modules.Plans, "run", slowly)
        if first == second or (first, second) == ("signal", "a part"):  # nothing changes
            np.testing.assert_array_equal(net.denoise(x), expected)
        else:
            with pytest.raises(RuntimeError, match="its mode was changed"):
                net.denoise(x)
    assert net.denoise(x).shape == x.shape


@ALL
@pytest.mark.usefixtures("impatient_threads")
def test_denoise_beside_switches_is_that_of_one_mode_or_refused(make):
    net, x, names = trained(make, "running"), noisy(201, 40), ["training", "batch", "signal"]
    expected = [SWITCHES[name](net).denoise(x) for name in names]
    net.eval("batch")
    with ThreadPoolExecutor(2) as pool:
        for k in range(60):
            pool.submit(SWITCHES[names[k % 3]], net)
        for _ in range(10):
            with contextlib.suppress(RuntimeError):
                found = net.denoise(x)
                assert any(np.array_equal(found, one) for one in expected)


@ALL
@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_clone_is_a_net_of_its_own_that_trains_as_the_first(make, clone):
    """As for early stopping, or in a worker process."""
    net, x = make(rng=0), noisy(4, 1, 40)
    net.denoise(x)
    other, before = clone(net), net.state_dict()
    for _ in range(2):
        (other(x) ** 2).sum().backward()
        other.vector -= np.float32(0.001) * other.gradient
    assert_same_state(net, before)
    for _ in range(2):
        (net(x) ** 2).sum().backward()
        net.vector -= np.float32(0.001) * net.gradient
    assert_same_state(other, net.state_dict())
    assert (net.vector != make(rng=0).vector).any()
    np.testing.assert_array_equal(other.denoise(x), net.denoise(x))


CLONES = {
    "copy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
}


@pytest.mark.parametrize("clone", CLONES.values(), ids=CLONES)
@pytest.mark.parametrize("flat", [True, False])
def test_a_clone_of_any_module_trains(clone, flat):
    module = Sequential([Conv1d(1, 2, 3, rng=0), BatchNorm1d(2), Conv1d(2, 1, 3, rng=1)])
    if flat:
        module.flatten()
    other = clone(module)
    assert other.is_flat() == flat
    optimizer, before = optim.SGD(other, 0.1), module.state_dict()
    (other(noisy(4, 1, 20)) ** 2).sum().backward()
    optimizer.step()
    assert all((a.data != before[name]).any() for name, a in other.named_parameters())
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("clone", CLONES.values(), ids=CLONES)
def test_a_net_and_its_optimiser_are_cloned_together(clone):
    net = PlainNet(rng=0)
    other, optimizer = clone((net, optim.Adam(net, 0.1)))
    assert other.is_flat()
    assert optimizer.p is other.vector
    assert optimizer.g is other.gradient


@ALL
@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (np.full((2, 40), np.nan), ValueError, "noisy must be finite"),
        (np.full((2, 40), np.inf), ValueError, "noisy must be finite"),
        (np.full((2, 40), 1e300), ValueError, "noisy must not exceed"),
        (np.zeros((0, 40)), ValueError, "noisy must be a non-empty array"),
        (np.zeros((2, 0)), ValueError, "noisy must be a non-empty array"),
        (1.0, ValueError, "noisy must be a non-empty array"),
        (np.zeros((2, 40), complex), TypeError, "noisy must hold real numbers"),
        (np.full((2, 40), "a"), TypeError, "noisy must hold real numbers"),
        ([[0.0] * 40, [0.0] * 39], ValueError, "noisy must be a regular array"),
    ],
    ids=["NaN", "inf", "large", "no signal", "no sample", "number", "complex", "text", "ragged"],
)
def test_denoise_refuses_in_words(make, bad, error, words):
    with pytest.raises(error, match=words):
        make(rng=0).denoise(bad)


@pytest.mark.parametrize("prior", [False, True])
def test_signals_too_short_for_a_unet_are_refused(prior):
    net = UNet(prior=prior)
    for call in 2 * (lambda: net.denoise(noisy(2, 15)), lambda: net(noisy(2, 1, 15))):
        with pytest.raises(ValueError, match="length at least 16"):
            call()


@ALL
@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError)])
def test_denoise_refuses_a_batch_size_that_is_none(make, size, error):
    with pytest.raises(error, match="batch_size must be"):
        make(rng=0).denoise(noisy(2, 40), batch_size=size)


@ALL
def test_large_signals_do_not_overflow_in_silence(make):
    """1e60 is fine in double precision, but not for a network in single precision."""
    x = 1e60 * noisy(2, 40, dtype=np.float64)
    with pytest.raises(ValueError, match=r"noisy|float32"):
        trained(make, "running").denoise(x)


def test_what_is_public_is_there():
    assert all(hasattr(nn, name) for name in nn.__all__)


# --- activations


def test_prelu_learns_its_slope(gradcheck):
    net = PlainNet(width=3, depth=3, activation="prelu", dtype=np.float64)
    slopes = {
        name: p for name, p in net.named_parameters() if p.shape == (1,) and "2.weight" in name
    }
    assert slopes["layers.2.weight"].data.tolist() == [0.25]
    x = np.random.default_rng(0).standard_normal((2, 1, 9))
    gradcheck(lambda *_: net(x), net.layers.__dict__["2"].weight, net.layers.__dict__["5"].weight)


def test_activations_that_learn_nothing_change_no_names():
    names = [list(PlainNet(activation=a).state_dict()) for a in ("relu", "gelu", "none")]
    assert names[0] == names[1] == names[2]
    more = set(UNet(activation="prelu").state_dict()) - set(UNet().state_dict())
    assert len(more) == 18
    assert "inc.double_conv.2.weight" in more


def test_a_copy_of_a_prelu_is_its_own():
    net = PlainNet(width=3, depth=3, activation="prelu")
    other = copy.deepcopy(net)
    other.vector += 1
    assert net.state_dict()["layers.2.weight"].tolist() == [0.25]
    assert other.state_dict()["layers.2.weight"].tolist() == [1.25]
