"""Which mode of batch norm wins on signals that no network has seen: told first, then measured.

`adaptation` foretells errors of ideal networks. Its depths were found on sparse spikes; here are
other laws of independent samples, with networks trained for each.
"""

import numpy as np

from denoiselib import adaptation, metrics
from denoiselib._random import stream
from denoiselib.empirical.independent import Independent
from denoiselib.experiments import networks, tables
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.table import Table

HEIGHTS = np.linspace(-40, 40, 321)

#: Values of a sample and their weights: what `Independent` takes and `draw` draws.
LAWS = {
    "symbols": ([-4.0, 4.0], [0.5, 0.5]),
    "Laplace": (HEIGHTS, np.exp(-abs(HEIGHTS) / 3)),
    "uniform": (np.linspace(0, 10, 41), np.ones(41)),
    "rare": ([0.0, 20.0], [0.95, 0.05]),
}

HYPOTHESIS = """\
Written before the study was run. For each law, noise level and mode of batch norm, the error that
is foretold without a network is within 3 % of the measured one (means over seeds); and of fixed and
unfixed, alone or in 64, the better one is foretold wherever the two differ by more than 1 %."""

MODES = {"fixed": None, "batch 64": 64, "batch 1": 1}
SEEN = 3000  #: signals that stand for those of training


def draw(family, n, length=100, rng=None):
    """Draw clean signals ``(n, length)`` of one of the `LAWS`."""
    known = law(family, sigma=1.0)
    return rng.choice(known.atoms, (n, length), p=known.weights)


def law(family, sigma):
    """Return one of the `LAWS` as what gives posterior means."""
    atoms, weights = (np.asarray(x, dtype=float) for x in LAWS[family])
    named = {"atoms": atoms, "weights": weights / weights.sum()}
    return Independent(sigma=sigma, log_likelihood=np.nan, **named)


def foretold(family, sigma, noisy, mode, seed=0):
    """Return estimates of an ideal network, trained at a level, on signals of any level.

    Examples
    --------
    >>> noisy = draw("symbols", 64, rng=stream(0, "test"))
    >>> foretold("symbols", 3.0, noisy, "batch 64").shape
    (64, 100)
    """
    rule = law(family, sigma).denoise
    if MODES[mode] is None:
        return rule(noisy)
    rng = stream(seed, "validation")
    seen = draw(family, SEEN, noisy.shape[-1], rng)
    seen = seen + sigma * rng.standard_normal(seen.shape)
    return adaptation.adapted(rule, noisy, seen, MODES[mode])


def run_one(setting, seed, signals):
    """Foretell the errors of all modes at all levels, then train a network and measure them.

    Examples
    --------
    >>> rows = run_one(SETTINGS[0] | {"steps": 2}, seed=0, signals=64)
    >>> len(rows), rows[0]["test_sigma"], rows[0]["mode"]
    (18, 1.0, 'fixed')
    """
    family, sigma, rows = setting["family"], setting["sigma"], []

    def clean(n, length=100, rng=None):
        return draw(family, n, length, rng)

    recipe = setting | {"family": clean}
    tests = {level: networks.draw(clean, level, signals, seed)[:2] for level in networks.SIGMAS}
    for level, (noisy, truth) in tests.items():
        best = metrics.rmse(law(family, level).denoise(noisy), truth).mean()
        for mode in MODES:
            error = metrics.rmse(foretold(family, sigma, noisy, mode, seed), truth).mean()
            row = {"test_sigma": level, "mode": mode, "limit": float(best)}
            rows.append(row | {"foretold": float(error)})
    net, _ = networks.fit(recipe, seed)
    ways = networks.modes(net, recipe, seed)
    for row in rows:
        noisy, truth = tests[row["test_sigma"]]
        row["rmse"] = float(metrics.rmse(ways[row["mode"]](noisy), truth).mean())
    return rows


def compared(rows):
    """Return a line for each law, level and mode: both errors, and how far they are apart.

    A line has means over seeds, ``foretold`` and ``measured``, and ``off``, in percent; ``wins``,
    whether the mode beats the fixed one, as foretold and as measured; and ``close``, whether the
    two differ by less than 1 %, so that no winner is counted.
    """
    lines, means = [], {}
    for place, group in Table(rows).by("family", "test_sigma", "mode").items():
        means[place] = group.mean("foretold"), group.mean("rmse")
    for (family, level, mode), (told, measured) in means.items():
        line = {"family": family, "test_sigma": level, "mode": mode}
        line |= {"foretold": told, "measured": measured, "off": 100 * (told / measured - 1)}
        fixed = means[family, level, "fixed"]
        wins = [bool(x < y) for x, y in zip((told, measured), fixed, strict=True)]
        close = abs(measured / fixed[1] - 1) < 0.01
        lines.append(line | {"wins": wins, "close": close})
    return lines


def report(rows):
    """Write the hypothesis, a line for each place, and how often it is so."""
    lines = compared(rows)
    near = sum(abs(x["off"]) < 3 for x in lines)
    judged = [x["wins"] for x in lines if x["mode"] != "fixed" and not x["close"]]
    right = sum(told == measured for told, measured in judged)
    for line in lines:
        line |= {name: f"{line[name]:.3f}" for name in ("foretold", "measured")}
        line["off"] = f"{line['off']:+.1f}"
    found = f"{near} of {len(lines)} within 3 %, {right} of {len(judged)} winners right"
    return f"{HYPOTHESIS}\n\n{tables.markdown(lines)}\n\n{found}"


CHANGE = {"net": "plain", "init": "lecun", "steps": 2000}
SETTINGS = [networks.BASE | CHANGE | {"family": family} for family in LAWS]

PROTOCOL = Protocol(
    name="foretold",
    run_one=run_one,
    settings=SETTINGS,
    seeds=10,
    signals=1920,
    table={"by": ["family", "test_sigma", "mode"]},
    report=report,
    quick={"settings": shortened(SETTINGS, 100), "seeds": 2, "signals": 128},
)
