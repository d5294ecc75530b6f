"""The classical filters with the slides' parameter, tuned on noisy signals, and on clean ones.

Parameters are chosen on validation signals and judged on test signals; laws are learned from the
noisy ones among the former. All settings of one seed share their signals, so that differences are
paired.
"""

import numpy as np

from denoiselib import bayes, metrics, signals
from denoiselib.empirical import FAST, LAWS
from denoiselib.experiments.protocol import Protocol
from denoiselib.filters import METHODS

TUNINGS = ("slides", "sure", "oracle")


def tunings(name):
    """List the tunings of a filter: for some the slides have no parameter.

    Examples
    --------
    >>> tunings("tv")
    ['sure', 'oracle']
    """
    return [t for t in TUNINGS if t != "slides" or METHODS[name].slides is not None]


#: Every filter on every family, at the slides' noise level; laws, which have nothing to tune; and
#: the limits.
SETTINGS = [
    {"family": family, "sigma": 3.0, "method": method, "tuning": tuning}
    for family in signals.FAMILIES
    for method in METHODS
    for tuning in tunings(method)
] + [
    {"family": family, "sigma": 3.0, "method": name, "tuning": None}
    for name, families in (dict.fromkeys(FAST, signals.FAMILIES) | {"limit": bayes.LIMITS}).items()
    for family in families
]


def run_one(setting, seed, validation=200, test=1000):
    """Tune one filter on validation signals, and measure it on test signals.

    Its row is the setting and ``seed``, with ``value`` (of the parameter) and, over the test
    signals, ``rmse``, ``rmse_half`` (half width of its 95 % interval), ``psnr`` and ``slide_psnr``.

    Parameters
    ----------
    setting : dict
        ``family``, ``sigma``, ``method`` (a name in `filters.METHODS` or `empirical.FAST`, or
        ``"limit"``) and ``tuning`` (one of `TUNINGS`, None for laws and the limit).
    seed, validation, test : int
        The seed draws the signals and their noise, the others are numbers of signals.

    Examples
    --------
    >>> setting = {"family": "blocks", "sigma": 3.0, "method": "tv", "tuning": "oracle"}
    >>> row = run_one(setting, seed=0)
    >>> print(f"lambda {row['value']}, RMSE {row['rmse']:.2f}")
    lambda 8.0, RMSE 1.05
    """
    family, sigma, name = setting["family"], setting["sigma"], setting["method"]
    rng = np.random.default_rng(seed)
    clean = signals.FAMILIES[family](validation + test, rng=rng)
    noisy = signals.add_noise(clean, sigma, rng)
    seen, judged = slice(validation), slice(validation, None)
    if name == "limit":
        value, estimate = None, bayes.LIMITS[family](noisy[judged], sigma)
    elif name in LAWS:
        value, estimate = None, LAWS[name][1](noisy[seen], sigma).denoise(noisy[judged])
    else:
        value = tune(name, setting["tuning"], noisy[seen], clean[seen], sigma)
        estimate = METHODS[name].denoise(noisy[judged], sigma, value)
    rmse, half = metrics.mean_ci(metrics.rmse(estimate, clean[judged]))
    scores = {"value": value, "rmse": rmse, "rmse_half": half}
    for measure in (metrics.psnr, metrics.slide_psnr):
        scores[measure.__name__] = float(measure(estimate, clean[judged]).mean())
    return {**setting, "seed": seed, **scores}


def tune(name, tuning, noisy, clean, sigma):
    """Return a filter's parameter: the slides', or tuned on signals without or with the clean ones.

    Examples
    --------
    >>> tune("wiener", "slides", None, None, sigma=3.0)
    3
    """
    if tuning == "slides":
        return METHODS[name].slides
    return METHODS[name].tune(noisy, sigma, {"sure": None, "oracle": clean}[tuning]).value


def pivot(rows):
    """Arrange rows as tables of RMSE ``(methods + 1, families)``, the limit as the last line.

    There is one for each of `TUNINGS`, in the orders of `filters.METHODS`, `empirical.FAST` and
    `signals.FAMILIES`; NaN stands where there is no row.

    Parameters
    ----------
    rows : list of dict
        As `run_one` returns them, of one noise level.

    Examples
    --------
    >>> rows = [{"family": "blocks", "method": "limit", "tuning": None, "rmse": 0.95}]
    >>> print(pivot(rows)["sure"][-1])
    [ nan  nan 0.95  nan]
    """
    lines, columns = [*METHODS, *FAST, "limit"], list(signals.FAMILIES)
    tables = {tuning: np.full((len(lines), len(columns)), np.nan) for tuning in TUNINGS}
    for row in rows:
        place = lines.index(row["method"]), columns.index(row["family"])
        for tuning in [row["tuning"]] if row["tuning"] else TUNINGS:
            tables[tuning][place] = row["rmse"]
    return tables


def _rows(setting, seed, signals):
    return [run_one(setting, seed, test=signals)]


PROTOCOL = Protocol(
    name="classical",
    run_one=_rows,
    settings=SETTINGS,
    table={
        "by": ["family", "sigma", "method", "tuning"],
        "value": "rmse",
        "reference": {"method": "tv", "tuning": "oracle"},
        "last": {"method": "limit"},
    },
    quick={"seeds": 2, "signals": 200},
)
