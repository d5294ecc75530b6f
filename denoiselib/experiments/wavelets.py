"""A wavelet transform and its inverse, a pair that `filters.gmc` takes as ``transform``."""

import numpy as np

#: Low-pass filter of Daubechies' least asymmetric wavelet with four vanishing moments.
SYMLET = np.array(
    [-0.07576571478927333, -0.02963552764599851, 0.49761866763201545, 0.8037387518059161,
     0.29785779560527736, -0.09921954357684722, -0.012603967262037833, 0.0322231006040427]
)  # fmt: skip
PAIR = SYMLET, (-1.0) ** np.arange(8) * SYMLET[::-1]
SCALES = 4


def _split(y):
    """Return wavelet coefficients of periodic signals, their length a multiple of 16."""
    parts = []
    for _ in range(SCALES):
        y, high = (sum(h * np.roll(y, -k, -1) for k, h in enumerate(f))[..., ::2] for f in PAIR)
        parts.insert(0, high)
    return np.concatenate([y, *parts], axis=-1)


def _join(c):
    """Return the signals with these wavelet coefficients: the adjoint, and the inverse."""
    size = c.shape[-1] >> SCALES
    y = c[..., :size]
    while size < c.shape[-1]:
        bands, y = (y, c[..., size : 2 * size]), 0
        for band, f in zip(bands, PAIR, strict=True):
            spread = np.zeros((*band.shape[:-1], 2 * size))
            spread[..., ::2] = band
            y = y + sum(h * np.roll(spread, k, -1) for k, h in enumerate(f))
        size *= 2
    return y


WAVELETS = (_split, _join)  #: analysis and synthesis
