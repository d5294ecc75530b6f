"""A panel of adaptive filters that find an unknown system."""

from functools import lru_cache

import numpy as np

from denoiselib import _check
from denoiselib.filters import adaptive
from denoiselib.widgets import views
from denoiselib.widgets.panel import Panel, log_slider, menu, slider

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
    """Return what the panel looks at: inputs, noisy outputs of unknown systems, and the systems.

    `system` is a name in `SYSTEMS`, the others are as in `filters.adaptive.coloured` and `observe`.
    """
    w = SYSTEMS[system](RUNS, np.random.default_rng(0))
    x = adaptive.coloured(RUNS, LENGTH, pole, rng=1)
    return _check.read_only(x, adaptive.observe(x, w, snr, impulses, STRENGTH, rng=2), w)


@lru_cache(maxsize=128)
def adapt(name, mu, rho, *setting):
    """Return the misalignment of a filter in dB, averaged over the runs, and its last weights.

    `name` is in `ADAPTIVE`, `mu` is the step size, `rho` how hard the weights are pulled towards
    zero, `setting` as in `scenario`.
    """
    x, d, w = scenario(*setting)
    found = adaptive.identify(x, d, TAPS, mu, system=w, **ADAPTIVE[name](rho))
    return _check.read_only(10 * np.log10(found.misalignment.mean(axis=0)), found.weights)


class AdaptivePanel(Panel):
    r"""Find an unknown system with an adaptive filter, beside NLMS and its theory.

    Notes
    -----
    Curves are averages over 20 runs with systems, inputs and noise of their own; taps are those of
    the first. The line of theory is :math:`s\,\frac{\mu}{2 - \mu} \frac{n}{n - 2}`, s the power of
    all noise, impulses too, over that of the output: where NLMS ends on a white input.

    Examples
    --------
    >>> panel = AdaptivePanel()
    >>> panel.set(mu=0.2)
    >>> panel.shown["NLMS by theory"]
    '-39.3 dB'
    """

    def __init__(self):
        methods = [name for name in ADAPTIVE if name != "NLMS"]
        controls = {
            "system": menu("system", SYSTEMS),
            "input": menu("input", INPUTS.items()),
            "noise": menu("noise", NOISES.items()),
            "snr": slider("SNR (dB)", 30.0, 0.0, 40.0, 5.0),
            "method": menu("method", methods, "hard threshold"),
            "mu": slider("mu", 0.5, 0.05, 1.5, 0.05),
            "rho": log_slider("rho", 10**-4.5, -7, -2, base=10, readout_format=".1e"),
        }
        used = {"rho": lambda v: v.method not in WITHOUT_RHO}
        curves = {"NLMS": views.GREY, "method": views.BLUE}
        circle = views.BLACK | {"marker": "o", "fillstyle": "none", "markersize": 7}
        taps = {"true": circle} | {name: look | {"marker": "."} for name, look in curves.items()}
        taps = {name: look | {"linestyle": ""} for name, look in taps.items()}
        shown = {
            "error": views.Lines(
                f"How wrong the filter is, mean of {RUNS} runs",
                curves | {"NLMS by theory": views.LIMIT},
                ("time (samples)", 0, LENGTH), ("misalignment (dB)", -60, 22),
                legend={"loc": "upper right", "ncols": 3, "borderaxespad": 0.1},
            ),
            "taps": views.Lines(
                "Taps of run 1", taps, ("", -1, TAPS), ("tap", -1.1, 1.1),
                legend=views.ABOVE | {"ncols": 3}, xticklabels=[],
            ),
            "sizes": views.Lines(
                "Their magnitudes (zeros at the bottom)", taps,
                ("lag (samples)", -1, TAPS), ("|tap|", 5e-6, 2), yscale="log",
                yticks=(1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1),
                yticklabels=("0", "1e-4", "1e-3", "0.01", "0.1", "1"),
            ),
        }  # fmt: skip
        room = {"top": 0.93, "bottom": 0.11, "hspace": 0.5, "wspace": 0.17}
        super().__init__(controls, shown, "error taps; error sizes", (10, 4.8), used, **room)

    @staticmethod
    def compute(system, input, noise, snr, method, mu, rho):
        """Run the filter as it is set."""
        setting = system, input, noise, snr
        plain, first = adapt("NLMS", mu, 0.0, *setting)
        curve, weights = adapt(method, mu, rho, *setting)
        true = scenario(*setting)[2]
        power = 10 ** (-snr / 10) + noise * STRENGTH
        theory = 10 * np.log10(power * mu / (2 - mu) * TAPS / (TAPS - 2))
        taps = {"true": true[0], "NLMS": first[0], "method": weights[0]}
        zeros = f"{100 * np.mean(weights[true == 0] == 0):.1f} %" if (true == 0).any() else ""
        return {
            "error": {
                "NLMS": plain,
                "method": curve,
                "NLMS by theory": ([0, LENGTH], [theory, theory]),
            },
            "taps": taps,
            "sizes": {name: np.maximum(np.abs(tap), 1e-5) for name, tap in taps.items()},
            "numbers": {
                "NLMS: ends at": f"{_steady(plain):.1f} dB",
                f"{method}: ends at": f"{_steady(curve):.1f} dB",
                "NLMS by theory": f"{theory:.1f} dB",
                "samples to -20 dB": f"{_until(curve)} (NLMS {_until(plain)})",
                "zeros found": zeros or "there are none",
            },
        }


def _steady(curve):
    """Return the mean over the last quarter, in dB."""
    return 10 * np.log10(np.mean(10 ** (curve[-LENGTH // 4 :] / 10)))


def _until(curve, level=-20):
    """Return when a curve first falls below a level, as text."""
    below = curve < level
    return str(below.argmax()) if below.any() else "never"
