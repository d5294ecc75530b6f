"""Classical filters: plain functions of a noisy array ``(..., length)``, all signals in one call.

`threshold`, `l1` and `gmc` shrink coefficients, `tv` fits a piecewise constant signal, `wiener` and
`linear_mmse` are linear estimators, local and global; `prox` holds the proximal maps behind them.
Three extras are loaded when they are first used: `METHODS` lists the filters with the one parameter
a reader turns, `tuning` chooses it, and the filters in `adaptive` learn while the signal passes.
"""

from denoiselib._lazy import extras
from denoiselib.filters import prox
from denoiselib.filters.sparse import gmc, l1, threshold
from denoiselib.filters.tv import tv
from denoiselib.filters.wiener import linear_mmse, wiener, wiener_system_function

EXTRAS = {
    "METHODS": "denoiselib.filters.methods:METHODS",
    "Method": "denoiselib.filters.methods:Method",
    "adaptive": "denoiselib.filters.adaptive",
    "tuning": "denoiselib.filters.tuning",
}
__all__ = [
    "gmc", "l1", "linear_mmse", "prox", "threshold", "tv", "wiener", "wiener_system_function",
    *EXTRAS,
]  # fmt: skip
__getattr__, __dir__ = extras(globals(), EXTRAS)
