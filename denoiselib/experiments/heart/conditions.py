"""What is measured: electrocardiograms, what buries them, and how far an estimate is off."""

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from scipy import ndimage

from denoiselib import real

RATE, LENGTH = 360, 3600  #: samples a second, and in each signal: ten seconds
RECORDING = Path(__file__).parents[3] / "data" / "ecg.npz"

hum_60 = partial(real.add_hum, mains=60.0)


def add_all(clean, level, rng=None):
    """Add white noise, wander, hum of 50 Hz and bursts, each half as large as the level.

    Examples
    --------
    >>> print(f"{add_all(np.zeros((500, 1000)), 0.2, rng=0).std():.2f}")
    0.20
    """
    rng = np.random.default_rng(rng)
    for add in real.DISTURBANCES.values():
        clean = add(clean, level / 2, rng)
    return clean


#: Disturbances by name, functions ``(clean, level, rng)``; `real.add_hum` hums at 50 Hz.
NOISES = {
    "white": real.DISTURBANCES["white"],
    "wander": real.add_wander,
    "hum 50 Hz": real.add_hum,
    "hum 60 Hz": hum_60,
    "bursts": real.add_bursts,
    "all": add_all,
}
LEVELS = (0.05, 0.1, 0.2)  #: root mean squares, in mV


def baseline(signal, rate=RATE):
    """Return what an electrocardiogram wanders about.

    Parameters
    ----------
    signal : array_like (length,)
        One electrocardiogram.
    rate : float
        Samples a second.

    Returns
    -------
    ndarray (length,)
        Its median over 200 ms, of that the median over 600 ms (de Chazal and others 2004), smoothed
        by a Gaussian of 1/6 s.

    Examples
    --------
    >>> from denoiselib.real import ecg
    >>> clean = ecg(1, length=3600, rng=0)[0]
    >>> print(f"{(baseline(clean + 0.5) - 0.5).std():.2f} of {clean.std():.2f} mV")
    0.01 of 0.17 mV
    """
    for seconds in (0.2, 0.6):
        signal = ndimage.median_filter(signal, 2 * round(seconds * rate / 2) + 1, mode="nearest")
    return ndimage.gaussian_filter1d(signal, rate / 6, mode="nearest")


@lru_cache(maxsize=1)
def recording():
    """Return the recording without its baseline, which stands for a clean one, and its beats.

    Returns
    -------
    clean : ndarray (3600,)
        In mV, `data/ecg.npz`; not to be written to.
    beats : ndarray (20,) of int
        Its R waves, as `real.r_peaks` finds them in the recording as it is.

    Examples
    --------
    >>> clean, beats = recording()
    >>> print(clean.shape, len(beats), f"{clean.std():.2f} mV")
    (3600,) 20 0.33 mV
    """
    samples, _ = real.load_signal(RECORDING)
    samples = samples.astype(np.float64)
    return samples - baseline(samples), real.r_peaks(samples)


def draw(noise, level, signals, seed, purpose="test"):
    """Return signals that no training of this seed sees.

    Parameters
    ----------
    noise : str
        Name in `NOISES`.
    level : float
        Its root mean square, in mV.
    signals, seed : int
        How many synthetic ones, and which.
    purpose : {"validation", "test"}
        What for. The recording is there for a test only.

    Returns
    -------
    noisy, clean : ndarray (n, 3600)
        The recording, if it is a test, then synthetic electrocardiograms.
    beats : list of n ndarrays
        Their R waves. Another level is the same noise, scaled.

    Examples
    --------
    >>> noisy, clean, beats = draw("wander", 0.1, signals=20, seed=0)
    >>> print(noisy.shape, len(beats), f"{(noisy - clean).std():.2f} mV")
    (21, 3600) 21 0.10 mV
    """
    rng = np.random.default_rng([seed, ("validation", "test").index(purpose), 2**32 - 5])
    clean, beats = real.ecg_with_beats(signals, LENGTH, rng)
    unit = NOISES[noise](np.zeros_like(clean), 1.0, rng)
    if purpose == "test":
        known, places = recording()
        own = np.random.default_rng([seed, 2**32 - 6])  # the same beside however many signals
        added = NOISES[noise](np.zeros_like(known), 1.0, own)
        clean, beats = np.concatenate([known[None], clean]), [places, *beats]
        unit = np.concatenate([added[None], unit])
    return clean + level * unit, clean, beats


def rms_error(estimate, clean):
    """Return the root mean square error of each signal but for a constant, which says nothing.

    Electrodes add some constant voltage that is no part of an electrocardiogram.

    Examples
    --------
    >>> print(rms_error([1.0, 1.0, 3.0, 3.0], np.zeros(4)))
    1.0
    """
    return np.std(np.asarray(estimate) - clean, axis=-1)


def scores(estimate, noisy, clean, beats):
    """Return how far estimates are off, in sum and in what a physician looks at.

    Parameters
    ----------
    estimate, noisy, clean : ndarray (n, length)
        Signals in mV.
    beats : list of n arrays
        R waves of the clean ones, in samples.

    Returns
    -------
    dict of str to float
        ``error``, the mean of `rms_error` in uV; ``gain``, the mean over signals of how much that
        is less than before, in dB; ``timing``, the mean distance of R waves found from true ones,
        in ms, those within 50 ms; ``wrong``, beats that are missed or not there, of 100;
        ``flattened``, how much too low QRS complexes are on average, and ``height``, how much they
        are off in either direction, in percent.

    Examples
    --------
    >>> noisy, clean, beats = draw("white", 0.1, signals=20, seed=0)
    >>> found = scores(clean + (noisy - clean) / 10, noisy, clean, beats)
    >>> print(f"{found['error']:.0f} uV, {found['gain']:.1f} dB, {found['timing']:.1f} ms")
    10 uV, 20.0 dB, 0.8 ms
    """
    before, after = rms_error(noisy, clean), rms_error(estimate, clean)
    pairs = [
        real.r_peak_timing_error(real.r_peaks(signal), true)
        for signal, true in zip(estimate, beats, strict=True)
    ]
    heights = np.concatenate(list(map(real.qrs_amplitude_error, estimate, clean, beats)))
    errors = np.abs(np.concatenate([pair.errors for pair in pairs]))
    wrong = sum(pair.missed + pair.extra for pair in pairs)
    with np.errstate(divide="ignore"):  # an exact estimate gains infinitely much
        gain = 20 * np.log10(before / after)
    return {
        "error": 1000 * float(after.mean()),
        "gain": float(gain.mean()),
        "timing": float(errors.mean()) if errors.size else np.nan,
        "wrong": 100 * wrong / sum(map(len, beats)),
        "flattened": -100 * float(heights.mean()),
        "height": 100 * float(np.abs(heights).mean()),
    }
