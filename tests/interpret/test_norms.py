"""Every function that looks into a network answers for every normalisation, or says why not."""

import numpy as np
import pytest

from denoiselib import interpret, nn
from denoiselib.interpret import find_layers

NORMS = [name for name in nn.norm.NORMS if "*" not in name]
NORMS += ["l1*mad", "batch+l1*rectified", "batch+nonnegative_l1*linear"]
NOISY = 3 * np.random.default_rng(0).standard_normal((3, 16))

#: From a network to all numbers that a function makes of it.
LOOKS = {
    "features": lambda net: [
        array for seen in interpret.features(net, NOISY).values() for array in seen
    ],
    "norm_gains": lambda net: [*interpret.norm_gains(net, NOISY).values()],
    "energy": lambda net: [
        term.data
        for name, seen in interpret.features(net, NOISY).items()
        for term in interpret.energy(net, name, seen.before, NOISY, NOISY)
    ],
    "minimise_energy": lambda net: interpret.minimise_energy(net, "layer 1", NOISY, steps=2),
    "jacobian": lambda net: [interpret.jacobian(net, NOISY, rows=[0, 8])],
    "linearise": lambda net: interpret.linearise(net, NOISY),
    "proximal_step": lambda net: interpret.proximal_step(find_layers(net)["layer 1"])[:3],
}


@pytest.mark.parametrize("statistics", ["running", "batch", "signal"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("look", LOOKS)
def test_an_answer_or_a_reason(look, norm, statistics):
    net = nn.PlainNet(width=4, depth=2, norm=norm, rng=0, dtype=np.float64).eval(statistics)
    reason = ""
    try:
        found = LOOKS[look](net)
    except TypeError as error:
        reason, found = str(error), [1.0]
    assert reason == "" or f"batch norm or none, not {type(norm_of(net)).__name__}" in reason
    assert all(np.size(array) and np.isfinite(array).all() for array in found)


def norm_of(net):
    return find_layers(net)["layer 1"].norm


@pytest.mark.parametrize("norm", ["instance", "representative", "batch+l1*mad"])
def test_gains_are_those_of_batch_norm_alone(norm):
    net = nn.PlainNet(norm=norm).eval()
    with pytest.raises(TypeError, match="net must have batch norm or none, not "):
        interpret.norm_gains(net, NOISY)
    assert interpret.norm_gains(nn.PlainNet(norm="none").eval(), NOISY) == {}
