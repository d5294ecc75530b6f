"""Real signals: files, disturbances, synthetic electrocardiograms, and how to judge an estimate.

`load_signal` and `save_signal` read and write four kinds of files; `denoise_own` brings a signal of
any unit and rate to a network that was taught others. `DISTURBANCES` add realistic noise, `ecg`
draws training signals, and `r_peaks` with its two errors measures whether a denoised
electrocardiogram is still of use. `filters.tuning.mad_sigma` with ``difference=True`` estimates the
level of white noise on a slow signal.
"""

from denoiselib.real.beats import Timing, qrs_amplitude_error, r_peak_timing_error, r_peaks
from denoiselib.real.disturbances import DISTURBANCES, add_bursts, add_hum, add_wander
from denoiselib.real.files import example, load_signal, save_signal
from denoiselib.real.own import Taught, UntaughtWarning, denoise_own, resample
from denoiselib.real.synthetic import ecg, ecg_with_beats

__all__ = [
    "DISTURBANCES",
    "Taught",
    "Timing",
    "UntaughtWarning",
    "add_bursts",
    "add_hum",
    "add_wander",
    "denoise_own",
    "ecg",
    "ecg_with_beats",
    "example",
    "load_signal",
    "qrs_amplitude_error",
    "r_peak_timing_error",
    "r_peaks",
    "resample",
    "save_signal",
]
