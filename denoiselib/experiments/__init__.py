"""Protocols say what is compared; `runner` computes their rows, `tables` sums them up.

The command line is ``python -m denoiselib.experiments``.
"""

try:
    from denoiselib.experiments import (
        batch_norm_modes,
        claims,
        classical,
        controls,
        fixed_maps,
        foretold,
        heart,
        improvements,
        laws,
        mixed_levels,
        prior,
        proposal,
        recipes,
        slides_table,
        structured,
        unsupervised,
    )
    from denoiselib.experiments.protocol import Protocol
    from denoiselib.experiments.table import Table, results
except ModuleNotFoundError as error:
    raise ImportError(
        f"studies need {error.name}, of the extra 'notebooks': pip install 'denoiselib[notebooks]'"
    ) from None

__all__ = ["PROTOCOLS", "Table", "results"]

STUDIES = (classical, recipes, improvements, prior, slides_table, batch_norm_modes, claims, heart)
STUDIES += (mixed_levels, proposal, controls, fixed_maps, foretold, unsupervised, laws, structured)

#: Every protocol by its name: all that the modules of the studies define.
PROTOCOLS = {
    protocol.name: protocol
    for study in STUDIES
    for protocol in vars(study).values()
    if isinstance(protocol, Protocol)
}
