r"""Proximal maps: what a penalty does to one number.

The map of a penalty f is :math:`\arg\min_x \frac12 (x - y)^2 + u f(x)`, a function of numbers y and
a weight u >= 0, arrays that broadcast. Mind the 1/2: other codes scale differently. The maps keep
float32; of complex numbers they shrink the magnitude and keep the phase.
"""

import numpy as np

from denoiselib import _check


def l1(y, u):
    r"""Soft threshold: :math:`\mathrm{sign}(y) \max(|y| - u, 0)`, for :math:`f(x) = |x|`.

    Examples
    --------
    >>> print(l1([-3.0, 0.5, 2.0], 1.0))
    [-2.  0.  1.]
    """
    return firm(y, u, gamma=0.0)


def nonnegative_l1(y, u):
    r"""ReLU with a bias, of real y: :math:`\max(y - u, 0)`, for f(x) = x if x >= 0, else infinite.

    Examples
    --------
    >>> print(nonnegative_l1([-3.0, 0.5, 2.0], 1.0))
    [0. 0. 1.]
    """
    y, u = _weighted(_check.array(y, "y", numbers=True), u, "y")
    return np.maximum(y - u, 0)


def l0(y, u):
    r"""Hard threshold: y where :math:`|y| > \sqrt{2u}`, else 0, for f(x) = 1 where x is not 0.

    Examples
    --------
    >>> print(l0([-3.0, 1.9, 2.1], 2.0))
    [-3.   0.   2.1]
    """
    y, u = _weighted(y, u, "y")
    return np.where(np.abs(y) > np.sqrt(2 * u), y, 0)


def l_half(y, u):
    r"""Half threshold, for :math:`f(x) = |x|^{1/2}`.

    It is 0 where :math:`|y| \le \frac32 u^{2/3}`, else (Xu, Chang, Xu & Zhang 2012, rescaled)

    .. math:: \tfrac23 y \left(1 + \cos\left(\tfrac23
        \arccos\left(-\tfrac{3\sqrt3}{4} u |y|^{-3/2}\right)\right)\right)

    Examples
    --------
    >>> print(l_half([-3.0, 1.4, 1.6], 1.0).round(4))
    [-2.6955  0.      1.1295]
    """
    y, u = _weighted(y, u, "y")
    return _shrink(y, 1.5 * np.cbrt(u) ** 2, lambda r: _half_root(r, u))


def _half_root(r, u):
    ratio = np.cbrt(u) ** 2 / r  # less than 2/3
    return 2 / 3 * r * (1 + np.cos(2 / 3 * np.arccos(-(3**1.5) / 4 * ratio**1.5)))


def l_two_thirds(y, u):
    r"""Two-thirds threshold, for :math:`f(x) = |x|^{2/3}`.

    It is 0 where :math:`|y| \le 2 (2u/3)^{3/4}`, else with
    :math:`z = \sqrt[3]{y^2/16 + r} + \sqrt[3]{y^2/16 - r}`,
    :math:`r = \sqrt{y^4/256 - 8u^3/729}` (Cao, Sun & Xu 2013, rescaled)

    .. math:: \tfrac18 \mathrm{sign}(y)
        \left(\sqrt{2z} + \sqrt{2|y|/\sqrt{2z} - 2z}\right)^3

    Examples
    --------
    >>> print(l_two_thirds([-3.0, 1.4, 1.6], 1.0).round(4))
    [-2.5094  0.      0.9127]
    """
    y, u = _weighted(y, u, "y")
    return _shrink(y, 2 * (2 / 3 * u) ** 0.75, lambda r: _two_thirds_root(r, u))


def _two_thirds_root(r, u):
    v = np.cbrt(u**0.75 / r) ** 4  # u for |y| = 1, less than 0.6: the map is homogeneous
    first = np.cbrt(1 / 16 + np.sqrt(np.maximum(1 / 256 - 8 / 729 * v**3, 0)))
    z = first + 2 / 9 * v / first  # the product of the two cube roots is 2 v / 9
    outer = np.sqrt(2 * z)
    return r * (outer + np.sqrt(np.maximum(2 / outer - 2 * z, 0))) ** 3 / 8


def firm(y, u, gamma=0.8):
    r"""Firm threshold, between soft (`gamma` = 0) and hard (`gamma` near 1): large values stay.

    `gamma`, a number or an array, lies in [0, 1) and says how concave the penalty is. The result is
    0 where :math:`|y| \le u`, y where :math:`|y| \ge u/\gamma`, and of magnitude
    :math:`(|y| - u)/(1 - \gamma)` between, a straight line. It is the proximal map of
    :math:`u|x| - \gamma x^2/2` for :math:`|x| \le u/\gamma` and :math:`u^2/2\gamma` beyond, the
    scalar form of the GMC penalty (Selesnick 2017).

    Examples
    --------
    >>> print(firm([-3.0, 0.5, 1.5, 2.0], 1.0, gamma=0.5))
    [-3.  0.  1.  2.]
    """
    y, u = _weighted(y, u, "y")
    dtype = y.real.dtype
    gamma = _check.fraction(gamma, "gamma", y)
    gamma = np.minimum(gamma, 1 - np.finfo(dtype).epsneg).astype(dtype)  # below 1 in float32, too
    return _shrink(y, u, lambda r: np.minimum((r - u) / (1 - gamma), r))


#: The maps by the names of their penalties.
PENALTIES = {f.__name__: f for f in (l1, nonnegative_l1, l0, l_half, l_two_thirds, firm)}


def _weighted(y, u, name):
    """Check `y`, real or complex, and bring `u` to its precision."""
    y = _check.regular(y, name)
    if y.dtype.kind == "c":
        parts = _check.array(np.stack([y.real, y.imag]), name)
        return y.astype(np.result_type(parts, 1j), copy=False), _check.level(u, "u", parts[0])
    y = _check.array(y, name, numbers=True)
    return y, _check.level(u, "u", y)


def _shrink(y, cut, root):
    """Return 0 where ``|y| <= cut``, else `y` with the magnitude ``root(|y|)``."""
    r = np.abs(y)
    keep = r > cut
    r = np.where(keep, r, cut + 1)  # root is asked only where it is defined
    return np.where(keep, np.sign(y) * root(r), 0)
