r"""What pulls the weights of an adaptive filter towards zero, after each step.

Each function returns a map ``(new, old) -> weights`` of the weights after the step and before it,
both ``(..., taps)``, to be given to `identify` as ``shrink=``. A sparse filter is found by any of
them; they differ in what they do to the large weights, and in whether zeros are exact.

Common parameters, left out below:

    rho : float or array (..., 1)
        How hard it pulls in one step, in units of the weights, not negative; an array has one value
        for each filter of a batch, so that many can be tried at once.

Raised by all: ``TypeError`` or ``ValueError`` if `rho` is not real, not finite or negative.
"""

import numpy as np

from denoiselib import _check
from denoiselib.filters import prox


def zero_attracting(rho):
    r"""Pull all weights alike: :math:`w' - \rho\,\mathrm{sign}(w)`, a subgradient of |w|.

    Chen, Gu & Hero, *Sparse LMS for system identification*, ICASSP 2009. Zeros are never exact: a
    small weight swings around zero by `rho`.

    Examples
    --------
    >>> w = np.array([-3.0, 0.1, 0.0])
    >>> print(zero_attracting(0.5)(w, w))
    [-2.5 -0.4  0. ]
    """
    rho = _rho(rho)
    return lambda new, old: new - _of(rho, new) * np.sign(old)


def reweighted(rho, eps=10.0):
    r"""Pull small weights most: :math:`w' - \rho\,\mathrm{sign}(w) / (1 + \epsilon |w|)`.

    It follows the gradient of :math:`\log(1 + \epsilon |w|)`, and biases large weights little;
    :math:`1 / \epsilon` says which are large. From the same paper as `zero_attracting`.

    Examples
    --------
    >>> w = np.array([-3.0, 0.1, 0.0])
    >>> print(reweighted(0.5)(w, w).round(3))
    [-2.984 -0.15   0.   ]
    """
    rho = _rho(rho)
    eps = _check.level(eps, "eps", np.zeros(1), per_signal=True)
    return lambda new, old: new - _of(rho, new) * np.sign(old) / (1 + _of(eps, new) * np.abs(old))


def proximal(rho, penalty="l1"):
    r"""Apply a proximal map of `prox.PENALTIES`, with weight `rho`: :math:`prox_{\rho f}(w')`.

    With ``"l1"`` the online filter is ISTA that sees one sample, or one sample of each band, at a
    step (Murakami et al., *A sparse adaptive filtering using time-varying soft-thresholding
    techniques*, ICASSP 2010). Zeros are exact.

    Examples
    --------
    >>> w = np.array([-3.0, 0.1, 0.0])
    >>> print(proximal(0.5)(w, w))
    [-2.5  0.   0. ]
    """
    rho, prox_map = _rho(rho), _prox_map(penalty)
    return lambda new, old: prox_map(new, _of(rho, new))


def block_proximal(rho, block, penalty="l1"):
    r"""Shrink blocks of neighbouring taps by their length: all of a block or nothing.

    Parameters
    ----------
    rho
        As in all.
    block : int
        Taps in a block; it must divide the number of taps.
    penalty : str
        One of `prox.PENALTIES`, of the length of a block.

    Notes
    -----
    The proximal map of :math:`\rho \sum_b f(\|w_b\|_2)`; with f(x) = x the group soft threshold
    (Yuan & Lin, *J. R. Stat. Soc. B* 68 (2006), 49-67):

    .. math:: \frac{w_b}{\|w_b\|_2}\,prox_{\rho f}(\|w_b\|_2)

    Examples
    --------
    >>> w = np.array([3.0, 4.0, 0.3, 0.4])
    >>> print(block_proximal(1.0, block=2)(w, w))
    [2.4 3.2 0.  0. ]
    """
    rho, block, prox_map = _rho(rho), _check.integer(block, "block", 1), _prox_map(penalty)

    def shrink(new, old):
        taps = new.shape[-1]
        if taps % block:
            raise ValueError(f"block must divide the {taps} taps, and {block} does not")
        blocks = new.reshape(*new.shape[:-1], -1, block)
        size = np.sqrt(np.einsum("...k,...k->...", blocks, blocks))
        kept = prox_map(size, _of(rho, size)) / np.where(size > 0, size, 1)
        return (kept[..., None] * blocks).reshape(*kept.shape[:-1], taps)

    return shrink


def _prox_map(penalty):
    return prox.PENALTIES[_check.choice(penalty, "penalty", prox.PENALTIES)].prox


def _rho(rho):
    return _check.level(rho, "rho", np.zeros(1), per_signal=True)


def _of(rho, weights):
    """Bring `rho` to the precision of the weights, with which it must broadcast."""
    _check.broadcast(weights, rho, "the filters and rho")
    return rho.astype(weights.dtype)
