"""Parts of arrays, arrays put together, and zeros around them."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import tensors
from denoiselib.nn.tensor import Op, as_innermost, empty

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
        np.copyto(self.y, self.x[self.index])

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
    """arrays one after the other along an axis"""

    def __init__(self, parts, axis):
        arrays = [part.data for part in parts]
        self.y = np.concatenate(arrays, axis=axis)
        if self.y.ndim == 3:
            self.y = as_innermost(self.y)
        self.places = _consecutive(self.y, [a.shape[axis] for a in arrays], axis)
        self.arrays, self.axis = arrays, axis
        super().__init__(parts, self.y)

    def forward(self):
        for place, array in zip(self.places, self.arrays, strict=True):
            np.copyto(place, array)

    def plan(self, memory):
        sizes = [a.shape[self.axis] for a in self.arrays]
        parts = _consecutive(self.dy, sizes, self.axis)
        self.back = [(d, part) for d, part in zip(self.dx, parts, strict=True) if d is not None]

    def backward(self):
        for d, part in self.back:
            np.copyto(d, part)


def _consecutive(array, sizes, axis):
    return np.split(array, np.cumsum(sizes)[:-1], axis=axis)


def concat(parts, axis=1):
    """Return tensors one after the other along an axis, the channels if none is named."""
    parts = tensors(
        **{f"parts[{k}]": part for k, part in enumerate(_check.several(parts, "parts"))}
    )
    if not parts or min(part.ndim for part in parts) == 0:
        raise ValueError("parts must be tensors with axes, at least one")
    axis = _check.integer(axis, "axis of parts", -parts[0].ndim, parts[0].ndim - 1) % parts[0].ndim
    if len({part.shape[:axis] + (-1,) + part.shape[axis + 1 :] for part in parts}) > 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"parts must agree but for axis {axis}, not have shapes {shapes}")
    return Concat(parts, axis).out


class Pad(Op):
    """zeros before and after, along the last axis"""

    def __init__(self, x, before, after):
        self.x = x.data
        length = x.shape[-1]
        *rest, _ = x.shape
        self.y = empty((*rest, before + length + after), x.dtype)
        self.y[...] = 0
        self.place = (..., slice(before, before + length))
        super().__init__([x], self.y)

    def forward(self):
        np.copyto(self.y[self.place], self.x)

    def backward(self):
        np.copyto(self.dx[0], self.dy[self.place])


def pad(x, before, after):
    """Return x with zeros before and after its last axis."""
    before, after = _check.integer(before, "before", 0), _check.integer(after, "after", 0)
    (x,) = tensors(x=x)
    if not x.ndim:
        raise ValueError("x must have an axis")
    return Pad(x, before, after).out if before or after else x
