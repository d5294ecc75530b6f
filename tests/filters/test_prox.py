"""Every proximal map is the minimiser that its penalty defines, found here by brute force."""

import numpy as np
import pytest

from denoiselib.filters import prox
from tests.filters.penalties import PENALTIES, firm_penalty

WEIGHTS = (0.01, 0.3, 1.0, 2.7, 8.0)
MAPS = {
    **{name: (prox_map, PENALTIES[name]) for name, prox_map in prox.PENALTIES.items()},
    **{
        f"firm {g}": (
            lambda y, u, g=g: prox.firm(y, u, g),
            lambda x, u, g=g: firm_penalty(x, u, g),
        )
        for g in (0.0, 0.3, 0.99)
    },
}
ALL = pytest.mark.parametrize(("prox_map", "penalty"), MAPS.values(), ids=MAPS)
SIGNED = {name: m for name, m in MAPS.items() if name != "nonnegative_l1"}
ALL_SIGNED = pytest.mark.parametrize(("prox_map", "penalty"), SIGNED.values(), ids=SIGNED)


@ALL
@pytest.mark.parametrize("u", WEIGHTS)
def test_prox_minimises(prox_map, penalty, u):
    y = np.linspace(-12, 12, 481)[:, None]
    grid = np.linspace(-13, 13, 5_201)  # holds 0 and the y themselves
    grid[np.abs(grid) < 1e-12] = 0

    def objective(x):
        return (x - y) ** 2 / 2 + penalty(x, u)

    best = prox_map(y, u)
    assert np.all(objective(best) <= objective(grid).min(axis=-1, keepdims=True) + 1e-12)
    for step in (1e-5, -1e-5):  # finer than the grid: a slope would show
        assert np.all(objective(best) <= objective(best + step) + 1e-13)


def test_threshold_of_each_map():
    # the largest y that is still set to 0, known in closed form
    u = 2.7
    cuts = {"l1": u, "nonnegative_l1": u, "l0": np.sqrt(2 * u), "firm": u}
    cuts |= {"l_half": 1.5 * u ** (2 / 3), "l_two_thirds": 2 * (2 * u / 3) ** 0.75}
    for name, cut in cuts.items():
        below, above = prox.PENALTIES[name]([cut * (1 - 1e-9), cut * (1 + 1e-9)], u)
        assert below == 0, name
        assert above > 0, name


@pytest.mark.parametrize("gamma", [0.3, 0.8, 0.99])
def test_firm_keeps_large_values_and_is_continuous(gamma):
    u = 1.5
    y = u / gamma * np.array([1 + 1e-12, 1.001, 2, 50])
    np.testing.assert_array_equal(prox.firm(y, u, gamma), y)
    assert prox.firm(u / gamma * (1 - 1e-9), u, gamma) == pytest.approx(u / gamma)
    assert prox.firm(u * (1 + 1e-9), u, gamma) == pytest.approx(0, abs=1e-6)


def test_firm_without_concavity_is_soft():
    y, u = np.linspace(-5, 5, 101), 1.3
    np.testing.assert_array_equal(prox.firm(y, u, gamma=0), prox.l1(y, u))
    np.testing.assert_allclose(prox.l1(y, u), np.sign(y) * np.maximum(abs(y) - u, 0))


def test_firm_takes_a_gamma_for_each_value():
    got = prox.firm([2.0, 2.0, 2.0], 1.0, gamma=[0.0, 0.2, 0.5])
    np.testing.assert_allclose(got, [1, 1.25, 2])


@ALL
def test_homogeneous(prox_map, penalty):
    # u f(x) of degree p: scaling y by c scales the map, when u is scaled by c^(2 - p)
    y, c = np.linspace(-6, 6, 401), 3.7
    degrees = {prox.l0: 0, prox.l_half: 1 / 2, prox.l_two_thirds: 2 / 3}
    p = degrees.get(prox_map, 1)
    got = prox_map(c * y, c ** (2 - p) * 1.1)
    np.testing.assert_allclose(got, c * prox_map(y, 1.1), rtol=1e-9, atol=1e-12)


@ALL_SIGNED
def test_odd(prox_map, penalty):
    y = np.linspace(0, 8, 301)
    np.testing.assert_array_equal(prox_map(-y, 1.1), -prox_map(y, 1.1))
    np.testing.assert_array_equal(penalty(-y, 1.1), penalty(y, 1.1))


@ALL
def test_monotone_and_towards_zero(prox_map, penalty):
    y = np.linspace(-9, 9, 4_001)
    x = prox_map(y, 1.7)
    assert np.all(np.diff(x) >= -1e-12)
    assert np.all(np.abs(x) <= np.abs(y) + 1e-12)
    assert np.all(x * y >= 0)


@ALL
def test_no_weight_changes_nothing(prox_map, penalty):
    y = np.array([-1e76, -3.0, -1e-9, 0.0, 1e-300, 2.0])
    identity = np.maximum(y, 0) if prox_map is prox.nonnegative_l1 else y
    np.testing.assert_allclose(prox_map(y, 0), identity, rtol=1e-14)
    np.testing.assert_array_equal(penalty(np.abs(y), 0), np.zeros(6))


@ALL_SIGNED
def test_complex_numbers_keep_their_phase(prox_map, penalty):
    rng = np.random.default_rng(0)
    r, phase = rng.uniform(0, 8, 200), np.exp(2j * np.pi * rng.random(200))
    np.testing.assert_allclose(prox_map(r * phase, 1.1), prox_map(r, 1.1) * phase, atol=1e-12)
    np.testing.assert_allclose(penalty(r * phase, 1.1), penalty(r, 1.1))
    assert prox_map(np.zeros(3, complex), 1.1).dtype == complex


@ALL_SIGNED
@pytest.mark.parametrize("dtype", [float, complex])
def test_weight_broadcasts(prox_map, penalty, dtype):
    def same(a, b):  # but for the last digit, which may depend on an array's layout
        np.testing.assert_allclose(a, b, rtol=1e-13)

    y, u = np.array([-4, 1, 2, 6], dtype=dtype), np.array([[0.5], [1.0], [3.0]])
    expected = [prox_map(y, weight) for weight in u[:, 0]]
    same(prox_map(y, u), expected)
    same(penalty(y, u), [penalty(y, weight) for weight in u[:, 0]])
    same(prox_map(3 * y[:3], u[:, 0]), np.diag(prox_map(3 * y[:3], u)))


@ALL
def test_precision_is_kept(prox_map, penalty):
    y = np.linspace(-6, 6, 100)
    single = prox_map(y.astype(np.float32), np.float64(1.1))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, prox_map(y, 1.1), rtol=1e-4, atol=1e-5)
    assert prox_map([1, 2, 3], 1).dtype == np.float64
    if prox_map is not prox.nonnegative_l1:
        assert prox_map(y.astype(np.complex64), 1.1).dtype == np.complex64


@ALL
def test_scalars(prox_map, penalty):
    assert np.shape(prox_map(3.0, 1.1)) == ()
    assert prox_map(3.0, 1.1) == pytest.approx(prox_map([3.0], 1.1)[0], rel=1e-12)


@pytest.mark.parametrize("shape", [(7,), (2, 3)])
def test_relu_of_soft_is_relu_with_a_bias(shape):
    z = np.random.default_rng(0).standard_normal(shape) * 3
    for u in (0, 0.3, 1.0):
        np.testing.assert_array_equal(np.maximum(prox.l1(z, u), 0), prox.nonnegative_l1(z, u))


@ALL
@pytest.mark.parametrize("u", [0, 1e-300, 1e-9, 1, 1e70])
def test_extremes_are_finite(prox_map, penalty, u):
    y = np.array([0, 1e-300, -1e-300, 5e-324, 1e-9, -1, 1e9, 1e76, -1e76])
    x = prox_map(y, u)
    assert np.isfinite(x).all()
    assert np.all(np.abs(x) <= np.abs(y) * (1 + 1e-12) + 1e-320)
    if prox_map is not prox.nonnegative_l1:
        assert np.isfinite(prox_map(y * (1 + 1j), u)).all()


@ALL
def test_extremes_are_finite_in_single_precision(prox_map, penalty):
    y = np.array([0, 1e-45, 1e-30, -1, 1e9, -4e9], dtype=np.float32)
    for u in (0, 1e-30, 1, 4e9):
        assert np.isfinite(prox_map(y, u)).all()


@pytest.mark.parametrize("gamma", [0.9999, 1 - 1e-9, 1 - 1e-16])
def test_firm_next_to_hard_in_single_precision(gamma):
    # the largest number below 1 is not a float32: there gamma must not become 1
    y = np.array([-3.0, 0.5, 1.0, 3.0], dtype=np.float32)
    np.testing.assert_array_equal(prox.firm(y, 1.0, gamma), [-3, 0, 0, 3])


@ALL
@pytest.mark.parametrize("u", [-1, np.nan, np.inf, 1j, "much", True, [1.0, 2.0]])
def test_weight_is_refused(prox_map, penalty, u):
    with pytest.raises((TypeError, ValueError), match=r"\bu\b"):
        prox_map(np.ones(3), u)


@ALL
@pytest.mark.parametrize("y", [[], np.nan, [np.inf], [complex(0, np.inf)], 1e200, "a", None, True])
def test_value_is_refused(prox_map, penalty, y):
    with pytest.raises((TypeError, ValueError), match=r"\by\b"):
        prox_map(y, 1.0)


@pytest.mark.parametrize("gamma", [1, -0.1, np.nan, "half", 1j])
def test_gamma_is_refused(gamma):
    with pytest.raises((TypeError, ValueError), match="gamma"):
        prox.firm(np.ones(3), 1.0, gamma)


def test_relu_is_for_real_numbers():
    with pytest.raises(TypeError, match="y must hold real numbers"):
        prox.nonnegative_l1(np.ones(3, complex), 1.0)
