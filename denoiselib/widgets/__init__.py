"""Panels with sliders: the library answers while you move them.

All follow one pattern, `Panel`: controls on top, one figure kept and its data renewed, a line of
numbers below. A saved notebook holds the figure as it stood, and shows it where no kernel runs.
"""

from denoiselib.widgets.adaptive import AdaptivePanel
from denoiselib.widgets.classical import METHODS, FilterPanel, MethodsPanel, NoisePanel, tuned
from denoiselib.widgets.heart import HeartPanel
from denoiselib.widgets.interpret import EffectiveFilterPanel, FeaturePanel, ShrinkagePanel
from denoiselib.widgets.layer import LayerPanel
from denoiselib.widgets.lessons import LESSONS, LessonsPanel
from denoiselib.widgets.modes import MODES, ModesPanel
from denoiselib.widgets.networks import NetworkPanel
from denoiselib.widgets.panel import Panel, SignalPanel, batch
from denoiselib.widgets.prior import PriorPanel
from denoiselib.widgets.proposal import SparseNormPanel

__all__ = [
    "LESSONS",
    "METHODS",
    "MODES",
    "AdaptivePanel",
    "EffectiveFilterPanel",
    "FeaturePanel",
    "FilterPanel",
    "HeartPanel",
    "LayerPanel",
    "LessonsPanel",
    "MethodsPanel",
    "ModesPanel",
    "NetworkPanel",
    "NoisePanel",
    "Panel",
    "PriorPanel",
    "ShrinkagePanel",
    "SignalPanel",
    "SparseNormPanel",
    "batch",
    "tuned",
]
