"""A panel of adaptive filters that find an unknown system."""

from functools import lru_cache

import ipywidgets as ipw
import numpy as np

from denoiselib import plots
from denoiselib.filters import adaptive
from denoiselib.widgets.panel import Panel, read_only, slider

RUNS, TAPS, LENGTH = 20, 32, 600  #: of what the panel shows: small enough to answer at once
BLOCK, BANDS, CLIP = 4, 4, 2.5
STRENGTH = 1000.0  #: variance of an impulse over the power of the system's output

#: Systems to find, made by number of runs and rng.
SYSTEMS = {
    "sparse: 2 of 32 taps": lambda n, rng: adaptive.sparse_system(n, TAPS, 2, rng),
    "2 blocks of 4 taps": lambda n, rng: adaptive.block_sparse_system(n, TAPS, 2, BLOCK, rng),
    "dense: all 32 taps": lambda n, rng: adaptive.sparse_system(n, TAPS, TAPS, rng),
}
#: The pole of the input, and the probability of an impulse.
INPUTS = {"white": 0.0, "AR(1), pole 0.9": 0.9}
NOISES = {"Gaussian": 0.0, "with impulses": 0.01}

#: What each filter is, as options of `filters.adaptive.identify`, by its rho.
ADAPTIVE = {
    "NLMS": lambda rho: {},
    "zero attraction": lambda rho: {"shrink": adaptive.zero_attracting(rho)},
    "reweighted attraction": lambda rho: {"shrink": adaptive.reweighted(rho)},
    "soft threshold": lambda rho: {"shrink": adaptive.proximal(rho)},
    "half threshold": lambda rho: {"shrink": adaptive.proximal(rho, "l_half")},
    "hard threshold": lambda rho: {"shrink": adaptive.proximal(rho, "l0")},
    "soft threshold of blocks": lambda rho: {"shrink": adaptive.block_proximal(rho, BLOCK)},
    "hard threshold of blocks": lambda rho: {"shrink": adaptive.block_proximal(rho, BLOCK, "l0")},
    "subbands": lambda rho: {"bands": BANDS},
    "subbands, soft threshold": lambda rho: {"bands": BANDS, "shrink": adaptive.proximal(rho)},
    "clipped errors": lambda rho: {"clip": CLIP},
    "clipped errors, hard threshold": lambda rho: {
        "clip": CLIP,
        "shrink": adaptive.proximal(rho, "l0"),
    },
}
WITHOUT_RHO = ("NLMS", "subbands", "clipped errors")


@lru_cache(maxsize=32)
def scenario(system, pole, impulses, snr):
    """Return the runs that the panel looks at: inputs, noisy outputs of the systems, the systems.

    Parameters
    ----------
    system : str
        Name in `SYSTEMS`.
    pole, impulses, snr : float
        As in `filters.adaptive.coloured` and `observe`; the impulses have the strength `STRENGTH`.

    Returns
    -------
    x, d, w : ndarray (RUNS, LENGTH), (RUNS, LENGTH), (RUNS, TAPS)

    Examples
    --------
    >>> x, d, w = scenario("dense: all 32 taps", 0.0, 0.0, 30.0)
    >>> x.shape, w.shape
    ((20, 600), (20, 32))
    """
    w = SYSTEMS[system](RUNS, np.random.default_rng(0))
    x = adaptive.coloured(RUNS, LENGTH, pole, rng=1)
    return read_only(x, adaptive.observe(x, w, snr, impulses, STRENGTH, rng=2), w)


@lru_cache(maxsize=128)
def adapt(name, mu, rho, *setting):
    """Run one filter: return its misalignment in dB, averaged over the runs, and its last weights.

    Parameters
    ----------
    name : str
        Name in `ADAPTIVE`.
    mu, rho : float
        Step size, and how hard the weights are pulled towards zero.
    *setting
        As in `scenario`.

    Examples
    --------
    >>> curve, weights = adapt("NLMS", 0.5, 0.0, "dense: all 32 taps", 0.0, 0.0, 30.0)
    >>> print(f"{curve[-150:].mean():.0f} dB", weights.shape)
    -35 dB (20, 32)
    """
    x, d, w = scenario(*setting)
    found = adaptive.identify(x, d, TAPS, mu, system=w, **ADAPTIVE[name](rho))
    return read_only(10 * np.log10(found.misalignment.mean(axis=0)), found.weights)


class AdaptivePanel(Panel):
    r"""Find an unknown system with an adaptive filter, beside NLMS and its theory.

    Parameters
    ----------
    system, method : str
        What to start with, names in `SYSTEMS` and `ADAPTIVE`.

    Notes
    -----
    Curves are averages over 20 runs with systems, inputs and noise of their own; taps are those of
    the first. The line of theory is :math:`s\,\frac{\mu}{2 - \mu} \frac{n}{n - 2}`, s the power of
    all noise, impulses too, over that of the output: where NLMS ends on a white input.

    Examples
    --------
    >>> panel = AdaptivePanel(method="half threshold")
    >>> panel.mu.value = 0.2
    >>> panel.shown["NLMS by theory"]
    '-39.3 dB'
    """

    def __init__(self, system="sparse: 2 of 32 taps", method="hard threshold"):
        def menu(options, value, description):
            return ipw.Dropdown(options=options, value=value, description=description)

        self.system = menu(list(SYSTEMS), system, "system")
        self.input = menu(INPUTS, 0.0, "input")
        self.noise = menu(NOISES, 0.0, "noise")
        self.snr = slider("SNR (dB)", 30.0, 0.0, 40.0, 5.0)
        self.method = menu([name for name in ADAPTIVE if name != "NLMS"], method, "method")
        self.mu = slider("mu", 0.5, 0.05, 1.5, 0.05)
        self.rho = ipw.FloatLogSlider(
            value=10**-4.5, min=-7, max=-2, step=0.125, description="rho", readout_format=".1e"
        )
        where = [self.system, self.input, self.noise, self.snr]
        super().__init__([*where, self.method, self.mu, self.rho], figsize=(10, 4.8))

    def draw(self):
        """Make the axes: the misalignment on the left, the taps on the right."""
        grid = self.figure.add_gridspec(
            2, 2, left=0.07, right=0.985, top=0.93, bottom=0.11, hspace=0.5, wspace=0.17
        )
        left = self.figure.add_subplot(grid[:, 0])
        blank = np.full(LENGTH, np.nan)
        curves = {"NLMS": blank, "method": blank}
        title = f"How wrong the filter is, mean of {RUNS} runs"
        lines = plots.curves(
            left, np.arange(LENGTH), curves, "time (samples)", "misalignment (dB)", title
        )
        self.plain, self.curve = lines["NLMS"], lines["method"]
        self.plain.set(color=plots.NOISY)
        self.curve.set(color=plots.ESTIMATE)
        self.theory = left.plot([], [], "--", color=plots.LIMIT, label="NLMS by theory")[0]
        left.set(xlim=(0, LENGTH), ylim=(-60, 22))
        left.legend(loc="upper right", ncols=3, borderaxespad=0.1)

        top, bottom = (self.figure.add_subplot(grid[k, 1]) for k in range(2))
        taps = np.arange(TAPS)
        looks = {
            "true": {"color": plots.CLEAN, "marker": "o", "fillstyle": "none", "markersize": 7},
            "NLMS": {"color": plots.NOISY, "marker": "."},
            "method": {"color": plots.ESTIMATE, "marker": ".", "markersize": 8},
        }
        self.taps, self.sizes = (
            {
                name: ax.plot(taps, np.full(TAPS, np.nan), linestyle="", label=name, **look)[0]
                for name, look in looks.items()
            }
            for ax in (top, bottom)
        )
        top.set(xlim=(-1, TAPS), ylim=(-1.1, 1.1), ylabel="tap", title="Taps of run 1")
        top.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0)
        top.tick_params(labelbottom=False)  # the lags below
        bottom.set(xlim=(-1, TAPS), ylim=(5e-6, 2), yscale="log", xlabel="lag (samples)")
        bottom.set_yticks(
            (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1), ("0", "1e-4", "1e-3", "0.01", "0.1", "1")
        )
        bottom.set_yticks([], minor=True)
        bottom.set(ylabel="|tap|", title="Their magnitudes (zeros at the bottom)")
        return [
            self.theory, self.plain, self.curve, *self.taps.values(), *self.sizes.values()
        ]  # fmt: skip

    def update(self):
        """Run the filter as it is set."""
        name, mu, rho = self.method.value, round(self.mu.value, 2), self.rho.value
        self.rho.layout.display = "none" if name in WITHOUT_RHO else None
        setting = self.system.value, self.input.value, self.noise.value, self.snr.value
        plain, first = adapt("NLMS", mu, 0.0, *setting)
        curve, weights = adapt(name, mu, rho, *setting)
        system = scenario(*setting)[2]
        noise = 10 ** (-self.snr.value / 10) + self.noise.value * STRENGTH
        theory = 10 * np.log10(noise * mu / (2 - mu) * TAPS / (TAPS - 2))

        self.plain.set_ydata(plain)
        self.curve.set_ydata(curve)
        self.theory.set_data([0, LENGTH], [theory, theory])
        for key, taps in (("true", system), ("NLMS", first), ("method", weights)):
            self.taps[key].set_ydata(taps[0])
            self.sizes[key].set_ydata(np.maximum(np.abs(taps[0]), 1e-5))
        steady = {key: _steady(values) for key, values in (("NLMS", plain), (name, curve))}
        found = np.mean(weights[system == 0] == 0) if (system == 0).any() else np.nan
        zeros = "there are none" if np.isnan(found) else f"{100 * found:.1f} %"
        return {
            **{f"{key}: ends at": f"{value:.1f} dB" for key, value in steady.items()},
            "NLMS by theory": f"{theory:.1f} dB",
            "samples to -20 dB": f"{_until(curve)} (NLMS {_until(plain)})",
            "zeros found": zeros,
        }


def _steady(curve):
    """Return the mean over the last quarter, in dB."""
    return 10 * np.log10(np.mean(10 ** (curve[-LENGTH // 4 :] / 10)))


def _until(curve, level=-20):
    """Return when a curve first falls below a level, as text."""
    below = curve < level
    return str(below.argmax()) if below.any() else "never"
