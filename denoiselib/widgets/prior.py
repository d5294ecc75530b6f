"""A panel of the prior network."""

import copy

import numpy as np

from denoiselib import filters, metrics, plots
from denoiselib.widgets.panel import SIGNALS, SignalPanel, slider


class PriorPanel(SignalPanel):
    """Turn the weight of the prior's mask, and see whether the estimate cares.

    Parameters
    ----------
    net : nn.UNet
        With a prior network; a copy of it does the work, in its mode.
    family : str
        What to start with, a name in `signals.FAMILIES`.

    Notes
    -----
    All signals pass as one batch, so that they share one mask, ``1 + beta h``. The slider takes the
    place of the beta that was trained, with which it starts; with 0 there is no mask.

    Examples
    --------
    >>> from denoiselib import nn
    >>> panel = PriorPanel(nn.UNet(prior=True, rng=0).eval())
    >>> panel.beta.value = 0.0
    >>> panel.mask.min(), panel.mask.max()
    (np.float32(1.0), np.float32(1.0))
    """

    betas = np.linspace(0, 2, 9)

    def __init__(self, net, family="sparse_spikes"):
        self.net, self.known = copy.deepcopy(net), {}
        trained = round(net.wienernet.beta.data.item(), 2)
        self.beta = slider("beta", trained, min(trained, 0.0), max(trained, 2.0), 0.01)
        super().__init__([self.beta], family, figsize=(10, 5.6))

    def draw(self):
        """Make the axes: the signal above; system function, mask and error below."""
        grid = self.figure.add_gridspec(
            2, 3, left=0.07, right=0.985, top=0.94, bottom=0.09, hspace=0.45, wspace=0.28
        )
        moving = self.draw_signal(self.figure.add_subplot(grid[0, :]), "Signal and estimate")
        left = self.figure.add_subplot(grid[1, 0])
        self.system = left.plot(np.arange(-50, 50), np.full(100, np.nan), color=plots.OTHER)[0]
        left.set(xlim=(-50, 50), ylim=(0, 1.2), xlabel="lag (samples)", ylabel="magnitude")
        left.set_title("System function h0 of this signal")

        middle = self.figure.add_subplot(grid[1, 1])
        channels = len(self.mask_at(self.beta.value, np.zeros((1, 100))))
        self.picture = middle.imshow(
            np.ones((3, channels)), vmin=1, vmax=4, aspect="auto", cmap="viridis_r"
        )
        middle.set_yticks((0, 1, 2), ("-1", "0", "+1"))
        middle.set(xlabel="channel", ylabel="tap", title="Mask 1 + beta h of the batch")
        middle.grid(visible=False)
        self.figure.colorbar(self.picture, ax=middle, extend="both", pad=0.03, label="factor")

        right = self.right = self.figure.add_subplot(grid[1, 2])
        self.error = right.plot(self.betas, self.betas, color=plots.ESTIMATE, label="network")[0]
        self.here = right.plot([], [], "o", color=plots.ESTIMATE, markersize=8)[0]
        self.limit = right.plot([], [], "--", color=plots.LIMIT, label="Bayes limit")[0]
        right.set(xlim=(-0.1, 2.1), ylim=(0, 4), xlabel="beta", ylabel="RMSE")
        right.set_title(f"Error, {SIGNALS} signals")
        right.legend(loc="upper right", ncols=2, fontsize=8)
        return [*moving, self.system, self.picture, self.error, self.here, self.limit]

    def mask_at(self, beta, noisy):
        """Return the mask of a batch, channels by taps."""
        self.net.wienernet.beta.data[...] = beta
        return self.net.wienernet(noisy[:, None]).data[:, 0]

    def denoise(self, beta, noisy):
        """Return the estimates of a batch under the mask of a beta."""
        self.net.wienernet.beta.data[...] = beta
        return self.net.denoise(noisy)

    def compare(self, family, sigma, clean, noisy):
        """Return the errors for all of `betas`, computed once for signals."""
        if (family, sigma) not in self.known:
            self.known[family, sigma] = [
                metrics.rmse(self.denoise(beta, noisy), clean).mean() for beta in self.betas
            ]
        return self.known[family, sigma]

    def update(self):
        """Denoise under the mask as it is set."""
        family, sigma, clean, noisy, best = self.batch()
        beta, i = self.beta.value, self.which.value
        errors = self.compare(family, sigma, clean, noisy)
        self.mask, estimate = self.mask_at(beta, noisy), self.denoise(beta, noisy)
        error = metrics.rmse(estimate, clean).mean()
        limit = np.nan if best is None else metrics.rmse(best, clean).mean()
        self.show_signal(clean, noisy, estimate)
        self.system.set_ydata(np.fft.fftshift(filters.wiener_system_function(noisy[i])))
        self.picture.set_data(self.mask.T)
        self.error.set_ydata(errors)
        self.here.set_data([beta], [error])
        self.limit.set_data([0, 2], [limit, limit])
        if self.right.get_ylim()[1] != (top := 8 if family == "tones" else 4):
            self.right.set_ylim(0, top)
            self.background = None
        return {
            f"{SIGNALS} signals: RMSE": f"{error:.3f}",
            "without mask": f"{errors[0]:.3f}",
            "limit": "unknown" if best is None else f"{limit:.3f}",
            "mask": f"{self.mask.min():.2f} to {self.mask.max():.2f}",
        }
