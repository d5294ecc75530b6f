"""The one loop behind all adaptive filters: predict, compare, step, shrink."""

from collections import deque
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.filters.adaptive.bank import split

MEMORY = 31  #: steps whose errors say how large an error usually is
DIVERGED = (
    "the filter diverged: mu is too large for these signals, delta too small, or x too small "
    "beside d"
)
ROBUST = 1.483  #: standard deviations of Gaussian numbers in the median of their magnitudes


class Adapted(NamedTuple):
    """What an adaptive filter leaves behind."""

    output: np.ndarray  #: (..., length), what the weights made of `x` before they saw `d`
    error: np.ndarray  #: (..., length), `d` minus that
    weights: np.ndarray  #: (..., taps), at the end
    misalignment: np.ndarray | None  #: (..., length), if the true system is known
    history: np.ndarray | None  #: (..., length, taps), the weights behind each output, if asked for


def identify(
    x,
    d,
    taps,
    mu,
    *,
    normalised=True,
    bands=1,
    shrink=None,
    clip=None,
    delta=1e-3,
    system=None,
    start=None,
    history=False,
):
    r"""Learn, sample by sample, the filter that makes `d` out of `x`.

    Parameters
    ----------
    x, d : array_like (..., length)
        Input and desired signals; leading axes broadcast, each pair has a filter of its own.
    taps : int
        Length of the filter.
    mu : float or array (..., 1)
        Step size. Normalised: between 0 and 2, without unit. Otherwise in units of one over the
        power of `x`, and below 2 over the largest energy that ever lies in the taps.
    normalised : bool
        Divide the step by the energy in the taps.
    bands : int
        Compare `x` and `d` in this many frequency bands (see `analysis_bank`), once every `bands`
        samples. The error in a weak band then counts as much as that in a strong one.
    shrink : callable, optional
        Map ``(new, old) -> weights`` after each step, such as `zero_attracting` or `proximal`.
    clip : float, optional
        Largest error that counts, in robust standard deviations of the last 31 errors; 2.5 leaves
        99 % of Gaussian errors as they are and takes most of an impulse away.
    delta : float
        Regularisation of a normalised step, as a fraction of the mean energy in the taps (of the
        mean over bands, too), so that no unit of `x` matters.
    system : array_like (..., taps), optional
        The true filter; if given, the misalignment is returned.
    start : array_like (..., taps), optional
        Weights to start from, instead of zeros.
    history : bool
        Keep the weights of all times. Mind the memory: ``length * taps`` numbers a filter.

    Returns
    -------
    Adapted
        ``output``, ``error``, ``weights``; ``misalignment`` is :math:`\|w - w_0\|^2 / \|w_0\|^2`
        for the weights behind each output, 1 at the start (average it over runs, then take
        :math:`10 \log_{10}`); ``history`` as asked.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real or not finite or of a foreign shape, `mu` out of its range, or
        the filter diverges (which a normalised filter in several bands can, with a large `mu`).

    Notes
    -----
    With the last samples :math:`u_i` of band i, and :math:`\psi` the clipping of `clip`,

    .. math:: e_i = d_i - u_i^T w, \qquad
        w \leftarrow shrink\left(w + \mu \sum_i \frac{u_i\,\psi(e_i)}{\|u_i\|^2 + \delta}\right)

    One band is NLMS (Nagumo & Noda 1967), without the denominator LMS (Widrow & Hoff 1960); many
    are the normalised subband adaptive filter (Lee & Gan, *IEEE Signal Processing Letters* 11
    (2004), 736-739). Before the start `x` is zero. In one band no step can overshoot, so that the
    weights stay bounded: the reason for the limits of `mu`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(500)
    >>> d = np.convolve(x, [1.0, 0.0, -0.5])[:500]
    >>> print(identify(x, d, taps=3, mu=0.5).weights.round(3))
    [ 1.  -0.  -0.5]
    """
    x, d = _signals(x, d)
    taps, bands = _check.integer(taps, "taps", 1), _check.integer(bands, "bands", 1)
    normalised = _check.flag(normalised, "normalised")
    history = _check.flag(history, "history")
    if shrink is not None:
        _check.function(shrink, "shrink")
    mu = _check.level(mu, "mu", x, per_signal=True, positive=True)
    delta = _check.level(delta, "delta", x, per_signal=True)
    if clip is not None:
        clip = _check.level(clip, "clip", x, per_signal=True, positive=True)
    system, start = _filter(system, "system", taps, x), _filter(start, "start", taps, x)
    if system is not None and not _energy(system).all():
        raise ValueError("system must not be zero, for the misalignment is relative to it")

    # in units of the input squares neither overflow nor vanish, and the weights are the same
    unit = np.abs(x).max(axis=-1, keepdims=True)
    unit = np.where(unit > 0, unit, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is told at the end
        x, d = x / unit, d / unit
        hops = slice(bands - 1, None, bands)  # a step after the last sample of each hop
        u = _past(split(x, bands), taps)[..., hops, :]  # (..., bands, hops, taps)
        target = split(d, bands)[..., hops]
        gain = _normalised(mu, u, delta) if normalised else _fixed(mu, u, unit)
        w0 = _first(start, taps, shrink, x, d, mu, delta, clip, system)
        kept = _Kept(w0, x, system, history)
        for step, w in enumerate(_weights(w0, u, target, gain, shrink, clip)):
            kept.add(w, slice(step * bands, (step + 1) * bands))
        found = Adapted(kept.output * unit, (d - kept.output) * unit, w, kept.gap, kept.history)
    if not all(np.isfinite(a).all() for a in found if a is not None):
        raise ValueError(DIVERGED)
    return found


def _weights(w, u, target, gain, shrink, clip):
    """Yield the weights before each step, and those after the last."""
    recent = deque(maxlen=MEMORY)
    yield w
    for step in range(target.shape[-1]):
        e = target[..., step] - np.einsum("...ik,...k->...i", u[..., step, :], w)
        if clip is not None:
            recent.append(np.abs(e))
            limit = clip * ROBUST * np.median(recent, axis=0)
            e = np.clip(e, -limit, limit)
        new = w + np.einsum("...ik,...i->...k", u[..., step, :], gain[..., step] * e)
        w = new if shrink is None else _shrunk(shrink, new, w)
        yield w


def _shrunk(shrink, new, old):
    try:
        return shrink(new, old).astype(old.dtype, copy=False)
    except ValueError:
        if np.sqrt(_energy(new).max()) <= _check.largest(new.dtype):
            raise
        raise ValueError(DIVERGED) from None  # a proximal map refuses such weights


class _Kept:
    """What is written down of the weights, hop by hop."""

    def __init__(self, w, x, system, history):
        *lead, taps = w.shape
        length = x.shape[-1]
        self.past, self.system = _past(x, taps), system
        self.output = np.empty((*lead, length), x.dtype)
        self.gap = None if system is None else np.empty_like(self.output)
        self.history = np.empty((*lead, length, taps), x.dtype) if history else None

    def add(self, w, hop):
        self.output[..., hop] = np.einsum("...tk,...k->...t", self.past[..., hop, :], w)
        if self.system is not None:
            self.gap[..., hop] = (_energy(w - self.system) / _energy(self.system))[..., None]
        if self.history is not None:
            self.history[..., hop, :] = w[..., None, :]


def _energy(u):
    return np.einsum("...k,...k->...", u, u)


def _normalised(mu, u, delta):
    """Step sizes ``(..., bands, hops)``, 0 where there is nothing to learn from."""
    if mu.max() >= 2:
        raise ValueError(f"mu must be less than 2, but holds {mu.max():.4g}")
    energy = _energy(u)
    mean = energy.sum(axis=(-2, -1)) / max(1, energy.shape[-2] * energy.shape[-1])
    total = energy + (delta * mean[..., None])[..., None]
    return np.where(total > 0, mu[..., None], 0) / np.where(total > 0, total, 1)


def _fixed(mu, u, unit):
    """Step sizes ``(..., bands, hops)`` that do not follow the energy, but may not overshoot."""
    largest = _energy(u).sum(axis=-2).max(axis=-1, initial=0)[..., None]
    scaled = mu * unit**2
    overshoot = scaled * largest / 2
    if overshoot.max() >= 1:
        bound = np.broadcast_to(mu, overshoot.shape)[overshoot >= 1] / overshoot[overshoot >= 1]
        raise ValueError(
            f"mu must be less than 2 / the largest energy in the taps, here {bound.min():.3g}, "
            f"but holds {mu.max():.4g}"
        )
    return np.broadcast_to(scaled[..., None], (*scaled.shape[:-1], *u.shape[-3:-1]))


def _first(start, taps, shrink, *arrays):
    """Weights to begin with, one filter for all that broadcasts, with the axes of `shrink` too."""
    try:
        shape = np.broadcast_shapes(*(a.shape[:-1] for a in (*arrays, start) if a is not None))
    except ValueError:
        raise ValueError("x, d, mu, delta, clip, system and start must broadcast") from None
    w = np.zeros((*shape, taps), arrays[0].dtype)
    shape = w.shape if shrink is None else shrink(w, w).shape
    return np.broadcast_to(w if start is None else start, shape)


def _signals(x, d):
    x, d = _check.array(x, "x"), _check.array(d, "d")
    _check.broadcast(x, d, "x and d")
    if x.shape[-1] != d.shape[-1]:
        raise ValueError(f"x and d have lengths {x.shape[-1]} and {d.shape[-1]}")
    dtype = np.result_type(x, d)
    return x.astype(dtype, copy=False), d.astype(dtype, copy=False)


def _filter(value, name, taps, like):
    if value is None:
        return None
    value = _check.array(value, name)
    if value.shape[-1] != taps:
        raise ValueError(f"{name} must have {taps} taps, not {value.shape[-1]}")
    return value.astype(like.dtype, copy=False)


def _past(x, taps):
    """View ``(..., length)`` as ``(..., length, taps)``: at each time the newest sample first."""
    back = np.zeros((*x.shape[:-1], x.shape[-1] + taps - 1), x.dtype)
    back[..., : x.shape[-1]] = x[..., ::-1]
    return np.lib.stride_tricks.sliding_window_view(back, taps, axis=-1)[..., ::-1, :]
