"""Four estimators of the noise level, without clean signals, and how far off each one is.

Which one to take:

- Samples that are never negative, and often near 0, as of `signals.sparse_spikes` and
  `signals.pulses`: ``"edge"``. It looks at what is below 0, which is noise alone, and is off by
  less than 3 % of 30,000 samples.
- Signals that stay or move slowly from sample to sample, as `signals.blocks` or an
  electrocardiogram, in white noise: ``"differences"``, too large by less than 5 %.
- Samples that keep to few heights, or are mostly 0, but of any sign: ``"profile"``. Where heights
  are close beside the noise it is too large, by up to a fifth; it is hardly ever too small.
- ``"median"`` only where nearly all samples are 0, or where there is no time for more.
- Sums of sinusoids, or few samples: none of them. What is Gaussian in the law of one sample cannot
  be told from noise, nor what changes fast by differences. Measure the level where there is no
  signal.

In **coloured noise** neighbours are alike, and ``"differences"`` is too small: of slow noise it may
find next to nothing, and no number that it returns gives this away. The other three look at samples
one at a time; the colour only makes them scatter more, as if there were fewer samples. If two of
them agree with each other but not with ``"differences"``, suspect the colour of the noise, or a
signal that changes fast.
"""

import numpy as np

from denoiselib import _check
from denoiselib.empirical.independent import independent
from denoiselib.filters.tuning import mad_sigma


def _median(noisy):
    return float(mad_sigma(np.ravel(_check.array(noisy, "noisy")))[0])


def _differences(noisy):
    noisy = _check.array(noisy, "noisy")
    if noisy.shape[-1] < 2:
        raise ValueError("noisy must hold at least two samples to take differences")
    return _median(np.diff(noisy, axis=-1) / 2**0.5)


def _profile(noisy):
    return independent(noisy).sigma


def _edge(noisy):
    return independent(noisy, nonnegative=True).sigma


#: Estimators by name: ``ESTIMATORS[name](noisy)`` is the one noise level, in the unit of the
#: signals, of all signals ``(..., length)`` together.
ESTIMATORS = {
    "median": _median,
    "differences": _differences,
    "profile": _profile,
    "edge": _edge,
}
