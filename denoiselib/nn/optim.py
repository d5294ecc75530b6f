"""Optimisers, learning-rate schedules, and what wraps an optimiser: gradient clipping and scaling.

An optimiser updates all parameters of a network at once: they lie in one vector, their gradients in
another (`Module.flatten`). A schedule is a function from the number of the step, counted from 0, to
a learning rate: it has no state that could get lost.
"""

import math
from operator import attrgetter

import numpy as np

from denoiselib import _check
from denoiselib.nn.modules import Module


class Optimizer:
    r"""What optimisers share: the vectors, the learning rate, and a state to save.

    A subclass has ``step()``, which updates the parameters from their gradients.

    Parameters
    ----------
    net : Module
        What to train.
    lr : float
        Learning rate :math:`\eta`, an attribute that may change between steps.
    """

    scale = 1.0  #: what the loss is to be multiplied by before its gradients are taken
    skips = False  #: whether a step whose gradients are not finite is skipped

    def __init__(self, net, lr):
        if not _check.instance(net, "net", Module).is_flat():
            net.flatten()
        self.p, self.g = net.vector, net.gradient
        self.lr = _check.number(lr, "lr", dtype=self.p.dtype)
        self.part = np.empty_like(self.p)
        self.state = {}  # arrays that one step leaves to the next

    def state_dict(self):
        """Return copies of the state's arrays."""
        return {name: array.copy() for name, array in self.state.items()}

    def load_state_dict(self, state):
        """Take the state from arrays by name."""
        for name, array in self.fitting(state).items():
            self.state[name][...] = array

    def fitting(self, state):
        """Return arrays that fit the state, or say why they do not."""
        _check.instance(state, "state", dict)
        state = {name: _check.real(array, f"state[{name!r}]") for name, array in state.items()}
        if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in self.state.items()}:
            raise ValueError(f"state must hold {', '.join(self.state)}, as this optimiser saves it")
        for name, array in state.items():
            if not (np.isfinite(array).all() and (name != "scale" or array > 0)):
                raise ValueError(f"state[{name!r}] must be finite, a scale greater than 0")
        return state

    def __str__(self):
        return type(self).__name__


class SGD(Optimizer):
    r"""Stochastic gradient descent with momentum, as PyTorch's ``SGD``.

    :math:`g \leftarrow g + w p,\ b \leftarrow m b + g,\ p \leftarrow p - \eta b`.

    Parameters
    ----------
    net, lr
        As in `Optimizer`.
    momentum, weight_decay : float
        m, in [0, 1), and w, the weight of a penalty :math:`w \|p\|^2 / 2` on the parameters.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> net.vector[:], net.gradient[:] = 1.0, 0.5
    >>> SGD(net, lr=0.1, momentum=0.0).step()
    >>> print(net.vector[0])
    0.95
    """

    def __init__(self, net, lr, momentum=0.9, weight_decay=0.0):
        super().__init__(net, lr)
        self.momentum = _check.fraction(momentum, "momentum")
        self.weight_decay = _check.number(weight_decay, "weight_decay", dtype=self.p.dtype)
        self.state = {"velocity": np.zeros_like(self.p)}

    def step(self):
        p, velocity, part = self.p, self.state["velocity"], self.part
        velocity *= self.momentum
        velocity += self.g
        if self.weight_decay:
            velocity += np.multiply(p, self.weight_decay, out=part)
        p -= np.multiply(velocity, self.lr, out=part)


class Adam(Optimizer):
    r"""Adam, as PyTorch's (Kingma & Ba 2015).

    :math:`p \leftarrow p - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)` with
    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`,
    :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`, :math:`\hat m = m / (1 - \beta_1^t)`,
    :math:`\hat v = v / (1 - \beta_2^t)`.

    Parameters
    ----------
    net, lr, weight_decay
        As in `SGD`.
    betas : (float, float)
        Memory of the first and the second moment, m and v, in [0, 1).
    eps : float
        Added to the root of the second moment.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> net.vector[:], net.gradient[:] = 1.0, 0.5
    >>> Adam(net, lr=0.1).step()
    >>> print(net.vector[0].round(4))
    0.9
    """

    def __init__(self, net, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(net, lr)
        if np.shape(_check.real(betas, "betas")) != (2,):
            raise ValueError(f"betas must be two numbers, not {betas}")
        self.betas = tuple(_check.fraction(beta, "betas") for beta in betas)
        self.eps = _check.divisor(eps, "eps", self.p.dtype)
        self.weight_decay = _check.number(weight_decay, "weight_decay", dtype=self.p.dtype)
        zeros = np.zeros_like(self.p)
        self.state = {"m": zeros, "v": zeros.copy(), "t": np.zeros((), np.int64)}

    def decay(self):
        """Add the gradient of the penalty on the parameters."""
        if self.weight_decay:
            self.g += np.multiply(self.p, self.weight_decay, out=self.part)

    def step(self):
        self.decay()
        p, g, part = self.p, self.g, self.part
        m, v = self.state["m"], self.state["v"]
        (beta1, beta2), t = self.betas, int(self.state["t"]) + 1
        self.state["t"][...] = t
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=part)
        v *= beta2
        np.multiply(g, g, out=part)
        part *= 1 - beta2
        v += part
        np.sqrt(v, out=part)
        part *= 1 / math.sqrt(1 - beta2**t)
        part += self.eps
        np.divide(m, part, out=part)
        part *= self.lr / (1 - beta1**t)
        p -= part


class AdamW(Adam):
    r"""Adam whose weight decay does not pass through the moments (Loshchilov & Hutter 2017).

    Arguments are those of `Adam`. First :math:`p \leftarrow p (1 - \eta w)`, w the weight decay;
    then Adam's step without decay.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> net.vector[:], net.gradient[:] = 1.0, 0.0
    >>> AdamW(net, lr=0.1, weight_decay=0.5).step()
    >>> print(net.vector[0].round(4))
    0.95
    """

    def __init__(self, net, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(net, lr, betas, eps, weight_decay)

    def decay(self):
        self.p *= 1 - self.lr * self.weight_decay


#: Optimisers by name.
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


def constant(lr):
    """Return a schedule that stays at `lr`.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    lr = _check.number(lr, "lr")
    return lambda step: lr


def cosine(lr, steps, minimum=0.0):
    """Return a schedule that falls from `lr` to `minimum` in `steps` along half a cosine.

    Examples
    --------
    >>> schedule = cosine(1.0, steps=100)
    >>> print(schedule(0), schedule(50), schedule(100))
    1.0 0.5 0.0
    """
    lr, minimum = _check.number(lr, "lr"), _check.number(minimum, "minimum")
    steps = _check.integer(steps, "steps", 1)
    return lambda step: (
        minimum + (lr - minimum) * (1 + math.cos(math.pi * min(step, steps) / steps)) / 2
    )


def warm_restarts(lr, period, factor=1, minimum=0.0):
    """Return SGDR's schedule: a cosine that starts again, each time `factor` times as long.

    Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2016.

    Examples
    --------
    >>> schedule = warm_restarts(1.0, period=10, factor=2)
    >>> print(schedule(5), schedule(10), schedule(20), schedule(30))
    0.5 1.0 0.5 1.0
    """
    lr, minimum = _check.number(lr, "lr"), _check.number(minimum, "minimum")
    period = _check.integer(period, "period", 1)
    factor = _check.integer(factor, "factor", 1)

    def schedule(step):
        length = period
        while step >= length:
            step -= length
            length *= factor
        return minimum + (lr - minimum) * (1 + math.cos(math.pi * step / length)) / 2

    return schedule


def staircase(lr, every, factor=0.1):
    """Return a schedule that multiplies `lr` by `factor` after each `every` steps.

    Examples
    --------
    >>> schedule = staircase(1.0, every=10, factor=0.5)
    >>> print(schedule(9), schedule(10), schedule(20))
    1.0 0.5 0.25
    """
    lr, factor = _check.number(lr, "lr"), _check.number(factor, "factor")
    every = _check.integer(every, "every", 1)
    return lambda step: lr * factor ** (step // every)


class Wrapper(Optimizer):
    """An optimiser that changes the gradient before another one, `inner`, takes its step."""

    def __init__(self, inner):
        self.inner = _check.instance(inner, "inner", Optimizer)
        self.p, self.g, self.state = inner.p, inner.g, dict(inner.state)

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
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> net.vector[:], net.gradient[:] = 1.0, 8.0
    >>> Clipped(SGD(net, lr=1.0, momentum=0.0), norm=0.5).step()
    >>> print(f"{np.linalg.norm(net.vector - 1.0):.3f}")
    0.500
    """

    def __init__(self, inner, norm):
        super().__init__(inner)
        self.norm = _check.number(norm, "norm", dtype=self.p.dtype)

    def step(self):
        clip(self.g, self.norm * self.scale)
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
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=1, depth=2, norm="none")
    >>> optimizer = Scaled(SGD(net, lr=1.0), scale=4.0)
    >>> net.gradient[0] = np.inf
    >>> optimizer.step()
    >>> optimizer.scale
    2.0
    """

    skips = True

    def __init__(self, inner, scale=2.0**16, interval=2000):
        super().__init__(inner)
        scale = _check.number(scale, "scale", positive=True)
        self.interval = _check.integer(interval, "interval", 1)
        self.state |= {"scale": np.array(scale), "good": np.zeros((), np.int64)}

    @property
    def scale(self):
        """What the loss is multiplied by."""
        return self.state["scale"].item()

    def step(self):
        scale, good = self.state["scale"], self.state["good"]
        self.g *= 1 / self.scale
        if not np.isfinite(self.g).all():
            scale /= 2
            good[...] = 0
            return
        self.inner.step()
        good += 1
        if good == self.interval:
            scale *= 2
            good[...] = 0


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
