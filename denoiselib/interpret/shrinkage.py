"""Read a denoiser, whatever is inside: what it does to a sample."""

from typing import NamedTuple

import numpy as np

from denoiselib import _check


class Shrinkage(NamedTuple):
    """Estimates gathered by the noisy sample they come from."""

    y: np.ndarray  #: centres of the bins
    mean: np.ndarray  #: mean estimate in each bin, NaN where it is empty
    spread: np.ndarray  #: standard deviation of the estimates in each bin


def shrinkage_curve(noisy, estimate, edges):
    r"""Measure the mean response :math:`E[f(y)_i \mid y_i]` of a denoiser, and its spread.

    Parameters
    ----------
    noisy, estimate : array_like (..., length)
        What a denoiser saw, and what it made of it.
    edges : array_like (bins + 1,)
        Edges of the bins of y, rising.

    Returns
    -------
    Shrinkage
        The curve. Its spread is 0, but for the width of a bin, where the denoiser looks at one
        sample at a time.

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not real or not finite, the shapes differ, or `edges` do not rise.

    Examples
    --------
    >>> curve = shrinkage_curve([-1.0, 1.0, 1.2], [0.0, 2.0, 3.0], edges=[-2, 0, 2])
    >>> print(curve.y, curve.mean, curve.spread)
    [-1.  1.] [0.  2.5] [0.  0.5]
    """
    noisy, estimate = _check.array(noisy, "noisy"), _check.array(estimate, "estimate")
    edges = _check.array(edges, "edges")
    if noisy.shape != estimate.shape:
        raise ValueError(f"noisy and estimate have shapes {noisy.shape} and {estimate.shape}")
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError("edges must be a rising sequence of at least two numbers")

    def total(weights):
        return np.histogram(noisy, edges, weights=weights)[0]

    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin
        count = total(np.ones_like(noisy))
        mean = total(estimate) / count
        spread = np.sqrt(np.maximum(total(estimate**2) / count - mean**2, 0))
    return Shrinkage((edges[1:] + edges[:-1]) / 2, mean, spread)
