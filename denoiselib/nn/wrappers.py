"""What wraps an optimiser, and changes gradients before it takes its step: clipping and scaling.

Of a stack of networks, each has a gradient of its own.
"""

from operator import attrgetter

import numpy as np

from denoiselib import _check
from denoiselib.nn.optim import Optimizer


class Wrapper(Optimizer):
    """An optimiser that changes the gradient before another one, `inner`, takes its step."""

    def __init__(self, inner):
        self.inner = _check.instance(inner, "inner", Optimizer)
        self.p, self.g, self.state = inner.p, inner.g, dict(inner.state)
        self.nets, self.owner = inner.nets, inner.owner

    #: those of the inner optimiser
    lr = property(attrgetter("inner.lr"), lambda self, lr: setattr(self.inner, "lr", lr))
    scale = property(attrgetter("inner.scale"))
    skips = property(attrgetter("inner.skips"))

    def __str__(self):
        return f"{type(self).__name__}({self.inner})"


class Clipped(Wrapper):
    """Clip the gradient to at most `norm`, see `clip`, before the optimiser `inner` takes its step.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, optim
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> net.vector[:], net.gradient[:] = 1.0, 8.0
    >>> Clipped(optim.SGD(net, lr=1.0, momentum=0.0), norm=0.5).step()
    >>> print(f"{np.linalg.norm(net.vector - 1.0):.3f}")
    0.500
    """

    def __init__(self, inner, norm):
        super().__init__(inner)
        self.norm = _check.number(norm, "norm", dtype=self.p.dtype)
        self.order = np.argsort(self.owner, kind="stable").reshape(self.nets, -1)  # net by net

    def step(self):
        if self.nets == 1:
            clip(self.g, self.norm * self.scale)
        else:
            each = self.g[self.order]
            for gradient, norm in zip(each, self.norm * self.scale, strict=True):
                clip(gradient, norm)
            self.g[self.order] = each
        self.inner.step()


class Scaled(Wrapper):
    """An optimiser that has the loss scaled, so that small gradients survive in float16.

    A step whose gradients are not all finite is skipped and the scale halved, as in PyTorch's
    ``GradScaler``. In float32 nothing underflows here, and a power of 2 changes no digit.

    Parameters
    ----------
    inner : Optimizer
        Takes the step, with the gradient divided by the scale.
    scale : float
        What the loss is multiplied by at first.
    interval : int
        Number of steps without a skip after which the scale is doubled.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, optim
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> optimizer = Scaled(optim.SGD(net, lr=1.0), scale=4.0)
    >>> net.gradient[0] = np.inf
    >>> optimizer.step()
    >>> optimizer.scale
    2.0
    """

    skips = True

    def __init__(self, inner, scale=2.0**16, interval=2000):
        super().__init__(inner)
        if "scale" in inner.state:
            raise ValueError(f"inner must not be scaled already, as {inner} is")
        scale = _check.number(scale, "scale", positive=True)
        self.interval = _check.integer(interval, "interval", 1)
        scales, good = self.numbers(scale, np.float64), self.numbers(0, np.int64)
        self.state |= {"scale": scales, "good": good}

    @property
    def scale(self):
        """What the loss is multiplied by, or those of the nets of a stack."""
        return self.state["scale"].item() if self.nets == 1 else self.state["scale"]

    def step(self):
        scale, good = self.state["scale"], self.state["good"]
        self.g *= self.spread((1 / scale).reshape(-1).tolist())
        skipped = np.zeros(scale.shape, bool)
        skipped.reshape(-1)[self.owner[~np.isfinite(self.g)]] = True
        with self.inner.leaving(skipped):
            self.inner.step()
        good += 1
        good[skipped] = 0
        scale[skipped] /= 2
        grown = good == self.interval
        scale[grown] *= 2
        good[grown] = 0


def clip(gradient, norm):
    """Shorten a gradient to at most `norm`, in place, if it is finite; return the length it had.

    Examples
    --------
    >>> gradient = np.array([3.0, 4.0])
    >>> print(clip(gradient, 1.0), gradient.round(3))
    5.0 [0.6 0.8]
    """
    _gradient(gradient)
    norm = _check.number(norm, "norm")
    with np.errstate(over="ignore"):
        length = float(np.sqrt(np.dot(gradient, gradient)))
    if np.isinf(length):  # a square overflows before the length does
        largest = float(np.abs(gradient).max())
        length = largest * float(np.linalg.norm(gradient / largest))
    if np.isfinite(length):
        gradient *= min(1.0, norm / (length + 1e-6))
    return length


def _gradient(gradient):
    vector = isinstance(gradient, np.ndarray) and gradient.ndim == 1 and gradient.flags.writeable
    if not vector or gradient.dtype not in (np.float32, np.float64):
        raise TypeError("gradient must be a vector of float32 or float64 that may be changed")
