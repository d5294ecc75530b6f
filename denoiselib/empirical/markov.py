"""Signals that stay where they are or jump: a hidden Markov chain, learned from noisy signals."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from denoiselib.empirical import law

PER_SIGMA = 8  #: levels of the grid to one sigma
LEVELS = (9, 400)  #: the fewest and the most levels to start with
NEGLIGIBLE = 1e-8  #: a weight that is as good as none
STAYS = (0.9, 0.1)  #: where EM starts, as it may end at the nearest of several maxima
TRIED = 50  #: signals that tell the better start
LONGEST_STAY = 1 - 1e-9  #: so that no sample leaves all levels impossible
GAIN = 0.1  #: of the log-likelihood; EM steps that gain less learn the noise
STEPS = 300  #: of EM, at most
CHUNK = 2**20  #: numbers in an array (length, signals, levels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Markov(law.Law):
    """Signals that stay, or jump to a level drawn anew, plus white Gaussian noise.

    Attributes
    ----------
    sigma, log_likelihood : float
        As in `law.Law`.
    levels : ndarray (levels,)
        In rising order.
    weights : ndarray (levels,)
        Probability of each level at the first sample, and after a jump.
    stay : float
        Probability that a sample has the level of the one before it for want of a jump.
    """

    levels: np.ndarray
    weights: np.ndarray
    stay: float

    def posterior_mean(self, y):
        """Return :math:`E[x_t | y_1 .. y_L]` of signals ``(n, length)``."""
        chain = Chain(self.levels, self.weights, self.stay, self.sigma)
        parts = law.cut(y, CHUNK, len(self.levels))
        return np.concatenate([_forward_backward(part, chain).estimate for part in parts])


def markov(noisy, sigma=None):
    r"""Learn how long signals stay, and at which levels, from noisy signals alone.

    Parameters
    ----------
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise.
    sigma : float, optional
        Noise level, in the unit of the signals; found with the rest if not given.

    Returns
    -------
    Markov

    Notes
    -----
    The chain is :math:`x_t = x_{t-1}` with probability s, else a level :math:`u_k` drawn with
    probability :math:`w_k`, as the first one is. EM (Baum et al. 1970, *Ann. Math. Stat.* 41,
    164-171; Rabiner 1989, *Proc. IEEE* 77, 257-286) repeats

    .. math:: w_k \propto E[\text{draws of } u_k], \quad s = 1 - \frac{E[\text{jumps}]}{n (L - 1)},
        \quad \sigma^2 = \frac{1}{n L} \sum_t E[(y_t - x_t)^2]

    A jump forgets where it came from, so that a step forward or backward costs O(K) for K levels,
    not O(K^2). Levels are a grid from the least to the largest sample, 8 to a sigma. EM starts with
    equal weights of those levels that a flat law of the mean and variance of the signals would
    have, 1/100 of it elsewhere. The likelihood may have several maxima: 50 of the signals are
    learned from an s of 0.9 and from one of 0.1, and the s of the likelier chain is where all of
    them start. EM stops where the log-likelihood rises by less than 0.1: each further step would
    learn more of the noise in these signals than of the law. Where 400 levels are too few for such
    a grid, they start at quantiles of the samples, and each moves to the mean of the samples that
    it explains.

    Examples
    --------
    >>> from denoiselib import signals
    >>> noisy = signals.add_noise(signals.blocks(100, rng=0), sigma=3, rng=1)
    >>> found = markov(noisy)
    >>> print(f"sigma {found.sigma:.1f}, a jump in {1 / (1 - found.stay):.0f} samples")
    sigma 3.0, a jump in 21 samples
    >>> found.denoise(noisy[0]).shape
    (100,)
    """
    y, given, centre, unit = law.standard(noisy, sigma)
    start = given or law.first_sigma(y)
    count = int(np.clip(np.ptp(y) * PER_SIGMA / start + 1, *LEVELS))
    moving = count == LEVELS[1]
    levels = np.linspace(0, 1, count)
    levels = np.unique(np.quantile(y, levels) if moving else y.min() + np.ptp(y) * levels)
    spread = np.sqrt(3 * max(y.var() - start**2, start**2 / 100))  # of a flat law, to each side
    weights = np.where((np.abs(levels) <= spread) | moving, 1, 0.01)
    weights /= weights.sum()

    def learn(signals, stay):
        first = Chain(levels, weights, stay, start)
        return law.climb(lambda c: _step(signals, c, given, moving), first, GAIN, STEPS)

    tries = [learn(y[:: -(-len(y) // TRIED)], stay) for stay in STAYS]
    best = max(tries, key=lambda found: found[1])[0]
    chain, log_likelihood = learn(y, best.stay)
    if moving and _step(y, chain, None, moving)[0].sigma > 1.5 * start:
        raise ValueError(
            f"the levels of noisy are too many for its noise of {start * unit:.3g}: {count} levels "
            "do not explain it; give a larger sigma"
        )
    order = np.argsort(chain.levels)
    return Markov(
        sigma=float(sigma or chain.sigma * unit),
        log_likelihood=float(log_likelihood - y.size * np.log(unit)),
        levels=centre + unit * chain.levels[order],
        weights=chain.weights[order],
        stay=chain.stay,
    )


class Chain(NamedTuple):
    """Parameters of the chain, in any unit."""

    levels: np.ndarray
    weights: np.ndarray
    stay: float
    sigma: float


class Expected(NamedTuple):
    """What the E-step expects of some signals."""

    estimate: np.ndarray  #: (n, length)
    log_likelihood: float
    draws: np.ndarray  #: of each level, at the first samples
    jumps: np.ndarray  #: to each level
    samples: np.ndarray  #: at each level
    sums: np.ndarray  #: of y at each level
    squares: float  #: sum of (y - x)^2


def _step(y, chain, given, moving):
    """One step of EM on signals (n, length): the next chain, the log-likelihood of this one."""
    parts = [_forward_backward(part, chain) for part in law.cut(y, CHUNK, len(chain.levels))]
    log_likelihood, draws, jumps, samples, sums, squares = (
        sum(part[k] for part in parts) for k in range(1, 7)
    )
    levels, weights = chain.levels, draws + jumps
    if moving:
        levels = np.where(samples > NEGLIGIBLE, sums / np.maximum(samples, NEGLIGIBLE), levels)
        squares -= samples @ (levels - chain.levels) ** 2
    sigma = given or max(float(np.sqrt(max(squares, 0) / y.size)), law.FINEST)
    stay = min(float(1 - jumps.sum() / (len(y) * (y.shape[1] - 1))), LONGEST_STAY)
    kept = weights > NEGLIGIBLE * weights.sum()
    weights = weights[kept] / weights[kept].sum()
    return Chain(levels[kept], weights, max(stay, 0.0), sigma), log_likelihood


def _forward_backward(y, chain):
    """Posterior of the levels of signals (n, length), time first, in probabilities.

    Each sample's likelihood is divided by that of its best level. A level may then underflow, but
    only where a jump explains the signals better: jumps leave no level out.
    """
    levels, weights, stay, sigma = chain
    n, length = y.shape
    # so far outside, only the outermost level is left
    seen = np.clip(y, levels.min() - 1e4 * sigma, levels.max() + 1e4 * sigma).T
    likelihood = ((seen[..., None] - levels) / sigma) ** 2 / -2
    top = likelihood.max(axis=-1, keepdims=True)
    np.exp(np.subtract(likelihood, top, out=likelihood), out=likelihood)

    posterior, scale = np.empty_like(likelihood), np.empty_like(top)
    before = np.broadcast_to(weights, (n, len(levels)))
    for t in range(length):  # of samples 1 .. t
        np.multiply(likelihood[t], before, out=posterior[t])
        scale[t] = posterior[t].sum(axis=-1, keepdims=True)
        posterior[t] /= scale[t]
        before = stay * posterior[t] + (1 - stay) * weights
    likelihood /= scale

    jumps, after = np.zeros(len(levels)), np.ones((n, len(levels)))
    for t in reversed(range(length)):  # of samples t + 1 .. L, given the level at t
        posterior[t] *= after
        after *= likelihood[t]
        if t:
            jumps += after.sum(axis=0)
            after = stay * after + (1 - stay) * (after @ weights)[:, None]
    flat, seen = posterior.reshape(-1, len(levels)), seen.ravel()
    samples, sums = flat.sum(axis=0), seen @ flat
    return Expected(
        (posterior @ levels).T,
        np.sum(np.log(scale) + top) - y.size * (np.log(sigma) + np.log(2 * np.pi) / 2),
        weights * after.sum(axis=0),
        (1 - stay) * weights * jumps,
        samples,
        sums,
        seen @ seen - 2 * sums @ levels + samples @ levels**2,
    )
