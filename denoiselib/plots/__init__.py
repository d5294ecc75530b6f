"""The figures of the notebooks: each function draws one idea into the axes it is given.

One meaning, one colour: the clean signal is black, the noisy one grey, an estimate blue, a second
one orange, the limit green and dashed.
"""

from denoiselib.plots.figures import (
    CLEAN,
    ESTIMATE,
    LIMIT,
    LOOKS,
    NOISY,
    OTHER,
    Bars,
    curves,
    heatmap,
    ranking,
    seeds,
    shrinkage,
    signal,
    spans,
)
from denoiselib.plots.learning import Learning
from denoiselib.plots.network import network

__all__ = [
    "CLEAN", "ESTIMATE", "LIMIT", "LOOKS", "NOISY", "OTHER", "Bars", "Learning", "curves",
    "heatmap", "network", "ranking", "seeds", "shrinkage", "signal", "spans",
]  # fmt: skip
