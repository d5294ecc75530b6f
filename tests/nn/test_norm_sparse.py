"""Sparse normalisations: levels and maps by their formulas, and what they amount to."""

import numpy as np
import pytest

from denoiselib.filters.prox import PENALTIES
from denoiselib.nn import BatchNorm1d, Program, Tensor, ops
from denoiselib.nn.norm import SparseNorm, make
from denoiselib.nn.norm.sparse import FLOOR, MAPS, THRESHOLDS

CHANNELS = 5


def signals(*shape, seed=0):
    """Noise of another strength in each signal and channel, with spikes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * rng.uniform(0.5, 2, (*shape[:2], 1))
    return x + 5 * (rng.random(shape) < 0.1)


def layer_of(seed=3, channels=CHANNELS, **options):
    """A layer with parameters that are all different."""
    layer, rng = SparseNorm(channels, dtype=np.float64, **options), np.random.default_rng(seed)
    for _, parameter in layer.named_parameters():
        parameter.data += rng.normal(0, 0.5, parameter.shape)
    return layer


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- levels, for one signal h (channels, length)


def mad(h):
    middle = np.median(h, axis=1, keepdims=True)
    return np.median(np.abs(h - middle), axis=1, keepdims=True) / 0.6745 + FLOOR


def magnitude(h):
    return np.mean(np.abs(h), axis=1, keepdims=True) + FLOOR


def shared(h, s):
    seen = np.log(np.concatenate([magnitude(h), mad(h)]))
    return magnitude(h) * sigmoid(s["weight"] @ seen + s["bias"])


def linear(h, s):
    return s["weight"] @ np.mean(np.abs(h), axis=1, keepdims=True) + s["bias"]


def local(h, s):
    lam = np.empty(h.shape)
    for c, t in np.ndindex(h.shape):
        near = np.abs(h[c, max(t - 2, 0) : t + 3]).mean() + FLOOR
        mean = magnitude(h)[c, 0]
        lam[c, t] = softplus(s["raw"][0, c, 0]) * mean * (near / mean) ** s["power"][c, 0]
    return lam


def one_sided(level):
    """The options of a layer that takes levels of either sign."""
    return {"level": level, "penalty": "nonnegative_l1"}


FORMULAS = {
    "fixed": lambda h, s: s["value"][0],
    "learned": lambda h, s: softplus(s["raw"][0]),
    "mad": lambda h, s: softplus(s["raw"][0]) * mad(h),
    "mean": lambda h, s: softplus(s["raw"][0]) * magnitude(h),
    "both": lambda h, s: (
        softplus(s["spread"][0]) * mad(h) + softplus(s["magnitude"][0]) * magnitude(h)
    ),
    "shared": shared,
    "linear": linear,
    "rectified": lambda h, s: np.maximum(linear(h, s), 0),
    "local": local,
    "residual": lambda h, s: softplus(s["raw"][0]) * np.sqrt(np.mean(h**2) + FLOOR**2),
}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_level_by_its_formula(name):
    level, h = layer_of(**one_sided(name)).level, signals(4, CHANNELS, 20)
    lam = np.broadcast_to(level(h).data, h.shape)
    state = level.state_dict()
    for one, expected in zip(lam, h, strict=True):
        expected = np.broadcast_to(FORMULAS[name](expected, state), one.shape)
        np.testing.assert_allclose(one, expected, rtol=1e-10)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_level_starts_near_a_tenth_of_the_noise(name):
    h = np.random.default_rng(1).standard_normal((20, 4, 500))
    lam = SparseNorm(4, **one_sided(name), dtype=np.float64).level(h).data
    assert 0.075 < lam.mean() < 0.105


@pytest.mark.parametrize("name", [name for name in THRESHOLDS if name not in ("fixed", "learned")])
def test_an_adaptive_level_grows_with_the_signal(name):
    """As far as features are far from the floor: shared ones where the weights are zero."""
    layer, h = SparseNorm(CHANNELS, **one_sided(name), dtype=np.float64), signals(4, CHANNELS, 20)
    level = layer.level
    np.testing.assert_allclose(level(1e6 * h).data, 1e6 * level(h).data, rtol=2e-3)


def test_the_level_of_one_signal_does_not_depend_on_the_others():
    for name in THRESHOLDS:
        level, h = layer_of(**one_sided(name)).level, signals(4, CHANNELS, 20)
        together = np.broadcast_to(level(h).data, h.shape)
        alone = np.broadcast_to(level(h[2:3]).data, h[2:3].shape)
        np.testing.assert_allclose(together[2:3], alone, rtol=1e-12)


# --- maps


def group(h, lam, _):
    """Four channels and three samples together; the fifth channel is a group of its own."""
    y = np.empty_like(h)
    for c, t in np.ndindex(h.shape):
        members = slice(0, 4) if c < 4 else slice(4, 5)
        near = h[members, max(t - 1, 0) : t + 2]
        radius = np.sqrt(np.mean(near**2))
        y[c, t] = h[c, t] * max(1 - lam[c, t] / radius, 0)
    return y


def mixture(h, lam, state):
    shares = np.exp(state["raw"]) / np.exp(state["raw"]).sum(axis=1, keepdims=True)
    maps = [h, PENALTIES["l1"](h, lam), PENALTIES["firm"](h, lam, gamma=0.5)]
    maps.append(np.maximum(h - lam, 0))
    return sum(w[:, None] * y for w, y in zip(shares.T, maps, strict=True))


def ista(h, lam, state):
    soft, mu = PENALTIES["l1"], sigmoid(state["raw"][0])
    z = soft(h, lam)
    for _ in range(2):
        filtered = np.array(
            [np.correlate(np.pad(row, 1), w) for row, w in zip(z, state["kernel"], strict=True)]
        )
        z = soft(z + mu * (h - filtered), mu * lam)
    return z


OTHERS = {"group": group, "mixture": mixture, "ista": ista}


@pytest.mark.parametrize("before", ["", "batch", "instance"])
@pytest.mark.parametrize("level", ["learned", "mean", "local"])
@pytest.mark.parametrize("penalty", MAPS)
def test_a_sparse_norm_is_a_map_of_what_comes_before(penalty, level, before):
    layer, x = layer_of(penalty=penalty, level=level, before=before), signals(4, CHANNELS, 20)
    y = layer.eval("batch")(x).data
    state = layer.state_dict()
    h = x
    if before:
        axes = (0, 2) if before == "batch" else 2
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
        gamma, beta = state["norm.weight"], state["norm.bias"]
        h = gamma[:, None] * (x - mean) / np.sqrt(var + 1e-5) + beta[:, None]
    parts = {
        part: {k.split(".")[1]: v for k, v in state.items() if k.startswith(part)}
        for part in ("level", "map")
    }
    for found, one in zip(y, h, strict=True):
        lam = np.broadcast_to(FORMULAS[level](one, parts["level"]), one.shape)
        if penalty in OTHERS:
            expected = OTHERS[penalty](one, lam, parts["map"])
        else:
            options = {"gamma": 0.5} if penalty == "firm" else {}
            expected = PENALTIES[penalty](one, lam, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_ista_starts_as_one_step():
    """The soft threshold is its fixed point while the filter is the identity."""
    x = signals(4, 3, 20)
    one, three = (SparseNorm(3, penalty=p, dtype=np.float64)(x).data for p in ("l1", "ista"))
    np.testing.assert_allclose(three, one, rtol=1e-12, atol=1e-12)


# --- what it amounts to


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_behind_it_a_relu_makes_a_learned_soft_threshold_a_part_of_beta(dtype):
    """relu(prox_l1(gamma xhat + beta, lam)) = relu(gamma xhat + beta - lam), to the last bit."""
    rng = np.random.default_rng(4)
    x = signals(4, 3, 50).astype(dtype)
    layer = SparseNorm(3, penalty="l1", before="batch", dtype=dtype)
    for _, parameter in layer.named_parameters():
        parameter.data += rng.normal(0, 0.5, parameter.shape).astype(dtype)
    lam = ops.softplus(layer.level.raw)
    expected = ops.relu(layer.norm(x) - lam).data
    y = ops.relu(layer(x)).data
    assert 0 < np.mean(y == 0) < 1
    np.testing.assert_array_equal(y, expected)
    absorbed = BatchNorm1d(3, dtype=dtype)
    absorbed.weight.data[...] = layer.norm.weight.data
    absorbed.bias.data[...] = layer.norm.bias.data - lam.data[0, :, 0]
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(ops.relu(absorbed(x)).data, y, rtol=0, atol=10 * tolerance)


def test_the_nonnegative_one_has_its_relu_in_itself():
    x = signals(4, 3, 50)
    for level in ("learned", "mean", "mad"):
        one = SparseNorm(3, penalty="nonnegative_l1", level=level, dtype=np.float64)(x).data
        two = SparseNorm(3, penalty="l1", level=level, dtype=np.float64)(x)
        np.testing.assert_array_equal(one, ops.relu(two).data)


def test_an_adaptive_threshold_is_not_absorbed():
    """A louder signal is cut more: it comes out as it was, louder."""
    x = signals(1, 3, 50)
    layer = SparseNorm(3, penalty="nonnegative_l1", level="mean", dtype=np.float64)
    np.testing.assert_allclose(layer(1e5 * x).data, 1e5 * layer(x).data, rtol=1e-3, atol=60)
    other = SparseNorm(3, penalty="nonnegative_l1", dtype=np.float64)
    assert np.abs(other(1e5 * x).data / 1e5 - other(x).data).max() > 0.05


@pytest.mark.parametrize("penalty", ["l0", "l_half", "l_two_thirds"])
def test_the_level_of_a_jumping_map_learns_by_the_jump(penalty):
    """With the surrogate the threshold finds the one that keeps spikes and drops the noise.

    For l0 the gradient almost everywhere is zero: without it nothing would move.
    """
    rng = np.random.default_rng(5)
    clean = 3.0 * (rng.random((8, 1, 200)) < 0.1)
    noisy = clean + 0.5 * rng.standard_normal(clean.shape)
    layer = SparseNorm(1, penalty=penalty, dtype=np.float64)
    program = Program(lambda x, t: ((layer(x) - t) ** 2).mean())
    first = float(program(noisy, clean))
    for _ in range(150):
        program.backward()
        layer.level.raw.data -= 2.0 * layer.level.raw.grad
        last = float(program(noisy, clean))
    assert last < 0.5 * first
    blind = SparseNorm(1, penalty="l0", dtype=np.float64)
    blind.map.width = None
    ((blind(noisy) - Tensor(clean)) ** 2).mean().backward()
    assert blind.level.raw.grad.item() == 0


# --- names


@pytest.mark.parametrize(
    ("name", "penalty", "level", "before"),
    [
        ("l1", "l1", "learned", ""),
        ("firm*mad", "firm", "mad", ""),
        ("batch+l0", "l0", "learned", "batch"),
        ("instance+nonnegative_l1*both", "nonnegative_l1", "both", "instance"),
    ],
)
def test_a_name_says_all(name, penalty, level, before):
    one = make(name, 2, np.float32)
    other = SparseNorm(2, penalty=penalty, level=level, before=before)
    assert {k: v.tolist() for k, v in one.state_dict().items()} == {
        k: v.tolist() for k, v in other.state_dict().items()
    }
    x = signals(3, 2, 10)
    np.testing.assert_array_equal(one(x).data, other(x).data)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty": "l3"}, "penalty must be one of 'l1'.*'ista', not 'l3'"),
        ({"level": "sure"}, "level must be one of 'fixed'.*'residual', not 'sure'"),
        ({"before": "layer"}, "before must be one of '', 'batch', 'instance', not 'layer'"),
    ],
)
def test_unknown_names_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        SparseNorm(2, **options)


def test_a_negative_level_is_a_reward_and_for_one_penalty_only():
    layer = layer_of(**one_sided("linear"))
    layer.level.weight.data[...], layer.level.bias.data[...] = 0, -2
    x = signals(4, CHANNELS, 20)
    np.testing.assert_array_equal(layer(x).data, np.maximum(x + 2, 0))
    for penalty in set(MAPS) - {"nonnegative_l1"}:
        with pytest.raises(ValueError, match="level 'linear' may be negative"):
            SparseNorm(2, penalty=penalty, level="linear")
