"""Panels of the network and of its parts."""

import copy

import ipywidgets as ipw
import numpy as np

from denoiselib import filters, metrics, nn, plots
from denoiselib.interpret import features, find_layers, shrinkage_curve
from denoiselib.widgets.classical import EDGES, METHODS, tuned
from denoiselib.widgets.panel import SIGNALS, SignalPanel, batch, limit_text, slider

#: Where a network takes its statistics from in these modes.
WAYS = {"fixed": "running", "unfixed": "batch", "alone": "signal"}
LEVELS = np.linspace(0.5, 6, 12)  #: of the noise, where panels show errors
#: Filters to stand beside networks: their labels and names.
FILTERS = {"soft threshold (SURE)": "soft", "Wiener (SURE)": "wiener"}

#: How batch norm finds its mean and variance.
MODES = {
    "fixed": "fixed: running statistics",
    "unfixed": "unfixed: of the batch",
    "alone": "unfixed: of each signal",
    "none": "no batch norm",
}


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
    >>> panel = ModesPanel({3.0: nn.PlainNet(width=4, depth=3, rng=0)})
    >>> panel.mode.value = "alone"
    >>> len(panel.errors("sparse_spikes")["fixed"])
    12
    """

    def __init__(self, nets):
        self.nets, self.known = nets, {}
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
        return self.nets[self.trained.value].eval(WAYS[mode])

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


class PriorPanel(SignalPanel):
    """Turn the weight of the prior's mask, and see whether the estimate cares.

    Parameters
    ----------
    net : nn.UNet
        With a prior network; a copy of it does the work, in its mode.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Notes
    -----
    All signals pass as one batch, so that they share one mask, ``1 + beta h``. The slider takes the
    place of the beta that was trained, with which it starts; with 0 there is no mask.

    Examples
    --------
    >>> panel = PriorPanel(nn.UNet(prior=True, rng=0).eval())
    >>> panel.beta.value = 0.0
    >>> panel.mask.min(), panel.mask.max()
    (np.float32(1.0), np.float32(1.0))
    """

    betas = np.linspace(0, 2, 9)

    def __init__(self, net, family="sparse_spikes"):
        self.net, self.known = copy.deepcopy(net), {}
        trained = round(net.wienernet.beta.data.item(), 2)
        self.beta = slider("beta", trained, min(trained, 0.0), max(trained, 2.0), 0.01)
        super().__init__([self.beta], family, figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above; system function, mask and error below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.24
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "Signal and estimate")
        left = self.figure.add_subplot(grid[1, 0])
        self.system = left.plot(np.arange(-50, 50), np.full(100, np.nan), color=plots.OTHER)[0]
        left.set(xlim=(-50, 50), ylim=(0, 1.2), xlabel="lag (samples)", ylabel="magnitude")
        left.set_title("System function h0 of this signal")

        middle = self.figure.add_subplot(grid[1, 1])
        channels = len(self.mask_at(self.beta.value, np.zeros((1, 100))))
        self.picture = middle.imshow(
            np.ones((3, channels)), vmin=1, vmax=4, aspect="auto", cmap="viridis_r"
        )
        middle.set_yticks((0, 1, 2), ("-1", "0", "+1"))
        middle.set(xlabel="channel", ylabel="tap", title="Mask 1 + beta h of the batch")
        middle.grid(visible=False)
        self.figure.colorbar(self.picture, ax=middle, extend="both")

        right = self.right = self.figure.add_subplot(grid[1, 2])
        self.error = right.plot(self.betas, self.betas, color=plots.ESTIMATE, label="network")[0]
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        self.limit = right.plot([], [], "--", color=plots.LIMIT, label="Bayes limit")[0]
        right.set(xlim=(-0.1, 2.1), ylim=(0, 4), xlabel="beta", ylabel="RMSE")
        right.set_title(f"Error, {SIGNALS} signals")
        right.legend(loc="upper right", ncols=2, fontsize=8)
        return [*moving, self.system, self.picture, self.error, self.here, self.limit]

    def mask_at(self, beta, noisy):
        """Return the mask of a batch, channels by taps."""
        self.net.wienernet.beta.data[...] = beta
        return self.net.wienernet(noisy[:, None]).data[:, 0]

    def denoise(self, beta, noisy):
        """Return the estimates of a batch under the mask of a beta."""
        self.net.wienernet.beta.data[...] = beta
        return self.net.denoise(noisy)

    def compare(self, family, sigma, clean, noisy):
        """Return the errors for all of `betas`, computed once for signals."""
        if (family, sigma) not in self.known:
            self.known[family, sigma] = [
                metrics.rmse(self.denoise(beta, noisy), clean).mean() for beta in self.betas
            ]
        return self.known[family, sigma]

    def update(self):
        """Denoise under the mask as it is set."""
        family, sigma, clean, noisy, best = self.batch()
        beta, i = self.beta.value, self.which.value
        errors = self.compare(family, sigma, clean, noisy)
        self.mask, estimate = self.mask_at(beta, noisy), self.denoise(beta, noisy)
        error = metrics.rmse(estimate, clean).mean()
        limit = np.nan if best is None else metrics.rmse(best, clean).mean()
        self.show_signal(clean, noisy, estimate)
        self.system.set_ydata(np.fft.fftshift(filters.wiener_system_function(noisy[i])))
        self.picture.set_data(self.mask.T)
        self.error.set_ydata(errors)
        self.here.set_data([beta], [error])
        self.limit.set_data([0, 2], [limit, limit])
        if self.right.get_ylim()[1] != (top := 8 if family == "tones" else 4):
            self.right.set_ylim(0, top)
            self.background = None
        return {
            f"{SIGNALS} signals: RMSE": f"{error:.3f}",
            "without mask": f"{errors[0]:.3f}",
            "limit": "unknown" if best is None else f"{limit:.3f}",
            "mask": f"{self.mask.min():.2f} to {self.mask.max():.2f}",
        }
