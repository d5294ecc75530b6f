"""The slides' proposal, judged: sparse and adaptive normalisations in the place of batch norm."""

from denoiselib.experiments.proposal.candidates import (
    CANDIDATES,
    CHOSEN,
    CONTROLS,
    FINALISTS,
    recipe,
)
from denoiselib.experiments.proposal.measure import run_one
from denoiselib.experiments.proposal.protocols import SCREEN, STUCK, STUDY, UNET
from denoiselib.experiments.proposal.verdict import TOLD, against, closed, goals, ranking, tuned

__all__ = [
    "CANDIDATES",
    "CHOSEN",
    "CONTROLS",
    "FINALISTS",
    "SCREEN",
    "STUCK",
    "STUDY",
    "TOLD",
    "UNET",
    "against",
    "closed",
    "goals",
    "ranking",
    "recipe",
    "run_one",
    "tuned",
]
