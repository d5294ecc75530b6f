r"""Learning without clean signals: every method is one form, and differs in what it is made of.

A `Lesson` says *what the net sees, what it is compared with, and what is added*:

.. math:: \text{loss}(f) = \text{mean}\; v\, (f(\text{seen}) - \text{target})^2 + \text{added}(f)

=================== ======================== ===================== ===========================
method              seen                     target                added
=================== ======================== ===================== ===========================
(supervised)        y                        x                     0
`noise2noise`       y                        y', a second copy     0
`sure`              y                        y                     2 s² div f(y) / m - s²
`recorrupted`       y + a w                  y - w / a             0
`noise2self`        y, some samples hidden   y at those samples    0
`neighbor2neighbor` one sample of each pair  the other             a penalty on their difference
`unsure`            y                        y                     2 e div f(y) / m
=================== ======================== ===================== ===========================

Here y = x + s n is the noisy signal, w more noise of its level s, and m the number of samples; e
stands for s² where this is not known. The weight v is 1 except for `noise2self`. Noisy signals come
from a source, ``source(step) -> (noisy, ...)``: `train.fresh` and `train.fixed` are sources, and so
are the `windows` of one long recording. A lesson uses the first array alone; only `noise2noise`
takes two, as `copies` draws them. Any network learns from it by ``train.fit(net, lesson.data,
optimizer, steps, loss=lesson.loss)``. Each method returns a `Lesson`; `solve_hats` solves the first
four exactly, for a rule that treats each sample by itself.
"""

from itertools import product

import numpy as np

from denoiselib import _check, signals
from denoiselib._random import stream
from denoiselib.nn import train
from denoiselib.nn.lesson import EVERYWHERE, make
from denoiselib.nn.tensor import no_grad, using_statistics
from denoiselib.nn.unsure import unsure as unsure

KNOTS = np.linspace(-10.0, 20.0, 35)  #: where a rule may bend, for amplitudes up to 10


# --- sources


def copies(family, sigma, batch_size, length=100, seed=0):
    """Return a source of two noisy copies of each signal, drawn anew at each step.

    It is ``data(step) -> (noisy, again)``, each ``(batch_size, length)``. Arguments are those of
    `train.fresh`, with one noise level; the first copies are the noisy signals of `train.fresh`.

    Examples
    --------
    >>> noisy, again = copies("sparse_spikes", 3.0, batch_size=1000)(step=0)
    >>> print(f"{(noisy - again).std() / 2**0.5:.1f}")
    3.0
    """
    _check.number(sigma, "sigma")
    fresh = train.fresh(family, sigma, batch_size, length, seed)

    def data(step):
        noisy, clean = fresh(step)
        return noisy, signals.add_noise(clean, sigma, stream(seed, "second copy", step))

    return data


def windows(recording, length, batch_size, seed=0):
    """Return a source ``data(step) -> (noisy,)`` of windows at random places of a long recording.

    Parameters
    ----------
    recording : array_like (total,) or (n, total)
        Noisy signal, or several.
    length, batch_size : int
        Samples in a window, and windows in a batch ``(batch_size, length)``; they may overlap.
    seed : int
        Draws the places, together with the number of the step.

    Examples
    --------
    >>> (noisy,) = windows(np.arange(1000.0), length=3, batch_size=2)(step=0)
    >>> print(np.diff(noisy))
    [[1. 1.]
     [1. 1.]]
    """
    recording = np.atleast_2d(_check.array(recording, "recording"))
    if recording.ndim != 2:
        raise ValueError(
            f"recording must have the shape (total,) or (n, total), not {recording.shape}"
        )
    samples = recording.shape[-1]
    length = _check.integer(length, "length", 1, samples, f"recording of {samples} samples")
    batch_size = _check.integer(batch_size, "batch_size", 1)
    seed = _check.seed(seed)
    views = np.lib.stride_tricks.sliding_window_view(recording, length, axis=-1)

    def data(step):
        rng = stream(seed, "training", step)
        which, start = (rng.integers(n, size=batch_size) for n in views.shape[:2])
        return (views[which, start],)

    return data


# --- lessons


def noise2noise(pairs):
    r"""Compare with a second noisy copy of the signal.

    Because the noise of the copy y' is independent of y,
    :math:`E\,(f(y) - y')^2 = E\,(f(y) - x)^2 + \sigma^2`. Hence the minimiser is that of supervised
    training (Lehtinen et al. 2018).

    Parameters
    ----------
    pairs : callable
        ``pairs(step) -> (noisy, again)``, each ``(batch, length)``, with independent noise, such as
        `copies` draws.

    Examples
    --------
    >>> [array.shape for array in noise2noise(copies("blocks", 1.0, batch_size=4)).data(step=0)]
    [(4, 100), (4, 100), (1, 1)]
    """

    def draw(rng, noisy, again):
        return noisy, again, EVERYWHERE

    return make(draw, pairs, "pairs", takes=2)


def sure(source, sigma, step=0.1, seed=0):
    r"""Compare with what was seen, and add a term that makes this an unbiased estimate of the risk.

    Parameters
    ----------
    source : callable
        ``source(step) -> (noisy, ...)``, of shape ``(batch, length)``, with white Gaussian noise.
    sigma : float, array (..., 1) or callable
        Noise level, or how to estimate it from a batch, such as `filters.tuning.mad_sigma`.
    step : float
        Length of the difference quotient, as a part of sigma.
    seed : int
        Draws the probes.

    Notes
    -----
    With m samples in a batch, and a probe b of random signs,

    .. math:: \frac{\|f(y) - y\|^2}{m}
        + \frac{2 \sigma^2}{m \tau}\, b^T (f(y + \tau b) - f(y)) - \sigma^2,
        \qquad \tau = \text{step}\; \sigma,

    has the mean :math:`E \|f(y) - x\|^2 / m` (Stein 1981; the probe: Ramani, Blu & Unser 2008; for
    training: Soltanayev & Chun 2018). With batch norm f is the map of the whole batch, and its
    divergence includes how the statistics move.

    Examples
    --------
    >>> from denoiselib.nn import Sequential, Tensor
    >>> lesson = sure(train.fresh("blocks", 3.0, batch_size=4), sigma=3.0)
    >>> arrays = [Tensor(array[:, None]) for array in lesson.data(step=0)]
    >>> print(f"{lesson.loss(Sequential([]), *arrays).item():.2f}")  # doing nothing: the variance
    9.00
    """
    step = _check.number(step, "step", positive=True)

    def draw(rng, noisy):
        level = _level(sigma, noisy)
        probe = rng.choice([-1.0, 1.0], size=noisy.shape)
        gain = 2 * level / step * probe
        return noisy, noisy, EVERYWHERE, noisy + step * level * probe, gain, level**2

    def added(net, output, target, moved, gain, variance):
        with using_statistics({}):
            difference = net(moved) - output
        return (gain * difference - variance).mean()

    return make(draw, source, "source", added, seed)


def recorrupted(source, sigma, alpha=0.5, seed=0):
    r"""Split a signal into two with independent noise: one is seen, and compared with the other.

    Of :math:`y = x + n` and more noise :math:`w \sim N(0, \sigma^2)` the net sees
    :math:`y + \alpha w` and is compared with :math:`y - w / \alpha`. The two Gaussian noises are
    uncorrelated, since :math:`E\,(n + \alpha w)(n - w / \alpha) = \sigma^2 - \sigma^2 = 0`: this is
    `noise2noise` at the level :math:`\sigma \sqrt{1 + \alpha^2}` (Pang et al. 2021). To estimate,
    see `estimate_recorrupted`.

    Parameters
    ----------
    source, sigma, seed
        As in `sure`.
    alpha : float
        How much noise the net sees on top of the signal's own, in units of sigma.

    Examples
    --------
    >>> lesson = recorrupted(train.fresh("blocks", 3.0, batch_size=4), sigma=3.0)
    >>> [array.shape for array in lesson.data(step=0)]
    [(4, 100), (4, 100), (1, 1)]
    """
    alpha = _check.number(alpha, "alpha", positive=True)

    def draw(rng, noisy):
        noise = _level(sigma, noisy) * rng.standard_normal(noisy.shape)
        return noisy + alpha * noise, noisy - noise / alpha, EVERYWHERE

    return make(draw, source, "source", seed=seed)


def noise2self(source, every=10, fill="mean", seed=0):
    r"""Hide some samples, and compare there.

    The estimate of a hidden sample does not depend on that sample. Hence the loss is the mean
    squared error there plus :math:`\sigma^2` (Batson & Royer 2019, Krull et al. 2019), and the best
    that can be learnt is :math:`E[x_i | y_j, j \neq i]`. To estimate, see `estimate_hidden`.

    Parameters
    ----------
    source, seed
        As in `sure`; the noise need only be independent from sample to sample.
    every : int
        Distance of the hidden samples, at least 2. The first one is drawn for each signal.
    fill : {"mean", "neighbour"}
        What the net sees there: the mean of the two neighbours (Noise2Self), or one of them
        (Noise2Void).

    Examples
    --------
    >>> lesson = noise2self(windows([0.0, 3.0, 8.0], 3, batch_size=1), every=3)
    >>> print(*lesson.data(step=1))
    [[0. 4. 8.]] [[0. 3. 8.]] [[0. 3. 0.]]
    """
    every = _check.integer(every, "every", 2)
    _check.choice(fill, "fill", FILLS)

    def draw(rng, noisy):
        length = noisy.shape[-1]
        if length < every:
            raise ValueError(f"every must not exceed the {length} samples of a signal, not {every}")
        first = rng.integers(every, size=(len(noisy), 1))
        hidden = np.arange(length) % every == first
        return _hide(noisy, hidden, fill, rng), noisy, hidden * (hidden.size / hidden.sum())

    return make(draw, source, "source", seed=seed)


def neighbor2neighbor(source, gamma=1.0, seed=0):
    r"""Take one sample of each pair, and compare with the other.

    Parameters
    ----------
    source, seed
        As in `noise2self`, for signals that are smooth from one sample to the next, which spikes
        are not; an odd last sample is left out.
    gamma : float
        Weight of the added term.

    Notes
    -----
    Of each pair of neighbours one, by lot, goes to :math:`g_1 y` and the other to :math:`g_2 y`:
    noisy copies of nearly the same signal. How much the clean ones differ is taken from the net's
    estimate, without a gradient (Huang et al. 2021):

    .. math:: \text{mean}\,(f(g_1 y) - g_2 y)^2
        + \gamma\; \text{mean}\,(f(g_1 y) - g_2 y - (g_1 f(y) - g_2 f(y)))^2

    Examples
    --------
    >>> lesson = neighbor2neighbor(windows(np.arange(4.0), 4, batch_size=1))
    >>> print(*lesson.data(step=0)[:2])
    [[0. 3.]] [[1. 2.]]
    """
    gamma = _check.number(gamma, "gamma")

    def draw(rng, noisy):
        if noisy.shape[-1] < 2:
            raise ValueError("source must give signals of at least two samples")
        pairs = noisy[:, : noisy.shape[-1] // 2 * 2].reshape(len(noisy), -1, 2)
        first = rng.integers(2, size=pairs.shape[:2])
        seen, target = (
            np.take_along_axis(pairs, side[..., None], axis=-1)[..., 0]
            for side in (first, 1 - first)
        )
        return seen, target, EVERYWHERE, pairs.reshape(len(noisy), -1), 1.0 - 2 * first

    def added(net, output, target, noisy, sign):
        with using_statistics({}), no_grad():
            estimate = net(noisy)
            expected = sign * (estimate[..., ::2] - estimate[..., 1::2])
        error = output - target - expected
        return gamma * (error * error).mean()

    return make(draw, source, "source", added, seed)


def _hide(noisy, hidden, fill="mean", rng=None):
    """Return signals with other values where `hidden` is true, made from the neighbours there."""
    around = np.pad(noisy, [(0, 0)] * (noisy.ndim - 1) + [(1, 1)], mode="reflect")
    return np.where(hidden, FILLS[fill](around[..., :-2], around[..., 2:], rng), noisy)


#: What stands for a hidden sample, by name: functions of left and right neighbours.
FILLS = {
    "mean": lambda left, right, rng: (left + right) / 2,
    "neighbour": lambda left, right, rng: np.where(rng.integers(2, size=left.shape), left, right),
}


def _level(sigma, noisy):
    """Return the noise level, estimated if need be, as an array that broadcasts with a batch."""
    level = sigma(noisy) if callable(sigma) else sigma
    if callable(sigma) and not np.all(level):
        raise ValueError(
            "noisy must hold noise: in one of its signals, perhaps a flat stretch of a recording, "
            "sigma is estimated as 0"
        )
    return np.atleast_2d(_check.level(level, "sigma", noisy, per_signal=True, positive=True))


# --- estimates that see signals as the net saw them in training


def estimate_recorrupted(net, noisy, sigma, alpha=0.5, draws=8, rng=0):
    r"""Average estimates :math:`f(y + \alpha w)` over noises w (Pang et al. 2021).

    Usually ``net.denoise(noisy)``, which sees less noise than in training, is better.

    Parameters
    ----------
    net : Network
        Trained by `recorrupted`.
    noisy, sigma, alpha
        Signals y (..., length); their noise level, a float or array (..., 1); alpha as in training.
    draws : int
        Number of noises.
    rng : seed, numpy.random.Generator or None
        Source of the noise.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> estimate_recorrupted(PlainNet(rng=0), np.zeros((2, 100)), sigma=3.0).shape
    (2, 100)
    """
    noisy = _check.array(noisy, "noisy")
    _check.function(getattr(net, "denoise", None), "net.denoise")
    sigma = _check.level(sigma, "sigma", noisy, per_signal=True)
    alpha = _check.level(alpha, "alpha", noisy, per_signal=True)
    draws, rng = _check.integer(draws, "draws", 1), _check.generator(rng)

    def once():
        noise = sigma * rng.standard_normal(noisy.shape, dtype=noisy.dtype)
        return net.denoise(noisy + alpha * noise)

    return sum(once() for _ in range(draws)) / draws


def estimate_hidden(net, noisy, every=10):
    """Estimate each sample from all but itself (and others at the distance `every`).

    This is what the loss of `noise2self` judges. ``net.denoise(noisy)``, which sees the sample
    itself too, is better where the net has learnt anything.

    Parameters
    ----------
    net : Network
        Trained by `noise2self`.
    noisy : array_like (..., length)
        Signals.
    every : int
        As in training; it is also the number of passes.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0), np.zeros(30)
    >>> changed = noisy + 5 * (np.arange(30) == 7)
    >>> estimate_hidden(net, changed)[7] == estimate_hidden(net, noisy)[7]
    np.True_
    """
    noisy = _check.array(noisy, "noisy")
    _check.function(getattr(net, "denoise", None), "net.denoise")
    length = noisy.shape[-1]
    every = _check.integer(every, "every", 2, length, f"noisy of {length} samples")
    estimate = np.empty_like(noisy)
    for first in range(every):
        hidden = np.arange(noisy.shape[-1]) % every == first
        estimate[..., hidden] = net.denoise(_hide(noisy, hidden))[..., hidden]
    return estimate


# --- a denoiser of single samples that needs no training


def solve_hats(seen, target, sigma=0.0, knots=KNOTS):
    r"""Solve exactly for the rule that minimises a loss: straight lines between knots.

    Parameters
    ----------
    seen, target : array_like (..., length)
        What the rule is applied to, sample by sample, and what it is compared with.
    sigma : float
        Noise level in Stein's term, if the target is what is seen; 0 leaves the term out.
    knots : array_like (knots,)
        Places, rising; beyond the first and the last one the rule is constant.

    Returns
    -------
    ndarray (knots,)
        The rule at the knots, the one of least norm if several are as good: its estimates are
        ``np.interp(noisy, knots, rule)``.

    Notes
    -----
    With the hat functions :math:`h_k`, 1 at knot k and 0 at all others, the rule is
    :math:`f(y) = \sum_k \theta_k h_k(y)`. :math:`\sum_i (f(s_i) - t_i)^2 + 2 \sigma^2 f'(s_i)` is
    least where

    .. math:: H^\top H\,\theta = H^\top t - \sigma^2 \textstyle\sum_i h'(s_i), \quad
        H_{ik} = h_k(s_i).

    This is supervised learning if t is x, Noise2Noise if t is a second copy, and Stein's estimate
    if t is y and sigma is given (Stein 1981, *Ann. Statist.* 9, 1135-1151).

    Examples
    --------
    >>> from denoiselib import metrics
    >>> clean = signals.sparse_spikes(1000, rng=0)
    >>> noisy = signals.add_noise(clean, 3, rng=1)
    >>> estimate = np.interp(noisy, KNOTS, solve_hats(noisy, clean))
    >>> print(f"{metrics.rmse(estimate, clean).mean():.2f}")
    1.62
    """
    seen, target = _check.array(seen, "seen"), _check.array(target, "target")
    if seen.shape != target.shape:
        raise ValueError(f"target must have the shape {seen.shape} of seen, not {target.shape}")
    sigma, knots = _check.number(sigma, "sigma"), _check.array(knots, "knots")
    if knots.ndim != 1 or knots.size < 2 or not (np.diff(knots) > 0).all():
        raise ValueError("knots must be two or more rising numbers")
    low, high = seen.min(), seen.max()
    if not ((low <= knots) & (knots <= high)).any():
        raise ValueError(
            f"knots must lie among the values of seen, {low:.3g} to {high:.3g}, not only beside "
            f"them at {knots[0]:.3g} to {knots[-1]:.3g}: give knots in the unit of seen"
        )
    if np.mean((knots[0] <= seen) & (seen <= knots[-1])) < 0.5:
        raise ValueError(
            f"knots from {knots[0]:.3g} to {knots[-1]:.3g} must hold half of the values of seen, "
            f"which are {low:.3g} to {high:.3g}: give knots in the unit of seen"
        )
    seen, target, count = seen.ravel().astype(float), target.ravel().astype(float), knots.size
    left = np.clip(np.searchsorted(knots, seen, "right") - 1, 0, count - 2)
    width = np.diff(knots)[left]
    part = np.clip((seen - knots[left]) / width, 0, 1)
    slope = ((seen > knots[0]) & (seen < knots[-1])) / width
    hats = ((left, 1 - part, -slope), (left + 1, part, slope))  # the two that are not 0
    gram = sum(
        np.bincount(i * count + k, a * b, count**2) for (i, a, _), (k, b, _) in product(hats, hats)
    )
    right = sum(np.bincount(k, h * target - sigma**2 * dh, count) for k, h, dh in hats)
    return np.linalg.lstsq(gram.reshape(count, count), right, rcond=1e-9)[0]
