"""Networks that look trained: batch norms with other statistics and parameters than 0 and 1."""

import numpy as np
import pytest

from denoiselib import nn


def _lived(net, seed=0):
    rng = np.random.default_rng(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            size = module.weight.shape
            module.weight.data[...] = rng.uniform(0.5, 1.5, size) * rng.choice([-1, 1], size)
            module.bias.data[...] = rng.normal(size=size) / 2
            module.running_mean.data[...] = rng.normal(size=size)
            module.running_var.data[...] = rng.uniform(0.5, 2, size)
    return net.eval()


@pytest.fixture
def plain():
    """Return a plain network in double precision."""
    return _lived(nn.PlainNet(width=5, depth=3, kernel=3, rng=0, dtype=np.float64))


@pytest.fixture
def unet():
    """Return a U-Net in double precision."""
    return _lived(nn.UNet(rng=0, dtype=np.float64))


@pytest.fixture
def noisy():
    """Return four signals."""
    return 3 * np.random.default_rng(1).standard_normal((4, 40))
