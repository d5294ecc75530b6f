"""The methods: each draws what a net sees and what it is compared with, and may add a term."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.nn.tensor import no_grad, using_statistics

EVERYWHERE = np.ones((1, 1))  #: the weight where all samples count the same


class Lesson(NamedTuple):
    r"""What teaches a net without clean signals: data, and a loss for `train.fit`.

    Parameters
    ----------
    data : callable
        ``data(step) -> (seen, target, weight, *more)``: arrays ``(batch, length)``, or such as
        broadcast. All that is random is drawn here, from the seed and the number of the step.
    added : callable
        ``added(net, output, target, *more) -> Tensor ()``, with ``output = net(seen)``.

    Notes
    -----
    The loss is :math:`\text{mean}\; v\, (f(\text{seen}) - \text{target})^2 + \text{added}(f)`
    with the weight v. Only the pass of `seen` moves the running statistics of a net in training:
    what an added term passes through it besides is normalised by statistics of its own, and leaves
    no trace.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, optim, train
    >>> lesson = sure(train.fresh("sparse_spikes", 3.0, 16), sigma=3.0)
    >>> net = PlainNet(width=4, depth=3, rng=0)
    >>> history = train.fit(net, lesson.data, optim.Adam(net, 1e-2), 200, loss=lesson.loss)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    data: Callable
    added: Callable

    def loss(self, net, seen, target, weight, *more):
        """Return the loss of a batch, a scalar tensor; its arrays are ``(batch, 1, length)``."""
        output = net(seen)
        error = output - target
        return (weight * error * error).mean() + self.added(net, output, target, *more)


def noise2noise(pairs):
    r"""Compare with a second noisy copy of the signal.

    Parameters
    ----------
    pairs : callable
        ``pairs(step) -> (noisy, again)``, each ``(batch, length)``, the same signals with
        independent noise: as `copies` draws them, or as `train.fixed` takes them from a set.

    Returns
    -------
    Lesson

    Raises
    ------
    ValueError
        If `pairs` does not give such arrays.

    Notes
    -----
    :math:`E\,(f(y) - y')^2 = E\,(f(y) - x)^2 + \sigma^2`, with sigma the level of the second copy,
    whose noise knows nothing of y: the minimiser is that of supervised training (Lehtinen et al.
    2018).

    Examples
    --------
    >>> from denoiselib.nn.unsupervised import copies
    >>> seen, target, weight = noise2noise(copies("blocks", 1.0, batch_size=4)).data(step=0)
    >>> seen.shape, target.shape
    ((4, 100), (4, 100))
    """

    def draw(rng, noisy, again):
        return noisy, again, EVERYWHERE

    return _lesson(draw, pairs, "pairs", takes=2)


def sure(source, sigma, step=0.1, seed=0):
    r"""Compare with what was seen, and add what makes this an unbiased estimate of the risk.

    Parameters
    ----------
    source : callable
        ``source(step) -> (noisy, ...)``, of shape ``(batch, length)``; what else it gives is
        ignored. The noise is white and Gaussian.
    sigma : float, array (..., 1) or callable
        Noise level, or how to estimate it from a batch, such as `filters.tuning.mad_sigma`: an
        error of the estimate is an error of the loss.
    step : float
        Length of the difference quotient, as a part of sigma.
    seed : int
        Draws the probes.

    Returns
    -------
    Lesson

    Raises
    ------
    TypeError, ValueError
        If `source` does not give such arrays, or `sigma` or `step` is not positive.

    Notes
    -----
    With m samples in a batch, and a probe b that holds +1 or -1 for each,

    .. math:: \frac{\|f(y) - y\|^2}{m}
        + \frac{2 \sigma^2}{m \tau}\, b^T (f(y + \tau b) - f(y)) - \sigma^2,
        \qquad \tau = \text{step}\; \sigma,

    has the mean :math:`E \|f(y) - x\|^2 / m` (Stein 1981; the divergence by a probe after Ramani,
    Blu & Unser 2008; for training after Soltanayev & Chun 2018). Signs for a probe add no noise of
    their own where f acts on each sample alone.

    Batch norm ties the signals of a batch together. f is then the map of the whole batch, and the
    two passes differ in their statistics too: its divergence counts how the statistics move.

    Examples
    --------
    The risk of doing nothing is the variance of the noise:

    >>> from denoiselib.nn import Sequential, Tensor, train
    >>> lesson = sure(train.fresh("blocks", 3.0, batch_size=4), sigma=3.0)
    >>> arrays = [Tensor(array[:, None]) for array in lesson.data(step=0)]
    >>> print(f"{lesson.loss(Sequential([]), *arrays).item():.2f}")
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

    return _lesson(draw, source, "source", added, seed)


def recorrupted(source, sigma, alpha=0.5, seed=0):
    r"""Split a signal into two with independent noise: more noise in one, another in the other.

    Parameters
    ----------
    source, sigma
        As in `sure`.
    alpha : float
        How much noise the net sees on top of the signal's own, in units of sigma.
    seed : int
        Draws that noise.

    Returns
    -------
    Lesson

    Raises
    ------
    TypeError, ValueError
        If `source` does not give such arrays, or `sigma` or `alpha` is not positive.

    Notes
    -----
    Of :math:`y = x + n` and :math:`w \sim N(0, \sigma^2)`, a noise of the same level, the net sees
    :math:`y + \alpha w` and is compared with :math:`y - w / \alpha`. The two noises are Gaussian,
    and :math:`E\,(n + \alpha w)(n - w / \alpha) = \sigma^2 - \sigma^2 = 0`, so that this is
    `noise2noise` at the level :math:`\sigma \sqrt{1 + \alpha^2}`: the loss is the risk there, plus
    :math:`\sigma^2 (1 + 1 / \alpha^2)` (Pang et al. 2021; also written with
    :math:`a = \alpha^2 / (1 + \alpha^2)`). A small alpha is near the level that counts, but its
    target is noisy.

    Of two ways to estimate, ``net.denoise(noisy)`` is usually the better one, though it sees less
    noise than in training; `estimate_recorrupted` averages over draws of w.

    Examples
    --------
    >>> from denoiselib.nn import train
    >>> lesson = recorrupted(train.fresh("blocks", 3.0, batch_size=4), sigma=3.0)
    >>> [array.shape for array in lesson.data(step=0)]
    [(4, 100), (4, 100), (1, 1)]
    """
    alpha = _check.number(alpha, "alpha", positive=True)

    def draw(rng, noisy):
        noise = _level(sigma, noisy) * rng.standard_normal(noisy.shape)
        return noisy + alpha * noise, noisy - noise / alpha, EVERYWHERE

    return _lesson(draw, source, "source", seed=seed)


def noise2self(source, every=10, fill="mean", seed=0):
    r"""Hide some samples, and compare there.

    Parameters
    ----------
    source
        As in `sure`; the noise need not be Gaussian, only independent from sample to sample.
    every : int
        One sample of so many is hidden, at least 2; where the first one is, is drawn for each
        signal.
    fill : {"mean", "neighbour"}
        What the net sees there: the mean of the two neighbours (Noise2Self), or one of them
        (Noise2Void).
    seed : int
        Draws what is hidden.

    Returns
    -------
    Lesson

    Raises
    ------
    TypeError, ValueError
        If `source` does not give such arrays, its signals are shorter than `every`, or an option
        is unknown.

    Notes
    -----
    What is seen does not depend on the hidden samples, neither does the estimate of them, and the
    loss is the mean squared error of that estimate plus :math:`\sigma^2` (Batson & Royer 2019,
    Krull et al. 2019). The best it can learn is :math:`E[x_i | y_j, j \neq i]`: where the
    neighbours say nothing, that is the mean of all signals. At test the net sees everything
    (``net.denoise``), or again nothing of a sample that it estimates (`estimate_hidden`).

    Examples
    --------
    >>> from denoiselib.nn.unsupervised import windows
    >>> lesson = noise2self(windows([0.0, 3.0, 8.0], 3, batch_size=1), every=3)
    >>> for array in lesson.data(step=1):
    ...     print(array)
    [[0. 4. 8.]]
    [[0. 3. 8.]]
    [[0. 3. 0.]]
    """
    every = _check.integer(every, "every", 2)
    _check.choice(fill, "fill", FILLS)

    def draw(rng, noisy):
        length = noisy.shape[-1]
        if length < every:
            raise ValueError(f"every must not exceed the {length} samples of a signal, not {every}")
        first = rng.integers(every, size=(len(noisy), 1))
        hidden = np.arange(length) % every == first
        return hide(noisy, hidden, fill, rng), noisy, hidden * (hidden.size / hidden.sum())

    return _lesson(draw, source, "source", seed=seed)


def neighbor2neighbor(source, gamma=1.0, seed=0):
    r"""Take one sample of each pair, and compare with the other.

    Parameters
    ----------
    source
        As in `noise2self`; signals of at least 2 samples, of which an odd last one is left out.
    gamma : float
        Weight of the added term.
    seed : int
        Draws which sample of a pair is seen.

    Returns
    -------
    Lesson

    Raises
    ------
    TypeError, ValueError
        If `source` does not give such arrays, or `gamma` is negative.

    Notes
    -----
    Of each pair of neighbours in y one, drawn by lot, goes to :math:`g_1 y` and the other to
    :math:`g_2 y`, signals of half the length. They are two noisy copies of *nearly* the same
    signal. What they differ by in truth is taken from the net's own estimate, without a gradient:

    .. math:: \text{mean}\,(f(g_1 y) - g_2 y)^2
        + \gamma\; \text{mean}\,(f(g_1 y) - g_2 y - (g_1 f(y) - g_2 f(y)))^2

    (Huang et al. 2021). Neither the noise level is needed nor its law, but signals that are smooth
    from one sample to the next: spikes are not.

    Examples
    --------
    >>> from denoiselib.nn.unsupervised import windows
    >>> lesson = neighbor2neighbor(windows(np.arange(4.0), 4, batch_size=1))
    >>> seen, target, *_ = lesson.data(step=0)
    >>> print(seen, target)
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

    return _lesson(draw, source, "source", added, seed)


def hide(noisy, hidden, fill="mean", rng=None):
    """Return signals with other values where `hidden` is true, made from the neighbours there."""
    around = np.pad(noisy, [(0, 0)] * (noisy.ndim - 1) + [(1, 1)], mode="reflect")
    return np.where(hidden, FILLS[fill](around[..., :-2], around[..., 2:], rng), noisy)


#: What stands for a hidden sample, by name: functions of left and right neighbours.
FILLS = {
    "mean": lambda left, right, rng: (left + right) / 2,
    "neighbour": lambda left, right, rng: np.where(rng.integers(2, size=left.shape), left, right),
}


def _lesson(draw, source, name, added=None, seed=0, takes=1):
    """Make a lesson of ``draw(rng, *arrays)``, for as many arrays of the source as it takes."""

    def data(step):
        return draw(np.random.default_rng([seed, step, 2]), *source(step)[:takes])

    _check.function(source, name)
    seed = _check.seed(seed)
    first = source(0)[:takes]
    if len({np.shape(part) for part in first}) != 1 or len(first) < takes or np.ndim(first[0]) != 2:
        raise ValueError(f"{name} must give {takes} array(s) (batch, length) as a tuple")
    data(0)  # what is wrong with the arguments is said now
    return Lesson(data, added or _nothing)


def _nothing(net, output, target):
    return 0.0


def _level(sigma, noisy):
    """Return the noise level, estimated if need be, as an array that broadcasts with a batch."""
    level = sigma(noisy) if callable(sigma) else sigma
    return np.atleast_2d(_check.level(level, "sigma", noisy, per_signal=True, positive=True))
