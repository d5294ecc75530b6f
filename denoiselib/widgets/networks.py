"""Panels of trained networks: their errors, batch norm's modes, lessons, and the prior."""

import copy
from functools import cache

import ipywidgets as ipw
import numpy as np

from denoiselib import filters, metrics, plots
from denoiselib.interpret import features, find_layers
from denoiselib.nn import unsupervised
from denoiselib.signals import add_noise
from denoiselib.widgets import data, views
from denoiselib.widgets.panel import Panel, copied, menu, slider, with_signal

#: Filters to stand beside networks: their labels, names and looks.
FILTERS = {"soft threshold (SURE)": ("soft", "-."), "Wiener (SURE)": ("wiener", ":")}
#: Where a network takes its statistics from in these modes.
WAYS = {"fixed": "running", "unfixed": "batch", "alone": "signal"}
#: How batch norm finds its mean and variance.
MODES = {
    "fixed": "fixed: running statistics",
    "unfixed": "unfixed: of the batch",
    "alone": "unfixed: of each signal",
    "none": "no batch norm",
}
#: What each method shows a network, and compares it with: from two noisy copies and their level.
LESSONS = {
    "noise2noise": lambda pair, sigma: unsupervised.noise2noise(lambda step: pair),
    "SURE": lambda pair, sigma: unsupervised.sure(lambda step: pair, sigma),
    "recorrupted": lambda pair, sigma: unsupervised.recorrupted(lambda step: pair, sigma, 0.3),
    "noise2self": lambda pair, sigma: unsupervised.noise2self(lambda step: pair),
    "neighbor2neighbor": lambda pair, sigma: unsupervised.neighbor2neighbor(lambda step: pair),
}
BETAS = np.linspace(0, 2, 9)  #: of the prior's error curve


class NetworkPanel(Panel):
    """Let trained networks meet signals and noise that they may not know.

    Beside the networks stand two filters tuned by SURE at each noise level, and the Bayes limit.

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = NetworkPanel({"untrained": nn.PlainNet(rng=0)})
    >>> panel.set(sigma=1.0)
    >>> print(str(panel).split(", ")[-1])
    limit 0.517
    """

    def __init__(self, nets, family="sparse_spikes"):
        self.nets, self.errors = nets, cache(self.errors)
        title = f"Error against the noise level, {data.SIGNALS} signals"
        curves = {"Bayes": views.LIMIT, "network": views.BLUE}
        looks = {name: {} for name in nets}
        looks |= {k: {"color": "0.4", "linestyle": style} for k, (_, style) in FILTERS.items()}
        shown = {
            "signal": views.signal("One signal"),
            "response": views.response("What becomes of a sample, on average", curves),
            "errors": views.errors(title, looks, xlabel="noise sigma"),
        }
        controls = with_signal({"net": menu("network", nets)}, family)
        mosaic = "signal signal; response errors"
        super().__init__(controls, shown, mosaic, wspace=0.16)

    def errors(self, family):
        """Return the errors of everything at all levels, computed once for a family."""
        cleans = {sigma: data.batch(family, sigma)[0] for sigma in data.SIGMAS.tolist()}
        return data.errors(self.nets, family) | {
            label: [data.rmse(data.by_sure(family, s, name), x) for s, x in cleans.items()]
            for label, (name, _) in FILTERS.items()
        }

    def compute(self, family, sigma, net, which):
        """Denoise with the network chosen."""
        clean, noisy, best = data.batch(family, sigma)
        estimate = self.nets[net].denoise(noisy)
        error, curves = data.rmse(estimate, clean), {"Bayes": best, "network": estimate}
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=estimate),
            "response": {name: data.response(noisy, x) for name, x in curves.items()},
            "errors": views.over_sigma(self.errors(family), sigma, error, 5.0, net),
            "numbers": data.scores(estimate, clean, best, which),
        }


class ModesPanel(Panel):
    """Train at one noise level, test at another, with batch norm in each of its modes.

    ``unfixed: of the batch`` takes mean and variance from the panel's 32 signals together,
    ``unfixed: of each signal`` from each by itself.

    Parameters
    ----------
    nets : dict of float to nn.PlainNet
        By the noise level of their training.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = ModesPanel({3.0: nn.PlainNet(width=4, depth=3, rng=0)})
    >>> panel.set(mode="alone")
    >>> panel.shown["limit"]
    '1.602'
    """

    EDGES = np.linspace(-8, 8, 81)

    def __init__(self, nets):
        self.nets = {mode: copied(nets, way) for mode, way in WAYS.items()}
        self.errors = cache(self.errors)
        usual = 3.0 if 3.0 in nets else next(iter(nets))
        normed = [name for name, layer in find_layers(nets[usual]).items() if layer.norm]
        sigmas = [(f"{sigma:g}", sigma) for sigma in sorted(nets)]
        controls = {
            "trained": ipw.SelectionSlider(options=sigmas, value=usual, description="trained at"),
            "mode": menu("batch norm", [(MODES[name], name) for name in WAYS]),
            "layer": menu("features of", normed),
        }
        title = f"Error against the noise level at test, {data.SIGNALS} signals"
        looks = {MODES[name]: {} for name in WAYS}
        looks |= {"trained here": {"color": plots.NOISY, "linestyle": ":"}}
        shown = {
            "signal": views.signal("One signal"),
            "features": views.Histograms(
                "Features of the layer",
                {"before batch norm": plots.OTHER, "after": plots.ESTIMATE},
                self.EDGES, legend={"loc": "upper left", "fontsize": 8}, ylim=(0, 1.35),
            ),
            "errors": views.errors(title, looks),
        }  # fmt: skip
        controls = with_signal(controls, "sparse_spikes", sigma="tested at")
        super().__init__(controls, shown, "signal signal signal; features errors errors")

    def errors(self, family, trained):
        """Return the errors in all modes and at all levels, computed once for a network."""
        return data.errors({MODES[mode]: self.nets[mode][trained] for mode in WAYS}, family)

    def compute(self, family, sigma, trained, mode, layer, which):
        """Denoise in the mode chosen."""
        clean, noisy, best = data.batch(family, sigma)
        net = self.nets[mode][trained]
        estimate, seen = net.denoise(noisy), features(net, noisy)[layer]
        error = data.rmse(estimate, clean)
        shown = views.over_sigma(self.errors(family, trained), sigma, error, 4.0, MODES[mode])
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=estimate),
            "features": {
                "before batch norm": data.histogram(seen.before, self.EDGES),
                "after": data.histogram(seen.normal, self.EDGES),
            },
            "errors": shown | {"trained here": ([trained] * 2, shown["ylim"])},
            "numbers": data.scores(estimate, clean, best, which)
            | {"deviation before": f"{seen.before.std():.2f}"}
            | {"after": f"{seen.normal.std():.2f}"},
        }


class LessonsPanel(Panel):
    """Look at what a method teaches from, and at the network that it has taught.

    The lesson is as in training: what the network sees of this signal, and what its output is
    compared with, where that counts. At test it sees the noisy signal itself.

    Parameters
    ----------
    nets : dict of (str, str) to Network
        By family and method: ``"supervised"``, or a name in `LESSONS`.

    Examples
    --------
    >>> from denoiselib import nn
    >>> nets = {("blocks", name): nn.PlainNet(rng=0) for name in ("supervised", "SURE")}
    >>> panel = LessonsPanel(nets)
    >>> panel.set(method="supervised")
    >>> panel.shown["limit"]
    '0.983'
    """

    def __init__(self, nets):
        self.nets, self.errors = copied(nets), cache(self.errors)
        families, methods = (list(dict.fromkeys(names)) for names in zip(*nets, strict=True))
        target = {"color": plots.OTHER, "linestyle": "", "marker": "."}
        looks = {"supervised": views.ORANGE, "this method": views.BLUE}
        shown = {
            "signal": views.signal("One signal"),
            "lesson": views.Lines(
                "The lesson", {"seen": views.GREY, "compared with": target},
                legend=views.RIGHT, ylim=(-16, 26), ylabel="amplitude",
                **views.TIME,
            ),
            "errors": views.errors("Errors", looks, legend={"loc": "upper left", "fontsize": 8}),
        }  # fmt: skip
        controls = {"method": menu("method", methods, methods[-1])}
        controls = with_signal(controls, families[0], families)
        super().__init__(controls, shown, "signal signal signal; lesson lesson errors")

    def errors(self, family, method):
        """Return the errors at all levels, computed once for a network."""
        names = {"supervised": "supervised", "this method": method}
        return data.errors({name: self.nets[family, key] for name, key in names.items()}, family)

    def compute(self, family, sigma, method, which):
        """Denoise by the network that the method chosen has taught."""
        clean, noisy, best = data.batch(family, sigma)
        estimate = self.nets[family, method].denoise(noisy)
        taught = self.nets[family, "supervised"].denoise(noisy)
        at_seen, seen, at_target, target = lesson(method, clean, noisy, sigma)
        between = {"supervised": f"{data.rmse(taught, clean):.3f}"}
        error = data.rmse(estimate, clean)
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=estimate),
            "lesson": {
                "seen": (at_seen, seen[which]),
                "compared with": (at_target, target[which]),
            },
            "errors": views.over_sigma(self.errors(family, method), sigma, error, 4.0),
            "numbers": data.scores(estimate, clean, best, which, between),
        }


def lesson(method, clean, noisy, sigma):
    """Return where and what a network sees of signals, and where and what it is compared with."""
    time = np.arange(clean.shape[-1])
    if method == "supervised":
        return time, noisy, time, clean
    pair = noisy, add_noise(clean, sigma, rng=3)
    seen, target, weight, *_ = LESSONS[method](pair, sigma).data(step=0)
    at = time if seen.shape == clean.shape else time[:-1:2]  # one of each pair
    return at, seen, at, np.where(weight > 0, target, np.nan)


class PriorPanel(Panel):
    """Turn the weight of the prior's mask, and see whether the estimate cares.

    All signals pass as one batch, so that they share one mask, ``1 + beta h``. The slider takes the
    place of the beta that was trained, with which it starts; with 0 there is no mask.

    Parameters
    ----------
    net : nn.UNet
        With a prior network; a copy of it does the work, in its mode.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = PriorPanel(nn.UNet(prior=True, rng=0).eval())
    >>> panel.set(beta=0.0)
    >>> panel.shown["mask"]
    '1.00 to 1.00'
    """

    def __init__(self, net, family="sparse_spikes"):
        self.net = copy.deepcopy(net).eval("running" if net.training else net.statistics)
        self.errors = cache(self.errors)
        trained = round(net.wienernet.beta.data.item(), 2)
        beta = slider("beta", trained, min(trained, 0.0), max(trained, 2.0), 0.01)
        colors = {"vmin": 1, "vmax": 4, "cmap": "viridis_r"}
        looks = {
            "network": views.BLUE,
            "_here": views.DOT,
            "Bayes limit": views.LIMIT,
        }
        shown = {
            "signal": views.signal("Signal and estimate"),
            "system": views.Lines(
                "System function h0 of this signal", {"_h0": views.ORANGE},
                xlim=(-50, 50), ylim=(0, 1.2), xlabel="lag (samples)", ylabel="magnitude",
            ),
            "mask": views.Picture(
                "Mask 1 + beta h of the batch", self.mask(trained, np.zeros((1, 100))).T.shape,
                colors, "factor", xlabel="channel", ylabel="tap",
                yticks=(0, 1, 2), yticklabels=("-1", "0", "+1"),
            ),
            "errors": views.Lines(
                f"Error, {data.SIGNALS} signals", looks, legend=views.RIGHT,
                xlim=(-0.1, 2.1), xlabel="beta", ylabel="RMSE",
            ),
        }  # fmt: skip
        controls = with_signal({"beta": beta}, family)
        super().__init__(controls, shown, "signal signal signal; system mask errors")

    def mask(self, beta, noisy):
        """Return the mask of a batch, channels by taps."""
        self.net.wienernet.beta.data[...] = beta
        return self.net.wienernet(noisy[:, None]).data[:, 0]

    def denoise(self, beta, noisy):
        """Return the estimates of a batch under the mask of a beta."""
        self.net.wienernet.beta.data[...] = beta
        return self.net.denoise(noisy)

    def errors(self, family, sigma):
        """Return the errors for all of `BETAS`, computed once for signals."""
        clean, noisy, _ = data.batch(family, sigma)
        return [data.rmse(self.denoise(beta, noisy), clean) for beta in BETAS]

    def compute(self, family, sigma, beta, which):
        """Denoise under the mask as it is set."""
        clean, noisy, best = data.batch(family, sigma)
        errors, mask = self.errors(family, sigma), self.mask(beta, noisy)
        estimate = self.denoise(beta, noisy)
        error = metrics.rmse(estimate, clean).mean()
        h0 = np.fft.fftshift(filters.wiener_system_function(noisy[which]))
        return {
            "signal": views.one(family, which, clean=clean, noisy=noisy, estimate=estimate),
            "system": {"_h0": (np.arange(-50, 50), h0)},
            "mask": {"matrix": mask.T},
            "errors": {
                "network": (BETAS, errors),
                "_here": ([beta], [error]),
                "Bayes limit": ([0, 2], [data.rmse(best, clean)] * 2),
                "ylim": (0, 8 if family == "tones" else 4),
            },
            "numbers": {
                f"{data.SIGNALS} signals: RMSE": f"{error:.3f}",
                "without mask": f"{errors[0]:.3f}",
                "limit": data.limit_text(best, clean),
                "mask": f"{mask.min():.2f} to {mask.max():.2f}",
            },
        }
