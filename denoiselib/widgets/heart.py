"""A panel of electrocardiograms: what a physician would see of a denoised one."""

from functools import lru_cache

import ipywidgets as ipw
import numpy as np

from denoiselib import plots, real
from denoiselib.experiments import heart
from denoiselib.filters import tuning
from denoiselib.widgets.panel import Panel, copied, read_only, slider

SECONDS = 4.0  #: shown at once
HEIGHT = (-1.3, 2.5)  #: of the paper, in mV
FINE, COARSE = (0.04, 0.1), (0.2, 0.5)  #: seconds and mV of the squares: 1 mm and 5 mm of paper

#: The filters that answer fast enough, and the value of their parameter to start with.
STARTS = {
    "Wiener": 17,
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
UNITS = {
    "lambda": "lambda (mV)",
    "window": "window",
    "cutoff": "cutoff (Hz)",
    "width": "width (Hz)",
}


@lru_cache(maxsize=32)
def buried(target, noise):
    """Return a clean signal, its beats, and noise of level 1 to be scaled.

    Parameters
    ----------
    target : {"recording", "synthetic"}
        Which signal.
    noise : str
        Name in `heart.NOISES`.

    Returns
    -------
    clean, noise : ndarray (3600,)
    beats : ndarray (beats,)

    Examples
    --------
    >>> clean, unit, beats = buried("recording", "white")
    >>> print(clean.shape, len(beats), f"{unit.std():.1f}")
    (3600,) 20 1.0
    """
    noisy, clean, beats = heart.draw(noise, 1.0, signals=1, seed=0)
    k = list(heart.TARGETS).index(target)
    return read_only(clean[k], noisy[k] - clean[k], beats[k])


def _strokes(places, ends):
    """Return parallel lines as one, with gaps: where they are, and from where to where they go."""
    gap = np.full(len(places), np.nan)
    along = np.tile([*ends, np.nan], len(places))
    return np.stack([places, places, gap], axis=1).ravel(), along


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
    >>> panel.method.value = "low-pass"
    >>> panel.value.value = 12
    >>> print(panel.shown["QRS off by"])
    49.1 % (-49.1 %)
    """

    def __init__(self, nets, method="Wiener"):
        self.nets, self.filled = copied(nets), None
        self.target = ipw.Dropdown(options=list(heart.TARGETS), description="signal")
        self.noise = ipw.Dropdown(options=list(heart.NOISES), description="noise")
        self.level = slider("level (mV)", 0.1, 0.02, 0.4, 0.01)
        self.method = ipw.Dropdown(
            options=[*STARTS, *self.nets], value=method, description="method"
        )
        self.value = ipw.SelectionSlider(options=[0], description="lambda")
        self.start = slider("from (s)", 5.6, 0.0, 10 - SECONDS, 0.2)
        self.fill()
        controls = [self.target, self.noise, self.level, self.method, self.value, self.start]
        super().__init__(controls, figsize=(9, 4.6))

    def draw(self):
        """Make the axes: the paper above, the errors below."""
        grid = self.figure.add_gridspec(
            2, 1, left=0.075, right=0.985, top=0.94, bottom=0.1, hspace=0.3, height_ratios=(5, 2)
        )
        self.paper, self.below = (self.figure.add_subplot(cell) for cell in grid)
        for (across, up), color in ((FINE, "#fae6e6"), (COARSE, "#efc4c4")):
            times = np.arange(0, SECONDS + across / 2, across)
            heights = np.arange(np.ceil(HEIGHT[0] / up), HEIGHT[1] / up) * up
            look = {"color": color, "linewidth": 0.7, "snap": True}
            self.paper.plot(*_strokes(times, HEIGHT), **look)
            self.paper.plot(*_strokes(heights, (0, SECONDS))[::-1], **look)
        self.paper.grid(visible=False)
        self.paper.set(xlim=(0, SECONDS), ylim=HEIGHT, ylabel="voltage (mV)")
        self.paper.tick_params(labelbottom=False)  # the seconds below
        self.title = self.paper.text(
            0, 1.02, "", transform=self.paper.transAxes, weight="bold", fontsize=11
        )
        looks = {
            "noisy": {"color": plots.NOISY, "linewidth": 0.8, "antialiased": False},
            "clean": {"color": plots.CLEAN, "linewidth": 1},
            "estimate": {"color": plots.ESTIMATE, "linewidth": 1.6},
            "true": {"color": plots.CLEAN, "linestyle": "", "marker": "|", "markersize": 12},
            "found": {"color": plots.OTHER, "linestyle": "", "marker": "v"},
        }
        self.lines = {k: self.paper.plot([], [], label=k, **look)[0] for k, look in looks.items()}
        for name, label in ("true", "beat"), ("found", "R wave found"):
            self.lines[name].set_label(label)
        self.paper.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, borderaxespad=0)
        self.before = self.below.plot([], [], label="noise", **looks["noisy"])[0]
        self.after = self.below.plot([], [], color=plots.ESTIMATE, label="error")[0]
        self.below.set(xlim=(0, SECONDS), ylim=(-0.5, 0.5), ylabel="error (mV)")
        self.below.set_xlabel("time from there on (s)")
        self.below.legend(loc="upper right", ncols=2, fontsize=8)
        return [*self.lines.values(), self.before, self.after, self.title]

    def fill(self):
        """Give the slider the values of the filter that is chosen."""
        name = self.method.value
        self.value.layout.display = "none" if name in self.nets else None
        if name in STARTS and name != self.filled:
            method, self.filled = heart.FILTERS[name], name
            self.value.options = [(f"{x:g}", x) for x in method.grid.tolist()]
            self.value.value, self.value.description = STARTS[name], UNITS[method.parameter]

    def denoise(self, noisy):
        """Return the estimate from a signal ``(3600,)``."""
        name = self.method.value
        if name in self.nets:
            return self.nets[name].denoise(noisy)
        level = tuning.mad_sigma(noisy, difference=True)
        return heart.FILTERS[name].denoise(noisy, level, self.value.value)

    def update(self):
        """Denoise, look for beats, and draw the seconds chosen."""
        self.fill()
        clean, unit, beats = buried(self.target.value, self.noise.value)
        noisy = clean + round(self.level.value, 2) * unit
        estimate = self.denoise(noisy)
        found, start = real.r_peaks(estimate), round(self.start.value, 1)
        time, error = np.arange(len(clean)) / heart.RATE - start, estimate - clean
        for name, signal in (("noisy", noisy), ("clean", clean), ("estimate", estimate)):
            self.lines[name].set_data(time, signal)
        at = beats / heart.RATE - start
        self.lines["true"].set_data(at, np.full(len(beats), HEIGHT[0] + 0.2))
        self.lines["found"].set_data(time[found], np.minimum(estimate[found] + 0.2, 2.4))
        self.before.set_data(time, noisy - clean)
        self.after.set_data(time, error - error.mean())
        self.title.set_text(f"From {start:.1f} s on")
        timing = real.r_peak_timing_error(found, beats)
        height = 100 * real.qrs_amplitude_error(estimate, clean, beats)
        before, after = heart.rms_error(noisy, clean), heart.rms_error(estimate, clean)
        off = f"{np.abs(timing.errors).mean():.1f} ms" if len(timing.errors) else "none found"
        return {
            "gain": f"{20 * np.log10(before / after):.2f} dB",
            "R waves off by": off,
            "missed": f"{timing.missed} of {len(beats)}",
            "extra": str(timing.extra),
            "QRS off by": f"{np.abs(height).mean():.1f} % ({height.mean():+.1f} %)",
        }
