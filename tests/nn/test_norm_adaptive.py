"""Adaptive filters in place of a normalisation: by their formulas, sample by sample."""

import numpy as np
import pytest

from denoiselib.nn import Tensor
from denoiselib.nn.norm import LineEnhancer, WienerNorm
from denoiselib.nn.norm.adaptive import LinePrediction
from denoiselib.nn.norm.sparse import FLOOR


def signals(*shape, seed=0):
    """Waves and noise, of another strength in each signal and channel."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(shape[2]) * rng.uniform(0.2, 0.6, (*shape[:2], 1)))
    return (2 * wave + 0.5 * rng.standard_normal(shape)) * rng.uniform(0.5, 2, (*shape[:2], 1))


# --- the local Wiener filter


@pytest.mark.parametrize("window", [3, 5])
@pytest.mark.parametrize("raw", [-1.0, 0.5])
def test_a_wiener_norm_by_definition(window, raw):
    layer, x = WienerNorm(2, window=window, dtype=np.float64), signals(3, 2, 20)
    layer.raw.data[...] = raw
    expected = np.empty_like(x)
    for n, c in np.ndindex(3, 2):
        half = window // 2
        seen = [x[n, c, max(t - half, 0) : t + half + 1] for t in range(20)]
        v = np.array([part.var() for part in seen])
        noise = np.log1p(np.exp(raw)) * (v.mean() + FLOOR)
        for t, part in enumerate(seen):
            gain = max(v[t] - noise, 0) / v[t]
            expected[n, c, t] = part.mean() + gain * (x[n, c, t] - part.mean())
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_level_does_not_spoil_the_local_variance(dtype):
    x = signals(3, 2, 50).astype(dtype)
    layer = WienerNorm(2, dtype=dtype)
    atol = 300 * np.finfo(dtype).eps * 1024
    np.testing.assert_allclose(layer(x + dtype(1024)).data - 1024, layer(x).data, atol=atol)


# --- the line enhancer


def predictions(x, taps, mu, rho, eps):
    """One signal, and the weights before each sample."""
    w, p, kept = np.zeros(taps), np.zeros(len(x)), []
    for t in range(len(x)):
        u = np.array([x[t - k] if t >= k else 0.0 for k in range(1, taps + 1)])
        kept.append(w)
        p[t] = w @ u
        w = w + mu * (x[t] - p[t]) * u / (eps + u @ u) - rho * np.sign(w)
    return p, np.array(kept)


@pytest.mark.parametrize("taps", [1, 4, 30])
def test_a_line_enhancer_by_definition(taps):
    options = {"taps": taps, "mu": 0.3, "rho": 1e-2, "eps": 0.1}
    layer, x = LineEnhancer(2, dtype=np.float64, **options), signals(3, 2, 25)
    layer.raw.data[...] = [[-1.0], [0.5]]
    share = 1 / (1 + np.exp(-layer.raw.data))
    expected = np.empty_like(x)
    for n, c in np.ndindex(3, 2):
        p, _ = predictions(x[n, c], **options)
        expected[n, c] = share[c] * p + (1 - share[c]) * (x[n, c] - p)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("taps", [1, 4, 30])
def test_its_gradient_takes_the_weights_as_constants(taps):
    """That of a linear map whose rows are the weights on the way."""
    options = {"taps": taps, "mu": 0.3, "rho": 1e-2, "eps": 0.1}
    x = Tensor(signals(3, 2, 25), requires_grad=True)
    upstream = np.random.default_rng(1).standard_normal(x.shape)
    (LinePrediction(x, **options).out * upstream).sum().backward()
    for n, c in np.ndindex(3, 2):
        _, kept = predictions(x.data[n, c], **options)
        matrix = np.zeros((25, 25))
        for t in range(25):
            for k in range(1, min(taps, t) + 1):
                matrix[t, t - k] = kept[t, k - 1]
        np.testing.assert_allclose(x.grad[n, c], matrix.T @ upstream[n, c], rtol=1e-9, atol=1e-12)


def test_what_can_be_predicted_is_a_wave_and_not_noise():
    rng = np.random.default_rng(2)
    wave = np.sin(0.4 * np.arange(400)) + np.zeros((20, 1, 1))
    x = Tensor(wave + 0.3 * rng.standard_normal(wave.shape))
    p = LinePrediction(x, 20, 0.03, 1e-5, 1e-3).out.data[..., 200:]
    error = np.mean((p - wave[..., 200:]) ** 2)
    assert error < 0.7 * np.mean((x.data - wave) ** 2)
    noise = Tensor(rng.standard_normal(wave.shape))
    assert np.mean(LinePrediction(noise, 20, 0.03, 1e-5, 1e-3).out.data ** 2) < 0.1


@pytest.mark.parametrize("before", ["", "batch", "instance"])
@pytest.mark.parametrize("kind", [WienerNorm, LineEnhancer])
def test_an_adaptive_filter_follows_a_normalisation(kind, before):
    x, layer = signals(3, 2, 20), kind(2, before=before, dtype=np.float64)
    if before:
        x = layer.norm(x).data
    alone = kind(2, dtype=np.float64)(x).data
    np.testing.assert_allclose(layer(signals(3, 2, 20)).data, alone, rtol=1e-10, atol=1e-12)


def test_numbers_of_taps_and_windows_are_checked():
    with pytest.raises(ValueError, match="taps must be at least 1"):
        LineEnhancer(2, taps=0)
    with pytest.raises(ValueError, match="window must be odd"):
        WienerNorm(2, window=4)(signals(1, 2, 9))
