"""A panel of the slides' proposal: a penalty on the signal, or on the features of a layer."""

import copy
from functools import cache

import numpy as np

from denoiselib import interpret, nn, plots
from denoiselib.filters import prox
from denoiselib.interpret import as_batch, in_place_of
from denoiselib.nn import ops
from denoiselib.widgets import data, views
from denoiselib.widgets.panel import SignalPanel, log_slider, menu, slider

SIGNAL = "the signal itself"
STRENGTHS = 2.0 ** np.arange(-5, 6.1, 0.5)  #: of the error curve
FLOOR = 1e-4  #: added to statistics, as in `nn.norm.sparse`
LINE = np.linspace(-20, 20, 801)  #: what the map is drawn from

#: Where lambda comes from: what the slider multiplies.
THRESHOLDS = {
    "fixed": lambda h: np.ones((len(h), h.shape[1], 1), h.dtype),
    "c x MAD": lambda h: ops.mad(h).data + FLOOR,
    "c x mean |h|": lambda h: ops.mean_magnitude(h).data + FLOOR,
}
#: Names in `prox.PENALTIES`, from the mildest power to the hardest; `power` has a p of its own.
PENALTY_NAMES = ("l1", "nonnegative_l1", "l_two_thirds", "l_half", "l0", "firm", "power")


def power(y, u, p):
    r"""Return the proximal map of :math:`u |x|^p`, for 0 <= p <= 1, from a table.

    Parameters
    ----------
    y, u : ndarray, float or ndarray
        Numbers, and weight of the penalty, positive.
    p : float
        Power: 1 is the soft threshold, 0 the hard one.

    Notes
    -----
    For u = 1 a minimum at x > 0 has :math:`y = x + p\,x^{p - 1}`, and is as low as that at 0 for
    :math:`x_0 = (2 (1 - p))^{1/(2 - p)}`. From there on y rises with x, and the table is read in
    reverse. Another weight is another unit, :math:`u^{1/(2 - p)}`.

    Examples
    --------
    >>> print(power(np.array([-3.0, 0.5, 1.4, 1.6]), 1.0, 0.5).round(4))
    [-2.6955  0.      0.      1.1295]
    """
    unit = np.asarray(u) ** (1 / (2 - p))
    size = np.abs(y) / unit
    least = (2 * (1 - p)) ** (1 / (2 - p))
    x = least + np.append(0, np.geomspace(1e-6, max(2.0, size.max()), 4000))
    table = x + p * x ** (p - 1)
    return np.where(size > table[0], np.sign(y) * unit * np.interp(size, table, x), 0)


def shrunk(h, weight, penalty, p):
    """Return features behind a penalty of `prox.PENALTIES`, or behind `power`."""
    if penalty == "power":
        return power(h, weight, p).astype(h.dtype)
    options = {"gamma": 0.5} if penalty == "firm" else {}  # as in nn.norm.sparse
    return prox.PENALTIES[penalty](h, weight, **options)


class SparseNormPanel(SignalPanel):
    r"""Put a penalty on the signal itself or on the features of one layer of a trained network.

    The proximal map stands behind the layer's batch norm, before its ReLU, and nothing is trained
    again: what the penalty does is seen alone.

    Parameters
    ----------
    net : nn.modules.Network
        Trained; a copy of it works, in fixed mode.

    Notes
    -----
    :math:`\mathrm{prox}_{\lambda f}(h)` as in `nn.norm.SparseNorm`, with :math:`\lambda` as it is
    set, or c times the MAD or the mean magnitude of the features h over time, for each signal and
    channel its own.

    Examples
    --------
    >>> panel = SparseNormPanel(nn.PlainNet(rng=0))
    >>> panel.set(level="c x mean |h|")
    >>> panel.shown["limit"]
    '1.602'
    """

    def __init__(self, net):
        self.net, self.over_strength = copy.deepcopy(net).eval(), cache(self.over_strength)
        layers = interpret.find_layers(self.net)
        self.layers = {name: layer for name, layer in layers.items() if layer.activation}
        controls = {
            "where": menu("penalty on", [SIGNAL, *self.layers]),
            "penalty": menu("penalty", PENALTY_NAMES),
            "p": slider("p", 0.3, 0.0, 1.0, 0.05),
            "level": menu("level", THRESHOLDS),
            "strength": log_slider("lambda", 2, -5, 6),
            "channel": slider("channel", 0, 0, 15, 1),
        }
        used = {"p": lambda v: v.penalty == "power", "channel": lambda v: v.where != SIGNAL}
        follow = {
            "strength": lambda v: {"description": "lambda" if v.level == "fixed" else "c"},
            "channel": lambda v: {} if v.where == SIGNAL else {"max": self.channels(v.where) - 1},
        }
        colors = {"before": plots.NOISY, "after, not 0": plots.ESTIMATE}
        looks = {"without penalty": views.ORANGE | {"linestyle": ":"}}
        looks |= {"Bayes limit": views.LIMIT, "_error": views.BLUE}
        shown = {
            "signal": views.signal("Signal and estimate"),
            "map": views.Lines("The map", {"_map": views.BLUE}, "feature h", "prox(h)", True),
            "features": views.Histograms(
                "Features of the channel", colors, LINE[::10], legend=views.LEFT
            ),
            "errors": views.errors(
                f"Error, {data.SIGNALS} signals", looks,
                ("lambda, or c", STRENGTHS[0], STRENGTHS[-1]), "RMSE", xscale="log",
                xticks=(0.0625, 0.25, 1, 4, 16, 64),
                xticklabels=("1/16", "1/4", "1", "4", "16", "64"),
            ),
        }  # fmt: skip
        mosaic = "signal signal signal; map features errors"
        super().__init__(controls, shown, mosaic, used=used, follow=follow, wspace=0.24)

    def channels(self, where):
        """Return how many channels the penalty is put on."""
        return 1 if where == SIGNAL else len(self.layers[where].conv.weight.data)

    def features(self, where, noisy):
        """Return what the penalty is put on, ``(n, channels, length)``."""
        if where == SIGNAL:
            return noisy[:, None]
        return interpret.features(self.net, noisy)[where].normal

    def estimate(self, where, noisy, h):
        """Return what the rest of the network makes of features."""
        if where == SIGNAL:
            return h[:, 0]
        layer = self.layers[where]
        with nn.no_grad(), in_place_of({layer.norm or layer.conv: lambda module, x: nn.Tensor(h)}):
            return self.net(as_batch(self.net, noisy)).data[:, 0]

    def over_strength(self, family, sigma, where, penalty, level, p):
        """Return the errors for all of `STRENGTHS` and without penalty, computed once."""
        seen = data.Seen(family, sigma)
        h = self.features(where, seen.noisy)
        unit = THRESHOLDS[level](h)
        found = [shrunk(h, (c * unit).astype(h.dtype), penalty, p) for c in STRENGTHS]
        return [seen.rmse(self.estimate(where, seen.noisy, x)) for x in [*found, h]]

    def answer(self, seen, where, penalty, p, level, strength, channel):
        """Shrink the features as it is set, and pass them on."""
        p = p if penalty == "power" else None
        h, k = self.features(where, seen.noisy), min(channel, self.channels(where) - 1)
        weight = (strength * THRESHOLDS[level](h)).astype(h.dtype)
        output = shrunk(h, weight, penalty, p)
        estimate = self.estimate(where, seen.noisy, output)
        *errors, without = self.over_strength(seen.family, seen.sigma, where, penalty, level, p)
        reach, here = 20.0 if where == SIGNAL else 5.0, weight[seen.which, k, 0]
        edges, before, after = np.linspace(-reach, reach, 81), h[:, k], output[:, k]
        peak, ends = np.histogram(before, edges)[0].max(), STRENGTHS[[0, -1]]
        line = LINE, shrunk(LINE, float(here), penalty, p)
        return {
            "estimate": estimate,
            "map": {"_map": line, "xlim": (-reach, reach), "ylim": (-reach, reach)},
            "features": {
                "before": (data.histogram(before, edges), edges),
                "after, not 0": (data.histogram(after[after != 0], edges, peak), edges),
                "xlim": (-reach, reach),
            },
            "errors": {
                "_error": (STRENGTHS, errors),
                "without penalty": (ends, [without, without]),
                "Bayes limit": (ends, [seen.rmse(seen.best)] * 2),
                "_here": ([strength], [seen.rmse(estimate)]),
                "ylim": (0, 20 if seen.family == "tones" else 6.5),
            },
            "output": output,
            "numbers": {
                seen.ALL: seen.error(estimate),
                "without": f"{without:.3f}",
                "least": f"{min(errors):.3f} ({STRENGTHS[np.argmin(errors)]:.2f})",
                "limit": seen.limit,
                "lambda here": f"{here:.2f}",
                "zeros": f"{100 * np.mean(output == 0):.1f} %",
            },
        }
