"""Panels of trained networks: their errors, batch norm's modes, lessons, and the prior."""

import copy
from functools import cache

import ipywidgets as ipw
import numpy as np

from denoiselib import filters, nn, plots
from denoiselib.interpret import features, find_layers
from denoiselib.signals import add_noise
from denoiselib.widgets import data, views
from denoiselib.widgets.panel import SignalPanel, copied, menu, slider

#: Filters to stand beside networks, by their labels.
SURE_FILTERS = {"soft threshold (SURE)": "soft", "Wiener (SURE)": "wiener"}
#: Where a network takes its statistics from in these modes.
STATISTICS = {"fixed": "running", "unfixed": "batch", "alone": "signal"}
#: How batch norm finds its mean and variance.
MODES = {
    "fixed": "fixed: running statistics",
    "unfixed": "unfixed: of the batch",
    "alone": "unfixed: of each signal",
    "none": "no batch norm",
}
#: What each method shows a network, and compares it with: from two noisy copies and their level.
LESSONS = {
    "noise2noise": lambda pair, sigma: nn.unsupervised.noise2noise(lambda step: pair),
    "SURE": lambda pair, sigma: nn.unsupervised.sure(lambda step: pair, sigma),
    "recorrupted": lambda pair, sigma: nn.unsupervised.recorrupted(lambda step: pair, sigma, 0.3),
    "noise2self": lambda pair, sigma: nn.unsupervised.noise2self(lambda step: pair),
    "neighbor2neighbor": lambda pair, sigma: nn.unsupervised.neighbor2neighbor(lambda step: pair),
}
BETAS = np.linspace(0, 2, 9)  #: of the prior's error curve


class NetworkPanel(SignalPanel):
    """Let trained networks meet signals and noise that they may not know.

    Beside the networks stand two filters tuned by SURE at each noise level, and the Bayes limit.

    Parameters
    ----------
    nets : dict of str to Network
        By the name in the menu.

    Examples
    --------
    >>> panel = NetworkPanel({"untrained": nn.PlainNet(rng=0)})
    >>> panel.set(sigma=1.0)
    >>> print(str(panel).split(", ")[-1])
    limit 0.517
    """

    def __init__(self, nets):
        self.nets = nets
        looks = {name: {} for name in nets}
        for name, style in zip(SURE_FILTERS, ("-.", ":"), strict=True):
            looks[name] = {"color": "0.4", "linestyle": style}
        title = f"Error against the noise level, {data.SIGNALS} signals"
        curve = {"network": views.BLUE}
        shown = {
            "response": views.response("What becomes of a sample, on average", curve),
            "errors": views.errors(title, looks, ("noise sigma", 0.4, 6.1)),
        }
        controls = {"net": menu("network", nets)}
        super().__init__(controls, shown, "signal signal; response errors", wspace=0.16)

    def answer(self, seen, net):
        """Denoise with the network chosen."""
        estimate = seen.denoised(self.nets[net])
        return {
            "estimate": estimate,
            "response": seen.responses(Bayes=seen.best, network=estimate),
            "errors": self.errors(seen, self.nets | SURE_FILTERS, estimate, 5.0, net),
            "numbers": seen.scores(estimate),
        }


class ModesPanel(SignalPanel):
    """Train at one noise level, test at another, with batch norm in each of its modes.

    ``unfixed: of the batch`` takes mean and variance from the panel's 32 signals together,
    ``unfixed: of each signal`` from each by itself.

    Parameters
    ----------
    nets : dict of float to nn.PlainNet
        By the noise level of their training.

    Examples
    --------
    >>> panel = ModesPanel({3.0: nn.PlainNet(width=4, depth=3, rng=0)})
    >>> panel.set(mode="alone")
    >>> panel.shown["limit"]
    '1.602'
    """

    def __init__(self, nets):
        self.nets = {mode: copied(nets, place) for mode, place in STATISTICS.items()}
        usual = 3.0 if 3.0 in nets else next(iter(nets))
        normed = [name for name, layer in find_layers(nets[usual]).items() if layer.norm]
        sigmas = [(f"{sigma:g}", sigma) for sigma in sorted(nets)]
        controls = {
            "trained": ipw.SelectionSlider(options=sigmas, value=usual, description="trained at"),
            "mode": menu("batch norm", [(MODES[name], name) for name in STATISTICS]),
            "layer": menu("features of", normed),
        }
        looks = {MODES[name]: {} for name in STATISTICS}
        looks["trained here"] = views.GREY | {"linestyle": ":"}
        title = f"Error against the noise level at test, {data.SIGNALS} signals"
        shown = {
            "features": views.Histograms(
                "Features of the layer",
                {"before batch norm": plots.OTHER, "after": plots.ESTIMATE}, np.linspace(-8, 8, 81),
                y=("histogram, peak at 1", 0, 1.35), legend={"loc": "upper left", "fontsize": 8},
            ),
            "errors": views.errors(title, looks),
        }  # fmt: skip
        mosaic = "signal signal signal; features errors errors"
        super().__init__(controls, shown, mosaic, sigma="tested at")

    def answer(self, seen, trained, mode, layer):
        """Denoise in the mode chosen."""
        ways = {MODES[name]: nets[trained] for name, nets in self.nets.items()}
        net = self.nets[mode][trained]
        estimate, inside = seen.denoised(net), features(net, seen.noisy)[layer]
        errors = self.errors(seen, ways, estimate, 4.0, MODES[mode])
        return {
            "estimate": estimate,
            "features": {"before batch norm": inside.before, "after": inside.normal},
            "errors": errors | {"trained here": ([trained] * 2, errors["ylim"])},
            "numbers": seen.scores(estimate)
            | {"deviation before": f"{inside.before.std():.2f}"}
            | {"after": f"{inside.normal.std():.2f}"},
        }


class LessonsPanel(SignalPanel):
    """Look at what a method teaches from, and at the network that it has taught.

    The lesson is as in training: what the network sees of this signal, and what its output is
    compared with, where that counts. At test it sees the noisy signal itself.

    Parameters
    ----------
    nets : dict of (str, str) to Network
        By family and method: ``"supervised"``, or a name in `LESSONS`.

    Examples
    --------
    >>> nets = {("blocks", name): nn.PlainNet(rng=0) for name in ("supervised", "SURE")}
    >>> panel = LessonsPanel(nets)
    >>> panel.set(method="supervised")
    >>> panel.shown["limit"]
    '0.983'
    """

    def __init__(self, nets):
        self.nets = copied(nets)
        families, methods = (list(dict.fromkeys(names)) for names in zip(*nets, strict=True))
        target = views.ORANGE | {"linestyle": "", "marker": "."}
        looks = {"supervised": views.ORANGE, "this method": views.BLUE}
        shown = {
            "lesson": views.Lines(
                "The lesson", {"seen": views.GREY, "compared with": target},
                views.TIME, ("amplitude", -16, 26), legend=views.RIGHT,
            ),
            "errors": views.errors("Errors", looks, legend={"loc": "upper left", "fontsize": 8}),
        }  # fmt: skip
        controls = {"method": menu("method", methods, methods[-1])}
        mosaic = "signal signal signal; lesson lesson errors"
        super().__init__(controls, shown, mosaic, families[0], families)

    def answer(self, seen, method):
        """Denoise by the network that the method chosen has taught."""
        names = {"supervised": "supervised", "this method": method}
        nets = {name: self.nets[seen.family, key] for name, key in names.items()}
        taught, estimate = (seen.denoised(net) for net in nets.values())
        at, lesson = taught_by(method, seen.clean, seen.noisy, seen.sigma)
        return {
            "estimate": estimate,
            "lesson": {name: (at, signals[seen.which]) for name, signals in lesson.items()},
            "errors": self.errors(seen, nets, estimate, 4.0),
            "numbers": seen.scores(estimate, supervised=seen.error(taught)),
        }


def taught_by(method, clean, noisy, sigma):
    """Return times, and what a network sees of signals there and what it is compared with."""
    time = np.arange(clean.shape[-1])
    if method == "supervised":
        return time, {"seen": noisy, "compared with": clean}
    pair = noisy, add_noise(clean, sigma, rng=3)
    seen, target, weight, *_ = LESSONS[method](pair, sigma).data(step=0)
    at = time if seen.shape == clean.shape else time[:-1:2]  # one of each pair
    return at, {"seen": seen, "compared with": np.where(weight > 0, target, np.nan)}


class PriorPanel(SignalPanel):
    """Turn the weight of the prior's mask, and see whether the estimate cares.

    All signals pass as one batch, so that they share one mask, ``1 + beta h``. The slider takes the
    place of the beta that was trained, with which it starts; with 0 there is no mask.

    Parameters
    ----------
    net : nn.UNet
        With a prior network; a copy of it does the work, in its mode.

    Examples
    --------
    >>> panel = PriorPanel(nn.UNet(prior=True, rng=0).eval())
    >>> panel.set(beta=0.0)
    >>> panel.shown["mask"]
    '1.00 to 1.00'
    """

    def __init__(self, net):
        self.net = copy.deepcopy(net).eval("running" if net.training else net.statistics)
        self.over_beta = cache(self.over_beta)
        trained = round(net.wienernet.beta.data.item(), 2)
        mask = self.masked(trained, data.Seen("sparse_spikes", 3.0))[1]
        beta = slider("beta", trained, min(trained, 0.0), max(trained, 2.0), 0.01)
        shown = {
            "signal": views.signal("Signal and estimate"),
            "system": views.Lines(
                "System function h0 of this signal", {"_h0": views.ORANGE},
                ("lag (samples)", -50, 50), ("magnitude", 0, 1.2),
            ),
            "mask": views.Picture(
                "Mask 1 + beta h of the batch", mask.shape,
                {"vmin": 1, "vmax": 4, "cmap": "viridis_r"}, "factor",
                x="channel", y="tap", yticks=(0, 1, 2), yticklabels=("-1", "0", "+1"),
            ),
            "errors": views.errors(
                f"Error, {data.SIGNALS} signals", {"network": views.BLUE}, ("beta", -0.1, 2.1),
                legend=views.RIGHT,
            ),
        }  # fmt: skip
        super().__init__({"beta": beta}, shown, "signal signal signal; system mask errors")

    def masked(self, beta, seen):
        """Return the estimates under the mask of a beta, and the mask, taps by channels."""
        self.net.wienernet.beta.data[...] = beta
        mask = self.net.wienernet(seen.noisy[:, None]).data[:, 0]
        return seen.denoised(self.net), mask.T

    def over_beta(self, family, sigma):
        """Return the errors for all of `BETAS`, computed once for signals."""
        seen = data.Seen(family, sigma)
        return [seen.rmse(self.masked(beta, seen)[0]) for beta in BETAS]

    def answer(self, seen, beta):
        """Denoise under the mask as it is set."""
        errors = self.over_beta(seen.family, seen.sigma)
        estimate, mask = self.masked(beta, seen)
        h0 = np.fft.fftshift(filters.wiener_system_function(seen.noisy[seen.which]))
        return {
            "estimate": estimate,
            "system": {"_h0": (np.arange(-50, 50), h0)},
            "mask": {"matrix": mask},
            "errors": {
                "network": (BETAS, errors),
                "_here": ([beta], [seen.rmse(estimate)]),
                "Bayes limit": ([0, 2], [seen.rmse(seen.best)] * 2),
                "ylim": (0, 8 if seen.family == "tones" else 4),
            },
            "numbers": {
                seen.ALL: seen.error(estimate),
                "without mask": f"{errors[0]:.3f}",
                "limit": seen.limit,
                "mask": f"{mask.min():.2f} to {mask.max():.2f}",
            },
        }
