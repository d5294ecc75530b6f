"""Read a network as signal processing: its layers, its filters, and what it does to a sample.

`find_layers` and `features` show the layers of a network and what passes through them.
`frequency_response`, `jacobian` and `linearise` read kernels and networks as filters; `influence`
and `shrinkage_curve` look at any denoiser from outside. `proximal_step` reads a layer as a step of
a minimisation, `energy` and `minimise_energy` the whole network as the slides do. A network must be
in evaluation mode, with any of the statistics of `Module.eval`, and have no prior network.
"""

import threading
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib._threads import left_alone
from denoiselib.nn import BatchNorm1d, Conv1d, Module, Tensor, no_grad, ops, optim
from denoiselib.nn.losses import smooth_l1
from denoiselib.nn.modules import Activation, Network, Parameter, Watched, instead
from denoiselib.nn.tensor import real

#: What checks its arguments; the other tools, for functions that look into networks, do not.
__all__ = [
    "Energy",
    "Features",
    "Layer",
    "Linear",
    "Minimum",
    "ProximalStep",
    "Shrinkage",
    "energy",
    "features",
    "find_layers",
    "frequency_response",
    "influence",
    "jacobian",
    "linearise",
    "minimise_energy",
    "norm_gains",
    "proximal_step",
    "shrinkage_curve",
]


class Layer(NamedTuple):
    """A convolution and what follows it."""

    conv: Conv1d  #: kernel and bias
    norm: Module | None  #: normalisation, None without
    activation: Activation | None  #: None behind the last convolution


class Features(NamedTuple):
    """The features of one layer, arrays ``(n, channels, length)``."""

    input: np.ndarray  #: what the convolution sees
    before: np.ndarray  #: behind the convolution, before the normalisation
    normal: np.ndarray  #: behind the normalisation; `before` where there is none
    output: np.ndarray  #: behind the activation

    def zeros(self):
        """Return the share of zeros in the output, for each channel."""
        return np.mean(self.output == 0, axis=(0, 2))

    def dead(self):
        """Return for each channel whether its output is the same for all signals and samples."""
        return np.ptp(self.output, axis=(0, 2)) == 0


def find_layers(net):
    """Return a dict of the layers of a network, in the order in which a signal passes them.

    The name of a layer is that of its block, with a number if the block has several layers.

    Parameters
    ----------
    net : Network
        Without prior network, which changes a kernel with the signal.

    Examples
    --------
    >>> from denoiselib.nn import UNet
    >>> list(find_layers(UNet()))[:4]
    ['inc 1', 'inc 2', 'down1 1', 'down1 2']
    """
    if _check.instance(net, "net", Network).mixes_batch:
        raise ValueError("net must not have a prior network: its kernels depend on the signals")
    found = {}
    for name, block in net.children():
        own = [layer for module in block.modules() for layer in _layers_in(module)]
        name = "layer" if name == "layers" else name
        for k, layer in enumerate(own, start=1):
            found[f"{name} {k}" if len(own) > 1 else name] = layer
    return found


def _layers_in(module):
    """Group the children of a module: each convolution with what stands before the next one."""
    layers = []
    for _, child in module.children():
        if isinstance(child, Conv1d):
            layers.append(Layer(child, None, None))
        elif layers and isinstance(child, Module):
            part = "activation" if isinstance(child, Activation) else "norm"
            layers[-1] = layers[-1]._replace(**{part: child})
    return layers


def features(net, noisy):
    """Return a dict of the `Features` of each layer of a network, by the names of `find_layers`.

    Parameters
    ----------
    net : Network
        In evaluation mode and without prior network.
    noisy : array_like (..., length)
        Signals; in the mode ``eval("batch")`` all of them are one batch.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> seen = features(PlainNet(rng=0).eval(), np.ones((2, 100)))
    >>> seen["layer 2"].output.shape, seen["layer 2"].zeros().shape
    ((2, 16, 100), (16,))
    """
    layers, x = find_layers(net), as_batch(net, noisy)
    parts = [part for layer in layers.values() for part in layer if part is not None]
    with left_alone(net), no_grad(), watching(parts) as seen:
        net(x)
    inputs = {module: x.data for module, x, _ in seen}
    outputs = {module: y.data for module, _, y in seen}
    found = {}
    for name, (conv, norm, activation) in layers.items():
        before = outputs[conv]
        normal = outputs.get(norm, before)
        found[name] = Features(inputs[conv], before, normal, outputs.get(activation, normal))
    return found


@contextmanager
def watching(modules):
    """Record (module, input, output) of some modules, in the order they run, inside a block.

    The tensors stay on the tape, except inside `nn.no_grad`, so that a loss may be made of them.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(rng=0).eval()
    >>> with watching([find_layers(net)["layer 1"].activation]) as seen:
    ...     y = net(np.ones((2, 1, 100)))
    >>> [(type(module).__name__, x.shape, y.shape) for module, x, y in seen]
    [('Activation', (2, 16, 100), (2, 16, 100))]
    """
    seen = []
    own = threading.get_ident()
    forwards = {module: instead.get((own, module), module.forward) for module in modules}

    def watch(module, x):
        y = forwards[module](x)
        seen.append((module, x, y))
        return y

    with in_place_of(dict.fromkeys(forwards, watch)):
        yield seen


@contextmanager
def in_place_of(forwards):
    """Replace what modules compute inside a block: ``{module: function(module, x)}``.

    Other threads go on with what the modules compute themselves.
    """
    own = threading.get_ident()
    new = {(own, module): partial(function, module) for module, function in forwards.items()}
    before = {key: instead[key] for key in new if key in instead}  # of an outer `in_place_of`
    instead.update(new)
    Watched.edits = object()
    try:
        yield
    finally:
        for key in new:
            del instead[key]
        instead.update(before)
        Watched.edits = object()


@contextmanager
def constant_parameters(net):
    """Compute no gradients of parameters inside a block, so that those of features cost less."""
    wanted = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in wanted:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in wanted:
            parameter.requires_grad = True


def as_batch(net, noisy, name="noisy"):
    """Check network and signals; return them as ``(n, 1, length)`` in the network's dtype."""
    if _check.instance(net, "net", Network).training:
        raise ValueError("net must be in evaluation mode: call net.eval() first")
    noisy = _check.array(real(_check.array(noisy, name), net.dtype, name), name)
    return noisy.reshape(-1, 1, noisy.shape[-1])


def norm_gains(net, noisy):
    r"""Return the factor :math:`\gamma / \sqrt{v + \epsilon}` by which each batch norm multiplies.

    In *fixed* mode v is the running variance, and the factor is constant. In *unfixed* mode v is
    the variance of the batch, and batch norm is an automatic gain control: for features c times as
    large the factor is 1/c times as large. Arguments are those of `features`; layers must have
    batch norm or no normalisation. The result is a dict by the names of `find_layers`, without the
    latter, of arrays ``(channels,)``, or ``(n, channels)`` in the mode ``eval("signal")``.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> gains = norm_gains(PlainNet(rng=0).eval(), np.ones((2, 100)))
    >>> print(gains["layer 1"].shape, gains["layer 1"][0].round(3))
    (16,) 1.0
    """
    seen, gains = features(net, noisy), {}
    norms = {name: layer.norm for name, layer in find_layers(net).items() if layer.norm}
    for name, norm in norms.items():
        if type(norm) is not BatchNorm1d:
            raise TypeError(f"net must have batch norm or none, not {type(norm).__name__}")
        if norm.statistics == "running":
            var = norm.running_var.data
        else:
            var = seen[name].before.var(axis=2 if norm.statistics == "signal" else (0, 2))
        gains[name] = norm.weight.data / np.sqrt(var + norm.eps)
    return gains


def frequency_response(kernel, points=129):
    r"""Return the frequency response of kernels as networks use them: without flipping.

    Parameters
    ----------
    kernel : array_like (..., taps)
        The tap in the middle is at time 0.
    points : int
        Number of frequencies, from 0 to 1/2 cycles per sample.

    Returns
    -------
    frequencies, response : ndarray (points,), ndarray (..., points)
        :math:`H(f) = \sum_k K_k e^{2\pi i f k}`, k counted from the middle: the factor that a wave
        :math:`e^{2\pi i f t}` is multiplied by. A positive phase moves the wave ahead.

    Examples
    --------
    >>> f, h = frequency_response([0.5, 0.0, -0.5], points=3)
    >>> print(f, np.abs(h).round(3))
    [0.   0.25 0.5 ] [0. 1. 0.]
    """
    kernel = _check.array(kernel, "kernel")
    frequencies = np.linspace(0, 0.5, _check.integer(points, "points", 1))
    lags = np.arange(kernel.shape[-1]) - kernel.shape[-1] // 2
    return frequencies, kernel @ np.exp(2j * np.pi * np.outer(lags, frequencies))


class Linear(NamedTuple):
    r"""A network near some signals: :math:`f(y) = J y + b`."""

    matrix: np.ndarray  #: J, (..., length, length); row i is the filter applied at sample i
    offset: np.ndarray  #: b, (..., length)

    @property
    def own(self):
        """The weight of each sample in its own estimate: the diagonal of J."""
        return np.diagonal(self.matrix, axis1=-2, axis2=-1)

    @property
    def spread(self):
        """Root-mean-square distance that a filter reaches, in samples; 0 where it is 0."""
        time = np.arange(self.matrix.shape[-1])
        distance = np.subtract.outer(time, time)
        power = self.matrix**2
        total = power.sum(axis=-1)
        second = (power * distance**2).sum(axis=-1)
        return np.sqrt(np.divide(second, total, out=np.zeros_like(total), where=total > 0))


def jacobian(net, noisy, rows=None):
    r"""Return derivatives (..., rows, length), :math:`J_{ij} = \partial f(y)_i / \partial y_j`.

    Parameters
    ----------
    net : Network
        As in `features`.
    noisy : array_like (..., length)
        Signals y. In the mode ``eval("batch")`` each signal is a batch of its own.
    rows : sequence of int, optional
        Output samples i whose derivatives are wanted; all if not given.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=4, depth=2, kernel=3, rng=0).eval()
    >>> np.flatnonzero(jacobian(net, np.ones(9), rows=[4]))  # 2 layers that see 1 sample each way
    array([2, 3, 4, 5, 6])
    """
    signals = as_batch(net, noisy)
    wanted = np.eye(signals.shape[-1], dtype=net.dtype)
    if rows is not None:
        length, rows = len(wanted), _check.several(rows, "rows")
        if not rows:
            raise ValueError("rows must not be empty")
        bounds = -length, length - 1, f"noisy of {length} samples"
        wanted = wanted[[_check.integer(row, "rows", *bounds) for row in rows]]
    # one copy of a signal for each row, but for statistics of the batch: copies would change them
    together = len(wanted) if _fixed(net) else 1
    masks = wanted.reshape(-1, together, 1, signals.shape[-1])
    found = []
    with left_alone(net), constant_parameters(net):
        for signal in signals:
            copies = Tensor(np.repeat(signal[None], together, axis=0), requires_grad=True)
            output = net(copies)
            for mask in masks:
                (output * mask).sum().backward()
                found.append(copies.grad[:, 0].copy())
    return np.concatenate(found).reshape(*np.shape(noisy)[:-1], *wanted.shape)


def _fixed(net):
    """Return whether no layer takes statistics of the batch; refuse a prior network."""
    norms = [layer.norm for layer in find_layers(net).values()]
    return all(norm is None or norm.statistics == "running" for norm in norms)


def linearise(net, noisy):
    """Write a network at each of the given signals as a linear filter and an offset.

    The arguments are the first two of `jacobian`; the offset is :math:`b = f(y) - J y`. With
    running statistics the network is piecewise linear: it *is* J y + b, with the same J and b for
    all signals nearby that switch the same units on. With statistics of the batch, batch norm
    divides by a function of y, and J is only the derivative (Mohan, Kadkhodaie, Simoncelli &
    Fernandez-Granda 2020).

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.ones(9)
    >>> local = linearise(net, noisy)
    >>> np.allclose(local.matrix @ noisy + local.offset, net.denoise(noisy), atol=1e-5)
    True
    """
    matrix = jacobian(net, noisy)
    noisy = _check.array(noisy, "noisy")
    estimate = net.denoise(noisy, None if _fixed(net) else 1)
    return Linear(matrix, estimate - (matrix @ noisy[..., None])[..., 0])


def influence(denoise, noisy, step):
    """Measure how far a denoiser looks: move the sample in the middle, and see what changes.

    Returned are two arrays (length,): the time since the moved sample, in samples, and the
    root-mean-square change of the estimate at that time, divided by `step`.

    Parameters
    ----------
    denoise : callable
        From signals ``(n, length)`` to estimates.
    noisy : array_like (n, length)
        Signals to average over.
    step : float
        How far the sample is moved; about the noise level, so that thresholds are crossed.

    Examples
    --------
    >>> distance, answer = influence(lambda y: y + np.roll(y, 2, axis=-1) / 2, np.zeros((3, 5)), 1)
    >>> print(distance, answer)
    [-2 -1  0  1  2] [0.  0.  1.  0.  0.5]
    """
    noisy, denoise = _check.array(noisy, "noisy"), _check.function(denoise, "denoise")
    if noisy.ndim != 2:
        raise ValueError(f"noisy must have the shape (n, length), not {noisy.shape}")
    step = _check.number(step, "step", positive=True)
    length = noisy.shape[-1]
    middle = length // 2
    moved = noisy.copy()
    moved[:, middle] += step
    change = (np.asarray(denoise(moved)) - np.asarray(denoise(noisy))) / step
    return np.arange(length) - middle, np.sqrt(np.mean(change**2, axis=0))


class Shrinkage(NamedTuple):
    """The response of a denoiser: arrays (bins,), the bins by the value of the noisy sample."""

    y: np.ndarray  #: centres of the bins
    mean: np.ndarray  #: mean estimate in each bin, NaN where it is empty
    spread: np.ndarray  #: standard deviation of the estimates in each bin


def shrinkage_curve(noisy, estimate, edges):
    r"""Return the mean response :math:`E[f(y)_i \mid y_i]` of a denoiser, and its spread.

    In this `Shrinkage` the spread is 0, but for the bins' width, if each sample is treated alone.

    Parameters
    ----------
    noisy, estimate : array_like (..., length)
        Input and output of a denoiser.
    edges : array_like (bins + 1,)
        Edges of the bins of y, rising.

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


class ProximalStep(NamedTuple):
    r"""A layer as the first step of ISTA, with a step size and a penalty for each channel.

    With the adjoint :math:`A^\top y = K * y` the step from X = 0 is
    :math:`X_c = \max(\mu_c (A^\top y)_c - \mu_c \lambda_c, 0)`.
    """

    kernel: np.ndarray  #: K, (channels, in_channels, taps), without the signs of the gains
    step: np.ndarray  #: mu, (channels,), not negative
    threshold: np.ndarray  #: mu lambda, (channels,); a penalty only where it is positive

    @property
    def weight(self):
        """The weight lambda of the penalty; infinite or NaN where the step is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.threshold / self.step

    def correlate(self, y):
        """Return ``A' y``: signals ``(n, in_channels, length)`` against each kernel."""
        y = _signals(y, "y", self.kernel.shape[1])
        return ops.conv1d(y, self.kernel, padding=self.kernel.shape[2] // 2).data

    def synthesise(self, x):
        """Return ``A X``, the adjoint of `correlate`: each kernel as high as X says, added up."""
        x = _signals(x, "x", self.kernel.shape[0])
        kernel = self.kernel.swapaxes(0, 1)[..., ::-1].copy()
        return ops.conv1d(x, kernel, padding=self.kernel.shape[2] // 2).data

    def stiffness(self):
        r"""Return the largest eigenvalue of :math:`A\,\mathrm{diag}(\mu) A^\top`.

        If it is below 2, the step lowers `energy` for all signals; above, it may overshoot.
        """
        _, response = frequency_response(self.kernel)
        weighted = np.sqrt(self.step)[:, None, None] * response
        return float(np.linalg.norm(np.moveaxis(weighted, -1, 0), 2, axis=(1, 2)).max() ** 2)

    def __call__(self, y):
        """Return the layer's output for signals ``(n, in_channels, length)``."""
        return np.maximum(self.step[:, None] * self.correlate(y) - self.threshold[:, None], 0)

    def energy(self, x, y):
        r"""Return :math:`\frac12 \|y - A X\|^2 + \sum_c \lambda_c \sum_t X_{c,t}`, shape (n,)."""
        y, synthesised = _signals(y, "y", self.kernel.shape[1]), self.synthesise(x)
        _check.broadcast(y, synthesised, "y and what x synthesises")
        misfit = (y - synthesised) ** 2
        return misfit.sum(axis=(1, 2)) / 2 + (self.weight[:, None] * x).sum(axis=(1, 2))


def proximal_step(layer):
    r"""Read convolution, batch norm and ReLU as the `ProximalStep` that computes the same.

    Parameters
    ----------
    layer : Layer
        From `find_layers`, with ReLU, and batch norm (in the mode ``eval("running")``) or none.

    Notes
    -----
    With the gain :math:`g = \gamma/\sqrt{v + \epsilon}` (1 without batch norm), step size
    :math:`\mu = |g|`, kernel :math:`\mathrm{sign}(g) K` and threshold :math:`\tau = \mu\lambda = g
    (m - b) - \beta` (b is the convolution's bias, m the running mean):

    .. math:: \mathrm{relu}(u - \tau) = \arg\min_{x \ge 0} \tfrac12 (x - u)^2 + \tau x,

    because the derivative x - u + tau vanishes at x = u - tau if that is positive, and is positive
    for all x > 0 if not. Where :math:`\tau < 0` the term rewards instead of penalising.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> step = proximal_step(find_layers(PlainNet(rng=0))["layer 1"])
    >>> print(step.step.shape, step(np.ones((1, 1, 5), np.float32)).shape)
    (16,) (1, 16, 5)
    """
    conv, norm, activation = _check.instance(layer, "layer", Layer)
    if activation is None or activation.function is not ops.relu:
        raise TypeError("layer must end with a ReLU")
    bias = 0 if conv.bias is None else conv.bias.data
    if norm is None:
        gain, mean, beta = np.ones(len(conv.weight.data), conv.dtype), 0, 0
    elif type(norm) is BatchNorm1d:
        gain = norm.weight.data / np.sqrt(norm.running_var.data + norm.eps)
        mean, beta = norm.running_mean.data, norm.bias.data
    else:
        raise TypeError(f"layer must have batch norm or none, not {type(norm).__name__}")
    kernel = np.where(gain < 0, -1, 1).astype(gain.dtype)[:, None, None] * conv.weight.data
    return ProximalStep(kernel, np.abs(gain), gain * (mean - bias) - beta)


def _signals(array, name, channels):
    array = _check.array(array, name)
    if array.ndim != 3 or array.shape[1] != channels:
        raise ValueError(f"{name} must have the shape (n, {channels}, length), not {array.shape}")
    return array


class Energy(NamedTuple):
    """The three terms of the slides' energies, scalar tensors: means over all elements."""

    data: Tensor  #: loss between the network's output and the target
    normal: Tensor  #: squared distance between features and their batch norm
    sparse: Tensor  #: magnitudes of the features

    def total(self, gamma, lam):
        """Return ``data + gamma normal + lam sparse``."""
        gamma, lam = (_check.number(v, k, signed=True) for v, k in ((gamma, "gamma"), (lam, "lam")))
        return self.data + gamma * self.normal + lam * self.sparse


def energy(net, name, x, noisy, target):
    r"""Return the slides' `Energy` for the features of one layer.

    Parameters
    ----------
    net, name : Network and str
        As in `features`, and the name of the layer in `find_layers`.
    x : Tensor or array_like (n, channels, length)
        Features that replace the output of its convolution; a tensor may ask for gradients.
    noisy : array_like (n, length)
        Signals: they reach the rest of the network by other ways, such as skips.
    target : array_like (n, length)
        What the output is compared with: the clean signals in the *training* energy, which is
        minimised over the weights; the noisy ones in the *testing* energy, minimised over X.

    Notes
    -----
    :math:`L(Y - \Omega(X)) + \Gamma\, \overline{(\mathrm{BN}(X) + B - X)^2} + \Lambda\,
    \overline{|X|}` where L is SmoothL1, Y the target, :math:`\Omega` all that follows the
    convolution, BN(X) + B batch norm with its shift, and the bar an average over elements.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.ones((2, 100))
    >>> x = features(net, noisy)["layer 2"].before
    >>> terms = energy(net, "layer 2", x, noisy, target=noisy)
    >>> terms.total(gamma=0.0, lam=0.0).item() == terms.data.item()
    True
    """
    layers = find_layers(net)
    layer = layers[_check.choice(name, "name", layers)]
    batch, target = as_batch(net, noisy), as_batch(net, target, "target")
    x = x if isinstance(x, Tensor) else Tensor(real(_check.array(x, "x"), net.dtype, "x"))
    with left_alone(net), in_place_of({layer.conv: lambda conv, seen: x}):
        output = net(batch)
    for part, what in ((output, "x, here by an output"), (target, "target")):
        if part.shape != batch.shape:
            raise ValueError(f"{what} of shape {part.shape}, does not fit noisy, {batch.shape}")
    distance = (x if layer.norm is None else layer.norm(x)) - x
    return Energy(smooth_l1(output, target), (distance * distance).mean(), abs(x).mean())


class Minimum(NamedTuple):
    """The result of `minimise_energy`."""

    x: np.ndarray  #: features (n, channels, length)
    totals: np.ndarray  #: energy before each step and at the end, (steps + 1,)
    estimate: np.ndarray  #: output of the network for these features, (n, length)


def minimise_energy(net, name, noisy, gamma=0.0, lam=0.0, *, steps=200, lr=0.05):
    """Minimise the slides' testing energy over the features of one layer, by Adam.

    It starts from the features of the forward pass, and returns the best that it met, a `Minimum`.

    Parameters
    ----------
    net, name, noisy
        As in `energy`.
    gamma, lam : float
        Weights of the normal and of the sparse term.
    steps, lr : int, float
        Number of steps; size of the first, in units of the features, which falls along a cosine.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.ones((2, 100))
    >>> found = minimise_energy(net, "layer 3", noisy, steps=20)
    >>> bool(found.totals[-1] < found.totals[0])
    True
    """
    _check.integer(steps, "steps", 1)
    _check.choice(name, "name", find_layers(net))
    _check.number(gamma, "gamma", dtype=net.dtype)
    _check.number(lam, "lam", dtype=net.dtype)
    free = Module()  # the features as parameters, for an optimiser
    start = _check.array(features(net, noisy)[name].before, "features of noisy")
    free.x = Parameter(start.copy())
    free.flatten()
    descent, schedule, totals = optim.Adam(free, lr), optim.cosine(lr, steps), []
    best, least = free.x.data.copy(), np.inf
    with left_alone(net), constant_parameters(net):
        for step in range(steps + 1):
            total = energy(net, name, free.x, noisy, noisy).total(gamma, lam)
            totals.append(total.item())
            if totals[-1] < least:
                best, least = free.x.data.copy(), totals[-1]
            if step < steps:
                total.backward()
                descent.lr = schedule(step)
                descent.step()
    layer = find_layers(net)[name]
    with in_place_of({layer.conv: lambda conv, seen: Tensor(best)}):
        estimate = net(as_batch(net, noisy)).data.reshape(np.shape(noisy))
    return Minimum(best, np.array(totals), estimate)
