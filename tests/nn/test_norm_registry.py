"""Every normalisation by name: gradients, replays, states, modes, and the networks made with it."""

import copy
import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from denoiselib.nn import PlainNet, Program, Tensor, UNet, losses
from denoiselib.nn.norm import NORMS, LineEnhancer, Normalisation, make, recalibrate
from denoiselib.nn.norm.sparse import BEFORE, MAPS, THRESHOLDS, Prox

MODES = {
    "training": lambda layer: layer.train(),
    "fixed": lambda layer: layer.eval("running"),
    "unfixed": lambda layer: layer.eval("batch"),
    "each": lambda layer: layer.eval("signal"),
}
#: Sparse norms that have every part in one of them.
SPARSE = [
    "l1",
    "firm*local",
    "batch+l1*residual",
    "instance+nonnegative_l1*shared",
    "batch+l1*fixed",
    "batch+firm*mad",
    "batch+l_half*mean",
    "batch+l_two_thirds*shared",
    "batch+l0*rectified",
    "batch+nonnegative_l1*linear",
    "batch+group*both",
    "batch+mixture*local",
    "batch+ista*mean",
]
NAMES = [*(name for name in NORMS if name != "none"), *SPARSE]
ALL = pytest.mark.parametrize("name", NAMES)
ALL_MODES = pytest.mark.parametrize("mode", MODES)


def features(*shape, seed=0):
    """Noise, with a level and a scale of its own for each channel, and some spikes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * rng.uniform(0.5, 2, (shape[1], 1))
    return x + rng.uniform(-1, 1, (shape[1], 1)) + 4 * (rng.random(shape) < 0.15)


def layer_of(name, channels=3, dtype=np.float64, seed=9):
    """A layer whose parameters and running statistics are all different."""
    layer, rng = make(name, channels, dtype), np.random.default_rng(seed)
    for entry, tensor in layer.named_state():
        if entry.rpartition(".")[2] in ("weight", "running_var", "running_power"):
            tensor.data[...] = rng.uniform(0.5, 1.5, tensor.shape)
        else:
            tensor.data += rng.normal(0, 0.3, tensor.shape).astype(dtype)
            if entry.endswith("value"):  # a threshold
                tensor.data[...] = np.abs(tensor.data)
    return layer


def depends_on_statistics(layer):
    return any(isinstance(module, Normalisation) for module in layer.modules())


def test_every_part_is_in_a_name_that_is_tested():
    parts = [re.fullmatch(r"(?:(.+)\+)?(.+?)(?:\*(.+))?", name).groups() for name in SPARSE]
    before, maps, levels = map(set, zip(*parts, strict=True))
    assert before == {None, *BEFORE} - {""}
    assert maps == set(MAPS)
    assert levels == {None, *THRESHOLDS} - {"learned"}


STORED = Path(__file__).parents[2] / "data" / "results"


def test_every_norm_of_a_stored_recipe_is_made():
    stored = {
        name
        for file in STORED.glob("*.jsonl")
        for name in re.findall(r'"norm": "([^"]+)"', file.read_text())
    }
    assert len(stored) > 40
    x = features(3, 1, 30)[:, 0]
    for name in sorted(stored):
        net = PlainNet(width=4, depth=3, norm=name, rng=0).eval("batch")
        assert np.isfinite(net.denoise(x)).all(), name


@ALL
@ALL_MODES
@pytest.mark.parametrize("shape", [(4, 3, 7), (2, 1, 6)])
def test_gradients(name, mode, shape, gradcheck):
    """Of the map almost everywhere: without the surrogate that sees a jump."""
    layer = MODES[mode](layer_of(name, shape[1]))
    for module in layer.modules():
        if isinstance(module, Prox):
            module.width = None
    x = features(*shape)
    if isinstance(layer, LineEnhancer):  # cut off on purpose but for the mix: see its own tests
        gradcheck(lambda _: layer(x), layer.raw)
        return
    gradcheck(lambda x, *_: layer(x), x, *layer.parameters(), replay=True)


@ALL
@ALL_MODES
def test_a_replay_equals_a_first_call(name, mode):
    """On other signals, with other weights; values, gradients and running statistics."""
    layer = MODES[mode](layer_of(name))
    x = Tensor(features(4, 3, 8), requires_grad=True)
    upstream = np.random.default_rng(1).standard_normal(x.shape)
    program = Program(lambda: (layer(x) * upstream).sum())
    program()
    for seed in (3, 4):
        x.data[...] = features(4, 3, 8, seed=seed)
        other = MODES[mode](layer_of(name, seed=seed))
        for tensor, (_, value) in zip(
            [t for _, t in layer.named_state()], other.named_state(), strict=True
        ):
            tensor.data[...] = value.data
        loss = program().copy()
        program.backward()
        z = Tensor(x.data.copy(), requires_grad=True)
        expected = (other(z) * upstream).sum()
        expected.backward()
        np.testing.assert_allclose(loss, expected.data, rtol=1e-10)
        np.testing.assert_allclose(x.grad, z.grad, rtol=1e-9, atol=1e-11)
        for one, two in zip(layer.parameters(), other.parameters(), strict=True):
            np.testing.assert_allclose(one.grad, two.grad, rtol=1e-9, atol=1e-11)
        for key, value in other.state_dict().items():
            np.testing.assert_allclose(layer.state_dict()[key], value, rtol=1e-12)


@ALL
@ALL_MODES
def test_every_array_keeps_float32(name, mode, float_arrays):
    layer = MODES[mode](layer_of(name, dtype=np.float32))
    x = Tensor(features(4, 3, 8).astype(np.float32), requires_grad=True)
    program = Program(lambda: layer(x).sum())
    program()
    program.backward()
    assert {array.dtype for array in float_arrays(program)} == {np.dtype(np.float32)}


@ALL
def test_only_layers_with_running_statistics_know_modes(name):
    layer, x = layer_of(name), features(4, 3, 10)
    ways = [MODES[mode](layer)(x).data for mode in ("fixed", "unfixed", "each")]
    same = [np.array_equal(ways[0], other) for other in ways[1:]]
    assert same == [not depends_on_statistics(layer)] * 2


@ALL
def test_training_moves_the_running_statistics_and_testing_does_not(name):
    layer, x = layer_of(name), features(4, 3, 10)
    before = {k: v for k, v in layer.state_dict().items() if "running" in k}
    for mode in ("fixed", "unfixed", "each"):
        MODES[mode](layer)(x)
        assert all(np.array_equal(layer.state_dict()[k], v) for k, v in before.items())
    layer.train()(x)
    assert not any(np.array_equal(layer.state_dict()[k], v) for k, v in before.items())
    assert bool(before) == depends_on_statistics(layer)


@ALL
def test_unfixed_mode_of_one_signal_is_that_of_each(name):
    layer, x = layer_of(name), features(4, 3, 10)
    each = layer.eval("signal")(x).data
    layer.eval("batch")
    alone = np.concatenate([layer(signal[None]).data for signal in x])
    np.testing.assert_allclose(each, alone, rtol=1e-9, atol=1e-11)


@ALL
@ALL_MODES
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_silent_channels_stay_finite(name, mode, value):
    layer = MODES[mode](layer_of(name, dtype=np.float32))
    x = Tensor(np.full((4, 3, 8), value, np.float32), requires_grad=True)
    y = layer(x)
    (y * y).sum().backward()
    assert all(np.isfinite(a).all() for a in (y.data, x.grad))
    assert all(np.isfinite(p.grad).all() for p in layer.parameters())


@ALL
def test_a_state_makes_another_layer_the_same(name):
    layer, other = layer_of(name), make(name, 3, np.float64)
    other.load_state_dict(layer.state_dict())
    x = features(4, 3, 10)
    np.testing.assert_array_equal(other.eval()(x).data, layer.eval()(x).data)


@ALL
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_is_the_same_and_independent(name, copied):
    net = PlainNet(width=4, depth=3, norm=name, rng=1)
    x = features(5, 1, 20).astype(np.float32)
    net(x)
    other = copied(net)
    kept = {k: v.copy() for k, v in net.state_dict().items()}
    np.testing.assert_array_equal(other.eval()(x).data, net.eval()(x).data)
    other.train()(3 * x)
    other.vector += 1
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, kept[key])
    moved = {k: not np.array_equal(v, kept[k]) for k, v in other.state_dict().items()}
    assert all(moved[key] for key in moved if "running" in key)


@ALL
def test_another_number_of_channels_is_refused(name):
    with pytest.raises(ValueError, match="x has 2 channels, the layer 3"):
        layer_of(name)(features(4, 2, 10))
    with pytest.raises(ValueError, match="channels must be at least 1"):
        make(name, 0, np.float32)


@ALL
def test_a_network_with_it_learns_and_denoises(name):
    """One step against the gradient lowers the loss; the ways through `denoise` agree."""
    net = PlainNet(width=5, depth=3, norm=name, rng=2, dtype=np.float64)
    rng = np.random.default_rng(0)
    clean = 5.0 * (rng.random((16, 1, 40)) < 0.2)
    noisy = clean + rng.standard_normal(clean.shape)
    program = Program(lambda x, t: losses.mse(net.train()(x), t), net.dtype)
    before = float(program(noisy, clean))
    program.backward()
    assert np.abs(net.gradient).max() > 0
    net.vector -= 1e-3 * net.gradient / np.linalg.norm(net.gradient)
    assert program(noisy, clean) < before
    net.eval("batch")
    each = net.denoise(noisy[:, 0], batch_size=1)
    alone = np.concatenate([net.denoise(signal) for signal in noisy])
    np.testing.assert_allclose(each, alone, rtol=1e-8, atol=1e-8)


@ALL
def test_a_unet_takes_it(name):
    net = UNet(norm=name).eval()
    assert net.denoise(features(2, 1, 37)[:, 0]).shape == (2, 37)


@ALL
def test_recalibration_forgets_what_was_there(name):
    one, other = (PlainNet(width=4, depth=3, norm=name, rng=1, dtype=np.float64) for _ in range(2))
    for key, tensor in other.named_state():
        if "running" in key:
            tensor.data[...] = 7.0
    batches = [features(n, 1, 30, seed=n) for n in (4, 6)]
    for net in (one, other):
        recalibrate(net, batches)
    for key, value in one.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[key], value, rtol=1e-12)


@ALL
def test_after_recalibration_on_one_large_batch_fixed_is_unfixed(name):
    """But for an unbiased variance, and single samples at a threshold where the map jumps."""
    net = PlainNet(width=4, depth=3, norm=name, rng=1, dtype=np.float64)
    x = features(300, 1, 50)
    recalibrate(net, [x])
    fixed, unfixed = net.eval("running")(x).data, net.eval("batch")(x).data
    distance = np.quantile(np.abs(fixed - unfixed), 0.99)
    assert distance < 5e-3 * np.abs(unfixed).max()


#: Channels of which a division by their spread, power or level may go wrong.
LIFELESS = {
    "zeros": np.zeros((2, 3, 8)),
    "constants": np.ones((2, 3, 8)) * [[1.0], [-2.0], [1e-9]],
    "one sample": np.eye(1, 48).reshape(2, 3, 8),
}


@ALL
@ALL_MODES
@pytest.mark.parametrize("kind", LIFELESS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_channels_without_life_have_finite_answers_and_gradients(name, mode, kind, dtype):
    layer = make(name, 3, dtype)
    MODES[mode](layer)
    for _, tensor in layer.named_state():
        if "running" in _:
            tensor.data[...] = 0
    x = Tensor(LIFELESS[kind].astype(dtype), requires_grad=True)
    y = layer(x)
    (y * y).sum().backward()
    assert np.isfinite(y.data).all()
    for tensor in (x, *layer.parameters()):
        assert tensor.grad is None or np.isfinite(tensor.grad).all()


def test_a_divisor_is_kept_from_zero():
    layers = {type(part) for name in NAMES for part in make(name, 3, np.float32).modules()}
    kinds = [kind for kind in layers if "eps" in inspect.signature(kind).parameters]
    assert {"BatchNorm1d", "InstanceNorm", "RepresentativeNorm", "LineEnhancer"} <= {
        kind.__name__ for kind in kinds
    }
    for kind in kinds:
        for eps in (0, 0.0, 1e-60):
            with pytest.raises(ValueError, match="eps must be greater than 0"):
                kind(3, eps=eps)
