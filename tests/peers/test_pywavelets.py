"""Thresholds are those of PyWavelets, and so is the wavelet transform of the experiments."""

import numpy as np
import pytest

from denoiselib.experiments.wavelets import SCALES, SYMLET, WAVELETS
from denoiselib.filters import prox
from tests.peers import foreign

pytestmark = pytest.mark.peers
pywt = pytest.importorskip("pywt")

FILE = "tests/test_thresholding.py"
TIES = f"{FILE.removeprefix('tests/')}::test_threshold"


def test_their_tests(their_tests):
    their_tests("pywavelets", [foreign.installed("pywt", FILE)], failing=[TIES])


def test_a_value_at_the_hard_threshold_is_all_that_differs(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEP_TIES", "1")
    found = foreign.run("pywavelets", [foreign.installed("pywt", FILE)], tmp_path)
    assert {test["outcome"] for test in found.values()} == {"passed"}


def drawn(seed, dtype):
    rng = np.random.default_rng(seed)
    y = 3 * rng.normal(size=(4, 25))
    if np.dtype(dtype).kind == "c":
        y = y + 3j * rng.normal(size=y.shape)
    return y.astype(dtype), float(rng.uniform(0.1, 4)), float(rng.uniform(0.05, 0.95))


def close(ours, theirs):
    assert ours.dtype == theirs.dtype
    rtol = 1e-4 if np.finfo(ours.dtype).eps > 1e-10 else 1e-11
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("seed", range(25))
class TestThresholds:
    def test_soft(self, seed, dtype):
        y, u, _ = drawn(seed, dtype)
        close(prox.l1(y, u), pywt.threshold(y, u, "soft"))

    def test_hard(self, seed, dtype):
        y, u, _ = drawn(seed, dtype)
        close(prox.l0(y, u**2 / 2), pywt.threshold(y, u, "hard"))

    def test_firm(self, seed, dtype):
        y, u, gamma = drawn(seed, dtype)
        close(prox.firm(y, u, gamma), pywt.threshold_firm(y, u, u / gamma))


def bank():
    """Return the filters of ours as a wavelet of theirs: they turn theirs round in time."""
    named = pywt.Wavelet("sym4")
    np.testing.assert_allclose(SYMLET, named.dec_lo, rtol=1e-14)
    high = (-1.0) ** np.arange(8) * SYMLET[::-1]
    filters = [SYMLET[::-1], high[::-1], SYMLET, high]
    return pywt.Wavelet("ours", filter_bank=[f.tolist() for f in filters])


@pytest.mark.parametrize("seed", range(100))
def test_the_wavelet_transform(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(3, 16 * int(rng.integers(1, 9))))
    analysis, synthesis = WAVELETS
    low, parts = y, []
    for _ in range(SCALES):  # theirs begins three samples later
        low, high = pywt.dwt(np.roll(low, -3, -1), bank(), mode="periodization")
        parts.insert(0, high)
    expected = np.concatenate([low, *parts], axis=-1)
    np.testing.assert_allclose(analysis(y), expected, rtol=1e-11, atol=1e-11)

    c = rng.normal(size=y.shape)
    size = c.shape[-1] >> SCALES
    low = c[..., :size]
    while size < c.shape[-1]:
        low = np.roll(pywt.idwt(low, c[..., size : 2 * size], bank(), "periodization"), 3, -1)
        size *= 2
    np.testing.assert_allclose(synthesis(c), low, rtol=1e-11, atol=1e-11)
