"""The one pattern of all panels: controls, views, and a function from one to the other."""

import base64
import contextlib
import copy
import io
from functools import cache
from types import SimpleNamespace

import ipywidgets as ipw
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from denoiselib import signals
from denoiselib.labels import label
from denoiselib.widgets import data
from denoiselib.widgets.views import signal

ROOM = {"left": 0.07, "right": 0.985, "top": 0.94, "bottom": 0.09, "hspace": 0.45, "wspace": 0.26}
SIZE = (10, 5.6)  #: of a figure, in inches


class Panel(ipw.VBox):
    """Controls, a picture and a line of numbers.

    A subclass names its controls and views, and has a method ``compute``: it takes the value of
    each control by name and returns what each view shows, by the view's name, and ``numbers``, a
    dict of texts. It neither moves controls nor draws, so that it can be tested alone.

    Parameters
    ----------
    controls : dict of str to ipywidgets
        They become attributes. A change of a value computes and draws once.
    views : dict of str to View
        See `widgets.views`.
    mosaic : str
        Where views stand, as in ``"signal signal; response errors"``: two rows of two.
    figsize : (float, float)
        As `SIZE`.
    used : dict of str to function, optional
        ``used[name](values)`` says whether that control matters; else it is hidden.
    follow : dict of str to function, optional
        ``follow[name](values)`` returns properties that the control takes over when they change,
        as ``{"options": ...}`` of a menu that depends on another one.
    **room
        Changes to `ROOM`, the margins and spaces of the figure.

    Attributes
    ----------
    found, shown : dict
        The last answer of ``compute``, and its numbers.
    """

    def __init__(self, controls, views, mosaic, figsize=SIZE, used=None, follow=None, **room):
        self.controls, self.views, self.held = controls, views, False
        self.used, self.follow, self.followed = used or {}, follow or {}, {}
        vars(self).update(controls)
        with matplotlib.style.context("denoiselib.style"):
            self.figure = Figure(figsize=figsize)
            self.figure.set_layout_engine("none")  # fixed places: nothing jumps
            self.canvas = FigureCanvasAgg(self.figure)
            rows = [row.split() for row in mosaic.split(";")]
            axes = self.figure.subplot_mosaic(rows, gridspec_kw=ROOM | room)
            self.moving = [a for name, view in views.items() for a in view.draw(axes[name])]
        for artist in self.moving:
            artist.set_animated(True)
        self.image = ipw.Image(format="png", layout={"max_width": "100%"})
        self.numbers = ipw.HTML()
        row = ipw.HBox(list(controls.values()), layout={"flex_flow": "row wrap"})
        super().__init__([row, self.image, self.numbers])
        for control in controls.values():
            control.observe(self.refresh, names="value")
        self.refresh()

    def values(self):
        """Return the values of all controls by name; those of sliders as they can be read."""
        return {
            name: round(control.value, 2) if isinstance(control, ipw.FloatSlider) else control.value
            for name, control in self.controls.items()
        }

    def set(self, **values):
        """Give controls new values, by name, and answer once."""
        try:
            with self._holding():
                for name, value in values.items():
                    self.controls[name].value = value
                    self._follow()
        finally:
            self.refresh()

    def refresh(self, change=None):
        """Compute and draw what belongs to the controls as they stand."""
        if self.held:
            return
        with self._holding():
            self._follow()
        values = self.values()
        for name, matters in self.used.items():
            matters = matters(SimpleNamespace(**values))
            self.controls[name].layout.display = None if matters else "none"
        self.show(self.compute(**values))

    def show(self, found):
        """Draw what `compute` has found."""
        self.found, self.shown = found, found["numbers"]
        for name, view in self.views.items():
            view.show(found[name])
        if self.figure.stale:  # what does not move has changed, as the limits of an axis
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

    @contextlib.contextmanager
    def _holding(self):
        """Let controls move without an answer."""
        self.held = True
        try:
            yield
        finally:
            self.held = False

    def _follow(self):
        """Let controls take over what depends on other controls."""
        for name, properties in self.follow.items():
            properties = properties(SimpleNamespace(**self.values()))
            if properties and properties != self.followed.get(name):
                self.followed[name] = properties
                for key, value in properties.items():
                    setattr(self.controls[name], key, value)

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


class SignalPanel(Panel):
    """A panel of the signals of `data.batch`, with controls that choose them, and a view of one.

    In place of ``compute`` a subclass has ``answer``: it takes a `data.Seen` and the value of each
    control of its own, and returns what ``compute`` does, but ``"estimate"`` for all signals in
    place of ``"signal"``, or besides other lines of this view.

    Parameters
    ----------
    controls, views, mosaic
        As of `Panel`, without those of the signals.
    family, families : str, iterable of str
        What to start with, and what the menu offers, of `signals.FAMILIES`.
    sigma : str
        What the noise level is called.
    **options
        As of `Panel`.
    """

    def __init__(
        self, controls, views, mosaic, family="sparse_spikes", families=signals.FAMILIES,
        sigma="noise sigma", **options,
    ):  # fmt: skip
        self.curve = cache(data.errors)
        controls = {
            "family": menu("family", families, family),
            "sigma": slider(sigma, 3.0, 0.5, 6.0, 0.1),
            **controls,
            "which": slider("signal", 0, 0, data.SIGNALS - 1, 1),
        }
        super().__init__(controls, {"signal": signal("One signal")} | views, mosaic, **options)

    def compute(self, family, sigma, which, **values):
        """Let the subclass answer for these signals, and draw one of them."""
        seen = data.Seen(family, sigma, which)
        found = self.answer(seen, **values)
        one = {"clean": seen.clean[which], "noisy": seen.noisy[which]}
        if found.get("estimate") is not None:
            one["estimate"] = found["estimate"][which]
        found["signal"] = one | {"ylim": data.heights(family)} | found.get("signal", {})
        return found

    def errors(self, seen, ways, estimate, top, chosen=None):
        """Return what a view of errors shows: those of ways by name at all noise levels, and now.

        They are computed once for a way and a family. The axis of errors ends at `top`, or higher
        where one is larger: the legend stands above it.
        """
        named = {"Bayes limit": "Bayes"} | ways
        curves = {name: self.curve(way, seen.family) for name, way in named.items()}
        top = max(top, 1.45 * np.nanmax([*curves.values()]))
        return {
            **{name: (data.SIGMAS, curve) for name, curve in curves.items()},
            "_here": ([seen.sigma], [seen.rmse(estimate)]),
            "ylim": (0, top),
            "chosen": chosen,
        }


def menu(description, options, value=None):
    """Return a menu of names, which shows their labels, or of ``(label, value)`` pairs."""
    options = [(label(each), each) if isinstance(each, str) else each for each in options]
    value = options[0][1] if value is None else value
    return ipw.Dropdown(options=options, value=value, description=description)


def slider(description, value, low, high, step):
    """Return a slider for a number; for integers if `step` is one."""
    kind = ipw.IntSlider if isinstance(step, int) else ipw.FloatSlider
    return kind(value=value, min=low, max=high, step=step, description=description)


def log_slider(description, value, low, high, step=0.125, base=2, readout_format=".2f"):
    """Return a slider for the exponent of a number: `low`, `high` and `step` are exponents."""
    return ipw.FloatLogSlider(
        value=value, base=base, min=low, max=high, step=step, description=description,
        readout_format=readout_format,
    )  # fmt: skip


def copied(nets, statistics="running"):
    """Return copies of networks in a mode, so that those of the caller stay in theirs."""
    return {name: copy.deepcopy(net).eval(statistics) for name, net in nets.items()}
