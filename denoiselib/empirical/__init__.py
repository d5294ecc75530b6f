"""Learn the law of the signals from noisy signals alone, and take its posterior mean.

A network learns a map from noisy to clean signals. What is here learns where the signals come from:
how large their samples are and how often (`independent`), how long they stay where they are
(`markov`), into which pieces they fall (`partition`), which pulses they are sums of (`pulses`). The
best map for that law follows, and so does the noise level, if the law tells it from the signal.
Each function takes noisy signals ``(..., length)`` and returns a `Law`; `LAWS` lists them. `noise`
estimates the noise level alone, and `penalty` finds what a rule minimises.
"""

from functools import partial

from denoiselib.empirical import noise, penalty
from denoiselib.empirical.independent import Independent, independent
from denoiselib.empirical.law import Law
from denoiselib.empirical.markov import markov
from denoiselib.empirical.partition import partition
from denoiselib.empirical.pulses import pulses

#: Laws by name: what a menu calls each, and the function that fits it, ``fit(noisy, sigma=None)``.
LAWS = {
    "independent": ("law: samples", independent),
    "nonnegative": ("law: samples >= 0", partial(independent, nonnegative=True)),
    "markov": ("law: stays or jumps", markov),
    "partition": ("law: normal levels", partition),
    "pulses": ("law: pulses", pulses),
}
#: Those that are learned from hundreds of signals within seconds, also where they are wrong.
FAST = ("independent", "nonnegative", "markov")
__all__ = [
    "FAST", "LAWS", "Independent", "Law", "independent", "markov", "noise", "partition", "penalty",
    "pulses",
]  # fmt: skip
