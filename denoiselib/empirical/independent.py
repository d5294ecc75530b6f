"""The law of one sample, learned from noisy samples: nonparametric maximum likelihood."""

from dataclasses import dataclass, replace

import numpy as np

from denoiselib import _check
from denoiselib.empirical.law import Law
from denoiselib.empirical.mixture import fit

MOST = 1000  #: atoms of a law whose sigma is given: some seconds
MOST_FOUND = 600  #: and while sigma is looked for
STEP = np.log(1.05)  #: from one level to the next, in log sigma
ENOUGH = 2.0  #: log units by which a smaller sigma must be better
PER_SIGMA = 0.2  #: and at least so many for each sigma that the samples reach over
FAR = 1e3  #: in units of sigma
CHUNK = 50_000  #: samples at a time


@dataclass(frozen=True, kw_only=True)
class Independent(Law):
    """Independent samples, each of them one of some `atoms`; what `independent` returns.

    Attributes
    ----------
    atoms : ndarray (atoms,)
        Values of a clean sample, in rising order, in the unit of the signals.
    weights : ndarray (atoms,)
        Their probabilities.
    """

    atoms: np.ndarray
    weights: np.ndarray

    def posterior_mean(self, y):
        """Return E[x | y] of every sample by itself, for y of any shape."""
        return self._mixture(y)[0]

    def log_density(self, y):
        """Return log p(y) of every sample by itself, in the unit of the signals."""
        y = _check.array(y, "y")
        return self._mixture(y)[1] - np.log(self.sigma) - np.log(2 * np.pi) / 2

    def _mixture(self, y):
        """Posterior mean, and the log of sum_k w_k exp(-(y - a_k)^2 / 2 sigma^2)."""
        # A sample far outside belongs to the outermost atom, and to no other. There the differences
        # of squares would drown in rounding.
        first, last = self.atoms[0], self.atoms[-1]
        near = np.clip(y, first - FAR * self.sigma, last + FAR * self.sigma)
        end = np.clip(y, first, last)
        parts = np.array_split(np.ravel(near), np.ceil(near.size / CHUNK))
        parts = zip(*(self._posterior(part) for part in parts), strict=True)
        mean, log_sum = (np.concatenate(part).reshape(near.shape) for part in parts)
        with np.errstate(over="ignore"):  # a density of 0
            beyond = ((y - end) / self.sigma) ** 2 - ((near - end) / self.sigma) ** 2
        return mean, log_sum - beyond / 2

    def _posterior(self, y):
        exponent = -(((y[:, None] - self.atoms) / self.sigma) ** 2) / 2
        top = exponent.max(axis=1)
        p = np.exp(exponent - top[:, None]) * self.weights
        total = p.sum(axis=1)
        return p @ self.atoms / total, np.log(total) + top


def independent(noisy, sigma=None, *, nonnegative=False):
    r"""Learn the law of a clean sample by maximum likelihood, and find sigma if it is not given.

    Parameters
    ----------
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise; all samples are taken together.
    sigma : float, optional
        Noise level. If not given, it is found.
    nonnegative : bool
        Whether a clean sample cannot be negative. Then negative samples are noise, and tell sigma.

    Returns
    -------
    Independent
        With fields `atoms`, `weights`, `sigma`, `log_likelihood`, and ``denoise(noisy)``.

    Notes
    -----
    Among all laws, that of the greatest likelihood is discrete (Kiefer & Wolfowitz 1956):

    .. math:: \max_w \sum_i \log \sum_k w_k\, \varphi_\sigma(y_i - a_k), \qquad
        E[x|y] = \frac{\sum_k w_k a_k \varphi_\sigma(y - a_k)}{\sum_k w_k \varphi_\sigma(y - a_k)}

    with atoms on a grid of sigma / 8 and samples in a histogram of sigma / 20. This is a convex
    problem, and w is the answer if no atom is worth more weight:
    :math:`D(a) = \text{mean}_i\, \varphi_\sigma(y_i - a) / f(y_i) - 1 \le 0`, and 0 where w > 0
    (Lindsay 1983). The likelihood is short of its maximum by no more than n max D, which Newton's
    method with a barrier brings below 0.001 in some 20 steps (Koenker & Mizera 2014). Of 70,000
    samples EM is short of it by 5 log units after 1,000 steps, and by 0.1 after 30,000. Without
    this certificate the likelihoods at two levels could not be compared.

    **What can be known of sigma.** A Gaussian is a mixture of narrower ones. Hence the likelihood
    has no maximum at the true sigma: it rises steeply down to there, and slowly ever after. The
    sigma found is *the largest one* that a sigma 5 % smaller does not beat by more than 2 log
    units, or 0.2 for each sigma that the samples reach over: each stretch of a law has some chance
    to fit by accident. It is too large where the clean samples have a Gaussian part of their own,
    as sums of sinusoids nearly have, and where samples are few: up to 40 are taken for noise
    altogether. With `nonnegative`, a sigma too small cannot explain negative samples. The
    likelihood then falls on both sides, and its maximum is taken; where it does not, as of signals
    far above 0, the rule is that above. The order of the samples plays no part, so coloured noise
    has its level found, but a better estimate would look at the neighbours.

    Examples
    --------
    >>> from denoiselib import signals
    >>> clean = np.random.default_rng(0).choice([0.0, 5.0], size=(200, 100), p=[0.7, 0.3])
    >>> noisy = signals.add_noise(clean, sigma=1, rng=1)
    >>> law = independent(noisy)
    >>> print(f"sigma {law.sigma:.2f}, {law.weights[law.atoms > 2.5].sum():.2f} of the samples")
    sigma 1.00, 0.30 of the samples
    >>> print(law.denoise([0.0, 2.5, 5.0]).round(1))
    [-0.   1.6  5. ]
    """
    y = np.sort(_check.array(noisy, "noisy"), axis=None).astype(np.float64)
    nonnegative = _check.flag(nonnegative, "nonnegative")
    if sigma is not None:
        sigma = _check.number(sigma, "sigma", positive=True)
    elif y[-1] - y[0] < 1e-300:
        raise ValueError(
            f"noisy must hold noise to find its level, but all samples are {y[0]:g}: give sigma"
        )
    origin = 0.0 if nonnegative else y[0]
    unit = max(y[-1] - origin, origin - y[0], sigma or 0.0) or 1.0
    u = (y - origin) / unit
    level = _find_sigma(u, nonnegative) if sigma is None else sigma / unit
    atoms, weights, *_ = fit(u, level, nonnegative, MOST)
    law = Independent(
        sigma=float(level * unit) if sigma is None else sigma,
        log_likelihood=0.0,
        atoms=origin + unit * atoms,
        weights=weights,
    )
    return replace(law, log_likelihood=float(law.log_density(y).sum()))


def _find_sigma(y, nonnegative):
    """Find the largest sigma that a smaller one hardly beats, or a maximum where there is one."""
    saved = {}

    def profile(log_sigma):
        if log_sigma not in saved:
            saved[log_sigma] = fit(y, np.exp(log_sigma), nonnegative, MOST_FOUND)[2:]
        return saved[log_sigma]

    def value(log_sigma):
        return profile(log_sigma)[0]

    def beaten(log_sigma):
        here, wide = profile(log_sigma)
        return value(log_sigma - STEP) - here > max(ENOUGH, PER_SIGMA * wide)

    middle = max(y.mean(), 0.0) if nonnegative else y.mean()
    top = low = np.log(np.sqrt(np.mean((y - middle) ** 2)))
    try:
        while beaten(low):
            low = low - STEP
    except ValueError:
        raise ValueError(
            "noisy must hold more noise for its likelihood to tell the level: it still rises at "
            f"{np.exp(low):.2g} of the largest sample; give sigma"
        ) from None
    high = min(low + STEP, top)
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (low, middle) if beaten(middle) else (middle, high)
    return np.exp(_peak(value, low) if nonnegative else low)


def _peak(value, start):
    """Return where the likelihood is greatest below `start`, if it falls again, or else `start`."""
    levels, values = [], []
    for log_sigma in start + STEP * np.arange(1, -10, -1):
        try:
            values.append(value(log_sigma))
        except ValueError:  # a grid too fine
            return start
        levels.append(log_sigma)
        if values[-1] < max(values) - ENOUGH and values[-1] < value(start):
            break
    else:
        return start
    best = levels[int(np.argmax(values))]
    for width in (STEP, STEP / 4):  # the vertex of the parabola through three points
        left, here, right = (value(best + k * width) for k in (-1, 0, 1))
        curvature = 2 * here - left - right
        if curvature > 0:
            best += width * np.clip((right - left) / (2 * curvature), -1, 1)
    return best
