"""Our tensors in the place of tinygrad's."""

import numpy as np
import tinygrad

from denoiselib import nn
from denoiselib.nn import ops
from tests.peers.instead.plugin import called, lacks

FLOAT = tinygrad.dtypes.float


class Tensor:
    """The little of their interface that there is here; float64, which stands for their float."""

    def __init__(self, data, dtype=FLOAT):
        if dtype != FLOAT:
            lacks(f"numbers of the type {dtype}")
        self.own, self.dtype = data if isinstance(data, nn.Tensor) else nn.Tensor(data), FLOAT

    ones = staticmethod(lambda *shape, dtype=FLOAT: Tensor(np.ones(shape), dtype))
    zeros = staticmethod(lambda *shape, dtype=FLOAT: Tensor(np.zeros(shape), dtype))
    eye = staticmethod(lambda n, dtype=FLOAT: Tensor(np.eye(n), dtype))
    rand = staticmethod(lambda *shape: lacks("random tensors"))
    empty = staticmethod(lambda *shape: lacks("networks of pictures"))
    cat = staticmethod(lambda *parts: Tensor(ops.concat([part.own for part in parts], 0)))
    contiguous = clone = lambda self: self

    def __add__(self, other):
        return Tensor(self.own + other.own)

    def __matmul__(self, other):
        return Tensor(self.own @ other.own)

    def sum(self, axis=None):
        return Tensor(self.own.sum(axis=axis))

    def tolist(self):
        called.add("tensors")
        return self.own.data.tolist()

    def item(self):
        called.add("tensors")
        return self.own.item()

    def __getattr__(self, name):
        lacks(name)


tinygrad.Tensor = Tensor
tinygrad.TinyJit = lambda function: lacks("a compiler")
tinygrad.Variable = lambda *args: lacks("symbolic shapes")
tinygrad.nn.Conv2d = lambda *args: lacks("networks of pictures")
