"""Proximal maps as activations, with gradients to the weight of the penalty too."""

import numpy as np

from denoiselib import _check
from denoiselib.filters.prox import PENALTIES
from denoiselib.nn.ops.layout import sum_to, tensors
from denoiselib.nn.tensor import Op

# Second derivatives of each penalty term p(z, u) of `filters.prox`, where z is not 0 (z > 0 for the
# non-negative one): p_zz and p_zu.
CURVATURE = {
    "l1": lambda z, u: (0.0, np.sign(z)),
    "nonnegative_l1": lambda z, u: (0.0, 1.0),
    "l0": lambda z, u: (0.0, 0.0),
    "l_half": lambda z, u: (-u / 4 * np.abs(z) ** -1.5, np.sign(z) / 2 * np.abs(z) ** -0.5),
    "l_two_thirds": lambda z, u: (
        -2 / 9 * u * np.abs(z) ** (-4 / 3),
        2 / 3 * np.sign(z) * np.abs(z) ** (-1 / 3),
    ),
}


class Prox(Op):
    """argmin_z 1/2 (z - x)^2 + p(z, u), a proximal map as an activation

    Where z is not 0 it solves z - x + p_z(z, u) = 0, hence dz/dx = 1 / (1 + p_zz) and
    dz/du = -p_zu / (1 + p_zz); where it is 0 it stays so. At a jump (l0, l_half, l_two_thirds) this
    is the derivative almost everywhere, which does not see the jump.
    """

    def __init__(self, x, u, penalty, options):
        self.x, self.u = x.data, u.data
        self.map, self.options = PENALTIES[penalty].prox, options
        self.curvature = CURVATURE.get(penalty, self.firm)
        self.y = np.empty_like(x.data)
        super().__init__([x, u], self.y)

    def firm(self, z, u):
        gamma = self.options.get("gamma", 0.8)
        shrunk = np.abs(z) * gamma < u
        return np.where(shrunk, z.dtype.type(-gamma), 0), np.sign(z) * shrunk

    def forward(self):
        np.copyto(self.y, self.map(self.x, self.u, **self.options))

    def backward(self):
        alive = self.y != 0
        bend, pull = self.curvature(np.where(alive, self.y, 1), self.u)
        d = self.dy * alive / (1 + bend)
        dx, du = self.dx
        if dx is not None:
            dx[...] = d
        if du is not None:
            sum_to(-d * pull, du)


def prox(x, u, penalty="l1", **options):
    """Return a proximal map of `filters.prox`, with gradients to x and to the weight u.

    Parameters
    ----------
    x : Tensor
        Features.
    u : Tensor, array or float
        Weight of the penalty, not negative; broadcasts to x, e.g. ``(channels, 1)``.
    penalty : str
        Name in `filters.prox.PENALTIES`.
    **options
        ``gamma`` of ``"firm"``.

    Returns
    -------
    Tensor
        Shrunk features.

    Raises
    ------
    ValueError
        If the penalty is unknown, or `u` negative or of a shape that does not broadcast to x.

    Examples
    --------
    >>> from denoiselib.nn import Tensor
    >>> x = Tensor([-3.0, 0.5, 2.0], requires_grad=True)
    >>> prox(x, 1.0).sum().backward()
    >>> print(x.grad)
    [1. 0. 1.]
    """
    _check.choice(penalty, "penalty", PENALTIES)
    x, u = tensors(x, u)
    if _check.broadcast(x, u, "x and u") != x.shape:
        raise ValueError(f"u of shape {u.shape} is larger than x of shape {x.shape}")
    return Prox(x, u, penalty, options).out
