"""Disturbances of biosignals besides white noise: baseline wander, mains hum, muscle bursts.

Each is a function ``add_...(clean, level, rng)`` like `signals.add_noise`.
"""

from statistics import NormalDist

import numpy as np

from denoiselib import _check, signals

SAMPLING_RATE = 360.0  #: default, in samples a second
WAVES = 16  #: sinusoids in the sum that is a slow random process
HARMONICS = (1.0, 0.15, 0.3)  #: amplitudes of hum at one, two, three times its frequency


def add_wander(clean, level, rng=None, *, rate=SAMPLING_RATE, highest=0.5):
    r"""Add a wandering baseline, as from breathing and electrodes: slow random sinusoids.

    Parameters
    ----------
    clean : array_like (..., length)
        Signals. The disturbed signals that are returned are float32 if these are.
    level : float or array (..., 1)
        Root mean square of what is added, in the units of the signal: mV for an electrocardiogram.
    rng : seed, numpy.random.Generator or None
        Source of randomness.
    rate : float
        Samples a second.
    highest : float
        Highest frequency of the wander in Hz, below half the rate.

    Notes
    -----
    :math:`\sum_{k=1}^{16} a_k \cos 2 \pi f_k t + b_k \sin 2 \pi f_k t` with uniform :math:`f_k` and
    normal :math:`a_k, b_k` of variance :math:`\text{level}^2 / 16`: a stationary process. In
    electrocardiograms it lies below 0.5 Hz (Sörnmo & Laguna 2005).

    Examples
    --------
    >>> wander = add_wander(np.zeros((1000, 360)), level=0.3, rng=0)
    >>> print(f"{wander.std():.2f} mV; from sample to sample {np.diff(wander).std():.4f} mV")
    0.30 mV; from sample to sample 0.0015 mV
    """
    clean, level, shape, rng, rate = _checked(clean, level, rng, rate)
    highest = _below(highest, "highest", rate / 2)
    return clean + (level * _slow(shape, highest / rate, rng)).astype(clean.dtype)


def add_hum(
    clean, level, rng=None, *, rate=SAMPLING_RATE, mains=50.0, harmonics=HARMONICS, drift=0.1
):
    r"""Add mains hum with its harmonics; amplitude and phase drift slowly.

    Parameters
    ----------
    clean, level, rng, rate
        As in `add_wander`.
    mains : float
        Frequency of the mains in Hz, below half the rate.
    harmonics : sequence of float
        Amplitudes at one, two, three ... times `mains`; those at or above half the rate are
        dropped.
    drift : float
        Standard deviation of the relative amplitude, and of the phase in cycles. Both change
        within seconds (frequencies up to 0.2 Hz).

    Notes
    -----
    :math:`A(t) \sum_h c_h \cos(2 \pi h (f t + \varphi(t)) + \varphi_h)` with
    :math:`A = 1 + \text{drift}\, u(t)`, :math:`\varphi = \text{drift}\, v(t)`, u and v slow
    processes of variance 1, :math:`\varphi_h` uniform; scaled to the level.

    Examples
    --------
    >>> hum = add_hum(np.zeros((1000, 360)), level=0.1, rng=0, mains=60)
    >>> power = (np.abs(np.fft.rfft(hum)) ** 2).mean(axis=0)
    >>> print(f"{np.sqrt(np.mean(hum**2)):.2f} mV, most at {power.argmax()} Hz")
    0.10 mV, most at 60 Hz
    """
    clean, level, shape, rng, rate = _checked(clean, level, rng, rate)
    mains = _below(mains, "mains", rate / 2)
    drift = _check.number(drift, "drift")
    heard = _check.array(harmonics, "harmonics")
    heard = heard[: int(min(np.ceil(rate / 2 / mains) - 1, len(heard)))]
    if heard.ndim != 1 or not heard.any():
        raise ValueError("harmonics must be amplitudes, one of them below half the rate not 0")
    heard = heard / np.abs(heard).max()
    amplitude, phase = (_slow(shape, min(0.2 / rate, 0.5), rng) for _ in range(2))
    cycles = mains / rate * np.arange(shape[-1]) + drift * phase
    hum = sum(
        c * np.cos(2 * np.pi * (h * cycles + rng.uniform(size=(*shape[:-1], 1))))
        for h, c in enumerate(heard, 1)
    )
    hum *= (1 + drift * amplitude) / np.sqrt((1 + drift**2) * (heard**2).sum() / 2)
    return clean + (level * hum).astype(clean.dtype)


def add_bursts(clean, level, rng=None, *, rate=SAMPLING_RATE, band=(20.0, 150.0), share=0.3):
    r"""Add bursts as from muscles: band-limited noise under a random envelope.

    Parameters
    ----------
    clean, level, rng, rate
        As in `add_wander`; the root mean square is that over a long time, pauses included.
    band : (float, float)
        Lowest and highest frequency of the noise, in Hz.
    share : float
        Fraction of time with a burst, between 0 and 1; a short signal may have none.

    Notes
    -----
    :math:`\max(u(t) - \theta, 0)\, n(t)`, u a Gaussian process of variance 1 and frequencies below
    1 Hz, :math:`\theta` its quantile that leaves the share above, n white Gaussian noise without
    the frequencies outside the band. The mean square of the envelope is
    :math:`(1 + \theta^2)\, \text{share} - \theta\, \varphi(\theta)` with the normal density
    :math:`\varphi`. Surface electromyograms have most of their power between 20 and 150 Hz
    (De Luca 2002).

    Examples
    --------
    >>> bursts = add_bursts(np.zeros((1000, 360)), level=0.1, rng=0)
    >>> print(f"{np.sqrt(np.mean(bursts**2)):.1f} mV; {(bursts == 0).mean():.1f} of the time none")
    0.1 mV; 0.7 of the time none
    """
    clean, level, shape, rng, rate = _checked(clean, level, rng, rate)
    share = _check.fraction(share, "share")
    if not 1 - share < 1:
        raise ValueError(f"share must lie between 0 and 1, not {share}")
    if _check.array(band, "band").shape != (2,):
        raise ValueError(f"band must be two frequencies, not {band}")
    low, high = (_check.number(f, "band") for f in band)
    if not low < min(high, rate / 2):
        raise ValueError(f"band must rise, and begin below half the rate, not be {band}")
    normal = NormalDist()
    above = normal.inv_cdf(1 - share)
    envelope = np.maximum(_slow(shape, min(1 / rate, 0.5), rng) - above, 0)
    envelope /= np.sqrt((1 + above**2) * share - above * normal.pdf(above))
    noise = _band_noise(shape, low / rate, high / rate, rng)
    return clean + (level * envelope * noise).astype(clean.dtype)


#: Disturbances by name, with white noise: functions ``(clean, level, rng)``.
DISTURBANCES = {
    "white": signals.add_noise,
    "wander": add_wander,
    "hum": add_hum,
    "bursts": add_bursts,
}


def _checked(clean, level, rng, rate):
    clean = _check.array(clean, "clean")
    level = _check.level(level, "level", clean, per_signal=True)
    shape = np.broadcast_shapes(clean.shape, level.shape)
    return clean, level, shape, _check.generator(rng), _check.rate(rate)


def _below(frequency, name, bound):
    frequency = _check.number(frequency, name, positive=True)
    if frequency >= bound:
        raise ValueError(f"{name} must be below half the rate, {bound:g} Hz, not {frequency:g}")
    return frequency


def _slow(shape, highest, rng):
    """Stationary processes of variance 1: sinusoids up to a frequency in cycles per sample."""
    time, total = np.arange(shape[-1]), np.zeros(shape)
    for _ in range(WAVES):  # a loop saves memory for long signals
        angle = 2 * np.pi * rng.uniform(0, highest, (*shape[:-1], 1)) * time
        a, b = rng.standard_normal((2, *shape[:-1], 1))
        total += a * np.cos(angle) + b * np.sin(angle)
    return total / np.sqrt(WAVES)


def _band_noise(shape, low, high, rng):
    """Gaussian noise of variance 1 between two frequencies, in cycles per sample.

    It is cut out of a longer periodic noise: its ends are independent, and the band holds enough
    frequencies.
    """
    length = shape[-1] + max(256, int(8 / (min(high, 0.5) - low)))
    frequency = np.fft.rfftfreq(length)
    passed = (frequency >= low) & (frequency <= high)
    twice = np.where((frequency > 0) & (frequency < 0.5), 2, 1)  # bins that stand for two
    spectrum = np.fft.rfft(rng.standard_normal((*shape[:-1], length))) * passed
    noise = np.fft.irfft(spectrum, length) / np.sqrt((twice * passed).sum() / length)
    return noise[..., : shape[-1]]
