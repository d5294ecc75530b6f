"""Adaptive filters: weights that learn while the signal passes, one small step at each sample.

`identify` is the loop behind all of them: a step, its normalisation, bands of frequency, and a map
(`shrink`) that pulls the weights towards zero. `lms`, `nlms` and the others are its choices by
name; `enhance` is a denoiser made of it. `sparse_system`, `coloured` and `observe` make the
classical test: find an unknown system from its input and its noisy output.
"""

from denoiselib.filters.adaptive.bank import analysis_bank
from denoiselib.filters.adaptive.named import (
    block_nlms,
    enhance,
    lms,
    nlms,
    nsaf,
    proximal_nlms,
    proximal_nsaf,
    robust_nlms,
    rza_lms,
    rza_nlms,
    za_lms,
    za_nlms,
    za_nsaf,
)
from denoiselib.filters.adaptive.online import Adapted, identify
from denoiselib.filters.adaptive.scenario import (
    block_sparse_system,
    coloured,
    observe,
    sparse_system,
)
from denoiselib.filters.adaptive.shrink import (
    block_proximal,
    proximal,
    reweighted,
    zero_attracting,
)

__all__ = [
    "Adapted",
    "analysis_bank",
    "block_nlms",
    "block_proximal",
    "block_sparse_system",
    "coloured",
    "enhance",
    "identify",
    "lms",
    "nlms",
    "nsaf",
    "observe",
    "proximal",
    "proximal_nlms",
    "proximal_nsaf",
    "reweighted",
    "robust_nlms",
    "rza_lms",
    "rza_nlms",
    "sparse_system",
    "za_lms",
    "za_nlms",
    "za_nsaf",
    "zero_attracting",
]
