"""Networks side by side: each computes, learns, fails and is saved as it would alone."""

import copy
import pickle

import numpy as np
import pytest

from denoiselib.experiments import variants
from denoiselib.nn import (
    PlainNet,
    UNet,
    checkpoint,
    denoise_long,
    losses,
    optim,
    stack,
    stacks,
    train,
    unstack,
)
from denoiselib.nn.modules import ACTIVATIONS, STATISTICS, Module, Parameter
from denoiselib.nn.norm import NORMS
from denoiselib.nn.norm.sparse import MAPS, THRESHOLDS

NETS = 3
#: All norms, all maps and all levels.
NORM_NAMES = [*NORMS, *(f"{name}*shared" for name in MAPS), "instance+firm*mad", "batch+l1*both"]
NORM_NAMES += [f"nonnegative_l1*{level}" for level in THRESHOLDS if level != "shared"]


def several(kind=UNet, **options):
    """Make nets whose numbers are no longer those of a start."""
    nets = [kind(rng=seed, dtype=np.float64, **options) for seed in range(NETS)]
    for seed, net in enumerate(nets):
        net.vector += 0.05 * np.random.default_rng(seed).standard_normal(net.vector.shape)
    return nets


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def parts_of_gradient(whole):
    return [whole.gradient[optim.SGD(whole, 1.0).owner == k] for k in range(whole.nets)]


def computes_as_alone(nets, channels=1):
    rng = np.random.default_rng(9)
    x = np.abs(rng.standard_normal((4, channels, 40)))
    target = rng.standard_normal((4, NETS, 40))
    whole = stack(nets)
    y = whole(x)
    each = losses.smooth_l1(y, target, NETS)
    (each * np.arange(1.0, NETS + 1)).sum().backward()
    for k, (net, gradient) in enumerate(zip(nets, parts_of_gradient(whole), strict=True)):
        alone = net(x)
        close(y.data[:, k], alone.data[:, 0])
        loss = losses.smooth_l1(alone, target[:, k : k + 1])
        close(each.data[k], loss.item())
        (loss * (k + 1.0)).backward()
        close(gradient, net.gradient)
        taken = unstack(whole)[k].state_dict()  # with the running statistics of that pass
        for name, array in net.state_dict().items():
            close(taken[name], array)


@pytest.mark.parametrize("norm", NORM_NAMES)
def test_any_norm_computes_as_alone_forward_and_backward(norm):
    computes_as_alone(several(channels=(2, 4, 4, 4, 4), norm=norm))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("level", [None, "mad", "given"])
@pytest.mark.parametrize("kind", [UNet, PlainNet])
def test_any_activation_and_level_computes_as_alone(kind, level, activation):
    nets = several(kind, level=level, activation=activation)
    computes_as_alone(nets, 2 if level == "given" else 1)


@pytest.mark.parametrize("options", [{}, {"level": "mad"}, {"pool": "average", "bias": False}])
def test_prior_networks_compute_as_alone(options):
    computes_as_alone(several(prior=True, **options))


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: optim.Scaled(optim.Clipped(x, 0.1), 8.0)])
@pytest.mark.parametrize("make", [optim.Adam, optim.SGD, optim.AdamW])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("kind", "options", "exact"),
    [
        (UNet, {"norm": "batch"}, True),
        # biases that batch norm takes away have gradients of rounding, which Adam makes large
        (UNet, {"prior": True, "bias": False}, False),
        (UNet, {"level": "mad", "norm": "none", "activation": "leaky_relu"}, True),
        (PlainNet, {"norm": "batch+l1*mad"}, True),
        (PlainNet, {"norm": "batch+l1*shared", "activation": "prelu"}, False),
    ],
)
def test_a_stack_learns_as_its_nets_do_alone(kind, options, exact, own, make, wrap):
    """To the last bit, except where sums are taken over all nets in one product."""
    same = np.testing.assert_array_equal if exact else close
    nets = several(kind, **options)
    whole = stack(nets)
    sources = [train.fresh("blocks", 1.0, 4, 32, seed=own * k) for k in range(NETS)]
    settings = {
        "validation": train.fresh("blocks", 1.0, 5, 32, seed=99)(0),
        "every": 10,
        "schedule": optim.cosine(1e-3, 100),
        "loss": "smooth_l1",
        "steps": 100,
    }
    data = stacks.streams(sources) if own else sources[0]
    together = train.fit(whole, data, wrap(make(whole, 1e-3)), **settings)
    for k, (net, learned) in enumerate(zip(nets, unstack(whole), strict=True)):
        alone = train.fit(net, sources[k], wrap(make(net, 1e-3)), **settings)
        for name, array in net.state_dict().items():
            same(learned.state_dict()[name], array)
        for name in ("loss", "rmse"):
            same([values[k] for values in together[name]], alone[name])
        best = unstack_state(whole, together.best, k)
        for name, array in alone.best.items():
            same(best[name], array)


def unstack_state(whole, state, k):
    whole = copy.deepcopy(whole)
    whole.load_state_dict(state)
    return unstack(whole)[k].state_dict()


@pytest.mark.parametrize("statistics", [*STATISTICS, None])
@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_every_mode_denoises_as_alone(statistics, batch_size):
    nets = several(PlainNet, norm="batch+l1*mad")
    for net in nets:
        net.train()(np.random.default_rng(3).standard_normal((8, 1, 30)))
        if statistics:
            net.eval(statistics)
    noisy = np.random.default_rng(4).standard_normal((2, 3, 30))
    together = stack(nets).denoise(noisy, batch_size)
    assert together.shape == (NETS, 2, 3, 30)
    for k, net in enumerate(nets):
        close(together[k], net.denoise(noisy, batch_size))


def test_a_net_that_diverges_is_named_and_leaves_the_others_alone():
    nets = several(PlainNet)
    lost = nets[1]
    lost.vector[:] = 1e200
    before = lost.state_dict()
    whole = stack(nets)
    data = train.fresh("blocks", 1.0, 4, 32)
    with (
        pytest.warns(RuntimeWarning, match="net 1 of the stack: its loss is .* at step 0"),
        np.errstate(all="ignore"),
    ):
        history = train.fit(whole, data, optim.Adam(whole, 1e-2), 20, every=10)
    for k, (net, learned) in enumerate(zip(nets, unstack(whole), strict=True)):
        if k != 1:
            alone = train.fit(net, data, optim.Adam(net, 1e-2), 20, every=10)
            close([values[k] for values in history["loss"]], alone["loss"])
            states = learned.state_dict(), net.state_dict()
            for name, values in states[1].items():
                close(states[0][name], values)
    kept = unstack(whole)[1].state_dict()
    assert all(np.array_equal(kept[k], v) for k, v in before.items() if "running" not in k)
    whole.vector[:] = 1e200
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="at step 0"):
        train.fit(whole, data, optim.Adam(whole, 1e-2), 1)


def test_a_net_skips_a_step_alone():
    """The gradients of one overflow at its scale; it waits, and its Adam has counted less."""
    nets = [PlainNet(width=4, rng=seed) for seed in range(NETS)]
    data = train.fresh("blocks", 1.0, 4, 32)
    whole = stack(nets)
    together = optim.Scaled(optim.Adam(whole, 1e-2), 2.0)
    together.state["scale"][1] = 2.0**140
    with np.errstate(over="ignore", invalid="ignore"):
        train.fit(whole, data, together, 30)
    assert together.inner.state["t"].tolist()[0] == 30 > together.inner.state["t"][1] > 10
    for k, (net, learned) in enumerate(zip(nets, unstack(whole), strict=True)):
        alone = optim.Scaled(optim.Adam(net, 1e-2), 2.0**140 if k == 1 else 2.0)
        with np.errstate(over="ignore", invalid="ignore"):
            train.fit(net, data, alone, 30)
        np.testing.assert_array_equal(learned.vector, net.vector)
        assert together.scale[k] == alone.scale


def test_a_stack_goes_on_from_a_checkpoint_bit_for_bit(tmp_path):
    data, settings = train.fresh("blocks", 1.0, 4, 32), {"every": 5}
    settings["validation"] = data(1000)
    runs = []
    for stops in ([30], [13, 30]):
        whole = stack(several(PlainNet))
        for steps in stops:
            optimizer = optim.Scaled(optim.Adam(whole, 1e-2))
            path = tmp_path / f"{len(stops)}.npz"
            file = checkpoint.Checkpoint(path, whole, optimizer)
            history = train.fit(
                whole, data, optimizer, steps, callbacks=[file], history=file.history, **settings
            )
        runs.append((whole.vector.copy(), history["rmse"][-1], history.best["layers.0.weight"]))
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)
    alone = PlainNet(dtype=np.float64)
    with pytest.raises(ValueError, match="no checkpoint of this training"):
        checkpoint.Checkpoint(path, alone, optim.Scaled(optim.Adam(alone, 1e-2)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_of_stacks_are_whole(copied):
    nets = several(prior=True)
    whole = stack(nets)
    again = copied(whole)
    for net, other in zip(nets, unstack(again), strict=True):
        assert net.state_dict().keys() == other.state_dict().keys()
        np.testing.assert_array_equal(net.vector, other.vector)
    again.vector[:] = 0
    np.testing.assert_array_equal(unstack(whole)[1].vector, nets[1].vector)
    train.fit(again, train.fresh("blocks", 1.0, 2, 32), optim.Adam(again, 1e-2), 2)
    assert again.vector.any()


def test_nets_are_left_as_they_were():
    nets = several()
    before = [net.vector.copy() for net in nets]
    whole = stack(nets)
    train.fit(whole, train.fresh("blocks", 1.0, 2, 32), optim.Adam(whole, 1e-2), 2)
    for net, vector in zip(nets, before, strict=True):
        np.testing.assert_array_equal(net.vector, vector)
        assert net.nets == 1


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "at least two"),
        ([PlainNet(dtype=np.float64, width=8)], r"nets\[1\] has .*weight"),
        ([PlainNet()], r"nets\[1\] has .*float32"),
        ([UNet(dtype=np.float64)], r"nets\[1\] has "),
        ([PlainNet(dtype=np.float64).eval()], r"_training = False"),
        ([PlainNet(dtype=np.float64, activation="gelu")], r"nets\[1\] has .*function"),
        ([PlainNet(dtype=np.float64, dilation=2)], r"nets\[1\] has .*dilation = 2, not 1"),
        ([stack(several(PlainNet))], "single networks"),
        (["a net"], "nets"),
    ],
)
def test_what_cannot_stand_side_by_side_is_refused(others, words):
    with pytest.raises((ValueError, TypeError), match=words):
        stack([PlainNet(dtype=np.float64), *others])


class Mixing(Module):
    """A norm of a reader, which does not know of stacks: it takes the mean over all channels."""

    def __init__(self, channels, dtype):
        self.weight = Parameter(np.ones((channels, 1), dtype))

    def forward(self, x):
        """Take the mean away."""
        return (x - x.mean(axis=1, keepdims=True)) * self.weight


def test_a_layer_that_mixes_the_nets_is_refused(monkeypatch):
    monkeypatch.setitem(NORMS, "mixing", Mixing)
    nets = [PlainNet(norm="mixing", rng=seed) for seed in range(NETS)]
    with pytest.raises(ValueError, match="cannot stand side by side"):
        stack(nets)


def test_what_takes_one_network_says_so():
    whole = stack(several(PlainNet))
    with pytest.raises(ValueError, match="single network"):
        denoise_long(whole, np.zeros(100))
    with pytest.raises(ValueError, match="whole must be a stack"):
        unstack(PlainNet())
    loss = variants.penalised(variants.sparsity(0.1))
    data = train.fresh("blocks", 1.0, 2, 32)
    with pytest.raises(ValueError, match="prediction and target"):
        train.fit(whole, data, optim.Adam(whole), 1, loss=loss)
    with pytest.raises(TypeError, match="3 numbers, one for each net"):
        train.fit(whole, data, optim.Adam(whole), 1, loss=lambda net, x, t: (net(x) - t).mean())
    with pytest.raises(ValueError, match="x must have the shape"):
        whole(np.zeros((2, 2, 32)))
