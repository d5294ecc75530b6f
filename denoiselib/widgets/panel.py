"""One pattern for all panels: controls, a figure whose data are renewed, a line of numbers."""

import base64
import copy
import io
from functools import lru_cache

import ipywidgets as ipw
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from denoiselib import bayes, metrics, plots, signals

SIGNALS = 32  #: in the batch that a panel measures errors on
LEVELS = np.linspace(0.5, 6, 12)  #: of the noise, where panels show errors


class Panel(ipw.VBox):
    """Controls, a picture and a line of numbers.

    A subclass makes the axes in `draw`, which returns the artists that will move, and renews their
    data in `update`. What stands still is drawn once and kept as a background.

    Parameters
    ----------
    controls : list of ipywidgets
        Each calls `refresh` when its value changes.
    figsize : (float, float)
        Size of the figure in inches.
    """

    def __init__(self, controls, figsize):
        with matplotlib.style.context("denoiselib.style"):
            self.figure = Figure(figsize=figsize)
            self.figure.set_layout_engine("none")  # fixed places: nothing jumps
            self.canvas = FigureCanvasAgg(self.figure)
            self.moving = self.draw()
        for artist in self.moving:
            artist.set_animated(True)
        self.background, self.busy = None, False
        self.image = ipw.Image(format="png", layout={"max_width": "100%"})
        self.numbers = ipw.HTML()
        row = ipw.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.image, self.numbers])
        for control in controls:
            control.observe(self.refresh, names="value")
        self.refresh()

    def draw(self):
        """Make the axes once; return the artists that `update` will move."""
        raise NotImplementedError

    def update(self):
        """Renew the artists' data; return the numbers to show, a dict of str to str.

        Where an axis changes, set `background` to None, so that it is drawn anew.
        """
        raise NotImplementedError

    def refresh(self, change=None):
        """Answer a moved control."""
        if self.busy:  # `update` itself moves controls
            return
        self.busy = True
        try:
            self.shown = self.update()
        finally:
            self.busy = False
        if self.background is None:
            self.canvas.draw()
            self.background = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self.background)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        self.image.value = self.png(compress_level=1)  # fast, for the moving picture
        cells = "".join(
            f"<td style='padding:0 1.2em 0 0'>{name} <b>{value}</b></td>"
            for name, value in self.shown.items()
        )
        self.numbers.value = f"<table><tr>{cells}</tr></table>"

    def png(self, **options):
        """Return the figure as it stands."""
        file = io.BytesIO()
        picture = np.asarray(self.canvas.buffer_rgba())[..., :3]
        Image.fromarray(picture).save(file, format="png", **options)
        return file.getvalue()

    def __str__(self):
        """Return the numbers shown, for a print."""
        return ", ".join(f"{name} {value}" for name, value in self.shown.items())

    def _repr_mimebundle_(self, **kwargs):
        """Add the figure as it stands, for readers without a kernel."""
        picture = base64.b64encode(self.png(optimize=True)).decode()
        text = f"{type(self).__name__}: {self}"
        return super()._repr_mimebundle_(**kwargs) | {"image/png": picture, "text/plain": text}


def read_only(*arrays):
    """Make arrays that are kept in a cache read-only, so that no cell can change later results.

    Examples
    --------
    >>> (array,) = read_only(np.zeros(2))
    >>> array.flags.writeable
    False
    """
    for array in arrays:
        if array is not None:
            array.setflags(write=False)
    return arrays


@lru_cache(maxsize=64)
def batch(family, sigma, n=SIGNALS):
    """Return the signals that all panels look at: clean, noisy, and the exact Bayes estimate.

    The noise is one draw scaled by `sigma`, so that a slider changes its level and nothing else.

    Parameters
    ----------
    family : str
        Name in `signals.FAMILIES`.
    sigma : float
        Noise level.
    n : int
        Number of signals.

    Returns
    -------
    clean, noisy, best : ndarray (n, 100)
        `best` is None for a family without an exact limit.

    Examples
    --------
    >>> clean, noisy, best = batch("blocks", 3.0)
    >>> clean.shape, best.shape
    ((32, 100), (32, 100))
    """
    clean = signals.FAMILIES[family](n, rng=1)
    noisy = clean + sigma * signals.add_noise(np.zeros_like(clean), 1, rng=2)
    best = bayes.LIMITS[family](noisy, sigma) if family in bayes.LIMITS else None
    return read_only(clean, noisy, best)


@lru_cache
def heights(family):
    """Return the range of the amplitude axis: that of the clean signals, with room for noise.

    Examples
    --------
    >>> heights("blocks")
    (-16.0, 26.0)
    """
    clean = signals.FAMILIES[family](SIGNALS, rng=1)  # those of `batch`
    return float(np.floor(clean.min())) - 16, float(np.ceil(clean.max())) + 16


def copied(nets, statistics="running"):
    """Return copies of networks in a mode, so that those of the caller stay in theirs.

    Examples
    --------
    >>> from denoiselib import nn
    >>> net = nn.PlainNet()
    >>> copied({"a": net})["a"].training, net.training
    (False, True)
    """
    return {name: copy.deepcopy(net).eval(statistics) for name, net in nets.items()}


def limit_text(best, clean):
    """Return the error of the Bayes estimate for a line of numbers."""
    return "unknown" if best is None else f"{metrics.rmse(best, clean).mean():.3f}"


def slider(description, value, low, high, step, kind=ipw.FloatSlider):
    """Make a slider that answers while it moves."""
    return kind(
        value=value, min=low, max=high, step=step, description=description, continuous_update=True
    )


class SignalPanel(Panel):
    """A panel that shows one signal of the batch, from menus of family, noise level and signal."""

    def __init__(self, controls, family, figsize, families=tuple(signals.FAMILIES)):
        self.family = ipw.Dropdown(options=list(families), value=family, description="family")
        self.sigma = slider("noise sigma", 3.0, 0.5, 6.0, 0.1)
        self.which = slider("signal", 0, 0, SIGNALS - 1, 1, ipw.IntSlider)
        super().__init__([self.family, self.sigma, *controls, self.which], figsize)

    def draw_signal(self, ax, title):
        """Make the axes that `show_signal` fills; return the artists that will move."""
        blank = np.full(100, np.nan)
        self.signal_axes, self.signal_lines = ax, plots.signal(ax, blank, blank, blank, title)
        ax.set(xlim=(-1, 100), ylim=heights(self.family.value))
        return list(self.signal_lines.values())

    def show_signal(self, clean, noisy, estimate):
        """Renew the signal lines with the signal chosen from three batches."""
        for name, data in (("clean", clean), ("noisy", noisy), ("estimate", estimate)):
            self.signal_lines[name].set_ydata(data[self.which.value])
        if self.signal_axes.get_ylim() != (span := heights(self.family.value)):
            self.signal_axes.set_ylim(span)
            self.background = None

    def batch(self):
        """Return family and sigma as they are set, and the signals that belong to them."""
        family, sigma = self.family.value, round(self.sigma.value, 2)
        return family, sigma, *batch(family, sigma)
