"""How numbers lie in memory, and operations that only move them: copies, parts, and parts joined.

An operation takes tensors of one dtype, and signals with the batch innermost in memory.
"""

from functools import partial

import numpy as np

from denoiselib import _check
from denoiselib.nn.tensor import Op, Tensor, as_innermost, empty, real


def inner(array):
    """View an array ``(batch, channels, length)`` as it lies in memory."""
    return array.transpose(1, 2, 0)


def rows(array):
    """View an array ``(batch, channels, length)`` as one row for each channel."""
    memory = inner(array)
    assert memory.flags.c_contiguous
    return memory.reshape(len(memory), -1)


def grouped(array, groups, axis):
    """View an axis as two: groups, and what each of them holds."""
    axis %= array.ndim
    shape = array.shape
    return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def tensors(**values):
    """Return tensors of one dtype; numbers and plain arrays take that of the tensors.

    They are given by the names that a message calls them by.
    """
    dtypes = {value.dtype for value in values.values() if isinstance(value, Tensor)}
    if len(dtypes) > 1:
        names = " and ".join(values)
        raise TypeError(f"{names}: float32 and float64 tensors meet: choose one dtype")
    dtype = dtypes.pop() if dtypes else None
    return [
        value if isinstance(value, Tensor) else Tensor(real(value, dtype, name))
        for name, value in values.items()
    ]


def signals(x, name="x"):
    """Return a tensor ``(batch, channels, length)`` with the batch innermost in memory."""
    (x,) = tensors(**{name: x})
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"{name} must have the shape (batch, channels, length), not {x.shape}")
    return x if inner(x.data).flags.c_contiguous else Copy(x, empty(x.shape, x.dtype)).out


class Copy(Op):
    """the same numbers, in other memory"""

    def __init__(self, x, y):
        self.x, self.y = x.data, y
        super().__init__([x], self.y)

    def forward(self):
        self.y[...] = self.x

    def backward(self):
        self.dx[0][...] = self.dy


# --- parts and joined parts

# What NumPy's basic indexing consists of: it selects no number twice.
BASIC = int, np.integer, slice, type(None), type(...)


class Take(Op):
    """x[index]"""

    def __init__(self, x, index):
        self.x, self.index = x.data, index
        self.y = as_innermost(np.asarray(self.x[index]))
        parts = index if isinstance(index, tuple) else (index,)
        self.basic = all(isinstance(k, BASIC) and not isinstance(k, bool) for k in parts)
        super().__init__([x], self.y)

    def forward(self):
        self.y[...] = self.x[self.index]

    def backward(self):
        self.dx[0].fill(0)
        if self.basic:
            self.dx[0][self.index] = self.dy
        else:
            np.add.at(self.dx[0], self.index, self.dy)  # slow, but adds where an index is repeated


def take(x, index):
    """Return x[index]: slices, or arrays of indices."""
    return Take(*tensors(x=x), index).out


class Concat(Op):
    """arrays one after the other along an axis, or group after group of them"""

    def __init__(self, parts, axis, groups):
        split = partial(grouped, groups=groups, axis=axis)
        self.arrays, self.axis = [split(part.data) for part in parts], axis + 1
        self.cuts = np.cumsum([array.shape[axis + 1] for array in self.arrays])[:-1]
        self.y = as_innermost(np.concatenate([part.data for part in parts], axis))
        self.split, self.places = split, np.split(split(self.y), self.cuts, axis + 1)
        super().__init__(parts, self.y)

    def forward(self):
        for place, array in zip(self.places, self.arrays, strict=True):
            place[...] = array

    def plan(self, memory):
        self.parts = np.split(self.split(self.dy), self.cuts, self.axis)
        self.back = [None if d is None else self.split(d) for d in self.dx]

    def backward(self):
        for d, part in zip(self.back, self.parts, strict=True):
            if d is not None:
                d[...] = part


def concat(parts, axis=1, groups=1):
    """Return tensors one after the other along an axis, the channels if none is named.

    With groups the first group of each comes first, then the second group of each, and so on.

    Examples
    --------
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> print(concat([a, b]).data, concat([a, b], groups=2).data)
    [[1. 2. 3. 4.]] [[1. 3. 2. 4.]]
    """
    parts = tensors(
        **{f"parts[{k}]": part for k, part in enumerate(_check.several(parts, "parts"))}
    )
    if not parts or min(part.ndim for part in parts) == 0:
        raise ValueError("parts must be tensors with axes, at least one")
    axis = _check.integer(axis, "axis of parts", -parts[0].ndim, parts[0].ndim - 1) % parts[0].ndim
    shapes = ", ".join(str(part.shape) for part in parts)
    if len({part.shape[:axis] + (-1,) + part.shape[axis + 1 :] for part in parts}) > 1:
        raise ValueError(f"parts must agree but for axis {axis}, not have shapes {shapes}")
    if any(part.shape[axis] % _check.integer(groups, "groups", 1) for part in parts):
        raise ValueError(f"groups: {groups} do not divide axis {axis} of parts, of shapes {shapes}")
    return Concat(parts, axis, groups).out


def pad(x, before, after):
    """Return x with zeros before and after its last axis."""
    before, after = _check.integer(before, "before", 0), _check.integer(after, "after", 0)
    (x,) = tensors(x=x)
    if not x.ndim:
        raise ValueError("x must have an axis")
    if not before and not after:
        return x
    zeros = [np.zeros((*x.shape[:-1], count), x.dtype) for count in (before, after)]
    return concat([zeros[0], x, zeros[1]], axis=-1)
