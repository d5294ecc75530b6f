"""A U-Net as boxes and arrows."""

import copy
from itertools import pairwise

import numpy as np
from matplotlib.patches import FancyBboxPatch

from denoiselib.plots.figures import ESTIMATE, OTHER

ENCODER, DECODER = ("inc", "down1", "down2", "down3"), ("down4", "up1", "up2", "up3", "up4")

#: What leads where in `network`, by what happens on the way: its look and its pairs.
ARROWS = {
    "max pooling, then the block": ({"color": ESTIMATE}, [*pairwise((*ENCODER, "down4"))]),
    "upsampling, then the block": ({"color": ESTIMATE, "linestyle": "--"}, [*pairwise(DECODER)]),
    "unchanged (sideways: the skips)": (
        {"color": "0.5"},
        [("noisy signal", "inc"), ("up4", "outc")] + [*zip(ENCODER, DECODER[:0:-1], strict=True)],
    ),
    "the prior network": (
        {"color": OTHER},
        [("noisy signal", "h0"), ("h0", "prior inc"), ("prior down3", "h"), ("h", "mask")]
        + [(f"prior {a}", f"prior {b}") for a, b in pairwise(ENCODER)]
        + [("mask", "down4")],
    ),
}
#: Columns and rows of the boxes, and words beside some arrows.
PLACES = {"noisy signal": (1, 0), "outc": (3, 0), "h0": (0, 0)}
PLACES |= {f"prior {name}": (0, row) for row, name in enumerate(ENCODER, 1)}
PLACES |= {name: (1, row) for row, name in enumerate(ENCODER, 1)}
PLACES |= {name: (3, row) for row, name in enumerate(DECODER[:0:-1], 1)}
PLACES |= {"h": (0, 5), "mask": (1, 5), "down4": (2, 5)}
WORDS = [
    (0.5, 0, "Wiener filter"),
    (0.03, 4.5, "max of each third,\nmean over the batch"),
    (0.5, 5, r"$1 + \beta h$"),
    (1.5, 5, "times its\nfirst kernel"),
]


def network(ax, net, length=100, title=""):
    """Draw a U-Net block by block, with the shapes that a signal takes on its way.

    Returned are channels and samples behind each block, by name; of ``h`` and ``mask`` channels and
    taps.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; 11 by 6 inches.
    net : nn.UNet
        With or without a prior network; a copy of it does the work.
    length : int
        Number of samples of the signal.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from denoiselib import nn
    >>> shapes = network(Figure().subplots(), nn.UNet(prior=True))
    >>> shapes["down3"], shapes["down4"], shapes["mask"]
    ((16, 12), (16, 6), (16, 3))
    """
    shapes = _shapes(net, length)
    for name, (channels, samples) in shapes.items():
        (x, y), prior = PLACES[name], name in ("h0", "h", "mask") or name.startswith("prior")
        look = {"facecolor": "white", "edgecolor": OTHER if prior else ESTIMATE, "linewidth": 1.4}
        corners = "round,pad=0,rounding_size=0.08"
        ax.add_patch(FancyBboxPatch((x - 0.27, y - 0.3), 0.54, 0.6, boxstyle=corners, **look))
        block = name.removeprefix("prior ").replace("outc", "outc: the estimate")
        ax.text(x, y, f"{block}\n{channels} × {samples}", ha="center", va="center", fontsize=9)
    for label, (look, pairs) in ARROWS.items():
        drawn = [pair for pair in pairs if shapes.keys() >= {*pair}]
        for a, b in drawn:
            _arrow(ax, PLACES[a], PLACES[b], look)
        if drawn:
            ax.plot([], [], label=label, **look)
    for x, y, text in WORDS if "mask" in shapes else ():
        above = {"y": y - 0.06, "ha": "center", "va": "bottom"}  # of a horizontal arrow
        beside = {"y": y, "ha": "left", "va": "center"}
        ax.text(x, s=text, color=OTHER, fontsize=8, **(beside if y % 1 else above))
    ax.set(xlim=(-0.35 if "mask" in shapes else 0.6, 3.35), ylim=(5.5, -0.5), title=title)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4)
    ax.set_axis_off()
    return shapes


def _arrow(ax, a, b, look):
    """Draw an arrow between two boxes, from edge to edge."""
    (x0, y0), (x1, y1) = a, b
    right, down = np.sign(x1 - x0), np.sign(y1 - y0)
    slant = 0.2 * right if down else 0.27 * right
    arrow = {"arrowstyle": "-|>", "shrinkA": 1, "shrinkB": 1, **look}
    ax.annotate("", (x1 - slant, y1 - 0.3 * down), (x0 + slant, y0 + 0.3 * down), arrowprops=arrow)


def _shapes(net, length):
    """Run a signal through every block, and list the shapes behind them."""
    net, x, skips = copy.deepcopy(net).eval(), np.zeros((1, 1, length)), []
    net(x)  # knows what it refuses
    y, shapes = x, {"noisy signal": (1, length)}
    for name, block in net.children():
        if name != "wienernet":
            y = block(y, skips.pop()) if name.startswith("up") else block(y)
            skips += [y] if name in ENCODER else []
            shapes[name] = y.shape[1:]
    if hasattr(net, "wienernet"):
        y, shapes["h0"] = x, (1, length)
        for name in ENCODER:
            y = getattr(net.wienernet, name)(y)
            shapes[f"prior {name}"] = y.shape[1:]
        shapes["h"] = shapes["mask"] = net.wienernet(x).shape[::2]
    return shapes
