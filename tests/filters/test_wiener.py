"""The local filter equals SciPy's, the global one is the best affine estimator."""

import numpy as np
import pytest
import scipy.signal

from denoiselib import filters, signals

RNG = np.random.default_rng(0)
NOISY = signals.add_noise(signals.sparse_spikes(6, rng=1), 3, rng=2)
MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("size", [3, 5, 9, 31, 99])
@pytest.mark.parametrize("noise", [None, 1.0, 9.0, 100.0])
def test_equals_scipy_signal_by_signal(size, noise):
    expected = [scipy.signal.wiener(y, size, noise) for y in NOISY]
    np.testing.assert_allclose(filters.wiener(NOISY, size, noise), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("noise", [None, 4.0])
def test_equals_the_definition(mode, noise):
    y = NOISY[0]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(y, 2, mode=mode), 5)
    m, v = windows.mean(axis=-1), windows.var(axis=-1)
    s2 = v.mean() if noise is None else noise
    expected = np.where(v > s2, m + (1 - s2 / v) * (y - m), m)
    np.testing.assert_allclose(filters.wiener(y, 5, noise, mode), expected, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_modes_differ_near_the_edges_only(mode):
    inside = slice(3, -3)
    got, zeros = (filters.wiener(NOISY + 5, 7, 9.0, m) for m in (mode, "constant"))
    np.testing.assert_allclose(got[:, inside], zeros[:, inside], rtol=1e-12)
    assert mode == "constant" or np.abs(got - zeros)[:, [0, -1]].min() > 1e-3


@pytest.mark.parametrize("noise", [None, 0, 9.0])
def test_a_flat_signal_stays(noise):
    # where scipy divides by zero (issue 9015)
    flat = np.full((2, 20), 3.0)
    np.testing.assert_allclose(filters.wiener(flat, 3, noise, "edge"), flat, rtol=1e-14)
    np.testing.assert_allclose(filters.wiener(flat, 3, noise)[:, 1:-1], flat[:, 1:-1], rtol=1e-14)
    np.testing.assert_array_equal(filters.wiener(0 * flat, 3, noise), 0 * flat)


def test_without_noise_nothing_changes_and_with_much_the_mean_is_left():
    np.testing.assert_allclose(filters.wiener(NOISY, 5, 0), NOISY, atol=1e-12)
    mean = [np.convolve(y, np.ones(5) / 5, "same") for y in NOISY]
    np.testing.assert_allclose(filters.wiener(NOISY, 5, 1e6), mean, atol=1e-12)
    np.testing.assert_allclose(filters.wiener(NOISY, 1, 9.0), NOISY, atol=1e-12)


def test_leading_axes_and_noise_of_each_signal():
    noise = np.array([0.5, 1, 4, 9, 20, 100])[:, None]
    expected = [filters.wiener(y, 5, float(s2)) for y, s2 in zip(NOISY, noise[:, 0], strict=True)]
    got = filters.wiener(NOISY.reshape(2, 3, 100), 5, noise.reshape(2, 3, 1))
    np.testing.assert_allclose(got.reshape(6, 100), expected, atol=1e-12)
    guessed = [filters.wiener(y, 5) for y in NOISY]
    np.testing.assert_allclose(filters.wiener(NOISY, 5), guessed, atol=1e-12)


@pytest.mark.parametrize("c", [-3.0, 1e-6, 1e6])
def test_homogeneous(c):
    np.testing.assert_allclose(filters.wiener(c * NOISY, 5), c * filters.wiener(NOISY, 5))
    np.testing.assert_allclose(
        filters.wiener(c * NOISY, 5, c**2 * 9), c * filters.wiener(NOISY, 5, 9), rtol=1e-6
    )


def test_noise_variance_in_single_precision():
    # a signal may be large, so may be its variance
    got = filters.wiener(1e5 * NOISY.astype(np.float32), 3, 9e10)
    np.testing.assert_allclose(got / 1e5, filters.wiener(NOISY, 3, 9), rtol=1e-3, atol=1e-3)


def test_system_function_turns_the_input_into_the_output():
    # by circular convolution; the magnitude, which breaks this, is taken last
    out = filters.wiener(NOISY, 5)
    h = np.fft.ifft(np.fft.fft(out) / np.fft.fft(NOISY))
    around = [sum(h[:, k] * NOISY[:, (n - k) % 100] for k in range(100)) for n in range(100)]
    np.testing.assert_allclose(np.transpose(around), out, atol=1e-9)
    np.testing.assert_allclose(filters.wiener_system_function(NOISY, 5), np.abs(h), atol=1e-12)


@pytest.mark.parametrize(("size", "noise", "mode"), [(3, None, "edge"), (9, 4.0, "wrap")])
def test_system_function_passes_its_options(size, noise, mode):
    ratio = np.fft.fft(filters.wiener(NOISY, size, noise, mode)) / np.fft.fft(NOISY)
    got = filters.wiener_system_function(NOISY, size, noise, mode)
    np.testing.assert_allclose(got, np.abs(np.fft.ifft(ratio)), atol=1e-12)


def test_system_function_ignores_empty_bins():
    zero = np.zeros(16)
    np.testing.assert_array_equal(filters.wiener_system_function(zero), zero)
    wave = np.cos(2 * np.pi * np.arange(16) / 4)  # two bins, all others empty but for rounding
    before, after = np.fft.fft(wave), np.fft.fft(filters.wiener(wave))
    ratio = np.zeros(16, complex)
    ratio[[4, 12]] = after[[4, 12]] / before[[4, 12]]
    got = filters.wiener_system_function(wave)
    np.testing.assert_allclose(got, np.abs(np.fft.ifft(ratio)), atol=1e-12)


def test_system_function_threshold_is_low():
    # a bin 1e-10 below the largest still counts
    y = np.array([1.0, 1e-10 - 1.0, 1.0, -1.0])
    before, after = np.fft.fft(y), np.fft.fft(filters.wiener(y))
    got = filters.wiener_system_function(y)
    np.testing.assert_allclose(got, np.abs(np.fft.ifft(after / before)), rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "dtype"), [(1e-70, "float64"), (1e-15, "float32"), (1e70, "float64")]
)
def test_system_function_has_no_unit(scale, dtype):
    y = np.array([1.0, 0.0, 0.0, 0.0])
    got = filters.wiener_system_function((scale * y).astype(dtype), noise=0)
    np.testing.assert_allclose(got, y, atol=1e-3)


def random_covariance(length):
    root = RNG.standard_normal((length, length))
    return root @ root.T / length


@pytest.mark.parametrize("sigma", [0.1, 1.0, 30.0])
def test_linear_mmse_is_its_formula(sigma):
    mean, c = RNG.standard_normal(8), random_covariance(8)
    y = RNG.standard_normal((5, 8))
    gain = c @ np.linalg.inv(c + sigma**2 * np.eye(8))
    got = filters.linear_mmse(y, sigma, mean, c)
    np.testing.assert_allclose(got, mean + (y - mean) @ gain.T, rtol=1e-9, atol=1e-12)


def test_linear_mmse_of_independent_samples():
    y = RNG.standard_normal((5, 8))
    got = filters.linear_mmse(y, 2.0, 0.5, 3.0)
    np.testing.assert_allclose(got, 0.5 + 3 / 7 * (y - 0.5))
    np.testing.assert_allclose(got, filters.linear_mmse(y, 2.0, np.full(8, 0.5), 3 * np.eye(8)))


@pytest.mark.parametrize("covariance", [3.0, random_covariance(8)], ids=["number", "matrix"])
def test_linear_mmse_of_signals_with_their_own_sigma(covariance):
    y, sigma = RNG.standard_normal((3, 8)), np.array([0.0, 1.0, 5.0])
    expected = [filters.linear_mmse(y[i], sigma[i], 1.0, covariance) for i in range(3)]
    np.testing.assert_allclose(filters.linear_mmse(y, sigma[:, None], 1.0, covariance), expected)


@pytest.mark.parametrize(
    "covariance", [0.0, 3.0, np.zeros((8, 8)), np.ones((8, 8))], ids=["0", "3", "zero", "rank one"]
)
def test_linear_mmse_without_noise_keeps_the_signal(covariance):
    # np.ones has rank one, up to rounding: no noise means that the observation is the signal
    y = RNG.standard_normal((3, 8))
    if np.ndim(covariance) and covariance.any():
        y = np.ones((3, 8)) * y[:, :1]  # the signals of this covariance
    np.testing.assert_allclose(filters.linear_mmse(y, 0, 0.0, covariance), y, atol=1e-9)


def test_linear_mmse_takes_negative_eigenvalues_as_zero():
    basis = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
    y = RNG.standard_normal((4, 3))
    got = filters.linear_mmse(y, 1.0, 0.0, (basis * [-0.9, 1.0, 3.0]) @ basis.T)
    np.testing.assert_allclose(got, (y @ basis * [0, 1 / 2, 3 / 4]) @ basis.T, atol=1e-12)
    np.testing.assert_array_equal(filters.linear_mmse(y, 1.0, 0.5, -3.0), np.full((4, 3), 0.5))


def test_no_affine_estimator_does_better():
    # the regression of clean on noisy, on the very sample whose moments are given
    clean = signals.pulses(4_000, 12, rng=5)
    noisy = signals.add_noise(clean, 2.0, rng=6)
    estimate = filters.linear_mmse(noisy, 2.0, clean.mean(axis=0), np.cov(clean.T))
    design = np.column_stack([np.ones(4_000), noisy])
    fitted = design @ np.linalg.lstsq(design, clean, rcond=None)[0]
    risk = ((estimate - clean) ** 2).mean()
    assert risk == pytest.approx(((fitted - clean) ** 2).mean(), rel=0.01)
    # the gradient of the risk over affine estimators is the error's correlation with (1, y)
    error = estimate - clean
    gradient = design.T @ error / 4_000
    deviation = np.sqrt((design**2).T @ error**2) / 4_000
    assert np.mean(np.abs(gradient) < 2 * deviation) > 0.9
    for change in RNG.standard_normal((20, 13, 12)) * 0.05:
        assert ((estimate + design @ change - clean) ** 2).mean() > risk


def test_linear_mmse_keeps_single_precision():
    y, c = NOISY[:, :8].astype(np.float32), random_covariance(8)
    assert filters.linear_mmse(y, 1.0, 0.0, c).dtype == np.float32
    assert filters.linear_mmse(y, 1.0, 0.0, 2.0).dtype == np.float32
    assert filters.wiener(y).dtype == filters.wiener_system_function(y).dtype == np.float32


@pytest.mark.parametrize("size", [0, 2, -3, 201, 3.0, True, "3"])
@pytest.mark.parametrize("function", [filters.wiener, filters.wiener_system_function])
def test_window_is_refused(function, size):
    with pytest.raises((TypeError, ValueError), match="size"):
        function(NOISY, size)


def test_the_widest_window_sees_the_whole_signal_from_either_end():
    y = np.array([1.0, 2.0, 6.0])
    mean, variance = 9 / 5, 41 / 5 - (9 / 5) ** 2  # of the signal and two zeros, everywhere
    expected = mean + (variance - 1) / variance * (y - mean)
    np.testing.assert_allclose(filters.wiener(y, 5, 1.0), expected)


@pytest.mark.parametrize("function", [filters.wiener, filters.wiener_system_function])
@pytest.mark.parametrize(
    ("argument", "bad"),
    [("noise", -1.0), ("noise", np.nan), ("noise", np.ones((6, 100))), ("noise", np.ones((4, 1)))]
    + [("mode", "mirror"), ("mode", 3)],
)
def test_options_are_refused(function, argument, bad):
    with pytest.raises((TypeError, ValueError), match=argument):
        function(NOISY, **{argument: bad})


def test_unknown_mode_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'constant', 'edge', 'reflect', 'symmetric', 'wrap'"):
        filters.wiener(NOISY, mode="mirror")


@pytest.mark.parametrize(
    ("argument", "bad"),
    [
        ("sigma", -1.0),
        ("sigma", np.ones(8)),
        ("mean", np.ones(7)),
        ("mean", np.nan),
        ("covariance", np.ones((7, 7))),
        ("covariance", np.ones(8)),
        ("covariance", np.triu(np.ones((8, 8)))),
        ("covariance", 1e-12 * np.triu(np.ones((8, 8)))),  # whatever its scale
        ("covariance", np.full((8, 8), np.inf)),
    ],
)
def test_linear_mmse_refuses(argument, bad):
    arguments = {"sigma": 1.0, "mean": 0.0, "covariance": 1.0, argument: bad}
    with pytest.raises(ValueError, match=argument):
        filters.linear_mmse(NOISY[:, :8], **arguments)
