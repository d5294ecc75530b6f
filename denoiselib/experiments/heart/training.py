"""Networks that are taught by synthetic electrocardiograms, or by the noisy recording alone."""

from functools import partial

import numpy as np

from denoiselib import nn, real
from denoiselib.experiments import networks
from denoiselib.experiments.heart.conditions import NOISES, RATE, draw
from denoiselib.filters import tuning

SHAPE = {"depth": 8, "kernel": 5, "dilation": [1, 2, 4, 8, 16, 32, 64, 1]}  #: sees 0.71 s each way
LOUDEST = 0.3  #: mV, of each kind of noise in training

#: What differs from one network to the other that clean signals teach.
TAUGHT = {
    "net, white": {"noises": ["white"], "varied": False},
    "net, white, varied": {"noises": ["white"], "varied": True},
    "net, white, varied, thresholds follow": {
        "noises": ["white"],
        "varied": True,
        "norm": "batch+nonnegative_l1*linear",
    },
    "net, all kinds, varied": {
        "noises": ["white", "wander", "hum 50 Hz", "hum 60 Hz", "bursts"],
        "varied": True,
    },
}
#: What teaches a network from the noisy recording alone.
ALONE = {
    "SURE, recording alone": partial(
        nn.unsupervised.sure, sigma=partial(tuning.mad_sigma, difference=True)
    ),
    "noise2self, recording alone": partial(nn.unsupervised.noise2self, every=10),
}


def recipe(method, noise=None, mv=None, **changes):
    """Return the recipe of a training.

    Parameters
    ----------
    method : str
        In `TAUGHT` or `ALONE`.
    noise, mv : str, float
        For those in `ALONE`: what the recording is buried in.
    **changes
        Of `networks.BASE`.

    Returns
    -------
    dict
        As `networks.BASE`, with ``method``.

    Examples
    --------
    >>> recipe("SURE, recording alone", "white", 0.1)["batch"]
    8
    """
    chosen = {"method": method, "net": "plain", "shape": SHAPE, "family": "ecg", "sigma": None}
    chosen |= {"batch": 8, "length": 512, "lr": 1e-2}
    if method in TAUGHT:
        chosen |= {"steps": 1000} | TAUGHT[method]
    else:
        chosen |= {"steps": 400, "noise": noise, "mv": mv}
    return networks.BASE | chosen | changes


def varied(n, length, rng):
    """Draw electrocardiograms that need not be healthy: slower, faster, with bends of their own.

    Parameters
    ----------
    n, length : int
        How many, and samples in each.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray (n, length)
        Those of `real.ecg`, all waves shorter or longer by a factor of up to 2, the same for all
        of a draw, on curves of up to 5 Hz and 0.15 mV, for each its own.

    Examples
    --------
    >>> varied(8, 512, np.random.default_rng(0)).shape
    (8, 512)
    """
    clean = real.ecg(n, length, rng, rate=RATE * 2 ** rng.uniform(-1, 1))
    return real.add_wander(clean, rng.uniform(0, 0.15, (n, 1)), rng, highest=5.0)


def mixed(noises, batch, length, seed, draws=real.ecg):
    """Return data drawn anew at each step: electrocardiograms buried in some kinds of noise.

    Parameters
    ----------
    noises : list of str
        Names in `NOISES`. Of several, each is there with probability 1/2; its level is anything
        up to `LOUDEST`, for each signal its own.
    batch, length, seed : int
        Shape of a batch, and what is drawn.
    draws : callable
        ``draws(n, length, rng) -> clean``: `real.ecg` or `varied`.

    Returns
    -------
    callable
        ``data(step) -> (noisy, clean)``, each ``(batch, length)``.

    Examples
    --------
    >>> noisy, clean = mixed(["white"], batch=500, length=100, seed=0)(step=0)
    >>> print(f"{np.std(noisy - clean, axis=-1).mean():.2f} mV")
    0.15 mV
    """

    def data(step):
        rng = np.random.default_rng([seed, step])
        noisy = clean = draws(batch, length, rng)
        for noise in noises:
            there = rng.uniform(size=(batch, 1)) < (0.5 if len(noises) > 1 else 1)
            noisy = NOISES[noise](noisy, there * rng.uniform(0, LOUDEST, (batch, 1)), rng)
        return noisy, clean

    return data


def train(setting, seed, heard=None):
    """Train a network by a `recipe`.

    Parameters
    ----------
    setting : dict
        A `recipe`.
    seed : int
        Draws initial weights, and training data or the noise of the recording.
    heard : ndarray (length,), optional
        For those in `ALONE`: a noisy signal in place of the recording.

    Returns
    -------
    Network
        In evaluation mode.

    Examples
    --------
    >>> net = train(recipe("net, white", steps=1, batch=2), seed=0)
    >>> net.denoise(np.zeros(3600)).shape
    (3600,)
    """
    batch, length = setting["batch"], setting["length"]
    if setting["method"] in TAUGHT:
        draws = varied if setting["varied"] else real.ecg
        return networks.fit(setting, seed, mixed(setting["noises"], batch, length, seed, draws))[0]
    if heard is None:
        heard = draw(setting["noise"], setting["mv"], 1, seed)[0][0]
    lesson = ALONE[setting["method"]](nn.unsupervised.windows(heard, length, batch, seed))
    return networks.fit(setting, seed, lesson.data, lesson.loss)[0]
