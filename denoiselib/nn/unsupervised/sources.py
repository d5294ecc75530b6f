"""Where noisy signals come from: two copies of each, or windows of a recording."""

import numpy as np

from denoiselib import _check, signals
from denoiselib.nn import train


def copies(family, sigma, batch_size, length=100, seed=0):
    """Return data of two noisy copies of each signal, drawn anew at each step.

    Parameters
    ----------
    family, batch_size, length, seed
        As in `train.fresh`, whose noisy signals are the first copies.
    sigma : float
        Noise level of both.

    Returns
    -------
    callable
        ``data(step) -> (noisy, again)``, each ``(batch_size, length)``.

    Raises
    ------
    TypeError, ValueError
        As `train.fresh`.

    Examples
    --------
    >>> noisy, again = copies("sparse_spikes", 3.0, batch_size=1000)(step=0)
    >>> print(f"{(noisy - again).std() / 2**0.5:.1f}")
    3.0
    """
    _check.number(sigma, "sigma")
    fresh = train.fresh(family, sigma, batch_size, length, seed)

    def data(step):
        noisy, clean = fresh(step)
        return noisy, signals.add_noise(clean, sigma, np.random.default_rng([seed, step, 1]))

    return data


def windows(recording, length, batch_size, seed=0):
    """Return windows at random places of a long recording, or of several: no labels at all.

    Parameters
    ----------
    recording : array_like (total,) or (n, total)
        Noisy signals.
    length : int
        Samples in a window, at most `total`.
    batch_size : int
        Windows in a batch; they may overlap.
    seed : int
        Together with the number of the step it decides what is drawn.

    Returns
    -------
    callable
        ``data(step) -> (noisy,)``, of shape ``(batch_size, length)``.

    Raises
    ------
    TypeError, ValueError
        If the recording is empty, not real or not finite, of more than two axes, or shorter than a
        window.

    Examples
    --------
    >>> (noisy,) = windows(np.arange(1000.0), length=3, batch_size=2)(step=0)
    >>> print(np.diff(noisy))
    [[1. 1.]
     [1. 1.]]
    """
    recording = np.atleast_2d(_check.array(recording, "recording"))
    if recording.ndim != 2:
        raise ValueError(
            f"recording must have the shape (total,) or (n, total), not {recording.shape}"
        )
    length = _check.integer(length, "length", 1, recording.shape[-1])
    batch_size = _check.integer(batch_size, "batch_size", 1)
    seed = _check.seed(seed)
    views = np.lib.stride_tricks.sliding_window_view(recording, length, axis=-1)

    def data(step):
        rng = np.random.default_rng([seed, step])
        which, start = (rng.integers(n, size=batch_size) for n in views.shape[:2])
        return (views[which, start],)

    return data
