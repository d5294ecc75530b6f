"""Adaptive filters: weights that learn while the signal passes, one small step at each sample.

`identify` is the loop behind all of them: predict, compare, step, and shrink the weights. `lms`,
`nlms`, `robust_nlms` and `nsaf` call it with options of their own, `enhance` is a denoiser made of
it. `sparse_system`, `coloured` and `observe` make the classical test: find an unknown system from
its input and its noisy output.

A sparse filter is one of them with ``shrink=``, a map ``(new, old) -> weights`` from the weights
after a step and those before it, both (..., taps): `zero_attracting`, `reweighted`, `proximal` or
`block_proximal`. Their parameter rho says how hard they pull in one step, in units of the weights:
a float, or an array (..., 1) with a value for each filter of a batch.
"""

from collections import deque
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.filters import prox

MEMORY = 31  #: steps whose errors say how large an error usually is
ROBUST = 1.483  #: standard deviations of Gaussian numbers in the median of their magnitudes
LEAST_SNR = -1000  #: in dB: with less there is nothing but noise, even in float64
BAND_TAPS = 8  #: taps of a band-pass filter, for each band
KAISER_SHAPE = 7.0  #: of the window: one band away a filter has fallen below -70 dB
DIVERGED = (
    "the filter diverged: mu is too large for these signals, delta too small, or x too small "
    "beside d"
)


class Adapted(NamedTuple):
    """The result of an adaptive filter."""

    output: np.ndarray  #: (..., length), the prediction of each sample of `d` before it was seen
    error: np.ndarray  #: (..., length), `d` minus that
    weights: np.ndarray  #: (..., taps), at the end
    misalignment: np.ndarray | None  #: (..., length), if the true system is known


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
):
    r"""Learn, sample by sample, the filter that makes `d` out of `x`; return it as `Adapted`.

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
        Compare `x` and `d` in this many frequency bands, once every `bands` samples, so that the
        error in a weak band counts as much as that in a strong one.
    shrink : callable, optional
        Map ``(new, old) -> weights`` after each step, such as `zero_attracting` or `proximal`.
    clip : float, optional
        Largest error that counts, in robust standard deviations of the last 31 errors; 2.5 leaves
        99 % of Gaussian errors as they are and takes most of an impulse away.
    delta : float
        Regularisation of a normalised step, as a fraction of the mean energy in the taps.
    system, start : array_like (..., taps), optional
        The true filter :math:`w_0`, for the misalignment; and weights to start from, else zeros.

    Notes
    -----
    With the last samples :math:`u_i` of band i, and :math:`\psi` the clipping of `clip`,

    .. math:: e_i = d_i - u_i^T w, \qquad
        w \leftarrow shrink\left(w + \mu \sum_i \frac{u_i\,\psi(e_i)}{\|u_i\|^2 + \delta}\right)

    One band is NLMS (Nagumo & Noda 1967), without the denominator LMS (Widrow & Hoff 1960); many
    are the normalised subband adaptive filter (Lee & Gan, *IEEE Signal Processing Letters* 11
    (2004), 736-739). Before the start `x` is zero. Within the limits of `mu` no step in one band
    can overshoot; with several bands the filter may diverge, which raises ValueError. The
    misalignment of the weights that gave a sample is :math:`\|w - w_0\|^2 / \|w_0\|^2`: average it
    over runs, then take :math:`10 \log_{10}`.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(500)
    >>> d = np.convolve(x, [1.0, 0.0, -0.5])[:500]
    >>> print(identify(x, d, taps=3, mu=0.5).weights.round(3))
    [ 1.  -0.  -0.5]
    """
    x, d = _signals(x, d)
    taps, bands = _check.integer(taps, "taps", 1), _check.integer(bands, "bands", 1)
    normalised = _check.flag(normalised, "normalised")
    if shrink is not None:
        _check.function(shrink, "shrink")
    mu = _check.level(mu, "mu", x, per_signal=True, positive=True)
    delta = _check.level(delta, "delta", x, per_signal=True)
    if clip is not None:
        clip = _check.level(clip, "clip", x, per_signal=True, positive=True)
    system, start = _filter(system, "system", taps, x), _filter(start, "start", taps, x)
    if system is not None and not _energy(system).all():
        raise ValueError("system must not be zero, for the misalignment is relative to it")

    # scaled by the largest input, so that squares neither overflow nor vanish; same weights
    unit = np.abs(x).max(axis=-1, keepdims=True)
    unit = np.where(unit > 0, unit, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported at the end
        x, d = x / unit, d / unit
        hops = slice(bands - 1, None, bands)  # a step after the last sample of each hop
        u = _past(_split(x, bands), taps)[..., hops, :]  # (..., bands, hops, taps)
        target = _split(d, bands)[..., hops]
        gain = _normalised(mu, u, delta) if normalised else _fixed(mu, u, unit)
        w0 = _first(start, taps, shrink, x, d, mu, delta, clip, system)
        output = np.empty((*w0.shape[:-1], x.shape[-1]), x.dtype)
        gap = None if system is None else np.empty_like(output)
        past = _past(x, taps)
        for step, w in enumerate(_weights(w0, u, target, gain, shrink, clip)):
            hop = slice(step * bands, (step + 1) * bands)
            output[..., hop] = np.einsum("...tk,...k->...t", past[..., hop, :], w)
            if gap is not None:
                gap[..., hop] = (_energy(w - system) / _energy(system))[..., None]
        found = Adapted(output * unit, (d - output) * unit, w, gap)
    if not all(np.isfinite(a).all() for a in found if a is not None):
        raise ValueError(DIVERGED)
    return found


def lms(x, d, taps, mu, **options):
    r"""Least mean squares: :math:`w \leftarrow w + \mu e u` (Widrow & Hoff 1960).

    Examples
    --------
    >>> print(lms([1.0, 1.0], [1.0, 1.0], taps=1, mu=0.5).output)
    [0.  0.5]
    """
    return identify(x, d, taps, mu, normalised=False, **options)


def nlms(x, d, taps, mu, **options):
    r"""Normalised LMS: :math:`w \leftarrow w + \mu e u / (\|u\|^2 + \delta)`.

    In a stationary state, for a white input of n taps and noise that is s times the output's power,
    the misalignment is about :math:`s\,\frac{\mu}{2 - \mu} \frac{n}{n - 2}`.

    Examples
    --------
    >>> print(nlms([3.0, 3.0], [3.0, 3.0], taps=1, mu=0.5, delta=0).output)
    [0.  1.5]
    """
    return identify(x, d, taps, mu, **options)


def robust_nlms(x, d, taps, mu, clip=2.5, **options):
    r"""NLMS with clipped errors, for noise with impulses: Huber's :math:`\psi(e)` in place of e.

    The limit is `clip` robust standard deviations of the last errors (their median magnitude times
    1.483), after the M-estimates of Zou, Chan & Ng (*IEEE Trans. Circuits Syst. II* 47 (2000),
    1564-1569). It fails where half of the last errors are impulses.

    Examples
    --------
    >>> d = [1.0, 1.0, 1.0, 99.0]
    >>> print(robust_nlms([1.0] * 4, d, taps=1, mu=0.5, delta=0).weights.round(2))
    [2.27]
    """
    return nlms(x, d, taps, mu, clip=clip, **options)


def nsaf(x, d, taps, mu, bands=4, **options):
    r"""Normalised subband adaptive filter: NLMS in each of `bands`, for coloured inputs.

    :math:`w \leftarrow w + \mu \sum_i u_i e_i / (\|u_i\|^2 + \delta)` once every `bands` samples
    (Lee & Gan 2004). With more bands than taps it may diverge unless `mu` is small. If `x` is a
    tone, the other bands hold no signal and learn from noise, unless `delta` is larger.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(500)
    >>> print(nsaf(x, 2 * x, taps=2, mu=1).weights.round(1))
    [ 2. -0.]
    """
    return identify(x, d, taps, mu, bands=bands, **options)


def enhance(noisy, taps=32, delay=1, mu=0.1, rho=0.0, passes=1):
    r"""Adaptive line enhancer: predict each sample from the past, and keep the prediction.

    Parameters
    ----------
    noisy : array_like (..., length)
        Signals y.
    taps, delay : int
        How many past samples predict one, and the age of the youngest of them: longer than the
        noise is correlated, 1 for white noise.
    mu, rho : float or array (..., 1)
        Step size of NLMS, between 0 and 2 (small is slow and precise); and soft threshold of the
        weights after each step.
    passes : int
        How often a signal is gone through; each pass starts from the weights of the one before.

    Notes
    -----
    The predictions (..., length) are :math:`\hat x_t = \sum_k w_k y_{t - delay - k}` by NLMS
    (Widrow et al., *Proc. IEEE* 63 (1975), 1692-1716); the first `delay` samples are 0. Tones can
    be predicted: the weights become a filter tuned to them. White noise and independent spikes
    cannot. With several `passes`, of which the last is returned, it is no online filter, and it
    also learns the noise of a short signal.

    Examples
    --------
    >>> from denoiselib import metrics, signals
    >>> tone = 5 * np.sin(0.3 * np.arange(2000))
    >>> estimate = enhance(signals.add_noise(tone, sigma=3, rng=0), taps=32, mu=0.05)
    >>> print(f"{metrics.rmse(estimate[1000:], tone[1000:]):.2f}")
    1.05
    """
    noisy = _check.array(noisy, "noisy")
    delay = _check.integer(delay, "delay", 1)
    past = np.zeros_like(noisy)
    past[..., delay:] = noisy[..., : max(0, noisy.shape[-1] - delay)]
    pull, weights = proximal(rho), None
    for _ in range(_check.integer(passes, "passes", 1)):
        output, _, weights, *_ = nlms(past, noisy, taps, mu, shrink=pull, start=weights)
    return output


def zero_attracting(rho):
    r"""Pull all weights alike: :math:`w' - \rho\,\mathrm{sign}(w)`, a subgradient of |w|.

    Small weights never settle at zero, but swing around it by `rho` (Chen, Gu & Hero, *Sparse LMS
    for system identification*, ICASSP 2009).

    Examples
    --------
    >>> w = np.array([-3.0, 0.1, 0.0])
    >>> print(zero_attracting(0.5)(w, w))
    [-2.5 -0.4  0. ]
    """
    return reweighted(rho, eps=0.0)


def reweighted(rho, eps=10.0):
    r"""Pull small weights most: :math:`w' - \rho\,\mathrm{sign}(w) / (1 + \epsilon |w|)`.

    This follows the gradient of :math:`\log(1 + \epsilon |w|)`. Weights well above
    :math:`1 / \epsilon` are hardly pulled. From the same paper as `zero_attracting`.

    Examples
    --------
    >>> w = np.array([-3.0, 0.1, 0.0])
    >>> print(reweighted(0.5)(w, w).round(3))
    [-2.984 -0.15   0.   ]
    """
    rho, eps = _weight(rho, "rho"), _weight(eps, "eps")
    return lambda new, old: new - rho(new) * np.sign(old) / (1 + eps(new) * np.abs(old))


def proximal(rho, penalty="l1"):
    r"""Apply a proximal map of `prox.PENALTIES`, with weight `rho`: :math:`prox_{\rho f}(w')`.

    Zeros are exact. With ``"l1"`` it is ISTA that sees one sample at a step (Murakami et al., *A
    sparse adaptive filtering using time-varying soft-thresholding techniques*, ICASSP 2010).

    Examples
    --------
    >>> w = np.array([-3.0, 0.1, 0.0])
    >>> print(proximal(0.5)(w, w))
    [-2.5  0.   0. ]
    """
    rho = _weight(rho, "rho")
    prox_map = prox.PENALTIES[_check.choice(penalty, "penalty", prox.PENALTIES)]
    return lambda new, old: prox_map(new, rho(new))


def block_proximal(rho, block, penalty="l1"):
    r"""Shrink blocks of neighbouring taps by their length: all of a block or nothing.

    This is the proximal map of :math:`\rho \sum_b f(\|w_b\|_2)`, which multiplies a block by
    :math:`prox_{\rho f}(\|w_b\|_2) / \|w_b\|_2`; with f(x) = x it is the group soft threshold (Yuan
    & Lin, *J. R. Stat. Soc. B* 68 (2006), 49-67).

    Parameters
    ----------
    rho, penalty : float or array (..., 1), and str
        As in `proximal`, for the lengths of the blocks.
    block : int
        Taps in a block; it must divide the number of taps.

    Examples
    --------
    >>> w = np.array([3.0, 4.0, 0.3, 0.4])
    >>> print(block_proximal(1.0, block=2)(w, w))
    [2.4 3.2 0.  0. ]
    """
    shorten, block = proximal(rho, penalty), _check.integer(block, "block", 1)

    def shrink(new, old):
        taps = new.shape[-1]
        if taps % block:
            raise ValueError(f"block must divide the {taps} taps, and {block} does not")
        blocks = new.reshape(*new.shape[:-1], -1, block)
        size = np.sqrt(np.einsum("...k,...k->...", blocks, blocks))
        kept = shorten(size, size) / np.where(size > 0, size, 1)
        return (kept[..., None] * blocks).reshape(*kept.shape[:-1], taps)

    return shrink


def sparse_system(n, taps=64, active=4, rng=None):
    """Draw impulse responses (n, taps) of norm 1, with a few non-zero taps anywhere.

    Parameters
    ----------
    n, taps : int
        Number of systems, and length of each.
    active : int
        Taps that are not zero: at random places, with Gaussian heights.
    rng : seed, numpy.random.Generator or None
        Source of randomness.

    Examples
    --------
    >>> w = sparse_system(10, taps=64, active=4, rng=0)
    >>> print(w.shape, np.count_nonzero(w[0]), f"{np.linalg.norm(w[0]):.3f}")
    (10, 64) 4 1.000
    """
    return block_sparse_system(n, taps, active, 1, rng)


def block_sparse_system(n, taps=64, active=2, block=8, rng=None):
    """Draw impulse responses (n, taps) of norm 1, with a few non-zero blocks of neighbouring taps.

    Parameters
    ----------
    n, taps, rng
        As in `sparse_system`.
    active, block : int
        Blocks that are not zero, and taps in a block: it must divide `taps`, and blocks begin at
        multiples of it.

    Examples
    --------
    >>> w = block_sparse_system(4, taps=64, active=2, block=8, rng=0)
    >>> print(np.count_nonzero(w, axis=-1))
    [16 16 16 16]
    """
    n, taps = _check.integer(n, "n", 1), _check.integer(taps, "taps", 1)
    block = _check.integer(block, "block", 1, taps)
    if taps % block:
        raise ValueError(f"block must divide the {taps} taps, and {block} does not")
    active, rng = _check.integer(active, "active", 1, taps // block), _check.generator(rng)
    chosen = rng.random((n, taps // block)).argsort(axis=-1)[:, :active, None]
    w = np.zeros((n, taps // block, block))
    np.put_along_axis(w, chosen, rng.standard_normal((n, active, block)), axis=1)
    return w.reshape(n, taps) / np.sqrt((w**2).sum(axis=(-2, -1)))[:, None]


def coloured(n, length, pole=0.0, rng=None):
    r"""Draw Gaussian inputs (n, length): :math:`x_t = a x_{t-1} + \sqrt{1 - a^2}\,n_t`.

    They have unit power and are stationary from the start. For a = 0 they are white.

    Parameters
    ----------
    n, length : int
        Number of signals, samples in each.
    pole : float
        The pole a, in (-1, 1).
    rng
        As in `sparse_system`.

    Examples
    --------
    >>> x = coloured(100, 1000, pole=0.9, rng=0)
    >>> print(f"{x.var():.2f} {(x[:, 1:] * x[:, :-1]).mean():.2f}")
    1.00 0.90
    """
    n, length = _check.integer(n, "n", 1), _check.integer(length, "length", 1)
    pole = _check.number(pole, "pole", signed=True)
    _check.fraction(abs(pole), "pole")
    x = _check.generator(rng).standard_normal((n, length))
    if pole:
        x[:, 1:] *= np.sqrt(1 - pole**2)
        for t in range(1, length):
            x[:, t] += pole * x[:, t - 1]
    return x


def observe(x, system, snr=30.0, impulses=0.0, strength=1000.0, rng=None):
    r"""Return noisy outputs (..., length) of a system: :math:`d = w_0 * x + v + b\,g`.

    The star is a convolution; noise v and impulses g are Gaussian; b is 1 at an impulse, else 0.

    Parameters
    ----------
    x, system : array_like (..., length), array_like (..., taps)
        Inputs and impulse responses :math:`w_0`; leading axes broadcast.
    snr : float
        Power of the output over that of the Gaussian noise, without impulses, in dB.
    impulses, strength : float
        Probability of an impulse at a sample, in [0, 1); its variance over the output's power.
    rng
        As in `sparse_system`.

    Examples
    --------
    >>> print(observe([1.0, 0.0, 0.0, 2.0], [3.0, 1.0], snr=300, rng=0).round(3))
    [3. 1. 0. 6.]
    """
    x, system = _check.array(x, "x"), _check.array(system, "system")
    _check.broadcast(x[..., :1], system[..., :1], "x and system")
    snr = _check.array(snr, "snr", numbers=True)
    _check.broadcast(x, snr, "x and snr")
    if snr.min() < LEAST_SNR:
        raise ValueError(f"snr must be at least {LEAST_SNR} dB, not {snr.min():g}")
    strength = _check.level(strength, "strength", x, per_signal=True)
    impulses, rng = _check.fraction(impulses, "impulses", x), _check.generator(rng)
    size = x.shape[-1] + system.shape[-1] - 1
    clean = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(system, size), size)
    clean = clean[..., : x.shape[-1]]
    power = (clean**2).mean(axis=-1, keepdims=True)
    noise = rng.standard_normal(clean.shape) * np.sqrt(power) * 10 ** (-snr / 20)
    hit = rng.random(clean.shape) < impulses
    impulse = rng.standard_normal(clean.shape) * np.sqrt(strength * power)
    return (clean + noise + np.where(hit, impulse, 0)).astype(clean.dtype)


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
        if np.sqrt(_energy(new).max()) <= _check.LARGEST[new.dtype]:
            raise
        raise ValueError(DIVERGED) from None  # a proximal map refuses weights that are too large


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
            "mu must be less than 2 / the largest energy of x in the taps, here "
            f"{bound.min():.3g}, but holds {mu.max():.4g}"
        )
    return np.broadcast_to(scaled[..., None], (*scaled.shape[:-1], *u.shape[-3:-1]))


def _first(start, taps, shrink, *arrays):
    """Return the first weights, in the shape to which all arguments and `shrink` broadcast."""
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


def _weight(value, name):
    """Return a function of the filters' weights: `value` in their precision."""
    value = _check.level(value, name, np.zeros(1), per_signal=True)

    def of(weights):
        _check.broadcast(weights, value, f"the filters and {name}")
        return value.astype(weights.dtype)

    return of


def _split(x, bands):
    r"""Filter signals ``(..., length)`` into ``(..., bands, length)``, zeros before the start.

    The N band-pass filters are one low-pass prototype p of L taps, cut at about :math:`\pi / 2N`
    and shifted to N places of the spectrum (a cosine-modulated filter bank):

    .. math:: h_i(l) \propto p(l) \cos\left(\tfrac{(2i + 1) \pi}{2N}
        \left(l - \tfrac{L - 1}{2}\right) + (-1)^i \tfrac{\pi}{4}\right)

    The phase makes neighbours meet in quadrature, so that their overlaps cancel. p is a sinc under
    a Kaiser window, its cut-off chosen so that :math:`p \star p` comes nearest to zero at all lags
    2N, 4N .. (Lin & Vaidyanathan, *IEEE Signal Processing Letters* 5 (1998), 132-134). Then
    :math:`\sum_i |H_i(\omega)|^2 = 1` to about one part in 1,000: nothing is lost or counted twice.
    """
    if bands == 1:
        return x[..., None, :]
    bank = _bank(bands).astype(x.dtype)
    size = x.shape[-1] + bank.shape[-1] - 1
    spectrum = np.fft.rfft(x, size)[..., None, :] * np.fft.rfft(bank, size)
    return np.fft.irfft(spectrum, size)[..., : x.shape[-1]]


@lru_cache
def _bank(bands):
    """Search the prototype's cut-off, in cycles a sample, on a grid that closes in on the best."""
    length = BAND_TAPS * bands
    centred = np.arange(length) - (length - 1) / 2
    low, high = 0.2 / bands, 0.4 / bands
    for _ in range(6):
        cutoff = np.linspace(low, high, 21)[:, None]
        p = 2 * cutoff * np.sinc(2 * cutoff * centred) * np.kaiser(length, KAISER_SHAPE)
        p /= np.sqrt((p**2).sum(axis=-1, keepdims=True))
        lags = range(2 * bands, length, 2 * bands)
        overlap = np.max([abs((p[:, lag:] * p[:, :-lag]).sum(axis=-1)) for lag in lags], axis=0)
        best = overlap.argmin()
        low, high = cutoff[max(best - 1, 0), 0], cutoff[min(best + 1, 20), 0]
    i = np.arange(bands)[:, None]
    bank = p[best] * np.cos((2 * i + 1) * np.pi / (2 * bands) * centred + (-1.0) ** i * np.pi / 4)
    return bank / np.sqrt((bank**2).sum())
