"""Signals of constant pieces whose levels are normal: the mean over all ways to cut them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from denoiselib.empirical import law

LONGEST = 5000  #: samples in a signal: 12.5 million segments
SURE = 1e-9  #: how close to 0 and 1 the probability of a jump may come
GAIN = 1e-2  #: of the log-likelihood; EM stops at steps that gain less
STEPS = 300  #: of EM, at most
CHUNK = 2**16  #: numbers in an array (length, signals)


@dataclass(frozen=True, kw_only=True)
class Partition(law.Law):
    """Constant pieces of normal levels, plus white Gaussian noise.

    Attributes
    ----------
    sigma, log_likelihood : float
        As in `law.Law`.
    jump : float
        Probability that a sample starts a new piece.
    mean, spread : float
        Mean and standard deviation of the levels.
    """

    jump: float
    mean: float
    spread: float

    def posterior_mean(self, y):
        """Return :math:`E[x_t | y_1 .. y_L]` of signals ``(n, length)``."""
        _check_length(y)
        pieces = Pieces(self.jump, self.mean, self.spread, self.sigma)
        parts = law.cut(y, CHUNK)
        return np.concatenate([_all_segmentations(part, pieces)[0] for part in parts])


def partition(noisy, sigma=None):
    r"""Learn how often signals jump, and how far, from noisy signals alone.

    Parameters
    ----------
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise, of at most 5,000 samples: time grows with the
        square of the length. Cut a longer one into parts.
    sigma : float, optional
        Noise level, in the unit of the signals; found with the rest if not given.

    Returns
    -------
    Partition

    Notes
    -----
    A product partition model (Barry & Hartigan 1993, *JASA* 88, 309-319): each sample but the first
    starts a new piece with probability p, and the level of a piece is normal with mean
    :math:`\mu` and standard deviation :math:`\tau`. A piece of m samples whose
    :math:`(y_t - \mu) / \sigma` have the sum S adds to the log-likelihood, with
    :math:`r = \tau / \sigma` and beside that of noise alone,

    .. math:: \frac{r^2 S^2}{2 (1 + m r^2)} - \frac12 \log(1 + m r^2), \qquad
        E[\text{level}] = \mu + \sigma \frac{r^2 S}{1 + m r^2}

    Sums over all :math:`2^{L-1}` segmentations run forward and backward over the ends of pieces
    (Fearnhead 2006, *Stat. Comput.* 16, 203-213). EM finds the parameters of largest likelihood.

    Examples
    --------
    >>> from denoiselib import signals
    >>> noisy = signals.add_noise(signals.blocks(100, rng=0), sigma=3, rng=1)
    >>> found = partition(noisy)
    >>> print(f"sigma {found.sigma:.1f}, a jump in {1 / found.jump:.0f} samples")
    sigma 3.0, a jump in 21 samples
    >>> print(f"levels {found.mean:.0f} +- {found.spread:.0f}")
    levels 5 +- 3
    """
    y, given, centre, unit = law.standard(noisy, sigma)
    _check_length(y)
    start = given or law.first_sigma(y)
    spread = float(np.sqrt(max(y.var() - start**2, start**2 / 100)))
    pieces, log_likelihood = law.climb(
        lambda p: _step(y, p, given), Pieces(0.1, 0.0, spread, start), GAIN, STEPS
    )
    return Partition(
        sigma=float(sigma or pieces.sigma * unit),
        log_likelihood=float(log_likelihood - y.size * np.log(unit)),
        jump=pieces.jump,
        mean=centre + unit * pieces.mean,
        spread=unit * pieces.spread,
    )


class Pieces(NamedTuple):
    """Parameters of the pieces, in any unit."""

    jump: float
    mean: float
    spread: float
    sigma: float


def _check_length(noisy):
    if noisy.shape[1] > LONGEST:
        raise ValueError(
            f"noisy must hold at most {LONGEST} samples a signal, not {noisy.shape[1]}: cut it"
        )


def _step(y, pieces, given):
    """One step of EM on signals (n, length): the next pieces, the log-likelihood of these."""
    parts = [_all_segmentations(part, pieces) for part in law.cut(y, CHUNK)]
    log_likelihood, count, first, second, squares = np.sum([part[1] for part in parts], axis=0)
    first, second = first / count, second / count  # moments of a piece, in sigma, around the mean
    jump = (count - len(y)) / (len(y) * (y.shape[1] - 1))
    return Pieces(
        float(np.clip(jump, SURE, 1 - SURE)),
        float(pieces.mean + pieces.sigma * first),
        float(pieces.sigma * max(np.sqrt(max(second - first**2, 0)), law.FINEST)),
        given or max(float(pieces.sigma * np.sqrt(max(squares, 0) / y.size)), law.FINEST),
    ), log_likelihood


def _all_segmentations(y, pieces):
    """Posterior mean of signals (n, length), and what EM needs of them all together.

    These are the log-likelihood; and the sums of 1, of the level and of its square, over pieces,
    and of :math:`(y - x)^2` over samples, all expected, in sigma and around the mean.
    """
    jump, mean, spread, sigma = pieces
    z = (y.T - mean) / sigma  # time first
    length, n = z.shape
    sums = np.concatenate([np.zeros((1, n)), np.cumsum(z, axis=0)])
    m = np.arange(1, length + 1)[:, None]
    shrink = 1 / ((sigma / spread) ** 2 + m)  # the level's posterior mean is this times the sum
    alone = np.log1p(-jump) * (m - 1) - np.log1p(m * (spread / sigma) ** 2) / 2

    left = np.zeros((length + 1, n))  # log-likelihood of samples 1 .. j, where a piece ends
    for j in range(1, length + 1):
        piece = alone[:j][::-1] + shrink[:j][::-1] * (sums[j] - sums[:j]) ** 2 / 2
        left[j] = _log_sum(left[:j] + piece) + (np.log(jump) if j < length else 0)

    right = np.zeros((length + 1, n))  # of samples i + 1 .. L, where a piece starts
    moves = np.zeros((length + 1, n))  # of the posterior mean, from sample to sample
    count = first = second = longest = 0.0
    for i in reversed(range(length)):
        m_i, shrink_i, total = m[: length - i], shrink[: length - i], sums[i + 1 :] - sums[i]
        log_p = alone[: length - i] + shrink_i * total**2 / 2 + right[i + 1 :]
        log_p[:-1] += np.log(jump)
        right[i] = _log_sum(log_p)
        p = np.exp(log_p + (left[i] - left[-1]))
        level = p * shrink_i * total
        moves[i] += level.sum(axis=0)
        moves[i + 1 :] -= level
        square = level * shrink_i * total + p * shrink_i
        count, first = count + p.sum(), first + level.sum()
        second, longest = second + square.sum(), longest + (m_i * square).sum()
    estimate = np.cumsum(moves[:-1], axis=0)
    power = np.sum(z**2)
    log_likelihood = left[-1].sum() - power / 2 - y.size * np.log(sigma * np.sqrt(2 * np.pi))
    squares = power - 2 * np.sum(z * estimate) + longest
    return mean + sigma * estimate.T, (log_likelihood, count, first, second, squares)


def _log_sum(a):
    top = a.max(axis=0)
    return np.log(np.exp(a - top).sum(axis=0)) + top
