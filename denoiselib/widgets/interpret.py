"""Panels that read a network: its layers, its filters, and what becomes of a sample."""

import numpy as np

from denoiselib import interpret, nn, plots
from denoiselib.widgets import data, views
from denoiselib.widgets.networks import MODES
from denoiselib.widgets.panel import SignalPanel, copied, menu, slider

ROOM = {"left": 0.085, "top": 0.93, "bottom": 0.12, "hspace": 0.6, "wspace": 0.28}
EDGES = np.linspace(-10, 20, 121)  #: bins of the shrinkage curves, narrow: their width is no spread
FREQUENCIES = np.linspace(0, 0.5, 129)  #: of the response of a kernel, in cycles per sample
FIXED, UNFIXED = "4 x features, fixed", "4 x features, unfixed"


class LayerPanel(SignalPanel):
    """Turn one layer of a network: a kernel of three taps, batch norm, ReLU.

    The running statistics of the mode *fixed* are those of the features at noise level 3, gathered
    anew for each family and kernel. Without batch norm, beta is the bias of the kernel.

    Notes
    -----
    For the noisy signal Y, ``relu(gamma (K * Y - mean) / sqrt(var + eps) + beta)``, where
    ``(K * Y)[t] = K[-1] Y[t - 1] + K[0] Y[t] + K[1] Y[t + 1]``.

    Examples
    --------
    >>> panel = LayerPanel()
    >>> panel.set(mode="none", beta=-2.6)
    >>> print(str(panel).split(",")[0])
    32 signals: RMSE 1.643
    """

    def __init__(self):
        controls = {
            "mode": menu("batch norm", [(text, name) for name, text in MODES.items()]),
            "before": slider("K[-1]", 0.0, -1.5, 1.5, 0.05),
            "here": slider("K[0]", 1.0, -1.5, 1.5, 0.05),
            "after": slider("K[1]", 0.0, -1.5, 1.5, 0.05),
            "gamma": slider("gamma", 3.9, 0.0, 6.0, 0.1),
            "beta": slider("beta", -1.5, -6.0, 6.0, 0.1),
        }
        shown = {
            "signal": views.signal("Into the layer: noisy. Out of it: estimate"),
            "kernel": views.Lines(
                "What the kernel lets pass", {"_response": views.BLUE},
                views.FREQUENCY, ("|K(f)|", 0, 4.6),
            ),
            "features": views.Histograms(
                f"Features before the ReLU, {data.SIGNALS} signals",
                {"K * Y": plots.OTHER, "after batch norm": plots.ESTIMATE},
                np.linspace(-20, 30, 101), "ReLU makes this 0", y=("histogram, peak at 1", 0, 1.2),
                legend={"loc": "upper right"},
            ),
        }  # fmt: skip
        used = {"gamma": lambda v: v.mode != "none"}
        mosaic = "signal signal signal; kernel features features"
        super().__init__(controls, shown, mosaic, used=used)

    def answer(self, seen, mode, before, here, after, gamma, beta):
        """Pass the signals through the layer."""
        usual = data.Seen(seen.family, 3.0).noisy
        noisy = seen.clean + seen.sigma / 3 * (usual - seen.clean)
        kernel = np.array([[[before, here, after]]])
        features, known = (
            nn.ops.conv1d(y[:, None], kernel, padding=1).data[:, 0] for y in (noisy, usual)
        )
        normal, mean, deviation = normalised(features, known, mode, gamma, beta)
        output = nn.ops.relu(normal).data
        shifts = np.exp(-2j * np.pi * np.outer(FREQUENCIES, (-1, 0, 1)))
        mean, deviation = (np.broadcast_to(x, len(output))[seen.which] for x in (mean, deviation))
        return {
            "estimate": output,
            "kernel": {"_response": (FREQUENCIES, np.abs(shifts @ kernel[0, 0]))},
            "features": {"K * Y": features, "after batch norm": normal},
            "normal": normal,
            "numbers": {
                seen.ALL: seen.error(output),
                "mean taken away": f"{mean:.2f}",
                "divided by": f"{deviation:.2f}",
                "deviation before": f"{features.std():.2f}",
                "after": f"{normal.std():.2f}",
                "made 0": f"{100 * np.mean(output == 0):.1f} %",
            },
        }


def normalised(features, usual, mode, gamma, beta):
    """Return features ``(n, length)`` behind batch norm, and the mean and deviation it has used.

    Running statistics are those of `usual`. In the mode *alone* each signal has its own mean and
    deviation, ``(n,)``.
    """
    if mode == "none":
        return features + beta, 0.0, 1.0
    alone = mode == "alone"  # then a signal is a channel
    x, known = (y[None] if alone else y[:, None] for y in (features, usual))
    layer = nn.BatchNorm1d(x.shape[1], dtype=np.float64)
    nn.norm.recalibrate(layer, [known if mode == "fixed" else x])
    layer.eval("running" if mode == "fixed" else "batch")
    layer.weight.data[...], layer.bias.data[...] = gamma, beta
    mean, deviation = layer.running_mean.data, np.sqrt(layer.running_var.data)
    return layer(x).data.reshape(features.shape), mean, deviation


class FeaturePanel(SignalPanel):
    """Look at one channel of one layer: its kernel, its response, its features in both modes.

    In *unfixed* mode the batch are all signals of the panel. The features before batch norm are
    those of the fixed mode.

    Parameters
    ----------
    nets : dict of str to Network
        By the name in the menu.

    Examples
    --------
    >>> panel = FeaturePanel({"untrained": nn.PlainNet(rng=0)})
    >>> panel.set(layer="layer 2")
    >>> panel.shown["reads"]
    '16 channels'
    """

    def __init__(self, nets):
        self.fixed, self.unfixed = copied(nets), copied(nets, "batch")
        self.layers = {name: interpret.find_layers(net) for name, net in self.fixed.items()}
        net = next(iter(nets))
        controls = {
            "net": menu("network", nets),
            "layer": menu("layer", self.layers[net]),
            "channel": slider("channel", 0, 0, 15, 1),
        }
        follow = {
            "layer": lambda v: {"options": tuple(self.layers[v.net])},
            "channel": lambda v: {"max": len(self.kernels(v.net, v.layer)) - 1},
        }
        looks = {name: plots.LOOKS[name] for name in ("noisy", "clean")}
        looks[FIXED] = plots.LOOKS["estimate"]
        looks[UNFIXED] = views.ORANGE | {"drawstyle": "steps-mid"}
        colors = {"before": plots.CLEAN, "fixed": plots.ESTIMATE, "unfixed": plots.OTHER}
        shown = {
            "signal": views.Lines(
                "Behind the ReLU", looks, views.TIME, "amplitude", legend=views.ABOVE | {"ncols": 4}
            ),
            "kernel": views.Picture(
                "Kernel: red +, blue -", (1, 3),
                {"cmap": "RdBu_r", "extent": (0, 1, 1, 0), "interpolation": "nearest"},
                x="taps", y="channels it reads", xticks=[], yticks=[],
            ),
            "response": views.Lines(
                "Response (blue: strongest)",
                {"_all": views.GREY | {"linewidth": 0.6}, "_one": views.BLUE},
                views.FREQUENCY, ("|K(f)| / peak", 0, 1.05),
            ),
            "features": views.Histograms(
                "Features, peak at 1", colors, np.linspace(-12, 12, 49), "",
                y=("histogram", 0, 1.5),
                legend={"loc": "upper center", "fontsize": 8, "ncols": 3, "handlelength": 1,
                        "columnspacing": 1, "borderaxespad": 0},
            ),
        }  # fmt: skip
        mosaic = "signal signal signal; kernel response features"
        super().__init__(controls, shown, mosaic, figsize=(8, 4.2), follow=follow, **ROOM)

    def kernels(self, net, layer):
        """Return the kernels of a layer, ``(channels, channels it reads, taps)``."""
        return self.layers[net][layer].conv.weight.data

    def answer(self, seen, net, layer, channel):
        """Pass the signals through the network, in both modes."""
        both = [nets[net] for nets in (self.fixed, self.unfixed)]
        fixed, unfixed = (interpret.features(each, seen.noisy)[layer] for each in both)
        kernel, length = self.kernels(net, layer)[channel], fixed.output.shape[-1]
        times = (np.arange(length) + 0.5) * seen.noisy.shape[-1] / length - 0.5
        f, responses = interpret.frequency_response(kernel)
        responses = np.abs(responses) / (np.abs(responses).max() or 1)
        gaps = np.full((len(kernel), 1), np.nan)
        every = np.tile([*f, np.nan], len(kernel)), np.hstack([responses, gaps]).ravel()
        strongest = responses[np.linalg.norm(kernel, axis=1).argmax()]
        arrays = {"before": fixed.before, "fixed": fixed.normal, "unfixed": unfixed.normal}
        arrays = {name: array[:, channel] for name, array in arrays.items()}
        outputs = [features.output[:, channel] for features in (fixed, unfixed)]
        behind = [(times, 4 * output[seen.which]) for output in outputs]
        zeros = [f"{100 * np.mean(output == 0):.1f} %" for output in outputs]
        return {
            "signal": dict(zip((FIXED, UNFIXED), behind, strict=True)),
            "kernel": {"matrix": kernel},
            "response": {"_all": every, "_one": (f, strongest)},
            "features": arrays,
            "numbers": {
                "reads": f"{len(kernel)} channel{'s' if len(kernel) > 1 else ''}",
                "deviation before": f"{arrays['before'].std():.2f}",
                "after, fixed": f"{arrays['fixed'].std():.2f}",
                "after, unfixed": f"{arrays['unfixed'].std():.2f}",
                "made 0, fixed": zeros[0],
                "unfixed": zeros[1],
            },
        }


class EffectiveFilterPanel(SignalPanel):
    """Move along a signal and see the filter that a network applies at each sample.

    It is row i of J, where the network is J y + b (`interpret.linearise`).

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu; in evaluation mode.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Examples
    --------
    >>> panel = EffectiveFilterPanel({"untrained": nn.PlainNet(rng=0).eval()})
    >>> panel.set(sample=20)
    >>> len(panel.found["filter"]["_weights"])
    100
    """

    def __init__(self, nets, family="sparse_spikes"):
        self.nets = nets
        controls = {"net": menu("network", nets), "sample": slider("sample", 50, 0, 99, 1)}
        mark = views.ORANGE | {"alpha": 0.35, "linewidth": 3}
        weights = views.BLUE | {"drawstyle": "steps-mid"}
        title = "The filter that the network applies there: row i of J"
        shown = {
            "signal": views.signal("The estimate, and the sample chosen", _here=mark),
            "filter": views.Lines(
                title, {"_here": mark, "_weights": weights}, views.TIME, "weight"
            ),
        }
        super().__init__(controls, shown, "signal; filter", family, figsize=(8, 3.8), **ROOM)

    def answer(self, seen, net, sample):
        """Differentiate the estimate at the sample chosen."""
        y, net = seen.noisy[seen.which], self.nets[net]
        estimate = net.denoise(y)
        row = interpret.jacobian(net, y, rows=[sample])[0].astype(float)
        power, distance = row**2, np.arange(len(row)) - sample
        reach = np.sqrt((power * distance**2).sum() / (power.sum() or 1))
        small, large = (-0.12, 0.32), (-0.65, 1.35)
        fits = small[0] < row.min() and row.max() < small[1]
        limits = small if seen.family == "blocks" and fits else large
        here = {"_here": ([sample, sample], data.heights(seen.family))}
        return {
            "signal": {"estimate": estimate} | here,
            "filter": {"_here": ([sample, sample], limits), "_weights": row, "ylim": limits},
            "numbers": {
                "noisy": f"{y[sample]:.2f}",
                "estimate": f"{estimate[sample]:.2f}",
                "J y": f"{row @ y:.2f}",
                "b": f"{estimate[sample] - row @ y:.2f}",
                "own weight": f"{row[sample]:.3f}",
                "sum of weights": f"{row.sum():.3f}",
                "reach": f"{reach:.2f} samples",
            },
        }


class ShrinkagePanel(SignalPanel):
    """Compare what a network or a filter makes of a sample with what the Bayes estimate makes.

    "Bayes" is the joint rule, which uses all samples of a signal.

    Parameters
    ----------
    nets : dict of str to nn.modules.Network
        By the name in the menu, where filters tuned by SURE follow.

    Examples
    --------
    >>> panel = ShrinkagePanel({"untrained": nn.PlainNet(rng=0).eval()})
    >>> panel.set(denoiser="soft threshold", sigma=1.0)
    >>> panel.shown["limit"]
    '0.517'
    """

    def __init__(self, nets):
        self.ways = nets | {each.label: name for name, each in data.FAST_METHODS.items()}
        looks, neighbours = {"denoiser": views.BLUE}, "How much the neighbours change it"
        shown = {
            "mean": views.response("What becomes of a sample, on average", looks),
            "spread": views.response(
                neighbours, looks, y=("spread", 0, 3), diagonal=False, legend=None
            ),
        }
        controls = {"denoiser": menu("denoiser", self.ways)}
        super().__init__(controls, shown, "signal signal; mean spread", figsize=(8, 4.2), **ROOM)

    def answer(self, seen, denoiser):
        """Denoise, and gather estimates by noisy sample."""
        estimate = seen.denoised(self.ways[denoiser])
        named = {"Bayes": seen.best, "denoiser": estimate}
        return {
            "estimate": estimate,
            "mean": seen.responses(EDGES, **named),
            "spread": seen.responses(EDGES, "spread", **named),
            "numbers": {seen.ALL: seen.error(estimate), "limit": seen.limit},
        }
