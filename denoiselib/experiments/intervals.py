"""Intervals and exact tests for a few seeds, some of which are stuck far from the others.

A mean and Student's t are honest for errors that scatter evenly; one stuck training of ten makes
both say nothing. A median, a share and a count of pairs need no such thing.
"""

import numpy as np
from scipy import stats

LEVEL = 0.95  #: of intervals
SIGNIFICANCE = 0.05  #: what a p value must be below


def median(values):
    r"""Return the median of values and its 95 % interval, between two of the sorted values.

    Notes
    -----
    Whatever the law of the values, the number below its median is binomial (n, 1/2). The k-th
    smallest and the k-th largest value therefore hold the median between them with probability
    :math:`1 - 2 P(B < k)`; k is the largest for which this is 95 % at least. Fewer than six
    values have no such pair: the interval is then NaN.

    Examples
    --------
    >>> print(*median([1.6, 1.7, 1.8, 1.9, 2.0, 2.1, 9.0, 9.1]))
    1.95 1.6 9.1
    """
    if len(values) < 6:
        return float(np.median(values)) if values else np.nan, np.nan, np.nan
    ends = stats.quantile_test(values, p=0.5).confidence_interval(LEVEL)
    return float(np.median(values)), float(ends.low), float(ends.high)


def share(count, n):
    """Return a share count / n and its exact 95 % interval (Clopper and Pearson 1934).

    Examples
    --------
    >>> print(*(f"{x:.3f}" for x in share(0, 48)))
    0.000 0.000 0.074
    """
    ends = stats.binomtest(count, n).proportion_ci(LEVEL, method="exact")
    return count / n, float(ends.low), float(ends.high)


def mcnemar(first, second):
    """Test whether something happens as often in the first as in the second of paired trials.

    Parameters
    ----------
    first, second : sequence of bool
        Whether it happened, pair by pair.

    Returns
    -------
    tuple of int, int, float
        Pairs in which it happened in the first alone, in the second alone, and the exact p value.
        Pairs in which both agree say nothing about which is more frequent.

    Examples
    --------
    >>> print(mcnemar([True] * 6 + [False], [False] * 6 + [True]))
    (6, 1, 0.125)
    """
    return sign(int(x) - int(y) for x, y in zip(first, second, strict=True))


def sign(differences):
    """Test whether paired differences are as often above 0 as below.

    It gives the number above 0, the number below, and the exact p value.

    Examples
    --------
    >>> sign([0.5, 1.0, 2.0, 3.0, -0.1, 4.0, 0.0])
    (5, 1, 0.21875)
    """
    found = np.sign(list(differences)).tolist()
    a, b = found.count(1), found.count(-1)
    return a, b, _even(a, b)


def ratio(over, under):
    r"""Return the ratio of two means of paired values, and its 95 % interval by Fieller's theorem.

    Parameters
    ----------
    over, under : array_like (n,)
        For example how far a row is nearer to the limit than a control, and how far the control is
        from the limit, seed by seed.

    Returns
    -------
    tuple of float
        Ratio, low, high; the interval is infinite if `under` may be 0.

    Notes
    -----
    A ratio r is in the interval if Student's t cannot tell the mean of ``over - r under`` from 0:
    :math:`(\bar a - r \bar b)^2 \le t^2 (s_{aa} - 2 r s_{ab} + r^2 s_{bb}) / n`, a quadratic in r
    (Fieller 1954, J. R. Stat. Soc. B 16). Percentiles of a bootstrap are too narrow for few seeds.

    Examples
    --------
    >>> print(*(f"{x:.3f}" for x in ratio([1.0, 1.2, 0.9, 1.1], [2.0, 2.3, 1.9, 2.2])))
    0.500 0.465 0.528
    """
    a, b = np.asarray(over, dtype=float), np.asarray(under, dtype=float)
    n, middle = len(a), a.mean() / b.mean()
    if n < 2:
        return float(middle), np.nan, np.nan
    (aa, ab), (_, bb) = np.cov(a, b) * stats.t.ppf((1 + LEVEL) / 2, n - 1) ** 2 / n
    square, line, constant = b.mean() ** 2 - bb, a.mean() * b.mean() - ab, a.mean() ** 2 - aa
    if square <= 0:
        return float(middle), -np.inf, np.inf
    half = np.sqrt(max(line**2 - square * constant, 0.0))
    return float(middle), float((line - half) / square), float((line + half) / square)


def power(n, probability):
    """Return how probable it is that `sign` of n pairs gives p < 0.05, if one is above so often.

    Examples
    --------
    >>> print(f"{power(10, 0.8):.2f} {power(40, 0.8):.2f}")
    0.38 0.98
    """
    above = np.arange(n + 1)
    found = np.array([_even(int(k), int(n - k)) < SIGNIFICANCE for k in above])
    return float(stats.binom.pmf(above, n, probability)[found].sum())


def _even(a, b):
    return float(stats.binomtest(a, a + b).pvalue) if a + b else 1.0
