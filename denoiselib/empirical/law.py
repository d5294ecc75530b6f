"""What fitted laws share: a noise level, a likelihood, and the posterior mean under the law."""

from dataclasses import dataclass

import numpy as np

from denoiselib import _check


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of signals plus white Gaussian noise, fitted to noisy signals.

    A subclass has fields for what it has learned, and ``posterior_mean(y)`` of signals
    ``(n, length)`` in float64.

    Attributes
    ----------
    sigma : float
        Noise level, given or found.
    log_likelihood : float
        Of the noisy signals that the law was fitted to, all together.
    """

    sigma: float
    log_likelihood: float

    def denoise(self, noisy):
        """Return E[x | y] under this law, of signals ``(..., length)`` in its units, as they are.

        They need not be those that it was fitted to, nor as long.
        """
        noisy = _check.array(noisy, "noisy")
        flat = noisy.reshape(-1, noisy.shape[-1]).astype(np.float64)
        return self.posterior_mean(flat).reshape(noisy.shape).astype(noisy.dtype, copy=False)
