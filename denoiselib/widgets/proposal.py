"""A panel of the slides' proposal: a penalty on the signal, or on the features of a layer."""

import copy

import ipywidgets as ipw
import numpy as np

from denoiselib import interpret, metrics, nn, plots
from denoiselib.filters import prox
from denoiselib.interpret import as_batch, in_place_of
from denoiselib.nn import ops
from denoiselib.widgets.panel import SIGNALS, SignalPanel, limit_text

SIGNAL = "the signal itself"
STRENGTHS = 2.0 ** np.arange(-5, 6.1, 0.5)  #: of the error curve
FLOOR = 1e-4  #: added to statistics, as in `nn.norm.levels`

#: Where lambda comes from: what the slider multiplies.
LEVELS = {
    "fixed": lambda h: np.ones((len(h), h.shape[1], 1), h.dtype),
    "c x MAD": lambda h: ops.mad(h).data + FLOOR,
    "c x mean |h|": lambda h: ops.mean_magnitude(h).data + FLOOR,
}
#: Penalties by their names in the menu; `power` has a p of its own.
LABELS = {
    "|x| (soft)": "l1",
    "x >= 0 (ReLU)": "nonnegative_l1",
    "|x|^(2/3)": "l_two_thirds",
    "|x|^(1/2)": "l_half",
    "x is not 0 (hard)": "l0",
    "firm": "firm",
    "|x|^p": "power",
}


def power(y, u, p):
    r"""Return the proximal map of :math:`u |x|^p`, for 0 <= p <= 1, from a table.

    Parameters
    ----------
    y : ndarray
        Numbers.
    u : float or ndarray
        Weight of the penalty, positive.
    p : float
        Power: 1 is the soft threshold, 0 the hard one.

    Notes
    -----
    For u = 1 a minimum at x > 0 has :math:`y = x + p\,x^{p - 1}`, and it is as low as that at 0 for
    :math:`x_0 = (2 (1 - p))^{1/(2 - p)}`. From there on y rises with x: the table is read the other
    way round. Another weight is another unit, :math:`u^{1/(2 - p)}`.

    Examples
    --------
    >>> y = np.array([-3.0, 0.5, 1.4, 1.6])
    >>> print(power(y, 1.0, 0.5).round(4))
    [-2.6955  0.      0.      1.1295]
    """
    unit = np.asarray(u) ** (1 / (2 - p))
    size = np.abs(y) / unit
    least = (2 * (1 - p)) ** (1 / (2 - p))
    x = least + np.append(0, np.geomspace(1e-6, max(2.0, size.max()), 4000))
    table = x + p * x ** (p - 1)
    return np.where(size > table[0], np.sign(y) * unit * np.interp(size, table, x), 0)


class SparseNormPanel(SignalPanel):
    r"""Put a penalty on the signal itself or on the features of one layer of a trained network.

    The proximal map stands behind the layer's batch norm, before its ReLU, and nothing is trained
    again: what the penalty does is seen alone.

    Parameters
    ----------
    net : nn.modules.Network
        Trained; a copy of it works, in fixed mode.
    family : str
        What to start with, a name in `signals.FAMILIES`.
    where : str
        `SIGNAL`, or a layer by its name in `interpret.find_layers`.

    Notes
    -----
    :math:`\mathrm{prox}_{\lambda f}(h)` as in `nn.norm.SparseNorm`, with :math:`\lambda` as it is
    set, or c times the MAD or the mean magnitude of the features h over time, for each signal and
    channel its own.

    Examples
    --------
    >>> panel = SparseNormPanel(nn.PlainNet(rng=0))
    >>> panel.level.value = "c x mean |h|"
    >>> panel.shown["limit"]
    '1.602'
    """

    def __init__(self, net, family="sparse_spikes", where=SIGNAL):
        self.net, self.known = copy.deepcopy(net).eval(), {}
        layers = interpret.find_layers(self.net)
        self.layers = {name: layer for name, layer in layers.items() if layer.activation}
        self.where = ipw.Dropdown(
            options=[SIGNAL, *self.layers], value=where, description="penalty on"
        )
        self.penalty = ipw.Dropdown(options=LABELS, value="l1", description="penalty")
        self.p = ipw.FloatSlider(value=0.3, min=0, max=1, step=0.05, description="p")
        self.level = ipw.Dropdown(options=list(LEVELS), value="fixed", description="level")
        self.strength = ipw.FloatLogSlider(
            value=2, base=2, min=-5, max=6, step=0.125, description="lambda", readout_format=".2f"
        )
        self.channel = ipw.IntSlider(value=0, min=0, max=15, description="channel")
        controls = [self.where, self.penalty, self.p, self.level, self.strength, self.channel]
        super().__init__(controls, family, figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above; the map, the features and the error below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.24
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "Signal and estimate")
        left = self.left = self.figure.add_subplot(grid[1, 0])
        self.line = np.linspace(-20, 20, 801)
        left.plot(self.line, self.line, ":", color=plots.NOISY)
        self.map = left.plot([], [], color=plots.ESTIMATE)[0]
        left.set(xlabel="feature h", ylabel="prox(h)", title="The map")

        middle = self.middle = self.figure.add_subplot(grid[1, 1])
        self.stairs = {
            name: middle.stairs(np.full(40, np.nan), np.linspace(-1, 1, 41), baseline=None,
                                color=color, linewidth=1.6, label=name)
            for name, color in (("before", plots.NOISY), ("after, not 0", plots.ESTIMATE))
        }  # fmt: skip
        middle.set(ylim=(0, 1.3), yticks=(0, 0.5, 1), xlabel="value of a feature")
        middle.set(ylabel="histogram, peak at 1", title="Features of the channel")
        middle.legend(loc="upper left", fontsize=8, ncols=2)

        right = self.right = self.figure.add_subplot(grid[1, 2])
        self.error = right.plot(STRENGTHS, 0 * STRENGTHS, color=plots.ESTIMATE)[0]
        self.none = right.plot([], [], ":", color=plots.OTHER, label="without penalty")[0]
        self.limit = right.plot([], [], "--", color=plots.LIMIT, label="Bayes limit")[0]
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        right.set(xscale="log", xlim=STRENGTHS[[0, -1]], ylim=(0, 6.5), xlabel="lambda, or c")
        right.set_xticks((0.0625, 0.25, 1, 4, 16, 64), ("1/16", "1/4", "1", "4", "16", "64"))
        right.set_xticks([], minor=True)
        right.set(ylabel="RMSE", title=f"Error, {SIGNALS} signals")
        right.legend(loc="upper left", fontsize=8, ncols=2)
        moving += [self.map, *self.stairs.values()]
        return [*moving, self.none, self.limit, self.error, self.here]

    def features(self, where, noisy):
        """Return what the penalty is put on, ``(n, channels, length)``."""
        return (
            noisy[:, None] if where == SIGNAL else interpret.features(self.net, noisy)[where].normal
        )

    def shrink(self, h, weight):
        """Return the features behind the penalty as it is set."""
        name = self.penalty.value
        if name == "power":
            return power(h, weight, round(self.p.value, 2)).astype(h.dtype)
        options = {"gamma": 0.5} if name == "firm" else {}  # as in nn.norm.maps
        return prox.PENALTIES[name](h, weight, **options)

    def estimate(self, where, noisy, h):
        """Return what the rest of the network makes of features."""
        if where == SIGNAL:
            return h[:, 0]
        layer = self.layers[where]
        with nn.no_grad(), in_place_of({layer.norm or layer.conv: lambda module, x: nn.Tensor(h)}):
            return self.net(as_batch(self.net, noisy)).data[:, 0]

    def compare(self, key, clean, noisy, h, unit):
        """Return the errors for all of `STRENGTHS` and without penalty, computed once."""
        if key not in self.known:
            where = self.where.value
            shrunk = [self.shrink(h, (c * unit).astype(h.dtype)) for c in STRENGTHS]
            self.known[key] = [
                metrics.rmse(self.estimate(where, noisy, x), clean).mean() for x in [*shrunk, h]
            ]
        return self.known[key]

    def update(self):
        """Shrink the features as it is set, and pass them on."""
        family, sigma, clean, noisy, best = self.batch()
        where, c = self.where.value, self.strength.value
        name, level, p = self.penalty.value, self.level.value, round(self.p.value, 2)
        self.strength.description = "lambda" if level == "fixed" else "c"
        self.p.layout.display = None if name == "power" else "none"
        self.channel.layout.display = "none" if where == SIGNAL else None
        h = self.features(where, noisy)
        unit = LEVELS[level](h)
        if where != SIGNAL:
            self.channel.max = h.shape[1] - 1
        i, k = self.which.value, min(self.channel.value, h.shape[1] - 1)
        self.weight = (c * unit).astype(h.dtype)
        self.output = self.shrink(h, self.weight)
        estimate = self.estimate(where, noisy, self.output)
        key = family, sigma, where, name, level, p if name == "power" else None
        *errors, without = self.compare(key, clean, noisy, h, unit)
        error = metrics.rmse(estimate, clean).mean()
        limit = np.nan if best is None else metrics.rmse(best, clean).mean()

        self.show_signal(clean, noisy, estimate)
        self.map.set_data(self.line, self.shrink(self.line, float(self.weight[i, k, 0])))
        reach = 20.0 if where == SIGNAL else 5.0
        edges = np.linspace(-reach, reach, 81)
        before, after = h[:, k], self.output[:, k]
        count = np.histogram(before, edges)[0]
        left_over = np.histogram(after[after != 0], edges)[0]
        self.stairs["before"].set_data(count / max(count.max(), 1), edges)
        self.stairs["after, not 0"].set_data(left_over / max(count.max(), 1), edges)
        if self.left.get_xlim()[1] != reach:
            self.left.set(xlim=(-reach, reach), ylim=(-reach, reach))
            self.middle.set_xlim(-reach, reach)
            self.background = None
        if self.right.get_ylim()[1] != (top := 20 if family == "tones" else 6.5):
            self.right.set_ylim(0, top)
            self.background = None
        ends = STRENGTHS[[0, -1]]
        self.error.set_ydata(errors)
        self.none.set_data(ends, [without, without])
        self.limit.set_data(ends, [limit, limit])
        self.here.set_data([c], [error])
        return {
            f"{SIGNALS} signals: RMSE": f"{error:.3f}",
            "without": f"{without:.3f}",
            "least": f"{min(errors):.3f} ({STRENGTHS[np.argmin(errors)]:.2f})",
            "limit": limit_text(best, clean),
            "lambda here": f"{self.weight[i, k, 0]:.2f}",
            "zeros": f"{100 * np.mean(self.output == 0):.1f} %",
        }
