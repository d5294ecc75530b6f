"""The slides' proposal, judged: sparse and adaptive normalisations in the place of batch norm."""

from denoiselib.experiments.proposal.candidates import CANDIDATES, CONTROLS, recipe
from denoiselib.experiments.proposal.measure import run_one
from denoiselib.experiments.proposal.protocols import SCREEN
from denoiselib.experiments.proposal.verdict import closed, ranking

__all__ = ["CANDIDATES", "CONTROLS", "SCREEN", "closed", "ranking", "recipe", "run_one"]
