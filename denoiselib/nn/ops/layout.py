"""How tensors come to an operation: of one dtype, signals with the batch innermost in memory."""

import numpy as np

from denoiselib.nn.tensor import Op, Tensor, empty, real


def inner(array):
    """View an array ``(batch, channels, length)`` as it lies in memory."""
    return array.transpose(1, 2, 0)


def rows(array):
    """View an array ``(batch, channels, length)`` as one row for each channel."""
    memory = inner(array)
    assert memory.flags.c_contiguous
    return memory.reshape(len(memory), -1)


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
        np.copyto(self.y, self.x)

    def backward(self):
        np.copyto(self.dx[0], self.dy)


def sum_to(array, out):
    """Fill `out` with an array, summed over the axes along which `out` was repeated."""
    missing = array.ndim - out.ndim
    repeated = [i for i, n in enumerate(out.shape, missing) if n == 1 and array.shape[i] > 1]
    axes = (*range(missing), *repeated)
    out[...] = array.sum(axis=axes).reshape(out.shape) if axes else array


def over_time(array, out):
    """Fill `out` as `sum_to` does: fast where signals meet one number for each signal and channel,
    or for each channel.
    """
    if array.ndim == 3 and inner(array).flags.c_contiguous:
        if out.shape == (*array.shape[:2], 1):
            ones = np.ones((1, array.shape[2]), array.dtype)
            np.matmul(ones, inner(array), out=inner(out))
            return
        if out.shape in [(array.shape[1], 1), (1, array.shape[1], 1)]:
            matrix = rows(array)
            out[...] = np.matmul(matrix, np.ones(matrix.shape[1], array.dtype)).reshape(out.shape)
            return
    sum_to(array, out)
