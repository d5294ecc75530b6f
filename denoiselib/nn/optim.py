"""Optimisers, a learning-rate schedule, and more of both in `wrappers` and `schedules`.

An optimiser updates all parameters of a network at once: they lie in one vector, their gradients in
another (`Module.flatten`). A schedule is a function from the number of the step, counted from 0, to
a learning rate: it has no state that could get lost.
"""

import math
from contextlib import contextmanager

import numpy as np

from denoiselib import _check
from denoiselib._lazy import extras
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

    scale = 1.0  #: what the loss, or each of a stack, is multiplied by before its gradients
    skips = False  #: whether a step whose gradients are not finite is skipped

    def __init__(self, net, lr):
        if not _check.instance(net, "net", Module).is_flat():
            net.flatten()
        self.p, self.g = net.vector, net.gradient
        self.lr = _check.number(lr, "lr", dtype=self.p.dtype)
        self.part = np.empty_like(self.p)
        self.state = {}  # arrays that one step leaves to the next
        self.nets, self.owner = net.nets, np.zeros(self.p.size, np.int32)
        if net.nets > 1:
            of = [net.owners[n].ravel() for n, p in net.named_parameters() if p.requires_grad]
            self.owner, self.scale = np.concatenate(of), np.ones(net.nets)

    def numbers(self, value, dtype):
        """Return an array with a number for each net of a stack, or of one number."""
        return np.full(self.nets if self.nets > 1 else (), value, dtype)

    def spread(self, values):
        """Return what multiplies the vectors, from a list with one number for each net."""
        if min(values) == max(values):
            return values[0]
        return np.array(values, self.p.dtype)[self.owner]

    @contextmanager
    def leaving(self, nets):
        """Leave some nets of a stack, or a single one, as they are, whatever their gradients.

        `nets` has a truth for each.
        """
        if not nets.any():
            yield
            return
        parts = nets.reshape(-1)[self.owner]
        self.g[parts] = 0
        arrays = {id(a): a for a in (self.p, *self.state.values())}.values()
        chosen = [(a, parts if a.shape == self.p.shape else nets) for a in arrays]
        before = [array[where].copy() for array, where in chosen]
        yield
        for (array, where), values in zip(chosen, before, strict=True):
            array[where] = values

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
            if not (np.isfinite(array).all() and (name != "scale" or (array > 0).all())):
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
        self.state = {"m": zeros, "v": zeros.copy(), "t": self.numbers(0, np.int64)}

    def decay(self):
        """Add the gradient of the penalty on the parameters."""
        if self.weight_decay:
            self.g += np.multiply(self.p, self.weight_decay, out=self.part)

    def step(self):
        self.decay()
        p, g, part = self.p, self.g, self.part
        m, v, t = self.state["m"], self.state["v"], self.state["t"]
        beta1, beta2 = self.betas
        t += 1
        steps = t.reshape(-1).tolist()  # a net of a stack may have skipped some
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=part)
        v *= beta2
        np.multiply(g, g, out=part)
        part *= 1 - beta2
        v += part
        np.sqrt(v, out=part)
        part *= self.spread([1 / math.sqrt(1 - beta2**step) for step in steps])
        part += self.eps
        np.divide(m, part, out=part)
        part *= self.spread([self.lr / (1 - beta1**step) for step in steps])
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


EXTRAS = {
    "Clipped": "denoiselib.nn.wrappers:Clipped",
    "Scaled": "denoiselib.nn.wrappers:Scaled",
    "clip": "denoiselib.nn.wrappers:clip",
    "staircase": "denoiselib.nn.schedules:staircase",
    "warm_restarts": "denoiselib.nn.schedules:warm_restarts",
}
__getattr__, __dir__ = extras(globals(), EXTRAS)
