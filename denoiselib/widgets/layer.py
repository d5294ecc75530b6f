"""A panel of one layer."""

import ipywidgets as ipw
import numpy as np

from denoiselib import metrics, nn, plots
from denoiselib.widgets.modes import MODES
from denoiselib.widgets.panel import SIGNALS, SignalPanel, batch, slider


class LayerPanel(SignalPanel):
    """Turn one layer of a network: a kernel of three taps, batch norm, ReLU.

    The running statistics of the mode *fixed* are those of the features at noise level 3, gathered
    anew for each family and kernel.

    Parameters
    ----------
    family : str
        What to start with, a name in `signals.FAMILIES`.
    taps : (float, float, float)
        Kernel to start with.
    gamma, beta : float
        Scale and shift of batch norm to start with; without it, beta is the bias of the kernel.

    Notes
    -----
    For the noisy signal Y, ``relu(gamma (K * Y - mean) / sqrt(var + eps) + beta)``, where
    ``(K * Y)[t] = K[-1] Y[t - 1] + K[0] Y[t] + K[1] Y[t + 1]``.

    Examples
    --------
    >>> panel = LayerPanel()
    >>> panel.mode.value = "none"
    >>> panel.beta.value = -2.6
    >>> print(str(panel).split(",")[0])
    32 signals: RMSE 1.643
    """

    def __init__(self, family="sparse_spikes", taps=(0.0, 1.0, 0.0), gamma=3.9, beta=-1.5):
        self.taps = [
            slider(f"K[{k}]", value, -1.5, 1.5, 0.05) for k, value in enumerate(taps, start=-1)
        ]
        self.gamma = slider("gamma", gamma, 0.0, 6.0, 0.1)
        self.beta = slider("beta", beta, -6.0, 6.0, 0.1)
        self.mode = ipw.Dropdown(
            options=[(text, name) for name, text in MODES.items()],
            value="fixed",
            description="batch norm",
        )
        self.together = nn.BatchNorm1d(1, dtype=np.float64)
        self.apart = nn.BatchNorm1d(SIGNALS, dtype=np.float64)  # a signal is a channel
        controls = [self.mode, *self.taps, self.gamma, self.beta]
        super().__init__(controls, family, figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above; frequency response and features below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.3
        )
        moving = self.draw_signal(
            self.figure.add_subplot(grid[0, :]), "Into the layer: noisy. Out of it: estimate"
        )
        left = self.figure.add_subplot(grid[1, 0])
        self.frequencies = np.linspace(0, 0.5, 129)
        self.response = left.plot(self.frequencies, self.frequencies, color=plots.ESTIMATE)[0]
        left.set(xlim=(0, 0.5), ylim=(0, 4.6), xlabel="frequency (cycles per sample)")
        left.set(ylabel="|K(f)|", title="What the kernel lets pass")

        right = self.figure.add_subplot(grid[1, 1:])
        self.edges = np.linspace(-20, 30, 101)
        right.axvspan(-20, 0, color=plots.NOISY, alpha=0.25, linewidth=0)
        right.text(-19.5, 1.1, "ReLU makes this 0", va="center")
        blank = np.full(len(self.edges) - 1, np.nan)
        self.before, self.after = (
            right.stairs(blank, self.edges, baseline=None, color=color, linewidth=1.6, label=label)
            for color, label in ((plots.OTHER, "K * Y"), (plots.ESTIMATE, "after batch norm"))
        )
        right.set(xlim=(-20, 30), ylim=(0, 1.2), xlabel="value of a feature", yticks=(0, 0.5, 1))
        right.set(
            ylabel="histogram, peak at 1", title=f"Features before the ReLU, {SIGNALS} signals"
        )
        right.legend(loc="upper right")
        return [*moving, self.response, self.before, self.after]

    def batch(self):
        """Return family, noise level, clean and noisy signals, and those at noise level 3."""
        family, sigma = self.family.value, round(self.sigma.value, 2)
        clean, usual, _ = batch(family, 3.0)
        return family, sigma, clean, clean + sigma / 3 * (usual - clean), usual

    def normalise(self, features, usual):
        """Return features after batch norm as it is set, their mean and deviation before it."""
        mode = self.mode.value
        if mode == "none":
            return features + self.beta.value, 0.0, 1.0
        if mode == "alone":
            layer, features = self.apart, features.swapaxes(0, 1)
        else:
            layer = self.together
        nn.norm.recalibrate(layer, [usual if mode == "fixed" else features])
        layer.eval("running" if mode == "fixed" else "batch")
        layer.weight.data[...], layer.bias.data[...] = self.gamma.value, self.beta.value
        k = self.which.value if mode == "alone" else 0
        mean, deviation = layer.running_mean.data[k], np.sqrt(layer.running_var.data[k])
        out = layer(features).data
        return (out.swapaxes(0, 1) if mode == "alone" else out), mean, deviation

    def update(self):
        """Pass the signals through the layer."""
        _, _, clean, noisy, usual = self.batch()
        self.gamma.layout.display = "none" if self.mode.value == "none" else None
        taps = np.array([tap.value for tap in self.taps])
        features, known = (
            nn.ops.conv1d(y[:, None], taps[None, None], padding=1).data for y in (noisy, usual)
        )
        normal, mean, deviation = self.normalise(features, known)
        self.features, self.output = normal[:, 0], nn.ops.relu(normal).data[:, 0]

        self.show_signal(clean, noisy, self.output)
        shifts = np.exp(-2j * np.pi * np.outer(self.frequencies, (-1, 0, 1)))
        self.response.set_ydata(np.abs(shifts @ taps))
        for stairs, values in ((self.before, features), (self.after, normal)):
            count = np.histogram(values, self.edges)[0]
            stairs.set_data(count / max(count.max(), 1))
        return {
            f"{SIGNALS} signals: RMSE": f"{metrics.rmse(self.output, clean).mean():.3f}",
            "mean taken away": f"{mean:.2f}",
            "divided by": f"{deviation:.2f}",
            "deviation before": f"{features.std():.2f}",
            "after": f"{normal.std():.2f}",
            "made 0": f"{100 * np.mean(self.output == 0):.1f} %",
        }
