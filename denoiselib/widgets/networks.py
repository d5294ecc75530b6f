"""A panel of trained networks."""

import ipywidgets as ipw
import numpy as np

from denoiselib import metrics, plots
from denoiselib.interpret import shrinkage_curve
from denoiselib.widgets.classical import EDGES, METHODS, tuned
from denoiselib.widgets.panel import LEVELS, SIGNALS, SignalPanel, batch, limit_text

#: Filters to stand beside networks: their labels and names.
FILTERS = {"soft threshold (SURE)": "soft", "Wiener (SURE)": "wiener"}


class NetworkPanel(SignalPanel):
    """Let trained networks meet signals and noise that they may not know.

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Notes
    -----
    Beside the networks stand two filters tuned by SURE at each noise level, and the Bayes limit.
    All errors are those of the same signals.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = NetworkPanel({"untrained": nn.PlainNet(rng=0)})
    >>> panel.sigma.value = 1.0
    >>> print(str(panel).split(", ")[-1])
    limit 0.517
    """

    def __init__(self, nets, family="sparse_spikes"):
        self.nets, self.known = nets, {}
        self.net = ipw.Dropdown(options=list(nets), description="network")
        super().__init__([self.net], family, figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above; shrinkage curve and errors below."""
        grid = self.figure.add_gridspec(
            2, 2, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.16
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "One signal")
        left = self.figure.add_subplot(grid[1, 0])
        left.plot(EDGES, EDGES, ":", color=plots.NOISY)
        self.best = left.plot([], [], "--", color=plots.LIMIT, label="Bayes")[0]
        self.curve = left.plot([], [], color=plots.ESTIMATE, label="network")[0]
        left.set(xlim=(-10, 20), ylim=(-8, 16), xlabel="noisy sample y", ylabel="mean estimate")
        left.set_title("What becomes of a sample, on average")
        left.legend(loc="upper left")

        right = self.figure.add_subplot(grid[1, 1])
        blank = {name: np.full(len(LEVELS), np.nan) for name in [*self.nets, *FILTERS]}
        title = f"Error against the noise level, {SIGNALS} signals"
        self.curves = plots.curves(right, LEVELS, blank, "noise sigma", "RMSE", title, limit=np.nan)
        for name, style in zip(FILTERS, ("-.", ":"), strict=True):
            self.curves[name].set(linestyle=style, color="0.4")
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        right.set(xlim=(0.4, 6.1), ylim=(0, 5))
        right.legend(loc="upper left", fontsize=8, ncols=2)
        return [*moving, self.best, self.curve, *self.curves.values(), self.here]

    def compare(self, family):
        """Return the error of everything at all levels, computed once for a family."""
        if family not in self.known:
            errors = {name: [] for name in self.curves}
            for sigma in LEVELS:
                clean, noisy, best = batch(family, sigma)
                estimates = {name: net.denoise(noisy) for name, net in self.nets.items()}
                for name, method in FILTERS.items():
                    value = tuned(family, sigma, method, labels=False).value
                    estimates[name] = METHODS[method].denoise(noisy, sigma, value)
                estimates["Bayes limit"] = best
                for name, x in estimates.items():
                    errors[name].append(np.nan if x is None else metrics.rmse(x, clean).mean())
            self.known[family] = errors
        return self.known[family]

    def update(self):
        """Denoise with the network chosen."""
        family, _, clean, noisy, best = self.batch()
        name, i = self.net.value, self.which.value
        estimate = self.nets[name].denoise(noisy)
        error = metrics.rmse(estimate, clean)
        self.show_signal(clean, noisy, estimate)
        for line, values in ((self.curve, estimate), (self.best, best)):
            line.set_data(
                *(shrinkage_curve(noisy, values, EDGES)[:2] if values is not None else ([], []))
            )
        for other, errors in self.compare(family).items():
            self.curves[other].set_ydata(errors)
            self.curves[other].set_linewidth(2.4 if other == name else 1.2)
        self.here.set_data([self.sigma.value], [error.mean()])
        return {
            "this signal: RMSE": f"{error[i]:.3f}",
            f"{SIGNALS} signals: RMSE": f"{error.mean():.3f}",
            "limit": limit_text(best, clean),
        }
