"""Long signals, block by block: the same estimates, in little memory, or a clear refusal."""

import tracemalloc

import numpy as np
import pytest

from denoiselib.nn import PlainNet, Tensor, UNet, denoise_long
from denoiselib.nn.modules import Network
from denoiselib.nn.norm import recalibrate

NETS = {
    "plain": PlainNet,
    "plain, wide kernels": lambda **options: PlainNet(width=4, kernel=9, depth=5, **options),
    "plain, dilated": lambda **o: PlainNet(width=4, dilation=[1, 2, 4, 1], **o),
    "plain, learned thresholds": lambda **o: PlainNet(width=4, norm="batch+l1", **o),
    "U-Net": UNet,
    "U-Net, averages": lambda **o: UNet(pool="average", norm="bias_free", **o),
    "U-Net without norm": lambda **o: UNet(norm="none", activation="gelu", **o),
}
ALL = pytest.mark.parametrize("make", NETS.values(), ids=NETS)


def noisy(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def shaken(net, seed=1):
    """Give every parameter a value of its own, and the statistics those of other signals."""
    rng = np.random.default_rng(seed)
    net.vector += rng.normal(0, 0.2, net.vector.shape).astype(net.dtype)
    x = noisy(4, net.channels(np.zeros((2, 64))), 64, seed=50)
    recalibrate(net, [np.abs(x)])
    return net.eval()


def assert_same(blocks, direct):
    """Up to rounding."""
    assert blocks.shape == direct.shape
    assert blocks.dtype == direct.dtype
    error = np.abs(blocks - direct).max() / np.abs(direct).max()
    assert error < (2e-6 if direct.dtype == np.float32 else 1e-12)


@ALL
@pytest.mark.parametrize("length", [5000, 4999, 4113])
@pytest.mark.parametrize("block", [16, 330, 1024])
def test_blocks_give_what_the_whole_gives(make, length, block):
    net, y = shaken(make(dtype=np.float64)), noisy(length)
    assert_same(denoise_long(net, y, block), net.denoise(y))


@ALL
def test_in_single_precision_too(make):
    net, y = shaken(make()), noisy(5000).astype(np.float32)
    assert_same(denoise_long(net, y, 1024), net.denoise(y))


@ALL
def test_the_overlap_is_as_large_as_it_must_be(make):
    """Samples at the reach may matter, those beyond it do not, wherever in the signal they are."""
    net = shaken(make(dtype=np.float64))
    y = noisy(800)
    direct, far = net.denoise(y), 0
    for place in [*range(0, 40, 3), *range(400, 432), *range(770, 800, 3)]:
        changed = y.copy()
        changed[place] += 10
        far = max(far, *np.abs(np.flatnonzero(net.denoise(changed) != direct) - place))
    assert 0.8 * net.reach <= far <= net.reach
    with pytest.raises(ValueError, match="overlap"):
        denoise_long(net, y, block=64, overlap=net.reach // 4)


@pytest.mark.parametrize("length", [16, 17, 31, 32, 33, 47, 100, 160, 161, 175, 176])
@pytest.mark.parametrize("block", [1, 16, 50, 10_000])
def test_any_length(length, block):
    for net in (shaken(UNet(dtype=np.float64)), shaken(PlainNet(dtype=np.float64))):
        y = noisy(length)
        assert_same(denoise_long(net, y, block), net.denoise(y))
    assert denoise_long(PlainNet(), [1.0]).shape == (1,)
    with pytest.raises(ValueError, match="at least 16"):
        denoise_long(UNet(), np.zeros(15))


def test_several_signals_of_any_shape_each_by_itself():
    net = shaken(UNet(dtype=np.float64))
    y = noisy(2, 3, 500)
    result = denoise_long(net, y, block=100)
    assert_same(result, net.denoise(y))
    np.testing.assert_allclose(denoise_long(net, y[1, 2], block=100), result[1, 2], atol=1e-12)
    assert denoise_long(net, np.arange(500), block=100).dtype == np.float64
    assert denoise_long(net, y.astype(np.float32), block=100).dtype == np.float32


@pytest.mark.parametrize("make", [PlainNet, UNet])
def test_a_noise_level_that_varies_along_the_signal(make):
    net = shaken(make(level="given", dtype=np.float64))
    sigma = np.linspace(0.5, 3, 2000)
    y = np.stack([sigma * noisy(2000), sigma])
    result = denoise_long(net, y, block=256)
    assert_same(result, net.denoise(y))
    assert not np.allclose(result, denoise_long(net, np.stack([y[0], 0 * sigma + 1]), block=256))
    with pytest.raises(ValueError, match=r"\(\.\.\., 2, length\)"):
        denoise_long(net, y[0])


@pytest.mark.parametrize(
    "net",
    [
        PlainNet().eval("batch"),
        PlainNet().eval("signal"),
        UNet().eval("batch"),
        UNet(prior=True).eval(),
        PlainNet(norm="instance").eval(),
        PlainNet(norm="batch+l1*mad").eval(),
        PlainNet(norm="batch+l1*mean").eval(),
        shaken(PlainNet(norm="batch+predict", depth=2, kernel=1)),
        PlainNet(norm="batch+wiener").eval(),
        PlainNet(level="mad").eval(),
    ],
    ids=lambda net: "",
)
def test_what_takes_the_whole_signal_is_refused(net):
    y = noisy(3000)
    with pytest.raises(ValueError, match="net must not look further than the overlap"):
        denoise_long(net, y, block=1000)
    # in one block nothing is to be refused
    np.testing.assert_array_equal(denoise_long(net, y, block=3008), net.denoise(y))


@pytest.mark.parametrize("norm", ["representative", "filtered", "bias_free", "none"])
def test_norms_with_running_statistics(norm):
    net = shaken(PlainNet(norm=norm, dtype=np.float64))
    if norm != "representative":
        assert_same(denoise_long(net, noisy(2000), block=256), net.denoise(noisy(2000)))
        return
    with pytest.raises(ValueError, match="look further"):
        denoise_long(net, noisy(2000), block=256)


def test_the_network_stays_as_it_is():
    net, y = UNet(rng=0, dtype=np.float64), noisy(700)
    net.train()
    state, attributes = net.state_dict(), [vars(module).keys() for module in net.modules()]
    result = denoise_long(net, y, block=256)
    assert net.training
    assert [vars(module).keys() for module in net.modules()] == attributes
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    assert_same(result, net.denoise(y))
    assert_same(denoise_long(net, y, block=256), net.eval().denoise(y))


def test_a_silent_signal():
    net = shaken(PlainNet(dtype=np.float64))
    np.testing.assert_allclose(
        denoise_long(net, np.zeros(1000), block=100), net.denoise(np.zeros(1000)), atol=1e-12
    )


@pytest.mark.parametrize("make", [lambda: PlainNet(kernel=9, depth=5), UNet])
def test_memory_does_not_grow_with_the_length(make):
    net = make().eval()
    peaks = []
    for length in (50_000, 200_000):
        y = np.zeros(length, np.float32)
        tracemalloc.start()
        result = denoise_long(net, y)
        peaks.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()
    assert max(peaks) < 20e6
    assert peaks[1] < 1.2 * peaks[0] + 1e6


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"noisy": []}, ValueError, "noisy"),
        ({"noisy": [np.nan] * 50}, ValueError, "noisy"),
        ({"noisy": [1j] * 50}, TypeError, "noisy"),
        ({"noisy": 3.0}, ValueError, "noisy"),
        ({"block": 0}, ValueError, "block"),
        ({"block": 1.5}, TypeError, "block"),
        ({"overlap": -1}, ValueError, "overlap"),
    ],
)
def test_bad_arguments_are_named(options, error, name):
    with pytest.raises(error, match=name):
        denoise_long(PlainNet(), **({"noisy": np.zeros(50)} | options))


def shifted(x, shift):
    """Later by `shift` samples, or earlier; zeros come in."""
    y = np.roll(x, shift, axis=-1)
    y[..., slice(0, shift) if shift > 0 else slice(shift, None)] = 0
    return y


@pytest.mark.parametrize("shift", [3, -3])
def test_a_network_of_ones_own_tells_its_reach(shift):
    class Shift(Network):
        reach = 3

        def forward(self, x):
            return Tensor(shifted(x.data, shift))

    net, y = Shift(), noisy(1000).astype(np.float32)
    np.testing.assert_array_equal(denoise_long(net, y, block=300), shifted(y, shift))
    Shift.reach = 2
    with pytest.raises(ValueError, match="look further"):
        denoise_long(net, y, block=300)
