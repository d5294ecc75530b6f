"""Proximal maps as activations, with gradients to the weight of the penalty too."""

import numpy as np

from denoiselib import _check
from denoiselib.filters.prox import PENALTIES
from denoiselib.nn.ops.layout import over_time, signals, sum_to, tensors
from denoiselib.nn.tensor import Op

# Second derivatives of penalty terms p(z, u) of `filters.prox`, where z is not 0: p_zz and p_zu.
CURVATURE = {
    "l0": lambda z, u: (0.0, 0.0),
    "l_half": lambda z, u: (-u / 4 * np.abs(z) ** -1.5, np.sign(z) / 2 * np.abs(z) ** -0.5),
    "l_two_thirds": lambda z, u: (
        -2 / 9 * u * np.abs(z) ** (-4 / 3),
        2 / 3 * np.sign(z) * np.abs(z) ** (-1 / 3),
    ),
}


# Penalties whose map jumps: threshold T(u), and (height of the jump) dT/du.
JUMPS = {
    "l0": (lambda u: np.sqrt(2 * u), lambda u: 1.0),
    "l_half": (lambda u: 1.5 * np.cbrt(u) ** 2, np.cbrt),
    "l_two_thirds": (lambda u: 2 * (2 / 3 * u) ** 0.75, lambda u: np.sqrt(2 / 3 * u)),
}


class Prox(Op):
    """argmin_z 1/2 (z - x)^2 + p(z, u), a proximal map as an activation

    Where z is not 0 it solves z - x + p_z(z, u) = 0, hence dz/dx = 1 / (1 + p_zz) and
    dz/du = -p_zu / (1 + p_zz); where it is 0 it stays so. At a jump (l0, l_half, l_two_thirds) this
    is the derivative almost everywhere, which does not see the jump; with a `width` w the jump
    counts, for u, as the logistic step 1 / (1 + exp(-(|x| - T) / w)) at the threshold T.
    """

    def __init__(self, x, u, penalty, width=None, **options):
        self.x, self.u = x.data, u.data
        self.map, self.options = PENALTIES[penalty], options
        self.curvature = CURVATURE.get(penalty)
        self.jump, self.width = JUMPS.get(penalty), width
        self.y = np.empty_like(x.data)
        super().__init__([x, u], self.y)

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
            d *= -pull
            if self.jump and self.width:
                d -= self.dy * self.fall()
            sum_to(d, du)

    def fall(self):
        """How far the jump at the threshold, smoothed, moves down when u rises."""
        threshold, rate = self.jump
        step = np.tanh((np.abs(self.x) - threshold(self.u)) / (2 * self.width))
        return np.sign(self.x) * (1 - step * step) * (rate(self.u) / (4 * self.width))


class Soft(Op):
    """x - clip(x, -u, u), the map of l1: u shifts what is not 0"""

    def __init__(self, x, u):
        self.x, self.u = x.data, u.data
        self.y = np.empty_like(x.data)
        super().__init__([x, u], self.y)

    def forward(self):
        np.minimum(self.x, self.u, out=self.y)
        np.maximum(self.y, -self.u, out=self.y)
        np.subtract(self.x, self.y, out=self.y)

    def plan(self, memory):
        self.sign, self.part = memory.take(self.y), memory.take(self.y)

    def backward(self):
        dx, du = self.dx
        np.sign(self.y, out=self.sign)
        np.multiply(self.dy, self.sign, out=self.part)
        if du is not None:
            over_time(self.part, du)
            np.negative(du, out=du)
        if dx is not None:
            np.multiply(self.part, self.sign, out=dx)


class Rectified(Op):
    """max(x - u, 0), the map of the non-negative l1: a ReLU with its threshold"""

    def __init__(self, x, u):
        self.x, self.u = x.data, u.data
        self.y = np.empty_like(x.data)
        self.zero = np.zeros_like(self.x[:, :1] if x.ndim == 3 else self.x)
        super().__init__([x, u], self.y)

    def forward(self):
        np.subtract(self.x, self.u, out=self.y)
        np.maximum(self.y, self.zero, out=self.y)

    def plan(self, memory):
        self.mask = memory.take(self.y, bool)
        self.part = memory.take(self.y) if self.dx[0] is None else self.dx[0]

    def backward(self):
        du = self.dx[1]
        np.greater(self.y, self.zero, out=self.mask)
        np.multiply(self.dy, self.mask, out=self.part)
        if du is not None:
            over_time(self.part, du)
            np.negative(du, out=du)


class Firm(Op):
    """sign(x) min(max(|x| - u, 0) / (1 - gamma), |x|): a straight line from 0 at u to x at u/gamma

    Of slope 1 / (1 - gamma) there, and the same with the sign of -x to u.
    """

    def __init__(self, x, u, gamma=0.8):
        self.x, self.u = x.data, u.data
        gamma = min(_check.fraction(gamma, "gamma"), 1 - float(np.finfo(x.dtype).epsneg))
        self.slope = 1 / (1 - gamma)
        self.y, self.size = np.empty_like(x.data), np.empty_like(x.data)
        self.zero = np.zeros_like(self.x[:, :1] if x.ndim == 3 else self.x)
        super().__init__([x, u], self.y)

    def forward(self):
        y, size = self.y, self.size
        np.absolute(self.x, out=size)
        np.subtract(size, self.u, out=y)
        np.maximum(y, self.zero, out=y)
        np.multiply(y, self.slope, out=y)
        np.minimum(y, size, out=y)
        np.copysign(y, self.x, out=y)

    def plan(self, memory):
        self.sign, self.part = memory.take(self.y), memory.take(self.y)
        self.mask = memory.take(self.y, bool)

    def backward(self):
        (dx, du), sign, part = self.dx, self.sign, self.part
        np.absolute(self.y, out=part)
        np.less(part, self.size, out=self.mask)  # on the line, or 0
        np.sign(self.y, out=sign)
        if dx is not None:
            np.multiply(self.dy, sign, out=dx)
            np.multiply(dx, sign, out=dx)
        np.multiply(sign, self.mask, out=sign)
        np.multiply(self.dy, sign, out=part)
        np.multiply(part, self.slope, out=part)
        if du is not None:
            over_time(part, du)
            np.negative(du, out=du)
        if dx is not None:
            np.copyto(dx, np.multiply(part, sign, out=part), where=self.mask)


#: Operations for the maps that consist of straight lines: faster than `Prox`.
STRAIGHT = {"l1": Soft, "nonnegative_l1": Rectified, "firm": Firm}


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
        Where the map jumps (l0, l_half, l_two_thirds) the derivative to u does not see the jump.
        With a width it sees a logistic step of that width instead: a surrogate, in the gradient to
        u alone.
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
    return Prox(x, u, penalty, width, **options).out
