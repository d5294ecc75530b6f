"""The operations of the tape: forward and backward side by side.

Each class is one operation with its formulas; the function below it is what one calls. Its output
is planned when it is made, so that ``forward`` only fills it. Signals have the shape ``(batch,
channels, length)``, and the batch innermost in memory: `inner` is the view ``(channels, length,
batch)`` of that memory.

`layout`, `elementwise`, `convolution` and `resample` are enough for the networks; `shrink` and
`statistics` are for sparse normalisations.
"""

from denoiselib._lazy import extras
from denoiselib.nn.ops.convolution import conv1d
from denoiselib.nn.ops.elementwise import (
    absolute,
    add,
    divide,
    exp,
    leaky_relu,
    log,
    matmul,
    mean,
    multiply,
    power,
    relu,
    sigmoid,
    softplus,
    subtract,
    sum,
)
from denoiselib.nn.ops.layout import concat, pad, signals, take
from denoiselib.nn.ops.resample import avg_pool1d, max_pool1d, upsample1d
from denoiselib.nn.tensor import Tensor


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

EXTRAS = {
    "filter1d": "denoiselib.nn.ops.statistics:filter1d",
    "gelu": "denoiselib.nn.activations:gelu",
    "mad": "denoiselib.nn.ops.statistics:mad",
    "mean_magnitude": "denoiselib.nn.ops.statistics:mean_magnitude",
    "moving_mean": "denoiselib.nn.ops.statistics:moving_mean",
    "prelu": "denoiselib.nn.activations:prelu",
    "prox": "denoiselib.nn.ops.shrink:prox",
}
__all__ = [
    "absolute", "add", "avg_pool1d", "concat", "conv1d", "divide", "exp", "leaky_relu",
    "log", "matmul", "max_pool1d", "mean", "multiply", "pad", "power", "relu", "sigmoid",
    "signals", "softplus", "subtract", "sum", "take", "upsample1d", *EXTRAS,
]  # fmt: skip
__getattr__, __dir__ = extras(globals(), EXTRAS)
