"""Networks of others: equivariant as their theorem says, told what they should be told."""

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.experiments import related
from denoiselib.filters import tuning

NOISY = np.random.default_rng(0).normal(2, 3, (5, 40))


def trained(kind):
    net = kind(width=5, depth=3, rng=0, dtype=np.float64)
    nn.train.fit(net, nn.train.fresh("blocks", 2.0, 4), nn.optim.Adam(net, 0.01), 20)
    return net.eval()


@pytest.mark.parametrize(("unit", "offset"), [(1e-6, 0), (1e6, 0), (1, -50), (0.3, 1e3)])
def test_a_wrapped_net_answers_alike_in_any_unit_at_any_offset(unit, offset):
    net = trained(related.Wrapped)
    found = net.denoise(unit * NOISY + offset)
    np.testing.assert_allclose(found, unit * net.denoise(NOISY) + offset, rtol=1e-6)
    plain = trained(nn.PlainNet)
    assert abs(plain.denoise(2 * NOISY) - 2 * plain.denoise(NOISY)).max() > 0.1


def test_a_wrapped_net_is_the_plain_one_of_signals_without_unit():
    net = trained(related.Wrapped)
    mean, deviation = NOISY.mean(axis=1, keepdims=True), NOISY.std(axis=1, keepdims=True)
    plain = nn.PlainNet(width=5, depth=3, dtype=np.float64)
    plain.load_state_dict(net.state_dict())
    inner = plain.eval().denoise((NOISY - mean) / deviation)
    np.testing.assert_allclose(net.denoise(NOISY), deviation * inner + mean, rtol=1e-9)
    assert np.array_equal(net.denoise(np.full((1, 9), 4.0)), np.full((1, 9), 4.0))


def test_a_net_that_is_told_all_sees_three_estimates():
    net = trained(related.ToldAll)
    levels = [tuning.mad_sigma(NOISY), tuning.mad_sigma(NOISY, difference=True)]
    levels.append(abs(NOISY).mean(axis=1, keepdims=True))
    seen = np.stack([NOISY, *(np.broadcast_to(level, NOISY.shape) for level in levels)], axis=1)
    with nn.no_grad():
        expected = net.layers(nn.Tensor(seen)).data[:, 0]
    np.testing.assert_allclose(net.denoise(NOISY), expected, rtol=1e-9)
    assert sum(p.data.size for p in net.parameters()) == net.vector.size
    again = net.denoise(2 * NOISY)  # no level of the first call is left in a plan
    assert not np.allclose(again, 2 * net.denoise(NOISY))
    np.testing.assert_allclose(again, trained(related.ToldAll).denoise(2 * NOISY))


def test_the_first_weights_of_a_told_net_are_drawn_by_its_seed():
    first, same, other = (related.ToldAll(rng=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.vector, same.vector)
    (a, *_), (b, *_) = first.layers, other.layers
    assert not np.array_equal(a.weight.data, b.weight.data)
    assert a.weight.shape == (16, 4, 3)
