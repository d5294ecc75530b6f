"""Estimates that see signals as the net saw them in training."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.unsupervised.lessons import hide


def estimate_recorrupted(net, noisy, sigma, alpha=0.5, draws=8, rng=0):
    r"""Average the estimates from several recorruptions of a signal.

    Parameters
    ----------
    net : Network
        Trained by `recorrupted`.
    noisy : array_like (..., length)
        Signals.
    sigma : float or array (..., 1)
        Noise level.
    alpha : float
        As in training.
    draws : int
        How many.
    rng : seed, numpy.random.Generator or None
        Source of the noise.

    Returns
    -------
    ndarray (..., length)
        The mean of :math:`f(y + \alpha w)` over noises w.

    Raises
    ------
    TypeError, ValueError
        If `noisy` is empty, not real or not finite, or an option out of range.

    Notes
    -----
    The net is applied at the level at which it was trained, and what the added noise does is
    averaged away (Pang et al. 2021). But it did hide something of y, and the average is a blurred
    function of it: ``net.denoise(noisy)``, which sees less noise than in training, is usually
    better.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> estimate_recorrupted(PlainNet(rng=0), np.zeros((2, 100)), sigma=3.0).shape
    (2, 100)
    """
    noisy = _check.array(noisy, "noisy")
    _check.function(getattr(net, "denoise", None), "net.denoise")
    sigma = _check.level(sigma, "sigma", noisy, per_signal=True)
    alpha = _check.level(alpha, "alpha", noisy, per_signal=True)
    draws, rng = _check.integer(draws, "draws", 1), _check.generator(rng)

    def once():
        noise = sigma * rng.standard_normal(noisy.shape, dtype=noisy.dtype)
        return net.denoise(noisy + alpha * noise)

    return sum(once() for _ in range(draws)) / draws


def estimate_hidden(net, noisy, every=10):
    """Estimate each sample from all but itself (and others at the distance `every`).

    Parameters
    ----------
    net : Network
        Trained by `noise2self`.
    noisy : array_like (..., length)
        Signals.
    every : int
        As in training: so many passes are made.

    Returns
    -------
    ndarray (..., length)
        What the loss of `noise2self` judges. ``net.denoise(noisy)`` also looks at the sample
        itself, and is better where the net has learnt anything.

    Raises
    ------
    TypeError, ValueError
        If `noisy` is empty, not real or not finite, or `every` is not between 2 and its length.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0), np.zeros(30)
    >>> changed = noisy + 5 * (np.arange(30) == 7)
    >>> estimate_hidden(net, changed)[7] == estimate_hidden(net, noisy)[7]
    np.True_
    """
    noisy = _check.array(noisy, "noisy")
    _check.function(getattr(net, "denoise", None), "net.denoise")
    every = _check.integer(every, "every", 2, noisy.shape[-1])
    estimate = np.empty_like(noisy)
    for first in range(every):
        hidden = np.arange(noisy.shape[-1]) % every == first
        estimate[..., hidden] = net.denoise(hide(noisy, hidden))[..., hidden]
    return estimate
