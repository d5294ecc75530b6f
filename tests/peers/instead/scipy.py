"""Our local Wiener filter in the place of SciPy's."""

import numpy as np
import scipy.signal

from denoiselib import filters
from tests.peers.instead.plugin import lacks, ours


@ours
def wiener(im, mysize=None, noise=None):
    if np.ndim(im) > 1:
        lacks("the Wiener filter of pictures")
    return filters.wiener(im, 3 if mysize is None else mysize, noise)


def pytest_collection_finish():
    scipy.signal.wiener = wiener  # their file asks for the properties of theirs when it is read
