"""What a sparse normalisation leaves of its features: maps of features and thresholds."""

from functools import partial

import numpy as np

from denoiselib.filters.prox import PENALTIES
from denoiselib.nn import ops
from denoiselib.nn.modules import Module, Parameter


class Prox(Module):
    """The proximal map of a penalty, see `ops.prox`.

    Parameters
    ----------
    penalty : str
        Name in `filters.prox.PENALTIES`.
    width : float or None
        Of the logistic step that the gradient to the threshold sees in place of a jump.
    gamma : float
        Of the firm map: from threshold u to u / gamma it rises with the slope 1 / (1 - gamma).
    """

    def __init__(self, penalty, channels, dtype, *, width=0.1, gamma=0.5):
        self.penalty, self.width = penalty, width
        self.options = {"gamma": gamma} if penalty == "firm" else {}

    def forward(self, h, threshold):
        """Shrink the features."""
        return ops.prox(h, threshold, self.penalty, width=self.width, **self.options)


class Nonnegative(Module):
    """The proximal map of the non-negative l1 penalty, relu(h - u): here u may be negative."""

    def __init__(self, channels, dtype):
        pass

    def forward(self, h, threshold):
        """Shrink the features."""
        return ops.relu(h - threshold)


class Group(Module):
    """The soft threshold of four channels and three samples together, see `ops.group_soft`."""

    def __init__(self, channels, dtype):
        pass

    def forward(self, h, threshold):
        """Shrink the features."""
        return ops.group_soft(h, threshold, size=4, window=3)


class Mixture(Module):
    """Identity, soft, firm and ReLU in learned shares, see `ops.mixture`; they start equal.

    The shares of each channel are the softmax of what is learned.
    """

    def __init__(self, channels, dtype):
        self.raw = Parameter(np.zeros((channels, 4), dtype))

    def forward(self, h, threshold):
        """Shrink the features."""
        shares = ops.exp(self.raw)
        return ops.mixture(h, threshold, shares / shares.sum(axis=1, keepdims=True))


class Ista(Module):
    r"""Three proximal steps instead of one, with a learned filter between.

    .. math:: z_0 = \mathrm{soft}(h, \lambda), \quad
        z_{k+1} = \mathrm{soft}(z_k + \mu (h - B z_k), \mu \lambda)

    B is a filter of three taps for each channel, which starts as the identity: then every step
    returns the same. :math:`\mu = \sigma(r)` starts at 1/2. These are the steps of learned ISTA
    (Gregor & LeCun 2010) for :math:`\frac12 z'Bz - h'z + \lambda |z|_1`.
    """

    def __init__(self, channels, dtype, steps=2):
        self.kernel = Parameter(np.tile(np.array([0, 1, 0], dtype), (channels, 1)))
        self.raw = Parameter(np.zeros((1, channels, 1), dtype))
        self.steps = steps

    def forward(self, h, threshold):
        """Shrink the features."""
        mu = ops.sigmoid(self.raw)
        z = ops.prox(h, threshold)
        for _ in range(self.steps):
            z = ops.prox(z + mu * (h - ops.filter1d(z, self.kernel)), mu * threshold)
        return z


#: Maps by name, made with the number of channels and a dtype: the penalties', and others.
MAPS = {name: partial(Prox, name) for name in PENALTIES}
MAPS |= {"nonnegative_l1": Nonnegative, "group": Group, "mixture": Mixture, "ista": Ista}
