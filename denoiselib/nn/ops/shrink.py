"""Proximal maps as activations, with gradients to the weight of the penalty too."""

import numpy as np

from denoiselib import _check
from denoiselib.filters.prox import PENALTIES
from denoiselib.nn.ops.elementwise import over_time, sum_to
from denoiselib.nn.ops.layout import signals, tensors
from denoiselib.nn.tensor import Op

# Second derivatives of penalties p(z, u) of `filters.prox`, where z is not 0: p_zz and p_zu.
CURVATURE = {
    "l0": lambda z, u: (0.0, 0.0),
    "l_half": lambda z, u: (-u / 4 * np.abs(z) ** -1.5, np.sign(z) / 2 * np.abs(z) ** -0.5),
    "l_two_thirds": lambda z, u: (
        -2 / 9 * u * np.abs(z) ** (-4 / 3),
        2 / 3 * np.sign(z) * np.abs(z) ** (-1 / 3),
    ),
}

# Of the same penalties, whose maps jump: threshold T(u), and the height of the jump times dT/du.
JUMPS = {
    "l0": (lambda u: np.sqrt(2 * u), lambda u: 1.0),
    "l_half": (lambda u: 1.5 * np.cbrt(u) ** 2, np.cbrt),
    "l_two_thirds": (lambda u: 2 * (2 / 3 * u) ** 0.75, lambda u: np.sqrt(2 / 3 * u)),
}


class Jumping(Op):
    """argmin_z 1/2 (z - x)^2 + p(z, u) for a penalty p whose proximal map jumps at a threshold T

    Where z is not 0 it solves z - x + p_z(z, u) = 0, hence dz/dx = 1 / (1 + p_zz) and
    dz/du = -p_zu / (1 + p_zz). Where z is 0 both are 0. This is the derivative almost everywhere,
    which does not see the jump. With a `width` w the derivative to u takes the jump for the
    logistic step 1 / (1 + exp(-(|x| - T) / w)).
    """

    def __init__(self, x, u, penalty, width):
        self.x, self.u = x.data, u.data
        self.map, self.curvature = PENALTIES[penalty], CURVATURE[penalty]
        self.jump, self.width = JUMPS[penalty], width
        self.y = np.empty_like(x.data)
        super().__init__([x, u], self.y)

    def forward(self):
        np.copyto(self.y, self.map(self.x, self.u))

    def backward(self):
        alive = self.y != 0
        bend, pull = self.curvature(np.where(alive, self.y, 1), self.u)
        d = self.dy * alive / (1 + bend)
        dx, du = self.dx
        if dx is not None:
            dx[...] = d
        if du is not None:
            d *= -pull
            if self.width:
                d -= self.dy * self.fall()
            sum_to(d, du)

    def fall(self):
        """Return minus the derivative, with respect to u, of the jump as a logistic step."""
        threshold, rate = self.jump
        step = np.tanh((np.abs(self.x) - threshold(self.u)) / (2 * self.width))
        return np.sign(self.x) * (1 - step * step) * (rate(self.u) / (4 * self.width))


class Soft(Op):
    """x - clip(x, -u, u), the map of l1: dx = dy and du = -dy sign(y) where y is not 0"""

    def __init__(self, x, u):
        self.x, self.u, self.y = x.data, u.data, np.empty_like(x.data)
        super().__init__([x, u], self.y)

    def forward(self):
        np.subtract(self.x, np.maximum(np.minimum(self.x, self.u), -self.u), out=self.y)

    def backward(self):
        dx, du = self.dx
        sign = np.sign(self.y)
        part = self.dy * sign
        if du is not None:
            over_time(part, du)
            np.negative(du, out=du)
        if dx is not None:
            np.multiply(part, sign, out=dx)


class ShiftedRelu(Soft):
    """max(x - u, 0), the map of the non-negative l1: a ReLU with its threshold"""

    def forward(self):
        np.subtract(self.x, self.u, out=self.y)
        np.maximum(self.y, 0, out=self.y)


class Firm(Op):
    """sign(x) min(max(|x| - u, 0) / (1 - gamma), |x|): a straight line from 0 at u to x at u/gamma

    On that line the slope to x is s = 1 / (1 - gamma), to u it is -s sign(x).
    """

    def __init__(self, x, u, gamma=0.8):
        gamma = min(_check.fraction(gamma, "gamma"), 1 - float(np.finfo(x.dtype).epsneg))
        self.slope = 1 / (1 - gamma)
        self.x, self.u, self.y = x.data, u.data, np.empty_like(x.data)
        super().__init__([x, u], self.y)

    def forward(self):
        self.size = np.abs(self.x)
        shrunk = np.maximum(self.size - self.u, 0) * self.slope
        np.copysign(np.minimum(shrunk, self.size), self.x, out=self.y)

    def backward(self):
        dx, du = self.dx
        sign = np.sign(self.y)
        line = np.abs(self.y) < self.size  # or 0, where sign is 0
        part = self.dy * (sign * line) * self.slope
        if du is not None:
            over_time(part, du)
            np.negative(du, out=du)
        if dx is not None:
            np.copyto(dx, np.where(line, part * sign, self.dy * abs(sign)))


# Operations for the maps that consist of straight lines, which are faster than `Jumping`.
STRAIGHT = {"l1": Soft, "nonnegative_l1": ShiftedRelu, "firm": Firm}


def prox(x, u, penalty="l1", *, width=None, **options):
    """Return a proximal map of `filters.prox`, with gradients to x and to the weight u.

    Parameters
    ----------
    x : Tensor
        Features.
    u : Tensor, array or float
        Weight of the penalty, not negative; broadcasts to x, e.g. ``(channels, 1)``.
    penalty : str
        Name in `filters.prox.PENALTIES`.
    width : float, optional
        Where a map jumps (l0, l_half, l_two_thirds), the gradient to u is that of a logistic step
        of this width, a surrogate; if not given, it ignores the jump.
    **options
        ``gamma`` of ``"firm"``.

    Returns
    -------
    Tensor
        Shrunk features.

    Examples
    --------
    >>> from denoiselib.nn import Tensor
    >>> x = Tensor([-3.0, 0.5, 2.0], requires_grad=True)
    >>> prox(x, 1.0).sum().backward()
    >>> print(x.grad)
    [1. 0. 1.]
    """
    _check.choice(penalty, "penalty", PENALTIES)
    x, u = tensors(x=x, u=u)
    if _check.broadcast(x, u, "x and u") != x.shape:
        raise ValueError(f"u of shape {u.shape} is larger than x of shape {x.shape}")
    _check.level(u.data, "u", x.data)
    if width is not None:
        width = _check.number(width, "width", positive=True)
    if x.ndim == u.ndim == 3:
        x, u = signals(x), signals(u, "u")
    if penalty in STRAIGHT:
        return STRAIGHT[penalty](x, u, **options).out
    return Jumping(x, u, penalty, width, **options).out
