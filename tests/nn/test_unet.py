"""The networks: what they compute, what they see, and a whole training step, replayed."""

import itertools
import tracemalloc

import numpy as np
import pytest

from denoiselib import filters
from denoiselib.nn import PlainNet, Program, Tensor, UNet, ops
from denoiselib.nn.norm import recalibrate
from denoiselib.nn.tensor import Op
from denoiselib.nn.unet import _thirds

NETS = {
    "U-Net": UNet,
    "with prior": lambda **options: UNet(prior=True, **options),
    "plain": lambda **options: PlainNet(width=4, **options),
}
ALL = pytest.mark.parametrize("make", NETS.values(), ids=NETS)
PRIOR = pytest.mark.parametrize("prior", [False, True])
SMALL = {"channels": (1, 2, 1, 2, 2), "dtype": np.float64}
MODES = {
    "training": lambda net: net.train(),
    "fixed": lambda net: net.eval("running"),
    "unfixed": lambda net: net.eval("batch"),
}
ALL_MODES = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


def noisy(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def shaken(net, seed=1):
    """Give every parameter a value of its own, and the statistics those of other signals."""
    rng = np.random.default_rng(seed)
    net.vector += rng.normal(0, 0.2, net.vector.shape).astype(net.dtype)
    recalibrate(net, [noisy(4, 1, 64, seed=seed) for seed in (50, 51)])
    return net


# --- values: the network once more, in plain NumPy


class Reference:
    """The slides' U-Net by its state alone, statistics running or of the batch."""

    def __init__(self, net):
        self.state, self.fixed = net.state_dict(), net.statistics == "running"

    def conv(self, x, name, mask=1.0):
        w, b = self.state[f"{name}.weight"] * mask, self.state[f"{name}.bias"]
        pad = w.shape[2] // 2
        x = np.pad(x, [(0, 0), (0, 0), (pad, pad)])
        seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2], axis=2)
        return np.einsum("oik,nitk->not", w, seen) + b[:, None]

    def norm(self, x, name):
        gamma, beta, mean, var = (
            self.state[f"{name}.{entry}"][:, None]
            for entry in ("weight", "bias", "running_mean", "running_var")
        )
        if not self.fixed:
            mean, var = x.mean((0, 2))[:, None], x.var((0, 2))[:, None]
        return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta

    def block(self, x, name, mask=1.0):
        x = np.maximum(self.norm(self.conv(x, f"{name}.0", mask), f"{name}.1"), 0)
        return np.maximum(self.norm(self.conv(x, f"{name}.3"), f"{name}.4"), 0)

    def down(self, x, name, mask=1.0):
        x = np.maximum(x[..., : x.shape[-1] // 2 * 2 : 2], x[..., 1::2])
        return self.block(x, f"{name}.maxpool_conv.1.double_conv", mask)

    def up(self, x, skip, name):
        n = x.shape[-1]
        at = np.arange(2 * n) * (n - 1) / (2 * n - 1)
        x = np.apply_along_axis(lambda row: np.interp(at, np.arange(n), row), -1, x)
        d = skip.shape[-1] - 2 * n
        x = np.pad(x, [(0, 0), (0, 0), (d // 2, d - d // 2)])
        return self.block(np.concatenate([skip, x], axis=1), f"{name}.conv.double_conv")

    def mask(self, x):
        h = self.block(filters.wiener_system_function(x), "wienernet.inc.double_conv")
        for k in (1, 2, 3):
            h = self.down(h, f"wienernet.down{k}")
        h = np.stack([part.max(-1) for part in thirds(h)], axis=-1).mean(axis=0)
        return 1 + self.state["wienernet.beta"] * h[:, None]

    def __call__(self, x):
        mask = self.mask(x) if "wienernet.beta" in self.state else 1.0
        skips = [self.block(x, "inc.double_conv")]
        for k in (1, 2, 3):
            skips.append(self.down(skips[-1], f"down{k}"))
        y = self.down(skips[-1], "down4", mask)
        for k, skip in zip((1, 2, 3, 4), skips[::-1], strict=True):
            y = self.up(y, skip, f"up{k}")
        return self.conv(y, "outc.conv")


def thirds(x):
    """Samples floor(i n/3) .. ceil((i + 1) n/3) - 1, i = 0, 1, 2."""
    n = x.shape[-1]
    return [x[..., i * n // 3 : (i * n + n + 2) // 3] for i in range(3)]


@ALL_MODES
@PRIOR
@pytest.mark.parametrize("length", [16, 31, 100])
def test_a_unet_by_definition(mode, prior, length):
    net = mode(shaken(UNet(prior=prior, dtype=np.float64)))
    x = noisy(3, 1, length, dtype=np.float64)
    expected = Reference(net)(x)
    np.testing.assert_allclose(net(x).data, expected, rtol=1e-8, atol=1e-8)


@ALL_MODES
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_plain_net_by_definition(mode, kernel):
    net = mode(shaken(PlainNet(width=3, depth=3, kernel=kernel, dtype=np.float64)))
    x = y = noisy(3, 1, 20, dtype=np.float64)
    reference = Reference(net)
    for k in (0, 3):
        y = np.maximum(reference.norm(reference.conv(y, f"layers.{k}"), f"layers.{k + 1}"), 0)
    y = reference.conv(y, "layers.6")
    np.testing.assert_allclose(net(x).data, y, rtol=1e-9, atol=1e-9)


def test_activation_and_pooling_are_those_asked_for():
    x = noisy(2, 1, 32)
    outputs = [
        UNet(activation=activation, pool=pool, norm=norm)(x).data
        for activation, pool, norm in itertools.product(
            ("relu", "leaky_relu", "none"), ("max", "average"), ("batch", "none")
        )
    ]
    for one, other in itertools.combinations(outputs, 2):
        assert (one != other).any()


def test_without_norm_and_activation_and_with_average_pooling_it_is_affine():
    net = UNet(norm="none", activation="none", pool="average", dtype=np.float64)
    x, z = noisy(2, 2, 1, 50, dtype=np.float64)
    origin = net(0 * x).data
    expected = 2 * (net(x).data - origin) - 3 * (net(z).data - origin)
    np.testing.assert_allclose(net(2 * x - 3 * z).data - origin, expected, atol=1e-10)


@PRIOR
def test_every_length_from_16_is_kept(prior):
    net = UNet(prior=prior).eval("batch")
    for length in range(16, 131):
        y = net(noisy(2, 1, length)).data
        assert y.shape == (2, 1, length)
        assert np.isfinite(y).all()


@pytest.mark.parametrize("length", [1, 2, 3, 50])
def test_a_plain_net_takes_any_length(length):
    assert PlainNet(kernel=5)(noisy(2, 1, length)).shape == (2, 1, length)


# --- what an output sees


@pytest.mark.parametrize(
    ("depth", "kernel", "dilation", "reach"),
    [(2, 3, 1, 2), (4, 3, 1, 4), (3, 5, 1, 6), (3, 1, 1, 0), (2, 3, 2, 4), (3, 3, [1, 2, 4], 7)],
)
def test_a_plain_net_sees_as_far_as_its_kernels(depth, kernel, dilation, reach):
    net = shaken(PlainNet(4, depth, kernel, dilation, activation="none", dtype=np.float64)).eval()
    x = noisy(1, 1, 61, dtype=np.float64)
    moved = x.copy()
    moved[..., 30] += 1
    seen = np.flatnonzero(net(moved).data[0, 0] - net(x).data[0, 0])
    assert net.reach == reach
    if dilation == 2:  # nothing in between
        np.testing.assert_array_equal(seen, np.arange(30 - reach, 30 + reach + 1, 2))
    else:
        np.testing.assert_array_equal(seen, np.arange(30 - reach, 30 + reach + 1))


@pytest.mark.parametrize("dilation", [[1, 2], [1, 2, 0], 0, "2"])
def test_a_plain_net_needs_a_dilation_for_each_convolution(dilation):
    with pytest.raises((ValueError, TypeError), match="dilation must"):
        PlainNet(depth=3, dilation=dilation)


def test_a_unet_sees_its_surroundings_in_fixed_mode_and_everything_in_unfixed_mode():
    """62 samples by encoder kernels, 30 by decoder kernels, the rest by pooling and upsampling."""
    net = shaken(UNet(activation="none", dtype=np.float64))
    x = noisy(1, 1, 800, dtype=np.float64)
    moved = x.copy()
    moved[..., 400] += 1
    seen = np.flatnonzero(net.eval()(moved).data[0, 0] != net(x).data[0, 0])
    assert 60 < 400 - seen[0] < 160
    assert 60 < seen[-1] - 400 < 160
    net.eval("batch")
    assert (net(moved).data != net(x).data).mean() > 0.99


@ALL_MODES
@pytest.mark.parametrize("make", [UNet, PlainNet])
def test_signals_of_a_batch_meet_only_in_its_statistics(mode, make):
    net = mode(make(dtype=np.float64))
    x = noisy(4, 1, 40, dtype=np.float64)
    together = net(x).data
    apart = np.concatenate([net(signal[None]).data for signal in x])
    if net.statistics == "running":
        np.testing.assert_allclose(together, apart, rtol=1e-10, atol=1e-12)
    else:
        assert np.abs(together - apart).max() > 0.01
    np.testing.assert_allclose(net(x[::-1]).data, together[::-1], rtol=1e-9, atol=1e-10)


# --- gradients


TWO_MODES = pytest.mark.parametrize(
    "mode", [MODES["training"], MODES["fixed"]], ids=["training", "fixed"]
)


@TWO_MODES
@pytest.mark.parametrize("options", [{}, {"norm": "none"}, {"activation": "leaky_relu"}], ids=str)
def test_gradients_of_a_plain_net(mode, options, gradcheck):
    net = mode(shaken(PlainNet(3, 3, dtype=np.float64, **options)))
    x = noisy(2, 1, 9, dtype=np.float64)
    gradcheck(lambda x, *_: net(x), x, *net.parameters(), replay=True)


@TWO_MODES
@pytest.mark.parametrize("options", [{}, {"norm": "none"}, {"pool": "average"}], ids=str)
def test_gradients_of_a_unet(mode, options, gradcheck):
    net = mode(shaken(UNet(**SMALL, **options)))
    x = noisy(2, 1, 35, dtype=np.float64)
    gradcheck(lambda x, *_: net(x), x, *net.parameters(), replay=True)


@TWO_MODES
def test_gradients_of_the_parameters_with_prior(mode, gradcheck):
    net = mode(shaken(UNet(prior=True, **SMALL)))
    x = noisy(2, 1, 35, dtype=np.float64)
    gradcheck(lambda *_: net(x), *net.parameters(), replay=True)
    for name, parameter in net.named_parameters():
        if name.endswith(("beta", "double_conv.3.weight")):
            assert parameter.grad.any(), name


# --- the prior


def masked(net, x):
    """A net without prior whose kernel is the one that the prior makes for x."""
    state = {k: v for k, v in net.state_dict().items() if not k.startswith("wienernet")}
    name = "down4.maxpool_conv.1.double_conv.0.weight"
    state[name] = state[name] * Reference(net).mask(x)
    plain = UNet(dtype=net.dtype)
    plain.load_state_dict(state)
    return plain.eval(net.statistics)


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_the_prior_counts_as_a_constant_for_the_gradient_of_the_input(statistics):
    net = shaken(UNet(prior=True, dtype=np.float64)).eval(statistics)
    x = noisy(3, 1, 50, dtype=np.float64)
    gradients = []
    for model in (net, masked(net, x)):
        signal = Tensor(x, requires_grad=True)
        y = model(signal)
        (y * noisy(3, 1, 50, dtype=np.float64, seed=1)).sum().backward()
        gradients.append(signal.grad)
    assert gradients[0].any()
    np.testing.assert_allclose(*gradients, rtol=1e-8, atol=1e-10)


def test_the_stored_kernel_is_never_overwritten():
    net = UNet(prior=True)
    before, vector = net.state_dict(), net.vector.copy()
    program = Program(lambda x: (net(x) ** 2).sum())
    for seed in range(3):
        x = noisy(3, 1, 40, seed=seed)
        (net(x) ** 2).sum().backward()
        program(x)
        program.backward()
    np.testing.assert_array_equal(net.vector, vector)
    name = "down4.maxpool_conv.1.double_conv.0.weight"
    assert net.state_dict()[name].tobytes() == before[name].tobytes()


@ALL_MODES
def test_beta_zero_is_the_net_without_prior(mode):
    net = shaken(UNet(prior=True))
    net.wienernet.beta.data[...] = 0
    plain = UNet(rng=1)
    state = net.state_dict()
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith("wienernet.")})
    x = noisy(3, 1, 100)
    np.testing.assert_array_equal(mode(net)(x).data, mode(plain)(x).data)


def test_beta_starts_at_one_half():
    np.testing.assert_array_equal(UNet(prior=True).wienernet.beta.data, np.float32([0.5]))


def test_the_prior_leaves_the_other_weights_as_drawn():
    one, other = UNet(rng=5).state_dict(), UNet(rng=5, prior=True).state_dict()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])


def test_with_prior_the_batch_matters_even_in_fixed_mode():
    x = noisy(4, 1, 100)
    alone, together = [], []
    for prior in (True, False):
        net = shaken(UNet(prior=prior)).eval("running")
        alone.append(net(x[:1]).data)
        together.append(net(x).data[:1])
    assert np.abs(alone[0] - together[0]).max() > 1e-3
    np.testing.assert_allclose(alone[1], together[1], rtol=1e-5, atol=1e-6)


def test_the_mask_is_one_for_each_output_channel_and_tap():
    net = UNet(prior=True).eval("batch")
    mask = net.wienernet(Tensor(noisy(3, 1, 100)))
    assert mask.shape == (16, 1, 3)
    assert (mask.data >= 1).all()  # h is not negative, beta is 0.5
    assert np.unique(mask.data).size > 16


@pytest.mark.parametrize("n", range(1, 41))
def test_three_taps_hold_the_largest_of_each_third(n):
    x = noisy(2, 3, n)
    y = _thirds(ops.signals(x)).data
    assert y.shape == (2, 3, 3)
    bounds = [(int(np.floor(i * n / 3)), int(np.ceil((i + 1) * n / 3))) for i in range(3)]
    for tap, (first, end) in enumerate(bounds):
        np.testing.assert_array_equal(y[..., tap], x[..., first:end].max(axis=-1))


# --- training, replayed

SETTINGS = {
    "U-Net": (UNet, {}),
    "U-Net, average, leaky": (UNet, {"pool": "average", "activation": "leaky_relu"}),
    "U-Net without norm": (UNet, {"norm": "none", "init": "he"}),
    "with prior": (UNet, {"prior": True}),
    "plain": (PlainNet, {}),
    "plain, long kernels": (PlainNet, {"width": 5, "depth": 3, "kernel": 7, "init": "lecun"}),
}
EVERY = pytest.mark.parametrize(("make", "options"), SETTINGS.values(), ids=SETTINGS)


def loss_of(net):
    """Sum of squared errors; all that a training step computes before the optimiser."""
    return lambda x, target: ((net(x) - ops.signals(target)) ** 2).sum()


def arrays_of(shape, seed):
    clean = noisy(*shape, seed=seed)
    return clean + noisy(*shape, seed=100 + seed), clean


@EVERY
@pytest.mark.parametrize("shape", [(4, 1, 100), (3, 1, 37)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_by_replays_equals_training_call_by_call(make, options, shape, dtype):
    """Loss, gradients, weights and running statistics: bit for bit, step by step."""
    eager, replayed = make(**options, dtype=dtype), make(**options, dtype=dtype)
    program = Program(loss_of(replayed))
    for step in range(4):
        x, target = (a.astype(dtype) for a in arrays_of(shape, step))
        loss = loss_of(eager)(Tensor(x), Tensor(target))
        loss.backward()
        np.testing.assert_array_equal(program(x, target), loss.data)
        program.backward()
        np.testing.assert_array_equal(replayed.gradient, eager.gradient)
        for net in (eager, replayed):
            net.vector -= dtype(1e-4) * net.gradient
        for name, value in eager.state_dict().items():
            np.testing.assert_array_equal(replayed.state_dict()[name], value, err_msg=name)
    assert (eager.vector != make(**options, dtype=dtype).vector).mean() > 0.5


@EVERY
@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_testing_by_replays_sees_new_weights_and_statistics(make, options, statistics):
    net = make(**options).eval(statistics)
    program = Program(net)
    for seed in range(3):
        x = noisy(3, 1, 40, seed=seed)
        np.testing.assert_array_equal(program(x), net(x).data)
        shaken(net, seed)


@EVERY
def test_running_statistics_move_once_for_each_call(make, options):
    net, other = make(**options), make(**options)
    program = Program(net)
    for seed in range(3):
        x = noisy(3, 1, 40, seed=seed)
        program(x)
        other(x)
        for name, value in other.state_dict().items():
            np.testing.assert_array_equal(net.state_dict()[name], value)


@EVERY
def test_two_programs_of_one_net_train_on_two_shapes_in_turn(make, options):
    """As for the last batch of an epoch, which is smaller."""
    eager, replayed = make(**options), make(**options)
    programs = {shape: Program(loss_of(replayed)) for shape in ((4, 1, 40), (2, 1, 40), (2, 1, 50))}
    for step, (shape, program) in enumerate(2 * list(programs.items())):
        x, target = arrays_of(shape, step)
        program(x, target)
        program.backward()
        loss_of(eager)(Tensor(x), Tensor(target)).backward()
        np.testing.assert_array_equal(replayed.gradient, eager.gradient)
        for net in (eager, replayed):
            net.vector -= np.float32(1e-4) * net.gradient


@EVERY
@pytest.mark.parametrize("mode", [*MODES.values(), lambda net: net.eval("signal")])
def test_a_step_holds_nothing_but_float32(mode, make, options, float_arrays):
    net = mode(make(**options))
    program = Program(loss_of(net))
    for step in range(2):
        program(*arrays_of((4, 1, 40), step))
        program.backward()
    arrays = [*float_arrays(program), net.vector, net.gradient, *net.state_dict().values()]
    assert len(arrays) > 100
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("net", "limit"),
    [
        (UNet(), 1e5),  # NumPy buffers a few thousand numbers
        (UNet(pool="average"), 1e5),
        (PlainNet(), 1e5),
        (UNet(activation="leaky_relu"), 5e5),  # np.take makes long integers of its indices
        (UNet(prior=True), 1e6),  # Fourier transforms of the input
    ],
    ids=["U-Net", "average", "plain", "leaky", "with prior"],
)
def test_a_replayed_step_allocates_little(net, limit):
    program, x = Program(lambda x: net(x).sum()), noisy(64, 1, 256)
    for _ in range(2):
        program(x)
        program.backward()
    assert max(op.out.data.nbytes for op in program.ops) > 1.2e5
    tracemalloc.start()
    program(x)
    program.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit


def test_a_replayed_step_plans_nothing_and_copies_no_signals(monkeypatch):
    """18 times convolution, norm and activation, 4 poolings, upsamplings and joints, 1 pad, out."""
    net = UNet()
    program = Program(net)
    program(noisy(4, 1, 100))
    assert len(program.ops) <= 3 * 18 + 3 * 4 + 1 + 1
    assert not any(isinstance(op, ops.layout.Copy) for op in program.ops)
    monkeypatch.setattr(Op, "__init__", None)
    program(noisy(4, 1, 100, seed=1))
