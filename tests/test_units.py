"""In another unit nothing changes but the unit: f(c y, c sigma) = c f(y, sigma), over all names."""

from types import SimpleNamespace

import numpy as np
import pytest

from denoiselib import filters, handmade, interpret, metrics, nn, real, signals
from denoiselib.experiments import heart
from denoiselib.filters import METHODS, adaptive, tuning
from denoiselib.nn import unsupervised
from tests.fuzz import public

UNITS = pytest.mark.parametrize("c", [1e-9, 1e-6, 0.3, 1e9])
RNG = np.random.default_rng(0)
CLEAN = signals.blocks(6, 40, rng=1)
NOISY = signals.add_noise(CLEAN, 3.0, rng=2)
ECG, BEATS = real.ecg_with_beats(1, 3600, rng=3)
ECG = signals.add_noise(ECG, 0.1, rng=4)
CLEAN_ECG = real.ecg(1, 3600, rng=3)
ZEROS = np.zeros((2, 3600))


def silent(y):
    """Keep half: a denoiser of any unit."""
    return y / 2


NET = nn.PlainNet(dtype=np.float64, rng=0).eval()
TAUGHT = real.Taught.by(nn.train.fresh("blocks", 3.0, 20))
ATOMS = np.array([[1.0, 0.5], [0.2, 0.0]])
HALF = SimpleNamespace(denoise=silent)

#: What has the unit of the signals, as a function of the factor c of this unit.
OF_THE_UNIT = {
    **{f"METHODS[{n}].sweep": lambda c, m=m: m.sweep(c * NOISY, 3 * c) for n, m in METHODS.items()},
    **{
        f"METHODS[{n}].denoise": lambda c, m=m: m.denoise(
            c * NOISY, 3 * c, 5 if m.parameter == "window" else 2 * c
        )
        for n, m in METHODS.items()
    },
    **{
        f"METHODS[{n}].tune, {how}": lambda c, m=m, how=how: (
            lambda tuned: [*np.atleast_1d(tuned.risk), *(tuned.grid if m.unit else tuned.grid * c)]
        )(m.tune(c * NOISY, 3 * c, c * CLEAN if how == "labels" else None))
        for n, m in METHODS.items()
        for how in ("labels", "SURE")
    },
    **{
        f"threshold {name}": lambda c, name=name, power=power: filters.threshold(
            c * NOISY, 2 * c**power, name
        )
        for name, power in {
            **dict.fromkeys(("l1", "nonnegative_l1", "firm"), 1),
            "l0": 2,
            "l_half": 1.5,
            "l_two_thirds": 4 / 3,
        }.items()
    },
    "wiener": lambda c: filters.wiener(c * NOISY, 5, (2 * c) ** 2),
    "linear_mmse": lambda c: filters.linear_mmse(c * NOISY, 3 * c, c, c**2 * np.eye(40)),
    "gmc, iterated": lambda c: filters.gmc(c * NOISY, 2 * c, method="iterative"),
    "k_sparse_lam": lambda c: tuning.k_sparse_lam(c * NOISY, 3),
    "mad_sigma": lambda c: tuning.mad_sigma(c * NOISY),
    "mad_sigma, differences": lambda c: tuning.mad_sigma(c * NOISY, difference=True),
    "sure": lambda c: tuning.sure(filters.threshold, c * np.arange(1.0, 6.0), c * NOISY, 3 * c)[0],
    "sure_risk, root": lambda c: np.sqrt(
        np.mean(tuning.sure_risk(silent, c * NOISY, 3 * c, rng=0))
    ),
    "enhance": lambda c: adaptive.enhance(c * NOISY, taps=4),
    **{
        f"adaptive.{f.__name__}": lambda c, f=f, mu=mu: f(c * NOISY, 2 * c * NOISY, 4, mu(c)).output
        for f, mu in (
            (adaptive.lms, lambda c: 1e-3 / c**2),
            (adaptive.nlms, lambda c: 0.5),
            (adaptive.robust_nlms, lambda c: 0.5),
            (adaptive.nsaf, lambda c: 0.2),
        )
    },
    "observe": lambda c: adaptive.observe(c * NOISY[0], np.ones(4), rng=0),
    "rmse": lambda c: metrics.rmse(c * NOISY, c * CLEAN),
    "mean_ci": lambda c: metrics.mean_ci(c * NOISY[0]),
    "paired_difference": lambda c: metrics.paired_difference(c * NOISY[0], c * CLEAN[0]),
    "add_noise": lambda c: signals.add_noise(c * CLEAN, 3 * c, rng=0),
    **{
        f"add_{name}": lambda c, add=add: add(c * ZEROS, 0.1 * c, 0)
        for name, add in real.DISTURBANCES.items()
    },
    "resample": lambda c: real.resample(c * NOISY, 500, 360),
    "solve_hats": lambda c: unsupervised.solve_hats(
        c * NOISY, c * CLEAN, 3 * c, c * unsupervised.KNOTS
    ),
    "estimate_hidden": lambda c: unsupervised.estimate_hidden(HALF, c * NOISY),
    "denoise_own": lambda c: real.denoise_own(NET, c * NOISY[0], TAUGHT),
    "estimate_recorrupted": lambda c: unsupervised.estimate_recorrupted(HALF, c * NOISY, 3 * c),
    "unrolled_ista": lambda c: handmade.unrolled_ista(ATOMS, 2 * c, 5).denoise(c * NOISY),
    "shrinkage_curve": lambda c: interpret.shrinkage_curve(
        c * NOISY, c * CLEAN, c * np.linspace(-9.0, 9.0, 4)
    )[1],
    "baseline": lambda c: heart.baseline(c * ECG[0]),
    "rms_error": lambda c: heart.rms_error(c * ECG, c * CLEAN_ECG),
}

#: What has no unit, as a function of the factor c of the signals' unit.
WITHOUT_UNIT = {
    "psnr": lambda c: metrics.psnr(c * NOISY, c * CLEAN, 10 * c),
    "gains": lambda c: heart.gains(c * CLEAN_ECG + 1e-3 * c * ECG, c * ECG, c * CLEAN_ECG),
    "influence": lambda c: interpret.influence(silent, c * NOISY, step=c)[1],
    "r_peaks": lambda c: real.r_peaks(c * ECG[0]),
    "r_peaks, upside down": lambda c: real.r_peaks(-c * ECG[0]),
    "qrs_amplitude_error": lambda c: real.qrs_amplitude_error(
        c * ECG[0], c * CLEAN_ECG[0], BEATS[0]
    ),
    "misalignment": lambda c: (
        adaptive.nlms(c * NOISY, 2 * c * NOISY, 4, 0.5, system=[2.0, 0, 0, 0]).misalignment
    ),
}


@UNITS
@pytest.mark.parametrize("name", OF_THE_UNIT)
def test_an_answer_is_in_the_unit_of_the_signals(name, c):
    answer = OF_THE_UNIT[name]
    expected = np.asarray(answer(1.0))
    found = np.asarray(answer(c)) / c
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("c", [1e-6, 1e6])
def test_knots_of_another_unit_are_refused(c):
    with pytest.raises(ValueError, match="give knots in the unit of seen"):
        unsupervised.solve_hats(c * NOISY, c * CLEAN)


@UNITS
@pytest.mark.parametrize("name", WITHOUT_UNIT)
def test_an_answer_without_a_unit_stays(name, c):
    answer = WITHOUT_UNIT[name]
    np.testing.assert_allclose(answer(c), answer(1.0), rtol=1e-6, atol=1e-9)


#: What moves with a constant that is added to the signals, as a function of this constant.
MOVING = {
    "wiener": lambda b: filters.wiener(NOISY + b, 5, mode="edge"),
    "tv": lambda b: filters.tv(NOISY + b, 2.0),
    "METHODS[tv].tune, SURE": lambda b: METHODS["tv"].denoise(
        NOISY + b, 3.0, METHODS["tv"].tune(NOISY + b, 3.0).value
    ),
    "linear_mmse": lambda b: filters.linear_mmse(NOISY + b, 3.0, 1.0 + b, np.eye(40)),
    "resample": lambda b: real.resample(NOISY + b, 500, 360),
    "denoise_own": lambda b: real.denoise_own(NET, NOISY[0] + b, TAUGHT),
    "baseline": lambda b: heart.baseline(ECG[0] + b),
}
#: What does not.
STAYING = {
    "mad_sigma": lambda b: tuning.mad_sigma(NOISY + b),
    "mad_sigma, differences": lambda b: tuning.mad_sigma(NOISY + b, difference=True),
    "rmse": lambda b: metrics.rmse(NOISY + b, CLEAN + b),
    "psnr": lambda b: metrics.psnr(NOISY + b, CLEAN + b),
    "r_peaks": lambda b: real.r_peaks(ECG[0] + b),
    "qrs_amplitude_error": lambda b: real.qrs_amplitude_error(
        ECG[0] + b, CLEAN_ECG[0] + b, BEATS[0]
    ),
    "gains": lambda b: heart.gains(ECG / 2 + b, ECG, np.zeros((1, 1))),
}
OFFSETS = pytest.mark.parametrize("b", [-3.0, 1e3, 1e6])


@OFFSETS
@pytest.mark.parametrize("name", MOVING)
def test_an_answer_moves_with_the_signals(name, b):
    found = MOVING[name](b) - b
    np.testing.assert_allclose(found, MOVING[name](0.0), rtol=1e-6, atol=1e-12 * abs(b) + 1e-6)


@OFFSETS
@pytest.mark.parametrize("name", STAYING)
def test_an_answer_does_not_see_an_offset(name, b):
    np.testing.assert_allclose(STAYING[name](b), STAYING[name](0.0), rtol=1e-6, atol=1e-12 * abs(b))


#: What cannot be tried, and why.
APART = {
    **dict.fromkeys(
        ("identify", "wiener_system_function", "values", "prox", "zero_attracting", "reweighted"),
        "behind others of this list",
    ),
    **dict.fromkeys(("proximal", "block_proximal"), "acts on weights, which have no unit"),
    **dict.fromkeys(("sparse_system", "block_sparse_system", "coloured"), "draws, of a unit"),
    **dict.fromkeys(("ecg", "ecg_with_beats"), "draws, in mV"),
    **dict.fromkeys(("copies", "windows"), "hands on what it is given"),
    **dict.fromkeys(
        ("noise2noise", "unsure", "recorrupted", "noise2self", "neighbor2neighbor"),
        "makes a lesson, whose loss is of the squared unit",
    ),
    **dict.fromkeys(("example", "load_signal", "save_signal"), "files keep numbers as they are"),
    "r_peak_timing_error": "of times",
    "slide_psnr": "has the slides' unit in it, as its docstring says",
    "ulps": "of numbers",
    "digest": "a text: tests/test_metrics.py",
    "adaptive_firm": "its levels are its arguments, in the units of the signals",
    "loss": "of the squared unit",
}


def test_no_public_function_is_left_out():
    """But `bayes`: these are the laws of families whose heights are in the slides' unit."""
    tried = " ".join([*OF_THE_UNIT, *WITHOUT_UNIT, *MOVING, *STAYING])
    for full in public.functions():
        if full.startswith(("filters.", "metrics.", "real.", "handmade.", "nn.unsupervised.")):
            *_, module, name = full.split(".")
            known = f"{name} {module}" if module == "prox" else name
            assert name in tried or name in APART or module in APART, known
