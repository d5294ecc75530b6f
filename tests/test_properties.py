"""What holds of every filter, for signals of any shape, precision and size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoiselib import bayes, filters
from denoiselib.filters.methods import _match, _ring

PAIR = (_match, _ring)

#: Maps of signals (..., length) to signals of the same shape, each by itself; s is a level that
#: suits them.
FILTERS = {
    "pointwise": lambda y, s: bayes.sparse_spikes_posterior_mean(y, s),
    "joint": lambda y, s: bayes.sparse_spikes_joint_posterior_mean(y, s),
    "pulses": lambda y, s: bayes.pulses_posterior_mean(y, s),
    "blocks": lambda y, s: bayes.blocks_posterior_mean(y, s),
    "wiener": lambda y, s: filters.wiener(y, min(3, 2 * y.shape[-1] - 1)),
    "wiener_sigma": lambda y, s: filters.wiener(y, 2 * y.shape[-1] - 1, s, "symmetric"),
    "wiener_system_function": lambda y, s: filters.wiener_system_function(y, 1, s),
    "linear_mmse": lambda y, s: filters.linear_mmse(y, s, 1.0, 4.0),
    "linear_mmse_matrix": lambda y, s: filters.linear_mmse(y, s, s, s * np.eye(y.shape[-1])),
    **{
        name: lambda y, s, name=name: filters.threshold(y, s, name)
        for name in filters.prox.PENALTIES
    },
    "l1_dft": lambda y, s: filters.l1(y, s),
    "gmc_dft": lambda y, s: filters.gmc(y, s),
    "l1_pulse": lambda y, s: filters.l1(y, s, PAIR, tol=1e-4),
    "gmc_pulse": lambda y, s: filters.gmc(y, s, 0.3, PAIR, tol=1e-4),
    "tv": lambda y, s: filters.tv(y, s),
    "enhance": lambda y, s: filters.adaptive.enhance(y, taps=8),
}
ALL = pytest.mark.parametrize("denoise", FILTERS.values(), ids=FILTERS)


@st.composite
def noisy_signals(draw):
    """Signals of 1 to 3 axes, of any size; some of whole numbers, with ties, or all zero."""
    leading = draw(st.lists(st.integers(1, 3), max_size=2))
    shape = (*leading, draw(st.integers(1, 40)))
    dtype = draw(st.sampled_from(["float64", "float32", "int64", "uint8", "float16"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y = rng.standard_normal(shape) * draw(st.sampled_from([0, 1, 1, 4]))
    if dtype in ("int64", "uint8"):
        return np.abs(y).round().astype(dtype)
    powers = {"float64": [-300, -70, -9, 0, 0, 9, 70], "float32": [-30, -9, 0, 0, 3, 8]}
    y = y.round() if draw(st.booleans()) else y
    return (y * 10.0 ** draw(st.sampled_from(powers.get(dtype, [0])))).astype(dtype)


@ALL
@settings(derandomize=True, max_examples=40, deadline=None)
@given(noisy=noisy_signals(), sigma=st.sampled_from([1e-3, 0.5, 3, 1e3, 1e9]))
def test_a_filter_keeps_shape_precision_and_its_input(denoise, noisy, sigma):
    before = noisy.copy()
    noisy.flags.writeable = False
    estimate = denoise(noisy, sigma)
    assert np.isfinite(estimate).all()
    assert estimate.shape == noisy.shape
    assert estimate.dtype == (np.float32 if noisy.dtype == np.float32 else np.float64)
    np.testing.assert_array_equal(noisy, before)
    assert not np.shares_memory(estimate, noisy)


@ALL
@settings(derandomize=True, max_examples=25, deadline=None)
@given(noisy=noisy_signals(), sigma=st.sampled_from([0.5, 3, 1e3]))
def test_each_signal_is_filtered_by_itself(denoise, noisy, sigma):
    batch = denoise(noisy, sigma)
    alone = [denoise(y, sigma) for y in noisy.reshape(-1, noisy.shape[-1])]
    digits = 1e-4 if batch.dtype == np.float32 else 1e-9
    expected = np.reshape(alone, batch.shape)
    np.testing.assert_allclose(batch, expected, rtol=digits, atol=digits * np.abs(expected).max())


SCALING = ["l1", "nonnegative_l1", "firm", "l1_dft", "gmc_dft", "l1_pulse", "gmc_pulse", "tv"]


@pytest.mark.parametrize("name", [*SCALING, "wiener", "enhance"])
@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99), length=st.integers(1, 40), scale=st.sampled_from([1e-30, 0.3, 1e40])
)
def test_units_do_not_matter(name, seed, length, scale):
    y = 3 * np.random.default_rng(seed).standard_normal((2, length))
    expected = FILTERS[name](y, 1.0)
    np.testing.assert_allclose(FILTERS[name](scale * y, scale) / scale, expected, atol=1e-9)


#: Proximal maps of convex functions, and projections: they never pull two signals apart.
CONVEX = ["l1", "nonnegative_l1", "l1_dft", "tv", "linear_mmse", "linear_mmse_matrix"]


@pytest.mark.parametrize("name", CONVEX)
@settings(derandomize=True, max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), length=st.integers(1, 40), sigma=st.sampled_from([0.1, 1.0, 10.0]))
def test_convex_filters_do_not_expand(name, seed, length, sigma):
    a, b = 3 * np.random.default_rng(seed).standard_normal((2, length))
    apart = np.linalg.norm(FILTERS[name](a, sigma) - FILTERS[name](b, sigma))
    assert apart <= np.linalg.norm(a - b) * (1 + 1e-12)
