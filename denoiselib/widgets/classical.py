"""Panels of the limits and of the classical filters."""

from functools import lru_cache

import ipywidgets as ipw
import numpy as np

from denoiselib import filters, metrics, plots
from denoiselib.interpret import shrinkage_curve
from denoiselib.widgets.panel import SIGNALS, SignalPanel, batch, copied, read_only, slider

#: The filters that answer fast enough.
METHODS = {name: method for name, method in filters.METHODS.items() if name != "l1_pulse"}
TICKS = {"lambda": (0.25, 1, 4, 16), "window": (3, 5, 9, 17, 31, 61)}
EDGES = np.linspace(-10, 20, 31)  #: bins of the shrinkage curves


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
    found = METHODS[name].tune(noisy, sigma, clean if labels else None, **options)
    read_only(found.grid, found.risk)
    return found


def _filter(description, value):
    options = [(method.label, name) for name, method in METHODS.items()]
    return ipw.Dropdown(options=options, value=value, description=description)


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
        self.window = slider("window", 3, 3, 61, 2, ipw.IntSlider)
        self.gamma = slider("gamma", 0.8, 0.0, 0.95, 0.05)
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

        def chosen(found):
            error = metrics.rmse(method.denoise(noisy, sigma, found.value, **options), clean)
            return f"{error.mean():.3f} ({found.value:g})"

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
        self.here.set_data([value], [np.sqrt(np.mean(error**2))])  # as `Method.tune` measures
        floor = np.nan if best is None else np.sqrt(np.mean(metrics.rmse(best, clean) ** 2))
        self.limit.set_data(method.grid[[0, -1]], [floor, floor])
        if self.right.get_xlabel() != method.parameter:
            ticks = TICKS[method.parameter]
            self.right.set(xlim=method.grid[[0, -1]], xlabel=method.parameter)
            self.right.set_xticks(ticks, map(str, ticks))
            self.right.set_xticks([], minor=True)
            self.background = None
        return {
            "this signal: RMSE": f"{error[i]:.3f}",
            f"{SIGNALS} signals: RMSE": f"{error.mean():.3f}",
            "with SURE's choice": chosen(sure),
            "with the oracle's": chosen(oracle),
            "limit": "unknown" if best is None else f"{limit:.3f}",
        }


class MethodsPanel(SignalPanel):
    """Rank the classical methods, each tuned without labels, and networks against the limit.

    Parameters
    ----------
    family : str
        What to start with, a name in `signals.FAMILIES`.
    nets : dict of (str, str) to Network, optional
        By family and name. Families need not have the same ones.

    Examples
    --------
    >>> panel = MethodsPanel("blocks")
    >>> print(panel.names[0])
    total variation
    """

    def __init__(self, family="sparse_spikes", nets=None):
        self.nets = copied(nets or {})
        self.taught = list(dict.fromkeys(name for _, name in self.nets))
        options = [(method.label, name) for name, method in METHODS.items()]
        options += [(name, name) for name in self.taught]
        self.method = ipw.Dropdown(options=options, value="soft", description="shown")
        height = 3.8 + 0.16 * len(self.taught)
        super().__init__([self.method], family, figsize=(10, height))

    def draw(self):
        """Make the axes: the signal on the left, the ranking on the right."""
        grid = self.figure.add_gridspec(
            1, 2, left=0.07, right=0.985, top=0.91, bottom=0.14, wspace=0.48, width_ratios=(3, 2)
        )
        left, right = (self.figure.add_subplot(cell) for cell in grid)
        self.bars = plots.Bars(right, len(METHODS) + len(self.taught), limit=True)
        right.set(xlim=(0, 2.2), xlabel="RMSE / sigma (1: nothing gained)")
        right.set_title(f"Ranking, {SIGNALS} signals")
        return [*self.draw_signal(left, "One signal"), *self.bars.artists]

    def estimates(self, family, sigma, noisy):
        """Return those of all methods by label, and how each filter was tuned."""
        found, values = {}, {}
        for name, method in METHODS.items():
            values[method.label] = tuned(family, sigma, name, labels=False).value
            found[method.label] = method.denoise(noisy, sigma, values[method.label])
        for (taught_on, name), net in self.nets.items():
            if taught_on == family:
                found[name] = net.denoise(noisy)
        return found, values

    def update(self):
        """Tune all filters by SURE at this noise level, and rank all methods."""
        family, sigma, clean, noisy, best = self.batch()
        found, values = self.estimates(family, sigma, noisy)
        scores = {
            label: metrics.mean_ci(metrics.rmse(estimate, clean) / sigma)
            for label, estimate in found.items()
        }
        name = self.method.value
        shown = METHODS[name].label if name in METHODS else name
        self.show_signal(clean, noisy, found.get(shown, np.full_like(noisy, np.nan)))
        limit = None if best is None else metrics.rmse(best, clean).mean()
        self.names = self.bars.show(scores, None if limit is None else limit / sigma, self.taught)
        winner, numbers = self.names[0], {}
        if shown in scores:
            numbers[f"{shown}: RMSE"] = f"{sigma * scores[shown][0]:.3f}"
        else:
            numbers[shown] = f"no network for {family}"
        if shown in values:
            numbers[f"{METHODS[name].parameter} by SURE"] = f"{values[shown]:g}"
        return numbers | {
            "best": f"{winner} {sigma * scores[winner][0]:.3f}",
            "limit": "unknown" if limit is None else f"{limit:.3f}",
        }
