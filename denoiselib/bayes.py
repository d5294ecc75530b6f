"""The best that any estimator can do: posterior means under the priors the signals come from.

``E[x | y]`` has the least mean squared error of all functions of y, so its error is the limit that
every filter and every network is measured against. All are exact:

- `sparse_spikes_posterior_mean` looks at one sample at a time: the limit of pointwise rules;
- `sparse_spikes_joint_posterior_mean` also knows that the number of spikes is nearly fixed;
- `pulses_posterior_mean` and `blocks_posterior_mean` run forward and backward along the hidden
  Markov chain that a signal of the family is.

With ``evidence=True`` they also return how probable the noisy signal is at that noise level;
`unknown_sigma` needs it for the limit where the level is unknown. All is computed in float64.
"""

import math
from functools import wraps

import numpy as np

from denoiselib import _check, signals

CHUNK = 200  #: signals at a time: 1,000 states x 100 samples x 200 signals are 160 MB


def _posterior_mean(estimator):
    """Check the arguments of an estimator, and call it with 200 signals at a time.

    The estimator takes arrays ``(n, length)`` and ``(n, 1)``, and returns estimates and, for each
    signal, the log of the ratio of its likelihood and that of noise alone.
    """

    @wraps(estimator)
    def checked(noisy, sigma, *, evidence=False, **options):
        noisy = _check.array(noisy, "noisy")
        sigma = _check.level(sigma, "sigma", noisy, per_signal=True, positive=True)
        evidence = _check.flag(evidence, "evidence")
        shape = np.broadcast_shapes(noisy.shape, sigma.shape)
        # The heights are whole numbers: a smaller sigma than 1e-3 changes nothing, nor does an
        # observation so far outside that exp underflows. The bounds keep every exponent finite.
        s = np.maximum(np.broadcast_to(sigma, (*shape[:-1], 1)).astype(np.float64), 1e-3)
        y = np.clip(np.broadcast_to(noisy, shape), -1e4 * s**2, 100 + 1e4 * s**2)
        y, s = y.reshape(-1, shape[-1]), s.reshape(-1, 1)
        parts = [
            estimator(y[i : i + CHUNK], s[i : i + CHUNK], **options)
            for i in range(0, len(y), CHUNK)
        ]
        estimate, log_ratio = (np.concatenate(part) for part in zip(*parts, strict=True))
        estimate = estimate.reshape(shape).astype(noisy.dtype, copy=False)
        if not evidence:
            return estimate
        noise = -(y**2) / (2 * s**2) - np.log(s) - np.log(2 * np.pi) / 2
        return estimate, (log_ratio + noise.sum(axis=-1)).reshape(shape[:-1])

    return checked


@_posterior_mean
def sparse_spikes_posterior_mean(noisy, sigma, *, draws=None):
    r"""Pointwise posterior mean of `signals.sparse_spikes`: each sample is judged by itself.

    Parameters
    ----------
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise.
    sigma : float or array (..., 1)
        Noise level, greater than 0.
    draws : int, optional
        As in `signals.sparse_spikes`.
    evidence : bool
        Whether to return the evidence, too.

    Returns
    -------
    ndarray (..., length)
        :math:`E[x_i \mid y_i]`.
    ndarray (...)
        Only with `evidence`: :math:`\log p(y \mid \sigma)`, here as if samples were independent.

    Notes
    -----
    A sample is 0 with probability :math:`p_0 = (1 - 1/L)^K` in K draws of L places, and else
    uniform on :math:`v = 2 \ldots 10`:

    .. math:: E[x|y] = \frac{\sum_v v w_v}{w_0 + \sum_v w_v}, \quad
        w_0 = p_0 e^{-y^2/2\sigma^2}, \quad w_v = \frac{1-p_0}{9} e^{-(y-v)^2/2\sigma^2}

    Examples
    --------
    >>> print(sparse_spikes_posterior_mean([0.0, 3.0, 10.0], sigma=3, draws=1).round(2))
    [0.39 1.43 7.81]
    """
    heights, probability, log_ratio = _pointwise(noisy, sigma, draws)
    return probability @ heights, log_ratio


@_posterior_mean
def sparse_spikes_posterior_huber(noisy, sigma, *, draws=None):
    r"""Best pointwise estimate of `signals.sparse_spikes` under the loss SmoothL1.

    A network that is trained with SmoothL1 tends to this one, not to the posterior mean. Arguments
    are those of `sparse_spikes_posterior_mean`; the result is the m with the least
    :math:`E[h(m - x_i) \mid y_i]`, h as in `nn.losses.smooth_l1`. The derivative
    :math:`D(m) = E[\min(\max(m - x, -1), 1) \mid y]` rises. Because heights x are whole, it is
    linear between whole numbers m, where :math:`D(m) = P(x < m) - P(x > m)`; its zero is a median,
    interpolated.

    Examples
    --------
    >>> print(sparse_spikes_posterior_huber([0.0, 3.0, 10.0], sigma=3, draws=1).round(2))
    [0.13 0.47 8.22]
    """
    heights, probability, log_ratio = _pointwise(noisy, sigma, draws)
    knots = np.arange(heights[-1] + 1)
    slope = probability @ np.sign(knots - heights[:, None])
    right = np.argmax(slope[..., 1:] >= 0, axis=-1)[..., None] + 1  # the first knot behind the zero
    below, above = (np.take_along_axis(slope, k, axis=-1)[..., 0] for k in (right - 1, right))
    return right[..., 0] - above / (above - below), log_ratio


@_posterior_mean
def sparse_spikes_joint_posterior_mean(noisy, sigma, *, draws=None):
    r"""Exact posterior mean of `signals.sparse_spikes`, which knows how the spikes are drawn.

    Arguments are those of `sparse_spikes_posterior_mean`; the result is
    :math:`E[x_i \mid y_1 \ldots y_L]`, the limit of all rules, and the evidence is exact.

    Notes
    -----
    K draws with replacement hit exactly a given set S of k places in :math:`a_k = k!\,S_2(K, k)`
    ways (Stirling numbers of the second kind). With
    :math:`r_i = \frac19 \sum_v e^{((y_i)^2 - (y_i - v)^2)/2\sigma^2}`

    .. math:: P(S \mid y) \propto a_{|S|} \prod_{i \in S} r_i

    The sum over sets with i counts the spikes on the left of i (forward) and on its right
    (backward), in logarithms: elementary symmetric polynomials of r, without dividing one out.

    Examples
    --------
    Two draws leave one or two spikes, so that beside two clear ones there is no third:

    >>> noisy = [10.0, 0.0, 9.0, 0.0, 3.0]
    >>> for estimate in (sparse_spikes_posterior_mean, sparse_spikes_joint_posterior_mean):
    ...     print(estimate(noisy, 1, draws=2).round(1))
    [9.5 0.  8.9 0.  2.9]
    [9.5 0.  8.9 0.  0. ]
    """
    n, length = noisy.shape
    v = signals.AMPLITUDES.astype(float)
    exponent = (noisy[..., None] * v - v**2 / 2) / sigma[..., None] ** 2
    log_sum = np.logaddexp.reduce(exponent, axis=-1)
    height = np.exp(exponent - log_sum[..., None]) @ v  # the mean of a spike there
    log_odds = (log_sum - np.log(len(v))).T[:, :, None]  # time first
    log_ways = _log_surjections(_draws(draws, length), length)
    counts = len(log_ways)

    left = np.full((length + 1, n, counts), -np.inf)  # log e_j(r_1 .. r_i)
    left[0, :, 0] = 0
    for i in range(length):
        left[i + 1] = left[i]
        left[i + 1, :, 1:] = np.logaddexp(left[i, :, 1:], log_odds[i] + left[i, :, :-1])
    total = np.logaddexp.reduce(left[-1] + log_ways, axis=-1)

    right = np.broadcast_to(log_ways, (n, counts))  # log sum_k a_k e_{k-j}(r_{i+1} .. r_L)
    probability = np.empty((n, length))
    for i in reversed(range(length)):
        with_spike = log_odds[i] + right[:, 1:]
        probability[:, i] = np.logaddexp.reduce(left[i, :, :-1] + with_spike, axis=-1) - total
        right = np.concatenate([np.logaddexp(right[:, :-1], with_spike), right[:, -1:]], axis=-1)
    sequences = _draws(draws, length) * np.log(length)  # log of their number
    return height * np.exp(probability), total - sequences


@_posterior_mean
def pulses_posterior_mean(noisy, sigma):
    r"""Exact posterior mean of `signals.pulses`, by forward-backward over the last three heights.

    Arguments are those of `sparse_spikes_posterior_mean` without `draws`; the result is
    :math:`E[x_i \mid y_1 \ldots y_L]`, and the evidence is exact. A state is
    :math:`(s_t, s_{t-1}, s_{t-2})`, each height 0 or 2 .. 10: 1,000 states, seen as
    :math:`x_t = s_t + 0.7 s_{t-1} + 0.4 s_{t-2}` plus noise.

    Examples
    --------
    >>> print(pulses_posterior_mean([0.0, 10.0, 7.0, 4.0, 0.0], sigma=0.5).round(1))
    [ 0. 10.  7.  4.  0.]
    """
    heights = np.concatenate([[0], signals.AMPLITUDES]).astype(float)
    k = len(heights)
    prior = np.log(np.full(k, signals.SPIKE_PROBABILITY / (k - 1)))
    prior[0] = np.log(1 - signals.SPIKE_PROBABILITY)
    w0, w1, w2 = signals.PULSE
    means = w0 * heights[:, None, None] + w1 * heights[:, None] + w2 * heights
    start = np.full((k, k, k), -np.inf)
    start[:, 0, 0] = prior

    def push(log_p):  # (s_t, s_{t-1}, s_{t-2}) -> (s_{t+1}, s_t, s_{t-1})
        recent = _log_sum(log_p.reshape(-1, 1, k * k, k), axis=-1)
        return (prior[:, None] + recent).reshape(log_p.shape)

    def pull(log_q):
        older = _log_sum(prior[:, None] + log_q.reshape(-1, k, k * k), axis=1)
        return np.repeat(older, k, axis=-1)

    return _forward_backward(noisy, sigma, means.ravel(), start.ravel(), push, pull)


@_posterior_mean
def blocks_posterior_mean(noisy, sigma):
    """Exact posterior mean of `signals.blocks`, by forward-backward over the eleven heights.

    Arguments and result are those of `pulses_posterior_mean`.

    Examples
    --------
    >>> print(blocks_posterior_mean([2.4, 3.3, 2.9, 8.3, 7.8, 8.1], sigma=0.5).round(1))
    [3. 3. 3. 8. 8. 8.]
    """
    k, jump = len(signals.BLOCK_HEIGHTS), signals.JUMP_PROBABILITY
    start = np.full(k, -np.log(k))

    def push(log_p):  # its own adjoint
        anywhere = _log_sum(log_p, axis=-1)[:, None] + np.log(jump / k)
        return np.logaddexp(log_p + np.log(1 - jump), anywhere)

    return _forward_backward(noisy, sigma, signals.BLOCK_HEIGHTS.astype(float), start, push, push)


def unknown_sigma(posterior_mean, noisy, sigmas):
    r"""Posterior mean :math:`E[x \mid y]` at an unknown level: the limit of noise-blind rules.

    Parameters
    ----------
    posterior_mean : callable
        One of those above, for example ``bayes.blocks_posterior_mean``.
    noisy : array_like (..., length)
        Clean signals plus white Gaussian noise, each with a level of its own.
    sigmas : array_like (levels,)
        The possible levels, positive and equally likely; for a range of levels a grid.

    Notes
    -----
    .. math:: E[x \mid y] = \sum_\sigma p(\sigma \mid y)\, E[x \mid y, \sigma], \quad
        p(\sigma \mid y) \propto p(y \mid \sigma)

    Examples
    --------
    The small samples tell that the noise level is 0.5, and so that the large one is a spike:

    >>> noisy = [5.0, 0.3, -0.2, 0.1, 0.4, -0.3]
    >>> print(unknown_sigma(sparse_spikes_posterior_mean, noisy, [0.5, 5.0]).round(1)[0])
    5.0
    """
    _check.function(posterior_mean, "posterior_mean")
    sigmas = _check.array(sigmas, "sigmas")
    if sigmas.ndim != 1:
        raise ValueError(f"sigmas must have the shape (levels,), not {sigmas.shape}")
    if not sigmas.min() > 0:
        raise ValueError("sigmas must be greater than 0")
    parts = [posterior_mean(noisy, sigma, evidence=True) for sigma in sigmas]
    means, logs = (np.stack(part) for part in zip(*parts, strict=True))
    weights = np.exp(logs - np.logaddexp.reduce(logs, axis=0))
    return np.sum(weights[..., None] * means, axis=0).astype(means.dtype)


#: The limit of each family that has an exact one: ``LIMITS[family](noisy, sigma)``.
LIMITS = {
    "sparse_spikes": sparse_spikes_joint_posterior_mean,
    "pulses": pulses_posterior_mean,
    "blocks": blocks_posterior_mean,
}

#: The same, but on sparse spikes the least error of rules that look at one sample at a time. The
#: gap of a network is the distance from these.
POINTWISE = LIMITS | {"sparse_spikes": sparse_spikes_posterior_mean}


def _draws(draws, length):
    if draws is None:
        return signals.default_draws(length)
    return _check.integer(draws, "draws", 1)


def _pointwise(noisy, sigma, draws):
    """Return heights, their probabilities (n, length, heights) and the log ratio of a signal."""
    length, heights = noisy.shape[-1], np.concatenate([[0], signals.AMPLITUDES])
    empty = (1 - 1 / length) ** _draws(draws, length)
    prior = np.r_[empty, np.full(len(heights) - 1, (1 - empty) / (len(heights) - 1))]
    exponent = (noisy[..., None] * heights - heights**2 / 2) / sigma[..., None] ** 2
    with np.errstate(divide="ignore"):  # a signal of one sample is never empty
        log_weight = np.log(prior) + exponent
    log_ratio = np.logaddexp.reduce(log_weight, axis=-1)
    return heights, np.exp(log_weight - log_ratio[..., None]), log_ratio.sum(axis=-1)


def _log_surjections(draws, places):
    """Log of k! S2(draws, k), k = 0 .. min(draws, places), from exact integers."""
    ways = [1] + [0] * draws  # of zero draws onto k places
    for _ in range(draws):  # one more draw: on one of the k places, or on the one missing
        ways = [0] + [k * (ways[k] + ways[k - 1]) for k in range(1, draws + 1)]
    return np.array([math.log(w) if w else -np.inf for w in ways[: places + 1]])


def _log_sum(a, axis):
    """Return log sum exp a, where elements may be minus infinity."""
    top = np.maximum(a.max(axis=axis, keepdims=True), -1e300)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(a - top).sum(axis=axis)) + top.squeeze(axis)


def _forward_backward(noisy, sigma, means, start, push, pull):
    """Posterior mean of ``means[state]`` for a hidden Markov chain seen in white Gaussian noise.

    `push` takes log probabilities of states (n, states) one step on; `pull` is its adjoint. Without
    logarithms, a state that looks impossible now, but is the only one left later, would be lost.
    """
    seen, state = np.unique(means.round(9), return_inverse=True)  # states that look alike

    def log_likelihood(t):
        return ((noisy[:, t, None] * seen - seen**2 / 2) / sigma**2)[:, state]

    n, length = noisy.shape
    before, log_ratio = np.empty((length, n, len(means))), np.zeros(n)  # of samples 0 .. t
    for t in range(length):
        before[t] = (push(before[t - 1]) if t else start) + log_likelihood(t)
        top = before[t].max(axis=-1, keepdims=True)
        before[t] -= top
        log_ratio += top[:, 0]
    log_ratio += _log_sum(before[-1], axis=-1)
    estimate = np.empty((n, length))
    after = np.zeros((n, len(means)))  # of samples t + 1 ..
    for t in reversed(range(length)):
        log_p = before[t] + after
        p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
        estimate[:, t] = p @ means / p.sum(axis=-1)
        after = pull(after + log_likelihood(t))
        after -= after.max(axis=-1, keepdims=True)
    return estimate, log_ratio
