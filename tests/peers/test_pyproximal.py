"""Proximal maps are those of pyproximal, and work in its solvers; so do our own solvers."""

import numpy as np
import pytest

from denoiselib import filters
from denoiselib.filters import adaptive, prox
from tests.peers import foreign

pytestmark = pytest.mark.peers
pyproximal = pytest.importorskip("pyproximal")
pylops = pytest.importorskip("pylops")
solvers = pytest.importorskip("pyproximal.optimization.primal")


def test_their_tests(their_tests):
    their_tests("pyproximal", sorted((foreign.sources("pyproximal") / "pytests").glob("test_*.py")))


def drawn(seed):
    rng = np.random.default_rng(seed)
    y = 3 * rng.normal(size=int(rng.integers(2, 60)))
    return rng, y, *rng.uniform(0.1, 3, 2).tolist()


def close(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("seed", range(100))
class TestMaps:
    def test_l1(self, seed):
        _, y, sigma, tau = drawn(seed)
        close(prox.l1(y, sigma * tau), pyproximal.L1(sigma=sigma).prox(y, tau))

    def test_l1_of_complex_numbers(self, seed):
        rng, y, sigma, tau = drawn(seed)
        y = y + 3j * rng.normal(size=y.shape)
        close(prox.l1(y, sigma * tau), pyproximal.L1(sigma=sigma).prox(y, tau))

    def test_l0(self, seed):
        """Theirs takes tau times sigma for the threshold itself, not for the weight."""
        _, y, sigma, tau = drawn(seed)
        close(prox.l0(y, (sigma * tau) ** 2 / 2), pyproximal.L0(sigma=sigma).prox(y, tau))

    def test_nonnegative_l1(self, seed):
        """A shift by the weight, and what is not negative."""
        _, y, sigma, tau = drawn(seed)
        box = pyproximal.Box(lower=0)
        close(prox.nonnegative_l1(y, sigma * tau), box.prox(y - sigma * tau, tau))

    def test_total_variation(self, seed):
        """Theirs comes near in so many iterations; ours has the lower cost."""
        _, y, sigma, tau = drawn(seed)

        def cost(x):
            return ((x - y) ** 2).sum() / 2 + sigma * tau * np.abs(np.diff(x)).sum()

        ours = filters.tv(y, sigma * tau)
        theirs = pyproximal.TV(dims=(y.size,), sigma=sigma, niter=1000, rtol=0).prox(y, tau)
        close(ours, theirs, 1e-3)
        assert cost(ours) <= cost(theirs) * (1 + 1e-12)

    def test_blocks(self, seed):
        rng, _, sigma, tau = drawn(seed)
        y = 3 * rng.normal(size=(6, 4))
        ours = adaptive.block_proximal(sigma * tau, block=4)(y.ravel(), y.ravel())
        theirs = pyproximal.L21(ndim=4, sigma=sigma).prox(y.T.ravel(), tau)
        close(ours, theirs.reshape(4, 6).T.ravel())


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("nonnegative", [False, True])
def test_l1_over_a_frame(seed, nonnegative):
    """Our iteration ends where theirs does: least squares with few coefficients."""
    rng = np.random.default_rng(seed)
    A, y, lam = rng.normal(size=(12, 20)) / 5, 3 * rng.normal(size=12), float(rng.uniform(0.1, 1))
    pair = (lambda y: y @ A, lambda c: c @ A.T)
    ours = filters.gmc(y, lam, 0.0, pair, nonnegative=nonnegative, tol=1e-12, max_iter=100_000)
    fit = pyproximal.L2(Op=pylops.MatrixMult(A), b=y)
    penalty = pyproximal.L1(sigma=lam)
    if nonnegative:
        penalty = pyproximal.Box(lower=0) + lam * np.ones(20)  # the L1 norm of what is >= 0
    step = 0.95 / np.linalg.norm(A, 2) ** 2
    c = solvers.ProximalGradient(
        fit, penalty, x0=np.zeros(20), tau=step, niter=3000, acceleration="fista"
    )
    close(ours, A @ np.asarray(c), 1e-4)
