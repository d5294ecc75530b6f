import math

import numpy as np
import pytest

from denoiselib.nn import PlainNet, optim


@pytest.fixture
def net():
    return PlainNet(width=2, depth=2, norm="none", dtype=np.float64)


GRADIENTS = np.random.default_rng(0).standard_normal((50, 17))


def run(optimizer, net, steps=50):
    for gradient in GRADIENTS[:steps]:
        net.gradient[...] = np.resize(gradient, net.gradient.size)
        optimizer.step()
    return net.vector


def gradients(net):
    return [np.resize(gradient, net.gradient.size) for gradient in GRADIENTS]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd_is_its_formula(net, momentum, decay):
    p, velocity = net.vector.copy(), 0.0
    for g in gradients(net):
        velocity = momentum * velocity + g + decay * p
        p = p - 0.01 * velocity
    np.testing.assert_allclose(run(optim.SGD(net, 0.01, momentum, decay), net), p, rtol=1e-12)


@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_is_its_formula(net, kind, decay):
    p, m, v = net.vector.copy(), 0.0, 0.0
    for t, g in enumerate(gradients(net), 1):
        if kind is optim.AdamW:
            p = p * (1 - 0.01 * decay)
        else:
            g = g + decay * p
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        p = p - 0.01 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-8)
    optimizer = kind(net, 0.01, betas=(0.8, 0.95), weight_decay=decay)
    np.testing.assert_allclose(run(optimizer, net), p, rtol=1e-10)


@pytest.mark.parametrize("kind", optim.OPTIMIZERS.values())
def test_float32_stays_float32_and_parameters_follow(kind):
    net = PlainNet(width=2, depth=2)
    before = net.state_dict()
    optimizer = kind(net, 0.1)
    run(optimizer, net, 3)
    after = net.state_dict()
    assert {array.dtype for array in after.values()} == {np.dtype(np.float32)}
    assert all(np.any(after[name] != before[name]) for name, _ in net.named_parameters())


@pytest.mark.parametrize("kind", optim.OPTIMIZERS.values())
def test_a_saved_state_goes_on_bit_for_bit(kind):
    def fresh():
        net = PlainNet(width=2, depth=2, dtype=np.float64)
        return net, kind(net, 0.1)

    net, optimizer = fresh()
    run(optimizer, net, 5)
    other, resumed = fresh()
    other.load_state_dict(net.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    np.testing.assert_array_equal(run(resumed, other, 5), run(optimizer, net, 5))


def test_a_foreign_state_is_refused(net):
    with pytest.raises(ValueError, match="velocity"):
        optim.SGD(net, 0.1).load_state_dict({"m": np.zeros(3)})
    with pytest.raises(ValueError, match="velocity"):
        optim.SGD(net, 0.1).load_state_dict({"velocity": np.zeros(3)})


def test_schedules():
    cosine = optim.cosine(2.0, 10, minimum=1.0)
    assert cosine(0) == 2
    assert cosine(5) == pytest.approx(1.5)
    assert cosine(10) == cosine(99) == 1
    sgdr = optim.warm_restarts(1.0, 4, factor=2, minimum=0.5)
    starts = [step for step in range(40) if sgdr(step) == 1]
    assert starts == [0, 4, 12, 28]
    assert sgdr(8) == pytest.approx(0.75)  # half way of the second period, 4 .. 12
    stairs = optim.staircase(1.0, 3, 0.1)
    np.testing.assert_allclose([stairs(k) for k in (0, 2, 3, 6)], [1, 1, 0.1, 0.01])
    assert optim.constant(0.3)(10**9) == 0.3


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: optim.cosine(-1.0, 10), "lr"),
        (lambda: optim.cosine(1.0, 0), "steps"),
        (lambda: optim.warm_restarts(1.0, 4, 1.5), "factor"),
        (lambda: optim.staircase(1.0, 0), "every"),
        (lambda: optim.SGD(PlainNet(), float("nan")), "lr"),
        (lambda: optim.SGD(PlainNet(), 1.0, momentum=1.0), "momentum"),
        (lambda: optim.Adam(PlainNet(), 1.0, betas=(0.9, 1.0)), "betas"),
        (lambda: optim.Scaled(optim.SGD(PlainNet(), 1.0), -1), "scale"),
        (lambda: optim.Clipped(optim.SGD(PlainNet(), 1.0), -1), "norm"),
        (lambda: optim.Clipped(PlainNet(), 1.0), "inner"),
        (lambda: optim.Scaled(optim.Clipped(optim.Scaled(optim.SGD(PlainNet(), 1)), 1)), "inner"),
        (lambda: optim.clip(np.ones(2), -1), "norm"),
    ],
)
def test_bad_settings_are_named(call, name):
    with pytest.raises((TypeError, ValueError), match=name):
        call()


def test_scaling_by_a_power_of_two_changes_no_digit():
    def step(wrap, factor):
        net = PlainNet(width=2, depth=2, norm="none", rng=0)
        optimizer = wrap(optim.SGD(net, 0.1))
        net.gradient[:] = np.float32(factor) * gradients(net)[0].astype(np.float32)
        optimizer.step()
        return net.vector

    np.testing.assert_array_equal(step(optim.Scaled, 2**16), step(lambda inner: inner, 1))


def test_the_scale_is_halved_when_it_overflows_and_doubled_after_good_steps(net):
    scaler, scales = optim.Scaled(optim.SGD(net, 1.0), 8.0, interval=2), []
    for value in (1.0, np.inf, 1.0, 1.0, np.nan, 1.0, 1.0, 1.0, 1.0):
        before = net.vector.copy()
        net.gradient[:] = value
        scaler.step()
        assert np.array_equal(net.vector, before) == (not np.isfinite(value))
        scales.append(scaler.scale)
    assert scales == [8, 4, 4, 8, 4, 4, 8, 8, 16]


def test_a_wrapper_passes_on_rate_and_state(net):
    inner = optim.Adam(net, 0.1)
    outer = optim.Scaled(optim.Clipped(inner, 1.0), 4.0)
    outer.lr = 0.5
    assert inner.lr == 0.5
    assert str(outer) == "Scaled(Clipped(Adam))"
    assert (outer.skips, optim.Clipped(outer, 1.0).skips, inner.skips) == (True, True, False)
    assert set(outer.state_dict()) == {"m", "v", "t", "scale", "good"}
    outer.load_state_dict(outer.state_dict() | {"t": np.array(7), "scale": np.array(32.0)})
    assert (int(inner.state["t"]), outer.scale) == (7, 32.0)


def test_clip_only_shortens():
    short, long = np.array([0.3, 0.4]), np.array([30.0, 40.0])
    assert optim.clip(short, 1.0) == pytest.approx(0.5)
    np.testing.assert_array_equal(short, [0.3, 0.4])
    assert optim.clip(long, 1.0) == pytest.approx(50)
    assert math.hypot(*long) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (np.float64, 1e250)])
def test_clip_measures_gradients_whose_squares_overflow(dtype, size):
    gradient = np.array([3.0, 4.0], dtype) * dtype(size)
    assert optim.clip(gradient, 1.0) == pytest.approx(5 * size, rel=1e-6)
    np.testing.assert_allclose(gradient, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_clip_leaves_what_is_not_finite(value):
    gradient = np.array([value, 1.0])
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(optim.clip(gradient, 1.0))
    np.testing.assert_array_equal(gradient, [value, 1.0])
