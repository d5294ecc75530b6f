"""What a network may change for the signals that it meets: moments, and gains."""

import copy

import numpy as np
import pytest

from denoiselib import at_test, interpret, nn
from denoiselib.nn import unsupervised
from denoiselib.nn.modules import Network
from denoiselib.nn.norm import BatchNorm1d

RNG = np.random.default_rng(0)
NOISY = RNG.normal(1.0, 3.0, (6, 40))


@pytest.fixture
def net():
    """A network whose running statistics are not those of the signals, nor its gains 1."""
    net = nn.PlainNet(width=5, depth=3, rng=0, dtype=np.float64)
    nn.train.fit(net, nn.train.fresh("blocks", 2.0, 4), nn.optim.Adam(net, 0.01), 30)
    return net.eval()


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_a_share_of_one_is_fixed_and_of_none_unfixed(net, batch_size):
    fixed = net.denoise(NOISY)
    assert at_test.interpolated(net, NOISY, 1.0, batch_size) == pytest.approx(fixed, abs=1e-12)
    own = copy.deepcopy(net).eval("batch").denoise(NOISY, batch_size)
    assert at_test.interpolated(net, NOISY, 0.0, batch_size) == pytest.approx(own, abs=1e-9)
    assert abs(own - fixed).max() > 0.1


def test_half_of_each_has_the_moments_of_both_together():
    class One(Network):
        def __init__(self):
            self.norm = BatchNorm1d(1, dtype=np.float64)
            self.flatten()

        def forward(self, x):
            return self.norm(x)

    seen, net = 5 + RNG.normal(0, 2.0, NOISY.shape), One().eval()
    net.norm.running_mean.data[:], net.norm.running_var.data[:] = seen.mean(), seen.var()
    both = np.stack([seen, NOISY])
    expected = (NOISY - both.mean()) / np.sqrt(both.var() + net.norm.eps)
    found = at_test.interpolated(net, NOISY, 0.5, batch_size=len(NOISY))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    alone = at_test.interpolated(net, NOISY, 0.5)[:1]
    both = np.concatenate([seen.mean() + seen.std() * np.tile([-1, 1], 20), NOISY[0]])
    expected = (NOISY[0] - both.mean()) / np.sqrt(both.var() + net.norm.eps)
    np.testing.assert_allclose(alone[0], expected, rtol=1e-10)


def test_gains_of_a_signal_are_its_own(net):
    level = np.linspace(1, 3, len(NOISY))[:, None]
    together = at_test.gain_tuned(net, NOISY, level, steps=5)
    alone = at_test.gain_tuned(net, NOISY[:1], level[:1], steps=5)
    np.testing.assert_allclose(together[:1], alone, rtol=1e-9)
    assert abs(alone - net.denoise(NOISY[:1])).max() > 1e-3


def test_the_first_step_goes_down_the_risk(net, monkeypatch):
    lr, made = 1e-3, []
    init = at_test._Gains.__init__
    monkeypatch.setattr(at_test._Gains, "__init__", lambda s, *a: (init(s, *a), made.append(s))[0])
    at_test.gain_tuned(net, NOISY, 2.0, steps=1, lr=lr, seed=3)
    (moved,) = made
    lesson = unsupervised.sure(lambda step: (NOISY,), np.full((len(NOISY), 1), 2.0), seed=3)
    arrays = [nn.Tensor(array[:, None]) for array in lesson.data(0)]

    def risk(gains):
        with interpret.in_place_of(gains.forwards):
            return lesson.loss(gains, *arrays).item()

    gains = at_test._Gains(net, len(NOISY))
    assert gains.vector.size == len(NOISY) * 10
    for k in range(0, gains.vector.size, 7):
        slopes = []
        for step in (1e-5, -1e-5):
            gains.vector[k] = 1 + step
            slopes.append(risk(gains))
        gains.vector[k] = 1
        slope = (slopes[0] - slopes[1]) / 2e-5
        if abs(slope) > 1e-6:  # of a channel that is silent it is 0
            # Adam's first step has the same length everywhere
            assert moved.vector[k] - 1 == pytest.approx(-lr * np.sign(slope), rel=1e-3)


def test_gains_that_follow_the_risk_help_where_the_level_is_another(net):
    noisy, clean = nn.train.fresh("blocks", 6.0, 60)(step=10_000)
    errors = [
        np.mean((estimate - clean) ** 2)
        for estimate in (net.denoise(noisy), at_test.gain_tuned(net, noisy, 6.0))
    ]
    assert errors[1] < 0.9 * errors[0]


@pytest.mark.parametrize(
    "act", [lambda net: at_test.interpolated(net, NOISY, 0.5), lambda net: tuned(net, NOISY)]
)
def test_the_network_stays_as_it_is(net, act):
    before, estimate = net.state_dict(), net.denoise(NOISY)
    act(net)
    assert all(np.array_equal(x, before[name]) for name, x in net.state_dict().items())
    assert np.array_equal(net.denoise(NOISY), estimate)
    assert not net.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    with pytest.raises(ValueError, match="net must be in evaluation mode"):
        act(net.train())
    with pytest.raises(ValueError, match="net must have batch norm"):
        act(nn.PlainNet(norm="instance").eval())


def tuned(net, noisy, sigma=2.0, **options):
    return at_test.gain_tuned(net, noisy, sigma, **{"steps": 2} | options)


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf, np.ones(6), np.ones((5, 1))])
def test_a_level_must_be_positive_and_fit(net, sigma):
    with pytest.raises(ValueError, match="sigma"):
        tuned(net, NOISY, sigma)


def test_numbers_must_be_in_their_range(net):
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match="share"):
            at_test.interpolated(net, NOISY, share)
    with pytest.raises(ValueError, match="batch_size"):
        at_test.interpolated(net, NOISY, 0.5, 0)
    with pytest.raises(ValueError, match="steps"):
        tuned(net, NOISY, steps=0)
    with pytest.raises(ValueError, match="lr"):
        tuned(net, NOISY, lr=0.0)
