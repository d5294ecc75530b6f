"""Clean signals of four families, and white noise to add to them.

Every family is a function ``(n, length=100, rng=None) -> clean (n, length)``: n signals of that
length, drawn with a seed or a `numpy.random.Generator`. `FAMILIES` names them for menus and sweeps.
"""

import numpy as np

from denoiselib import _check

AMPLITUDES = np.arange(2, 11)  #: of spikes and of tones, all equally likely
SPIKE_PROBABILITY = 1 - 0.99**20  #: that a sample of `pulses` starts a pulse
PULSE = (1.0, 0.7, 0.4)  #: the shape of one pulse
BLOCK_HEIGHTS = np.arange(0, 11)  #: of `blocks`, all equally likely
JUMP_PROBABILITY = 0.05  #: that a sample of `blocks` starts a new block


def sparse_spikes(n, length=100, rng=None, draws=None):
    """Draw the slides' sparse signals: a few positive spikes at random places, zeros elsewhere.

    A signal makes `draws` draws *with replacement* of a position and of a height from 2, 3 .. 10; a
    later draw overwrites an earlier one at the same place.

    Parameters
    ----------
    n, length : int
        Number of signals, and samples in each.
    rng : seed, numpy.random.Generator or None
        Source of randomness.
    draws : int, optional
        Draws for each signal; ``length // 5`` (at least 1) if not given, the slides' 20 for 100.

    Returns
    -------
    ndarray (n, length)

    Examples
    --------
    >>> clean = sparse_spikes(1000, rng=0)
    >>> print(clean.shape, clean.max(), f"{np.count_nonzero(clean) / 1000:.1f} spikes a signal")
    (1000, 100) 10.0 18.1 spikes a signal
    """
    n, length, rng = _size(n, length, rng)
    draws = default_draws(length) if draws is None else _check.integer(draws, "draws", 1)
    places = rng.integers(length, size=(draws, n)) + length * np.arange(n)
    heights = AMPLITUDES[rng.integers(len(AMPLITUDES), size=(draws, n))].astype(float)
    clean = np.zeros(n * length)
    for place, height in zip(places, heights, strict=True):  # in order: the last one stays
        clean[place] = height
    return clean.reshape(n, length)


def default_draws(length):
    """Return how many spikes `sparse_spikes` draws for a length: one for every five samples.

    Examples
    --------
    >>> default_draws(100)
    20
    """
    return max(1, _check.integer(length, "length", 1) // 5)


def pulses(n, length=100, rng=None):
    """Draw spikes with two echoes each, so that neighbouring samples depend on each other.

    A sample starts a pulse with probability ``1 - 0.99**20``, with a height from 2, 3 .. 10; the
    spikes are convolved with ``[1, 0.7, 0.4]``, causally, and cut at the signal's end.

    Examples
    --------
    >>> pulses(2, length=50, rng=0).shape
    (2, 50)
    """
    n, length, rng = _size(n, length, rng)
    spikes = rng.choice(AMPLITUDES, size=(n, length)) * (
        rng.random((n, length)) < SPIKE_PROBABILITY
    )
    padded = np.pad(spikes, ((0, 0), (len(PULSE) - 1, 0)))
    return sum(
        weight * padded[:, len(PULSE) - 1 - lag :][:, :length] for lag, weight in enumerate(PULSE)
    )


def blocks(n, length=100, rng=None):
    """Draw piecewise constant signals: blocks of random height and length.

    The first height is one of 0, 1 .. 10; each later sample jumps with probability 0.05 to a height
    drawn anew, which may repeat the old one.

    Examples
    --------
    >>> jumps = np.count_nonzero(np.diff(blocks(1000, rng=0)), axis=-1)
    >>> print(f"{jumps.mean():.1f} jumps a signal")
    4.5 jumps a signal
    """
    n, length, rng = _size(n, length, rng)
    jump = rng.random((n, length)) < JUMP_PROBABILITY
    # the sample that started the block it lies in; the first one always does
    last_jump = np.maximum.accumulate(np.where(jump, np.arange(length), 0), axis=-1)
    heights = rng.choice(BLOCK_HEIGHTS, size=(n, length)).astype(float)
    return np.take_along_axis(heights, last_jump, axis=-1)


def tones(n, length=100, rng=None):
    """Draw sums of two to four sinusoids: dense in time, sparse in frequency.

    Amplitudes are one of 2, 3 .. 10, frequencies uniform below Nyquist (between the bins of a
    DFT, so that they leak), phases uniform.

    Examples
    --------
    >>> tones(2, rng=0).shape
    (2, 100)
    """
    n, length, rng = _size(n, length, rng)
    present = np.arange(4) < rng.integers(2, 5, size=(n, 1))
    amplitude = rng.choice(AMPLITUDES, size=(n, 4)) * present
    frequency = rng.uniform(0, 0.5, size=(n, 4, 1))  # cycles per sample
    phase = rng.uniform(0, 2 * np.pi, size=(n, 4, 1))
    waves = np.sin(2 * np.pi * frequency * np.arange(length) + phase)
    return np.einsum("nk,nkl->nl", amplitude, waves)


#: The families by name.
FAMILIES = {"sparse_spikes": sparse_spikes, "pulses": pulses, "blocks": blocks, "tones": tones}


def add_noise(clean, sigma, rng=None):
    """Return ``y = x + sigma n`` with white Gaussian noise n of standard deviation 1.

    Parameters
    ----------
    clean : array_like (..., length)
        Signals x; if they are float32, y is too.
    sigma : float or array
        Noise level, in the units of the signal; ``(n, 1)`` gives each signal its own.
    rng : seed, numpy.random.Generator or None
        Source of randomness.

    Examples
    --------
    >>> noise = add_noise(np.zeros((1000, 100)), sigma=3, rng=0)
    >>> print(f"{noise.std():.2f}")
    3.00
    """
    clean = _check.array(clean, "clean")
    sigma = _check.level(sigma, "sigma", clean)
    shape = np.broadcast_shapes(clean.shape, sigma.shape)
    return clean + sigma * _check.generator(rng).standard_normal(shape, dtype=clean.dtype)


def _size(n, length, rng):
    return (
        _check.integer(n, "n", 1),
        _check.integer(length, "length", 1),
        _check.generator(rng),
    )
