"""Learning-rate schedules that jump, from the number of the step to a learning rate."""

import math

from denoiselib import _check


def warm_restarts(lr, period, factor=1, minimum=0.0):
    """Return SGDR's schedule: a cosine that starts again, each time `factor` times as long.

    Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2016.

    Examples
    --------
    >>> schedule = warm_restarts(1.0, period=10, factor=2)
    >>> print(schedule(5), schedule(10), schedule(20), schedule(30))
    0.5 1.0 0.5 1.0
    """
    lr, minimum = _check.number(lr, "lr"), _check.number(minimum, "minimum")
    period = _check.integer(period, "period", 1)
    factor = _check.integer(factor, "factor", 1)

    def schedule(step):
        length = period
        while step >= length:
            step -= length
            length *= factor
        return minimum + (lr - minimum) * (1 + math.cos(math.pi * step / length)) / 2

    return schedule


def staircase(lr, every, factor=0.1):
    """Return a schedule that multiplies `lr` by `factor` after each `every` steps.

    Examples
    --------
    >>> schedule = staircase(1.0, every=10, factor=0.5)
    >>> print(schedule(9), schedule(10), schedule(20))
    1.0 0.5 0.25
    """
    lr, factor = _check.number(lr, "lr"), _check.number(factor, "factor")
    every = _check.integer(every, "every", 1)
    return lambda step: lr * factor ** (step // every)
