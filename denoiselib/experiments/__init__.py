"""Protocols say what is compared; `runner` computes their rows, `tables` sums them up.

The command line is ``python -m denoiselib.experiments``.
"""

from denoiselib.experiments import classical

#: Every protocol by its name.
PROTOCOLS = {protocol.name: protocol for protocol in (classical.PROTOCOL,)}
