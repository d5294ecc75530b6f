"""The classical test of an adaptive filter: an unknown system, its input and its noisy output."""

import numpy as np

from denoiselib import _check

LEAST_SNR = -1000  #: in dB: with less there is nothing but noise, even in float64


def sparse_system(n, taps=64, active=4, rng=None):
    """Draw impulse responses with a few non-zero taps anywhere.

    Parameters
    ----------
    n : int
        Number of systems.
    taps : int
        Length of each.
    active : int
        Taps that are not zero, at places drawn without replacement, of Gaussian heights;
        ``active=taps`` makes dense systems.
    rng : seed, numpy.random.Generator or None
        Source of randomness.

    Returns
    -------
    ndarray (n, taps)
        Systems of norm 1.

    Raises
    ------
    TypeError, ValueError
        If `n` or `taps` is not a positive integer, or `active` not one up to `taps`.

    Examples
    --------
    >>> w = sparse_system(10, taps=64, active=4, rng=0)
    >>> print(w.shape, np.count_nonzero(w[0]), f"{np.linalg.norm(w[0]):.3f}")
    (10, 64) 4 1.000
    """
    n, taps = _check.integer(n, "n", 1), _check.integer(taps, "taps", 1)
    active = _check.integer(active, "active", 1, taps)
    return _scattered(n, taps, active, 1, rng)


def block_sparse_system(n, taps=64, active=2, block=8, rng=None):
    """Draw impulse responses with a few non-zero blocks of neighbouring taps.

    Parameters
    ----------
    n, taps, rng
        As in `sparse_system`.
    active : int
        Blocks that are not zero.
    block : int
        Taps in a block; it must divide `taps`. Blocks begin at multiples of it.

    Returns
    -------
    ndarray (n, taps)
        Systems of norm 1.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, or the blocks do not fit.

    Examples
    --------
    >>> w = block_sparse_system(10, taps=64, active=2, block=8, rng=0)
    >>> print(np.count_nonzero(w, axis=-1))
    [16 16 16 16 16 16 16 16 16 16]
    """
    n, taps = _check.integer(n, "n", 1), _check.integer(taps, "taps", 1)
    block = _check.integer(block, "block", 1, taps)
    if taps % block:
        raise ValueError(f"block must divide the {taps} taps, and {block} does not")
    active = _check.integer(active, "active", 1, taps // block)
    return _scattered(n, taps // block, active, block, rng)


def _scattered(n, places, active, block, rng):
    rng = _check.generator(rng)
    chosen = rng.random((n, places)).argsort(axis=-1)[:, :active, None]
    w = np.zeros((n, places, block))
    np.put_along_axis(w, chosen, rng.standard_normal((n, active, block)), axis=1)
    return w.reshape(n, -1) / np.sqrt((w**2).sum(axis=(-2, -1)))[:, None]


def coloured(n, length, pole=0.0, rng=None):
    r"""Draw inputs of unit power: :math:`x_t = a x_{t-1} + \sqrt{1 - a^2}\,n_t`, white for a = 0.

    Parameters
    ----------
    n, length : int
        Number of signals, samples in each.
    pole : float
        The pole a, in (-1, 1).
    rng : seed, numpy.random.Generator or None
        Source of randomness.

    Returns
    -------
    ndarray (n, length)
        Gaussian signals, stationary from the start.

    Raises
    ------
    TypeError, ValueError
        If `n` or `length` is not a positive integer or `pole` not in (-1, 1).

    Examples
    --------
    >>> x = coloured(100, 1000, pole=0.9, rng=0)
    >>> print(f"{x.var():.2f} {(x[:, 1:] * x[:, :-1]).mean():.2f}")
    1.00 0.90
    """
    n, length = _check.integer(n, "n", 1), _check.integer(length, "length", 1)
    pole = _check.number(pole, "pole", signed=True)
    _check.fraction(abs(pole), "pole")
    x = _check.generator(rng).standard_normal((n, length))
    if pole:
        x[:, 1:] *= np.sqrt(1 - pole**2)
        for t in range(1, length):
            x[:, t] += pole * x[:, t - 1]
    return x


def observe(x, system, snr=30.0, impulses=0.0, strength=1000.0, rng=None):
    r"""Return what comes out of a system, with noise and, if asked for, with impulses.

    Parameters
    ----------
    x : array_like (..., length)
        Inputs.
    system : array_like (..., taps)
        Impulse responses; leading axes broadcast.
    snr : float
        Power of the output over that of the Gaussian noise, in dB.
    impulses : float
        Probability of an impulse at a sample, in [0, 1).
    strength : float
        Variance of an impulse over the power of the output.
    rng : seed, numpy.random.Generator or None
        Source of randomness.

    Returns
    -------
    ndarray (..., length)
        :math:`d = w_0 * x + v + b\,g`, with Gaussian v and g and b = 1 where there is an impulse
        (Bernoulli-Gaussian noise). The SNR does not count the impulses.

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not real or not finite, or a number out of its range.

    Examples
    --------
    >>> print(observe([1.0, 0.0, 0.0, 2.0], [3.0, 1.0], snr=300, rng=0).round(3))
    [3. 1. 0. 6.]
    """
    x, system = _check.array(x, "x"), _check.array(system, "system")
    _check.broadcast(x[..., :1], system[..., :1], "x and system")
    snr = _check.array(snr, "snr", numbers=True)
    _check.broadcast(x, snr, "x and snr")
    if snr.min() < LEAST_SNR:
        raise ValueError(f"snr must be at least {LEAST_SNR} dB, not {snr.min():g}")
    strength = _check.level(strength, "strength", x, per_signal=True)
    impulses, rng = _check.fraction(impulses, "impulses", x), _check.generator(rng)
    size = x.shape[-1] + system.shape[-1] - 1
    clean = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(system, size), size)
    clean = clean[..., : x.shape[-1]]
    power = (clean**2).mean(axis=-1, keepdims=True)
    noise = rng.standard_normal(clean.shape) * np.sqrt(power) * 10 ** (-snr / 20)
    hit = rng.random(clean.shape) < impulses
    impulse = rng.standard_normal(clean.shape) * np.sqrt(strength * power)
    return (clean + noise + np.where(hit, impulse, 0)).astype(clean.dtype)
