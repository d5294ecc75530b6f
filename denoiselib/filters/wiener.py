"""The Wiener filter twice: with local statistics (the slides' filter) and with known ones."""

import numpy as np

from denoiselib import _check

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")  #: numpy.pad's names for the edges


def wiener(noisy, size=3, noise=None, mode="constant"):
    r"""Shrink each sample towards its local mean, most where the local variance is small.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals; the filtered ones have their shape.
    size : int
        Odd window, in samples.
    noise : float or array (..., 1), optional
        Noise *variance*, in squared units of the signal; the mean local variance of each signal if
        not given.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        What lies beyond the edges, as in `numpy.pad`. ``"constant"`` (zeros) is what
        `scipy.signal.wiener` does; it biases the edges of a signal with a level.

    Notes
    -----
    With the mean m and the variance v over the window around a sample y, and the noise s2,

    .. math:: \hat x = m + \frac{\max(v - s_2, 0)}{\max(v, s_2)} (y - m)

    and m where v = s2 = 0 (Lim 1990, *Two-Dimensional Signal and Image Processing*, p. 548).

    Examples
    --------
    >>> print(wiener([0.0, 0.0, 9.0, 0.0, 0.0], size=3, noise=9.0))
    [0.  1.5 6.  1.5 0. ]
    """
    noisy = _check.array(noisy, "noisy")
    length = noisy.shape[-1]
    # a wider one sees no more
    size = _check.integer(size, "size", 1, 2 * length - 1, f"noisy of {length} samples")
    if size % 2 == 0:
        raise ValueError(f"size must be odd, so that a window has a centre, not {size}")
    beyond = [(0, 0)] * (noisy.ndim - 1) + [(size // 2, size // 2)]
    padded = np.pad(noisy, beyond, _check.choice(mode, "mode", MODES))
    shifted = [padded[..., k : k + noisy.shape[-1]] for k in range(size)]
    mean = sum(shifted) / size
    variance = sum((s - mean) ** 2 for s in shifted) / size
    if noise is None:
        noise = variance.mean(axis=-1, keepdims=True)
    else:
        noise = _check.level(noise, "noise", noisy, per_signal=True, squared=True)
    larger = np.maximum(variance, noise)
    gain = np.maximum(variance - noise, 0) / np.where(larger > 0, larger, 1)
    return mean + gain * (noisy - mean)


def wiener_system_function(noisy, size=3, noise=None, mode="constant"):
    r"""Magnitude of the impulse response of the linear filter that would do what `wiener` did.

    It is :math:`|\mathrm{IDFT}(\mathrm{DFT}(\hat x) / \mathrm{DFT}(y))|`, ``(..., length)``, with a
    ratio of 0 in bins where the signal is zero, :math:`|Y| \le 10^{-12} \max |Y|`.

    Parameters
    ----------
    noisy, size, noise, mode
        As in `wiener`.

    Examples
    --------
    >>> print(wiener_system_function([0.0, 0.0, 9.0, 0.0, 0.0], size=3, noise=9.0).round(4))
    [0.6667 0.1667 0.     0.     0.1667]
    """
    noisy = _check.array(noisy, "noisy")
    largest = np.abs(noisy).max(axis=-1, keepdims=True)
    unit = np.where(largest > 0, largest, 1)  # so that no ratio is one of denormal numbers
    before = np.fft.fft(noisy / unit)
    after = np.fft.fft(wiener(noisy, size, noise, mode) / unit)
    magnitude = np.abs(before)
    seen = magnitude > 1e-12 * magnitude.max(axis=-1, keepdims=True)
    ratio = np.where(seen, after, 0) / np.where(seen, before, 1)
    return np.abs(np.fft.ifft(ratio))


def linear_mmse(noisy, sigma, mean, covariance):
    r"""Best affine estimate, ``(..., length)``, of signals of known mean m and covariance C.

    It is :math:`\hat x = m + C (C + \sigma^2 I)^{-1} (y - m)`: in the eigenvectors of C, Wiener's
    gain :math:`\lambda / (\lambda + \sigma^2)` for each coefficient. No linear filter does better
    on signals of these second moments.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals plus white noise.
    sigma : float or array (..., 1)
        Noise level.
    mean : float or array (length,)
        Mean of the clean signals.
    covariance : float or array (length, length)
        Their covariance; a number stands for independent samples of that variance. Negative
        eigenvalues, which an estimate may have, count as 0.

    Examples
    --------
    >>> print(linear_mmse([0.0, 4.0], sigma=1, mean=2.0, covariance=3.0))
    [0.5 3.5]
    """
    noisy = _check.array(noisy, "noisy")
    length = noisy.shape[-1]
    sigma = _check.level(sigma, "sigma", noisy, per_signal=True)
    mean = _moment(mean, "mean", (length,), noisy.dtype)
    covariance = _moment(covariance, "covariance", (length, length), noisy.dtype)
    if covariance.ndim == 0:
        variance, basis = covariance[None], None
    elif np.allclose(covariance, covariance.T, atol=1e-8 * np.abs(covariance).max()):
        variance, basis = np.linalg.eigh(covariance)
    else:
        raise ValueError("covariance must be symmetric")
    variance = np.maximum(variance, 0)
    total = variance + sigma**2
    gain = np.where(total > 0, variance, 1) / np.where(total > 0, total, 1)  # no noise: keep all
    centred = noisy - mean
    if basis is None:
        return mean + gain * centred
    return mean + (gain * (centred @ basis)) @ basis.T


def _moment(value, name, shape, dtype):
    value = _check.array(value, name, numbers=True)
    if value.shape not in ((), shape):
        raise ValueError(f"{name} must be a number or {shape} to fit noisy, not {value.shape}")
    return value.astype(dtype, copy=False)
