"""Every method of the list works on every family, and the slides' rows come out."""

import re

import numpy as np
import pytest

from denoiselib import filters, metrics, signals
from denoiselib.filters import METHODS
from denoiselib.filters.methods import _match, _ring

ALL = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@ALL
@pytest.mark.parametrize("family", signals.FAMILIES)
def test_every_value_on_every_family(method, family):
    noisy = signals.add_noise(signals.FAMILIES[family](4, rng=0), 3, rng=1)
    for value in method.grid:
        estimate = method.denoise(noisy, 3.0, value)
        single = method.denoise(noisy.astype(np.float32), 3.0, value)
        assert estimate.shape == noisy.shape
        assert (estimate.dtype, single.dtype) == (np.float64, np.float32)
        assert np.isfinite(estimate).all()
        scale = np.abs(noisy).max()
        assert np.abs(single - estimate).max() < 1e-3 * scale or method is METHODS["hard"]


@ALL
def test_entry_is_complete(method):
    assert np.all(np.diff(method.grid) > 0)
    assert all([method.label, method.parameter in ("lambda", "window")])
    if method.slides is not None:
        assert method.grid[0] <= method.slides <= method.grid[-1]


def test_labels_differ():
    assert len({m.label for m in METHODS.values()}) == len(METHODS)


Y = signals.add_noise(signals.pulses(5, rng=0), 3, rng=1)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("wiener", 5, filters.wiener(Y, 5)),
        ("wiener_sigma", 5, filters.wiener(Y, 5, noise=4.0)),
        ("l1_dft", 2.0, filters.l1(Y, 2.0, "dft")),
        ("gmc_dft", 2.0, filters.gmc(Y, 2.0, 0.8, "dft")),
        ("soft", 2.0, np.sign(Y) * np.maximum(np.abs(Y) - 2, 0)),
        ("relu", 2.0, np.maximum(Y - 2, 0)),
        ("firm", 2.0, filters.prox.firm(Y, 2.0, 0.8)),
        ("hard", 2.0, np.where(np.abs(Y) > 2, Y, 0)),
        ("l1_pulse", 2.0, filters.l1(Y, 2.0, (_match, _ring))),
        ("tv", 2.0, filters.tv(Y, 2.0)),
    ],
)
def test_name_says_what_is_done(name, value, expected):
    got = METHODS[name].denoise(Y, 2.0, value)
    # the iteration of l1_pulse is stopped early, for the sake of speed
    np.testing.assert_allclose(got, expected, atol=0.1 if name == "l1_pulse" else 1e-12)


@ALL
def test_sweep_is_every_value_in_turn(method):
    for noisy in (Y[0], Y[:4].reshape(2, 2, 100)):
        expected = [method.denoise(noisy, 3.0, value) for value in method.grid]
        np.testing.assert_allclose(method.sweep(noisy, 3.0), expected, atol=1e-9)


@pytest.mark.parametrize("name", ["gmc_dft", "firm"])
def test_gamma_is_passed_on(name):
    method = METHODS[name]
    assert [m for m in METHODS if METHODS[m].gamma] == ["gmc_dft", "firm"]
    soft = METHODS["l1_dft" if name == "gmc_dft" else "soft"]
    np.testing.assert_allclose(method.sweep(Y, 3.0, gamma=0.0), soft.sweep(Y, 3.0), atol=1e-12)
    tuned = method.tune(Y, 3.0, Y, gamma=0.3)
    expected = [((e - Y) ** 2).mean() ** 0.5 for e in method.sweep(Y, 3.0, gamma=0.3)]
    np.testing.assert_allclose(tuned.risk, expected)


@ALL
def test_tune_takes_the_least_error_with_labels_and_nearly_without(method):
    family = {"total variation": "blocks", "L1, known pulse": "pulses"}.get(method.label)
    clean = signals.FAMILIES[family or "sparse_spikes"](150, rng=0)
    noisy = signals.add_noise(clean, 3, rng=1)
    errors = [((method.denoise(noisy, 3.0, v) - clean) ** 2).mean() ** 0.5 for v in method.grid]
    tuned = method.tune(noisy, 3.0, clean)
    assert tuned.value == method.grid[np.argmin(errors)]
    np.testing.assert_allclose(tuned.risk, errors)
    np.testing.assert_array_equal(tuned.grid, method.grid)
    without = method.tune(noisy, 3.0)
    assert tuned.risk[list(method.grid).index(without.value)] < 1.05 * tuned.risk.min()
    np.testing.assert_allclose(without.risk, errors, rtol=0.15)


def test_the_risk_is_the_same_measure_with_and_without_labels():
    """On blocks errors differ between signals: a mean of roots is less than a root of a mean."""
    clean, method = signals.blocks(5_000, rng=0), METHODS["tv"]._replace(grid=np.array([6.0, 8.0]))
    noisy = signals.add_noise(clean, 3, rng=1)
    risks = [method.tune(noisy, 3.0, labels).risk for labels in (clean, None)]
    np.testing.assert_allclose(*risks, rtol=0.01)
    roots = metrics.rmse(method.sweep(noisy, 3.0), clean).mean(axis=-1)
    assert (roots < 0.98 * risks[0]).all()


@pytest.mark.parametrize("labels", [False, True])
def test_tune_counts_all_signals_whatever_their_axes(labels):
    clean, method = signals.sparse_spikes(6, rng=0), METHODS["soft"]
    noisy = signals.add_noise(clean, 3, rng=1)
    flat = method.tune(noisy, 3.0, clean if labels else None)
    y, x = noisy.reshape(2, 3, 100), clean.reshape(2, 3, 100)
    np.testing.assert_allclose(method.tune(y, 3.0, x if labels else None).risk, flat.risk)
    one = method.tune(noisy[0], 3.0, clean[0] if labels else None)
    many = method.tune(noisy[:1], 3.0, clean[:1] if labels else None)
    assert one.value == many.value
    np.testing.assert_allclose(one.risk, many.risk)


def test_labels_must_fit():
    for labels in (Y[:, :50], Y * np.nan, Y[:2]):
        with pytest.raises(ValueError, match="clean"):
            METHODS["soft"].tune(Y, 3.0, labels)


WINDOWLESS = (3.0, 4, 0, -3, 10**9, True, "3", None, np.nan, [3], np.array([3, 5]))
WEIGHTLESS = (-1.0, np.nan, np.inf, 1e300, "1", None, 1j, [], np.ones(3), np.full((5, 1), -1.0))


@pytest.mark.parametrize(
    "name",
    [
        "wiener",
        "wiener_sigma",
        "l1_dft",
        "gmc_dft",
        "soft",
        "relu",
        "firm",
        "hard",
        "l1_pulse",
        "tv",
    ],
)
def test_what_is_wrong_with_a_value_is_said_of_the_value(name):
    method = METHODS[name]
    for value in WINDOWLESS if method.parameter == "window" else WEIGHTLESS:
        with pytest.raises((TypeError, ValueError), match=r"\bvalue\b") as refused:
            method.denoise(Y, 3.0, value)
        assert not re.search(r"\b(size|lam|noise)\b", str(refused.value))


@pytest.mark.parametrize("sigma", [-1.0, np.nan, "1", None, np.ones(3), np.ones((4, 1))])
def test_what_is_wrong_with_a_noise_level_is_said_of_sigma(sigma):
    with pytest.raises((TypeError, ValueError), match=r"\bsigma\b"):
        METHODS["wiener_sigma"].denoise(Y, sigma, 3)


def measured(family, denoise):
    """Mean RMSE and slide_psnr on 3,000 fresh signals at sigma 3."""
    clean = signals.FAMILIES[family](3_000, rng=20)
    estimate = denoise(signals.add_noise(clean, 3, rng=21))
    return metrics.rmse(estimate, clean).mean(), metrics.slide_psnr(estimate, clean).mean()


@pytest.mark.parametrize(
    ("name", "value", "rmse", "slide_psnr"),
    [
        ("wiener", None, 2.40, 4.83),
        ("l1_dft", None, 2.44, 4.57),
        ("gmc_dft", None, 2.88, 1.70),
        ("soft", 3.4, 1.83, 9.6),
        ("relu", 2.6, 1.67, 11.2),
    ],
)
def test_rows_of_the_slides(name, value, rmse, slide_psnr):
    method = METHODS[name]
    value = method.slides if value is None else value
    got = measured("sparse_spikes", lambda y: method.denoise(y, 3.0, value))
    assert got[0] == pytest.approx(rmse, abs=0.02)
    assert got[1] == pytest.approx(slide_psnr, abs=0.15)


def test_total_variation_suits_blocks():
    assert measured("blocks", lambda y: METHODS["tv"].denoise(y, 3.0, 8.0))[0] == pytest.approx(
        1.04, abs=0.03
    )


def test_known_pulse_suits_pulses():
    clean = signals.pulses(150, rng=0)
    noisy = signals.add_noise(clean, 3, rng=1)
    least = {name: METHODS[name].tune(noisy, 3.0, clean).risk.min() for name in METHODS}
    assert min(least, key=least.get) == "l1_pulse"


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_ring_convolves_and_match_is_its_adjoint(length):
    matrix = _ring(np.eye(length))
    expected = [np.convolve(row, [1, 0.7, 0.4])[:length] for row in np.eye(length)]
    np.testing.assert_allclose(matrix, expected)
    np.testing.assert_allclose(_match(np.eye(length)), matrix.T)
