import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.interpret import (
    energy,
    features,
    find_layers,
    in_place_of,
    jacobian,
    minimise_energy,
    norm_gains,
    watching,
)
from denoiselib.nn import optim, train


def test_layers_of_a_unet_are_found_in_order(unet):
    layers = find_layers(unet)
    assert len(layers) == 19
    assert list(layers)[8:12] == ["down4 1", "down4 2", "up1 1", "up1 2"]
    assert list(layers)[-1] == "outc"
    shapes = [layer.conv.weight.shape[:2] for layer in layers.values()]
    assert shapes[8:12] == [(16, 16), (16, 16), (16, 32), (8, 16)]
    assert all(layer.norm and layer.activation for layer in list(layers.values())[:-1])
    assert layers["outc"].norm is layers["outc"].activation is None


def test_a_net_without_norm_has_layers_without():
    first, *_, last = find_layers(nn.PlainNet(norm="none")).values()
    assert first.norm is None
    assert first.activation is not None
    assert last.activation is None


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_features_are_what_each_step_computes(plain, noisy, statistics):
    plain.eval(statistics)
    x = noisy[:, None]
    for (_, layer), seen in zip(
        find_layers(plain).items(), features(plain, noisy).values(), strict=True
    ):
        np.testing.assert_array_equal(seen.input, x)
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=-1)
        before = np.einsum("ock,nctk->not", layer.conv.weight.data, windows)
        before += layer.conv.bias.data[:, None]
        np.testing.assert_allclose(seen.before, before, atol=1e-12)
        x = before
        if layer.norm is not None:
            mean, var = layer.norm.running_mean.data, layer.norm.running_var.data
            if statistics == "batch":
                mean, var = before.mean(axis=(0, 2)), before.var(axis=(0, 2))
            scale = layer.norm.weight.data / np.sqrt(var + 1e-5)
            x = scale[:, None] * (before - mean[:, None]) + layer.norm.bias.data[:, None]
            np.testing.assert_allclose(seen.normal, x, atol=1e-12)
            x = np.maximum(x, 0)
        np.testing.assert_allclose(seen.output, x, atol=1e-12)
        x = seen.output
    np.testing.assert_allclose(x[:, 0], plain.denoise(noisy), atol=1e-12)


def test_looking_leaves_the_network_as_it_was(unet, noisy):
    before, state = unet.denoise(noisy), unet.state_dict()
    seen = features(unet.eval("batch"), noisy)
    np.testing.assert_allclose(seen["outc"].output[:, 0], unet.denoise(noisy), atol=1e-12)
    np.testing.assert_array_equal(unet.eval().denoise(noisy), before)
    assert all("forward" not in vars(module) for module in unet.modules())
    for name, value in unet.state_dict().items():
        np.testing.assert_array_equal(value, state[name])


def test_watching_gathers_input_and_output_in_the_order_of_the_computation(plain, noisy):
    layers, x = find_layers(plain), noisy[:, None]
    with watching(layer.conv for layer in layers.values()) as seen:
        plain(x)
        plain(2 * x)
    assert [module for module, _, _ in seen] == 2 * [layer.conv for layer in layers.values()]
    expected = features(plain, 2 * noisy)["layer 2"]
    np.testing.assert_array_equal(seen[4][1].data, expected.input)
    np.testing.assert_array_equal(seen[4][2].data, expected.before)
    seen.clear()
    plain(x)
    assert seen == []


def test_what_is_watched_is_on_the_tape(plain, noisy):
    layer = find_layers(plain)["layer 2"]
    with watching([layer.activation]) as seen:
        plain(noisy[:, None])
    (_, before, after), positive = seen[0], features(plain, noisy)["layer 2"].normal > 0
    after.sum().backward()
    np.testing.assert_allclose(layer.norm.bias.grad, positive.sum(axis=(0, 2)))
    assert before.shape == after.shape


def test_watching_inside_of_watching_and_of_replacements(plain, noisy):
    activation, x = find_layers(plain)["layer 1"].activation, noisy[:, None]
    with in_place_of({activation: lambda module, x: abs(x)}), watching([activation]) as outer:
        with watching([activation]) as inner:
            plain(x)
        plain(x)
    plain(x)
    assert (len(outer), len(inner)) == (2, 1)
    np.testing.assert_array_equal(inner[0][2].data, abs(inner[0][1].data))
    assert "forward" not in vars(activation)


def test_modules_compute_as_before_after_an_error(plain, noisy):
    activation = find_layers(plain)["layer 1"].activation
    with pytest.raises(ValueError, match="finite"), watching([activation]):
        features(plain, np.full((1, 40), np.nan))
    assert "forward" not in vars(activation)


def test_zeros_and_dead_channels_are_counted(plain, noisy):
    layer = find_layers(plain)["layer 2"]
    layer.norm.weight.data[:2], layer.norm.bias.data[:2] = 0, (-1, 1)
    seen = features(plain, noisy)["layer 2"]
    assert seen.zeros()[0] == 1
    assert seen.zeros()[1] == 0
    assert list(seen.dead()) == [True, True, False, False, False]
    count = sum((seen.output[:, 3] == 0).ravel())
    assert seen.zeros()[3] == count / noisy.size


@pytest.mark.parametrize("statistics", ["running", "batch", "signal"])
def test_gains_are_the_factors_of_batch_norm(unet, noisy, statistics):
    gains, seen = norm_gains(unet.eval(statistics), noisy), features(unet, noisy)
    assert list(gains) == list(seen)[:-1]
    for name, gain in gains.items():
        axes = 2 if statistics == "signal" else (0, 2)
        before, after = (
            x - x.mean(axis=axes, keepdims=True) for x in (seen[name].before, seen[name].normal)
        )
        np.testing.assert_allclose(gain[..., None] * before, after, atol=1e-10)


def test_unfixed_gain_undoes_the_scale(plain, noisy):
    find_layers(plain)["layer 1"].conv.bias.data[:] = 0
    fixed, unfixed = (
        [norm_gains(plain.eval(mode), c * noisy)["layer 1"] for c in (1, 4)]
        for mode in ("running", "batch")
    )
    np.testing.assert_array_equal(*fixed)
    np.testing.assert_allclose(unfixed[0], 4 * unfixed[1], rtol=1e-4)  # the eps of batch norm


def test_refused(plain, noisy):
    with pytest.raises(ValueError, match="prior"):
        find_layers(nn.UNet(prior=True))
    with pytest.raises(ValueError, match="evaluation mode"):
        features(plain.train(), noisy)
    with pytest.raises(ValueError, match="finite"):
        features(plain.eval(), np.full((1, 40), np.nan))


# --- beside other threads


def in_thread(function, *args):
    """Return what a function returns in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result(60)


def halved(module, x):
    return x * 0.5


#: What may be replaced in a network.
REPLACED = {
    "activation": lambda net: find_layers(net)["layer 1"].activation,
    "convolution": lambda net: find_layers(net)["layer 2"].conv,
    "norm": lambda net: find_layers(net)["layer 2"].norm,
    "all layers": lambda net: net.layers,
    "network": lambda net: net,
}


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("kind", REPLACED)
def test_what_is_put_in_place_of_a_module_holds_for_its_thread_alone(plain, noisy, kind, planned):
    module, x = REPLACED[kind](plain), noisy[:, None]
    if planned:
        before = plain.denoise(noisy)
    with in_place_of({module: halved}):
        replaced = plain(x).data[:, 0]
        for _ in range(2):
            np.testing.assert_array_equal(plain.denoise(noisy), replaced)
            other = in_thread(plain.denoise, noisy)
            np.testing.assert_array_equal(other, in_thread(lambda: plain(x).data[:, 0]))
        assert np.abs(other - replaced).max() > 1e-4
    np.testing.assert_array_equal(plain.denoise(noisy), other)
    np.testing.assert_array_equal(before if planned else other, other)


def test_replacements_in_two_threads_may_end_in_any_order(plain, noisy):
    module, expected = find_layers(plain)["layer 1"].activation, {}
    factors = (0.5, 3.0)
    for factor in factors:
        with in_place_of({module: lambda module, x, c=factor: c * x}):
            expected[factor] = plain.denoise(noisy)
    alone = plain.denoise(noisy)
    for last in factors:
        barrier = threading.Barrier(2)

        def look(factor, barrier=barrier, last=last):
            found = []
            with in_place_of({module: lambda module, x: factor * x}):
                barrier.wait(30)
                found.append(plain.denoise(noisy))
                barrier.wait(30)
                if factor == last:
                    barrier.wait(30)
                    found.append(plain.denoise(noisy))
            if factor != last:
                barrier.wait(30)
            return [*found, plain.denoise(noisy)]

        with ThreadPoolExecutor(2) as pool:
            for factor, found in zip(factors, pool.map(look, factors), strict=True):
                np.testing.assert_array_equal(found[-1], alone)
                for estimate in found[:-1]:
                    np.testing.assert_array_equal(estimate, expected[factor])


@pytest.mark.parametrize(
    "look",
    [
        lambda net, noisy: features(net, noisy)["layer 2"].output,
        lambda net, noisy: minimise_energy(net, "layer 2", noisy, steps=3).estimate,
        lambda net, noisy: jacobian(net, noisy[0, :12]),
        lambda net, noisy: net.denoise(noisy),
    ],
)
def test_looking_changes_nothing_in_other_threads(plain, noisy, look):
    expected, estimate = look(plain, noisy), plain.denoise(noisy)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as pool:
            looks = [pool.submit(look, plain, noisy) for _ in range(20)]
            estimates = [pool.submit(plain.denoise, noisy) for _ in range(60)]
            for found in looks:
                np.testing.assert_array_equal(found.result(60), expected)
            for found in estimates:
                np.testing.assert_array_equal(found.result(60), estimate)
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(
    "look",
    [
        lambda net, noisy: features(net, noisy),
        lambda net, noisy: minimise_energy(net, "layer 2", noisy, steps=3),
        lambda net, noisy: jacobian(net, noisy),
        lambda net, noisy: energy(net, "layer 2", np.zeros((4, 5, 40)), noisy, noisy),
    ],
)
def test_a_training_that_begins_while_one_looks_is_noticed(plain, noisy, look, monkeypatch):
    data = train.fresh("blocks", 3.0, 2, 40)
    forward = nn.PlainNet.forward

    def slowly(self, x):
        if threading.current_thread() is threading.main_thread():
            with contextlib.suppress(ValueError):  # of parameters that are held constant
                in_thread(train.fit, plain, data, optim.SGD(plain, 1e-3), 1)
            plain.eval()
        return forward(self, x)

    monkeypatch.setattr(nn.PlainNet, "forward", slowly)
    with pytest.raises(RuntimeError, match="net was trained by another thread meanwhile"):
        look(plain, noisy)
