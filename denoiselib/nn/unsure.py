"""A lesson for noise whose level nobody knows."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.lesson import EVERYWHERE, make
from denoiselib.nn.tensor import using_statistics


def unsure(source, step=0.05, seed=0):
    r"""Compare with what was seen, under a divergence of 0: the noise level need not be known.

    Parameters
    ----------
    source, seed
        As in `sure`; the noise is white and Gaussian, of one level.
    step : float
        Length of the difference quotient, as a part of the standard deviation of a batch.

    Notes
    -----
    Without a level, what `sure` takes off cannot be known; but of all rules with
    :math:`\text{div} f = 0` on average, the one with the least :math:`\|y - f(y)\|^2` is

    .. math:: f(y) = y + \eta\, \nabla \log p(y), \qquad
        \eta = \frac{\sigma^2}{1 - \text{MMSE} / \sigma^2}

    with an error of :math:`\text{MMSE} / (1 - \text{MMSE} / \sigma^2)` a sample (UNSURE: Tachella,
    Davies & Jacques 2025). They look for the saddle point of
    :math:`\|y - f\|^2 / m + 2 \eta\, \text{div} f / m`, with steps up in the multiplier eta. But
    which multiple of a residual :math:`y - f` is best is known: with :math:`D = \text{div} f / m`,
    that by :math:`1 / (1 - D)`, and then :math:`\eta = \|y - f\|^2 / m (1 - D)^2`. With this eta of
    the batch itself the loss is

    .. math:: \frac{\|y - f\|^2}{m} + 2 \eta D = \eta\, (1 + D^2),

    which is only to be minimised: there D is 0, and eta, the score of generalised cross-validation
    (Craven & Wahba 1979), least. Hence a training has no other state than that of any net, and the
    root of its loss tends to the level :math:`\sqrt \eta`, which is above sigma. Who comes to know
    sigma has the posterior mean, :math:`y - (\sigma^2 / \eta) (y - f(y))`.

    Examples
    --------
    >>> from denoiselib.nn import Tensor, train
    >>> lesson = unsure(train.fresh("blocks", 3.0, batch_size=4))
    >>> arrays = [Tensor(array[:, None]) for array in lesson.data(step=0)]
    >>> loss = lesson.loss(lambda y: 0 * y, *arrays).item()  # no divergence: the mean power
    >>> print(f"{loss:.3f} {np.mean(lesson.data(step=0)[0] ** 2):.3f}")
    38.776 38.776
    """
    step = _check.number(step, "step", positive=True)

    def draw(rng, noisy):
        move = step * noisy.std() * rng.choice([-1.0, 1.0], size=noisy.shape)
        if not np.all(move):
            raise ValueError("source must give signals with noise, not constant ones")
        return noisy, noisy, EVERYWHERE, noisy + move, 1 / move

    def added(net, output, target, moved, gain):
        with using_statistics({}):
            divergence = (gain * (net(moved) - output)).mean()
        error, rest = output - target, 1 - divergence
        return 2 * divergence * (error * error).mean() / (rest * rest)

    return make(draw, source, "source", added, seed)
