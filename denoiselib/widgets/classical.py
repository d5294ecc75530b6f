"""Panels of the limits and of the classical filters."""

import numpy as np

from denoiselib import metrics
from denoiselib.empirical import FAST
from denoiselib.interpret import shrinkage_curve
from denoiselib.labels import label
from denoiselib.widgets import data, views
from denoiselib.widgets.panel import SignalPanel, copied, log_slider, menu, slider

TICKS = {"lambda": [0.25, 1, 4, 16], "window": [3, 5, 9, 17, 31, 61]}


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
    >>> panel.set(sigma=1.0)
    >>> "Bayes" in str(panel)
    True
    """

    def __init__(self, sigmas, limits):
        self.sigmas, self.limits = np.asarray(sigmas), limits
        samples = views.DOT | {"marker": ".", "alpha": 0.25, "markersize": 3}
        looks = {"noisy signal": views.GREY | {"linestyle": ":"}} | {name: {} for name in limits}
        looks["_here"] = views.DOT | {"color": views.LIMIT["color"]}
        shown = {
            "signal": views.signal("One signal, and its Bayes estimate"),
            "response": views.Lines(
                "What the best estimator makes of a sample",
                {"_samples": samples, "mean response": views.ORANGE},
                ("noisy sample y", -10, 20), ("Bayes estimate", -3, 14), diagonal=True,
                legend={"loc": "upper left"}, note={"x": 0.5, "y": 0.5, "ha": "center"},
            ),
            "limits": views.Lines(
                "The Bayes limit", looks, ("noise sigma", 0, 6.2), ("RMSE", 0, 3.2),
                legend={"loc": "lower right", "ncols": 2},
            ),
        }  # fmt: skip
        super().__init__({}, shown, "signal signal; response limits")

    def answer(self, seen):
        """Show the signal at this noise level."""
        best, family = seen.best, seen.family
        named = {"noisy": seen.noisy} | ({} if best is None else {"Bayes": best})
        lines = {name: (self.sigmas, values) for name, values in self.limits.items()}
        if family in self.limits:
            now = np.interp(seen.sigma, self.sigmas, self.limits[family])
            lines["_here"] = [seen.sigma], [now]
        return {
            "estimate": best,
            "response": {
                "_samples": None if best is None else (seen.noisy.ravel(), best.ravel()),
                "note": "no exact limit for this family" if best is None else "",
                **seen.responses(**{"mean response": best}),
            },
            "limits": {"noisy signal": (self.sigmas, self.sigmas), "chosen": family} | lines,
            "numbers": {
                name: f"RMSE {metrics.rmse(estimate, seen.clean)[seen.which]:.3f}, "
                f"PSNR {metrics.psnr(estimate, seen.clean)[seen.which]:.2f} dB"
                for name, estimate in named.items()
            },
        }


class FilterPanel(SignalPanel):
    """Turn one classical filter: signal, residual, shrinkage curve, and error over its parameter.

    Parameters
    ----------
    family, method : str
        What to start with, names in `signals.FAMILIES` and `data.FAST_METHODS`.
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
            "method": menu("filter", data.FAST_METHODS, method),
            "lam": log_slider("lambda", value, -2, 5),
            "window": slider("window", 3, 3, 61, 2),
            "gamma": slider("gamma", 0.8, 0.0, 0.95, 0.05),
        }
        used = {
            "lam": lambda v: data.FAST_METHODS[v.method].parameter == "lambda",
            "window": lambda v: data.FAST_METHODS[v.method].parameter == "window",
            "gamma": lambda v: data.FAST_METHODS[v.method].gamma,
        }
        estimate, band = (views.BLUE | {"linewidth": width} for width in (1.6, 0.6))
        residual = views.GREY | {"marker": ".", "linewidth": 0.8}
        zero = views.BLACK | {"linewidth": 0.8}
        looks = {"Bayes limit": views.LIMIT, "SURE": views.ORANGE | {"linestyle": ":"}}
        looks["RMSE"] = estimate
        looks["SURE's choice"] = views.ORANGE | {"linestyle": "", "marker": "v"}
        shown = {
            "signal": views.signal("Signal and estimate"),
            "residual": views.Lines(
                "Residual y - estimate", {"_residual": residual, "_zero": zero},
                views.TIME, ("amplitude", -12, 12),
            ),
            "response": views.response(
                "Shrinkage curve", {"filter": estimate, "_above": band, "_below": band}
            ),
            "errors": views.errors(
                f"Error, {data.SIGNALS} signals", looks, "", ("RMSE", 0, 6),
                legend=views.RIGHT, xscale="log",
            ),
        }  # fmt: skip
        mosaic = "signal signal signal; residual response errors"
        super().__init__(controls, shown, mosaic, family, used=used)

    def answer(self, seen, method, lam, window, gamma):
        """Apply the filter as it is set."""
        name, method = method, data.FAST_METHODS[method]
        options = {"gamma": gamma} if method.gamma else {}
        value = window if method.parameter == "window" else lam
        sure, oracle = (
            data.tuned(seen.family, seen.sigma, name, labels, **options) for labels in (False, True)
        )
        estimate, by_sure, by_labels = (
            method.denoise(seen.noisy, seen.sigma, each, **options)
            for each in (value, sure.value, oracle.value)
        )
        y, mean, spread = shrinkage_curve(seen.noisy, estimate, data.EDGES)
        ends, ticks = method.grid[[0, -1]].tolist(), TICKS[method.parameter]
        choices = {
            "with SURE's choice": f"{seen.error(by_sure)} ({sure.value:.4g})",
            "with the oracle's": f"{seen.error(by_labels)} ({oracle.value:.4g})",
        }
        return {
            "estimate": estimate,
            "residual": {
                "_residual": (seen.noisy - estimate)[seen.which],
                "_zero": ([-1, 100], [0, 0]),
            },
            "response": seen.responses(Bayes=seen.best)
            | {"filter": (y, mean), "_above": (y, mean + spread), "_below": (y, mean - spread)},
            "errors": {
                "Bayes limit": (ends, [root(seen.best, seen.clean)] * 2),
                "SURE": (sure.grid, sure.risk),
                "RMSE": (oracle.grid, oracle.risk),
                "SURE's choice": ([sure.value], [sure.risk.min()]),
                "_here": ([value], [root(estimate, seen.clean)]),
                "xticks": ticks,
                "xticklabels": [str(tick) for tick in ticks],
                "xlim": ends,
                "xlabel": method.parameter,
            },
            "numbers": seen.scores(estimate, **choices),
        }


def root(estimate, clean):
    """Return the root of the mean squared error over all signals, as `Method.tune` measures."""
    return np.nan if estimate is None else np.sqrt(np.mean((estimate - clean) ** 2))


class MethodsPanel(SignalPanel):
    """Rank filters, tuned without labels, learned laws, and networks against the limit.

    Parameters
    ----------
    family : str
        What to start with, a name in `signals.FAMILIES`.
    nets : dict of (str, str) to Network, optional
        By family and name. Families need not have the same ones.

    Examples
    --------
    >>> panel = MethodsPanel("blocks")
    >>> print(panel.names[:2])
    ['law: stays or jumps', 'total variation']
    """

    def __init__(self, family="sparse_spikes", nets=None):
        self.nets = copied(nets or {})
        self.taught = list(dict.fromkeys(name for _, name in self.nets))
        options = [*data.FAST_METHODS, *FAST, *self.taught]
        shown = {
            "ranking": views.Ranking(
                f"Ranking, {data.SIGNALS} signals", len(options),
                x=("RMSE / sigma (1: nothing gained)", 0, 2.2),
            ),
        }  # fmt: skip
        room = {"top": 0.91, "bottom": 0.14, "wspace": 0.48, "width_ratios": (3, 2)}
        room["figsize"] = (10, 2.2 + 0.16 * len(options))
        controls = {"method": menu("shown", options, "soft")}
        super().__init__(controls, shown, "signal ranking", family, **room)

    @property
    def names(self):
        """The methods from best to worst."""
        return self.views["ranking"].names

    def answer(self, seen, method):
        """Tune all filters by SURE, learn all laws at this noise level, and rank all methods."""
        ways = {label(name): name for name in (*data.FAST_METHODS, *FAST)}
        ways |= {name: net for (family, name), net in self.nets.items() if family == seen.family}
        found = {name: seen.denoised(way) for name, way in ways.items()}
        ranked = {
            name: metrics.mean_ci(metrics.rmse(estimate, seen.clean) / seen.sigma)
            for name, estimate in found.items()
        }
        shown, winner = label(method), min(ranked, key=lambda name: ranked[name][0])
        error = {name: f"{seen.sigma * mean:.3f}" for name, (mean, _) in ranked.items()}
        if shown in found:
            numbers = {f"{shown}: RMSE": error[shown]}
        else:
            numbers = {shown: f"no network for {seen.family}"}
        if method in data.FAST_METHODS:
            value = data.tuned(seen.family, seen.sigma, method, labels=False).value
            numbers[f"{data.FAST_METHODS[method].parameter} by SURE"] = f"{value:.4g}"
        limit = None if seen.best is None else seen.rmse(seen.best) / seen.sigma
        return {
            "estimate": found.get(shown),
            "ranking": {"scores": ranked, "limit": limit, "other": self.taught},
            "numbers": numbers | {"best": f"{winner} {error[winner]}", "limit": seen.limit},
        }
