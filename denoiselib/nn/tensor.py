"""A reverse-mode tape over NumPy arrays: what was computed from what, and how gradients flow back.

An operation (`Op`, see `ops`) plans its arrays once, when it is made. Its `forward` fills them, its
`backward` fills the gradients of its inputs. A `Program` keeps the operations of one call and runs
them again on new data, in the same arrays, so that training pays for planning only once.

Shapes are PyTorch's, ``(batch, channels, length)``. In memory the batch is innermost: a shift in
time is then a shift in flat memory, and a convolution is one wide matrix product.
"""

import math
import threading
from contextlib import contextmanager
from functools import cached_property, partial

import numpy as np

from denoiselib import _check


class _State(threading.local):
    """What holds for the computations of this thread alone."""

    grad = True  # whether operations remember what they were computed from
    record = None  # the list that a Program gathers operations in
    mode = None  # what `using_statistics` puts in the place of the modes of networks


_state = _State()


class Tensor:
    """An array with a gradient, and the operation that made it.

    `ops` adds the operators ``+ - * / ** @ abs() []`` and the methods `sum` and `mean`. `grad` is
    that of the last `backward` that reached this tensor, or None: nothing accumulates.

    Parameters
    ----------
    data : array_like
        float32 and float64 are kept, integers become float64.
    requires_grad : bool
        Whether gradients of this tensor are wanted: true for parameters.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> print(x.grad)
    [2. 4. 6.]
    """

    __slots__ = ("data", "grad", "op", "requires_grad")
    __array_ufunc__ = None  # ndarray * Tensor is for Tensor to decide

    def __init__(self, data, requires_grad=False):
        self.data = data = real(data, name="data")
        self.requires_grad = _check.flag(requires_grad, "requires_grad")
        self.grad = np.zeros_like(data) if requires_grad else None
        self.op = None

    @property
    def shape(self):
        """Lengths of the axes."""
        return self.data.shape

    @property
    def ndim(self):
        """Number of axes."""
        return self.data.ndim

    @property
    def dtype(self):
        """float32 or float64."""
        return self.data.dtype

    def item(self):
        """Return the value of a tensor that holds one number."""
        return self.data.item()

    def backward(self):
        """Fill `grad` of every tensor that this scalar was computed from and that wants one.

        A tensor that a `Program` computed is refused: the program has a `backward` of its own.
        """
        ops = ancestors(self)
        if any(op.replayed for op in ops):
            raise ValueError("this was computed in a program: call the program's backward")
        if self.data.size != 1:
            raise ValueError(f"backward starts from a scalar, not from shape {self.shape}")
        for step in backward_steps(self, ops):
            step()

    def __repr__(self):
        return f"Tensor({np.array2string(self.data, threshold=20, precision=4)}, {self.dtype})"


class Op:
    """One operation, in its place in a computation.

    A subclass is made from tensors. It keeps their arrays, plans its own, and passes the inputs and
    the output array to this constructor, which calls its ``forward()`` to fill the output. Its
    ``backward()`` is given `dy`, the gradient of the output, and fills `dx`: an array for each
    input, or None where no gradient is wanted. ``plan(memory)`` may prepare views, and take scratch
    arrays for ``backward()``.
    """

    replayed = False  # whether a program has planned it

    def __init__(self, inputs, output):
        self.inputs = inputs
        self.out = Tensor(output)
        if _state.grad and any(x.requires_grad for x in inputs):
            self.out.requires_grad = True
            self.out.op = self
        if _state.record is not None:
            _state.record.append(self)
        self.forward()

    def plan(self, memory):
        """Prepare for `backward`, once `dy` and `dx` are there."""


class Program:
    """A computation that is planned at its first call and replayed at the next ones.

    Parameters
    ----------
    function : callable
        From tensors to a tensor. Its Python code runs only once, so that a branch that it takes is
        taken for good. Parameters may change in place.
    dtype : numpy dtype, optional
        What arrays are converted to; that of the first ones if not given.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> program = Program(lambda x: (w * x).sum())
    >>> print(program(np.array([3.0, 4.0])))
    11.0
    >>> print(program(np.array([5.0, 6.0])))
    17.0
    >>> program.backward()
    >>> print(w.grad)
    [5. 6.]
    """

    def __init__(self, function, dtype=None):
        self.function = _check.function(function, "function")
        self.dtype = None if dtype is None else _check.precision(dtype)
        self.inputs = None
        self._back = None

    def __call__(self, *arrays):
        """Run on new data of the same shapes; the array returned is overwritten by the next run."""
        if self.inputs is None:
            inputs = [Tensor(as_innermost(real(a, self.dtype, "arrays"))) for a in arrays]
            with _setting("record", []):
                self.output = self.function(*inputs)
                self.ops = _state.record
            for op in self.ops:
                op.replayed = True
            self._steps = [op.forward for op in self.ops]
            self.inputs = inputs
        else:
            for tensor, array in zip(self.inputs, arrays, strict=True):
                if tensor.shape != np.shape(array):
                    raise ValueError(
                        f"arrays: a program for shape {tensor.shape} was given {np.shape(array)}"
                    )
                tensor.data[...] = real(array, tensor.dtype, "arrays")
            for step in self._steps:
                step()
        return self.output.data

    @cached_property
    def nbytes(self):
        """Memory of the arrays that the operations hold, in bytes; views of one count once."""
        values = [
            value for op in self.ops for value in (op.out.data, op.out.grad, *vars(op).values())
        ]
        values += [part for value in values if isinstance(value, list) for part in value]
        arrays = [value for value in values if isinstance(value, np.ndarray)]
        owners = [array if array.base is None else array.base for array in arrays]
        return sum({id(owner): owner.nbytes for owner in owners}.values())

    def forget(self):
        """Part outputs from operations, a circle that would keep their memory for a while."""
        for op in self.ops:
            op.out.op = None

    def backward(self, scale=1.0):
        """Fill the gradients of the last run, of `scale` times the output, or the sum of these."""
        if np.size(scale) != self.output.data.size:
            raise ValueError(f"backward starts from a scalar, not from shape {self.output.shape}")
        if self._back is None:
            self._back = backward_steps(self.output, self.ops)
        self.output.grad[...] = scale
        for step in self._back:
            step()


def ancestors(tensor):
    """List the operations that a tensor was computed by, each after those it depends on."""
    found, order, stack = set(), [], [(tensor.op, False)]
    while stack:
        op, done = stack.pop()
        if op is None or (op in found and not done):
            continue
        if done:
            order.append(op)
            continue
        found.add(op)
        stack.append((op, True))
        stack.extend((x.op, False) for x in op.inputs)
    return order


def backward_steps(output, ops):
    """Plan a backward pass: give every operation its gradient arrays, and list what to call.

    The first step to reach a tensor writes its gradient, the others add to it.
    """
    if not output.requires_grad:
        raise ValueError("this was computed from nothing that requires a gradient")
    output.grad = np.ones_like(output.data)
    steps, gradients, memory = [], {output: output.grad}, Memory()
    for op in reversed(ops):
        if op.out not in gradients:  # of no consequence for the output
            continue
        op.dy, op.dx, additions = gradients[op.out], [], []
        for x in op.inputs:
            if not x.requires_grad:
                op.dx.append(None)
            elif x in gradients:
                part = memory.take(gradients[x])
                op.dx.append(part)
                additions.append(partial(np.add, gradients[x], part, out=gradients[x]))
            else:
                if x.op is None and x.grad is None:
                    x.grad = np.empty_like(x.data)
                gradients[x] = memory.take(x.data, keep=True) if x.op else x.grad
                op.dx.append(gradients[x])
        op.plan(memory)
        steps += [op.backward, *additions]
        memory.release(op.dy)
    return steps


class Memory:
    """A pool of scratch buffers: one that a backward step releases is reused by a later one.

    The arrays of two or three steps fit a cache; an array for every step would not.
    """

    def __init__(self):
        self.free, self.lent = [], []

    def take(self, like, dtype=None, keep=False):
        """Return an array for the step that is planned now or, with `keep`, until its release."""
        dtype = like.dtype if dtype is None else np.dtype(dtype)
        strides = [s // like.itemsize * dtype.itemsize for s in like.strides]
        size = max(map(math.prod, zip(like.shape, strides, strict=True)), default=dtype.itemsize)
        fitting = [k for k, buffer in enumerate(self.free) if buffer.size >= size]
        best = min(fitting, key=lambda k: self.free[k].size, default=None)
        buffer = np.empty(size, np.uint8) if best is None else self.free.pop(best)
        if not keep:
            self.lent.append(buffer)
        return np.ndarray(like.shape, dtype, buffer, strides=strides)

    def release(self, array):
        """Take back all that a step has taken, and an array that was kept for it."""
        self.free += self.lent if array.base is None else [*self.lent, array.base]
        self.lent = []


def real(value, dtype=None, name="a tensor"):
    """Return an array of real numbers as `dtype`; if not given, as float32 or float64, its own."""
    array = _check.real(value, name)
    if dtype is None:
        dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    if np.isinf(converted).any() and np.isfinite(array).all():
        largest = np.abs(array).max()
        raise ValueError(f"{name} holds {largest:.3g}, which does not fit into {converted.dtype}")
    return converted


def as_innermost(array):
    """Return a copy with the batch innermost in memory, but the axes in the same order."""
    if array.ndim != 3:
        return array.copy()
    return array.transpose(1, 2, 0).copy(order="C").transpose(2, 0, 1)


def empty(shape, dtype):
    """Return a new array with the batch innermost in memory."""
    batch, *rest = shape
    return np.moveaxis(np.empty((*rest, batch), dtype), -1, 0)


def no_grad():
    """Compute without remembering: no gradients, less memory.

    Examples
    --------
    >>> with no_grad():
    ...     y = Tensor([1.0], requires_grad=True) * 2.0
    >>> y.requires_grad
    False
    """
    return _setting("grad", False)


def using_statistics(instead, training=False):
    """Let all networks pass signals in another mode, in this thread; the networks stay as they are.

    Parameters
    ----------
    instead : dict of str to str
        Which statistics, see `Module.eval`, replace a network's own; those not named stay.
    training : bool
        Whether running statistics are updated.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet()
    >>> with using_statistics({"batch": "signal"}):
    ...     net.training, net.statistics
    (False, 'signal')
    """
    return _setting("mode", (training, instead))


def mode(training, statistics):
    """Return the mode in which a module of that mode passes signals in this thread."""
    if _state.mode is None:
        return training, statistics
    training, instead = _state.mode
    return training, instead.get(statistics, statistics)


@contextmanager
def _setting(name, value):
    before = getattr(_state, name)
    setattr(_state, name, value)
    try:
        yield
    finally:
        setattr(_state, name, before)
