"""Protocols say what is compared; `runner` computes their rows, `tables` sums them up.

The command line is ``python -m denoiselib.experiments``.
"""

from denoiselib.experiments import (
    batch_norm_modes,
    claims,
    classical,
    heart,
    prior,
    proposal,
    recipes,
    slides_table,
    structured,
    unsupervised,
)
from denoiselib.experiments.table import Table, results

__all__ = ["PROTOCOLS", "Table", "results"]

#: Every protocol by its name.
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        classical.PROTOCOL,
        recipes.PROTOCOL,
        prior.PROTOCOL,
        slides_table.PROTOCOL,
        batch_norm_modes.PROTOCOL,
        claims.PROTOCOL,
        proposal.SCREEN,
        proposal.STUDY,
        proposal.UNET,
        proposal.STUCK,
        unsupervised.PILOT,
        unsupervised.STUDY,
        structured.PROTOCOL,
        heart.PILOT,
        heart.PROTOCOL,
    )
}
