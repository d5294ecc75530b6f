"""Spikes with echoes: heights, shape of the pulse and noise level, learned from noisy signals."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.empirical import law

STATES = 2000  #: heights ** taps, at most
LONGEST = 6  #: taps of a pulse
PER_SIGMA = 1.5  #: heights of the grid to one sigma
FEWEST = 5  #: heights, with 0
FLOOR = -100  #: the least log-likelihood of a state beside the best: none is ever lost
NEGLIGIBLE = 1e-8  #: the least weight
GAIN = 0.1  #: of the log-likelihood; EM steps that gain less learn the noise
STEPS = 200  #: of EM, at most
CHUNK = 2**21  #: numbers in an array (length, signals, states)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pulses(law.Law):
    """Spikes of heights that are not negative, convolved with a pulse, plus white Gaussian noise.

    Attributes
    ----------
    sigma, log_likelihood : float
        As in `law.Law`.
    heights, weights : ndarray (heights,)
        Heights of the spikes, from 0 on, and the probability of each.
    pulse : ndarray (taps,)
        Its largest tap is 1, or -1.
    """

    heights: np.ndarray
    weights: np.ndarray
    pulse: np.ndarray

    def posterior_mean(self, y):
        """Return :math:`E[x_t | y_1 .. y_L]` of signals ``(n, length)``."""
        train = Train(self.heights, self.weights, self.pulse, self.sigma)
        return np.concatenate([_forward_backward(part, train).estimate for part in _cut(y, train)])


def pulses(noisy, sigma=None, taps=3):
    r"""Learn which pulses signals are made of, from noisy signals alone: a blind deconvolution.

    Parameters
    ----------
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise; at rest they are 0, and before they begin.
    sigma : float, optional
        Noise level, in the unit of the signals; found with the rest if not given.
    taps : int
        Length of the pulse, 1 to 6; the work grows with its exponential.

    Returns
    -------
    Pulses

    Notes
    -----
    The signal is :math:`x_t = \sum_j h_j s_{t-j}` with independent spikes :math:`s_t`, whose height
    is one of a grid from 0 to the largest sample: a hidden Markov chain of the last spikes. EM
    repeats, with all expectations by forward-backward,

    .. math:: w_k \propto E[\text{spikes of height } v_k], \quad
        h = \Big(\sum_t E[s_t s_t^T]\Big)^{-1} \sum_t y_t E[s_t], \quad
        s_t = (s_t, s_{t-1}, \ldots)

    and :math:`\sigma^2`, the mean of :math:`E[(y_t - x_t)^2]`. The pulse starts as 1, 1/2, 1/4 ...
    (blind identification by EM: Cappé and others 1999, *Signal Processing* 73, 3-25). As in
    `markov`, EM stops where a step gains less than 0.1. The grid holds 12 heights at most for three
    taps; where sigma is far below a tenth of the largest sample, it is too coarse, and the sigma
    that is found holds its rounding, too.

    Examples
    --------
    >>> from denoiselib import signals
    >>> noisy = signals.add_noise(signals.pulses(50, rng=0), sigma=1, rng=1)
    >>> print(pulses(noisy, sigma=1).pulse.round(1))
    [1.  0.7 0.4]
    """
    y, given, centre, unit = law.standard(noisy, sigma)
    y += centre / unit  # 0 is not any level
    taps = _check.integer(taps, "taps", 1, LONGEST)
    start = given or law.first_sigma(y)
    top = max(y.max(), start)
    most = int(STATES ** (1 / taps) + 1e-9)
    count = int(np.clip(top / start * PER_SIGMA + 1, min(FEWEST, most), most))
    weights = np.r_[0.7, np.full(count - 1, 0.3 / (count - 1))]
    # a small level would hold the pulse where it starts: it comes down to the right one
    train = Train(np.linspace(0, top, count), weights, 0.5 ** np.arange(taps), max(start, y.std()))
    for level in (None, given) if given else (None,):
        train = train._replace(sigma=level or train.sigma)
        train, log_likelihood = law.climb(partial(_step, y, given=level), train, GAIN, STEPS)
    if given and _step(y, train, None)[0].sigma > 1.5 * given:
        raise ValueError(
            f"sigma of {sigma:.3g} is too small for noisy: pulses of {count} heights from 0 on do "
            "not explain it"
        )
    scale = float(np.abs(train.pulse).max()) or 1.0  # no spikes, no pulse
    return Pulses(
        sigma=float(sigma or train.sigma * unit),
        log_likelihood=float(log_likelihood - y.size * np.log(unit)),
        heights=unit * scale * train.heights,
        weights=train.weights,
        pulse=train.pulse / scale,
    )


class Train(NamedTuple):
    """Parameters of the train of spikes, in any unit."""

    heights: np.ndarray
    weights: np.ndarray
    pulse: np.ndarray
    sigma: float


class Expected(NamedTuple):
    """What the E-step expects of some signals."""

    estimate: np.ndarray  #: (n, length)
    log_likelihood: float
    spikes: np.ndarray  #: of each height
    second: np.ndarray  #: sum of s s^T, (taps, taps)
    cross: np.ndarray  #: sum of y s, (taps,)


def _cut(y, train):
    """Cut signals (n, length) into parts that need little memory."""
    return law.cut(y, CHUNK, len(train.heights) ** len(train.pulse))


def _step(y, train, given):
    """One step of EM on signals (n, length): the next train, the log-likelihood of this one."""
    parts = [_forward_backward(part, train) for part in _cut(y, train)]
    log_likelihood, spikes, second, cross = (sum(part[k] for part in parts) for k in range(1, 5))
    weights = np.maximum(spikes / spikes.sum(), NEGLIGIBLE)
    pulse = np.linalg.lstsq(second, cross)[0]
    squares = np.sum(y**2) - 2 * pulse @ cross + pulse @ second @ pulse
    sigma = given or max(float(np.sqrt(max(squares, 0) / y.size)), law.FINEST)
    return Train(train.heights, weights / weights.sum(), pulse, sigma), log_likelihood


def _forward_backward(y, train):
    """Posterior of the spikes of signals (n, length); a state is (s_t, s_{t-1}, ...)."""
    heights, weights, pulse, sigma = train
    (n, length), k, taps = y.shape, len(heights), len(pulse)
    last = k ** (taps - 1)  # states of all spikes but the oldest, or the newest
    spikes = np.stack(np.meshgrid(*[heights] * taps, indexing="ij")).reshape(taps, -1)
    means = pulse @ spikes
    # so far outside, only the outermost state is left
    y = np.clip(y, means.min() - 1e4 * sigma, means.max() + 1e4 * sigma)
    likelihood = ((y.T[..., None] - means) / sigma) ** 2 / -2
    top = likelihood.max(axis=-1, keepdims=True)
    np.exp(np.maximum(likelihood - top, FLOOR, out=likelihood), out=likelihood)

    before, scale = np.zeros((length + 1, n, last)), np.empty((length, n, 1))
    before[0, :, 0] = 1  # no spikes yet
    for t in range(length):
        joint = likelihood[t].reshape(n, k, last) * before[t][:, None]
        joint *= weights[:, None]
        newest = joint.reshape(n, last, k).sum(axis=-1)
        scale[t] = newest.sum(axis=-1, keepdims=True)
        before[t + 1] = newest / scale[t]
    likelihood /= scale

    mean, count, after = np.empty((n, length)), np.zeros(k), np.ones((n, last))
    moments, cross = np.zeros(k * last), np.zeros(k * last)
    for t in reversed(range(length)):
        ahead = likelihood[t].reshape(n, last, k) * after[..., None]
        ahead = ahead.reshape(n, k, last) * weights[:, None]
        joint = (ahead * before[t][:, None]).reshape(n, k * last)
        newest = joint.reshape(n, k, last).sum(axis=-1)
        mean[:, t], count = newest @ heights, count + newest.sum(axis=0)
        moments, cross = moments + joint.sum(axis=0), cross + y[:, t] @ joint
        after = ahead.sum(axis=1)
    padded = np.pad(mean, ((0, 0), (taps - 1, 0)))
    estimate = sum(h * padded[:, taps - 1 - j :][:, :length] for j, h in enumerate(pulse))
    noise = y.size * (np.log(sigma) + np.log(2 * np.pi) / 2)
    log_likelihood = np.sum(np.log(scale) + top) - noise
    return Expected(estimate, log_likelihood, count, (spikes * moments) @ spikes.T, spikes @ cross)
