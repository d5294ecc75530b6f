"""What panels are made of: axes whose data are renewed.

A view draws its axes once, in ``draw(ax)``, which returns the artists that will move. Then
``show(data)`` renews them: `data` is a dict by names of lines, histograms or properties of the
axes, as ``{"estimate": y, "ylim": (0, 4)}``. A property is set only if it has changed.
"""

import numpy as np

from denoiselib import plots
from denoiselib.labels import label
from denoiselib.widgets.data import SIGMAS, heights

ABOVE = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}  #: beside the title
LEFT, RIGHT = ({"loc": f"upper {side}", "fontsize": 8, "ncols": 2} for side in ("left", "right"))
BLUE, ORANGE, GREY = ({"color": color} for color in (plots.ESTIMATE, plots.OTHER, plots.NOISY))
DOT = BLUE | {"marker": "o", "markersize": 8, "linestyle": ""}
LIMIT = {"color": plots.LIMIT, "linestyle": "--"}
TIME = {"xlim": (-1, 100), "xlabel": "time (samples)"}


class View:
    """Axes with a title, properties as of ``Axes.set``, and a legend if its arguments are given."""

    def __init__(self, title, legend=None, **properties):
        self.legend, self.properties = legend, {"title": title, **properties}

    def draw(self, ax):
        """Make the axes; return what will move."""
        self.ax, artists = ax, list(self.artists(ax))
        ax.set(**self.properties)
        ax.minorticks_off()
        if self.legend is not None:
            ax.legend(**self.legend)
        return artists

    def show(self, data):
        """Set properties of the axes that have changed."""
        changed = {k: v for k, v in data.items() if self.properties.get(k, self) != v}
        if changed:
            self.ax.set(**changed)
            self.properties |= changed


class Lines(View):
    """Lines that move.

    Parameters
    ----------
    title : str
        What the picture says.
    looks : dict of str to dict
        Arguments of ``Axes.plot`` by the line's name; one that begins with ``_`` is in no legend.
    diagonal : bool
        Whether a dotted line marks where nothing is changed.
    note : dict, optional
        Arguments of ``Axes.text``, in parts of the axes, for a text that moves, ``data["note"]``.
    **properties
        As of `View`.

    Notes
    -----
    In ``show(data)`` a line is ``y`` or ``(x, y)``; it vanishes where it is None or left out.
    ``data["chosen"]`` names the line that is thick among thin ones.
    """

    def __init__(self, title, looks, diagonal=False, note=None, **properties):
        super().__init__(title, **properties)
        self.looks, self.diagonal, self.note = looks, diagonal, note

    def artists(self, ax):
        """Draw empty lines."""
        if self.diagonal:
            ax.axline((0, 0), slope=1, color=plots.NOISY, linestyle=":")
        self.lines = {
            name: ax.plot([], [], label=label(name), **look)[0] for name, look in self.looks.items()
        }
        if self.note is None:
            return self.lines.values()
        self.text = ax.text(s="", transform=ax.transAxes, **self.note)
        return [*self.lines.values(), self.text]

    def show(self, data):
        """Move the lines."""
        for name, line in self.lines.items():
            points = data.get(name)
            if points is None:
                points = [], []
            elif not isinstance(points, tuple):
                points = np.arange(len(points)), points
            line.set_data(*points)
            if data.get("chosen") and line.get_linestyle() != "None":
                line.set_linewidth(2.4 if name == data["chosen"] else 1.2)
        if self.note is not None:
            self.text.set_text(data["note"])
        own = {*self.lines, "chosen", "note"}
        super().show({key: value for key, value in data.items() if key not in own})


class Histograms(View):
    """Histograms that move, with their colours by name; negative values may be shaded.

    ``show`` takes heights, or ``(heights, edges)`` where the bins change. With `shaded`, a text,
    the values that a ReLU makes 0 are marked.
    """

    def __init__(self, title, colors, edges, shaded=None, **properties):
        usual = {"xlim": (edges[0], edges[-1]), "ylim": (0, 1.3), "yticks": (0, 0.5, 1)}
        labels = {"xlabel": "value of a feature", "ylabel": "histogram, peak at 1"}
        super().__init__(title, **usual | labels | properties)
        self.colors, self.edges, self.shaded = colors, edges, shaded

    def artists(self, ax):
        """Draw empty histograms."""
        if self.shaded is not None:
            ax.axvspan(self.edges[0], 0, color=plots.NOISY, alpha=0.25, linewidth=0)
            ax.text(self.edges[0] + 0.5, 1.1, self.shaded, va="center")
        blank = np.full(len(self.edges) - 1, np.nan)
        look = {"baseline": None, "linewidth": 1.6}
        self.stairs = {
            name: ax.stairs(blank, self.edges, color=color, label=name, **look)
            for name, color in self.colors.items()
        }
        return self.stairs.values()

    def show(self, data):
        """Renew the histograms."""
        for name, stairs in self.stairs.items():
            heights = data[name]
            stairs.set_data(*heights if isinstance(heights, tuple) else (heights,))
        super().show({key: value for key, value in data.items() if key not in self.stairs})


class Picture(View):
    """A matrix as colours; `look` are arguments of ``Axes.imshow``, `bar` is a label of colours.

    ``data["matrix"]`` has `shape` at first; with ``data["limit"]`` colours are symmetric about 0.
    """

    def __init__(self, title, shape, look, bar=None, **properties):
        super().__init__(title, **properties)
        self.shape, self.look, self.bar = shape, look, bar

    def artists(self, ax):
        """Draw an empty picture."""
        self.picture = ax.imshow(np.ones(self.shape), aspect="auto", **self.look)
        ax.grid(visible=False)
        if self.bar:
            ax.figure.colorbar(self.picture, ax=ax, extend="both", pad=0.03, label=self.bar)
        return [self.picture]

    def show(self, data):
        """Renew the colours."""
        self.picture.set_data(data["matrix"])
        if "limit" in data:
            self.picture.set_clim(-data["limit"], data["limit"])


class Ranking(View):
    """Bars of scores, at most `count`, best on top: ``data`` is as of `plots.Bars.show`."""

    def __init__(self, title, count, **properties):
        super().__init__(title, **properties)
        self.count = count

    def artists(self, ax):
        """Draw empty bars."""
        self.bars = plots.Bars(ax, self.count, limit=True)
        return self.bars.artists

    def show(self, data):
        """Renew the bars: ``scores``, ``limit`` and ``other`` as of ``Bars.show``."""
        self.names = self.bars.show(**data)


def signal(title, **looks):
    """Return a view of one signal: clean, noisy, estimate, and other lines with their looks."""
    legend = ABOVE | {"ncols": 3}
    return Lines(title, plots.LOOKS | looks, legend=legend, ylabel="amplitude", **TIME)


def one(family, which, **batches):
    """Return what a view of one `signal` shows of each batch.

    Examples
    --------
    >>> one("blocks", 1, clean=np.eye(3))
    {'clean': array([0., 1., 0.]), 'ylim': (-16.0, 26.0)}
    """
    return {name: batch[which] for name, batch in batches.items()} | {"ylim": heights(family)}


def response(title, looks, of="mean estimate", diagonal=True, **properties):
    """Return a view of what becomes of a noisy sample, by its size."""
    limits = {"xlim": (-10, 20), "ylim": (-8, 16)}
    labels = {"xlabel": "noisy sample y", "ylabel": of, "legend": {"loc": "upper left"}}
    return Lines(title, looks, diagonal, **limits | labels | properties)


def errors(title, looks, **properties):
    """Return a view of errors at the noise levels of `data.SIGMAS`, the limit and a dot for now."""
    axes = {"xlim": (0.4, 6.1), "ylim": (0, 4), "xlabel": "noise sigma at test", "ylabel": "RMSE"}
    looks = looks | {"Bayes limit": LIMIT, "_here": DOT}
    return Lines(title, looks, **{"legend": LEFT} | axes | properties)


def over_sigma(errors, sigma, error, top, chosen=None):
    """Return what a view of `errors` shows: lines over `data.SIGMAS`, and a dot at (sigma, error).

    The axis of errors ends at `top`, or higher where one is larger: the legend stands above it.
    """
    lines = {name: (SIGMAS, values) for name, values in errors.items()}
    largest = np.nanmax(list(errors.values()))
    axes = {"ylim": (0, max(top, 1.45 * largest)), "chosen": chosen}
    return lines | {"_here": ([sigma], [error])} | axes
