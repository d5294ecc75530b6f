r"""The penalty behind a rule: a posterior mean is also the least of an error plus a penalty.

A rule m that treats every sample by itself, and rises, is the proximal map of some penalty:

.. math:: m(y) = \arg\min_x \tfrac12 (y - x)^2 + \phi(x), \qquad \phi'(m(y)) = y - m(y)

so that the rule alone gives its penalty, up to a constant, by an integral along its curve: for a
filter, for the limit, for the mean response of a network (`of_rule`). Of a posterior mean it also
follows from how probable y is (`of_density`): with :math:`m = E[x|y]`,

.. math:: \phi(m(y)) = -\tfrac12 (y - m(y))^2 - \sigma^2 \log p(y) + c

(Gribonval 2011), because :math:`m(y) = y + \sigma^2 (\log p)'(y)`. It is not minus the log of the
prior: the minimum of the error plus *that* would be the most probable x, not the mean.
"""

from typing import NamedTuple

import numpy as np

from denoiselib import _check


class Penalty(NamedTuple):
    """A penalty at some points, its least value 0.

    `of_rule` and `of_density` make it, and `proximal_map` uses it.
    """

    x: np.ndarray  #: estimates m(y), in rising order; equal ones where the rule is flat
    value: np.ndarray  #: phi there, in the squared unit of the signals
    y: np.ndarray  #: the noisy samples that are estimated as x


def of_rule(rule, grid):
    r"""Return the `Penalty` whose proximal map is a rule, from the rule alone.

    Parameters
    ----------
    rule : callable
        ``rule(y) -> estimate``, each of shape ``(length,)``: every sample by itself, and rising.
    grid : array_like (points,)
        Noisy samples in rising order. The penalty is found between the estimates of the first and
        the last one.

    Notes
    -----
    By parts :math:`\phi(m(y)) = \int (y - m)\, dm = y m - m^2 / 2 - \int m\, dy`, with Gauss' rule
    of two points between those of the grid: its error falls as the fourth power of their distance.

    Examples
    --------
    A soft threshold of 1 is behind the absolute value:

    >>> from denoiselib import filters
    >>> found = of_rule(lambda y: filters.threshold(y, 1.0), np.linspace(-4, 4, 9))
    >>> print(np.c_[found.x, found.value][::2].T)
    [[-3. -1.  0.  1.  3.]
     [ 3.  1.  0.  1.  3.]]
    """
    y, m = _curve(rule, grid)
    inner = y[:-1] + np.diff(y) * (0.5 + np.array([[-1], [1]]) / 12**0.5)
    mean = _estimates(rule, inner.ravel()).reshape(inner.shape).mean(axis=0)
    area = np.concatenate([[0], np.cumsum((mean - m[0]) * np.diff(y))])
    # from the first point on, for far from 0 the products would lose digits
    value = (m - m[0]) * (y - m[0] - (m - m[0]) / 2) - area
    return Penalty(m, value - value.min(), y)


def of_density(rule, log_density, sigma, grid):
    r"""Return the same `Penalty` of a posterior mean from how probable noisy samples are.

    Parameters
    ----------
    rule, grid
        As in `of_rule`, of the posterior mean.
    log_density : callable
        ``log_density(y) -> log p(y)``, each of shape ``(length,)``; of a fitted law its own.
    sigma : float
        Noise level.

    Examples
    --------
    >>> from denoiselib.empirical import independent
    >>> law = independent([0.0, 0.0, 5.0], sigma=1)
    >>> grid = np.linspace(-2, 7, 91)
    >>> a, b = of_rule(law.denoise, grid), of_density(law.denoise, law.log_density, 1.0, grid)
    >>> print(f"{abs(a.value - b.value).max() / a.value.max():.6f}")
    0.000001
    """
    _check.function(log_density, "log_density")
    sigma = _check.number(sigma, "sigma", positive=True)
    y, m = _curve(rule, grid)
    value = -((y - m) ** 2) / 2 - sigma**2 * _estimates(log_density, y, "log_density")
    return Penalty(m, value - value.min(), y)


def proximal_map(noisy, penalty):
    r"""Return :math:`\arg\min_x \frac12 (y - x)^2 + \phi(x)` over the points x of a penalty.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals in the unit of the penalty.
    penalty : Penalty
        Its points decide how fine the answer is.

    Notes
    -----
    :math:`\phi(x) + x^2 / 2` is convex, also where the penalty is not. Hence the answer is the
    point where its slope passes y.

    Examples
    --------
    >>> from denoiselib import filters
    >>> found = of_rule(lambda y: filters.threshold(y, 1.0), np.linspace(-4, 4, 81))
    >>> print(proximal_map([-2.0, 0.5, 3.0], found).round(6) + 0.0)
    [-1.  0.  2.]
    """
    noisy = _check.array(noisy, "noisy")
    _check.instance(penalty, "penalty", Penalty)
    x, first = np.unique(_check.array(penalty.x, "penalty"), return_index=True)
    value = _check.array(penalty.value, "penalty")[first]
    slope = np.diff(value) / np.diff(x) + (x[1:] + x[:-1]) / 2
    place = np.searchsorted(np.maximum.accumulate(slope), noisy)
    return x[place].astype(noisy.dtype, copy=False)


def _curve(rule, grid):
    """Return the grid, and the estimates there, which rise."""
    _check.function(rule, "rule")
    y = _check.array(grid, "grid").astype(np.float64)
    if y.ndim != 1 or y.size < 2 or not (np.diff(y) > 0).all():
        raise ValueError("grid must be a rising sequence of at least two numbers")
    m = _estimates(rule, y)
    fall = np.diff(m)
    if fall.min() < -1e-9 * np.ptp(y):
        place = int(np.argmin(fall))
        raise ValueError(
            "rule must rise, or it is no proximal map, but falls between "
            f"{y[place]:.4g} and {y[place + 1]:.4g} of the grid"
        )
    return y, np.maximum.accumulate(m)


def _estimates(function, y, name="rule"):
    values = _check.array(function(y), name)
    if values.shape != y.shape:
        raise ValueError(f"{name} must return one number a sample, {y.shape}, not {values.shape}")
    return values.astype(np.float64)
