"""Networks whose weights are written down instead of trained.

A ReLU sets negative numbers to 0. To pass a number x with its sign, two channels carry relu(x) and
relu(-x), and the next kernel takes their difference. A layer is written as
``{(to, from): {lag: weight}}`` with names for its channels; lag -1 is one sample earlier.
"""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.nn import PlainNet


class Channel(NamedTuple):
    """What a channel carries: the positive or negative part of y, of r, or of c of one atom."""

    name: str
    sign: int
    atom: int | None = None


def unrolled_ista(atoms, lam, iterations, *, step=None, nonnegative=False, dtype=np.float64):
    r"""Write the iterations of ISTA for a known dictionary as the layers of a `PlainNet`.

    It has ``2 iterations + 1`` layers, no normalisation, and is in evaluation mode. Training it on
    is known as LISTA (Gregor & LeCun 2010).

    Parameters
    ----------
    atoms : array_like (atoms, taps)
        Shapes that the signal is a sum of, starting at the time of their coefficient (causal).
    lam, step : float
        Weight :math:`\lambda` of the L1 norm, and step size :math:`\mu`: 1.9 / rho if not given,
        rho a bound of the largest eigenvalue of A'A.
    iterations : int
        Number of iterations, from coefficients 0.
    nonnegative : bool
        Whether coefficients must not be negative.
    dtype : numpy dtype
        float32 or float64.

    Notes
    -----
    :math:`c \leftarrow \mathrm{soft}(c + \mu A^\top (y - A c), \mu\lambda)` takes two layers, one
    for the residual :math:`r = y - A c` and one for the step. The channels are the positive and
    negative parts of y, of r and of c, because
    :math:`\mathrm{soft}(u, t) = \mathrm{relu}(u - t) - \mathrm{relu}(-u - t)`. The output is A c.

    Examples
    --------
    >>> net = unrolled_ista([[1.0]], lam=2.0, iterations=1, step=1.0)
    >>> print(net.denoise(np.array([-3.0, 0.5, 6.0])))
    [-1.  0.  4.]
    """
    atoms = _check.array(atoms, "atoms")
    if atoms.ndim != 2:
        raise ValueError(f"atoms must have the shape (atoms, taps), not {atoms.shape}")
    lam = _check.number(lam, "lam")
    iterations = _check.integer(iterations, "iterations", 1)
    count, taps = atoms.shape
    if step is None:
        power = (np.abs(np.fft.rfft(atoms, max(4096, 2 * taps), axis=1)) ** 2).sum(axis=0)
        step = 1.9 / (power.max() or 1)
    step = _check.number(step, "step", positive=True)

    signs = (1,) if _check.flag(nonnegative, "nonnegative") else (1, -1)
    y, r = ([Channel(name, sign) for sign in (1, -1)] for name in "yr")
    c = [Channel("c", sign, j) for sign in signs for j in range(count)]
    inside, x = [*y, *r, *c], [Channel("x", 1)]

    synthesis = {(to, s): _signed(to, s, atoms[s.atom], -1) for to in x for s in c}  # A c
    start = {(to, s): _signed(to, s) for to in (*y, *r) for s in x}
    keep = {(to, s): _signed(to, s) for to in y for s in y}
    residual = keep | {(s, s): {0: 1} for s in c}  # r = y - A c, and c stays
    residual |= {(to, s): _signed(to, s) for to in r for s in y}
    residual |= {(to, s): _signed(to, s, -atoms[s.atom], -1) for to in r for s in c}
    update = keep | {(to, s): _signed(to, s) for to in c for s in c if to.atom == s.atom}
    update |= {(to, s): _signed(to, s, step * atoms[to.atom]) for to in c for s in r}  # + step A'r

    zero, cut = np.zeros(len(inside)), np.array([-step * lam * (s in c) for s in inside])
    first = _kernel(start, inside, x, taps), zero
    half = _kernel(residual, inside, inside, taps), zero
    move = _kernel(update, inside, inside, taps), cut
    last = _kernel(synthesis, x, inside, taps), np.zeros(1)
    return _plain([first, move, *[half, move] * (iterations - 1), last], dtype)


def _signed(to, source, shape=(1.0,), direction=1):
    """Return ``{lag: weight}``: a shape that begins at lag 0, with the signs of two channels."""
    return {direction * k: to.sign * source.sign * weight for k, weight in enumerate(shape)}


def _kernel(layer, outputs, inputs, taps):
    """Turn a layer ``{(to, from): {lag: weight}}`` into an array (outputs, inputs, 2 taps - 1)."""
    kernel = np.zeros((len(outputs), len(inputs), 2 * taps - 1))
    for (to, source), weights in layer.items():
        for lag, weight in weights.items():
            kernel[outputs.index(to), inputs.index(source), taps - 1 + lag] = weight
    return kernel


def adaptive_firm(lower, upper, scale, radius=1, dtype=np.float64):
    r"""Write a firm threshold that adapts to the neighbours as a `PlainNet` without biases.

    It has three layers, is in evaluation mode, and computes ``filters.prox.firm(y, lower * S /
    scale, gamma=lower / upper)``, with the sum S of the magnitudes of the neighbours.

    Parameters
    ----------
    lower, upper : float
        Thresholds at usual activity, ``0 < lower < upper``: what is below `lower` becomes 0, what
        is above `upper` stays.
    scale : float
        Usual activity: the average of S over signals.
    radius : int
        How many neighbours to either side.
    dtype : numpy dtype
        float32 or float64.

    Notes
    -----
    With :math:`T_1 = S\,\mathrm{lower}/\mathrm{scale}`,
    :math:`T_2 = S\,\mathrm{upper}/\mathrm{scale}`, and the slopes :math:`a_1 = T_2/(T_2 - T_1)` and
    :math:`a_2 = T_1/(T_2 - T_1)`, which do not depend on S, the firm threshold of y >= 0 is
    :math:`\mathrm{relu}(a_1 (y - T_1)) - \mathrm{relu}(a_2 (y - T_2))`. Both :math:`a_1 T_1` and
    :math:`a_2 T_2` are the same multiple of S, a convolution of |y|. Doubling y doubles the output:
    without biases nothing is tied to one noise level.

    Examples
    --------
    >>> net = adaptive_firm(lower=1.0, upper=2.0, scale=2.0)
    >>> print(net.denoise(np.array([1.0, 1.5, 1.0, 9.0])).round(6) + 0)
    [0.5 1.  0.  9. ]
    """
    lower, upper, scale = (
        _check.number(value, name, positive=True)
        for value, name in ((lower, "lower"), (upper, "upper"), (scale, "scale"))
    )
    if not lower < upper:
        raise ValueError(f"lower must be less than upper, not {lower} and {upper}")
    radius = _check.integer(radius, "radius", 1)
    slopes = np.array([upper, lower]) / (upper - lower)
    parts = np.zeros((2, 1, 2 * radius + 1))
    parts[:, 0, radius] = 1, -1
    bend = np.full((2, 2, 2 * radius + 1), -lower * upper / (scale * (upper - lower)))
    bend[0, :, radius], bend[1, :, radius] = slopes, slopes[::-1]
    join = np.zeros((1, 2, 2 * radius + 1))
    join[0, :, radius] = 1, -1
    return _plain([(kernel, np.zeros(len(kernel))) for kernel in (parts, bend, join)], dtype)


def _plain(layers, dtype):
    """Return the plain network with these kernels and biases."""
    width, _, taps = layers[0][0].shape
    net = PlainNet(width, len(layers), taps, norm="none", dtype=dtype)
    arrays = [array for layer in layers for array in layer]
    net.load_state_dict(dict(zip(net.state_dict(), arrays, strict=True)))
    return net.eval()
