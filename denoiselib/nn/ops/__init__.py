"""The operations of the tape: forward and backward side by side.

Each class is one operation with its formulas; the function below it is what one calls. Arrays are
planned when an operation is made, so that ``forward`` and ``backward`` only fill them. Signals have
the shape ``(batch, channels, length)``, and the batch innermost in memory: `inner` is the view
``(channels, length, batch)`` of that memory.
"""

from denoiselib.nn.ops.activation import (
    absolute,
    exp,
    gelu,
    leaky_relu,
    log,
    prelu,
    relu,
    sigmoid,
    softplus,
)
from denoiselib.nn.ops.arithmetic import (
    add,
    divide,
    matmul,
    mean,
    multiply,
    power,
    subtract,
    sum,
)
from denoiselib.nn.ops.convolution import conv1d
from denoiselib.nn.ops.filtering import filter1d, moving_mean
from denoiselib.nn.ops.layout import signals
from denoiselib.nn.ops.pooling import avg_pool1d, max_pool1d
from denoiselib.nn.ops.proximal import prox
from denoiselib.nn.ops.shape import concat, pad, take
from denoiselib.nn.ops.shrinkage import wiener_gain
from denoiselib.nn.ops.statistics import mad, mean_magnitude
from denoiselib.nn.ops.upsampling import upsample1d
from denoiselib.nn.tensor import Tensor

__all__ = [
    "absolute",
    "add",
    "avg_pool1d",
    "concat",
    "conv1d",
    "divide",
    "exp",
    "filter1d",
    "gelu",
    "leaky_relu",
    "log",
    "mad",
    "matmul",
    "max_pool1d",
    "mean",
    "mean_magnitude",
    "moving_mean",
    "multiply",
    "pad",
    "power",
    "prelu",
    "prox",
    "relu",
    "sigmoid",
    "signals",
    "softplus",
    "subtract",
    "sum",
    "take",
    "upsample1d",
    "wiener_gain",
]


def _give_operators():
    """Let tensors be written as numbers are: ``a + b`` for ``add(a, b)``, and so on."""
    two = {"add": add, "sub": subtract, "mul": multiply, "truediv": divide, "matmul": matmul}
    for name, operation in two.items():
        setattr(Tensor, f"__{name}__", operation)
        setattr(Tensor, f"__r{name}__", lambda b, a, operation=operation: operation(a, b))
    one = {"__pow__": power, "__abs__": absolute, "__getitem__": take, "sum": sum, "mean": mean}
    for name, operation in one.items():
        setattr(Tensor, name, operation)
    Tensor.__neg__ = lambda x: multiply(x, -1.0)


_give_operators()
