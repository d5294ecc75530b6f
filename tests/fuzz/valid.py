"""A valid call of every public function: arguments by their names, and where that is not enough."""

import inspect

import numpy as np

from denoiselib import bayes, empirical, filters, interpret, nn, real
from denoiselib.filters import adaptive
from denoiselib.nn import optim, train

RNG = np.random.default_rng(0)
SIGNALS = 3 * RNG.standard_normal((4, 6))
FEATURES = RNG.standard_normal((2, 2, 6))
LONG = RNG.standard_normal((1, 1, 20))
HEART = filters.tv(RNG.standard_normal(400), 1)
NET = nn.PlainNet(width=2, depth=2, rng=0).eval()
NETS = [nn.PlainNet(width=2, depth=2, rng=seed) for seed in (0, 1)]
SOURCE = train.fresh("blocks", 1.0, 3, 8)
TAUGHT = real.Taught.by(SOURCE, 250.0)
LAYER = interpret.find_layers(NET)["layer 1"]
STEP = interpret.proximal_step(LAYER)
LAW = empirical.independent(SIGNALS, sigma=1.0)


def same(y, *_):
    """Denoise nothing."""
    return y


#: Arguments by name.
ARGUMENTS = {
    **dict.fromkeys(["noisy", "clean", "estimate", "values", "a", "b", "signal", "y"], SIGNALS),
    **dict.fromkeys(["x", "d", "computed", "expected", "prediction", "target", "seen"], SIGNALS),
    **dict.fromkeys(["sigma", "lam", "u", "peak", "step", "scale", "level", "eps"], 1.0),
    **dict.fromkeys(["noise", "lr", "p", "weight", "norm", "alpha", "strength"], 0.5),
    **dict.fromkeys(["gamma", "confidence", "pole", "mu", "slope", "factor"], 0.3),
    **dict.fromkeys(["rho", "tol", "delta", "impulses", "minimum", "tolerance"], 0.01),
    **dict.fromkeys(["momentum", "weight_decay", "drift", "highest", "share"], 0.1),
    **dict.fromkeys(["n", "k", "draws", "bands", "block", "delay", "passes", "active"], 2),
    **dict.fromkeys(["steps", "batch_size", "iterations", "radius", "channels", "every"], 2),
    **dict.fromkeys(["groups", "nets"], 1),
    **dict.fromkeys(["padding", "before", "after", "overlap", "interval", "period", "dilation"], 1),
    **dict.fromkeys(["length", "taps"], 8),
    **dict.fromkeys(["size", "window", "kernel"], 3),
    **dict.fromkeys(["in_channels", "out_channels", "width", "depth"], 2),
    **dict.fromkeys(["rng", "seed"], 0),
    **dict.fromkeys(
        ["difference", "history", "normalised", "nonnegative", "bias", "overwrite"], True
    ),
    **dict.fromkeys(["keepdims", "requires_grad", "prior", "evidence"], True),
    **dict.fromkeys(["denoise", "posterior_mean"], same),
    **dict.fromkeys(["source", "pairs", "data"], SOURCE),
    "activation": "relu",
    "axis": 1,
    "beats": np.array([100.0, 250.0]),
    "betas": (0.9, 0.99),
    "clip": 2.0,
    "covariance": np.diag(np.arange(1.0, 7.0)),
    "dtype": np.float64,
    "family": "blocks",
    "fill": "mean",
    "grid": np.array([0.5, 1.0]),
    "gradient": np.array([3.0, 4.0]),
    "init": "he",
    "knots": np.array([-1.0, 0.0, 2.0]),
    "loss": "mse",
    "max_iter": 50,
    "mean": np.ones(6),
    "method": "auto",
    "mode": "edge",
    "net": NET,
    "on": "output",
    "penalty": "l1",
    "points": 5,
    "pool": "average",
    "rate": 360.0,
    "snr": 20.0,
    "start": np.ones(8),
    "statistics": "batch",
    "system": np.ones(8),
    "transform": "dft",
}

#: Arguments that a signature does not tell, of one function or, as ``**options``, of a module.
MORE = {
    "filters.threshold": ["gamma"],
    "nn.ops.prox": ["gamma"],
    "filters.adaptive": ["clip", "delta", "system", "start"],
    "filters.l1": ["nonnegative", "method", "tol", "max_iter"],
    **{
        f"bayes.{function.__name__}": ["evidence"]
        for function in (*bayes.LIMITS.values(), bayes.sparse_spikes_posterior_mean)
    },
}

NETWORK = {"level": "mad", "norm": "batch"}
LAYER_OF_NET = {"name": "layer 1"}
ELEMENTWISE = {"a": FEATURES, "b": FEATURES[:, :1]}
TEACHING = {"batch_size": 3, "sigma": 1.0}

#: Arguments of one function, or of all in a module, where they differ from those above.
OWN = {
    "at_test": {"sigma": 1.0, "steps": 2, "share": 0.5},
    "adaptation": {"rule": np.arctan, "seen": 2 * SIGNALS, "batch_size": 2, "depths": [0.0, 0.5]},
    "bayes.unknown_sigma": {
        "posterior_mean": bayes.blocks_posterior_mean,
        "sigmas": np.array([1.0, 2.0]),
    },
    "calling": {"x": RNG.standard_normal((2, 2, 20))},
    "calling.PlainNet": {"x": LONG},
    "calling.Program": {"arrays": SIGNALS},
    "calling.ProximalStep": {"y": LONG},
    "calling.Sequential": {"x": LONG},
    "calling.UNet": {"x": RNG.standard_normal((2, 1, 20))},
    "empirical.pulses": {"noisy": np.abs(SIGNALS), "taps": 2},
    "empirical.Independent.log_density": {"self": LAW},
    "empirical.Independent.denoise": {"self": LAW},
    "empirical.penalty": {
        "rule": LAW.denoise,
        "log_density": LAW.log_density,
        "penalty": empirical.penalty.of_rule(LAW.denoise, np.array([-1.0, 0.0, 1.0])),
    },
    "filters.Method.sweep": {"self": filters.METHODS["soft"]._replace(grid=np.array([1.0, 2.0]))},
    "filters.Method.values": {"self": filters.METHODS["wiener"]},
    "filters.Method.tune": {"self": filters.METHODS["soft"]._replace(grid=np.array([1.0, 2.0]))},
    "filters.adaptive.identify": {"shrink": adaptive.proximal(0.01)},
    "filters.adaptive.lms": {"mu": 1e-3},
    **{key: {"transform": "identity"} for key in ("filters.gmc", "filters.l1")},
    "filters.prox": {"u": np.array([[0.5], [1.0], [0.0], [2.0]])},
    "filters.threshold": {"penalty": "firm"},
    "handmade.adaptive_firm": {"lower": 1.0, "upper": 2.0},
    "handmade.unrolled_ista": {"atoms": np.array([[1.0, 0.5], [0.2, 0.0]]), "step": 0.1},
    "interpret.Energy.total": {"self": interpret.Energy(*(nn.Tensor(k) for k in (1.0, 2.0, 3.0)))},
    "interpret.ProximalStep": {"self": STEP, "x": np.ones((1, 2, 20)), "y": LONG},
    "interpret.energy": LAYER_OF_NET | {"x": RNG.standard_normal((4, 2, 6))},
    "interpret.frequency_response": {"kernel": SIGNALS},
    "interpret.jacobian": {"rows": [0, 3]},
    "interpret.minimise_energy": LAYER_OF_NET,
    "interpret.proximal_step": {"layer": LAYER},
    "interpret.shrinkage_curve": {"edges": np.array([-2.0, 0.0, 1.0])},
    "magnitudes": {
        "atoms": np.array([0.0, 2.0, 5.0]),
        "weights": np.array([0.7, 0.2, 0.1]),
        "threshold": np.array([0.5, 1.0]),
        "measured": np.abs(SIGNALS[:, :2]),
    },
    "metrics.ulps": {"scale": SIGNALS},
    "nn.BatchNorm1d.eval": {"self": NET},
    "nn.BatchNorm1d.load_state_dict": {"self": NET, "state": NET.state_dict()},
    "nn.BatchNorm1d.named_state": {"self": NET, "prefix": "net."},
    "nn.PlainNet": NETWORK | {"channels": None},
    "nn.PlainNet.denoise": {"self": NET},
    "nn.Program": {"function": same},
    "nn.Sequential": {"modules": [NET, None, NET]},
    "nn.Tensor": {"data": SIGNALS},
    "nn.UNet": NETWORK | {"channels": (1, 2, 2, 2, 2)},
    "nn.checkpoint.load": {"path": "a.safetensors"},
    "nn.checkpoint.save": {
        "path": "b.safetensors",
        "arrays": {"x": SIGNALS, "k": np.array(3)},
        "metadata": {"made by": "a test"},
    },
    "nn.denoise_long": {"noisy": RNG.standard_normal((2, 40)), "block": 16, "overlap": 2},
    "nn.norm": {"eps": 1e-3, "before": "batch", "level": "mad", "threshold": 3.0, "norm": "batch"},
    "nn.norm.find": {"name": "batch+l1*mad"},
    "nn.norm.make": {"name": "batch+l1*mad"},
    "nn.norm.recalibrate": {"batches": [RNG.standard_normal((2, 1, 8)) for _ in range(2)]},
    "nn.ops": {"x": FEATURES, "u": np.ones((2, 2, 1))},
    "nn.ops.add": ELEMENTWISE,
    "nn.ops.concat": {"parts": [FEATURES, FEATURES]},
    "nn.ops.conv1d": {"weight": RNG.standard_normal((3, 2, 3)), "bias": np.ones(3)},
    "nn.ops.divide": ELEMENTWISE | {"b": 1 + FEATURES**2},
    "nn.ops.filter1d": {"kernel": RNG.standard_normal((2, 3))},
    "nn.ops.log": {"x": 1 + FEATURES**2},
    "nn.ops.matmul": {"a": FEATURES, "b": FEATURES.swapaxes(1, 2)},
    "nn.ops.multiply": ELEMENTWISE,
    "nn.ops.power": {"x": 1 + FEATURES**2, "exponent": 1.5},
    "nn.ops.prelu": {"slope": np.full((2, 1), 0.1)},
    "nn.ops.prox": {"penalty": "firm", "width": 0.1},
    "nn.ops.signals": {"name": "x"},
    "nn.ops.subtract": ELEMENTWISE,
    "nn.ops.take": {"index": (slice(None), 1)},
    "nn.ops.upsample1d": {"part": (0, 6)},
    "nn.stacks": {"nets": NETS, "whole": nn.stack(NETS), "sources": [SOURCE, SOURCE]},
    "nn.schedules.warm_restarts": {"factor": 2},
    "nn.wrappers.Clipped": {"inner": optim.Adam(NET)},
    "nn.wrappers.Scaled": {"inner": optim.Adam(NET), "scale": 4.0},
    "nn.wrappers.Wrapper": {"inner": optim.Adam(NET)},
    "nn.optim.Optimizer.fitting": {
        "self": optim.Adam(NET),
        "state": optim.Adam(NET).state_dict(),
    },
    "nn.optim.Optimizer.load_state_dict": {
        "self": optim.Adam(NET),
        "state": optim.Adam(NET).state_dict(),
    },
    "nn.train": TEACHING,
    "nn.train.fresh": {"level": True},
    "nn.train.fit": {
        "data": train.fresh("blocks", 1.0, 2, 8),
        "optimizer": optim.SGD(NET, 0.01),
        "schedule": optim.constant(0.01),
        "validation": (SIGNALS, SIGNALS),
        "callbacks": [same],
        "history": train.History(),
    },
    "nn.checkpoint.Checkpoint": {
        "path": "fit.safetensors",
        "optimizer": optim.SGD(NET, 0.01),
    },
    "nn.unsupervised": TEACHING,
    "nn.unsure": TEACHING,
    "nn.unsupervised.noise2noise": {"pairs": nn.unsupervised.copies("blocks", 1.0, 3, 8)},
    "nn.unsupervised.solve_hats": {"knots": np.array([-9.0, 0.0, 9.0])},
    "nn.unsupervised.windows": {"recording": RNG.standard_normal((2, 30))},
    "labels.label": {"name": "tv"},
    "pretrained.load": {"name": "plain"},
    "pretrained.recipe": {"name": "plain"},
    "pretrained.taught": {"name": "plain"},
    "real.add_bursts": {"band": (20.0, 100.0)},
    "real.add_hum": {"mains": 50.0, "harmonics": np.array([1.0, 0.2])},
    "real.denoise_own": {"signal": HEART, "taught": TAUGHT, "unit": 0.5},
    "real.resample": {"new_rate": 500.0},
    "real.load_signal": {"path": "a.csv", "channel": 0},
    "real.qrs_amplitude_error": {"estimate": HEART, "clean": HEART},
    "real.r_peak_timing_error": {"found": np.array([99.0, 251.0]), "true": np.array([100.0, 250])},
    "real.r_peaks": {"signal": HEART},
    "real.save_signal": {"path": "b.csv", "samples": SIGNALS[0], "about": "a test"},
}


def applies(key, name):
    """Tell whether a key of a table is the name of a function, or of the module that it is in."""
    return name == key or name.startswith(f"{key}.")


def arguments(name, function):
    """Return valid arguments for the function of that name."""
    values = dict(ARGUMENTS)
    for key in sorted(OWN, key=len):
        if applies(key, name):
            values |= OWN[key]
    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    takes_options = len(names) < len(parameters)
    for key, more in MORE.items():
        if name == key or (takes_options and applies(key, name)):
            names += [option for option in more if option not in names]
    return {name: values[name] for name in names}
