"""Modules: a tree of parameters, named as in PyTorch to exchange states; a network's modes."""

import threading

import numpy as np

from denoiselib import _check
from denoiselib._threads import left_alone, refuse_trained
from denoiselib.nn import ops
from denoiselib.nn.tensor import Program, Tensor, mode, no_grad, real, using_statistics

STATISTICS = ("running", "batch", "signal")
CHUNK = 100  #: signals that pass together where it makes no difference: their arrays fit a cache
ALONE = 5 * CHUNK  #: the same where each has its own statistics
PLANNED = 2**27  #: bytes that the plans of a network may hold, for each thread
instead = {}  #: functions in place of ``module.forward``, by ``(thread, module)``


class Watched(type):
    """The class of `Module` and of what is made of it: it notes every change of one of them.

    Computations that are planned are planned anew after it. What bypasses attributes, as
    ``vars(net)["eps"] = 1`` does, is not noted: such a change is seen by copies of the network.
    """

    edits = object()  #: another one after each change of a class, a module or a tensor of one

    def __setattr__(cls, name, value):
        super().__setattr__(name, value)
        Watched.edits = object()

    def __delattr__(cls, name):
        super().__delattr__(name)
        Watched.edits = object()


class State(Tensor):
    """A tensor of a network. If it is given another array, what uses it is planned anew."""

    __slots__ = ()

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        Watched.edits = object()


class Parameter(State):
    """A tensor that is trained."""

    __slots__ = ()

    def __init__(self, data):
        super().__init__(data, requires_grad=True)


class Buffer(State):
    """A tensor that belongs to the state, but is not trained."""

    __slots__ = ()


class Module(metaclass=Watched):
    """A part of a network: parameters, buffers and modules are found in its attributes.

    A subclass defines `forward`. A module is called with an array or a tensor
    ``(batch, channels, length)``.
    """

    nets = 1  #: how many networks it holds side by side, see `stack`; each has its own channels
    owners = None  #: of which of them each number of the state is, by name
    _training, _statistics = True, "batch"

    def __setattr__(self, name, value):
        if vars(self).get(name, self) is not value:  # no module is an attribute of itself
            Watched.edits = object()
        super().__setattr__(name, value)

    def __delattr__(self, name):
        super().__delattr__(name)
        Watched.edits = object()

    @property
    def training(self):
        """Whether running statistics are updated: see `train` and `eval`."""
        return mode(self._training, self._statistics)[0]

    @property
    def statistics(self):
        """Where normalisations take mean and variance from: see `train` and `eval`."""
        return mode(self._training, self._statistics)[1]

    def __call__(self, *inputs):
        """Compute the output; plain arrays take the dtype of the parameters."""
        forward = instead.get((threading.get_ident(), self), self.forward)
        return forward(*(x if isinstance(x, Tensor) else self._tensor(x) for x in inputs))

    def _tensor(self, x):
        x = real(x, self.dtype, "x")
        return Tensor(_check.array(x, "x", numbers=True) if x.size else x)

    @property
    def dtype(self):
        """Dtype of parameters and buffers; float32 without any."""
        if hasattr(self, "vector"):
            return self.vector.dtype
        return next((tensor.dtype for _, tensor in self.named_state()), np.dtype(np.float32))

    def children(self):
        """Yield name and value of what belongs to the state, in the order it was set."""
        for name, value in list(vars(self).items()):  # another thread may add its plans
            if isinstance(value, Parameter | Buffer | Module):
                yield name, value

    def modules(self):
        """Yield this module and all below it."""
        yield self
        for _, child in self.children():
            if isinstance(child, Module):
                yield from child.modules()

    def named_state(self, prefix=""):
        """Yield names and tensors of parameters and buffers."""
        for name, child in self.children():
            if isinstance(child, Module):
                yield from child.named_state(f"{prefix}{name}.")
            else:
                yield prefix + name, child

    def named_parameters(self):
        """Return an iterator over names and parameters."""
        return (pair for pair in self.named_state() if isinstance(pair[1], Parameter))

    def parameters(self):
        """List the parameters."""
        return [parameter for _, parameter in self.named_parameters()]

    def state_dict(self):
        """Return copies of parameters and buffers by name."""
        refuse_trained(self)  # what another thread is changing cannot be copied
        return {name: tensor.data.copy() for name, tensor in self.named_state()}

    def load_state_dict(self, state):
        """Take parameters and buffers from arrays by name, as `state_dict` gives them.

        ``num_batches_tracked``, which PyTorch adds, is ignored. If entries are missing, unexpected,
        of another shape or not finite, ValueError is raised before anything is changed.
        """
        state = {
            k: _check.regular(v, f"state[{k!r}]")
            for k, v in _check.instance(state, "state", dict).items()
            if not str(k).endswith("num_batches_tracked")
        }
        own = dict(self.named_state())
        problems = [f"missing: {name}" for name in own if name not in state]
        problems += [f"unexpected: {name}" for name in state if name not in own]
        for name in own.keys() & state.keys():
            value = state[name]
            if value.shape != own[name].shape:
                problems.append(f"{name} has shape {value.shape}, not {own[name].shape}")
            elif value.dtype.kind not in "iuf" or not np.isfinite(value).all():
                problems.append(f"{name} must hold finite real numbers")
            elif np.abs(value).max(initial=0) > np.finfo(own[name].dtype).max:
                problems.append(f"{name} must fit into {own[name].dtype}")
        if problems:
            raise ValueError("state does not fit: " + "; ".join(sorted(problems)))
        for name, tensor in own.items():
            tensor.data[...] = state[name]

    def train(self):
        """Switch to training: use statistics of the batch, update the running ones. Return self."""
        return self._switch(True, "batch")

    def eval(self, statistics="running"):
        """Switch to testing, in which no running statistics are updated. Return self.

        Parameters
        ----------
        statistics : {"running", "batch", "signal"}
            Mean and variance of normalisations: the running ones (the slides' *fixed* mode), those
            of the current batch (*unfixed*), or of each signal alone, as if it were a batch of one.
        """
        return self._switch(False, _check.choice(statistics, "statistics", STATISTICS))

    def _switch(self, training, statistics):
        wanted = training, statistics
        if any((module._training, module._statistics) != wanted for module in self.modules()):
            with left_alone(self, trains=True):
                for module in self.modules():
                    module._training, module._statistics = wanted
        return self

    def flatten(self):
        """Move trained parameters and their gradients into one vector each: `vector`, `gradient`.

        Parameters without ``requires_grad`` are not trained; they keep arrays of their own.
        """
        arrays = [parameter.data.ravel() for parameter in self._trained()]
        self.vector = np.concatenate([np.empty(0), *arrays], dtype=self.dtype)
        self.gradient = np.zeros_like(self.vector)
        self._tie()

    def _trained(self):
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def each(self, parameter, channels):
        """Return a parameter that has one number for each net as one for each channel, if need be.

        A single net's is as it was, and broadcasts.
        """
        if self.nets == 1:
            return parameter
        return parameter[np.arange(channels) * self.nets // channels][:, None]

    def _tie(self):
        """Make trained parameters and their gradients views of the vectors."""
        stop = 0
        for parameter in self._trained():
            start, stop = stop, stop + parameter.data.size
            parameter.data = self.vector[start:stop].reshape(parameter.shape)
            parameter.grad = self.gradient[start:stop].reshape(parameter.shape)

    def is_flat(self):
        """Return whether the trained parameters, and nothing else, lie in `vector`."""
        trained = self._trained()
        return (
            hasattr(self, "vector")
            and sum(parameter.data.size for parameter in trained) == self.vector.size
            and all(p.data.base is self.vector and p.grad.base is self.gradient for p in trained)
        )

    def __getstate__(self):
        refuse_trained(self)
        return {name: value for name, value in list(vars(self).items()) if name != "_plans"}

    def __setstate__(self, state):
        vars(self).update(state)
        if hasattr(self, "vector"):  # the arrays were copied one by one
            self._tie()


class Sequential(Module):
    """Modules one after the other, a list or a dict by number; None leaves a number out."""

    def __init__(self, modules):
        if not isinstance(modules, dict):
            modules = dict(enumerate(_check.several(modules, "modules")))
        for number, module in modules.items():
            if module is not None:
                name = str(_check.integer(number, "a number in modules", 0))
                setattr(self, name, _check.instance(module, f"modules[{name}]", Module))

    def __iter__(self):
        return (module for _, module in self.children())

    def forward(self, x):
        """Pass x through all of them."""
        for module in self:
            x = module(x)
        return x


class Activation(Module):
    """A function from tensor to tensor as a module; a subclass may have parameters."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        """Apply the function."""
        return self.function(x)


def identity(x):
    """Return x."""
    return x


#: Activations by name: functions of a tensor, or modules that are made with a dtype. Text says
#: where to import one from when it is needed first.
ACTIVATIONS = {
    "relu": ops.relu,
    "leaky_relu": ops.leaky_relu,
    "prelu": "denoiselib.nn.activations:PReLU",
    "gelu": "denoiselib.nn.activations:gelu",
    "none": identity,
}


#: Initial kernels by name.
INITS = {
    "pytorch": lambda rng, shape, fan_in: rng.uniform(-1, 1, shape) / np.sqrt(fan_in),
    "he": lambda rng, shape, fan_in: rng.standard_normal(shape) * np.sqrt(2 / fan_in),
    "lecun": lambda rng, shape, fan_in: rng.standard_normal(shape) / np.sqrt(fan_in),
}


class Conv1d(Module):
    """A convolution with its kernel and bias.

    Parameters
    ----------
    in_channels, out_channels, taps : int
        Shape of the kernel ``(out_channels, in_channels, taps)``.
    padding : int, optional
        Zeros on either side; if not given ``dilation * (taps // 2)``, which keeps the length if
        `taps` is odd.
    dilation : int
        Distance of the taps, in samples.
    bias : bool
        Whether a number is added to each output channel.
    init : {"pytorch", "he", "lecun"}
        Uniform within ``1 / sqrt(fan_in)``, bias too (PyTorch's default); normal with variance
        ``2 / fan_in`` (He et al. 2015) or ``1 / fan_in`` (LeCun et al. 2012), bias 0. ``fan_in`` is
        ``in_channels * taps``.
    rng : seed, numpy.random.Generator or None
        Source of the initial kernel.
    dtype : numpy dtype
        float32 or float64.

    Examples
    --------
    >>> Conv1d(1, 4, 3, rng=0)(np.zeros((2, 1, 10))).shape
    (2, 4, 10)
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        taps,
        *,
        padding=None,
        dilation=1,
        bias=True,
        init="pytorch",
        rng=None,
        dtype=np.float32,
    ):
        in_channels = _check.integer(in_channels, "in_channels", 1)
        out_channels = _check.integer(out_channels, "out_channels", 1)
        taps, dtype = _check.integer(taps, "taps", 1), _check.precision(dtype)
        rng, fan_in = _check.generator(rng), in_channels * taps
        draw = INITS[_check.choice(init, "init", INITS)]
        weight = draw(rng, (out_channels, in_channels, taps), fan_in)
        self.weight, self.bias = Parameter(weight.astype(dtype)), None
        if _check.flag(bias, "bias"):
            drawn = draw(rng, out_channels, fan_in) if init == "pytorch" else np.zeros(out_channels)
            self.bias = Parameter(drawn.astype(dtype))
        self.dilation = _check.integer(dilation, "dilation", 1)
        usual = self.dilation * (taps // 2)
        self.padding = usual if padding is None else _check.integer(padding, "padding", 0)

    def forward(self, x, mask=None):
        """Convolve ``(batch, in_channels, length)``; a mask, if given, multiplies the kernel."""
        weight = self.weight if mask is None else self.weight * mask
        return ops.conv1d(x, weight, self.bias, self.padding, self.dilation, self.nets)


#: How a network is told the noise level, as a second input channel: not at all, by its own estimate
#: (`ops.mad`), or by the caller, who gives it as the second channel of the signals.
LEVEL_SOURCES = (None, "mad", "given")


class Plans(threading.local):
    """The programs of one network: those used last, as many as fit; each thread has its own."""

    edits = None

    def run(self, net, batch, mode):
        """Compute without gradients, by the plan of that shape and mode, if need be a new one."""
        if self.edits is not Watched.edits:
            self.edits, self.programs = Watched.edits, {}
        key = batch.shape, mode
        program = self.programs.pop(key, None) or Program(no_grad()(net.__call__), net.dtype)
        estimate = program(batch)
        keep(self.programs, key, program)
        return estimate


def keep(programs, key, program, least=0):
    """Put a program last into a dict; drop the first ones if all need too much, but for `least`."""
    programs[key] = program
    while len(programs) > least and sum([each.nbytes for each in programs.values()]) > PLANNED:
        programs.pop(next(iter(programs))).forget()


class Network(Module):
    """A denoiser: a module from ``(batch, 1, length)`` to the same shape.

    The constructor of a subclass ends with ``flatten()``, so that an optimiser updates all at once.
    """

    #: Whether signals of one batch influence each other even with running statistics.
    mixes_batch = False
    level = None  #: how it is told the noise level: `LEVEL_SOURCES`
    reach = 0  #: how far its convolutions, poolings and upsamplings see to either side, in samples
    align = 1  #: blocks of a longer signal must begin at multiples of this

    def forward_part(self, x, start, length):
        """Denoise samples that begin at `start` of a longer signal of `length` samples."""
        return self.forward(x)

    def channels(self, noisy):
        """Return how many channels the signals have: 2 if their noise level is given, else 1."""
        if self.level != "given":
            return 1
        if noisy.shape[-2:-1] != (2,):
            raise ValueError(
                "noisy must have the shape (..., 2, length), the second channel the noise level, "
                f"not {noisy.shape}"
            )
        return 2

    def inputs(self, x):
        """Return what the first convolution sees: signals, and their noise level if wanted."""
        x, given = ops.signals(x), 2 if self.level == "given" else 1
        if x.shape[1] not in (given, given * self.nets):
            raise ValueError(f"x must have the shape (batch, {given}, length), not {x.shape}")
        if x.shape[1] < given * self.nets:  # all of them see the same
            x = ops.concat([x] * self.nets)
        if self.level != "mad":
            return x
        return ops.concat([x, ops.mad(x) * np.ones((1, 1, x.shape[2]))], groups=self.nets)

    def denoise(self, noisy, batch_size=None):
        """Denoise signals, without gradients; nothing is updated, not even in training mode.

        Parameters
        ----------
        noisy : array_like (..., length)
            Signals; for a network with ``level="given"`` ``(..., 2, length)``, the second channel
            the noise level.
        batch_size : int, optional
            How many signals pass together. If not given: all of them if they influence each other,
            else as many as fit a cache. It matters in the mode ``eval("batch")``: with 1 each
            signal has its own statistics.

        Returns
        -------
        ndarray (..., length)
            Estimates, in the dtype of the signals; of a stack ``(nets, ..., length)``. In training
            mode they use the running statistics.
        """
        noisy = _check.array(noisy, "noisy")
        channels, length = self.channels(noisy), noisy.shape[-1]
        flat = real(noisy, self.dtype, "noisy").reshape(-1, channels, length)
        estimate = np.empty((self.nets, len(flat), length), noisy.dtype)
        own = vars(self)
        plans = own.get("_plans") or own.setdefault("_plans", Plans())  # one for all threads
        with left_alone(self):
            size, others = self._together(batch_size, len(flat))
            with using_statistics(others):
                for start in range(0, len(flat), size):
                    batch = slice(start, start + size)
                    found = plans.run(self, flat[batch], tuple(others.items()))
                    estimate[:, batch] = found.swapaxes(0, 1)
        several = estimate.shape[:1] if self.nets > 1 else ()
        return estimate.reshape(*several, *noisy.shape[: -2 if channels == 2 else -1], length)

    def _together(self, batch_size, count):
        """Return how many signals pass together, and which statistics replace which."""
        training = self.training
        if batch_size is not None:
            batch_size = _check.integer(batch_size, "batch_size", 1)
        elif self.mixes_batch or (self.statistics == "batch" and not training):
            batch_size = count
        else:
            batch_size = min(count, -(-CHUNK // self.nets))
        if training:
            return batch_size, dict.fromkeys(STATISTICS, "running")
        if batch_size == 1 < count and not self.mixes_batch:
            return -(-ALONE // self.nets), {
                "batch": "signal"
            }  # all together, each by its own statistics
        return batch_size, {}
