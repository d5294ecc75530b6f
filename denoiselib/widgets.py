"""Panels with sliders: the library answers while you move them.

All follow one pattern, `Panel`: controls on top, one figure kept and its data renewed, a line of
numbers below. A saved notebook holds the figure as it stood, and shows it where no kernel runs.
"""

import base64
import io
from functools import lru_cache

import ipywidgets as ipw
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from denoiselib import bayes, filters, metrics, nn, plots, signals
from denoiselib.interpret import shrinkage_curve

SIGNALS = 32  #: in the batch that a panel measures errors on
#: The filters that answer fast enough.
METHODS = {name: method for name, method in filters.METHODS.items() if name != "l1_pulse"}
#: Range of the amplitude axis.
HEIGHTS = {
    "sparse_spikes": (-16.0, 26.0),
    "pulses": (-16.0, 26.0),
    "blocks": (-16.0, 26.0),
    "tones": (-42.0, 42.0),
}
TICKS = {"lambda": (0.25, 1, 4, 16), "window": (3, 5, 9, 17, 31, 61)}
EDGES = np.linspace(-10, 20, 31)  #: bins of the shrinkage curves
#: How batch norm finds its mean and variance.
MODES = {
    "fixed": "fixed: running statistics",
    "unfixed": "unfixed: of the batch",
    "alone": "unfixed: of each signal",
    "none": "no batch norm",
}


class Panel(ipw.VBox):
    """Controls, a picture and a line of numbers.

    A subclass makes the axes in `draw`, which returns the artists that will move, and renews their
    data in `update`. What stands still is drawn once and kept as a background.

    Parameters
    ----------
    controls : list of ipywidgets
        Each calls `refresh` when its value changes.
    figsize : (float, float)
        Size of the figure in inches.
    """

    def __init__(self, controls, figsize):
        with matplotlib.style.context("denoiselib.style"):
            self.figure = Figure(figsize=figsize)
            self.figure.set_layout_engine("none")  # fixed places: nothing jumps
            self.canvas = FigureCanvasAgg(self.figure)
            self.moving = self.draw()
        for artist in self.moving:
            artist.set_animated(True)
        self.background = None
        self.image = ipw.Image(format="png", layout={"max_width": "100%"})
        self.numbers = ipw.HTML()
        row = ipw.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.image, self.numbers])
        for control in controls:
            control.observe(self.refresh, names="value")
        self.refresh()

    def draw(self):
        """Make the axes once; return the artists that `update` will move."""
        raise NotImplementedError

    def update(self):
        """Renew the artists' data; return the numbers to show, a dict of str to str.

        Where an axis changes, set `background` to None, so that it is drawn anew.
        """
        raise NotImplementedError

    def refresh(self, change=None):
        """Answer a moved control."""
        self.shown = self.update()
        if self.background is None:
            self.canvas.draw()
            self.background = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self.background)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        png = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())[..., :3]).save(
            png, format="png", compress_level=1
        )
        self.image.value = png.getvalue()
        cells = "".join(
            f"<td style='padding:0 1.2em 0 0'>{name} <b>{value}</b></td>"
            for name, value in self.shown.items()
        )
        self.numbers.value = f"<table><tr>{cells}</tr></table>"

    def __str__(self):
        """Return the numbers shown, for a print."""
        return ", ".join(f"{name} {value}" for name, value in self.shown.items())

    def _repr_mimebundle_(self, **kwargs):
        """Add the figure as it stands, for readers without a kernel."""
        picture = base64.b64encode(self.image.value).decode()
        text = f"{type(self).__name__}: {self}"
        return super()._repr_mimebundle_(**kwargs) | {"image/png": picture, "text/plain": text}


@lru_cache(maxsize=64)
def batch(family, sigma, n=SIGNALS):
    """Return the signals that all panels look at: clean, noisy, and the exact Bayes estimate.

    The noise is one draw scaled by `sigma`, so that a slider changes its level and nothing else.

    Parameters
    ----------
    family : str
        Name in `signals.FAMILIES`.
    sigma : float
        Noise level.
    n : int
        Number of signals.

    Returns
    -------
    clean, noisy, best : ndarray (n, 100)
        `best` is None for a family without an exact limit.

    Examples
    --------
    >>> clean, noisy, best = batch("blocks", 3.0)
    >>> clean.shape, best.shape
    ((32, 100), (32, 100))
    """
    clean = signals.FAMILIES[family](n, rng=1)
    noisy = clean + sigma * signals.add_noise(np.zeros_like(clean), 1, rng=2)
    best = bayes.LIMITS[family](noisy, sigma) if family in bayes.LIMITS else None
    return clean, noisy, best


@lru_cache(maxsize=256)
def tuned(family, sigma, name, labels, gamma=0.8):
    """Return a method tuned on the signals of `batch`.

    Parameters
    ----------
    family, sigma
        As in `batch`.
    name : str
        Name in `METHODS`.
    labels : bool
        Whether it may look at the clean signals.
    gamma : float
        For methods that take one.

    Returns
    -------
    filters.tuning.Tuned
        Value, grid and RMSE (without labels: Stein's estimate of it).

    Examples
    --------
    >>> tuned("blocks", 3.0, "tv", labels=True).value
    6.73
    """
    clean, noisy, _ = batch(family, sigma)
    options = {"gamma": gamma} if METHODS[name].gamma else {}
    return METHODS[name].tune(noisy, sigma, clean if labels else None, **options)


def _filter(description, value):
    options = [(method.label, name) for name, method in METHODS.items()]
    return ipw.Dropdown(options=options, value=value, description=description)


def _slider(description, value, low, high, step, kind=ipw.FloatSlider):
    return kind(
        value=value, min=low, max=high, step=step, description=description, continuous_update=True
    )


class SignalPanel(Panel):
    """A panel that shows one signal of the batch, from menus of family, noise level and signal."""

    def __init__(self, controls, family, figsize):
        self.family = ipw.Dropdown(
            options=list(signals.FAMILIES), value=family, description="family"
        )
        self.sigma = _slider("noise sigma", 3.0, 0.5, 6.0, 0.1)
        self.which = _slider("signal", 0, 0, SIGNALS - 1, 1, ipw.IntSlider)
        super().__init__([self.family, self.sigma, *controls, self.which], figsize)

    def draw_signal(self, ax, title):
        """Make the axes that `show_signal` fills; return the artists that will move."""
        blank = np.full(100, np.nan)
        self.signal_axes, self.signal_lines = ax, plots.signal(ax, blank, blank, blank, title)
        ax.set(xlim=(-1, 100), ylim=HEIGHTS["sparse_spikes"])
        return list(self.signal_lines.values())

    def show_signal(self, clean, noisy, estimate):
        """Renew the signal lines with the signal chosen from three batches."""
        for name, data in (("clean", clean), ("noisy", noisy), ("estimate", estimate)):
            self.signal_lines[name].set_ydata(data[self.which.value])
        if self.signal_axes.get_ylim() != HEIGHTS[self.family.value]:
            self.signal_axes.set_ylim(HEIGHTS[self.family.value])
            self.background = None

    def batch(self):
        """Return family and sigma as they are set, and the signals that belong to them."""
        family, sigma = self.family.value, round(self.sigma.value, 2)
        return family, sigma, *batch(family, sigma)


class NoisePanel(SignalPanel):
    """Bury a signal in noise, and see how much of it the best estimator can still find.

    Parameters
    ----------
    sigmas : array_like (points,)
        Noise levels at which the limits are known.
    limits : dict of str to array_like (points,)
        RMSE of the Bayes estimator for each family that has one.

    Examples
    --------
    >>> panel = NoisePanel([1, 3, 6], {"sparse_spikes": [0.52, 1.62, 2.28]})
    >>> panel.sigma.value = 1.0
    >>> "Bayes" in str(panel)
    True
    """

    def __init__(self, sigmas, limits):
        self.sigmas, self.limits = np.asarray(sigmas), limits
        super().__init__([], "sparse_spikes", figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above, shrinkage curve and limits below."""
        grid = self.figure.add_gridspec(
            2, 2, left=0.07, right=0.98, top=0.94, bottom=0.09, hspace=0.45, wspace=0.16
        )
        top = self.figure.add_subplot(grid[0, :])
        moving = self.draw_signal(top, "One signal, and its Bayes estimate")

        left = self.figure.add_subplot(grid[1, 0])
        self.cloud = left.plot([], [], ".", color=plots.ESTIMATE, alpha=0.25, markersize=3)[0]
        left.plot(EDGES, EDGES, ":", color=plots.NOISY)
        self.curve = left.plot([], [], color=plots.OTHER, label="mean response")[0]
        left.set(xlim=(-10, 20), ylim=(-3, 14), xlabel="noisy sample y", ylabel="Bayes estimate")
        left.set_title("What the best estimator makes of a sample")
        left.legend(loc="upper left")

        right = self.figure.add_subplot(grid[1, 1])
        right.plot(self.sigmas, self.sigmas, ":", color=plots.NOISY, label="noisy signal")
        self.limit_lines = {
            name: right.plot(self.sigmas, values, linewidth=1, label=name)[0]
            for name, values in self.limits.items()
        }
        self.here = right.plot([], [], "o", color=plots.LIMIT, markersize=9)[0]
        right.set(xlim=(0, 6.2), ylim=(0, 3.2), xlabel="noise sigma", ylabel="RMSE")
        right.set_title("The Bayes limit")
        right.legend(loc="lower right", ncols=2)
        self.unknown = left.text(5, 5.5, "", ha="center")
        return [
            *moving,
            self.unknown,
            self.cloud,
            self.curve,
            *self.limit_lines.values(),
            self.here,
        ]

    def update(self):
        """Show the signal at this noise level."""
        family, sigma, clean, noisy, best = self.batch()
        known = best is not None
        shown = best if known else np.full_like(clean, np.nan)
        self.show_signal(clean, noisy, shown)
        self.unknown.set_text("" if known else "no exact limit for this family")
        self.cloud.set_data(noisy.ravel(), shown.ravel())
        self.curve.set_data(*(shrinkage_curve(noisy, best, EDGES)[:2] if known else ([], [])))
        for name, line in self.limit_lines.items():
            line.set_linewidth(3 if name == family else 1)
        at = np.interp(sigma, self.sigmas, self.limits[family]) if family in self.limits else np.nan
        self.here.set_data([sigma], [at])
        return {
            name: f"RMSE {metrics.rmse(estimate, clean)[self.which.value]:.3f}, "
            f"PSNR {metrics.psnr(estimate, clean)[self.which.value]:.2f} dB"
            for name, estimate in {"noisy": noisy, "Bayes": best}.items()
            if estimate is not None
        }


class FilterPanel(SignalPanel):
    """Turn one classical filter: signal, residual, shrinkage curve, and error over its parameter.

    Parameters
    ----------
    family, method : str
        What to start with, names in `signals.FAMILIES` and `METHODS`.
    value : float
        Lambda to start with.

    Examples
    --------
    >>> panel = FilterPanel("blocks", "tv", value=8.0)
    >>> panel.lam.value = 2.0
    >>> print(str(panel).split(",")[0])
    this signal: RMSE 1.483
    """

    def __init__(self, family="sparse_spikes", method="l1_dft", value=1.0):
        self.method = _filter("filter", method)
        self.lam = ipw.FloatLogSlider(
            value=value,
            base=2,
            min=-2,
            max=5,
            step=0.125,
            description="lambda",
            readout_format=".2f",
        )
        self.window = _slider("window", 3, 3, 61, 2, ipw.IntSlider)
        self.gamma = _slider("gamma", 0.8, 0.0, 0.95, 0.05)
        controls = [self.method, self.lam, self.window, self.gamma]
        super().__init__(controls, family, figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above; residual, shrinkage curve, error below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.24
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "Signal and estimate")

        left = self.figure.add_subplot(grid[1, 0])
        self.residual = left.plot(
            np.full(100, np.nan), color=plots.NOISY, marker=".", linewidth=0.8
        )[0]
        left.axhline(0, color=plots.CLEAN, linewidth=0.8)
        left.set(xlim=(-1, 100), ylim=(-12, 12), xlabel="time (samples)", ylabel="amplitude")
        left.set_title("Residual y - estimate")

        middle = self.figure.add_subplot(grid[1, 1])
        middle.plot(EDGES, EDGES, ":", color=plots.NOISY)
        self.best = middle.plot([], [], "--", color=plots.LIMIT, label="Bayes")[0]
        self.curve = middle.plot([], [], color=plots.ESTIMATE, label="filter")[0]
        self.band = [middle.plot([], [], color=plots.ESTIMATE, linewidth=0.6)[0] for _ in "+-"]
        middle.set(xlim=(-10, 20), ylim=(-8, 16), xlabel="noisy sample y", ylabel="mean estimate")
        middle.set_title("Shrinkage curve")
        middle.legend(loc="upper left")

        right = self.right = self.figure.add_subplot(grid[1, 2])
        self.error = right.plot([], [], color=plots.ESTIMATE, label="RMSE")[0]
        self.sure = right.plot([], [], ":", color=plots.OTHER, label="SURE")[0]
        self.pick = right.plot([], [], "v", color=plots.OTHER, label="SURE's choice")[0]
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        self.limit = right.plot([], [], "--", color=plots.LIMIT, label="Bayes limit")[0]
        right.set(xscale="log", ylim=(0, 6), ylabel="RMSE")
        right.set_title(f"Error, {SIGNALS} signals")
        right.legend(loc="upper right", ncols=2, fontsize=8)
        moving += [self.residual, self.best, self.curve, *self.band]
        moving += [self.limit, self.sure, self.error, self.pick, self.here]
        return moving

    def update(self):
        """Apply the filter as it is set."""
        family, sigma, clean, noisy, best = self.batch()
        name, i = self.method.value, self.which.value
        method = METHODS[name]
        gamma = round(self.gamma.value, 2) if method.gamma else 0.8
        windowed = method.parameter == "window"
        value = self.window.value if windowed else self.lam.value
        for control, used in (
            (self.lam, not windowed),
            (self.window, windowed),
            (self.gamma, method.gamma),
        ):
            control.layout.display = None if used else "none"

        options = {"gamma": gamma} if method.gamma else {}
        estimate = method.denoise(noisy, sigma, value, **options)
        oracle = tuned(family, sigma, name, True, gamma)
        sure = tuned(family, sigma, name, False, gamma)
        error = metrics.rmse(estimate, clean)

        self.show_signal(clean, noisy, estimate)
        self.residual.set_ydata(noisy[i] - estimate[i])
        curve = shrinkage_curve(noisy, estimate, EDGES)
        self.curve.set_data(curve.y, curve.mean)
        for line, side in zip(self.band, (1, -1), strict=True):
            line.set_data(curve.y, curve.mean + side * curve.spread)
        self.best.set_data(
            *(shrinkage_curve(noisy, best, EDGES)[:2] if best is not None else ([], []))
        )

        limit = np.nan if best is None else metrics.rmse(best, clean).mean()
        self.error.set_data(method.grid, oracle.risk)
        self.sure.set_data(method.grid, sure.risk)
        self.pick.set_data([sure.value], [sure.risk.min()])
        self.here.set_data([value], [error.mean()])
        self.limit.set_data(method.grid[[0, -1]], [limit, limit])
        if self.right.get_xlabel() != method.parameter:
            ticks = TICKS[method.parameter]
            self.right.set(xlim=method.grid[[0, -1]], xlabel=method.parameter)
            self.right.set_xticks(ticks, map(str, ticks))
            self.right.set_xticks([], minor=True)
            self.background = None
        return {
            "this signal: RMSE": f"{error[i]:.3f}",
            f"{SIGNALS} signals: RMSE": f"{error.mean():.3f}",
            "with SURE's choice": f"{oracle.risk[sure.risk.argmin()]:.3f} ({sure.value:g})",
            "with the oracle's": f"{oracle.risk.min():.3f} ({oracle.value:g})",
            "limit": "unknown" if best is None else f"{limit:.3f}",
        }


class MethodsPanel(SignalPanel):
    """Rank the classical methods, each tuned without labels, against the limit.

    Parameters
    ----------
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Examples
    --------
    >>> panel = MethodsPanel("blocks")
    >>> print(panel.names[0])
    total variation
    """

    def __init__(self, family="sparse_spikes"):
        self.method = _filter("shown", "soft")
        super().__init__([self.method], family, figsize=(10, 3.8))

    def draw(self):
        """Make the axes: the signal on the left, the ranking on the right."""
        grid = self.figure.add_gridspec(
            1, 2, left=0.07, right=0.985, top=0.91, bottom=0.14, wspace=0.42, width_ratios=(3, 2)
        )
        left, right = (self.figure.add_subplot(cell) for cell in grid)
        self.bars = plots.Bars(right, len(METHODS), limit=True)
        right.set(xlim=(0, 2.2), xlabel="RMSE / sigma (1: nothing gained)")
        right.set_title(f"Ranking, {SIGNALS} signals")
        return [*self.draw_signal(left, "One signal"), *self.bars.artists]

    def update(self):
        """Tune all methods by SURE at this noise level, and rank them."""
        family, sigma, clean, noisy, best = self.batch()
        scores, values = {}, {}
        for name, method in METHODS.items():
            values[name] = tuned(family, sigma, name, labels=False).value
            error = metrics.rmse(method.denoise(noisy, sigma, values[name]), clean)
            scores[method.label] = metrics.mean_ci(error / sigma)
        name = self.method.value
        shown = METHODS[name]
        self.show_signal(clean, noisy, shown.denoise(noisy, sigma, values[name]))
        limit = None if best is None else metrics.rmse(best, clean).mean()
        self.names = self.bars.show(scores, None if limit is None else limit / sigma)
        winner = self.names[0]
        return {
            f"{shown.label}: RMSE": f"{sigma * scores[shown.label][0]:.3f}",
            f"{shown.parameter} by SURE": f"{values[name]:g}",
            "best": f"{winner} {sigma * scores[winner][0]:.3f}",
            "limit": "unknown" if limit is None else f"{limit:.3f}",
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
            _slider(f"K[{k}]", value, -1.5, 1.5, 0.05) for k, value in enumerate(taps, start=-1)
        ]
        self.gamma = _slider("gamma", gamma, 0.0, 6.0, 0.1)
        self.beta = _slider("beta", beta, -6.0, 6.0, 0.1)
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
