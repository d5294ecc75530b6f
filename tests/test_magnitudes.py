"""Is the best threshold the best one: by brute force, in closed form, and on signals?"""

import math

import numpy as np
import pytest

from denoiselib import filters, magnitudes, signals

RNG = np.random.default_rng(0)
SPIKES = np.unique(signals.sparse_spikes(5000, rng=1), return_counts=True)
LAWS = {
    "spikes": SPIKES,
    "one height": ([0.0, 4.0], [0.8, 0.2]),
    "both signs": ([-3.0, 0.0, 6.0], [1.0, 8.0, 1.0]),
    "far apart": ([1.0, 40.0, 5.0], [1.0, 0.02, 0.0]),
    "exponential": (np.linspace(0, 30, 61), np.exp(-np.linspace(0, 30, 61) / 3)),
}
LEVELS = (0.5, 1.0, 3.0, 6.0)
laws = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def normal(u):
    return np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)


def risk_by_quadrature(atoms, weights, sigma, threshold):
    n = np.linspace(-9, 9, 20001)
    y = np.asarray(atoms)[:, None] + sigma * n
    error = (np.maximum(y - threshold, 0) - np.asarray(atoms)[:, None]) ** 2
    each = (error * normal(n)).sum(axis=1) * (n[1] - n[0])
    return each @ weights / np.sum(weights)


# --- the law known


@laws
@pytest.mark.parametrize("sigma", LEVELS)
def test_risk_and_magnitude_are_integrals(law, sigma):
    for threshold in (-2.0, 0.0, 1.3, 7.0):
        found = magnitudes.risk(*law, sigma, threshold)
        assert found == pytest.approx(risk_by_quadrature(*law, sigma, threshold), rel=1e-5)
    n = np.linspace(-9, 9, 20001)
    each = np.abs(np.asarray(law[0])[:, None] + sigma * n) @ normal(n) * (n[1] - n[0])
    expected = each @ law[1] / np.sum(law[1])
    assert magnitudes.mean_magnitude(*law, sigma) == pytest.approx(expected, rel=1e-5)


def test_risk_takes_many_thresholds():
    many = RNG.normal(size=(2, 3))
    found = magnitudes.risk(*SPIKES, 2.0, many)
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(float(magnitudes.risk(*SPIKES, 2.0, many[1, 2])))


@laws
@pytest.mark.parametrize("sigma", LEVELS)
def test_no_threshold_of_a_grid_is_better(law, sigma):
    best = magnitudes.best_threshold(*law, sigma)
    grid = np.linspace(-5, 45, 2501)
    risks = magnitudes.risk(*law, sigma, grid)
    least = magnitudes.risk(*law, sigma, best)
    assert least <= risks.min() + 1e-12
    assert best == pytest.approx(grid[risks.argmin()], abs=0.021)


@laws
def test_it_takes_off_the_mean_noise_of_what_passes(law):
    best = magnitudes.best_threshold(*law, 3.0)
    clean = RNG.choice(law[0], 1_000_000, p=np.divide(law[1], np.sum(law[1])))
    noisy = signals.add_noise(clean, 3.0, RNG)
    noise = (noisy - clean)[noisy > best]
    assert abs(noise.mean() - best) < 5 * noise.std() / np.sqrt(noise.size)


@pytest.mark.parametrize("u", [-1.0, 0.3, 1.0, 2.5])
def test_of_a_constant_in_closed_form(u):
    """With one atom a the equation is tau = sigma h(u), u = (tau - a) / sigma: it tells a."""
    hazard = normal(u) / (math.erfc(u / 2**0.5) / 2)
    a = 2.0 * (hazard - u)
    assert magnitudes.best_threshold([a], [7.0], 2.0) == pytest.approx(2.0 * hazard, rel=1e-9)


def test_of_an_exponential_law_in_closed_form():
    """The density of its noisy samples is an exponential times a normal distribution function."""
    b, sigma = 3.0, 2.0

    def slope(tau):
        below = math.erfc((sigma / b - tau / sigma) / 2**0.5) / 2
        density = math.exp(sigma**2 / (2 * b**2) - tau / b) * below / b
        passing = math.erfc(tau / sigma / 2**0.5) / 2 + b * density
        return tau * passing - sigma**2 * density

    grid = np.linspace(0, 45, 901)
    weights = np.exp(-grid / b)
    weights[0] /= 2  # the trapezoidal rule
    found = magnitudes.best_threshold(grid, weights, sigma)
    assert slope(found - 0.001) < 0 < slope(found + 0.001)


def test_it_bends_upwards():
    """A constant times sigma with little noise, and more than that with much."""
    ratio = [magnitudes.best_threshold(*SPIKES, s) / s for s in (0.01, 0.1, 1, 2, 3, 4, 5, 10, 20)]
    zeros = SPIKES[1][0] / SPIKES[1].sum()
    u = ratio[0]
    assert u * (1 - zeros + zeros * math.erfc(u / 2**0.5) / 2) == pytest.approx(zeros * normal(u))
    assert ratio[1] == pytest.approx(u)
    assert (np.diff(ratio[1:]) > 0).all()
    assert ratio[-1] > 5 * u


@pytest.mark.parametrize("c", [1e-6, 0.3, 1e9])
def test_another_unit_changes_the_unit_alone(c):
    def answers(c):
        atoms, noisy, clean = c * SPIKES[0], c * NOISY, c * CLEAN
        yield magnitudes.best_threshold(atoms, SPIKES[1], 3 * c)
        yield magnitudes.mean_magnitude(atoms, SPIKES[1], 3 * c)
        yield np.sqrt(magnitudes.risk(atoms, SPIKES[1], 3 * c, 2 * c))
        for m in magnitudes.measures(noisy).values():
            yield m @ magnitudes.fit(noisy, clean, m)
        yield np.sqrt(list(magnitudes.compare(noisy, clean, c * SIGMA).values()))

    for found, expected in zip(answers(c), answers(1.0), strict=True):
        np.testing.assert_allclose(np.asarray(found) / c, expected, rtol=1e-7)


# --- signals


CLEAN = signals.sparse_spikes(1500, rng=2)
SIGMA = np.random.default_rng(3).uniform(1, 5, (1500, 1))
NOISY = signals.add_noise(CLEAN, SIGMA, rng=4)


def error(measured, w):
    return np.mean((np.maximum(NOISY - (measured @ w)[:, None], 0) - CLEAN) ** 2)


def test_measures_are_what_they_are_called():
    found = magnitudes.measures(NOISY)
    one, m = np.ones(1500), np.abs(NOISY).mean(axis=1)
    d = np.abs(NOISY[:, 1:] - NOISY[:, :-1]).mean(axis=1)
    expected = {
        "one for all": [one],
        "c times mean |y|": [m],
        "line in mean |y|": [m, one],
        "line in MAD": [filters.tuning.mad_sigma(NOISY)[:, 0], one],
        "line in mean |y|, |dy|": [m, d, one],
    }
    assert list(found) == list(expected)
    for name, columns in expected.items():
        np.testing.assert_allclose(found[name], np.stack(columns, axis=1))


@pytest.mark.parametrize("name", ["c times mean |y|", "line in mean |y|", "line in MAD"])
def test_no_line_of_a_grid_is_better(name):
    m = magnitudes.measures(NOISY)[name]
    w = magnitudes.fit(NOISY, CLEAN, m)
    least = error(m, w)
    for slope in np.linspace(0.2, 2.6, 13):
        for offset in np.linspace(-4, 2, 13) if len(w) == 2 else [0.0]:
            assert error(m, [slope, offset][: len(w)]) > least - 1e-6
    for step in 0.01 * np.eye(len(w)):
        assert min(error(m, w + step), error(m, w - step)) > least


def test_where_all_signals_have_one_level_it_is_the_best_threshold():
    clean = signals.sparse_spikes(20_000, rng=5)
    noisy = signals.add_noise(clean, 4.0, rng=6)
    [w] = magnitudes.fit(noisy, clean, np.ones((20_000, 1)))
    assert w == pytest.approx(magnitudes.best_threshold(*SPIKES, 4.0), rel=0.02)
    risk = np.mean((np.maximum(noisy - w, 0) - clean) ** 2)
    assert risk == pytest.approx(magnitudes.risk(*SPIKES, 4.0, w), rel=0.01)


def test_a_line_without_noise_in_it_is_found():
    """Noise that is the same in all samples that pass, and a line in what is measured."""
    measured = np.column_stack([RNG.uniform(1, 2, 50), np.ones(50)])
    clean = np.where(RNG.random((50, 30)) < 0.5, 20.0, 0.0)
    noise = np.where(clean, (measured @ [2.0, -0.5])[:, None], -1.0)
    np.testing.assert_allclose(magnitudes.fit(clean + noise, clean, measured), [2.0, -0.5])


def test_compare_learns_on_one_half_and_judges_on_the_other():
    found = magnitudes.compare(NOISY, CLEAN, SIGMA)
    level = {
        "line in sigma": np.hstack([SIGMA, np.ones_like(SIGMA)]),
        "told sigma": np.hstack([SIGMA**2, SIGMA, np.ones_like(SIGMA)]),
    }
    known = magnitudes.measures(NOISY) | level
    assert list(found) == list(known)
    for name, m in known.items():
        w = magnitudes.fit(NOISY[:750], CLEAN[:750], m[:750])
        squares = (np.maximum(NOISY - (m @ w)[:, None], 0) - CLEAN) ** 2
        assert found[name] == pytest.approx(squares[750:].mean())


def test_told_the_level_is_nearly_the_best_threshold():
    told = magnitudes.compare(NOISY, CLEAN, SIGMA)["told sigma"]
    grid = np.linspace(1, 5, 33)
    best = np.interp(SIGMA[750:], grid, [magnitudes.best_threshold(*SPIKES, s) for s in grid])
    squares = (np.maximum(NOISY[750:] - best, 0) - CLEAN[750:]) ** 2
    assert told == pytest.approx(squares.mean(), rel=2e-3)


def test_one_number_for_all_signals_is_a_level():
    found = magnitudes.compare(NOISY, CLEAN, 3.0)
    assert found["told sigma"] == pytest.approx(found["one for all"])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (magnitudes.best_threshold, ([0.0, -1.0], [1.0, 1.0], 1.0), "atoms must hold one above 0"),
        (magnitudes.best_threshold, ([1.0, 2.0], [1.0, 0.0], 9.0), "sigma must be smaller than 9"),
        (magnitudes.best_threshold, ([1.0, 2.0], [1.0, 1.0], 0.0), "sigma must be greater than 0"),
        (magnitudes.risk, ([1.0, 2.0], [1.0], 1.0, 1.0), "atoms and weights must have one shape"),
        (magnitudes.risk, ([1.0, 2.0], [1.0, -1.0], 1.0, 1.0), "weights must not be negative"),
        (magnitudes.mean_magnitude, ([1.0], [0.0], 1.0), "weights must not be negative, and not"),
        (magnitudes.measures, ([[1.0]],), "noisy must hold two samples"),
        (magnitudes.fit, (NOISY, CLEAN, SIGMA[:-1]), "measured must have shapes"),
        (magnitudes.compare, (NOISY[:1], CLEAN[:1], 1.0), "noisy must have the shape"),
        (magnitudes.compare, (NOISY, CLEAN, 0 * SIGMA), "sigma must be greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
