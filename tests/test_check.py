"""Bad input is refused by every public function, in words that name the argument."""

import numpy as np
import pytest

from denoiselib import _check, bayes, filters, metrics, signals
from denoiselib.filters import prox, tuning
from denoiselib.filters.methods import _match, _ring

GOOD = np.arange(24.0).reshape(4, 6)


def soft(y, lam=1.0):
    return filters.threshold(y, lam)


#: "function: argument" -> a call with that argument, everything else being good. Only arrays here.
ARRAYS = {
    "add_noise: clean": lambda y: signals.add_noise(y, 1, 0),
    **{
        f"{measure.__name__}: {argument}": call
        for measure in (metrics.rmse, metrics.psnr, metrics.slide_psnr)
        for argument, call in {
            "estimate": lambda y, f=measure: f(y, GOOD),
            "clean": lambda y, f=measure: f(GOOD, y),
        }.items()
    },
    "mean_ci: values": lambda y: metrics.mean_ci(y),
    "paired_difference: a": lambda y: metrics.paired_difference(y, GOOD),
    "paired_difference: b": lambda y: metrics.paired_difference(GOOD, y),
    "digest: signal": lambda y: metrics.digest(y),
    "pointwise: noisy": lambda y: bayes.sparse_spikes_posterior_mean(y, 1),
    "joint: noisy": lambda y: bayes.sparse_spikes_joint_posterior_mean(y, 1),
    "pulses: noisy": lambda y: bayes.pulses_posterior_mean(y, 1),
    "blocks: noisy": lambda y: bayes.blocks_posterior_mean(y, 1),
    "wiener: noisy": lambda y: filters.wiener(y),
    "wiener_system_function: noisy": lambda y: filters.wiener_system_function(y),
    "linear_mmse: noisy": lambda y: filters.linear_mmse(y, 1, 0, 1),
    "threshold: noisy": lambda y: filters.threshold(y, 1),
    "l1: noisy": lambda y: filters.l1(y, 1),
    "gmc: noisy": lambda y: filters.gmc(y, 1),
    "gmc of a pair: noisy": lambda y: filters.gmc(y, 1, transform=(_match, _ring)),
    "k_sparse_lam: noisy": lambda y: filters.tuning.k_sparse_lam(y, 2),
    "tv: noisy": lambda y: filters.tv(y, 1),
    "tune: noisy": lambda y: filters.METHODS["soft"].tune(y, 1, GOOD),
    "sure: noisy": lambda y: tuning.sure(soft, [1], y, 1),
    "sure_risk: noisy": lambda y: tuning.sure_risk(soft, y, 1, 0),
    "mad_sigma: noisy": lambda y: tuning.mad_sigma(y),
}
BAD_ARRAYS = {
    "complex": GOOD + 1j,
    "object": GOOD.astype(object),
    "strings": GOOD.astype(str),
    "a word": "signal",
    "bool": GOOD > 3,
    "dates": GOOD.astype("datetime64[s]"),
    "None": None,
    "ragged": [[1.0, 2.0], [3.0]],
    "empty": np.zeros((4, 0)),
    "no signals": np.zeros((0, 6)),
    "empty list": [],
    "NaN": np.where(GOOD == 3, np.nan, GOOD),
    "inf": np.where(GOOD == 3, np.inf, GOOD),
    "minus inf": np.where(GOOD == 3, -np.inf, GOOD),
    "too large": np.where(GOOD == 3, 1e200, GOOD),
    "too small": np.where(GOOD == 3, -1e200, GOOD),
    "too large a float32": np.where(GOOD == 3, 1e30, GOOD).astype(np.float32),
    "0-d": 3.0,
    "masked": np.ma.masked_equal(GOOD, 3),
    "masked, two lists deep": [[np.ma.masked_equal(row, 3)] for row in GOOD],
    "masked rows": [np.ma.masked_equal(row, 3) for row in GOOD],
    "a mask in a list": [1.0, np.ma.masked],
}


@pytest.mark.parametrize("bad", BAD_ARRAYS)
@pytest.mark.parametrize("name", ARRAYS)
def test_bad_arrays_are_refused(name, bad):
    argument = name.split(": ")[1]
    with pytest.raises((TypeError, ValueError), match=rf"^{argument}\b"):
        ARRAYS[name](BAD_ARRAYS[bad])


@pytest.mark.parametrize("name", ARRAYS)
def test_good_arrays_are_not(name):
    ARRAYS[name](GOOD)
    ARRAYS[name](GOOD.tolist())
    ARRAYS[name](GOOD.astype(np.float32))
    ARRAYS[name](GOOD.astype(np.uint8))
    ARRAYS[name](np.asfortranarray(GOOD)[::-1])


#: "function: argument" -> a call with a number or a column of numbers, one for each signal.
LEVELS = {
    "add_noise: sigma": lambda s: signals.add_noise(GOOD, s, 0),
    "pointwise: sigma": lambda s: bayes.sparse_spikes_posterior_mean(GOOD, s),
    "joint: sigma": lambda s: bayes.sparse_spikes_joint_posterior_mean(GOOD, s),
    "pulses: sigma": lambda s: bayes.pulses_posterior_mean(GOOD, s),
    "blocks: sigma": lambda s: bayes.blocks_posterior_mean(GOOD, s),
    "wiener: noise": lambda s: filters.wiener(GOOD, noise=s),
    "wiener_system_function: noise": lambda s: filters.wiener_system_function(GOOD, noise=s),
    "linear_mmse: sigma": lambda s: filters.linear_mmse(GOOD, s, 0, 1),
    "threshold: lam": lambda s: filters.threshold(GOOD, s),
    "l1: lam": lambda s: filters.l1(GOOD, s),
    "gmc: lam": lambda s: filters.gmc(GOOD, s),
    "gmc of a pair: lam": lambda s: filters.gmc(GOOD, s, transform=(_match, _ring)),
    "tv: lam": lambda s: filters.tv(GOOD, s),
    "sure: sigma": lambda s: tuning.sure(soft, [1], GOOD, s),
    "sure_risk: sigma": lambda s: tuning.sure_risk(soft, GOOD, s, 0),
    "l1 map: u": lambda s: prox.l1(GOOD, s),
    "l1 map of complex numbers: u": lambda s: prox.l1(GOOD + 1j, s),
}
BAD_LEVELS = {
    "negative": -1.0,
    "one negative": [[1.0], [1.0], [-1e-9], [1.0]],
    "NaN": np.nan,
    "inf": np.inf,
    "too large": 1e200,
    "complex": 1j,
    "text": "1",
    "None": None,
    "bool": True,
    "object": np.array(1.0, dtype=object),
    "empty": np.zeros((4, 0)),
    "other signals": np.ones((3, 1)),
    "other length": np.ones((4, 5)),
}


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        (name, bad)
        for name in LEVELS
        for bad in BAD_LEVELS
        if not (name.startswith("wiener") and bad == "None")  # there None has a meaning
    ],
)
def test_bad_levels_are_refused(name, bad):
    argument = name.split(": ")[1]
    with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
        LEVELS[name](BAD_LEVELS[bad])


#: These take one value for each sample as well.
BY_SAMPLE = ("add_noise", "threshold", "l1 map")


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_is_of_a_signal_or_a_sample(name):
    LEVELS[name](np.ones((4, 1)))
    if name.startswith(BY_SAMPLE):
        LEVELS[name](np.ones((4, 6)))
    else:
        for shape in [(6,), (4, 6), (4,)]:
            with pytest.raises(ValueError, match=name.split(": ")[1]):
                LEVELS[name](np.ones(shape))


POSITIVE = ("pointwise", "joint", "pulses", "blocks", "sure")


@pytest.mark.parametrize("name", LEVELS)
def test_zero_is_a_level_unless_it_is_divided_by(name):
    if name.startswith(POSITIVE):
        with pytest.raises(ValueError, match="sigma must be greater than 0"):
            LEVELS[name](0)
    else:
        LEVELS[name](0)


INTEGERS = {
    **{f"{name}: n": lambda n, f=f: f(n) for name, f in signals.FAMILIES.items()},
    **{f"{name}: length": lambda n, f=f: f(2, n) for name, f in signals.FAMILIES.items()},
    "sparse_spikes: draws": lambda n: signals.sparse_spikes(2, draws=n),
    "pointwise: draws": lambda n: bayes.sparse_spikes_posterior_mean(GOOD, 1, draws=n),
    "joint: draws": lambda n: bayes.sparse_spikes_joint_posterior_mean(GOOD, 1, draws=n),
    "wiener: size": lambda n: filters.wiener(GOOD, n),
    "wiener_system_function: size": lambda n: filters.wiener_system_function(GOOD, n),
}


@pytest.mark.parametrize("bad", [0, -1, 2.0, 1.5, "3", True, np.array([1, 2]), 1j])
@pytest.mark.parametrize("name", INTEGERS)
def test_bad_integers_are_refused(name, bad):
    with pytest.raises((TypeError, ValueError), match=rf"^{name.split(': ')[1]}\b"):
        INTEGERS[name](bad)


@pytest.mark.parametrize("name", INTEGERS)
def test_numpy_integers_are_integers(name):
    INTEGERS[name](np.int64(3))
    INTEGERS[name](np.uint8(3))


@pytest.mark.parametrize("size", [2, 4, 12, 13])
def test_windows_have_a_centre_and_fit(size):
    with pytest.raises(ValueError, match="size"):
        filters.wiener(GOOD, size)
    filters.wiener(GOOD, 11)  # 2 x 6 - 1 still fits


@pytest.mark.parametrize(
    ("argument", "call", "known"),
    [
        ("mode", lambda v: filters.wiener(GOOD, mode=v), "'constant', 'edge'"),
        ("penalty", lambda v: filters.threshold(GOOD, 1, v), "'l1', 'nonnegative_l1', 'l0'"),
        ("transform", lambda v: filters.l1(GOOD, 1, v), "'identity', 'dft'"),
        ("transform", lambda v: filters.tuning.k_sparse_lam(GOOD, 1, v), "'identity', 'dft'"),
        ("method", lambda v: filters.l1(GOOD, 1, method=v), "'auto', 'closed', 'iterative'"),
    ],
)
def test_unknown_names_list_the_known_ones(argument, call, known):
    with pytest.raises(ValueError, match=f"^{argument} must be one of {known}.*'nonesuch'"):
        call("nonesuch")


RANDOM = {
    **{name: lambda rng, f=f: f(2, rng=rng) for name, f in signals.FAMILIES.items()},
    "add_noise": lambda rng: signals.add_noise(GOOD, 1, rng),
    "sure": lambda rng: tuning.sure(soft, [1], GOOD, 1, rng),
    "sure_risk": lambda rng: tuning.sure_risk(soft, GOOD, 1, rng),
}


@pytest.mark.parametrize("rng", [-1, 1.5, "seed", [1, -1]])
@pytest.mark.parametrize("name", RANDOM)
def test_bad_seeds_are_refused(name, rng):
    with pytest.raises((TypeError, ValueError), match=r"^rng must be a seed"):
        RANDOM[name](rng)


@pytest.mark.parametrize("numbers", [False, True])
def test_array_of_the_right_kind(numbers):
    for given, kept in [("f4", "f4"), ("f8", "f8"), ("f2", "f8"), ("i4", "f8"), ("u1", "f8")]:
        assert _check.array(np.ones(2, given), "y", numbers=numbers).dtype == kept
    y = np.ones(2)
    assert _check.array(y, "y", numbers=numbers) is y  # no copy where none is needed


def test_largest_numbers():
    # the fourth root of the largest float: a square may be multiplied by a square
    assert _check.array([1e77, -1e77], "y").max() == 1e77
    with pytest.raises(ValueError, match="y must not exceed 1e\\+77"):
        _check.array([1.2e77], "y")
    with pytest.raises(ValueError, match=r"y must not exceed 4e\+09, but holds -5e\+09 to 0"):
        _check.array(np.array([-5e9, 0], dtype=np.float32), "y")


def test_messages_say_what_was_expected():
    with pytest.raises(ValueError, match=r"y must be a non-empty array \(\.\.\., length\)"):
        _check.array(3.0, "y")
    with pytest.raises(TypeError, match="y must hold real numbers, not complex128"):
        _check.array([1j], "y")
    with pytest.raises(ValueError, match="y must be finite"):
        _check.array([np.nan], "y")
    with pytest.raises(ValueError, match=r"y .* but 2 of 4 are NaN or infinite, .* index \(0, 1\)"):
        _check.array([[0.0, np.nan], [1.0, np.inf]], "y")
    with pytest.raises(ValueError, match=r"y .* but 1 of 3 are masked, the first at index 2"):
        _check.array(np.ma.masked_greater([1.0, 2.0, 999.0], 9), "y")
    with pytest.raises(ValueError, match="y must not be empty"):
        _check.real([], "y", 0, 1)
    with pytest.raises(ValueError, match="sigma must not be negative"):
        _check.level(-1, "sigma", GOOD)
    with pytest.raises(TypeError, match=r"n must be an integer, not 2\.5"):
        _check.integer(2.5, "n", 1)
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        _check.integer(0, "n", 1)
    with pytest.raises(ValueError, match="k must be between 0 and 5, not 6"):
        _check.integer(6, "k", 0, 5)
    with pytest.raises(ValueError, match="size must be odd"):
        filters.wiener(GOOD, 4)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\)"):
        _check.fraction(1, "gamma")


def test_a_float32_is_compared_as_what_it_is():
    # a float32 cannot hold the bound of a float64, which is no reason to warn
    assert _check.level(np.float32(0.5), "sigma", GOOD) == 0.5
    assert _check.number(np.float16(0.5), "lr") == 0.5


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: _check.number([1.0], "lr"),
            ValueError,
            r"^lr must be a number, not of shape \(1,",
        ),
        (lambda: _check.number(-1, "lr"), ValueError, "^lr must not be negative"),
        (
            lambda: _check.number(0, "p", positive=True),
            ValueError,
            "^p must be greater than 0, not",
        ),
        (lambda: _check.number(1e-300, "p", positive=True), ValueError, "greater than 9e-78, not"),
        (lambda: _check.number(1e10, "lr", dtype=np.float32), ValueError, "^lr must not exceed"),
        (lambda: _check.fraction([0.5], "share"), ValueError, "^share must be a number"),
        (lambda: _check.fraction([0.5, 0.1], "share", GOOD), ValueError, "share have shapes"),
        (lambda: _check.integer(10**30, "n", 1), ValueError, "^n must be between 1 and 2147483647"),
        (lambda: _check.rate(1e30), ValueError, "^rate must lie between 1e-09 and 1e"),
        (lambda: _check.flag(1, "prior"), TypeError, "^prior must be True or False, not 1"),
        (lambda: _check.function(3, "denoise"), TypeError, "^denoise must be a function, not int"),
        (lambda: _check.several(3, "parts"), TypeError, "^parts must be a sequence, not int"),
        (lambda: _check.instance(3, "state", dict), TypeError, "^state must be a dict, not int"),
        (lambda: _check.path(3, "path", [".npz"]), TypeError, "^path must be text or a Path, not"),
        (lambda: _check.path("a.pkl", "path", [".npz"]), ValueError, "^path must end in .npz, not"),
        (lambda: _check.precision(np.float16), ValueError, "^dtype must be .*, not float16"),
        (lambda: _check.precision("nonesuch"), ValueError, "^dtype must be .*, not 'nonesuch'"),
        (lambda: _check.seed(-1), ValueError, "^seed must be between 0 and"),
    ],
)
def test_other_messages(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_number_keeps_its_digits():
    assert _check.number(0.001, "lr", dtype=np.float32) == 0.001
    assert _check.number(-3, "snr", signed=True) == -3
    assert type(_check.number(np.float32(2), "lr")) is float
