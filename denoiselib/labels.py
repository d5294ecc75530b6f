"""What a reader sees in place of the names in the code: in menus, legends and tables."""

from denoiselib import _check
from denoiselib.empirical import LAWS
from denoiselib.filters import METHODS

#: Labels of filters and laws, networks, norms, penalties and lessons.
LABELS = {k: method.label for k, method in METHODS.items()} | {k: x for k, (x, _) in LAWS.items()}
LABELS |= {
    "unet": "U-Net",
    "unet_slides": "U-Net, slides' recipe",
    "plain": "plain network",
    "plain_no_norm": "plain, no batch norm",
    "plain_pulses": "plain, for pulses",
    "plain_blocks": "plain, for blocks",
    "batch": "batch norm",
    "instance": "instance norm",
    "representative": "representative batch norm",
    "batch+predict": "batch norm, predict",
    "batch+wiener": "batch norm, Wiener",
    "batch+nonnegative_l1*linear": "batch norm, threshold follows",
    "l1": "|x| (soft)",
    "nonnegative_l1": "x >= 0 (ReLU)",
    "l_two_thirds": "|x|^(2/3)",
    "l_half": "|x|^(1/2)",
    "l0": "x is not 0 (hard)",
    "power": "|x|^p",
    "noise2noise": "Noise2Noise",
    "recorrupted": "Recorrupted",
    "noise2self": "Noise2Self",
    "neighbor2neighbor": "Neighbor2Neighbor",
}


def label(name):
    """Return the label of a name; a name that has none, without its underscores.

    Parameters
    ----------
    name : str
        Any text; what is not a name comes back as it is. A first underscore stays: Matplotlib
        leaves such lines out of legends.

    Examples
    --------
    >>> label("gmc_dft"), label("unet"), label("sparse_spikes"), label("$h_0$"), label("_here")
    ('GMC, DFT', 'U-Net', 'sparse spikes', '$h_0$', '_here')
    """
    _check.instance(name, "name", str)
    if name in LABELS:
        return LABELS[name]
    return name[0] + name[1:].replace("_", " ") if name.isidentifier() else name
