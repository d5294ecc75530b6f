"""Panels of the limits and of the classical filters."""

import numpy as np

from denoiselib import metrics, plots
from denoiselib.interpret import shrinkage_curve
from denoiselib.labels import label
from denoiselib.widgets import data, views
from denoiselib.widgets.panel import Panel, copied, log_slider, menu, slider, with_signal

TICKS = {"lambda": [0.25, 1, 4, 16], "window": [3, 5, 9, 17, 31, 61]}


class NoisePanel(Panel):
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
    >>> panel.set(sigma=1.0)
    >>> "Bayes" in str(panel)
    True
    """

    def __init__(self, sigmas, limits):
        self.sigmas, self.limits = np.asarray(sigmas), limits
        samples = views.DOT | {"marker": ".", "alpha": 0.25, "markersize": 3}
        looks = {"noisy signal": {"color": plots.NOISY, "linestyle": ":"}}
        looks |= {name: {} for name in limits} | {"_here": views.DOT | {"color": plots.LIMIT}}
        shown = {
            "signal": views.signal("One signal, and its Bayes estimate"),
            "response": views.response(
                "What the best estimator makes of a sample",
                {"_samples": samples, "mean response": views.ORANGE},
                of="Bayes estimate", ylim=(-3, 14), note={"x": 0.5, "y": 0.5, "ha": "center"},
            ),
            "limits": views.Lines(
                "The Bayes limit", looks, legend={"loc": "lower right", "ncols": 2},
                xlim=(0, 6.2), ylim=(0, 3.2), xlabel="noise sigma", ylabel="RMSE",
            ),
        }  # fmt: skip
        controls = with_signal({}, "sparse_spikes")
        super().__init__(controls, shown, "signal signal; response limits")

    def compute(self, family, sigma, which):
        """Show the signal at this noise level."""
        clean, noisy, best = data.batch(family, sigma)
        estimates = {"noisy": noisy} | ({} if best is None else {"Bayes": best})
        shown = np.full_like(noisy, np.nan) if best is None else best
        lines = {name: (self.sigmas, values) for name, values in self.limits.items()}
        if family in self.limits:
            lines["_here"] = [sigma], [np.interp(sigma, self.sigmas, self.limits[family])]
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=shown),
            "response": {
                "_samples": (noisy.ravel(), shown.ravel()),
                "mean response": data.response(noisy, best),
                "note": "no exact limit for this family" if best is None else "",
            },
            "limits": {"noisy signal": (self.sigmas, self.sigmas), "chosen": family} | lines,
            "numbers": {
                name: f"RMSE {metrics.rmse(estimate, clean)[which]:.3f}, "
                f"PSNR {metrics.psnr(estimate, clean)[which]:.2f} dB"
                for name, estimate in estimates.items()
            },
        }


class FilterPanel(Panel):
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
    >>> panel.set(lam=2.0)
    >>> print(str(panel).split(",")[0])
    this signal: RMSE 1.483
    """

    def __init__(self, family="sparse_spikes", method="l1_dft", value=1.0):
        controls = {
            "method": menu("filter", data.METHODS, method),
            "lam": log_slider("lambda", value, -2, 5),
            "window": slider("window", 3, 3, 61, 2),
            "gamma": slider("gamma", 0.8, 0.0, 0.95, 0.05),
        }
        used = {
            "lam": lambda v: data.METHODS[v.method].parameter != "window",
            "window": lambda v: data.METHODS[v.method].parameter == "window",
            "gamma": lambda v: data.METHODS[v.method].gamma,
        }
        estimate, band = ({"color": plots.ESTIMATE, "linewidth": w} for w in (1.6, 0.6))
        residual = {"color": plots.NOISY, "marker": ".", "linewidth": 0.8}
        zero = {"color": plots.CLEAN, "linewidth": 0.8}
        looks = {"Bayes": views.LIMIT, "filter": estimate, "_above": band, "_below": band}
        other = views.ORANGE
        errors = {"Bayes limit": views.LIMIT, "SURE": other | {"linestyle": ":"}, "RMSE": estimate}
        errors |= {"SURE's choice": other | {"linestyle": "", "marker": "v"}, "_here": views.DOT}
        shown = {
            "signal": views.signal("Signal and estimate"),
            "residual": views.Lines(
                "Residual y - estimate", {"_residual": residual, "_zero": zero},
                ylim=(-12, 12), ylabel="amplitude", **views.TIME,
            ),
            "response": views.response("Shrinkage curve", looks),
            "errors": views.Lines(
                f"Error, {data.SIGNALS} signals", errors, legend=views.RIGHT,
                xscale="log", ylim=(0, 6), ylabel="RMSE",
            ),
        }  # fmt: skip
        mosaic = "signal signal signal; residual response errors"
        super().__init__(with_signal(controls, family), shown, mosaic, used=used)

    @staticmethod
    def compute(family, sigma, method, lam, window, gamma, which):
        """Apply the filter as it is set."""
        clean, noisy, best = data.batch(family, sigma)
        name, method = method, data.METHODS[method]
        gamma = gamma if method.gamma else 0.8
        options = {"gamma": gamma} if method.gamma else {}
        value = window if method.parameter == "window" else lam
        estimate = method.denoise(noisy, sigma, value, **options)
        sure, oracle = (data.tuned(family, sigma, name, labels, gamma) for labels in (False, True))
        choices = {}
        for text, found in (("with SURE's choice", sure), ("with the oracle's", oracle)):
            error = data.rmse(method.denoise(noisy, sigma, found.value, **options), clean)
            choices[text] = f"{error:.3f} ({found.value:g})"
        y, mean, spread = shrinkage_curve(noisy, estimate, data.EDGES)
        ends = method.grid[[0, -1]].tolist()
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=estimate),
            "residual": {"_residual": noisy[which] - estimate[which], "_zero": ([-1, 100], [0, 0])},
            "response": {
                "Bayes": data.response(noisy, best),
                "filter": (y, mean),
                "_above": (y, mean + spread),
                "_below": (y, mean - spread),
            },
            "errors": {
                "Bayes limit": (ends, [root(best, clean)] * 2),
                "SURE": (sure.grid, sure.risk),
                "RMSE": (oracle.grid, oracle.risk),
                "SURE's choice": ([sure.value], [sure.risk.min()]),
                "_here": ([value], [root(estimate, clean)]),
                "xticks": TICKS[method.parameter],
                "xticklabels": [str(tick) for tick in TICKS[method.parameter]],
                "xlim": ends,
                "xlabel": method.parameter,
            },
            "numbers": data.scores(estimate, clean, best, which, choices),
        }


def root(estimate, clean):
    """Return the root of the mean squared error over all signals, as `Method.tune` measures."""
    return np.nan if estimate is None else np.sqrt(np.mean((estimate - clean) ** 2))


class MethodsPanel(Panel):
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
        options = [*data.METHODS, *self.taught]
        shown = {
            "signal": views.signal("One signal"),
            "ranking": views.Ranking(
                f"Ranking, {data.SIGNALS} signals", len(options),
                xlim=(0, 2.2), xlabel="RMSE / sigma (1: nothing gained)",
            ),
        }  # fmt: skip
        room = {"top": 0.91, "bottom": 0.14, "wspace": 0.48, "width_ratios": (3, 2)}
        controls = with_signal({"method": menu("shown", options, "soft")}, family)
        height = 3.8 + 0.16 * len(self.taught)
        super().__init__(controls, shown, "signal ranking", (10, height), **room)

    @property
    def names(self):
        """The methods from best to worst."""
        return self.views["ranking"].names

    def compute(self, family, sigma, method, which):
        """Tune all filters by SURE at this noise level, and rank all methods."""
        clean, noisy, best = data.batch(family, sigma)
        found = {label(name): data.by_sure(family, sigma, name) for name in data.METHODS}
        for (taught_on, name), net in self.nets.items():
            if taught_on == family:
                found[name] = net.denoise(noisy)
        ranked = {
            name: metrics.mean_ci(metrics.rmse(estimate, clean) / sigma)
            for name, estimate in found.items()
        }
        shown, numbers = label(method), {}
        if shown in found:
            numbers[f"{shown}: RMSE"] = f"{sigma * ranked[shown][0]:.3f}"
        else:
            numbers[shown] = f"no network for {family}"
        if method in data.METHODS:
            value = data.tuned(family, sigma, method, labels=False).value
            numbers[f"{data.METHODS[method].parameter} by SURE"] = f"{value:g}"
        winner = min(ranked, key=lambda name: ranked[name][0])
        limit = None if best is None else data.rmse(best, clean) / sigma
        estimate = found.get(shown, np.full_like(noisy, np.nan))
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=estimate),
            "ranking": {"scores": ranked, "limit": limit, "other": self.taught},
            "numbers": numbers
            | {"best": f"{winner} {sigma * ranked[winner][0]:.3f}"}
            | {"limit": data.limit_text(best, clean)},
        }
