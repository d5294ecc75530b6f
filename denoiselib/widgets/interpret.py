"""Panels that read a network: its layers, its filters, and what becomes of a sample."""

import ipywidgets as ipw
import numpy as np
from matplotlib.collections import LineCollection

from denoiselib import interpret, metrics, plots
from denoiselib.widgets.classical import METHODS, tuned
from denoiselib.widgets.panel import SIGNALS, SignalPanel, copied, limit_text, slider

GRID = {"left": 0.085, "right": 0.985, "top": 0.93, "bottom": 0.12, "hspace": 0.6, "wspace": 0.28}
EDGES = np.linspace(-10, 20, 121)  #: bins of the shrinkage curves, narrow: their width is no spread


class FeaturePanel(SignalPanel):
    """Look at one channel of one layer: its kernel, its response, its features in both modes.

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Notes
    -----
    In *unfixed* mode the batch are all signals of the panel. The features before batch norm are
    those of the fixed mode.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = FeaturePanel({"untrained": nn.PlainNet(rng=0).eval()})
    >>> panel.layer.value = "layer 2"
    >>> panel.shown["reads"]
    '16 channels'
    """

    def __init__(self, nets, family="sparse_spikes"):
        self.nets = {mode: copied(nets, mode) for mode in ("running", "batch")}
        self.net = ipw.Dropdown(options=list(nets), description="network")
        self.layer = ipw.Dropdown(
            options=list(interpret.find_layers(nets[self.net.value])), description="layer"
        )
        self.channel = slider("channel", 0, 0, 15, 1, ipw.IntSlider)
        super().__init__([self.net, self.layer, self.channel], family, figsize=(8, 4.2))

    def draw(self):
        """Make the axes: signal and features above; kernel, response and histograms below."""
        grid = self.figure.add_gridspec(2, 3, **GRID)
        top = self.figure.add_subplot(grid[0, :])
        moving = self.draw_signal(top, "Behind the ReLU")
        self.signal_lines["estimate"].set_label("4 x features, fixed")
        self.unfixed = top.plot(
            [], [], color=plots.OTHER, drawstyle="steps-mid", label="4 x features, unfixed"
        )[0]
        top.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0)

        left = self.figure.add_subplot(grid[1, 0])
        self.kernel = left.imshow(np.zeros((1, 3)), cmap="RdBu_r", aspect="auto",
                                  extent=(0, 1, 1, 0), interpolation="nearest")  # fmt: skip
        left.set(xticks=[], yticks=[], xlabel="taps", ylabel="channels it reads")
        left.set_title("Kernel: red +, blue -")

        middle = self.figure.add_subplot(grid[1, 1])
        self.others = LineCollection([], colors=plots.NOISY, linewidths=0.6)
        middle.add_collection(self.others)
        self.response = middle.plot([], [], color=plots.ESTIMATE)[0]
        middle.set(xlim=(0, 0.5), ylim=(0, 1.05), xlabel="frequency (cycles per sample)")
        middle.set(ylabel="|K(f)| / peak", title="Response (blue: strongest)")

        right = self.figure.add_subplot(grid[1, 2])
        self.edges = np.linspace(-12, 12, 49)
        right.axvspan(-12, 0, color=plots.NOISY, alpha=0.25, linewidth=0)
        blank = np.full(len(self.edges) - 1, np.nan)
        looks = {"before": plots.CLEAN, "fixed": plots.ESTIMATE, "unfixed": plots.OTHER}
        self.stairs = {
            name: right.stairs(blank, self.edges, baseline=None, color=color, label=name)
            for name, color in looks.items()
        }
        right.set(xlim=(-12, 12), ylim=(0, 1.5), xlabel="value of a feature", yticks=(0, 0.5, 1))
        right.set(ylabel="histogram", title="Features, peak at 1")
        above = {"ncols": 3, "handlelength": 1, "columnspacing": 1, "borderaxespad": 0}
        right.legend(loc="upper center", fontsize=8, **above)
        return [
            *moving, self.unfixed, self.kernel, self.others, self.response, *self.stairs.values()
        ]  # fmt: skip

    def update(self):
        """Pass the signals through the network, in both modes."""
        net = self.nets["running"][self.net.value]
        layers = interpret.find_layers(net)
        if tuple(layers) != self.layer.options:
            self.layer.options = tuple(layers)
        name = self.layer.value
        kernels = layers[name].conv.weight.data
        self.channel.max = len(kernels) - 1
        k = self.channel.value
        _, _, clean, noisy, _ = self.batch()
        fixed, unfixed = (
            interpret.features(self.nets[mode][self.net.value], noisy)[name]
            for mode in ("running", "batch")
        )

        i, length = self.which.value, fixed.output.shape[-1]
        self.show_signal(clean, noisy, clean)
        times = (np.arange(length) + 0.5) * noisy.shape[-1] / length - 0.5
        for line, seen in ((self.signal_lines["estimate"], fixed), (self.unfixed, unfixed)):
            line.set_data(times, 4 * seen.output[i, k])
        self.kernel.set_data(kernels[k])
        largest = np.abs(kernels[k]).max()
        self.kernel.set_clim(-largest, largest)
        frequencies, response = interpret.frequency_response(kernels[k])
        response = np.abs(response) / (np.abs(response).max() or 1)
        self.others.set_segments([np.column_stack([frequencies, row]) for row in response])
        self.response.set_data(frequencies, response[np.linalg.norm(kernels[k], axis=1).argmax()])
        arrays = {"before": fixed.before, "fixed": fixed.normal, "unfixed": unfixed.normal}
        for which, array in arrays.items():
            count = np.histogram(array[:, k], self.edges)[0]
            self.stairs[which].set_data(count / max(count.max(), 1))
        count = len(kernels[k])
        return {
            "reads": f"{count} channel{'s' if count > 1 else ''}",
            "deviation before": f"{fixed.before[:, k].std():.2f}",
            "after, fixed": f"{fixed.normal[:, k].std():.2f}",
            "after, unfixed": f"{unfixed.normal[:, k].std():.2f}",
            "made 0, fixed": f"{100 * np.mean(fixed.output[:, k] == 0):.1f} %",
            "unfixed": f"{100 * np.mean(unfixed.output[:, k] == 0):.1f} %",
        }


class EffectiveFilterPanel(SignalPanel):
    """Move along a signal and see the filter that a network applies at each sample.

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu; with running statistics.
    family : str
        What to start with, a name in `signals.FAMILIES`.
    sample : int
        Where to start.

    Notes
    -----
    The filter is row i of J, where the network is J y + b (`interpret.linearise`).

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = EffectiveFilterPanel({"untrained": nn.PlainNet(rng=0).eval()})
    >>> panel.sample.value = 20
    >>> len(panel.filter.get_ydata())
    100
    """

    def __init__(self, nets, family="sparse_spikes", sample=50):
        self.nets = nets
        self.net = ipw.Dropdown(options=list(nets), description="network")
        self.sample = slider("sample", sample, 0, 99, 1, ipw.IntSlider)
        super().__init__([self.net, self.sample], family, figsize=(8, 3.8))

    def draw(self):
        """Make the axes: the signal above, the filter at the sample chosen below."""
        grid = self.figure.add_gridspec(2, 1, **GRID)
        top, bottom = (self.figure.add_subplot(grid[k]) for k in range(2))
        moving = self.draw_signal(top, "The estimate, and the sample chosen")
        self.here = [
            ax.axvline(0, color=plots.OTHER, alpha=0.35, linewidth=3) for ax in (top, bottom)
        ]
        self.filter = bottom.plot([], [], color=plots.ESTIMATE, drawstyle="steps-mid")[0]
        bottom.set(xlim=(-1, 100), xlabel="time (samples)", ylabel="weight")
        self.weights = bottom
        bottom.set_title("The filter that the network applies there: row i of J")
        return [*moving, *self.here, self.filter]

    def update(self):
        """Differentiate the estimate at the sample chosen."""
        net, i = self.nets[self.net.value], self.sample.value
        _, _, clean, noisy, _ = self.batch()
        y = noisy[self.which.value]
        estimate = net.denoise(y)
        row = interpret.jacobian(net, y, rows=[i])[0].astype(float)
        self.show_signal(clean, noisy, np.broadcast_to(estimate, clean.shape))
        for line in self.here:
            line.set_xdata([i, i])
        self.filter.set_data(np.arange(len(row)), row)
        low, high = (-0.12, 0.32) if self.family.value == "blocks" else (-0.65, 1.35)
        if self.weights.get_ylim() != (low, high):
            self.weights.set_ylim(low, high)
            self.background = None
        power = (row**2).sum()
        reach = np.sqrt((row**2 * (np.arange(len(row)) - i) ** 2).sum() / (power or 1))
        return {
            "noisy": f"{y[i]:.2f}",
            "estimate": f"{estimate[i]:.2f}",
            "J y": f"{row @ y:.2f}",
            "b": f"{estimate[i] - row @ y:.2f}",
            "own weight": f"{row[i]:.3f}",
            "sum of weights": f"{row.sum():.3f}",
            "reach": f"{reach:.2f} samples",
        }


class ShrinkagePanel(SignalPanel):
    """Compare what a network or a filter makes of a sample with what the Bayes estimate makes.

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu, where filters tuned by SURE follow.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Notes
    -----
    "Bayes" and "limit" are those of the joint rule, which uses all samples of a signal.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = ShrinkagePanel({"untrained": nn.PlainNet(rng=0).eval()})
    >>> panel.denoiser.value = "soft threshold"
    >>> panel.sigma.value = 1.0
    >>> panel.shown["limit"]
    '0.517'
    """

    def __init__(self, nets, family="sparse_spikes"):
        self.nets = nets
        self.names = {method.label: name for name, method in METHODS.items()}
        self.denoiser = ipw.Dropdown(options=[*nets, *self.names], description="denoiser")
        super().__init__([self.denoiser], family, figsize=(8, 4.2))

    def draw(self):
        """Make the axes: the signal above; the mean response and its spread below."""
        grid = self.figure.add_gridspec(2, 2, **GRID)
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "One signal")
        left, right = (self.figure.add_subplot(grid[1, k]) for k in range(2))
        left.plot(EDGES, EDGES, ":", color=plots.NOISY)
        left.set(
            ylim=(-8, 16), ylabel="mean estimate", title="What becomes of a sample, on average"
        )
        right.set(ylim=(0, 3), ylabel="spread", title="How much the neighbours change it")
        self.curves = []
        for ax in (left, right):
            ax.set(xlim=(-10, 20), xlabel="noisy sample y")
            best = ax.plot([], [], "--", color=plots.LIMIT, label="Bayes")[0]
            self.curves.append((best, ax.plot([], [], color=plots.ESTIMATE, label="denoiser")[0]))
        left.legend(loc="upper left")
        return [*moving, *(line for pair in self.curves for line in pair)]

    def update(self):
        """Denoise, and gather estimates by noisy sample."""
        family, sigma, clean, noisy, best = self.batch()
        name = self.denoiser.value
        if name in self.nets:
            estimate = self.nets[name].denoise(noisy)
        else:
            method = self.names[name]
            value = tuned(family, sigma, method, labels=False).value
            estimate = METHODS[method].denoise(noisy, sigma, value)
        self.show_signal(clean, noisy, estimate)
        for k, values in enumerate((best, estimate)):
            curve = None if values is None else interpret.shrinkage_curve(noisy, values, EDGES)
            for pair, ordinate in zip(self.curves, ("mean", "spread"), strict=True):
                pair[k].set_data(
                    *(([], []) if curve is None else (curve.y, getattr(curve, ordinate)))
                )
        return {
            f"{SIGNALS} signals: RMSE": f"{metrics.rmse(estimate, clean).mean():.3f}",
            "limit": limit_text(best, clean),
        }
