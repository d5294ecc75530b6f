"""What is chosen without clean signals: the noise level, and, by a loss, the learning rate."""

import numpy as np

from denoiselib import signals
from denoiselib._random import stream
from denoiselib.empirical.noise import ESTIMATORS
from denoiselib.experiments import networks

PASSES = 20  #: over noisy signals on which a loss is judged: as often what is random is drawn anew

#: Which estimator finds the level in all signals of a family, as `empirical.noise` recommends.
ESTIMATOR = {"sparse_spikes": "edge", "pulses": "edge", "blocks": "differences"}


def level(family, noisy):
    """Return the noise level that is found in all signals of a family together.

    Examples
    --------
    >>> noisy, *_ = networks.draw("blocks", 3.0, 700, seed=0)
    >>> print(f"{level('blocks', noisy):.1f}")
    3.1
    """
    return ESTIMATORS[ESTIMATOR[family]](noisy)


def own_loss(net, family, sigma, seed, teach=None):
    """Return the loss of a method itself, on signals that choose: a mean over `PASSES`.

    Parameters
    ----------
    net : Network
        In evaluation mode.
    family, sigma, seed
        As in `networks.draw`.
    teach : callable, optional
        ``teach(source, noisy) -> Lesson``, from a source of two noisy copies, and the first of
        them; where it is not given, clean signals teach, and the loss is the mean squared error.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, unsupervised
    >>> net = PlainNet(rng=0).eval()
    >>> error = own_loss(net, "blocks", 3.0, seed=0)
    >>> found = own_loss(net, "blocks", 3.0, 0, lambda source, noisy: unsupervised.sure(source, 3))
    >>> print(f"{found / error:.2f}")
    1.00
    """
    noisy, clean, _ = networks.draw(family, sigma, networks.VALIDATION, seed, "validation")
    if teach is None:
        return float(np.mean((net.denoise(noisy) - clean) ** 2))
    again = signals.add_noise(clean, sigma, stream(seed, "second copy"))
    return float(teach(lambda step: (noisy, again), noisy).losses(net, PASSES).mean())
