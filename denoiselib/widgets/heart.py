"""A panel of electrocardiograms: what a physician would see of a denoised one."""

from functools import lru_cache

import ipywidgets as ipw
import numpy as np

from denoiselib import _check, real
from denoiselib.experiments import heart
from denoiselib.filters import tuning
from denoiselib.widgets import views
from denoiselib.widgets.panel import Panel, copied, menu, slider

SECONDS = 4.0  #: shown at once
HEIGHT = (-1.3, 2.5)  #: of the paper, in mV
FINE, COARSE = (0.04, 0.1), (0.2, 0.5)  #: seconds and mV of the squares: 1 mm and 5 mm of paper

#: The filters of the menu, and the value of their parameter to start with.
STARTS = {
    "Wiener": 17,
    "total variation": 0.2,
    "soft threshold, DFT": 0.093,
    "GMC, DFT": 0.2,
    "GMC, wavelets": 0.294,
    "low-pass": 30,
    "high-pass": 0.7,
    "band-pass from 0.5 Hz": 30,
    "notch 50 Hz": 2.0,
    "notch 60 Hz": 2.0,
    "notch 50 Hz, band-pass": 40,
}
UNITS = {"lambda": "lambda (mV)", "cutoff": "cutoff (Hz)", "width": "width (Hz)"}


@lru_cache(maxsize=32)
def buried(target, noise):
    """Return a clean signal of `heart.TARGETS`, noise of level 1, and the beats of the signal."""
    noisy, clean, beats = heart.draw(noise, 1.0, signals=1, seed=0)
    k = list(heart.TARGETS).index(target)
    return _check.read_only(clean[k], noisy[k] - clean[k], beats[k])


class Paper(views.Lines):
    """Lines on the paper of an electrocardiograph: fine squares and coarse ones."""

    def artists(self, ax):
        """Draw the paper, and empty lines."""
        for (across, up), color in ((FINE, "#fae6e6"), (COARSE, "#efc4c4")):
            times = np.arange(0, SECONDS + across / 2, across)
            heights = np.arange(np.ceil(HEIGHT[0] / up), HEIGHT[1] / up) * up
            look = {"color": color, "linewidth": 0.7, "snap": True, "capstyle": "projecting"}
            ax.vlines(times, *HEIGHT, **look)
            ax.hlines(heights, 0, SECONDS, **look)
        ax.grid(visible=False)
        return super().artists(ax)


class HeartPanel(Panel):
    """Bury an electrocardiogram, denoise it, and look for what a physician would.

    Parameters
    ----------
    nets : dict of str to Network
        By their names in the menu, after the filters.
    method : str
        What to start with, a name in `STARTS` or `nets`.

    Notes
    -----
    The paper is that of an electrocardiograph: fine squares are 0.04 s and 0.1 mV, coarse ones
    0.2 s and 0.5 mV. All numbers are of the whole ten seconds: the gain in dB (but for a constant),
    the mean distance of R waves found (`real.r_peaks`) from true ones, beats that are missed or not
    there, and the error of the height of QRS complexes, in mean magnitude and with its sign.

    Examples
    --------
    >>> panel = HeartPanel({})
    >>> panel.set(method="low-pass", value=12)
    >>> print(panel.shown["QRS off by"])
    49.1 % (-49.1 %)
    """

    def __init__(self, nets, method="Wiener"):
        self.nets = copied(nets)
        controls = {
            "target": menu("signal", heart.TARGETS),
            "noise": menu("noise", heart.NOISES),
            "level": slider("level (mV)", 0.1, 0.02, 0.4, 0.01),
            "method": menu("method", [*STARTS, *nets], method),
            "value": ipw.SelectionSlider(options=[0], description="lambda"),
            "start": slider("from (s)", 5.6, 0.0, 10 - SECONDS, 0.2),
        }
        noisy = views.GREY | {"linewidth": 0.8, "antialiased": False}
        looks = {
            "noisy": noisy,
            "clean": views.BLACK | {"linewidth": 1},
            "estimate": views.BLUE | {"linewidth": 1.6},
            "beat": views.BLACK | {"linestyle": "", "marker": "|", "markersize": 12},
            "R wave found": views.ORANGE | {"linestyle": "", "marker": "v"},
        }
        shown = {
            "paper": Paper(
                "", looks, ("", 0, SECONDS), ("voltage (mV)", *HEIGHT),
                legend=views.ABOVE | {"ncols": 5}, xticklabels=[],
                note={"x": 0, "y": 1.02, "weight": "bold", "fontsize": 11},
            ),
            "error": views.Lines(
                "", {"noise": noisy, "error": views.BLUE},
                ("time from there on (s)", 0, SECONDS), ("error (mV)", -0.5, 0.5),
                legend=views.ABOVE | {"ncols": 2},
            ),
        }  # fmt: skip
        room = {"left": 0.075, "bottom": 0.1, "hspace": 0.3, "height_ratios": (5, 2)}
        used = {"value": lambda v: v.method in STARTS}
        follow = {"value": lambda v: values_of(v.method) if v.method in STARTS else {}}
        super().__init__(controls, shown, "paper; error", (9, 4.6), used, follow, **room)

    def compute(self, target, noise, level, method, value, start):
        """Denoise, look for beats, and draw the seconds chosen."""
        clean, unit, beats = buried(target, noise)
        noisy = clean + level * unit
        if method in self.nets:
            estimate = self.nets[method].denoise(noisy)
        else:
            sigma = tuning.mad_sigma(noisy, difference=True)
            estimate = heart.ECG_FILTERS[method].denoise(noisy, sigma, value)
        found, error = real.r_peaks(estimate), estimate - clean
        time = np.arange(len(clean)) / heart.SAMPLING_RATE - start
        timing = real.r_peak_timing_error(found, beats)
        height = 100 * real.qrs_amplitude_error(estimate, clean, beats)
        before, after = heart.rms_error(noisy, clean), heart.rms_error(estimate, clean)
        off = f"{np.abs(timing.errors).mean():.1f} ms" if len(timing.errors) else "none found"
        return {
            "paper": {
                "noisy": (time, noisy),
                "clean": (time, clean),
                "estimate": (time, estimate),
                "beat": (beats / heart.SAMPLING_RATE - start, np.full(len(beats), HEIGHT[0] + 0.2)),
                "R wave found": (time[found], np.minimum(estimate[found] + 0.2, 2.4)),
                "note": f"From {start:.1f} s on",
            },
            "error": {"noise": (time, noisy - clean), "error": (time, error - error.mean())},
            "numbers": {
                "gain": f"{20 * np.log10(before / after):.2f} dB",
                "R waves off by": off,
                "missed": f"{timing.missed} of {len(beats)}",
                "extra": str(timing.extra),
                "QRS off by": f"{np.abs(height).mean():.1f} % ({height.mean():+.1f} %)",
            },
        }


def values_of(method):
    """Return what the slider of a filter's parameter offers, and where it starts."""
    filter = heart.ECG_FILTERS[method]
    return {
        "options": tuple((f"{value:g}", value) for value in filter.grid.tolist()),
        "value": STARTS[method],
        "description": UNITS.get(filter.parameter, filter.parameter),
        "tooltip": f"{filter.parameter} of {method}",
    }
