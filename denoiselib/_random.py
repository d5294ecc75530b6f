"""One seed, many streams of random numbers: what is drawn for one purpose tells nothing of another.

A seed alone would not do: NumPy pads the numbers that it is given with zeros, so that
``default_rng([seed, 0])`` is ``default_rng(seed)``, and the first batch of a training would be what
a reader draws with the same seed to test on.
"""

import numpy as np

#: What is drawn, and the numbers that keep its stream apart.
PURPOSES = {
    "validation": (0, 2**32 - 1),
    "test": (1, 2**32 - 1),
    "training": (2**32 - 3,),
    "recording": (2**32 - 2,),  # one long signal
    "order": (2**32 - 4,),  # in which a fixed set is passed
    "second copy": (1,),  # of the noise, step by step
    "lesson": (2,),  # what a lesson adds to a batch, step by step
    "sparsity": (2**32 - 1,),  # test signals with another number of spikes
    "heart validation": (0, 2**32 - 5),
    "heart test": (1, 2**32 - 5),
    "heart recording": (2**32 - 6,),  # noise of the one recording, for any number of signals
}


def stream(seed, purpose, *numbers):
    """Return a generator for a purpose, and perhaps for the number of a step, an epoch, a set.

    Examples
    --------
    >>> a, b = stream(0, "training", 0), np.random.default_rng(0)
    >>> a.random() == b.random()
    False
    """
    return np.random.default_rng([seed, *numbers, *PURPOSES[purpose]])
