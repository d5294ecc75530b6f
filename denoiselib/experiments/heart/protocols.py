"""Learning rates from a pilot on synthetic signals; then filters and networks on all noises."""

import numpy as np

from denoiselib.experiments.heart.conditions import LEVELS, NOISES, draw, rms_error, scores
from denoiselib.experiments.heart.methods import FILTERS, risks
from denoiselib.experiments.heart.training import ALONE, TAUGHT, recipe, train
from denoiselib.experiments.protocol import Protocol, shortened

#: Where all methods are tested: each kind of noise, in mV; white noise at all levels.
CONDITIONS = [(noise, mv) for noise in NOISES for mv in LEVELS if noise == "white" or mv == 0.1]
#: Where networks are taught by the recording alone: SURE is made for white noise, hidden samples
#: for noise that cannot be foretold.
HEARD = [("white", 0.1), ("hum 50 Hz", 0.1)]
VALIDATION = 5  #: synthetic signals that filters are tuned on


def run_pilot(setting, seed, signals=10):
    """Train, and return the gain on synthetic validation signals.

    Parameters
    ----------
    setting : dict
        A `recipe`; one in `ALONE` hears the first of these signals, and is judged on it.
    seed : int
        Draws weights and signals.
    signals : int
        How many.

    Returns
    -------
    list of dict
        One row: ``gain`` in dB, a mean over signals and noises.

    Examples
    --------
    >>> (row,) = run_pilot(recipe("net, white", steps=1, batch=2), seed=0, signals=2)
    >>> print(row["gain"] < 5)
    True
    """
    alone = setting["method"] in ALONE
    where = [("white", 0.1)] if alone else CONDITIONS
    if not alone:
        where = [(noise, mv) for noise, mv in where if noise in setting["noises"]]
    drawn = [draw(noise, mv, signals, seed, "validation")[:2] for noise, mv in where]
    if alone:
        drawn = [(noisy[:1], clean[:1]) for noisy, clean in drawn]
    net = train(setting, seed, heard=drawn[0][0][0])
    gains = [
        20 * np.log10(rms_error(noisy, clean) / rms_error(net.denoise(noisy), clean)).mean()
        for noisy, clean in drawn
    ]
    return [{"gain": float(np.mean(gains))}]


PILOTED = [
    setting
    for lr in (3e-3, 1e-2, 3e-2, 1e-1)
    for setting in (
        *(recipe(method, lr=lr, steps=500) for method in TAUGHT if lr < 0.1),
        *(recipe(method, "white", 0.1, lr=lr) for method in ALONE),
    )
]

PILOT = Protocol(
    name="heart-pilot",
    run_one=run_pilot,
    settings=PILOTED,
    seeds=1,
    signals=10,
    table={"by": ["method", "lr"], "value": "gain"},
    quick={"settings": shortened(PILOTED, 100), "seeds": 1},
)


def chosen(rows):
    """Return the learning rates with the largest mean gain.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `heart-pilot`.

    Returns
    -------
    dict of str to float
        For each method.

    Examples
    --------
    >>> rows = [{"method": "a", "lr": lr, "gain": gain} for lr, gain in [(0.01, 2), (0.03, 1)]]
    >>> chosen(rows)
    {'a': 0.01}
    """
    gains = {}
    for row in rows:
        gains.setdefault(row["method"], {}).setdefault(row["lr"], []).append(row["gain"])
    return {name: max(rates, key=lambda lr: np.mean(rates[lr])) for name, rates in gains.items()}


#: What the pilot chose.
RATES = dict.fromkeys(TAUGHT, 0.01) | dict.fromkeys(ALONE, 0.03)

TARGETS = {"recording": slice(0, 1), "synthetic": slice(1, None)}


def run_one(setting, seed, signals=10):
    """Train a network or tune a filter, and measure it on the recording and synthetic signals.

    Parameters
    ----------
    setting : dict
        ``method``: a name in `FILTERS`, ``"none"``, or that of a `recipe`, which is all in it.
    seed : int
        Draws noise, synthetic signals and weights; others than those of the pilot.
    signals : int
        Number of synthetic test signals.

    Returns
    -------
    list of dict
        `scores` for each ``target``, ``noise``, its level ``mv``, and how a filter was ``tuned``:
        on synthetic signals with the same noise, by SURE on the noisy target alone (white noise
        only), or by an oracle. Networks are the same for all noises, but for those that a recording
        has taught, which are tested where they were taught.

    Examples
    --------
    >>> row, *_ = run_one({"method": "high-pass"}, seed=0, signals=2)
    >>> row["target"], row["noise"], row["mv"], row["tuned"]
    ('recording', 'white', 0.05, 'synthetic')
    """
    method, seed, rows = setting["method"], seed + 1000, []
    net = train(setting, seed) if "steps" in setting else None
    for noise, mv in [(setting["noise"], setting["mv"])] if method in ALONE else CONDITIONS:
        noisy, clean, beats = draw(noise, mv, signals, seed)
        if method in FILTERS:
            known = draw(noise, mv, VALIDATION, seed, "validation")[:2]
            answers = tuned(FILTERS[method], noise, noisy, clean, known)
        else:
            estimate = noisy if net is None else net.denoise(noisy)
            answers = {"not": dict.fromkeys(TARGETS, estimate)}
        for how, estimates in answers.items():
            for target in list(TARGETS)[: 1 if method in ALONE else 2]:
                part, where = TARGETS[target], {"noise": noise, "mv": mv, "tuned": how}
                args = (x[part] for x in (estimates[target], noisy, clean, beats))
                values = {name: round(x, 4) for name, x in scores(*args).items()}
                rows.append({"target": target} | where | values)
    return rows


def tuned(method, noise, noisy, clean, known):
    """Return what a filter makes of signals, for each way to choose its parameter.

    Parameters
    ----------
    method : Method
        One of `FILTERS`.
    noise : str
        Name in `NOISES`.
    noisy, clean : ndarray (n, length)
        The recording, and synthetic signals.
    known : (ndarray, ndarray)
        Other synthetic signals, noisy and clean.

    Returns
    -------
    dict of str to dict of str to ndarray (n, length)
        By ``"synthetic"``, ``"oracle"``, ``"SURE"``, then by target.
    """
    n, both = len(noisy), map(np.concatenate, ((noisy, known[0]), (clean, known[1])))
    found, errors = risks(method, *both)
    chosen = np.tile(errors[:, n:].mean(axis=-1), (n, 1)).T
    ways = {"synthetic": chosen, "oracle": errors[:, :n]}
    if noise == "white":
        ways["SURE"] = risks(method, noisy)[1]
    return {
        how: {
            target: found[risk[:, part].mean(axis=-1).argmin(), :n]
            for target, part in TARGETS.items()
        }
        for how, risk in ways.items()
    }


def means(rows, value, target="recording", mv=0.1):
    """Return a table: the mean over seeds for each method and noise, filters tuned on synthetic.

    Parameters
    ----------
    rows : list of dict
        Of the protocol `heart`.
    value : str
        One of `scores`.
    target : {"recording", "synthetic"}
        What was denoised.
    mv : float
        Level of the noise.

    Returns
    -------
    dict of str to dict of str to float
        By method, then by noise, as far as there are rows.

    Examples
    --------
    >>> row = {"method": "a", "noise": "white", "target": "recording", "mv": 0.1, "tuned": "not"}
    >>> means([row | {"gain": 1.0}, row | {"gain": 2.0}], "gain")
    {'a': {'white': 1.5}}
    """
    found = {}
    for row in rows:
        wanted = (
            row["target"] == target and row["mv"] == mv and row["tuned"] in ("not", "synthetic")
        )
        if wanted and row[value] is not None:
            values = found.setdefault(row["method"], {}).setdefault(row["noise"], [])
            values.append(row[value])
    return {
        method: {noise: float(np.mean(values)) for noise, values in noises.items()}
        for method, noises in found.items()
    }


TITLES = {
    "gain": "Gain in dB",
    "timing": "Distance of R waves found from true ones, ms",
    "wrong": "Beats missed, or found where there is none, of 100",
    "height": "Error of the height of QRS complexes, %",
    "flattened": "How much too low they are, %",
}


def report(rows):
    """Write five small tables for each target, noise of 0.1 mV.

    Examples
    --------
    >>> row = {"method": "a", "noise": "white", "target": "recording", "mv": 0.1, "tuned": "not"}
    >>> text = report([row | dict.fromkeys(TITLES, 1.25)])
    >>> print(*text.splitlines()[:5], sep="|")
    Gain in dB, recording, 0.1 mV||| method | white |||---|---||| a | 1.25 |
    """
    parts = []
    for target in TARGETS:
        for value, title in TITLES.items():
            table = means(rows, value, target)
            noises = [noise for noise in NOISES if any(noise in line for line in table.values())]
            if noises:
                lines = [["method", *noises], ["---"] * (1 + len(noises))]
                for method, line in table.items():
                    numbers = (f"{line[n]:.2f}" if n in line else "" for n in noises)
                    lines.append([method, *numbers])
                text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
                text = text.replace("| --- |", "|---|").replace(" --- |", "---|")
                parts.append(f"{title}, {target}, 0.1 mV\n\n{text}")
    return "\n\n".join(parts)


STUDIED = [
    *({"method": method} for method in ("none", *FILTERS)),
    *(
        recipe(method, lr=RATES[method], steps=600)
        for method in TAUGHT
        if method != "net, white, varied, thresholds follow"
    ),
    *(recipe(method, *where, lr=RATES[method]) for method in ALONE for where in HEARD),
]

PROTOCOL = Protocol(
    name="heart",
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
