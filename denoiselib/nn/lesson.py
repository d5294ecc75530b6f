"""What teaches a network without clean signals: the form that methods of `unsupervised` share."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib._random import stream
from denoiselib.nn.tensor import Program

EVERYWHERE = np.ones((1, 1))  #: the weight where all samples count the same


class Lesson(NamedTuple):
    """What teaches a net without clean signals: data, and a loss for `train.fit`.

    Parameters
    ----------
    data : callable
        ``data(step) -> (seen, target, weight, *more)``: arrays that broadcast to ``(batch,
        length)``. All that is random is drawn here.
    added : callable
        ``added(net, output, target, *more) -> Tensor ()``, with ``output = net(seen)``. What it
        passes through the net is normalised by its own statistics and updates no running ones.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, optim, train, unsupervised
    >>> lesson = unsupervised.sure(train.fresh("sparse_spikes", 3.0, 16), sigma=3.0)
    >>> net = PlainNet(width=4, depth=3, rng=0)
    >>> history = train.fit(net, lesson.data, optim.Adam(net, 1e-2), 200, loss=lesson.loss, every=1)
    >>> sum(history["loss"][100:]) < 0.9 * sum(history["loss"][:100])
    True
    """

    data: Callable
    added: Callable

    def loss(self, net, seen, target, weight, *more):
        """Return the loss of a batch, a scalar tensor; the arrays are ``(batch, 1, length)``."""
        output = net(seen)
        error = output - target
        return (weight * error * error).mean() + self.added(net, output, target, *more)

    def losses(self, net, batches):
        """Return the losses ``(batches,)`` of so many batches, without training on them.

        With data that no training has seen, and a network in evaluation mode, their mean judges it
        without clean signals.
        """
        batches = _check.integer(batches, "batches", 1)
        loss = Program(lambda *parts: self.loss(net, *parts), np.float32)
        drawn = (self.data(step) for step in range(batches))
        return np.array([float(loss(*(x[:, None].astype("f4") for x in parts))) for parts in drawn])


def make(draw, source, name, added=None, seed=0, takes=1):
    """Make a lesson of ``draw(rng, *arrays)``, for as many arrays of the source as it takes."""

    def data(step):
        arrays = [_check.array(part, name) for part in source(step)[:takes]]
        return draw(stream(seed, "lesson", step), *arrays)

    _check.function(source, name)
    seed = _check.seed(seed)
    first = source(0)[:takes]
    if len({np.shape(part) for part in first}) != 1 or len(first) < takes or np.ndim(first[0]) != 2:
        raise ValueError(f"{name} must give {takes} array(s) (batch, length) as a tuple")
    data(0)  # what is wrong with the arguments is said now
    return Lesson(data, added or (lambda *parts: 0.0))
