"""Real signals: files, what disturbs them, electrocardiograms, and what matters in those.

`load_signal` and `save_signal` know four kinds of files. `DISTURBANCES` bury a signal as the world
does, `ecg` draws signals to be trained on, and `r_peaks` with its two errors says whether a
denoised one is still of use. How noisy a signal is, `filters.tuning.mad_sigma` estimates with
``difference=True``, as long as the noise is white and the signal slow.
"""

from denoiselib.real.beats import Timing, qrs_amplitude_error, r_peak_timing_error, r_peaks
from denoiselib.real.disturbances import DISTURBANCES, add_bursts, add_hum, add_wander
from denoiselib.real.files import load_signal, save_signal
from denoiselib.real.heart import ecg, ecg_with_beats

__all__ = [
    "DISTURBANCES",
    "Timing",
    "add_bursts",
    "add_hum",
    "add_wander",
    "ecg",
    "ecg_with_beats",
    "load_signal",
    "qrs_amplitude_error",
    "r_peak_timing_error",
    "r_peaks",
    "save_signal",
]
