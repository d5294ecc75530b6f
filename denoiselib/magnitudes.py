r"""Why thresholds that are lines in magnitudes win: the best threshold, told without a network.

A ReLU with a threshold, :math:`\mathrm{relu}(y - \tau)`, estimates a clean sample x from a noisy
one, :math:`y = x + \sigma n`. Its mean squared error, the risk, is least where

.. math:: \tau = E[y - x \mid y > \tau] = \sigma^2 \, \frac{p(\tau)}{P(y > \tau)}

with the density p of noisy samples. The first equation is the derivative of the risk: a threshold
takes off the mean noise of what passes. The second is :math:`E[\sigma n\,g(y)] = \sigma^2 E[g'(y)]`
with a step for g (Stein 1981). With little noise :math:`\tau / \sigma` is constant. With much, y is
nearly pure noise, whose hazard rate p / P is above :math:`\tau / \sigma^2` everywhere, and
:math:`\tau / \sigma` grows without bound: the best threshold bends upwards.

A layer can measure magnitudes. The best line in them (`fit`) is this noise's regression on them.
"""

import math

import numpy as np

from denoiselib import _check
from denoiselib.filters import tuning

REACH = 8.0  #: a threshold is looked for up to so many levels above the largest atom
POINTS = 2001  #: of a grid that finds the lowest risk, before bisection finds its place
STEPS = 100  #: of a fit; some ten are enough


def risk(atoms, weights, sigma, threshold):
    r"""Return the mean squared error :math:`E(\mathrm{relu}(y - \tau) - x)^2` of a threshold.

    Parameters
    ----------
    atoms, weights : array_like (atoms,)
        The law of a clean sample: its values and how often they come, as
        ``np.unique(clean, return_counts=True)`` returns them.
    sigma : float
        Noise level, greater than 0, in the unit of the atoms.
    threshold : float or array (...)
        In this unit, too; it may be negative.

    Examples
    --------
    >>> print(risk([0.0], [1.0], sigma=1.0, threshold=0.0))  # one half of the noise passes
    0.5
    """
    atoms, weights, sigma = _law(atoms, weights, sigma)
    threshold = _check.array(threshold, "threshold", numbers=True).astype(np.float64)
    return atoms**2 @ weights - _gain(atoms, weights, sigma, threshold)


def best_threshold(atoms, weights, sigma):
    r"""Return the threshold with the least `risk`, :math:`\tau = \sigma^2 p(\tau) / P(y > \tau)`.

    It is positive. Noise so loud that the best threshold lets nothing pass is an error.

    Examples
    --------
    >>> from denoiselib import signals
    >>> law = np.unique(signals.sparse_spikes(2000, rng=0), return_counts=True)
    >>> print([round(best_threshold(*law, sigma), 1) for sigma in (1, 2, 3, 4)])
    [0.7, 1.5, 2.6, 4.1]
    """
    atoms, weights, sigma = _law(atoms, weights, sigma)
    if not atoms.max() > 0:
        raise ValueError("atoms must hold one above 0, or the best threshold lets nothing pass")
    grid = np.linspace(0, atoms.max() + REACH * sigma, POINTS)
    k = np.argmax(_gain(atoms, weights, sigma, grid))
    if k == POINTS - 1:
        raise ValueError(
            f"sigma must be smaller than {sigma:g}: the best threshold is {REACH:g} times as much "
            "above all atoms, or more, and lets nothing pass"
        )
    low, high = grid[max(k - 1, 0)], grid[k + 1]
    while low < (tau := (low + high) / 2) < high:
        passing, density = _tail(atoms - tau, sigma)
        if tau * (passing @ weights) < sigma * (density @ weights) * sigma:
            low = tau
        else:
            high = tau
    return float(high)


def mean_magnitude(atoms, weights, sigma):
    r"""Return the mean magnitude :math:`E|y|` of noisy samples; arguments are those of `risk`.

    One atom: :math:`a\,\mathrm{erf}(a/\sqrt2\sigma) + \sqrt{2/\pi}\,\sigma e^{-a^2/2\sigma^2}`.

    Examples
    --------
    >>> print(f"{mean_magnitude([0.0], [1.0], sigma=3.0) / 3:.3f}")  # of noise alone
    0.798
    """
    atoms, weights, sigma = _law(atoms, weights, sigma)
    positive, density = _tail(atoms, sigma)
    return float((atoms * (2 * positive - 1) + 2 * sigma * (sigma * density)) @ weights)


def measures(noisy):
    r"""Return what a threshold may be made of: measures of signals ``(..., length)``, by names.

    Each is an array ``(..., k)``; a threshold is a weighted sum of its columns, a line if one of
    them is 1. ``dy`` are differences of neighbours: a second channel, with another filter.

    Examples
    --------
    >>> print(measures([1.0, -1.0, 4.0])["line in mean |y|, |dy|"])
    [2.  3.5 1. ]
    """
    y = _check.array(noisy, "noisy").astype(np.float64)
    if y.shape[-1] < 2:
        raise ValueError("noisy must hold two samples a signal at least: one has no differences")
    m, d = (np.abs(h).mean(axis=-1, keepdims=True) for h in (y, np.diff(y)))
    one = np.ones_like(m)
    columns = {
        "one for all": [one],
        "c times mean |y|": [m],
        "line in mean |y|": [m, one],
        "line in MAD": [tuning.mad_sigma(y), one],
        "line in mean |y|, |dy|": [m, d, one],
    }
    return {name: np.concatenate(parts, axis=-1) for name, parts in columns.items()}


def fit(noisy, clean, measured):
    r"""Return the weights w ``(k,)`` with which thresholds ``measured @ w`` have the least error.

    Parameters
    ----------
    noisy, clean : array_like (n, length)
        Signals to learn from.
    measured : array_like (n, k)
        What is known of each signal, for example one of `measures`.

    Notes
    -----
    .. math:: w \leftarrow \arg\min_w \sum_{y_{it} > m_i w} (y_{it} - x_{it} - m_i w)^2

    is a regression of the noise of what passes. It starts at w = 0, and ends when no sample changes
    sides. The w of least error on the way is returned; a lower minimum may be elsewhere.

    Examples
    --------
    >>> fit([[4.0, 5.0, -6.0]], [[3.0, 3.0, 0.0]], [[1.0]])  # noise of 1 and 2 passes
    array([1.5])
    """
    named = {"noisy": noisy, "clean": clean, "measured": measured}
    y, x, m = (_check.array(value, name).astype(np.float64) for name, value in named.items())
    if not (y.ndim == m.ndim == 2 and y.shape == x.shape and len(y) == len(m)):
        raise ValueError(
            "noisy, clean and measured must have shapes (n, length), (n, length) and (n, k), "
            f"not {y.shape}, {x.shape} and {m.shape}"
        )
    unit = np.abs(m).max(axis=0)
    unit[unit == 0] = 1
    m, w, found, before = m / unit, np.zeros(m.shape[1]), [], None
    for _ in range(STEPS):
        passing = y > (m @ w)[:, None]
        found.append((_error(y, x, m @ w), w / unit))
        if np.array_equal(passing, before):
            break
        root = np.sqrt(passing.sum(axis=1))
        noise = np.sum((y - x) * passing, axis=1) / np.maximum(root, 1)
        w, before = np.linalg.lstsq(root[:, None] * m, noise, rcond=None)[0], passing
    return min(found, key=lambda pair: pair[0])[1]


def compare(noisy, clean, sigma):
    """Return the mean squared error of each kind of threshold, by names.

    They are `measures`; a line in the noise level `sigma`, a number or ``(n, 1)``; and, as ``"told
    sigma"``, a parabola in it, nearly the `best_threshold`. The first half of the signals ``(n,
    length)`` teaches weights; the errors are those on the second.

    Examples
    --------
    >>> from denoiselib import signals
    >>> clean, sigma = signals.sparse_spikes(2000, rng=0), np.resize([1.0, 4.0], (2000, 1))
    >>> error = compare(signals.add_noise(clean, sigma, rng=1), clean, sigma)
    >>> print([round(error[k], 2) for k in ("one for all", "line in mean |y|", "told sigma")])
    [3.0, 2.31, 2.31]
    """
    y, x = (_check.array(v, n).astype(np.float64) for v, n in ((noisy, "noisy"), (clean, "clean")))
    if y.ndim != 2 or len(y) < 2:
        raise ValueError(f"noisy must have the shape (n, length), n at least 2, not {y.shape}")
    known, ones = measures(y), np.ones((len(y), 1))
    s = ones * _check.level(sigma, "sigma", ones, per_signal=True, positive=True)
    known["line in sigma"] = np.hstack([s, ones])
    known["told sigma"] = np.hstack([(s / s.max()) ** 2, s, ones])
    half, errors = len(y) // 2, {}
    for name, m in known.items():
        w = fit(y[:half], x[:half], m[:half])
        errors[name] = _error(y[half:], x[half:], m[half:] @ w)
    return errors


def _error(y, x, threshold):
    return float(np.mean((np.maximum(y - threshold[:, None], 0) - x) ** 2))


def _law(atoms, weights, sigma):
    """Check a law, and return it with weights that sum to 1."""
    atoms, weights = (_check.array(v, n) for v, n in ((atoms, "atoms"), (weights, "weights")))
    if atoms.ndim != 1 or atoms.shape != weights.shape:
        raise ValueError(
            f"atoms and weights must have one shape (atoms,), not {atoms.shape} and {weights.shape}"
        )
    if weights.min() < 0 or not weights.max() > 0:
        raise ValueError("weights must not be negative, and not all 0")
    atoms, weights = atoms[weights > 0].astype(np.float64), weights[weights > 0].astype(np.float64)
    return atoms, weights / weights.sum(), _check.number(sigma, "sigma", positive=True)


ERFC = np.vectorize(math.erfc, otypes=[float])


def _tail(v, sigma):
    """Return the probability that v + sigma n is above 0, and its density at 0."""
    u = np.clip(v / sigma, -1e3, 1e3)
    probability = ERFC(-u / np.sqrt(2)) / 2
    return probability, np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi) / sigma


def _gain(atoms, weights, sigma, threshold):
    """Return E x^2 minus the risk, from E relu and E relu^2 of y - threshold."""
    v = atoms - threshold[..., None]
    passing, density = _tail(v, sigma)
    first = v * passing + sigma * (sigma * density)
    return (2 * atoms * first - v * first - sigma**2 * passing) @ weights
