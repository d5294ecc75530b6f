"""Filters, moving means, convolutions and other rates are those of SciPy."""

import numpy as np
import pytest

from denoiselib import filters, nn, real
from denoiselib.filters import adaptive, tuning
from denoiselib.nn import ops
from tests.peers import foreign

pytestmark = pytest.mark.peers
signal = pytest.importorskip("scipy.signal")
ndimage = pytest.importorskip("scipy.ndimage")
stats = pytest.importorskip("scipy.stats")


def test_their_tests(their_tests):
    file = foreign.installed("scipy", "signal/tests/test_signaltools.py")
    their_tests("scipy", [file], options=["-k", "TestWiener"])


def drawn(seed, *shape):
    rng = np.random.default_rng([seed, *shape])
    return rng, np.cumsum(rng.normal(size=shape), axis=-1) + 3 * rng.normal(size=shape)


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# --- the local Wiener filter


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [3, 5, 7, 9, 13, 21, 31, 61])
def test_wiener(size, seed):
    rng, y = drawn(seed, 80)
    close(filters.wiener(y, size), signal.wiener(y, size))
    noise = float(rng.uniform(0.1, 20))
    close(filters.wiener(y, size, noise), signal.wiener(y, size, noise))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [3, 5, 9])
def test_wiener_of_several_signals_is_that_of_the_rows_of_a_picture(size, seed):
    rng, y = drawn(seed, 6, 50)
    noise = float(rng.uniform(0.1, 20))
    close(filters.wiener(y, size, noise), signal.wiener(y, (1, size), noise))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("size", [3, 5, 9, 21])
def test_wiener_beyond_the_edges(size, mode, seed):
    """Theirs has zeros there; it is given signals that have been continued already."""
    rng, y = drawn(seed, 50)
    noise = float(rng.uniform(0.1, 20))
    padded = np.pad(y, size, mode)
    with np.errstate(divide="ignore", invalid="ignore"):  # where it is flat, outside
        expected = signal.wiener(padded, size, noise)[size:-size]
    close(filters.wiener(y, size, noise, mode), expected)


# --- means and convolutions


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("window", [1, 3, 5, 9, 15])
def test_moving_mean(window, seed):
    """Where theirs counts zeros beyond the ends, ours cuts the window off."""
    _, x = drawn(seed, 2, 3, 20)
    total = ndimage.uniform_filter1d(x, window, mode="constant")
    share = ndimage.uniform_filter1d(np.ones_like(x), window, mode="constant")
    close(ops.moving_mean(x, window).data, total / share)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("taps", [1, 3, 5, 9])
def test_filter1d(taps, seed):
    rng, x = drawn(seed, 2, 3, 20)
    kernel = rng.normal(size=(3, taps))
    expected = [
        [ndimage.correlate1d(row, k, mode="constant") for row, k in zip(rows, kernel, strict=True)]
        for rows in x
    ]
    close(ops.filter1d(x, kernel).data, expected)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("taps", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 3)])
def test_conv1d(taps, dilation, seed):
    rng, x = drawn(seed, 2, 3, 20)
    weight = rng.normal(size=(4, 3, taps))
    spread = np.zeros((4, 3, dilation * (taps - 1) + 1))
    spread[..., ::dilation] = weight
    expected = [
        [
            sum(signal.correlate(row, k, "valid") for row, k in zip(rows, kernel, strict=True))
            for kernel in spread
        ]
        for rows in x
    ]
    close(ops.conv1d(x, nn.Tensor(weight), dilation=dilation).data, expected)


@pytest.mark.parametrize("seed", range(20))
def test_the_output_of_a_system(seed):
    rng, x = drawn(seed, 3, 60)
    system = rng.normal(size=9)
    expected = signal.lfilter(system, [1.0], x, axis=-1)
    close(adaptive.observe(x, system, snr=300, rng=0), expected)


# --- other lengths and rates


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("rate", "new"), [(360, 250), (250, 360), (100, 300), (500, 125)])
def test_resample(rate, new, seed):
    """Ours is theirs for what lies above the line through both ends; the line itself is exact."""
    _, y = drawn(seed, 2, 150)
    divisor = np.gcd(rate, new)
    slope = (y[:, -1:] - y[:, :1]) / 149
    found = signal.resample_poly(
        y - y[:, :1] - slope * np.arange(150), new // divisor, rate // divisor, axis=-1
    )
    line = y[:, :1] + slope * rate / new * np.arange(found.shape[-1])
    close(real.resample(y, rate, new), found + line)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length", [2, 3, 10, 25, 26, 50])
def test_upsample1d(length, seed):
    _, x = drawn(seed, 2, 3, length)
    close(ops.upsample1d(x).data, ndimage.zoom(x, (1, 1, 2), order=1, mode="nearest"))


# --- the noise level


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("length", [20, 21])
def test_mad(length, seed):
    _, x = drawn(seed, 2, 3, length)
    expected = stats.median_abs_deviation(x, axis=-1, scale=0.6745)
    close(tuning.mad_sigma(x)[..., 0], expected)
    close(ops.mad(x).data[..., 0], expected)
