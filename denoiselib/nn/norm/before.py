"""What may come before a sparse normalisation or an adaptive filter, or be replaced by it."""

from denoiselib import _check
from denoiselib.nn.modules import Module
from denoiselib.nn.norm.batch import BatchNorm1d, of_channels
from denoiselib.nn.norm.variants import InstanceNorm

#: By name: nothing, or normalisations that are made with the number of channels.
BEFORE = {"": None, "batch": BatchNorm1d, "instance": InstanceNorm}


class Following(Module):
    """A layer that follows a normalisation, its part `norm`, or takes its place."""

    def __init__(self, channels, before, dtype):
        self.channels, dtype = _check.integer(channels, "channels", 1), _check.precision(dtype)
        norm = BEFORE[_check.choice(before, "before", BEFORE)]
        if norm is not None:
            self.norm = norm(channels, dtype=dtype)

    def features(self, x):
        """Return x as it is, or normalised."""
        x = of_channels(x, self.channels)
        return self.norm(x) if hasattr(self, "norm") else x
