"""The families have the laws they claim, and their noise has the level it was asked for."""

import numpy as np
import pytest

from denoiselib import signals

FAMILIES = pytest.mark.parametrize("family", signals.FAMILIES.values(), ids=signals.FAMILIES)


def assert_share(hits, p, name=""):
    """The share of True among independent trials is p, within four standard deviations."""
    hits = np.asarray(hits)
    assert abs(hits.mean() - p) < 4 * np.sqrt(p * (1 - p) / hits.size), name


@FAMILIES
@pytest.mark.parametrize(("n", "length"), [(1, 1), (3, 2), (2, 37), (5, 100)])
def test_shape_and_dtype(family, n, length):
    clean = family(n, length, rng=0)
    assert clean.shape == (n, length)
    assert clean.dtype == np.float64
    assert np.isfinite(clean).all()


@FAMILIES
def test_seed_determines_the_signals(family):
    np.testing.assert_array_equal(family(4, rng=5), family(4, rng=np.random.default_rng(5)))
    assert not np.array_equal(family(4, rng=5), family(4, rng=6))
    assert not np.array_equal(family(4), family(4))  # None: fresh entropy


@FAMILIES
def test_a_generator_moves_on(family):
    rng = np.random.default_rng(0)
    assert not np.array_equal(family(4, rng=rng), family(4, rng=rng))


@FAMILIES
def test_global_state_is_neither_used_nor_changed(family):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    first = signals.add_noise(family(4, rng=1), 3, rng=2)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(signals.add_noise(family(4, rng=1), 3, rng=2), first)


def test_sparse_spikes_marginal():
    clean = signals.sparse_spikes(20_000, rng=0)
    assert_share(clean == 0, 0.99**20)
    heights = clean[clean > 0]
    assert set(heights) == set(range(2, 11))
    for height in range(2, 11):
        assert_share(heights == height, 1 / 9, height)
    for position in (0, 50, 99):
        assert_share(clean[:, position] > 0, 1 - 0.99**20, position)


def test_sparse_spikes_number_of_spikes():
    # distinct places among 20 draws: pairs of places give the variance, less than a binomial's
    spikes = np.count_nonzero(signals.sparse_spikes(20_000, rng=1), axis=-1)
    p, both_empty = 0.99**20, 0.98**20
    variance = 100 * p * (1 - p) + 100 * 99 * (both_empty - p**2)
    assert abs(spikes.mean() - 18.2093) < 4 * np.sqrt(variance / 20_000)
    assert spikes.var() == pytest.approx(variance, rel=0.05)
    assert spikes.max() <= 20


def test_sparse_spikes_later_draw_replaces_the_earlier():
    # five draws on one place: neither their sum, nor their maximum, but one of them
    heights = signals.sparse_spikes(20_000, length=1, rng=0, draws=5)
    for height in range(2, 11):
        assert_share(heights == height, 1 / 9, height)


def test_sparse_spikes_draws_with_replacement():
    clean = signals.sparse_spikes(20_000, length=2, rng=0, draws=2)
    assert_share((clean > 0).all(axis=-1), 0.5)


@pytest.mark.parametrize(("length", "draws"), [(1, 1), (4, 1), (5, 1), (50, 10), (100, 20)])
def test_one_draw_for_five_samples(length, draws):
    assert signals.default_draws(length) == draws
    clean = signals.sparse_spikes(500, length, rng=0)
    np.testing.assert_array_equal(clean, signals.sparse_spikes(500, length, rng=0, draws=draws))
    assert 1 <= np.count_nonzero(clean, axis=-1).max() <= draws


@pytest.mark.parametrize("length", [1, 2, 3, 100])
def test_pulses_are_convolved_spikes(length):
    clean = signals.pulses(2_000, length, rng=0)
    spikes = np.zeros((2_000, length + 2))  # deconvolve, with two zeros in front
    for t in range(length):
        spikes[:, t + 2] = clean[:, t] - 0.7 * spikes[:, t + 1] - 0.4 * spikes[:, t]
    spikes = spikes[:, 2:]
    whole = spikes.round()
    np.testing.assert_allclose(spikes, whole, atol=1e-9)
    assert set(whole.ravel()) <= {0, *range(2, 11)}
    for x, s in zip(clean[:20], whole[:20], strict=True):
        np.testing.assert_allclose(x, np.convolve(s, [1, 0.7, 0.4])[:length], atol=1e-12)
    assert_share(whole > 0, 1 - 0.99**20)
    for height in range(2, 11):
        assert_share(whole[whole > 0] == height, 1 / 9, height)


def test_blocks_levels_and_jumps():
    clean = signals.blocks(5_000, rng=0)
    for level in range(11):
        assert_share(clean[:, 0] == level, 1 / 11, level)
        assert_share(clean[:, -1] == level, 1 / 11, level)
    changes = np.diff(clean) != 0
    assert_share(changes, 0.05 * 10 / 11)  # one jump in eleven repeats the old level
    assert_share(changes[:, 0], 0.05 * 10 / 11)
    assert set(clean.ravel()) == set(range(11))


def test_blocks_forget_at_a_jump():
    clean = signals.blocks(20_000, length=2, rng=0)
    after = clean[clean[:, 0] == 3, 1]
    assert_share(after == 3, 0.95 + 0.05 / 11)
    assert_share(after[after != 3] == 10, 1 / 10)


def test_tones_are_two_to_four_sinusoids():
    # each sinusoid adds two to the rank of the matrix of shifted copies
    clean = signals.tones(600, rng=0)
    shifted = np.lib.stride_tricks.sliding_window_view(clean, 50, axis=-1)
    rank = np.linalg.matrix_rank(shifted, rtol=1e-9)
    assert rank.max() <= 8
    for k in (2, 3, 4):
        assert (rank == 2 * k).mean() == pytest.approx(1 / 3, abs=0.08)


def test_tones_power_and_phase():
    # E x^2 = E[number] E[amplitude^2] / 2 = 3 (128 / 3) / 2, at every sample; E x = 0
    clean = signals.tones(20_000, rng=0)
    np.testing.assert_allclose((clean**2).mean(axis=0), 64, rtol=0.05)
    np.testing.assert_allclose(clean.mean(axis=0), 0, atol=0.3)
    assert np.abs(clean).max() <= 40


def test_tones_frequencies_are_uniform_below_nyquist():
    spectrum = (np.abs(np.fft.rfft(signals.tones(20_000, rng=1))) ** 2).mean(axis=0)
    quarters = spectrum[1:49].reshape(4, 12).mean(axis=-1)
    np.testing.assert_allclose(quarters, quarters.mean(), rtol=0.05)


def test_noise_is_white_with_the_given_variance():
    noise = signals.add_noise(np.zeros((2_000, 100)), 3, rng=0)
    assert noise.mean() == pytest.approx(0, abs=4 * 3 / np.sqrt(noise.size))
    assert noise.var() == pytest.approx(9, rel=4 * np.sqrt(2 / noise.size))
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean()
    assert neighbours == pytest.approx(0, abs=4 * 9 / np.sqrt(noise.size))
    assert (noise**4).mean() == pytest.approx(3 * 81, rel=0.03)  # as a Gaussian's


def test_noise_is_added():
    clean = signals.blocks(3, rng=0)
    copy = clean.copy()
    noise = signals.add_noise(np.zeros_like(clean), 1, rng=7)
    np.testing.assert_array_equal(signals.add_noise(clean, 2, rng=7), clean + 2 * noise)
    np.testing.assert_array_equal(signals.add_noise(clean, 0, rng=7), clean)
    np.testing.assert_array_equal(clean, copy)


@pytest.mark.parametrize(
    ("given", "kept"), [("float32", "float32"), ("float64", "float64"), ("int64", "float64")]
)
def test_noise_keeps_single_precision(given, kept):
    clean = np.zeros((3, 10), dtype=given)
    assert signals.add_noise(clean, np.ones((3, 1)), rng=0).dtype == kept


def test_each_signal_may_have_its_own_noise_level():
    noisy = signals.add_noise(np.zeros((3, 20_000)), np.array([[0.0], [1.0], [5.0]]), rng=0)
    np.testing.assert_allclose(noisy.std(axis=-1), [0, 1, 5], rtol=0.02)
    # a column of levels for one signal: one noisy copy for each
    assert signals.add_noise(np.zeros(10), [[1.0], [2.0]], rng=0).shape == (2, 10)
