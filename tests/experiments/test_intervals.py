"""Do intervals hold what they are for as often as they say, also where some trainings are stuck?"""

import itertools

import numpy as np
import pytest
from scipy import stats

from denoiselib.experiments import intervals

DRAWS = 1000
STUCK = 0.2  # so many trainings are far from the others


def trainings(rng, n):
    """Draw errors of n trainings, a fifth of which are stuck far away."""
    return np.where(rng.random(n) < STUCK, 2.15, 1.6) + 0.02 * rng.standard_normal(n)


def coverage(interval, truth, draw, n, seed=0):
    rng = np.random.default_rng(seed)
    found = (interval(draw(rng, n)) for _ in range(DRAWS))
    return np.mean([low <= truth <= high for _, low, high in found])


@pytest.mark.parametrize("n", [6, 10, 40])
def test_the_interval_of_the_median_holds_it_with_stuck_trainings(n):
    # the median of the mixture: half of all mass is below
    middle = 1.6 + 0.02 * stats.norm.ppf(0.5 / (1 - STUCK))
    assert coverage(intervals.median, middle, trainings, n) >= 0.94


@pytest.mark.parametrize("n", [10, 12, 20, 40])
def test_the_interval_of_the_median_is_no_wider_than_it_must_be(n):
    _, low, high = intervals.median(np.arange(n))
    inner = np.arange(n)[int(low) + 1 : int(high)]
    ranks = stats.binom.cdf(np.arange(n + 1), n, 0.5)
    assert 1 - 2 * ranks[int(low)] >= 0.95
    assert 1 - 2 * ranks[inner[0]] < 0.95


@pytest.mark.parametrize("n", [6, 10, 13])
def test_an_interval_leaves_out_what_the_sign_test_refutes(n):
    rng, refuted = np.random.default_rng(1), 0
    for _ in range(100):
        values = rng.standard_normal(n) + 1
        _, low, high = intervals.median(values)
        sure = intervals.sign(values)[2] < intervals.SIGNIFICANCE
        assert sure == (low > 0 or high < 0)
        refuted += sure
    assert 0 < refuted < 100


def test_few_values_have_no_interval():
    assert np.isnan(intervals.median([1.0, 2.0, 3.0, 4.0, 5.0])[1:]).all()


@pytest.mark.parametrize("n", [10, 48])
@pytest.mark.parametrize("share", [0.02, 0.15, 0.2, 0.5])
def test_the_interval_of_a_share_holds_it(n, share):
    counts = np.arange(n + 1)
    ends = np.array([intervals.share(int(k), n)[1:] for k in counts])
    held = (ends[:, 0] <= share) & (share <= ends[:, 1])
    assert stats.binom.pmf(counts, n, share)[held].sum() >= 0.95


@pytest.mark.parametrize("n", [10, 24])
def test_the_interval_of_a_ratio_holds_it(n):
    def draw(rng, n):
        shared = rng.standard_normal(n)
        under = 0.5 + 0.15 * (shared + rng.standard_normal(n))
        return 0.2 + 0.15 * shared + 0.05 * rng.standard_normal(n), under

    held = coverage(lambda pair: intervals.ratio(*pair), 0.4, draw, n)
    assert 0.935 <= held <= 0.965


def test_a_ratio_is_in_its_interval_where_student_says_so():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 0.3, 9), rng.normal(3, 0.4, 9)
    _, low, high = intervals.ratio(a, b)
    for end in (low, high):
        assert stats.ttest_1samp(a - end * b, 0).pvalue == pytest.approx(0.05)


def test_a_ratio_to_what_may_be_zero_has_no_bounds():
    assert np.isnan(intervals.ratio([1.0], [2.0])[1:]).all()
    assert intervals.ratio([1.0, 2.0, 3.0], [-1.0, 0.1, 1.5])[1:] == (-np.inf, np.inf)


def test_mcnemar_counts_all_ways_to_flip_the_pairs():
    first = np.array([1, 1, 1, 1, 1, 0, 0, 1], bool)
    second = np.array([0, 0, 1, 0, 0, 1, 0, 0], bool)
    a, b, p = intervals.mcnemar(first, second)
    assert (a, b) == (5, 1)
    flips = itertools.product([1, -1], repeat=6)
    found = np.array([5, 1]) @ [1, -1]
    assert p == np.mean([abs(sum(flip)) >= found for flip in flips])


def test_no_pair_that_differs_says_nothing():
    assert intervals.mcnemar([True, False], [True, False]) == (0, 0, 1.0)
    assert intervals.sign([0.0, 0.0]) == (0, 0, 1.0)


def test_power_is_how_often_the_test_finds_it():
    rng = np.random.default_rng(0)
    p = [intervals.sign(rng.random(20) - 0.25)[2] for _ in range(DRAWS)]
    assert intervals.power(20, 0.75) == pytest.approx(np.mean(np.array(p) < 0.05), abs=0.04)
