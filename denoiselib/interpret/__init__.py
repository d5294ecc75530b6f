"""Read a network as signal processing: its layers, its filters, and what it does to a sample.

`layers` finds the layers of a network and what they hold; `steps` reads a layer as a step of a
minimisation, `energies` the whole network; `linear` reads kernels and whole networks as filters;
`handmade` writes networks without training; `shrinkage` looks at a denoiser from outside.
"""

from denoiselib.interpret.energies import Energy, Minimum, energy, minimise_energy
from denoiselib.interpret.handmade import adaptive_firm, unrolled_ista
from denoiselib.interpret.layers import (
    Features,
    Layer,
    as_batch,
    features,
    find_layers,
    in_place_of,
    norm_gains,
    watching,
)
from denoiselib.interpret.linear import (
    Linear,
    frequency_response,
    influence,
    jacobian,
    linearise,
)
from denoiselib.interpret.shrinkage import Shrinkage, shrinkage_curve
from denoiselib.interpret.steps import ProximalStep, proximal_step

__all__ = [
    "Energy",
    "Features",
    "Layer",
    "Linear",
    "Minimum",
    "ProximalStep",
    "Shrinkage",
    "adaptive_firm",
    "as_batch",
    "energy",
    "features",
    "find_layers",
    "frequency_response",
    "in_place_of",
    "influence",
    "jacobian",
    "linearise",
    "minimise_energy",
    "norm_gains",
    "proximal_step",
    "shrinkage_curve",
    "unrolled_ista",
    "watching",
]
