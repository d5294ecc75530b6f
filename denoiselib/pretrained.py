"""Trained networks by name, from any folder of the repository.

``data/make_weights.py`` has trained them; each file holds the recipe and the seed.
"""

import json

from denoiselib import _check, _files
from denoiselib.experiments import heart, networks
from denoiselib.nn import checkpoint
from denoiselib.real import Taught

FOLDER = "weights"


def names():
    """List the networks that are there.

    Examples
    --------
    >>> [name for name in names() if name.startswith("unet")]
    ['unet', 'unet_prior', 'unet_prior_levels', 'unet_slides']
    """
    return sorted(path.stem for path in _files.data(FOLDER).glob("*.safetensors"))


def load(name):
    """Return a trained network, in evaluation mode.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Network
        With running statistics.

    Examples
    --------
    >>> import numpy as np
    >>> load("plain").denoise(np.zeros(100)).shape
    (100,)
    """
    return networks.load(_path(name))


def recipe(name):
    """Return how a network was made: the settings of its training, see `experiments.networks.BASE`.

    Examples
    --------
    >>> made = recipe("plain_pulses")
    >>> made["family"], made["sigma"], made["steps"]
    ('pulses', 3.0, 2000)
    """
    _, metadata = checkpoint.load(_path(name))
    return json.loads(metadata["recipe"])


def taught(name):
    """Return what a network was taught, for `real.denoise_own`.

    A network that was taught by a single recording knows nothing else, which is a ValueError.

    Examples
    --------
    >>> known = taught("heart_varied")
    >>> print(f"{known.rate:.0f} Hz, noise of up to {known.noise[1]:.1f} mV")
    360 Hz, noise of up to 0.3 mV
    """
    made = recipe(name)
    if made["family"] != "ecg":
        return Taught.by(networks.data(made, seed=0))
    if "noises" not in made:
        raise ValueError(f"name must not be {name!r}: one recording has taught it, and no other")
    return Taught.by(heart.data(made, seed=0), heart.SAMPLING_RATE)


def _path(name):
    return _files.data(FOLDER) / f"{_check.choice(name, 'name', names())}.safetensors"
