"""Signals, curves, errors and seeds. One meaning, one colour.

Functions draw into the matplotlib axes `ax`, with a `title`; `limit` is the Bayes limit.
"""

import numpy as np

from denoiselib import _check

CLEAN, NOISY, ESTIMATE, OTHER, LIMIT = "black", "0.65", "#0072B2", "#D55E00", "#009E73"

#: Where a legend stands right of the title, as arguments of ``Axes.legend``.
BESIDE_TITLE = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}
#: How the lines of a signal look, from back to front.
LOOKS = {
    "noisy": {"color": NOISY, "marker": ".", "linewidth": 0.8, "markersize": 5},
    "clean": {"color": CLEAN, "drawstyle": "steps-mid", "linewidth": 1.2},
    "estimate": {"color": ESTIMATE, "drawstyle": "steps-mid", "linewidth": 1.8},
}


def signal(ax, clean=None, noisy=None, estimate=None, title=""):
    """Draw one signal: clean, noisy and estimated, whichever is given; return a dict of the lines.

    Parameters
    ----------
    clean, noisy, estimate : array_like (length,), optional
        Amplitudes at the samples.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> sorted(signal(Figure().subplots(), [0, 1, 0], noisy=[1, 1, 0]))
    ['clean', 'noisy']
    """
    given = {"noisy": noisy, "clean": clean, "estimate": estimate}
    lines = {}
    for name, look in LOOKS.items():
        if given[name] is not None:
            (lines[name],) = ax.plot(_check.regular(given[name], name), label=name, **look)
    ax.set(xlabel="time (samples)", ylabel="amplitude", title=title)
    ax.legend(**BESIDE_TITLE, ncols=3)
    return lines


def curves(ax, x, named, xlabel, ylabel, title="", limit=None):
    """Draw several curves, and the limit as a dashed green line; return a dict of the lines.

    Parameters
    ----------
    x : array_like (points,)
        What the curves are drawn over, named `xlabel`.
    named : dict of str to array_like (points,)
        Curves by their legend.
    limit : float or array_like (points,), optional
        The limit, whose name is "Bayes limit".

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> list(curves(Figure().subplots(), [1, 2], {"TV": [3, 4]}, "sigma", "RMSE", limit=1.0))
    ['TV', 'Bayes limit']
    """
    lines = {name: ax.plot(x, y, label=name)[0] for name, y in named.items()}
    if limit is not None:
        limit = np.broadcast_to(limit, np.shape(x))
        (lines["Bayes limit"],) = ax.plot(x, limit, "--", color=LIMIT, label="Bayes limit")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend()
    return lines


def shrinkage(ax, noisy, named, title=""):
    """Draw what estimators make of one noisy sample; return a dict of the lines.

    Parameters
    ----------
    noisy : array_like (points,)
        Observed amplitudes, rising.
    named : dict of str to array_like (points,)
        Estimates by their legend.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> list(shrinkage(Figure().subplots(), [-1, 0, 1], {"ReLU": [0, 0, 1]}))
    ['ReLU']
    """
    ax.plot(noisy, noisy, ":", color=NOISY, label="unchanged")
    return curves(ax, noisy, named, "noisy sample y", "estimate", title)


class Bars:
    """Bars of scores, best on top, that can be shown anew.

    There are at most `count` of them; `limit` says whether the legend names the limit.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> Bars(Figure().subplots(), 2).show({"TV": (2.0, 0.1), "Wiener": (1.5, 0.1)})
    ['Wiener', 'TV']
    """

    def __init__(self, ax, count, limit=False):
        places = np.arange(count)
        self.bars = list(ax.barh(places, np.zeros(count), color=ESTIMATE, alpha=0.7, height=0.65))
        self.intervals = [ax.plot([], [], color=CLEAN, linewidth=1)[0] for _ in places]
        self.values = [ax.text(0, i, "", va="center", fontsize=9) for i in places]
        beside = {"va": "center", "ha": "right", "transform": ax.get_yaxis_transform()}
        self.labels = [ax.text(-0.02, i, "", **beside) for i in places]
        self.limit = ax.plot([], [], "--", color=LIMIT, label="Bayes limit")[0]
        self.artists = [*self.bars, *self.intervals, *self.values, *self.labels, self.limit]
        self.height = count - 0.5
        ax.set(ylim=(self.height, -0.5), yticks=[])
        if limit:
            ax.legend(**BESIDE_TITLE)

    def show(self, scores, limit=None, other=()):
        """Show ``{name: (mean, half_width)}``, less is better; return the names, best first.

        Names in `other` get bars of another colour.
        """
        names = sorted(scores, key=lambda name: scores[name][0])
        digits = _digits([mean for mean, _ in scores.values()])
        for place, name in enumerate(names):
            mean, half = scores[name]
            self.bars[place].set(width=mean, color=OTHER if name in other else ESTIMATE)
            self.intervals[place].set_data([mean - half, mean + half], [place, place])
            self.values[place].set(x=mean + half, text=f"  {mean:{digits}}")
            self.labels[place].set_text(name)
        for place in range(len(names), len(self.bars)):
            self.bars[place].set_width(0)
            self.intervals[place].set_data([], [])
            self.values[place].set_text("")
            self.labels[place].set_text("")
        line = [] if limit is None else [limit, limit]
        self.limit.set_data(line, [-0.5, self.height][: len(line)])
        return names


def _digits(values):
    """Return the format of some numbers: two decimals, if not the largest is too small for them."""
    largest = np.nanmax(np.abs(values), initial=0)
    return ".3g" if 0 < largest < 0.1 else ".2f"


def ranking(ax, scores, limit=None, title="", xlabel="RMSE", other=()):
    """Draw methods with confidence intervals, best on top, and the limit; return names, best first.

    Parameters
    ----------
    scores : dict of str to (mean, half_width)
        A score, less is better, with the half width of its interval, as `metrics.mean_ci` gives.
    other : collection of str
        Names whose bars have another colour.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ranking(Figure().subplots(), {"TV": (2.0, 0.1), "Wiener": (1.5, 0.1)}, limit=1.0)
    ['Wiener', 'TV']
    """
    names = Bars(ax, len(scores), limit is not None).show(scores, limit, other)
    ax.set(xlabel=xlabel, title=title, xlim=(0, 1.2 * max(sum(score) for score in scores.values())))
    return names


def heatmap(ax, values, rows, columns, title="", vmin=1.0, vmax=3.0):
    """Draw a table as colours with its numbers in it, and return the ``AxesImage``.

    Parameters
    ----------
    values : array_like (rows, columns)
        Numbers, NaN where there is none: it is shown as a dash.
    rows, columns : list of str
        Names of the rows and of the columns.
    vmin, vmax : float
        Values of the first and the last colour.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> heatmap(Figure().subplots(), [[1.0, np.nan]], ["TV"], ["blocks", "tones"]).get_clim()
    (1.0, 3.0)
    """
    values = _check.regular(values, "values").astype(float)
    image = ax.imshow(values, vmin=vmin, vmax=vmax, cmap="viridis_r", aspect="auto")
    digits = _digits(values)
    for (i, j), value in np.ndenumerate(values):
        dark = value > vmin + 0.45 * (vmax - vmin)  # false for NaN
        text = "\N{EN DASH}" if np.isnan(value) else f"{value:{digits}}"
        ax.text(j, i, text, ha="center", va="center", color="white" if dark else "black")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(visible=False)
    ax.set_title(title)
    return image


def seeds(ax, values, limit=None, title="", xlabel="RMSE", high=None):
    """Draw a dot for each seed of several trainings, and medians; return names, best median first.

    Parameters
    ----------
    values : dict of str to array_like (seeds,)
        Scores by name, less is better.
    high : float, optional
        End of the axis; seeds beyond it are counted there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> seeds(Figure().subplots(), {"long": [1.7, 1.6, 2.5], "short": [1.9, 2.0]}, high=2.1)
    ['long', 'short']
    """
    values = {name: _check.regular(v, name).astype(float) for name, v in values.items()}
    names = sorted(values, key=lambda name: np.median(values[name]))
    high = max(np.max(v) for v in values.values()) if high is None else high
    for place, name in enumerate(names):
        value = values[name]
        inside, median = value[value <= high], np.median(value)
        ax.plot(inside, np.full(len(inside), place), "o", color=ESTIMATE, alpha=0.35, markersize=5)
        ax.plot([median, median], [place - 0.35, place + 0.35], color=ESTIMATE, linewidth=2.5)
        if beyond := len(value) - len(inside):  # seeds that the axis does not reach
            ax.annotate(
                f"{beyond} beyond", (1, place), xycoords=("axes fraction", "data"), xytext=(-3, 0),
                textcoords="offset points", ha="right", va="center", color=OTHER,
            )  # fmt: skip
    if limit is not None:
        ax.axvline(limit, linestyle="--", color=LIMIT, label="Bayes limit")
        ax.legend(loc="upper right")
    low = min(np.min(v) for v in values.values()) if limit is None else limit
    ax.set_xlim(low - 0.03 * (high - low), high + 0.06 * (high - low))
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel=xlabel, title=title, ylim=(len(names) - 0.4, -0.6))
    return names


def spans(ax, named, xlabel="", title=""):
    """Draw groups of errors as rows, a dot at the median, a line to the largest; return the rows.

    The axis is linear up to 1, then logarithmic. Rows stand in the order in which they appear
    first.

    Parameters
    ----------
    named : dict of str to (dict of str to array_like)
        For each label (the legend is the caller's) the numbers, 0 or more, of each row.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> spans(Figure().subplots(), {"float32": {"relu": [0, 0], "conv1d": [1, 2, 30]}})
    ['relu', 'conv1d']
    """
    rows = list(dict.fromkeys(row for groups in named.values() for row in groups))
    for place, (name, groups) in enumerate(named.items()):
        shift = 0.3 * (place - (len(named) - 1) / 2)
        middle = np.array([np.median(values) for values in groups.values()])
        largest = np.array([np.max(values) for values in groups.values()])
        places = [rows.index(row) + shift for row in groups]
        reach = np.array([np.zeros_like(middle), largest - middle])
        ax.errorbar(middle, places, xerr=reach, fmt="o", markersize=4, label=name)
    ax.set_xscale("symlog", linthresh=1)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=xlabel, title=title, ylim=(len(rows) - 0.5, -0.5))
    return rows
