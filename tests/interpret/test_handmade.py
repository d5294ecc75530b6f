import numpy as np
import pytest

from denoiselib import filters, signals
from denoiselib.handmade import adaptive_firm, unrolled_ista

ATOMS = np.array([[1.0, 0.7, 0.4], [0.5, -1.0, 0.5]])


def matrix(atoms, length=40):
    """Return A: column (j, t) is atom j, beginning at t, cut at the end."""
    return np.array([np.pad(atom, (t, length))[:length] for atom in atoms for t in range(length)]).T


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("atoms", [ATOMS[:1], ATOMS], ids=["one", "two"])
@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_the_network_is_ista(noisy, atoms, iterations, nonnegative):
    A, step, lam = matrix(atoms), 0.2, 1.5
    c = np.zeros((len(noisy), A.shape[1]))
    for _ in range(iterations):
        u = c + step * (noisy - c @ A.T) @ A
        c = np.sign(u) * np.maximum(np.abs(u) - step * lam, 0) * ((u > 0) | (not nonnegative))
    net = unrolled_ista(atoms, lam, iterations, step=step, nonnegative=nonnegative)
    np.testing.assert_allclose(net.denoise(noisy), c @ A.T, atol=1e-12)
    assert len(net.state_dict()) == 2 * (2 * iterations + 1)


def test_many_iterations_are_the_l1_filter(noisy):
    A = matrix(ATOMS[:1])
    expected = filters.l1(noisy, 2.0, (lambda y: y @ A, lambda c: c @ A.T), tol=1e-14)
    found = unrolled_ista(ATOMS[:1], 2.0, iterations=400).denoise(noisy)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_one_iteration_of_the_identity_is_the_soft_threshold(noisy):
    net = unrolled_ista([[1.0]], 2.0, iterations=1, step=1.0)
    expected = filters.l1(noisy, 2.0, "identity")
    np.testing.assert_allclose(net.denoise(noisy), expected, atol=1e-14)
    net = unrolled_ista([[1.0]], 2.0, iterations=1, step=1.0, nonnegative=True)
    expected = filters.threshold(noisy, 2.0, "nonnegative_l1")
    np.testing.assert_allclose(net.denoise(noisy), expected, atol=1e-14)


def test_the_default_step_never_raises_the_energy(noisy):
    least = np.inf
    for iterations in range(1, 12):
        net = unrolled_ista(ATOMS, 0.0, iterations)
        misfit = ((noisy - net.denoise(noisy)) ** 2).sum()
        assert misfit < least
        least = misfit


@pytest.mark.parametrize("radius", [1, 3])
def test_the_adaptive_firm_threshold(radius):
    noisy = signals.add_noise(signals.sparse_spikes(200, rng=0), 3, rng=1)
    size = np.pad(np.abs(noisy), ((0, 0), (radius, radius)))
    windows = np.lib.stride_tricks.sliding_window_view(size, 2 * radius + 1, axis=-1)
    activity = windows.sum(axis=-1) - np.abs(noisy)
    lower, upper, scale = 1.5, 4.0, activity.mean()
    expected = filters.prox.firm(noisy, lower * activity / scale, gamma=lower / upper)
    net = adaptive_firm(lower, upper, scale, radius)
    np.testing.assert_allclose(net.denoise(noisy), expected, atol=1e-13)
    assert 0.05 < np.mean(expected == 0) < 0.95
    assert 0.05 < np.mean(expected == noisy) < 0.95


def test_without_biases_the_threshold_follows_the_scale(noisy):
    net = adaptive_firm(1.0, 3.0, scale=5.0)
    np.testing.assert_allclose(net.denoise(7 * noisy), 7 * net.denoise(noisy), atol=1e-12)
    assert not any(v.any() for k, v in net.state_dict().items() if k.endswith("bias"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: unrolled_ista([1.0], 1.0, 1), "atoms"),
        (lambda: unrolled_ista(ATOMS, -1.0, 1), "lam"),
        (lambda: unrolled_ista(ATOMS, 1.0, 0), "iterations"),
        (lambda: unrolled_ista(ATOMS, 1.0, 1, step=0.0), "step"),
        (lambda: adaptive_firm(2.0, 1.0, 1.0), "lower"),
        (lambda: adaptive_firm(1.0, 2.0, 0.0), "scale"),
        (lambda: adaptive_firm(1.0, 2.0, 1.0, radius=0), "radius"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
