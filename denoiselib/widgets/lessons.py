"""A panel of networks that were taught in several ways."""

import ipywidgets as ipw
import numpy as np

from denoiselib import metrics, plots
from denoiselib.nn import unsupervised
from denoiselib.signals import add_noise
from denoiselib.widgets.panel import LEVELS, SIGNALS, SignalPanel, batch, copied, limit_text

#: What each method shows a network, and compares it with: from two noisy copies and their level.
LESSONS = {
    "noise2noise": lambda pair, sigma: unsupervised.noise2noise(lambda step: pair),
    "SURE": lambda pair, sigma: unsupervised.sure(lambda step: pair, sigma),
    "recorrupted": lambda pair, sigma: unsupervised.recorrupted(lambda step: pair, sigma, 0.3),
    "noise2self": lambda pair, sigma: unsupervised.noise2self(lambda step: pair),
    "neighbor2neighbor": lambda pair, sigma: unsupervised.neighbor2neighbor(lambda step: pair),
}


class LessonsPanel(SignalPanel):
    """Look at what a method teaches from, and at the network that it has taught.

    Parameters
    ----------
    nets : dict of (str, str) to Network
        By family and method: ``"supervised"``, or a name in `LESSONS`.

    Notes
    -----
    The lower left picture is a lesson as in training: what the network sees of this signal, and
    what its output is compared with, where that counts. At test it sees the noisy signal itself.

    Examples
    --------
    >>> from denoiselib import nn
    >>> nets = {("blocks", name): nn.PlainNet(rng=0) for name in ("supervised", "SURE")}
    >>> panel = LessonsPanel(nets)
    >>> panel.method.options
    ('supervised', 'SURE')
    """

    def __init__(self, nets):
        self.nets, self.known = copied(nets), {}
        families, methods = (list(dict.fromkeys(names)) for names in zip(*nets, strict=True))
        self.method = ipw.Dropdown(options=methods, value=methods[-1], description="method")
        super().__init__([self.method], families[0], (10, 5.6), families)

    def draw(self):
        """Make the axes: the signal above; the lesson and the errors below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.28
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "One signal")
        self.left = self.figure.add_subplot(grid[1, :2])
        self.seen = self.left.plot([], [], color=plots.NOISY, label="seen")[0]
        self.target = self.left.plot([], [], ".", color=plots.OTHER, label="compared with")[0]
        self.left.set(xlim=(-1, 100), xlabel="time (samples)", ylabel="amplitude")
        self.left.set(title="The lesson", ylim=(-16, 26))
        self.left.legend(loc="upper right", fontsize=8, ncols=2)

        right = self.figure.add_subplot(grid[1, 2])
        blank = {name: np.full(len(LEVELS), np.nan) for name in ("supervised", "this method")}
        self.curves = plots.curves(
            right, LEVELS, blank, "noise sigma at test", "RMSE", "Errors", limit=np.nan
        )
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        right.set(xlim=(0.4, 6.1), ylim=(0, 4))
        right.legend(loc="upper left", fontsize=8)
        return [*moving, self.seen, self.target, *self.curves.values(), self.here]

    def errors(self, family, method):
        """Return the error at all levels, computed once; the method may be the limit."""
        key = family, method
        if key not in self.known:
            self.known[key] = []
            for sigma in LEVELS:
                clean, noisy, best = batch(family, sigma)
                estimate = best if method == "limit" else self.nets[key].denoise(noisy)
                self.known[key].append(metrics.rmse(estimate, clean).mean())
        return self.known[key]

    def lesson(self, clean, noisy, sigma):
        """Return where and what a network sees of these signals, and is compared with."""
        time = np.arange(clean.shape[-1])
        if self.method.value == "supervised":
            return time, noisy, time, clean
        pair = noisy, add_noise(clean, sigma, rng=3)
        seen, target, weight, *_ = LESSONS[self.method.value](pair, sigma).data(step=0)
        at = time if seen.shape == clean.shape else time[:-1:2]  # one of each pair
        return at, seen, at, np.where(weight > 0, target, np.nan)

    def update(self):
        """Denoise by the network that the method chosen has taught."""
        family, sigma, clean, noisy, best = self.batch()
        method, i = self.method.value, self.which.value
        estimate = self.nets[family, method].denoise(noisy)
        self.show_signal(clean, noisy, estimate)
        at_seen, seen, at_target, target = self.lesson(clean, noisy, sigma)
        self.seen.set_data(at_seen, seen[i])
        self.target.set_data(at_target, target[i])
        shown = {"supervised": "supervised", "this method": method, "Bayes limit": "limit"}
        for line, name in shown.items():
            self.curves[line].set_ydata(self.errors(family, name))
        error = metrics.rmse(estimate, clean)
        taught = metrics.rmse(self.nets[family, "supervised"].denoise(noisy), clean)
        self.here.set_data([sigma], [error.mean()])
        return {
            "this signal: RMSE": f"{error[i]:.3f}",
            f"{SIGNALS} signals: RMSE": f"{error.mean():.3f}",
            "supervised": f"{taught.mean():.3f}",
            "limit": limit_text(best, clean),
        }
