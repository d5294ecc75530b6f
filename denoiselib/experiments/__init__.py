"""Protocols say what is compared; `runner` computes their rows, `tables` sums them up.

The command line is ``python -m denoiselib.experiments``.
"""

from denoiselib.experiments import batch_norm_modes, claims, classical, prior, recipes, slides_table

#: Every protocol by its name.
PROTOCOLS = {
    module.PROTOCOL.name: module.PROTOCOL
    for module in (classical, recipes, prior, slides_table, batch_norm_modes, claims)
}
