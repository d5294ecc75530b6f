"""What panels are made of: axes whose data are renewed.

A view draws its axes once, in ``draw(ax)``, which returns the artists that will move. Then
``show(data)`` renews them: `data` is a dict by names of lines, histograms or properties of the
axes, as ``{"estimate": y, "ylim": (0, 4)}``. A property is set only if it has changed.
"""

import numpy as np

from denoiselib import plots
from denoiselib.labels import label
from denoiselib.plots.figures import BESIDE_TITLE as ABOVE
from denoiselib.widgets.data import histogram

LEFT, RIGHT = ({"loc": f"upper {side}", "fontsize": 8, "ncols": 2} for side in ("left", "right"))
BLUE, ORANGE, GREY, BLACK = (
    {"color": color} for color in (plots.ESTIMATE, plots.OTHER, plots.NOISY, plots.CLEAN)
)
DOT = BLUE | {"marker": "o", "markersize": 8, "linestyle": ""}
LIMIT = {"color": plots.LIMIT, "linestyle": "--"}
TIME = ("time (samples)", -1, 100)
FREQUENCY = ("frequency (cycles per sample)", 0, 0.5)


class View:
    """Axes that show what moves.

    Parameters
    ----------
    title : str
        What the picture says.
    x, y : str or (str, float, float)
        Labels of the axes, and their limits.
    legend : dict, optional
        Arguments of ``Axes.legend``, if there is one.
    **properties
        As of ``Axes.set``.

    Attributes
    ----------
    moving : dict of str to Artist
        What ``show`` renews, by its name in the data.
    """

    def __init__(self, title, x="", y="", legend=None, **properties):
        self.legend, self.properties = legend, {"title": title, **properties}
        for name, axis in {"x": x, "y": y}.items():
            text, *limits = (axis,) if isinstance(axis, str) else axis
            self.properties[f"{name}label"] = text
            if limits:
                self.properties[f"{name}lim"] = tuple(limits)

    def draw(self, ax):
        """Make the axes; return what will move."""
        self.ax, self.moving = ax, self.artists(ax)
        ax.set(**self.properties)
        ax.minorticks_off()
        if self.legend is not None:
            ax.legend(**self.legend)
        return self.moving.values()

    def show(self, data):
        """Renew what moves, and set properties of the axes that have changed."""
        for name, artist in self.moving.items():
            self.renew(artist, data.get(name))
        properties = {name: value for name, value in data.items() if name not in self.moving}
        changed = {k: v for k, v in properties.items() if self.properties.get(k, self) != v}
        if changed:
            self.ax.set(**changed)
            self.properties |= changed


class Lines(View):
    """Lines that move.

    Parameters
    ----------
    looks : dict of str to dict
        Arguments of ``Axes.plot`` by the line's name; one that begins with ``_`` is in no legend.
    diagonal : bool
        Whether a dotted line marks where nothing is changed.
    note : dict, optional
        Arguments of ``Axes.text``, in parts of the axes, for a text that moves, ``data["note"]``.
    title, x, y, **properties
        As of `View`.

    Notes
    -----
    In ``show(data)`` a line is ``y`` or ``(x, y)``; it vanishes where it is None or left out.
    ``data["chosen"]`` names the line that is thick among thin ones.
    """

    def __init__(self, title, looks, x, y, diagonal=False, note=None, **properties):
        super().__init__(title, x, y, **properties)
        self.looks, self.diagonal, self.note = looks, diagonal, note

    def artists(self, ax):
        """Draw empty lines."""
        if self.diagonal:
            ax.axline((0, 0), slope=1, color=plots.NOISY, linestyle=":")
        moving = {
            name: ax.plot([], [], label=label(name), **look)[0] for name, look in self.looks.items()
        }
        if self.note is not None:
            moving["note"] = ax.text(s="", transform=ax.transAxes, **self.note)
        return moving

    def renew(self, artist, value):
        """Move a line, or change the note."""
        if isinstance(value, str):
            artist.set_text(value)
        elif isinstance(value, tuple):
            artist.set_data(*value)
        else:
            y = () if value is None else value
            artist.set_data(np.arange(len(y)), y)

    def show(self, data):
        """Move the lines."""
        chosen = data.get("chosen")
        super().show({name: value for name, value in data.items() if name != "chosen"})
        for name, line in self.moving.items():
            if chosen and line.get_linestyle() != "None":
                line.set_linewidth(2.4 if name == chosen else 1.2)


class Histograms(View):
    """Histograms that move, with their colours by name.

    ``show`` takes values, or ``(heights, edges)`` where the bins change. With `shaded`, a text,
    the negative values are marked, which a ReLU makes 0.
    """

    def __init__(self, title, colors, edges, shaded=None, **properties):
        usual = {
            "x": ("value of a feature", edges[0], edges[-1]),
            "y": ("histogram, peak at 1", 0, 1.3),
            "yticks": (0, 0.5, 1),
        }
        super().__init__(title, **usual | properties)
        self.colors, self.edges, self.shaded = colors, edges, shaded

    def artists(self, ax):
        """Draw empty histograms."""
        if self.shaded is not None:
            ax.axvspan(self.edges[0], 0, color=plots.NOISY, alpha=0.25, linewidth=0)
            ax.text(self.edges[0] + 0.5, 1.1, self.shaded, va="center")
        blank = np.full(len(self.edges) - 1, np.nan)
        look = {"baseline": None, "linewidth": 1.6}
        return {
            name: ax.stairs(blank, self.edges, color=color, label=name, **look)
            for name, color in self.colors.items()
        }

    def renew(self, artist, value):
        """Renew a histogram."""
        artist.set_data(*value if isinstance(value, tuple) else (histogram(value, self.edges),))


class Picture(View):
    """A matrix as colours; `look` are arguments of ``Axes.imshow``, `bar` is a label of colours.

    ``data["matrix"]`` has `shape` at first. Colours without limits are symmetric about 0.
    """

    def __init__(self, title, shape, look, bar=None, **properties):
        super().__init__(title, **properties)
        self.shape, self.look, self.bar = shape, look, bar

    def artists(self, ax):
        """Draw an empty picture."""
        picture = ax.imshow(np.ones(self.shape), aspect="auto", **self.look)
        ax.grid(visible=False)
        if self.bar:
            ax.figure.colorbar(picture, ax=ax, extend="both", pad=0.03, label=self.bar)
        return {"matrix": picture}

    def renew(self, artist, value):
        """Renew the colours."""
        artist.set_data(value)
        if "vmin" not in self.look:
            artist.set_clim(-np.abs(value).max(), np.abs(value).max())


class Ranking(View):
    """Bars of scores, at most `count`, best on top: ``data`` is as of `plots.Bars.show`."""

    def __init__(self, title, count, **properties):
        super().__init__(title, **properties)
        self.count = count

    def artists(self, ax):
        """Draw empty bars."""
        self.bars = plots.Bars(ax, self.count, limit=True)
        return dict(enumerate(self.bars.artists))

    def show(self, data):
        """Renew the bars."""
        self.names = self.bars.show(**data)


def signal(title, **looks):
    """Return a view of one signal: clean, noisy, estimate, and other lines with their looks."""
    return Lines(title, plots.LOOKS | looks, TIME, "amplitude", legend=ABOVE | {"ncols": 3})


def response(title, looks, y=("mean estimate", -8, 16), **properties):
    """Return a view of what becomes of a noisy sample, by its size, beside the Bayes estimate."""
    usual = {"diagonal": True, "legend": {"loc": "upper left"}}
    x = ("noisy sample y", -10, 20)
    return Lines(title, {"Bayes": LIMIT} | looks, x, y, **usual | properties)


def errors(title, looks, x=("noise sigma at test", 0.4, 6.1), y=("RMSE", 0, 4), **properties):
    """Return a view of errors over what is on the `x` axis, with the limit and a dot for now."""
    looks = looks | {"Bayes limit": LIMIT, "_here": DOT}
    return Lines(title, looks, x, y, **{"legend": LEFT} | properties)
