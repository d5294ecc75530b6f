r"""Learning without clean signals: every method is one form, and differs in what it is made of.

A `Lesson` says *what the net sees, what it is compared with, and what is added*:

.. math:: \text{loss}(f) = \text{mean}\; v\, (f(\text{seen}) - \text{target})^2 + \text{added}(f)

=================== ======================== ===================== ===========================
method              seen                     target                added
=================== ======================== ===================== ===========================
(supervised)        y                        x                     0
`noise2noise`       y                        y', a second copy     0
`sure`              y                        y                     2 s² div f(y) / m - s²
`recorrupted`       y + a w                  y - w / a             0
`noise2self`        y, some samples hidden   y at those samples    0
`neighbor2neighbor` one sample of each pair  the other             a penalty on their difference
=================== ======================== ===================== ===========================

Here y = x + s n is the noisy signal, w more noise of its level s, m the number of samples, and the
weight v is 1 but for `noise2self`. Noisy signals come from a source,
``source(step) -> (noisy, ...)``, of which a lesson takes the first array alone: `train.fresh` and
`train.fixed` are sources, and so are the `windows` of one long recording. Only `noise2noise` takes
two, as `copies` draws them. A lesson goes to `train.fit`, with any network:
``fit(net, lesson.data, optimizer, steps, loss=lesson.loss)``. `solve_hats` solves the first four
exactly for a rule that treats each sample by itself.
"""

from denoiselib.nn.unsupervised.estimates import estimate_hidden, estimate_recorrupted
from denoiselib.nn.unsupervised.hats import KNOTS, solve_hats
from denoiselib.nn.unsupervised.lessons import (
    Lesson,
    neighbor2neighbor,
    noise2noise,
    noise2self,
    recorrupted,
    sure,
)
from denoiselib.nn.unsupervised.sources import copies, windows

__all__ = [
    "KNOTS",
    "Lesson",
    "copies",
    "estimate_hidden",
    "estimate_recorrupted",
    "neighbor2neighbor",
    "noise2noise",
    "noise2self",
    "recorrupted",
    "solve_hats",
    "sure",
    "windows",
]
