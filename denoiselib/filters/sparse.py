r"""Sparse filters: shrink the coefficients of a signal, in time or over a transform.

`l1` and `gmc` solve :math:`\min_c \frac12 \|y - A c\|^2 + \lambda\, \psi(c)` and return
:math:`A c`. The transform is ``"identity"``, ``"dft"``, or any pair of callables
``(analysis, synthesis)``: `synthesis` is A, `analysis` its adjoint, both acting on the last axis.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.filters import prox


class Transform(NamedTuple):
    """A synthesis A and its adjoint."""

    analysis: Callable  #: the adjoint of A, from signals to coefficients
    synthesis: Callable  #: A, from coefficients to signals
    unitary: bool = True  #: whether A^H A = I
    rho: float = 1.0  #: the largest eigenvalue of A^H A


#: Unitary transforms by name.
TRANSFORMS = {
    "identity": Transform(lambda y: y, lambda c: c),
    "dft": Transform(
        lambda y: np.fft.fft(y, norm="ortho"), lambda c: np.fft.ifft(c, norm="ortho").real
    ),
}

#: Growth of a step over the shortest before it, from which on it counts as divergence: none for the
#: L1 norm, whose steps never become longer, much for GMC, whose steps may at first.
GROWTH = 1.001, 10.0
RETRIES = 2  #: with shorter steps, before signals that do not converge are given up
GROUP = 10_000  #: coefficients that are iterated together: their arrays fit into the CPU cache


def threshold(noisy, lam, penalty="l1", **options):
    r"""Shrink each sample in time: :math:`\arg\min_x \frac12 \|x - y\|^2 + \lambda \sum_i f(x_i)`.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals y.
    lam : float or array
        Weight of the penalty; broadcasts, so that a column of weights gives a row of estimates.
    penalty : {"l1", "nonnegative_l1", "l0", "l_half", "l_two_thirds", "firm"}
        Name of f in `prox.PENALTIES`.
    **options
        Further arguments of the penalty: ``gamma`` of ``"firm"``.

    Examples
    --------
    >>> print(threshold([-3.0, 0.5, 6.0], 2.0, "nonnegative_l1"))
    [0. 0. 4.]
    """
    noisy = _check.array(noisy, "noisy")
    _check.choice(penalty, "penalty", prox.PENALTIES)
    lam = _check.level(lam, "lam", noisy, squared=penalty == "l0")
    return prox.PENALTIES[penalty](noisy, lam, **options)


def l1(noisy, lam, transform="dft", **options):
    r"""Basis pursuit denoising: fit the signal with few coefficients, by the L1 norm.

    The result is A c for the c of least :math:`\frac12 \|y - A c\|^2 + \lambda \|c\|_1`; for a
    unitary A it is one soft threshold of the coefficients.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals y.
    lam : float or array (..., 1)
        Weight of the penalty.
    transform : {"dft", "identity"}, pair of callables or Transform
        See the module and `resolve`; the slides used the DFT.
    **options
        The further ones of `gmc`, of which this is the case gamma = 0.

    Examples
    --------
    A cosine of amplitude 1 has two coefficients of magnitude 2 in a DFT of 16 samples:

    >>> wave = np.cos(2 * np.pi * np.arange(16) / 4)
    >>> print(l1(wave, lam=1.0)[:4].round(3) + 0)
    [ 0.5  0.  -0.5  0. ]
    """
    return gmc(noisy, lam, 0.0, transform, **options)


def gmc(
    noisy,
    lam,
    gamma=0.8,
    transform="dft",
    *,
    nonnegative=False,
    method="auto",
    tol=1e-10,
    max_iter=10_000,
):
    r"""Generalised minimax-concave penalty: sparse as L1, but large coefficients stay as they are.

    Parameters
    ----------
    noisy, lam, transform
        As in `l1`.
    gamma : float
        In [0, 1): 0 is the L1 norm, near 1 nearly a hard threshold. The cost stays convex.
    nonnegative : bool
        Whether coefficients must be real and not negative.
    method : {"auto", "closed", "iterative"}
        Closed form (unitary transforms only) or iteration; ``"auto"`` takes the closed form if
        there is one.
    tol, max_iter : float, int
        The iteration of a signal ends when its coefficients move by less than `tol` of their norm;
        a warning is given if that takes more than `max_iter` steps.

    Notes
    -----
    :math:`\min_c \frac12\|y - Ac\|^2 + \lambda\psi_B(c)` with
    :math:`\psi_B(c) = \|c\|_1 - \min_v \{\|v\|_1 + \frac12\|B(c - v)\|^2\}`,
    :math:`B = \sqrt{\gamma/\lambda} A` (I. Selesnick, Sparse regularization via convex analysis,
    *IEEE Trans. Signal Process.* 65 (2017), 4481-4494). For a unitary A it is one firm threshold
    between lam and lam / gamma; else the saddle point is found by forward-backward splitting with
    step :math:`\mu = 1.9 / (\rho \max(1, \gamma/(1-\gamma)))`:

    .. math::
        w = c - \mu A^H(A(c + \gamma(v - c)) - y), \quad u = v - \mu\gamma A^H A(v - c), \quad
        c = \mathrm{soft}(w, \mu\lambda), \quad v = \mathrm{soft}(u, \mu\lambda)

    With c >= 0 the first of these maps is that of `prox.nonnegative_l1`; v stays free.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(16) / 4)
    >>> print(gmc(wave, lam=1.0, gamma=0.8)[:4].round(3) + 0)
    [ 1.  0. -1.  0.]
    """
    noisy = _check.array(noisy, "noisy")
    lam = _check.level(lam, "lam", noisy, per_signal=True)
    gamma = _check.fraction(gamma, "gamma")
    _check.choice(method, "method", ("auto", "closed", "iterative"))
    tol = _check.number(tol, "tol")
    max_iter = _check.integer(max_iter, "max_iter", 1)
    basis = resolve(transform, noisy.shape[-1])
    if _check.flag(nonnegative, "nonnegative") and np.iscomplexobj(basis.analysis(noisy)):
        raise ValueError("nonnegative needs a transform with real coefficients")
    if method == "closed" and not basis.unitary:
        raise ValueError("method 'closed' needs a unitary transform")
    if basis.unitary and method != "iterative":
        c = prox.firm(basis.analysis(noisy), lam, gamma)
        estimate = basis.synthesis(np.maximum(c, 0) if nonnegative else c)
    else:
        shrink = _rectify if nonnegative else _soft
        estimate = _forward_backward(noisy, lam, gamma, basis, shrink, tol, max_iter)
    return estimate.astype(noisy.dtype, copy=False)


def resolve(transform, length):
    """Return a `Transform` for signals of a length, from a name or a pair of callables.

    A pair is tried on a random vector, and its largest eigenvalue found by power iteration. To
    filter many times, do this once and give the `Transform` to `l1` and `gmc` instead.

    Examples
    --------
    >>> basis = resolve((lambda y: 2 * y, lambda c: 2 * c), length=10)
    >>> print(basis.unitary, round(basis.rho, 6))
    False 4.0
    """
    if isinstance(transform, Transform):
        return transform
    if isinstance(transform, str):
        return TRANSFORMS[_check.choice(transform, "transform", TRANSFORMS)]
    try:
        analysis, synthesis = transform
    except (TypeError, ValueError):
        analysis = synthesis = None
    if not (callable(analysis) and callable(synthesis)):
        names = ", ".join(map(repr, TRANSFORMS))
        raise TypeError(f"transform must be one of {names} or a pair (analysis, synthesis)")

    # a fixed seed, so that the same pair is always found to be the same
    rng = np.random.default_rng(0)
    y = rng.standard_normal(length)
    seen = analysis(y)
    c = rng.standard_normal(np.shape(seen)).astype(np.result_type(seen, np.float64))
    if np.iscomplexobj(c):
        c = c + 1j * rng.standard_normal(c.shape)
    made = synthesis(c)
    if np.shape(made) != y.shape or not np.isclose(made @ y, np.vdot(c, seen).real):
        raise ValueError("transform must be a pair (analysis, synthesis) of adjoint linear maps")
    if np.allclose(analysis(made), c):
        return Transform(analysis, synthesis)
    for _ in range(50):  # power iteration from below; what it misses is found on the way
        c = analysis(synthesis(c / (np.linalg.norm(c) or 1)))
    return Transform(analysis, synthesis, False, float(np.linalg.norm(c)) or 1.0)


def _forward_backward(noisy, lam, gamma, basis, shrink, tol, max_iter):
    """Find `gmc`'s saddle point for all signals, in groups whose arrays fit into the CPU cache."""
    shape = np.broadcast_shapes(noisy.shape, lam.shape)
    y = np.broadcast_to(noisy, shape).reshape(-1, shape[-1]).astype(np.float64)
    lam = np.broadcast_to(lam, (*shape[:-1], 1)).reshape(-1, 1).astype(np.float64)
    largest = np.abs(y).max(axis=-1, keepdims=True)
    unit = np.where(largest > 0, largest, 1)
    with np.errstate(over="ignore"):  # an infinite threshold is one too
        y, lam = y / unit, lam / unit
    data, phase = basis.analysis(y), 1.0
    if np.iscomplexobj(data) and basis.unitary:  # A^H A = I: all keep the phases of the data
        magnitude = np.abs(data)
        data, phase = magnitude, data / np.where(magnitude > 0, magnitude, 1)
    c, moving, size = np.empty_like(data), 0, 1 + GROUP // data.shape[-1]
    for start in range(0, len(data), size):
        group = slice(start, start + size)
        given, patience = (data[group], lam[group], gamma), 0 if basis.unitary else RETRIES
        found = _saddle_point(*given, basis, shrink, tol, max_iter)
        while found is None or (found[1] and patience):
            # rho was larger than 50 steps could tell: the steps grew, or went in a circle
            basis, patience = basis._replace(rho=1.25 * basis.rho), patience - (found is not None)
            found = _saddle_point(*given, basis, shrink, tol, max_iter)
        c[group], left = found
        moving += left
    if moving:
        warnings.warn(
            f"{moving} signals still moved after {max_iter} iterations", RuntimeWarning, 3
        )
    return (unit * basis.synthesis(c * phase)).reshape(shape)


def _saddle_point(data, lam, gamma, basis, shrink, tol, max_iter):
    """Iterate for data A^H y; return the coefficients, and how many signals have not converged.

    Or None if the steps become longer, as they only do if the eigenvalue `rho` is too small.
    """

    def gram(c):
        return c if basis.unitary else basis.analysis(basis.synthesis(c))

    mu = 1.9 / (basis.rho * max(1.0, gamma / (1 - gamma)))
    cut = np.broadcast_to(mu * lam, data.shape).copy()
    found, rows = np.empty_like(data), np.arange(len(data))
    c = v = np.zeros_like(data)
    least, tiny = np.full(len(data), np.inf), 1e-14 * _norm(data).max(initial=0)
    for _ in range(max_iter):
        old_c, old_v = c, v
        if gamma > 0:
            c = shrink(c - mu * (gram(c + gamma * (v - c)) - data), cut)
            v = _soft(v - mu * gamma * gram(v - old_c), cut)
            change = _norm(c - old_c) + _norm(v - old_v)
            size = _norm(c) + _norm(v)
        else:
            c = shrink(c - mu * (gram(c) - data), cut)
            change, size = _norm(c - old_c), _norm(c)
        moving = change > tol * size
        least = np.minimum(least, change)
        if (change > GROWTH[gamma > 0] * least + tiny).any():
            return None
        if not moving.all():
            found[rows] = c
            c, v, data, cut, rows, least = (a[moving] for a in (c, v, data, cut, rows, least))
            if not len(rows):
                break
    found[rows] = c
    return found, len(rows)


def _soft(c, cut):
    """Return what `prox.l1` does, without its checks: this is the inner loop."""
    if np.isrealobj(c):
        return c - np.minimum(np.maximum(c, -cut), cut)
    r = np.abs(c)
    return c * (np.maximum(r - cut, 0) / np.where(r > 0, r, 1))


def _rectify(c, cut):
    """Return what `prox.nonnegative_l1` does."""
    return np.maximum(c - cut, 0)


def _norm(c):
    return np.sqrt(np.vecdot(c, c).real)
