"""One seed, many streams of random numbers: what is drawn for one purpose tells nothing of another.

A seed alone would not do: NumPy pads seeds with zeros, so that ``default_rng([seed, 0])`` is
``default_rng(seed)``, and a reader would test on the first batch of a training.
"""

import numpy as np

APART = 2**32 - 3  #: stands behind what would end in zero, and be the seed alone

#: What is drawn, and the numbers that keep its stream apart.
PURPOSES = {
    "training": (),  # signals and their noise at a step, or the order of a set in an epoch
    "second copy": (1,),  # of the noise at a step
    "lesson": (2,),  # what a lesson adds to the batch of a step
    "validation": (0, 2**32 - 1),
    "test": (1, 2**32 - 1),
    "sparsity": (2**32 - 1,),  # test signals with another number of spikes
    "recording": (2**32 - 2,),  # one long signal
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
    key = [seed, *numbers, *PURPOSES[purpose]]
    return np.random.default_rng(key if key[-1] else [*key, APART])
