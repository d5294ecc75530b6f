"""Panels with sliders: the library answers while you move them.

All follow one pattern, `Panel`: controls on top, one figure kept and its data renewed, a line of
numbers below. A saved notebook holds the figure as it stood, and shows it where no kernel runs.
"""

from denoiselib.widgets.adaptive import AdaptivePanel
from denoiselib.widgets.classical import FilterPanel, MethodsPanel, NoisePanel
from denoiselib.widgets.data import FAST_METHODS, batch, tuned
from denoiselib.widgets.heart import HeartPanel
from denoiselib.widgets.interpret import (
    EffectiveFilterPanel,
    FeaturePanel,
    LayerPanel,
    ShrinkagePanel,
)
from denoiselib.widgets.networks import (
    LESSONS,
    MODES,
    LessonsPanel,
    ModesPanel,
    NetworkPanel,
    PriorPanel,
)
from denoiselib.widgets.panel import Panel, SignalPanel
from denoiselib.widgets.proposal import SparseNormPanel

__all__ = [
    "FAST_METHODS", "LESSONS", "MODES", "AdaptivePanel", "EffectiveFilterPanel", "FeaturePanel",
    "FilterPanel", "HeartPanel", "LayerPanel", "LessonsPanel", "MethodsPanel", "ModesPanel",
    "NetworkPanel", "NoisePanel", "Panel", "PriorPanel", "ShrinkagePanel", "SignalPanel",
    "SparseNormPanel", "batch", "tuned",
]  # fmt: skip
