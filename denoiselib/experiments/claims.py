"""Statements about a denoising U-Net and its batch norm, each with a test that can refute it.

A job trains the networks that one part of the study needs, and returns the numbers; `verdicts` are
computed from these. All signals are sparse spikes.
"""

from typing import NamedTuple

from denoiselib.experiments import claims_rows, intervals, networks, tables
from denoiselib.experiments.protocol import Protocol, shortened
from denoiselib.experiments.table import Table


class Claim(NamedTuple):
    """A statement holds if a column of the rows with this `measure` is `above` a bound."""

    text: str
    measure: str
    column: str = "value"  #: or "share", of the signals
    above: float = 0.0


#: The statements by number.
CLAIMS = {
    1: Claim("Batch norm makes training stable", "stuck without - with"),
    2: Claim("High average accuracy", "RMSE below, %", "share", 0.5),
    3: Claim("Worse in some cases", "RMSE above, %", "share", 0.01),
    4: Claim("Small training batches are a cause", "RMSE after batches of 1 above 64, %"),
    5: Claim("The mode of batch norm matters", "change / error", "share", 0.5),
    6: Claim("Unfixed beats fixed in most cases", "RMSE below fixed, %", "share", 0.5),
    7: Claim("The NumPy network equals PyTorch's", ""),
    8: Claim("Sparse signals help convergence", "rank correlation with the draws"),
    9: Claim("Features differ among layers", "correlation, one layer - two"),
    10: Claim("Most fluctuations are removed", "noise removed", "share", 0.5),
    11: Claim(
        "Specific cases follow a local optimum's distribution",
        "variance due to the training",
        above=0.5,
    ),
    12: Claim("Slight differences in the input matter", "amplification", "share", 0.5),
    13: Claim("Batch norm controls outliers", "kurtosis before - after", above=0.1),
}

#: What their measures mean, and which values refute them.
TESTS = {
    1: "more trainings are stuck without it than with it, from the same seeds",
    2: "the network beats tuned filters on more than half of the signals",
    3: "it is worse, or worse by 5 %, on more than 1 % of the signals",
    4: "trained on as many signals, one by one, the error is larger than with batches of 64",
    5: "another mode changes the output by more than 5 % of the error on most signals",
    6: "its error is smaller on more than half of the signals",
    7: "stored answers of PyTorch: python -m pytest tests/nn/parity",
    8: "the more spikes are drawn, the later, or the further from the limit, a training ends",
    9: "channels of one layer are more alike (absolute correlation) than those of two",
    10: "more than half of the noise's energy is gone where the signal is 0, on most signals "
    "(beside it in the table: a constant)",
    11: "of the variance of errors more than half is due to the training, not to the signal",
    12: "a small change grows on its way to the output, on most signals "
    "(beside it in the table: the limit)",
    13: "it lowers the mean excess kurtosis of the features by more than 0.1",
}

RULE = (
    "A statement holds under a condition if the number that decides lies above its bound in so "
    "many seeds that an exact sign test is sure (p < 0.05), and does not hold if it lies below in "
    "so many. Everything else is open: of ten seeds the test finds what is so in 80 % of all "
    f"trainings with a probability of {intervals.power(10, 0.8):.0%}, what is so in 95 % with "
    f"{intervals.power(10, 0.95):.0%}. Numbers are medians over seeds, with 95 % intervals, then "
    "the seeds above and below the bound. Conditions are not corrected for their number."
)


def verdicts(rows):
    """Judge the statements by the `RULE`.

    A line for each of `CLAIMS` has its number, ``statement``, ``test``, ``measured`` (numbers and
    answer under each condition, with 95 % intervals over seeds) and ``verdict``.

    Examples
    --------
    >>> row = {"claim": 11, "measure": "variance due to the training", "share": None}
    >>> rows = [row | {"condition": "all", "seed": s, "value": 0.1 + s / 100} for s in range(6)]
    >>> line = verdicts(rows)[10]
    >>> print(line["measured"], "|", line["verdict"])
    all: 0.125 (0.1 to 0.15), 0:6 no | does not hold
    """
    lines = []
    for number, claim in CLAIMS.items():
        found = decide(rows, number)
        line = {"claim": number, "statement": claim.text, "test": TESTS[number]}
        measured = "; ".join(f"{x['condition']}: {_numbers(x)}" for x in found)
        judged = verdict({x["condition"]: x["holds"] for x in found})
        lines.append(line | {"measured": measured, "verdict": judged})
    return lines


def decide(rows, number):
    """Judge the statement of that number under each condition; rows without a value are ignored.

    A line has the ``condition``, number of ``seeds``, ``value`` and ``share`` (as
    `intervals.median`, or None), ``seen`` (seeds above and below the bound) and ``holds``
    (``"yes"``, ``"no"`` or ``"open"``).

    Examples
    --------
    >>> row = {"claim": 1, "measure": "stuck without - with", "share": None, "condition": "x"}
    >>> [x] = decide([row | {"seed": s, "value": 1.0} for s in range(6)], 1)
    >>> x["value"], x["holds"]
    ((1.0, 1.0, 1.0), 'yes')
    """
    claim, lines = CLAIMS[number], []
    known = Table(row for row in rows if row["value"] is not None)
    measured = known.where(claim=number, measure=claim.measure)
    for condition, group in measured.by("condition").items():
        line = {"condition": condition, "seeds": len(group), "share": None}
        for column in ("value", "share"):
            if group[0][column] is not None:
                line[column] = intervals.median(group.column(column))
        above, below, p = intervals.sign(x - claim.above for x in group.column(claim.column))
        answer = "yes" if above > below else "no"
        line |= {"seen": (above, below), "holds": answer if p < intervals.SIGNIFICANCE else "open"}
        lines.append(line)
    return lines


def verdict(answers):
    """Sum up the answers, ``{condition: "yes", "no" or "open"}``, in words.

    Examples
    --------
    >>> verdict({"fixed": "yes", "alone": "yes"})
    'holds'
    >>> verdict({"fixed": "yes", "alone": "no", "in 64": "open"})
    'holds only when: fixed; open when: in 64'
    >>> verdict({})
    'not measured here'
    """
    if not answers:
        return "not measured here"
    when = {x: ", ".join(c for c, y in answers.items() if x == y) for x in ("yes", "no", "open")}
    kinds = set(answers.values())
    if len(kinds) == 1:
        return {"yes": "holds", "no": "does not hold", "open": "open"}[kinds.pop()]
    text = f"holds {'only ' if when['no'] else ''}when: {when['yes']}"
    if not when["yes"]:
        text = f"does not hold when: {when['no']}"
    return f"{text}; open when: {when['open']}" if when["open"] else text


def report(rows):
    """Return the verdicts as a table in Markdown, followed by the rule.

    Examples
    --------
    >>> print(report([]).splitlines()[0])
    | claim | statement | test | measured | verdict |
    """
    return f"{tables.markdown(verdicts(rows))}\n\n{RULE}"


def _numbers(line):
    (middle, low, high), share = line["value"], line["share"]
    text = f"{middle:.3g} ({low:.3g} to {high:.3g})"
    if share is not None:
        text += ", on {:.1%} ({:.1%} to {:.1%})".format(*share)
    return "{}, {}:{} {}".format(text, *line["seen"], line["holds"])


RECIPE = networks.BASE | {"init": "lecun", "steps": 2000}  #: of the network that is looked at
SIGNALS_SEEN = 16_000  #: in each training with small or large batches

SETTINGS = [
    {"part": "network", **RECIPE},
    *({"part": "stability", **networks.BASE, "lr": lr} for lr in (1e-3, 1e-2, 3e-2, 1e-1)),
    *({"part": "batches", **RECIPE, "norm": x, "seen": SIGNALS_SEEN} for x in ("batch", "none")),
    {"part": "sparsity", **RECIPE, "steps": 1000, "draws": [2, 5, 10, 20, 40, 80]},
    {"part": "optima", **networks.BASE, "lr": 1e-2, "steps": 600, "nets": 8},
]


def run_one(setting, seed, signals=1000):
    """Train the networks of one part of the study, and measure them.

    The setting is a recipe as `networks.BASE`, ``part`` (a function of `claims_rows`), and its
    options. Rows have the number of a ``claim``, ``measure``, ``condition``, ``value`` and
    ``share`` (fraction of the signals on which the statement holds, or None).

    Examples
    --------
    >>> setting = {"part": "stability", **networks.BASE, "batch": 2, "steps": 2}
    >>> for row in run_one(setting, seed=0, signals=10):
    ...     print(row["claim"], row["measure"], row["condition"], row["value"])
    1 stuck, with batch norm learning rate 0.03 1.0
    1 stuck, without learning rate 0.03 1.0
    1 stuck without - with learning rate 0.03 0.0
    """
    return list(claims_rows.PARTS[setting["part"]](setting, seed, signals))


PROTOCOL = Protocol(
    name="claims",
    run_one=run_one,
    settings=SETTINGS,
    together=lambda setting: 10 * (setting["part"] != "sparsity"),  # which draws its own signals
    seeds=10,
    signals=1000,
    table={"by": ["claim", "measure", "condition"], "value": "value"},
    report=report,
    quick={"settings": shortened(SETTINGS, 25), "seeds": 2, "signals": 100},
)
