"""Trained networks by name, from any folder of the repository.

``data/make_weights.py`` has trained them; each file holds the recipe and the seed.
"""

import json

from denoiselib import _check, _files
from denoiselib.experiments import networks
from denoiselib.nn import checkpoint

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


def _path(name):
    return _files.data(FOLDER) / f"{_check.choice(name, 'name', names())}.safetensors"
