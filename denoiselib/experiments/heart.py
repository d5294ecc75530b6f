"""Electrocardiograms: filters, networks taught by synthetic ones, or by the recording alone.

A pilot on synthetic signals chooses the learning rates; the study then tests every method on a
recording and on synthetic signals, with several kinds of noise.
"""

import itertools
from functools import lru_cache, partial

import numpy as np
from scipy import ndimage
from scipy import signal as scipy_signal

from denoiselib import _check, filters, nn, real
from denoiselib._random import stream
from denoiselib.experiments import networks, tables
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.table import Table
from denoiselib.experiments.unsupervised import LESSONS
from denoiselib.experiments.wavelets import WAVELETS
from denoiselib.filters import Method, tuning

# --- signals, noise and scores

SAMPLING_RATE, LENGTH = 360, 3600  #: in Hz, and samples in each signal: ten seconds
MILLIVOLTS = (0.05, 0.1, 0.2)  #: root mean squares of the noise


def add_all(clean, level, rng=None):
    """Add white noise, wander, hum of 50 Hz and bursts, each half as large as the level.

    Examples
    --------
    >>> print(f"{add_all(np.zeros((500, 1000)), 0.2, rng=0).std():.2f}")
    0.20
    """
    rng = np.random.default_rng(rng)
    for add in real.DISTURBANCES.values():
        clean = add(clean, level / 2, rng)
    return clean


#: Disturbances by name: functions ``(clean, level, rng)``.
NOISES = {
    "white": real.DISTURBANCES["white"],
    "wander": real.add_wander,
    "hum 50 Hz": real.add_hum,
    "hum 60 Hz": partial(real.add_hum, mains=60.0),
    "bursts": real.add_bursts,
    "all": add_all,
}
#: Every kind of noise with its level in mV; white noise at all levels.
CONDITIONS = [(noise, mv) for noise in NOISES for mv in MILLIVOLTS if noise == "white" or mv == 0.1]


def baseline(signal, rate=SAMPLING_RATE):
    """Estimate the baseline of an electrocardiogram ``(length,)``, `rate` in Hz.

    Running medians over 200 and 600 ms (de Chazal and others 2004), then a Gaussian of 1/6 s.

    Examples
    --------
    >>> clean = real.ecg(1, length=3600, rng=0)[0]
    >>> print(f"{(baseline(clean + 0.5) - 0.5).std():.2f} of {clean.std():.2f} mV")
    0.01 of 0.17 mV
    """
    signal, rate = _check.array(signal, "signal").astype(np.float64), _check.rate(rate)
    if signal.ndim != 1:
        raise ValueError(f"signal must be one signal (length,), not of shape {signal.shape}")
    for seconds in (0.2, 0.6):
        signal = ndimage.median_filter(signal, 2 * round(seconds * rate / 2) + 1, mode="nearest")
    return ndimage.gaussian_filter1d(signal, rate / 6, mode="nearest")


@lru_cache(maxsize=1)
def recording():
    """Return the recording `data/ecg.npz` without its baseline, and its beats.

    It stands for a clean signal, in mV; its beats are those of `real.r_peaks`. Both are read-only.

    Examples
    --------
    >>> clean, beats = recording()
    >>> print(clean.shape, len(beats), f"{clean.std():.2f} mV")
    (3600,) 20 0.33 mV
    """
    samples, _ = real.load_signal(real.example())
    samples = samples.astype(np.float64)
    return _check.read_only(samples - baseline(samples), real.r_peaks(samples))


def draw(noise, level, signals, seed, purpose="test"):
    """Draw noisy signals that no training with this seed sees: noisy, clean, and their R waves.

    Parameters
    ----------
    noise, level, signals, seed : str, float, int, int
        Name in `NOISES`; root mean square in mV, which only scales the noise of a seed; number of
        synthetic signals; and the seed.
    purpose : {"validation", "test"}
        For a test the recording is put before the synthetic signals.

    Examples
    --------
    >>> noisy, clean, beats = draw("wander", 0.1, signals=20, seed=0)
    >>> print(noisy.shape, len(beats), f"{(noisy - clean).std():.2f} mV")
    (21, 3600) 21 0.10 mV
    """
    _check.choice(noise, "noise", NOISES)
    _check.choice(purpose, "purpose", ("validation", "test"))
    level, seed = _check.number(level, "level"), _check.seed(seed)
    rng = stream(seed, f"heart {purpose}")
    clean, beats = real.ecg_with_beats(signals, LENGTH, rng)
    unit = NOISES[noise](np.zeros_like(clean), 1.0, rng)
    if purpose == "test":
        known, places = recording()
        own = stream(seed, "heart recording")  # for any number of signals the same noise
        unit = np.vstack([NOISES[noise](np.zeros_like(known), 1.0, own), unit])
        clean, beats = np.vstack([known, clean]), [places, *beats]
    return clean + level * unit, clean, beats


def rms_error(estimate, clean):
    """Return the root mean square error of each signal without its mean: electrodes add a constant.

    Examples
    --------
    >>> print(rms_error([1.0, 1.0, 3.0, 3.0], np.zeros(4)))
    1.0
    """
    estimate, clean = _check.array(estimate, "estimate"), _check.array(clean, "clean")
    return np.std(estimate - clean, axis=-1)


def gains(estimate, noisy, clean):
    """Return by how many dB each signal's `rms_error` is reduced.

    Examples
    --------
    >>> print(gains([[0.1, -0.1]], [[1.0, -1.0]], np.zeros((1, 2))))
    [20.]
    """
    with np.errstate(divide="ignore"):  # the gain of an exact estimate is infinite
        return 20 * np.log10(rms_error(noisy, clean) / rms_error(estimate, clean))


def scores(estimate, noisy, clean, beats):
    """Measure estimates ``(n, length)`` of what `draw` returns, also by what a physician looks at.

    ``error`` is the mean `rms_error` in uV, ``gain`` the mean of `gains`; ``timing`` the mean
    distance in ms of detected R waves from true ones (pairs within 50 ms); ``wrong`` the missed and
    false beats, ``flattened`` the mean loss of height of QRS complexes, and ``height`` its mean
    absolute error, in percent.

    Examples
    --------
    >>> noisy, clean, beats = draw("white", 0.1, signals=20, seed=0)
    >>> found = scores(clean + (noisy - clean) / 10, noisy, clean, beats)
    >>> print(f"{found['error']:.0f} uV, {found['gain']:.1f} dB, {found['timing']:.1f} ms")
    10 uV, 20.0 dB, 0.8 ms
    """
    if not sum(map(len, beats)):
        raise ValueError("beats must hold R waves, by which estimates are scored, but holds none")
    timing, both = real.r_peak_timing_error, zip(estimate, beats, strict=True)
    pairs = [timing(real.r_peaks(signal), true) for signal, true in both]
    heights = np.concatenate(list(map(real.qrs_amplitude_error, estimate, clean, beats)))
    errors = np.abs(np.concatenate([pair.errors for pair in pairs]))
    wrong = sum(pair.missed + pair.extra for pair in pairs)
    return {
        "error": 1000 * float(rms_error(estimate, clean).mean()),
        "gain": float(gains(estimate, noisy, clean).mean()),
        "timing": float(errors.mean()) if errors.size else np.nan,
        "wrong": 100 * wrong / sum(map(len, beats)),
        "flattened": -100 * float(heights.mean()),
        "height": 100 * float(np.abs(heights).mean()),
    }


# --- filters


def passed(kind, edges, y):
    """Apply a Butterworth filter of order 2 forward and backward, so that it does not delay.

    `kind` is ``"lowpass"``, ``"highpass"`` or ``"bandpass"``, `edges` are its cutoff frequencies in
    Hz, and `y` are signals ``(..., length)``.

    Examples
    --------
    >>> time = np.arange(3600) / SAMPLING_RATE
    >>> slow, fast = np.cos(2 * np.pi * 5 * time), np.cos(2 * np.pi * 60 * time)
    >>> print(f"{abs(passed('lowpass', 20, slow + fast) - slow)[360:-360].max():.2f}")
    0.01
    """
    y = _check.array(y, "y")
    sections = scipy_signal.butter(2, edges, kind, fs=SAMPLING_RATE, output="sos")
    ends = min(3 * (2 * len(sections) + 1), np.shape(y)[-1] - 1)  # samples mirrored beyond an end
    return scipy_signal.sosfiltfilt(sections, y, axis=-1, padlen=ends)


def notched(mains, width, y):
    """Remove the frequency of the mains and its harmonics by notches so many Hz wide.

    Examples
    --------
    >>> hum = np.cos(2 * np.pi * 50 * np.arange(3600) / SAMPLING_RATE)
    >>> print(f"{abs(notched(50, 1, hum))[720:-720].max():.2f}")
    0.00
    """
    y, width = _check.array(y, "y"), _check.number(width, "width", positive=True)
    mains = _check.number(mains, "mains", positive=True)
    for frequency in np.arange(mains, SAMPLING_RATE / 2, mains):
        b, a = scipy_signal.iirnotch(frequency, frequency / width, fs=SAMPLING_RATE)
        y = scipy_signal.filtfilt(b, a, y, axis=-1, padlen=min(9, np.shape(y)[-1] - 1))
    return y


LAMBDAS = np.round(np.geomspace(0.02, 2, 13), 3)  #: in mV, at noise of 0.1 mV
CUTOFFS = np.array([8, 12, 16, 20, 25, 30, 40, 50, 70, 100, 150])  #: in Hz
LOW_CUTOFFS = np.array([0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5])  #: in Hz
WIDTHS = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0])  #: in Hz


def _filter(parameter, grid, denoise):
    unit = 0.1 if parameter == "lambda" else None  # the noise, in mV, at which a lambda is tried
    return Method("", parameter, grid, lambda y, sigma, value: denoise(y, value), unit)


def _gmc_wavelets(y, lam):
    """Mirror the signals to a multiple of 16 samples, which the wavelets need, and cut that off."""
    length = y.shape[-1]
    y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, -length % 16)], "symmetric")
    return filters.gmc(y, lam, transform=WAVELETS)[..., :length]


def _band(y, highest):
    return passed("bandpass", (0.5, highest), y)


#: Filters by name. The frequency of the mains is known, as that of the country.
ECG_FILTERS = {
    "Wiener": filters.METHODS["wiener"],
    "total variation": _filter("lambda", LAMBDAS, filters.tv),
    "soft threshold, DFT": _filter("lambda", LAMBDAS, filters.l1),
    "GMC, DFT": _filter("lambda", LAMBDAS, filters.gmc),
    "GMC, wavelets": _filter("lambda", LAMBDAS, _gmc_wavelets),
    "low-pass": _filter("cutoff", CUTOFFS, lambda y, f: passed("lowpass", f, y)),
    "high-pass": _filter("cutoff", LOW_CUTOFFS, lambda y, f: passed("highpass", f, y)),
    "band-pass from 0.5 Hz": _filter("cutoff", CUTOFFS, _band),
    "notch 50 Hz": _filter("width", WIDTHS, lambda y, width: notched(50, width, y)),
    "notch 60 Hz": _filter("width", WIDTHS, lambda y, width: notched(60, width, y)),
    "notch 50 Hz, band-pass": _filter("cutoff", CUTOFFS, lambda y, f: _band(notched(50, 1, y), f)),
}


def risks(method, noisy, clean=None):
    """Try values of a filter's parameter: the values, estimates ``(values, n, length)``, and risks.

    The risk ``(values, n)`` is the `rms_error`; without clean signals an estimate of its square by
    Stein's formula (SURE), with the level of white noise from differences of neighbours.

    Examples
    --------
    >>> _, found, risk = risks(ECG_FILTERS["high-pass"], np.sin(np.arange(198.0)).reshape(2, 99))
    >>> found.shape, risk.shape
    ((7, 2, 99), (7, 2))
    """
    noisy = np.atleast_2d(_check.array(noisy, "noisy"))
    if clean is None:
        level = tuning.mad_sigma(noisy, difference=True)
        if not level.all():
            raise ValueError("noisy must hold noise: half of its neighbours are equal")
    else:
        level = rms_error(noisy, clean)[..., None]
    values, found = method.values(noisy, level), method.sweep(noisy, level)
    if clean is not None:
        return values, found, rms_error(found, clean)
    sweep = partial(method.sweep, sigma=level)
    return values, found, tuning.sure_risk(sweep, noisy, level, 0, estimate=found)


def choose(method, noisy, clean=None):
    """Return the value of a filter's parameter with the least mean of `risks` over all signals.

    Examples
    --------
    >>> noisy, clean, _ = draw("white", 0.1, signals=5, seed=0, purpose="validation")
    >>> choose(ECG_FILTERS["low-pass"], noisy, clean), choose(ECG_FILTERS["low-pass"], noisy)
    (30, 30)
    """
    values, _, risk = risks(method, noisy, clean)
    return values[risk.mean(axis=-1).argmin()].item()


# --- networks

SHAPE = {"depth": 8, "kernel": 5, "dilation": [1, 2, 4, 8, 16, 32, 64, 1]}  #: reach: 0.71 s
LOUDEST = 0.3  #: highest level of each kind of noise in training, in mV
VARIED = {"noises": ["white"], "varied": True}

#: Networks taught by clean signals: the options in which they differ.
TAUGHT = {
    "net, white": VARIED | {"varied": False},
    "net, white, varied": VARIED,
    "net, white, varied, thresholds follow": VARIED | {"norm": "batch+nonnegative_l1*linear"},
    "net, all kinds, varied": VARIED | {"noises": [n for n in NOISES if n != "all"]},
}
#: Networks taught by the noisy recording alone: the lesson of each.
ALONE = {
    "SURE, recording alone": LESSONS["SURE, level estimated"],
    "noise2self, recording alone": LESSONS["noise2self"],
}
COMPARED = ("none", *ECG_FILTERS, *TAUGHT, *ALONE)  #: all methods, in the order of tables

#: Noise of the recording that teaches `ALONE`. SURE assumes white noise, noise2self noise that
#: cannot be predicted.
HEARD = [("white", 0.1), ("hum 50 Hz", 0.1)]


def recipe(method, noise=None, mv=None, **changes):
    """Return the recipe of a training: `networks.BASE` with changes, and ``method``.

    A method in `ALONE` needs the noise of the recording, and its level.

    Examples
    --------
    >>> recipe("SURE, recording alone", "white", 0.1)["batch"]
    8
    """
    _check.choice(method, "method", (*TAUGHT, *ALONE))
    chosen = {"method": method, "net": "plain", "shape": SHAPE, "family": "ecg", "sigma": None}
    chosen |= {"batch": 8, "length": 512, "lr": 1e-2}
    if method in TAUGHT:
        chosen |= {"steps": 1000} | TAUGHT[method]
    else:
        chosen |= {"steps": 400, "noise": noise, "mv": mv}
    return networks.BASE | chosen | changes


def varied(n, length, rng):
    """Draw electrocardiograms ``(n, length)`` that need not be healthy.

    All waves of a draw are longer or shorter than those of `real.ecg` by one factor of up to 2;
    each signal has its own wander of up to 5 Hz and 0.15 mV.

    Examples
    --------
    >>> varied(8, 512, np.random.default_rng(0)).shape
    (8, 512)
    """
    clean = real.ecg(n, length, rng, rate=SAMPLING_RATE * 2 ** rng.uniform(-1, 1))
    return real.add_wander(clean, rng.uniform(0, 0.15, (n, 1)), rng, highest=5.0)


def mixed(noises, batch, length, seed, draws=real.ecg):
    """Return training data ``data(step) -> (noisy, clean)``, both ``(batch, length)``.

    Of several `noises` each is present with probability 1/2; its level is uniform up to `LOUDEST`,
    for each signal another. The clean signals are ``draws(batch, length, rng)``.

    Examples
    --------
    >>> noisy, clean = mixed(["white"], batch=5000, length=100, seed=0)(step=0)
    >>> print(f"{np.std(noisy - clean, axis=-1).mean():.2f} mV")
    0.15 mV
    """
    noises = [_check.choice(noise, "noises", NOISES) for noise in _check.several(noises, "noises")]

    def data(step):
        rng = stream(seed, "training", step)
        noisy = clean = draws(batch, length, rng)
        for noise in noises:
            there = rng.uniform(size=(batch, 1)) < (0.5 if len(noises) > 1 else 1)
            noisy = NOISES[noise](noisy, there * rng.uniform(0, LOUDEST, (batch, 1)), rng)
        return noisy, clean

    return data


def data(setting, seed):
    """Return the training data of a `recipe` with clean signals, as `mixed` does."""
    draws = varied if setting["varied"] else real.ecg
    return mixed(setting["noises"], setting["batch"], setting["length"], seed, draws)


def train(setting, seed, heard=None):
    """Train a network by a `recipe`; one in `ALONE` by a signal, or else by the noisy recording.

    Examples
    --------
    >>> net = train(recipe("net, white", steps=1, batch=2), seed=0)
    >>> net.denoise(np.zeros(3600)).shape
    (3600,)
    """
    batch, length = setting["batch"], setting["length"]
    if setting["method"] in TAUGHT:
        return networks.fit(setting, seed, data(setting, seed))[0]
    if heard is None:
        heard = draw(setting["noise"], setting["mv"], 1, seed)[0][0]
    lesson = ALONE[setting["method"]](nn.unsupervised.windows(heard, length, batch, seed))
    return networks.fit(setting, seed, lesson.data, lesson.loss)[0]


# --- pilot


def run_pilot(setting, seed, signals=10):
    """Train by a `recipe`, and return a row with the mean ``gain`` in dB on validation signals.

    A method in `ALONE` is taught by the first of these synthetic signals, and tested on it.

    Examples
    --------
    >>> (row,) = run_pilot(recipe("net, white", steps=1, batch=2), seed=0, signals=2)
    >>> print(row["gain"] < 5)
    True
    """
    alone = setting["method"] in ALONE
    places = [("white", 0.1)] if alone else [x for x in CONDITIONS if x[0] in setting["noises"]]
    drawn = [draw(noise, mv, signals, seed, "validation")[:2] for noise, mv in places]
    if alone:
        drawn = [[part[:1] for part in drawn[0]]]
    net = train(setting, seed, heard=drawn[0][0][0])
    found = [gains(net.denoise(noisy), noisy, clean).mean() for noisy, clean in drawn]
    return [{"gain": float(np.mean(found))}]


PILOTED = []
for lr in (3e-3, 1e-2, 3e-2, 1e-1):
    PILOTED += [recipe(method, lr=lr, steps=500) for method in TAUGHT if lr < 0.1]
    PILOTED += [recipe(method, "white", 0.1, lr=lr) for method in ALONE]

PILOT = Protocol(
    name="heart-pilot",
    run_one=run_pilot,
    settings=PILOTED,
    seeds=1,
    signals=10,
    table={"by": ["method", "lr"], "value": "gain"},
    quick={"settings": shortened(PILOTED, 100), "seeds": 1},
)


#: Learning rates that the pilot chose.
LEARNING_RATES = dict.fromkeys(TAUGHT, 0.01) | dict.fromkeys(ALONE, 0.03)


# --- study

TARGETS = {"recording": slice(0, 1), "synthetic": slice(1, None)}  #: parts of what `draw` returns
VALIDATION = 5  #: synthetic signals that filters are tuned on
UNTUNED = "not"  #: in the column ``tuned``, of a network
FIRST_SEED = 1000  #: of the study: the pilot has other signals


def run_one(setting, seed, signals=10):
    """Train a network or tune a filter, and test it on the recording and on synthetic signals.

    The setting is a `recipe`, or ``method`` alone: a name in `ECG_FILTERS`, or ``"none"``. Rows
    hold `scores` with ``target``, ``noise``, its level ``mv``, and how a filter was ``tuned`` (see
    `tuned`). A network taught by a recording is tested on that recording alone.

    Examples
    --------
    >>> row, *_ = run_one({"method": "high-pass"}, seed=0, signals=2)
    >>> row["target"], row["noise"], row["mv"], row["tuned"]
    ('recording', 'white', 0.05, 'synthetic')
    """
    method = _check.choice(setting["method"], "method", COMPARED)
    seed, rows = seed + FIRST_SEED, []
    alone = method in ALONE
    places = [(setting["noise"], setting["mv"])] if alone else CONDITIONS
    targets = ["recording"] if alone else TARGETS
    net = train(setting, seed) if "steps" in setting else None
    for noise, mv in places:
        noisy, clean, beats = draw(noise, mv, signals, seed)
        if method in ECG_FILTERS:
            known = draw(noise, mv, VALIDATION, seed, "validation")[:2]
            answers = tuned(ECG_FILTERS[method], noise, noisy, clean, known)
        else:
            estimate = noisy if net is None else net.denoise(noisy)
            answers = {UNTUNED: dict.fromkeys(targets, estimate)}
        for (how, estimates), target in itertools.product(answers.items(), targets):
            parts = (x[TARGETS[target]] for x in (estimates[target], noisy, clean, beats))
            row = {"target": target, "noise": noise, "mv": mv, "tuned": how}
            rows.append(row | {name: round(x, 4) for name, x in scores(*parts).items()})
    return rows


def tuned(method, noise, noisy, clean, known):
    """Return a filter's estimates ``(n, length)`` by way to choose its parameter, then by target.

    The ways are ``"synthetic"`` (least error on `known`, other synthetic signals, noisy and
    clean), ``"oracle"`` (on the clean target) and, for white noise, ``"SURE"`` (on the noisy one).
    """
    n, both = len(noisy), map(np.concatenate, ((noisy, known[0]), (clean, known[1])))
    _, found, errors = risks(method, *both)
    known_risk = np.tile(errors[:, n:].mean(axis=-1), (n, 1)).T
    ways = {"synthetic": (found[:, :n], known_risk), "oracle": (found[:, :n], errors[:, :n])}
    if noise == "white":
        _, *ways["SURE"] = risks(method, noisy)
    return {
        how: {x: found[risk[:, part].mean(axis=-1).argmin()] for x, part in TARGETS.items()}
        for how, (found, risk) in ways.items()
    }


def means(rows, value, target="recording", mv=0.1):
    """Return means of one of the `scores`, by method and noise; filters tuned on synthetic ones.

    Examples
    --------
    >>> row = {"method": "a", "noise": "white", "target": "recording", "mv": 0.1, "tuned": UNTUNED}
    >>> means([row | {"gain": 1.0}, row | {"gain": 2.0}], "gain")
    {'a': {'white': 1.5}}
    """
    _check.choice(value, "value", ("error", *TITLES))
    _check.choice(target, "target", TARGETS)
    compared = Table(rows).where(target=target, mv=mv, tuned=(UNTUNED, "synthetic"))
    known = Table(row for row in compared if row[value] is not None)
    found = known.pivot("method", "noise", value)
    listed = [method for method in COMPARED if method in found]  # whichever job ended first
    return {method: found[method] for method in dict.fromkeys([*listed, *found])}


TITLES = {
    "gain": "Gain in dB",
    "timing": "Distance of R waves found from true ones, ms",
    "wrong": "Beats missed, or found where there is none, of 100",
    "height": "Error of the height of QRS complexes, %",
    "flattened": "How much too low they are, %",
}


def report(rows):
    """Write a table of `means` for each target and each of `TITLES`.

    Examples
    --------
    >>> row = {"method": "a", "noise": "white", "target": "recording", "mv": 0.1, "tuned": UNTUNED}
    >>> text = report([row | dict.fromkeys(TITLES, 1.25)])
    >>> print(*text.splitlines()[:5], sep="|")
    Gain in dB, recording, 0.1 mV||| method | white |||---|---||| a | 1.25 |
    """
    parts = []
    for target, (value, title) in itertools.product(TARGETS, TITLES.items()):
        table, lines = [], means(rows, value, target)
        heard = [noise for noise in NOISES if noise in set().union(*lines.values())]
        for method, line in lines.items():
            cells = {x: f"{line[x]:.2f}" if x in line else None for x in heard}
            table.append({"method": method} | cells)
        if table:
            parts.append(f"{title}, {target}, 0.1 mV\n\n{tables.markdown(table)}")
    return "\n\n".join(parts)


STUDIED = [{"method": method} for method in ("none", *ECG_FILTERS)]
STUDIED += [
    recipe(method, lr=LEARNING_RATES[method], steps=600)
    for method in TAUGHT
    if method != "net, white, varied, thresholds follow"
]
STUDIED += [recipe(m, *where, lr=LEARNING_RATES[m]) for m in ALONE for where in HEARD]

PROTOCOL = Protocol(
    name="heart",
    needs=recording,
    run_one=run_one,
    settings=STUDIED,
    seeds=5,
    signals=10,
    table={
        "by": ["target", "noise", "mv", "tuned", "method"],
        "value": "gain",
        "reference": {"method": "low-pass", "tuned": "synthetic"},
    },
    report=report,
    quick={"settings": shortened(STUDIED, 200), "seeds": 1, "signals": 1},
)
