"""Learn the law of the signals from noisy signals alone, and take its posterior mean.

A network learns a map from noisy to clean signals. What is here learns where the signals come from:
how large their samples are and how often (`independent`), how long they stay where they are
(`markov`), into which pieces they fall (`partition`). The best map for that law follows, and so
does the noise level, if the law tells it from the signal. Each function takes noisy signals
``(..., length)`` and returns a `Law`.

`noise` compares estimators of the noise level, and `penalty` finds the penalty whose proximal map a
learned rule is.
"""

from denoiselib.empirical import noise, penalty
from denoiselib.empirical.independent import Independent, independent
from denoiselib.empirical.law import Law

__all__ = [
    "Independent",
    "Law",
    "independent",
    "noise",
    "penalty",
]
