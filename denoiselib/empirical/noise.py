"""Four estimators of the noise level, without clean signals, and how far off each one is.

Which one to take:

- Samples that are never negative, and often near 0, as of `signals.sparse_spikes` and
  `signals.pulses`: ``"edge"``. It looks at what is below 0, which is noise alone, and is off by
  less than 3 % of 30,000 samples.
- Signals that stay or move slowly from sample to sample, as `signals.blocks` or an
  electrocardiogram, in white noise: ``"differences"``, too large by less than 5 %.
- Samples that keep to few heights, or are mostly 0, but of any sign: ``"profile"``. Where heights
  are close beside the noise it is too large, by up to a sixth; it is hardly ever too small.
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

from denoiselib import _check, real, signals
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


def bias(n=300, length=100, sigmas=(1.0, 3.0), rng=0):
    r"""Measure how far each estimator is off, on every family and on electrocardiograms.

    Parameters
    ----------
    n, length : int
        Number of signals of each family, which share their noise level, and samples in each.
    sigmas : array_like (levels,)
        Noise levels, positive, in the unit of the families: their heights reach to 10.
    rng : seed, numpy.random.Generator or None
        Source of signals and noise; the noise is the same for all families, but for its level.

    Returns
    -------
    Table
        With the columns `family`, `sigma`, `estimator`, `found` (the level) and `bias`, which is
        :math:`\text{found} / \sigma - 1`. An estimator that refuses the signals, and says so where
        it is called, has no row. The family ``"ecg"`` is `real.ecg` in units of 0.1 mV.

    Examples
    --------
    >>> rows = bias(n=100, sigmas=[3.0])
    >>> for family, name in {"sparse_spikes": "edge", "ecg": "differences"}.items():
    ...     off = rows.where(family=family, estimator=name).mean("bias")
    ...     print(f"{name} on {family}: {100 * off:+.0f} %")
    edge on sparse_spikes: +3 %
    differences on ecg: +0 %
    """
    from denoiselib.experiments.table import Table  # needs more than NumPy

    rng = _check.generator(rng)
    sigmas = _check.array(sigmas, "sigmas").ravel()
    if not sigmas.min() > 0:
        raise ValueError(f"sigmas must be greater than 0, not {sigmas.min():g}")
    families = signals.FAMILIES | {"ecg": lambda *size: 10 * real.ecg(*size)}
    clean = {name: family(n, length, rng) for name, family in families.items()}
    noise = signals.add_noise(np.zeros((n, length)), 1.0, rng)
    rows = Table()
    for family, x in clean.items():
        for sigma in sigmas.tolist():
            for name, estimator in ESTIMATORS.items():
                try:
                    found = estimator(x + sigma * noise)
                except ValueError:
                    continue
                row = {"family": family, "sigma": sigma, "estimator": name, "found": found}
                rows.append(row | {"bias": found / sigma - 1})
    return rows
