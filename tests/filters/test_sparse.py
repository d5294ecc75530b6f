"""Sparse estimates satisfy the conditions of optimality, whatever the transform."""

import warnings

import numpy as np
import pytest
from scipy import optimize

from denoiselib import filters, signals
from denoiselib.filters import sparse
from denoiselib.filters.methods import KNOWN_PULSE

RNG = np.random.default_rng(0)
NOISY = 3 * RNG.standard_normal((6, 10))

DFT = (lambda y: np.fft.fft(y, norm="ortho"), lambda c: np.fft.ifft(c, norm="ortho").real)


def oversampled(length):
    """A DFT of twice the length: more coefficients than samples, yet A A^H = I."""
    return (
        lambda y: np.fft.fft(y, 2 * length, norm="ortho"),
        lambda c: np.fft.ifft(c, norm="ortho").real[..., :length],
    )


TRANSFORMS = {
    "identity": ("identity", lambda y: y),
    "dft": ("dft", DFT[0]),
    "pair": (DFT, DFT[0]),
    "oversampled": (oversampled(10), oversampled(10)[0]),
    "pulse": (KNOWN_PULSE, KNOWN_PULSE[0]),
}


def l1_by_duality(y, lam, analysis):
    """Return y - r with r the point next to y of all those with |A^H r| <= lam."""
    matrix = analysis(np.eye(len(y)))
    bounds = {
        "type": "ineq",
        "fun": lambda r: lam**2 - np.abs(r @ matrix) ** 2,
        "jac": lambda r: -2 * (np.conj(r @ matrix) * matrix).real.T,
    }
    found = optimize.minimize(
        lambda r: ((r - y) ** 2).sum() / 2,
        np.zeros_like(y),
        jac=lambda r: r - y,
        constraints=[bounds],
        method="SLSQP",
        options={"ftol": 1e-11, "maxiter": 1_000},
    )
    assert found.status in (0, 8)  # 8: it cannot get any nearer
    return y - found.x


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("lam", [0.5, 2.0])
def test_l1_equals_an_independent_solver(name, lam):
    transform, analysis = TRANSFORMS[name]
    expected = [l1_by_duality(y, lam, analysis) for y in NOISY]
    np.testing.assert_allclose(filters.l1(NOISY, lam, transform), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["identity", "dft"])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("lam", [0.5, 2.0])
def test_closed_form_equals_iteration(name, gamma, lam):
    closed = filters.gmc(NOISY, lam, gamma, name, method="closed")
    iterated = filters.gmc(NOISY, lam, gamma, name, method="iterative")
    np.testing.assert_allclose(iterated, closed, atol=1e-7)
    np.testing.assert_array_equal(filters.gmc(NOISY, lam, gamma, name), closed)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("tol", [1e-2, 1e-10])
def test_iterating_on_magnitudes_takes_the_same_steps_and_stops_with_them(gamma, tol):
    # as a pair the DFT passes for a frame (synthesis keeps the real part), which is transformed
    # in every step
    y, lam = NOISY * np.array([1e-3, 1, 1, 2, 3, 100])[:, None], np.full((6, 1), 1.5)
    got, expected = (
        filters.gmc(y, lam, gamma, transform, method="iterative", tol=tol)
        for transform in ("dft", DFT)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-10)
    assert (np.abs(got - filters.gmc(y, lam, gamma)).max() > 1e-5) == (tol == 1e-2)


def test_an_iteration_over_a_unitary_transform_transforms_only_before_and_after():
    basis, calls = np.linalg.qr(RNG.standard_normal((10, 10)))[0], []
    pair = (
        lambda y: calls.append("analysis") or y @ basis,
        lambda c: calls.append("synthesis") or c @ basis.T,
    )
    filters.gmc(NOISY[0], 1.0, 0.8, pair, method="closed")
    closed = calls.copy()
    calls.clear()
    filters.gmc(NOISY[0], 1.0, 0.8, pair, method="iterative")
    assert calls == closed


def test_signals_in_many_groups_equal_one_by_one(monkeypatch):
    monkeypatch.setattr(sparse, "GROUP", 4 * 200)
    y = 3 * RNG.standard_normal((12, 200))
    y[::3] *= 1e-3  # some are done at once
    expected = [filters.gmc(row, 1.0, 0.8, KNOWN_PULSE) for row in y]
    np.testing.assert_allclose(
        filters.gmc(y, 1.0, 0.8, KNOWN_PULSE), expected, rtol=1e-12, atol=1e-12
    )
    with pytest.warns(RuntimeWarning, match="12 signals still moved after 1 iterations"):
        filters.gmc(np.abs(y) + 100, 1.0, 0.8, KNOWN_PULSE, max_iter=1)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
def test_closed_forms_are_thresholds(gamma):
    lam = 1.2
    firm = filters.prox.firm
    got = filters.gmc(NOISY, lam, gamma, "identity")
    np.testing.assert_array_equal(got, firm(NOISY, lam, gamma))
    coefficients = np.fft.fft(NOISY) / np.sqrt(10)
    expected = np.fft.ifft(firm(coefficients, lam, gamma) * np.sqrt(10)).real
    np.testing.assert_allclose(filters.gmc(NOISY, lam, gamma), expected, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
def test_a_users_pair_equals_the_named_transform(gamma):
    got = filters.gmc(NOISY, 1.5, gamma, DFT)
    np.testing.assert_allclose(got, filters.gmc(NOISY, 1.5, gamma, "dft"), atol=1e-7)
    basis = np.linalg.qr(RNG.standard_normal((10, 10)))[0]  # found to be unitary: closed form
    got = filters.gmc(NOISY, 1.5, gamma, (lambda y: y @ basis, lambda c: c @ basis.T))
    expected = filters.gmc(NOISY @ basis, 1.5, gamma, "identity") @ basis.T
    np.testing.assert_allclose(got, expected, atol=1e-12)


def unring(x):
    return np.linalg.solve(KNOWN_PULSE[1](np.eye(x.shape[-1])).T, x.T).T


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("lam", [0.5, 2.0])
def test_gmc_is_a_saddle_point(gamma, lam):
    # v minimises |v|_1 + gamma / (2 lam) |A (c - v)|^2: an L1 problem, whose data are A c;
    # the gradient of the rest at c must then be lam sign(c), or within lam where c = 0
    x = filters.gmc(NOISY, lam, gamma, KNOWN_PULSE)
    z = filters.l1(x, lam / gamma, KNOWN_PULSE) if gamma else x
    c = unring(x)
    slope = KNOWN_PULSE[0](NOISY - x - gamma * (z - x))
    on = np.abs(c) > 1e-6
    assert 5 < on.sum() < 60
    np.testing.assert_allclose(slope[on], lam * np.sign(c[on]), atol=1e-6)
    assert np.abs(slope[~on]).max(initial=0) <= lam + 1e-6


def test_gmc_on_a_parseval_frame_beats_its_perturbations():
    # F of a GMC problem with its inner minimum solved by l1 over the same frame
    lam, gamma, pair = 1.5, 0.5, oversampled(10)
    y = NOISY[0]

    def cost(x, c):
        z, v = _l1_with_coefficients(x, lam / gamma, pair)
        inner = np.abs(v).sum() + gamma / (2 * lam) * ((x - z) ** 2).sum()
        return ((y - x) ** 2).sum() / 2 + lam * (np.abs(c).sum() - inner)

    x, c = _gmc_with_coefficients(y, lam, gamma, pair)
    np.testing.assert_allclose(filters.gmc(y, lam, gamma, pair), x, atol=1e-7)
    least = cost(x, c)
    for step in (1e-3, 1e-1, 1.0):
        for _ in range(5):
            other = c + step * pair[0](RNG.standard_normal(10)) / 4
            assert cost(pair[1](other), other) > least


def _recording(pair):
    """Return the pair, remembering the last coefficients that were synthesised."""
    seen = []

    def synthesis(c):
        seen[:] = [c]
        return pair[1](c)

    return (pair[0], synthesis), seen


def _l1_with_coefficients(y, lam, pair):
    return _gmc_with_coefficients(y, lam, 0.0, pair)


def _gmc_with_coefficients(y, lam, gamma, pair):
    recorder, seen = _recording(pair)
    return filters.gmc(y, lam, gamma, recorder), seen[0][0]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_no_penalty_changes_nothing_and_much_leaves_nothing(name):
    transform = TRANSFORMS[name][0]
    for gamma in (0.0, 0.8):
        np.testing.assert_allclose(filters.gmc(NOISY, 0, gamma, transform), NOISY, atol=1e-6)
        # 30 exceeds every coefficient, also in the frames
        np.testing.assert_array_equal(filters.gmc(NOISY, 30, gamma, transform), 0 * NOISY)


@pytest.mark.parametrize("transform", [*TRANSFORMS.values()], ids=TRANSFORMS)
@pytest.mark.parametrize("gamma", [0.0, 0.8])
@pytest.mark.parametrize("method", ["auto", "iterative"])
def test_batch_equals_one_by_one(transform, gamma, method):
    # signals that converge early wait for the others without changing
    y = NOISY * np.array([0, 1e-3, 1, 1, 3, 100])[:, None]
    lam = np.array([1, 1, 0.5, 2, 0, 5])[:, None]
    expected = [
        filters.gmc(row, weight, gamma, transform[0], method=method)
        for row, weight in zip(y, lam[:, 0], strict=True)
    ]
    got = filters.gmc(y.reshape(2, 3, 10), lam.reshape(2, 3, 1), gamma, transform[0], method=method)
    np.testing.assert_allclose(got.reshape(6, 10), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("shape", [(3, 1), (3, 1, 1)])
def test_a_column_of_weights_gives_a_row_of_estimates(name, shape):
    lam, y = np.array([0.5, 1.0, 2.0]), NOISY[0] if shape == (3, 1) else NOISY
    expected = [filters.l1(y, weight, TRANSFORMS[name][0]) for weight in lam]
    got = filters.l1(y, lam.reshape(shape), TRANSFORMS[name][0])
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("method", ["auto", "iterative"])
def test_single_precision_converges_without_a_warning(name, method):
    transform = TRANSFORMS[name][0]
    single = filters.gmc(NOISY.astype(np.float32), 1.0, 0.8, transform, method=method)
    assert single.dtype == np.float32
    expected = filters.gmc(NOISY, 1.0, 0.8, transform)
    np.testing.assert_allclose(single, expected, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e70])
def test_homogeneous_at_any_scale(scale):
    for name in ("identity", "dft", "pulse"):
        transform = TRANSFORMS[name][0]
        got = filters.l1(scale * NOISY, scale, transform) / scale
        np.testing.assert_allclose(got, filters.l1(NOISY, 1.0, transform), atol=1e-6, err_msg=name)


@pytest.mark.parametrize("length", [1, 2, 3, 64, 1_000])
def test_step_is_stable_at_any_length(length):
    # the largest eigenvalue of the pulse's A^H A nears (1 + .7 + .4)^2 as signals grow
    y = RNG.standard_normal(length)
    x = filters.l1(y, 0.3, KNOWN_PULSE)
    slope, c = KNOWN_PULSE[0](y - x), unring(x)
    assert np.abs(slope).max() <= 0.3 + 1e-6
    assert slope @ c == pytest.approx(0.3 * np.abs(c).sum(), rel=1e-5)


def test_unfinished_iteration_warns():
    with pytest.warns(RuntimeWarning, match="6 signals still moved after 3 iterations"):
        filters.gmc(NOISY, 1.0, 0.8, KNOWN_PULSE, max_iter=3)
    with pytest.warns(RuntimeWarning, match="1 signals"):  # zeros are done at once
        filters.l1(NOISY * np.eye(6, 1), 1.0, KNOWN_PULSE, max_iter=3)


def test_loose_tolerance_stops_early():
    loose = filters.l1(NOISY, 1.0, KNOWN_PULSE, tol=1e-2, max_iter=200)
    tight = filters.l1(NOISY, 1.0, KNOWN_PULSE)
    assert 1e-9 < np.abs(loose - tight).max() < 1


@pytest.mark.parametrize(
    "pair",
    [
        (KNOWN_PULSE[0], lambda c: 2 * KNOWN_PULSE[1](c)),
        (KNOWN_PULSE[1], KNOWN_PULSE[1]),
        (np.fft.fft, lambda c: np.fft.ifft(c).real),  # norm forgotten
        (lambda y: y[..., :4], lambda c: c),
        (lambda y: y, lambda c: c + 1),
    ],
)
def test_pairs_that_are_not_adjoint_are_refused(pair):
    for call in (filters.l1, filters.gmc, filters.tuning.k_sparse_lam):
        with pytest.raises(ValueError, match="transform must be a pair"):
            call(NOISY, 1, transform=pair)


@pytest.mark.parametrize("transform", [None, 3, (np.fft.fft,), (np.fft.fft, "ifft"), [1, 2]])
def test_what_is_no_transform_is_refused(transform):
    with pytest.raises(TypeError, match="transform must be one of 'identity', 'dft' or a pair"):
        filters.l1(NOISY, 1.0, transform)


def test_a_pair_of_zero_maps_gives_zero():
    # adjoint, linear, and of no use; but no reason for a NaN
    zero = (lambda y: 0 * y, lambda c: 0 * c)
    np.testing.assert_array_equal(filters.l1(NOISY, 1.0, zero), 0 * NOISY)


@pytest.mark.parametrize(
    ("argument", "bad"),
    [
        ("lam", -1.0),
        ("lam", np.nan),
        ("lam", np.ones(10)),
        ("lam", np.ones((4, 1))),
        ("transform", "wavelet"),
        ("method", "closed form"),
        ("method", None),
        ("gamma", 1.0),
        ("gamma", -0.1),
        ("gamma", np.nan),
        ("gamma", np.full((6, 1), 0.5)),
    ],
)
def test_gmc_refuses(argument, bad):
    with pytest.raises((TypeError, ValueError), match=argument):
        filters.gmc(NOISY, **{"lam": 1.0, argument: bad})


def test_there_is_no_closed_form_of_a_frame():
    with pytest.raises(ValueError, match="method 'closed' needs a unitary transform"):
        filters.l1(NOISY, 1.0, KNOWN_PULSE, method="closed")


@pytest.mark.parametrize("k", range(10))
@pytest.mark.parametrize("name", ["identity", "pulse"])
def test_k_sparse_lam_keeps_k_coefficients(name, k):
    transform, analysis = TRANSFORMS[name]
    lam = filters.tuning.k_sparse_lam(NOISY, k, transform)
    assert lam.shape == (6, 1)
    magnitude = np.abs(analysis(NOISY))
    np.testing.assert_array_equal(np.count_nonzero(magnitude > lam, axis=-1), k)
    falling = np.sort(magnitude, axis=-1)[:, ::-1]
    if k:  # half way to the next
        np.testing.assert_allclose(lam[:, 0], falling[:, k - 1 : k + 1].mean(axis=-1))


@pytest.mark.parametrize("k", [0, 2, 4, 8])
def test_k_sparse_lam_in_frequency(k):
    y = RNG.standard_normal((6, 11))
    y -= y.mean(axis=-1, keepdims=True)  # an odd length and no mean: only pairs of bins are left
    lam = filters.tuning.k_sparse_lam(y, k)
    for estimate in (filters.l1(y, lam), filters.gmc(y, lam)):
        kept = np.abs(np.fft.fft(estimate)) > 1e-9
        np.testing.assert_array_equal(kept.sum(axis=-1), k)


@pytest.mark.parametrize("k", [-1, 10, 2.0, True, "2"])
def test_k_is_refused(k):
    with pytest.raises((TypeError, ValueError), match="k must be"):
        filters.tuning.k_sparse_lam(NOISY, k, "identity")


@pytest.mark.parametrize("penalty", filters.prox.PENALTIES)
def test_threshold_is_the_proximal_map(penalty):
    lam = np.array([0.5, 1, 2])[:, None, None]
    expected = filters.prox.PENALTIES[penalty](NOISY, lam)
    np.testing.assert_array_equal(filters.threshold(NOISY, lam, penalty), expected)
    assert filters.threshold(NOISY.astype(np.float32), 1.0, penalty).dtype == np.float32


def test_threshold_passes_options_on():
    got = filters.threshold(NOISY, 1.0, "firm", gamma=0.3)
    np.testing.assert_array_equal(got, filters.prox.firm(NOISY, 1.0, 0.3))


def test_threshold_is_soft_unless_told():
    np.testing.assert_array_equal(filters.threshold([-3.0, 1.0, 4.0], 2.0), [-1, 0, 2])


@pytest.mark.parametrize("penalty", ["l3", None, ["l1"]])
def test_unknown_penalty_lists_the_known_ones(penalty):
    with pytest.raises(ValueError, match=r"penalty must be one of 'l1', 'nonnegative_l1', 'l0'"):
        filters.threshold(NOISY, 1.0, penalty)


@pytest.mark.parametrize("lam", [0.0, 0.5, 3.0])
def test_nonnegative_l1_meets_its_optimality_conditions(lam):
    """The gradient A^T (A c - y) + lam is 0 where c > 0, and not negative where c = 0."""
    analysis, synthesis = KNOWN_PULSE
    y = signals.add_noise(signals.pulses(5, rng=70), 3, rng=71)
    estimate = filters.l1(y, lam, KNOWN_PULSE, nonnegative=True)
    c = np.linalg.solve(synthesis(np.eye(100)).T, estimate.T).T  # it is invertible
    gradient = analysis(estimate - y) + lam
    assert c.min() > -1e-9
    assert gradient.min() > -1e-6
    assert np.abs(gradient[c > 1e-6]).max() < 1e-6
    assert not np.allclose(filters.l1(y, lam, KNOWN_PULSE), estimate)


@pytest.mark.parametrize("gamma", [0.0, 0.8])
def test_nonnegative_closed_form_equals_iteration(gamma):
    y = signals.add_noise(signals.sparse_spikes(5, rng=72), 3, rng=73)
    options = {"transform": "identity", "nonnegative": True}
    closed, found = (
        filters.gmc(y, 2.0, gamma, method=m, **options) for m in ("closed", "iterative")
    )
    assert np.allclose(closed, found)
    assert np.allclose(closed, np.maximum(filters.gmc(y, 2.0, gamma, "identity"), 0))
    assert closed.min() == 0


def test_complex_coefficients_have_no_sign():
    with pytest.raises(ValueError, match="nonnegative"):
        filters.l1(np.ones(8), 1.0, "dft", nonnegative=True)


def test_a_transform_that_was_made_once_is_not_tried_again():
    calls = []

    def analysis(y):
        calls.append(y.shape)
        return 2 * y

    pair = analysis, lambda c: 2 * c
    made = sparse.resolve(pair, NOISY.shape[-1])
    assert (10,) in calls
    expected = filters.l1(NOISY, 1.0, pair)
    calls.clear()
    np.testing.assert_array_equal(filters.l1(NOISY, 1.0, made), expected)
    assert (10,) not in calls


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9])
def test_no_answer_grows_where_the_largest_eigenvalue_stands_close_to_others(gamma):
    """The iteration for it is then slow, and a step made from it too long."""
    rng = np.random.default_rng(1)
    for _ in range(150):
        n = int(rng.integers(2, 12))
        left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
        stretch = np.full(n, rng.choice([1e-3, 1.0, 1e3]))
        stretch[0] *= 1 + 0.3 * rng.random()
        matrix = left @ np.diag(stretch) @ right
        pair = (lambda y, a=matrix: y @ a, lambda c, a=matrix: c @ a.T)
        y, lam = rng.standard_normal((3, n)), 1e-3 * stretch[0] * rng.choice([1e-3, 1, 100])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*still moved", RuntimeWarning)
            estimate = filters.gmc(y, lam, gamma, pair, tol=1e-12, max_iter=3000)
        assert np.linalg.norm(estimate) <= np.linalg.norm(y) * (1 + 1e-9)


@pytest.mark.parametrize("length", range(1, 40))
def test_the_known_pulse_at_every_length(length):
    y = np.random.default_rng(length).standard_normal((4, length))
    estimate = filters.l1(y, 0.05, KNOWN_PULSE, max_iter=20_000)
    assert np.linalg.norm(estimate) <= np.linalg.norm(y) * (1 + 1e-9)


def test_a_circle_of_steps_is_left():
    """With a step that is too long the iteration may go to and fro for ever, and not grow."""
    w = np.random.default_rng(14359).uniform(0.9, 1, 9)
    y, pair = 10 * np.eye(9)[w.argmax()], (lambda y: w * y, lambda c: w * c)
    largest = w.max()
    expected = largest * (largest * 10 - 0.5) / largest**2
    np.testing.assert_allclose(filters.l1(y, 0.5, pair).max(), expected, rtol=1e-6)
    np.testing.assert_allclose(filters.gmc(y, 0.5, 0.5, pair).max(), 10, rtol=1e-6)
