"""Classical filters: plain functions of a noisy array ``(..., length)``, all signals in one call.

`threshold`, `l1` and `gmc` shrink coefficients, `tv` fits a piecewise constant signal, `wiener` and
`linear_mmse` are linear estimators, local and global, and the filters in `adaptive` learn while the
signal passes. `prox` holds the proximal maps behind them, `tuning` chooses their parameters,
`METHODS` lists them with the one parameter a reader turns.
"""

from denoiselib.filters import adaptive, prox, tuning
from denoiselib.filters.methods import METHODS, Method
from denoiselib.filters.sparse import gmc, l1, threshold
from denoiselib.filters.tv import tv
from denoiselib.filters.wiener import linear_mmse, wiener, wiener_system_function

__all__ = [
    "METHODS",
    "Method",
    "adaptive",
    "gmc",
    "l1",
    "linear_mmse",
    "prox",
    "threshold",
    "tuning",
    "tv",
    "wiener",
    "wiener_system_function",
]
