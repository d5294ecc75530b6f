"""How far the estimators of the noise level are off, family by family."""

import numpy as np

from denoiselib import _check, real, signals
from denoiselib.empirical.noise import ESTIMATORS
from denoiselib.experiments.table import Table


def tenths_of_millivolts(n, length=100, rng=None):
    """Draw `real.ecg` in tenths of mV, so that it is about as high as the other families.

    Examples
    --------
    >>> print(f"{tenths_of_millivolts(1000, rng=0).max(axis=-1).mean():.0f}")
    6
    """
    return 10 * real.ecg(n, length, rng)


#: Families on which a law may be right or wrong, and a level found or not.
FAMILIES = signals.FAMILIES | {"ecg": tenths_of_millivolts}


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
        it is called, has no row. The families are those of `FAMILIES`.

    Examples
    --------
    >>> rows = bias(n=100, sigmas=[3.0])
    >>> for family, name in {"sparse_spikes": "edge", "ecg": "differences"}.items():
    ...     off = rows.where(family=family, estimator=name).mean("bias")
    ...     print(f"{name} on {family}: {100 * off:+.0f} %")
    edge on sparse_spikes: +3 %
    differences on ecg: +0 %
    """
    rng = _check.generator(rng)
    sigmas = _check.array(sigmas, "sigmas").ravel()
    if not sigmas.min() > 0:
        raise ValueError(f"sigmas must be greater than 0, not {sigmas.min():g}")
    clean = {name: family(n, length, rng) for name, family in FAMILIES.items()}
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
