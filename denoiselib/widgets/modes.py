"""A panel of batch norm's modes."""

import ipywidgets as ipw
import numpy as np

from denoiselib import metrics, plots
from denoiselib.interpret import features, find_layers
from denoiselib.widgets.panel import LEVELS, SIGNALS, SignalPanel, batch, copied, limit_text

#: Where a network takes its statistics from in these modes.
WAYS = {"fixed": "running", "unfixed": "batch", "alone": "signal"}

#: How batch norm finds its mean and variance.
MODES = {
    "fixed": "fixed: running statistics",
    "unfixed": "unfixed: of the batch",
    "alone": "unfixed: of each signal",
    "none": "no batch norm",
}


class ModesPanel(SignalPanel):
    """Train at one noise level, test at another, with batch norm in each of its modes.

    Parameters
    ----------
    nets : dict of float to nn.PlainNet
        By the noise level of their training.

    Notes
    -----
    ``unfixed: of the batch`` takes mean and variance from the panel's 32 signals together,
    ``unfixed: of each signal`` from each by itself.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = ModesPanel({3.0: nn.PlainNet(width=4, depth=3, rng=0)})
    >>> panel.mode.value = "alone"
    >>> len(panel.errors("sparse_spikes")["fixed"])
    12
    """

    def __init__(self, nets):
        self.known = {}
        self.nets = {mode: copied(nets, way) for mode, way in WAYS.items()}
        usual = 3.0 if 3.0 in nets else next(iter(nets))
        self.trained = ipw.SelectionSlider(
            options=[(f"{sigma:g}", sigma) for sigma in sorted(nets)],
            value=usual,
            description="trained at",
        )
        self.mode = ipw.Dropdown(
            options=[(MODES[name], name) for name in WAYS],
            value="fixed",
            description="batch norm",
        )
        normed = [name for name, layer in find_layers(nets[usual]).items() if layer.norm]
        self.layer = ipw.Dropdown(options=normed, description="features of")
        super().__init__([self.trained, self.mode, self.layer], "sparse_spikes", (10, 5.6))
        self.sigma.description = "tested at"

    def draw(self):
        """Make the axes: the signal above; features and errors below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.28
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "One signal")
        left = self.figure.add_subplot(grid[1, 0])
        self.edges = np.linspace(-8, 8, 81)
        blank = np.full(80, np.nan)
        self.before, self.after = (
            left.stairs(blank, self.edges, baseline=None, color=color, linewidth=1.6, label=label)
            for color, label in ((plots.OTHER, "before batch norm"), (plots.ESTIMATE, "after"))
        )
        left.set(xlim=(-8, 8), ylim=(0, 1.35), yticks=(0, 0.5, 1), xlabel="value of a feature")
        left.set(ylabel="histogram, peak at 1", title="Features of the layer")
        left.legend(loc="upper left", fontsize=8)

        right = self.figure.add_subplot(grid[1, 1:])
        blank = {MODES[name]: np.full(len(LEVELS), np.nan) for name in WAYS}
        title = f"Error against the noise level at test, {SIGNALS} signals"
        self.curves = plots.curves(
            right, LEVELS, blank, "noise sigma at test", "RMSE", title, limit=np.nan
        )
        self.home = right.plot([], [], ":", color=plots.NOISY, label="trained here")[0]
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        right.set(xlim=(0.4, 6.1), ylim=(0, 4))
        right.legend(loc="upper left", fontsize=8, ncols=2)
        moved = [self.before, self.after, *self.curves.values(), self.home, self.here]
        return [*moving, *moved]

    def chosen(self, mode):
        """Return the network chosen, in a mode."""
        return self.nets[mode][self.trained.value]

    def features(self, noisy, mode):
        """Return the features before and after batch norm at the layer chosen."""
        seen = features(self.chosen(mode), noisy)[self.layer.value]
        return seen.before, seen.normal

    def errors(self, family):
        """Return the error in all modes and at all levels, computed once."""
        key = family, self.trained.value
        if key not in self.known:
            batches = [batch(family, sigma) for sigma in LEVELS]
            self.known[key] = {
                mode: [metrics.rmse(self.chosen(mode).denoise(y), x).mean() for x, y, _ in batches]
                for mode in WAYS
            }
            self.known[key]["limit"] = [
                np.nan if best is None else metrics.rmse(best, x).mean() for x, _, best in batches
            ]
        return self.known[key]

    def update(self):
        """Denoise in the mode chosen."""
        family, sigma, clean, noisy, best = self.batch()
        mode, i = self.mode.value, self.which.value
        estimate = self.chosen(mode).denoise(noisy)
        error = metrics.rmse(estimate, clean)
        self.show_signal(clean, noisy, estimate)
        before, after = self.features(noisy, mode)
        for stairs, values in ((self.before, before), (self.after, after)):
            count = np.histogram(values, self.edges)[0]
            stairs.set_data(count / max(count.max(), 1))
        for name, errors in self.errors(family).items():
            line = self.curves["Bayes limit" if name == "limit" else MODES[name]]
            line.set_ydata(errors)
            line.set_linewidth(2.4 if name == mode else 1.2)
        self.home.set_data([self.trained.value] * 2, [0, 4])
        self.here.set_data([sigma], [error.mean()])
        return {
            "this signal: RMSE": f"{error[i]:.3f}",
            f"{SIGNALS} signals: RMSE": f"{error.mean():.3f}",
            "limit": limit_text(best, clean),
            "deviation before": f"{before.std():.2f}",
            "after": f"{after.std():.2f}",
        }
