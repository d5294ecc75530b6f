"""A cosine-modulated filter bank: one low-pass filter, shifted to N places of the spectrum."""

from functools import lru_cache

import numpy as np

from denoiselib import _check

LENGTH = 8  #: taps of a filter, for each band
KAISER = 7.0  #: shape of the window: one band away a filter has fallen below -70 dB


def analysis_bank(bands):
    r"""Impulse responses of N band-pass filters that share the spectrum between 0 and Nyquist.

    Parameters
    ----------
    bands : int
        Number N of bands, all equally wide.

    Returns
    -------
    ndarray (bands, 8 bands)
        Filters, band 0 the lowest; one band is the identity, of one tap.

    Raises
    ------
    TypeError, ValueError
        If `bands` is not a positive integer.

    Notes
    -----
    With a low-pass prototype p of L taps, cut at about :math:`\pi / 2N`,

    .. math:: h_i(l) \propto p(l) \cos\left(\tfrac{(2i + 1) \pi}{2N}
        \left(l - \tfrac{L - 1}{2}\right) + (-1)^i \tfrac{\pi}{4}\right)

    The phase makes neighbours meet in quadrature, so that their overlaps cancel. p is a sinc under
    a Kaiser window, its cut-off chosen so that :math:`p \star p` comes nearest to zero at all lags
    2N, 4N .. (Lin & Vaidyanathan, *IEEE Signal Processing Letters* 5 (1998), 132-134). The bank is
    then almost power complementary, :math:`\sum_i |H_i(\omega)|^2 = 1`, to about one part in
    1,000: nothing of a signal is lost or counted twice.

    Examples
    --------
    >>> bank = analysis_bank(4)
    >>> power = (abs(np.fft.fft(bank, 512)) ** 2).sum(axis=0)
    >>> print(bank.shape, f"{abs(power - 1).max():.4f}")
    (4, 32) 0.0005
    """
    return _bank(_check.integer(bands, "bands", 1)).copy()


def split(x, bands):
    """Filter signals ``(..., length)`` into ``(..., bands, length)``, from zeros before the start.

    Examples
    --------
    >>> split(np.ones((3, 50)), 4).shape
    (3, 4, 50)
    """
    if bands == 1:
        return x[..., None, :]
    bank = _bank(bands).astype(x.dtype)
    size = x.shape[-1] + bank.shape[-1] - 1
    spectrum = np.fft.rfft(x, size)[..., None, :] * np.fft.rfft(bank, size)
    return np.fft.irfft(spectrum, size)[..., : x.shape[-1]]


@lru_cache
def _bank(bands):
    if bands == 1:
        return np.ones((1, 1))
    prototype = _prototype(bands)
    i = np.arange(bands)[:, None]
    centred = np.arange(prototype.size) - (prototype.size - 1) / 2
    bank = prototype * np.cos((2 * i + 1) * np.pi / (2 * bands) * centred + (-1.0) ** i * np.pi / 4)
    return bank / np.sqrt((bank**2).sum())


def _prototype(bands):
    """Search the cut-off, in cycles a sample, on a grid that closes in on the best one."""
    length = LENGTH * bands
    centred = np.arange(length) - (length - 1) / 2
    low, high = 0.2 / bands, 0.4 / bands
    for _ in range(6):
        cutoff = np.linspace(low, high, 21)[:, None]
        p = 2 * cutoff * np.sinc(2 * cutoff * centred) * np.kaiser(length, KAISER)
        p /= np.sqrt((p**2).sum(axis=-1, keepdims=True))
        lags = range(2 * bands, length, 2 * bands)
        overlap = np.max([abs((p[:, lag:] * p[:, :-lag]).sum(axis=-1)) for lag in lags], axis=0)
        best = overlap.argmin()
        low, high = cutoff[max(best - 1, 0), 0], cutoff[min(best + 1, 20), 0]
    return p[best]
