"""The noise level as a second input channel: estimated by the network, or given."""

import numpy as np
import pytest

from denoiselib.nn import PlainNet, UNet, ops, optim, train

NETS = {
    "plain": lambda **options: PlainNet(width=4, depth=3, **options),
    "U-Net": lambda **options: UNet((2, 2, 2, 2, 2), **options),
    "with prior": lambda **options: UNet((2, 2, 2, 2, 2), prior=True, **options),
}
ALL = pytest.mark.parametrize("make", NETS.values(), ids=NETS)


def noisy(n=6, length=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, length)) * rng.uniform(1, 5, (n, 1))


def with_level(x, level):
    return np.stack([x, np.broadcast_to(level, x.shape)], axis=1)


@ALL
def test_the_own_estimate_is_the_mad_of_the_signal(make):
    x = noisy()
    own, given = (make(level=way, dtype=np.float64).eval() for way in ("mad", "given"))
    expected = given.denoise(with_level(x, ops.mad(x[:, None]).data[:, 0]))
    np.testing.assert_allclose(own.denoise(x), expected, rtol=1e-9, atol=1e-12)
    assert list(own.state_dict()) == list(make().state_dict())


@ALL
def test_what_is_given_matters_and_leading_axes_are_kept(make):
    x = noisy()
    net = make(level="given", dtype=np.float64).eval()
    one, other = (net.denoise(with_level(x, level)) for level in (1.0, 5.0))
    assert one.shape == x.shape
    assert np.abs(one - other).max() > 1e-6
    stacked = net.denoise(with_level(x, 1.0).reshape(2, 3, 2, 40))
    assert stacked.shape == (2, 3, 40)
    if not net.mixes_batch:
        np.testing.assert_allclose(net.denoise(with_level(x, 1.0)[0]), one[0], rtol=1e-9)


@pytest.mark.parametrize("shape", [(40,), (6, 40), (6, 1, 40), (6, 3, 40)])
def test_a_level_that_is_missing_is_asked_for(shape):
    with pytest.raises(ValueError, match=r"noisy must have the shape \(\.\.\., 2, length\)"):
        PlainNet(level="given").denoise(np.ones(shape))
    with pytest.raises(ValueError, match=r"shape \(batch, 2, length\)"):
        PlainNet(level="given")(np.ones((6, 1, 40)))
    with pytest.raises(ValueError, match=r"shape \(batch, 1, length\)"):
        PlainNet(level="mad")(np.ones((6, 2, 40)))


@ALL
def test_an_unknown_level_is_refused(make):
    with pytest.raises(ValueError, match="level must be one of None, 'mad', 'given', not 'sure'"):
        make(level="sure")


def test_fresh_data_come_with_their_level():
    plain, with_it = (
        train.fresh("sparse_spikes", (1.0, 5.0), 500, seed=3, level=level)
        for level in (False, True)
    )
    x, clean = with_it(2)
    np.testing.assert_array_equal(x[:, 0], plain(2)[0])
    np.testing.assert_array_equal(clean, plain(2)[1])
    assert (x[:, 1] == x[:, 1, :1]).all()
    sigma = (x[:, 0] - clean).std(axis=1)
    assert np.abs(sigma / x[:, 1, 0] - 1).max() < 5 / np.sqrt(2 * 100)
    assert train.fresh("blocks", 2.0, 4, level=True)(0)[0][:, 1].tolist() == [[2.0] * 100] * 4


@pytest.mark.parametrize("fixed", [False, True])
@ALL
def test_training_takes_signals_with_their_level(make, fixed):
    net = make(level="given")
    data = train.fresh("sparse_spikes", (1.0, 5.0), 8, length=40, level=True)
    if fixed:
        data = train.fixed(*data(0), batch_size=4)
    history = train.fit(net, data, optim.Adam(net, 1e-2), 20, validation=data(0), every=10)
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(history["rmse"]).all()


def test_fixed_data_keep_signals_and_levels_together():
    x = with_level(np.arange(12.0).reshape(4, 3), np.arange(4.0)[:, None])
    data = train.fixed(x, np.arange(12.0).reshape(4, 3), batch_size=2)
    for step in range(2):
        batch, clean = data(step)
        np.testing.assert_array_equal(batch[:, 0], clean)
        np.testing.assert_array_equal(batch[:, 1, 0], clean[:, 0] // 3)
    with pytest.raises(ValueError, match="one shape"):
        train.fixed(np.ones((4, 3, 3)), np.ones((4, 3)), batch_size=2)
