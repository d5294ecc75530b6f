"""Running statistics taken anew, as averages over batches."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.modules import STATISTICS, Module
from denoiselib.nn.norm.batch import Normalisation
from denoiselib.nn.tensor import Tensor, using_statistics


def recalibrate(net, batches):
    """Recompute the running statistics of a network: plain averages over batches.

    Those of training remember its last few batches, while the weights still moved.

    Parameters
    ----------
    net : Module
        Its weights and its mode stay as they are; its statistics, too, if an error is raised.
    batches : iterable of array_like or Tensor (batch, channels, length)
        Noisy signals like those it was trained on.

    Examples
    --------
    >>> from denoiselib.nn import BatchNorm1d
    >>> layer = BatchNorm1d(1)
    >>> recalibrate(layer, [np.full((1, 1, 2), v, np.float32) for v in (1, 3)])
    >>> print(layer.running_mean.data, layer.running_var.data)
    [2.] [0.]
    """
    _check.instance(net, "net", Module)
    averages = {m: Average(m.running) for m in net.modules() if isinstance(m, Normalisation)}
    count = 0
    for layer, average in averages.items():
        layer.record = average.add  # hides the method
    try:
        for batch in _check.iterator(batches, "batches"):
            batch = _check.array(batch.data if isinstance(batch, Tensor) else batch, "batches")
            if batch.ndim != 3:
                raise ValueError(
                    f"batches must have the shape (batch, channels, length), not {batch.shape}"
                )
            with using_statistics(dict.fromkeys(STATISTICS, "batch"), training=True):
                net(batch)
            count += 1
    finally:
        for layer in averages:
            del layer.record
    if not count:
        raise ValueError("batches must not be empty")
    if not all(np.isfinite(average.value).all() for average in averages.values()):
        raise ValueError("batches lead to statistics that are not finite")
    for layer, average in averages.items():
        if average.count:
            layer.running[...] = average.value


class Average:
    """The mean of arrays that come one by one."""

    def __init__(self, like):
        self.value, self.count = np.zeros_like(like), 0

    def add(self, array):
        """Take one more array into the mean."""
        self.count += 1
        self.value *= 1 - 1 / self.count
        self.value += 1 / self.count * array
