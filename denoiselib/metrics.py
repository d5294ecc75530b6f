"""How far an estimate is from the truth, and how sure we are of the average.

A measure is taken for each signal (over the last axis) and then averaged over signals; the root of
the average square would be another number.
"""

from functools import lru_cache

import numpy as np

from denoiselib import _check


def rmse(estimate, clean):
    """Root-mean-square error of each signal, an array ``(...)`` in the units of the signals.

    Parameters
    ----------
    estimate, clean : array_like (..., length)
        Signals in the same units; leading axes broadcast.

    Examples
    --------
    >>> print(rmse([3.0, 4.0], [0.0, 0.0]).round(4))
    3.5355
    """
    estimate, clean = _check.array(estimate, "estimate"), _check.array(clean, "clean")
    shape = _check.broadcast(estimate, clean, "estimate and clean")
    if shape[-1] != estimate.shape[-1] or shape[-1] != clean.shape[-1]:
        raise ValueError(
            f"estimate and clean have lengths {estimate.shape[-1]} and {clean.shape[-1]}"
        )
    return np.sqrt(np.mean((estimate - clean) ** 2, axis=-1))


def psnr(estimate, clean, peak=10.0):
    r"""Peak signal-to-noise ratio of each signal, :math:`20 \log_{10}(peak / RMSE)`, in dB.

    It is an array ``(...)``, infinite where the error is 0.

    Parameters
    ----------
    estimate, clean : array_like (..., length)
        As in `rmse`.
    peak : float
        Largest height a signal may reach.

    Examples
    --------
    >>> print(psnr([1.0, -1.0], [0.0, 0.0]))
    20.0
    """
    error = rmse(estimate, clean)
    with np.errstate(divide="ignore"):
        return 20 * (np.log10(_check.level(peak, "peak", error, positive=True)) - np.log10(error))


def slide_psnr(estimate, clean):
    r"""Return what the slides call PSNR, :math:`20 \log_{10}(10 / MSE)`, in dB.

    Arguments are those of `rmse`. It is **not** a PSNR: the mean *squared* error stands where its
    root belongs, so that halving the error gains 12 dB instead of 6; see `psnr`.

    Examples
    --------
    >>> print(slide_psnr([1.0, -1.0], [0.0, 0.0]), slide_psnr([0.5, -0.5], [0.0, 0.0]).round(2))
    20.0 32.04
    """
    error = rmse(estimate, clean)
    with np.errstate(divide="ignore"):
        return 20 - 40 * np.log10(error)


def mean_ci(values, confidence=0.95):
    """Mean of independent values, and the half width of its confidence interval.

    The interval is ``mean - half_width`` to ``mean + half_width``, from Student's t.

    Parameters
    ----------
    values : array_like
        At least two finite values, one for each signal or training seed; any shape.
    confidence : float
        Between 0 and 1.

    Examples
    --------
    >>> mean, half = mean_ci([1.0, 2.0, 3.0, 4.0])
    >>> print(f"{mean:.2f} +- {half:.2f}")
    2.50 +- 2.05
    """
    values = _check.array(values, "values").astype(np.float64)
    confidence = _check.fraction(confidence, "confidence")
    if values.size < 2:
        raise ValueError("values must hold at least two numbers: one has no spread")
    standard_error = values.std(ddof=1) / np.sqrt(values.size)
    return float(values.mean()), float(_student_t(values.size - 1, confidence) * standard_error)


def paired_difference(a, b, confidence=0.95):
    """Mean of ``a - b`` on the same signals, and the half width of its confidence interval.

    Signals differ far more from each other than two methods do on one signal; pairing removes
    that spread. A difference is significant where the interval leaves out 0.

    Parameters
    ----------
    a, b : array_like
        The same measure of two methods on the same signals, in the same order.
    confidence : float
        As in `mean_ci`.

    Examples
    --------
    >>> mean, half = paired_difference([1.2, 2.2, 3.3], [1.0, 2.0, 3.0])
    >>> print(f"{mean:.3f} +- {half:.3f}")
    0.233 +- 0.143
    """
    a, b = _check.array(a, "a"), _check.array(b, "b")
    if a.shape != b.shape:
        raise ValueError(f"a and b must be paired, but have shapes {a.shape} and {b.shape}")
    return mean_ci(a - b, confidence)


def ulps(computed, expected, scale=None):
    r"""Magnitude of the error of each number, in units in the last place of `computed`'s dtype.

    Parameters
    ----------
    computed : array_like
        In float32 or float64, which decides what a last place is.
    expected : array_like
        What should have come out, in the same dtype or a finer one; of the same shape.
    scale : float or array_like, optional
        The number s whose last place is the unit, :math:`2^{\lfloor \log_2 s \rfloor - p + 1}` with
        p digits (24 in float32, 53 in float64), or one for each; the largest magnitude of
        `expected` if not given. With ``scale=expected`` each number is measured by its own.

    Examples
    --------
    >>> third = np.float32(1) / np.float32(3)
    >>> print(ulps(third, 1 / 3).round(2))  # correctly rounded: half an ulp at most
    0.33
    """
    computed = _check.array(computed, "computed", numbers=True)
    expected = _check.array(expected, "expected", numbers=True)
    if computed.shape != expected.shape:
        raise ValueError(f"computed and expected have shapes {computed.shape} and {expected.shape}")
    scale = abs(expected).max() if scale is None else _check.array(scale, "scale", numbers=True)
    _check.broadcast(expected, scale, "expected and scale")
    unit = np.spacing(abs(scale).astype(computed.dtype))
    with np.errstate(over="ignore"):  # beside 0 the unit is the smallest number there is
        return abs(computed.astype(np.float64) - expected) / unit


def digest(signal):
    """One line of text that identifies an array, so that runs can be compared.

    It holds the Euclidean norm and the sample of largest magnitude in each third of the array.

    Parameters
    ----------
    signal : array_like
        Any non-empty real array.

    Examples
    --------
    >>> print(digest([3.0, 0.0, -4.0]))
    norm 5.0000, samples 3.0000 0.0000 -4.0000
    """
    signal = _check.array(signal, "signal").ravel()
    parts = [part for part in np.array_split(signal, 3) if part.size]
    norm = np.linalg.norm(signal)
    digits = ".4f" if norm >= 0.1 or norm == 0 else ".4e"  # in any unit there are some
    samples = " ".join(f"{part[np.argmax(np.abs(part))] + 0.0:{digits}}" for part in parts)
    return f"norm {norm:{digits}}, samples {samples}"


@lru_cache
def _student_t(dof, confidence):
    """Two-sided quantile of Student's t. With t = sqrt(dof) tan(a), p(a) ~ cos(a)^(dof - 1)."""
    edges = np.linspace(0, np.pi / 2, 200_001)
    mass = np.cos((edges[1:] + edges[:-1]) / 2) ** (dof - 1)
    cumulative = np.concatenate([[0], np.cumsum(mass)]) / mass.sum()
    return float(np.sqrt(dof) * np.tan(np.interp(confidence, cumulative, edges)))
