"""Questions about stored rows, each with the family of comparisons that answers it.

`paired` compares them, and corrects p values for all comparisons of a question.
"""

import itertools
from typing import NamedTuple

from denoiselib import _check
from denoiselib.experiments import heart, networks, paired, structured
from denoiselib.experiments.paired import Pair


class Question(NamedTuple):
    """What is asked, the column of the rows that answers it, and the comparisons."""

    text: str
    value: str
    pairs: list


def text(*names):
    """Write the answers to some of `QUESTIONS` as tables, with p after correction.

    Examples
    --------
    >>> print(text("help").splitlines()[0])
    Points further above the limit than one line higher (8 comparisons)
    """
    tables = []
    for name in names:
        question, value, pairs = QUESTIONS[_check.choice(name, "names", QUESTIONS)]
        tables.append(paired.text(question, paired.compared(pairs, value)))
    return "\n\n".join(tables)


def _taught(way, data, family):
    row = {"study": "unsupervised", "purpose": "test", "use": "direct"}
    return row | {"method": way, "data": data, "family": family}


def _law(way, family, seen=100):
    level = "given" if way == "tv" else "found"
    return {"study": "laws", "method": way, "family": family, "seen": seen, "level": level}


def _structured(way, family):
    return {"study": "structured", "method": way, "family": family}


def _heart(way, noise, target):
    tuned = "synthetic" if way in heart.ECG_FILTERS else heart.UNTUNED
    row = {"study": "heart", "method": way, "noise": noise, "target": target}
    return row | {"mv": 0.1, "tuned": tuned}


# --- who is compared with whom

CLEAN = [
    Pair(f"{way}, {family}", data, *(_taught(x, data, family) for x in (way, "supervised")))
    for family in networks.SHAPES
    for way in ("noise2noise", "SURE", "recorrupted")
    for data in ("fresh", "700 signals")
]
#: Ways that are not told the noise level, and those that are.
NOT_TOLD = dict.fromkeys(("SURE, level found", "SURE, level estimated", "UNSURE"), "SURE")
NOT_TOLD |= {"recorrupted, level found": "recorrupted"}
LEVEL = [
    Pair(f"{way}, {family}", data, *(_taught(x, data, family) for x in (way, told)))
    for family in networks.SHAPES
    for way, told in NOT_TOLD.items()
    for data in ("700 signals", "one recording")
]
RECORDING = [
    Pair(way, family, *(_taught(way, data, family) for data in ("one recording", "700 signals")))
    for way in ("SURE", "recorrupted", *NOT_TOLD, "noise2self", "neighbor2neighbor")
    for family in networks.SHAPES
]

FAR = "dilated, rectified"
AVERAGED = [f"{FAR}, averaged, {steps} steps" for steps in ("4,000", "12,000")]
USE = [
    Pair(f"{use}, {family}", data, _taught(way, data, family) | {"use": use}, direct)
    for way, use in (("noise2self", "hidden"), ("recorrupted", "mean of draws"))
    for family in networks.SHAPES
    for data in ("fresh", "700 signals", "one recording")
    if (direct := _taught(way, data, family))
]

RIGHT = [("nonnegative", "sparse_spikes", 100), ("nonnegative", "sparse_spikes", 700)]
RIGHT += [("pulses", "pulses", 100)]
RIGHT += [(law, "blocks", seen) for law in ("markov", "partition") for seen in (100, 700)]
#: Networks of `structured`, the best in this family and the best that is not averaged.
LAST = [("pulses", "pulses", "kernel 9, depth 5")]
LAST += [("markov", "blocks", AVERAGED[1]), ("partition", "blocks", FAR)]
OF_700 = "recorrupted, level found", "700 signals"
LAW = [
    Pair(f"{law} from {seen}, {family}", column, _law(law, family, seen), _taught(*net, family))
    for law, family, seen in RIGHT
    for column, net in {"net, clean": ("supervised", "fresh"), "net, 700 noisy": OF_700}.items()
]
LAW += [
    Pair(f"{law} from 100, {x}", "net, next study", _law(law, x), _structured(net, x))
    for law, x, net in LAST
]
WRONG = [
    Pair(law, f"{family}, than total variation", _law(law, family), _law("tv", family, 700))
    for law in ("independent", "nonnegative", "markov", "partition")
    for family in ("blocks", "tones", "ecg")
]
_SPIKES = [_law(law, "sparse_spikes") for law in ("markov", "nonnegative")]
WRONG.append(Pair("markov", "spikes, than samples >= 0", *_SPIKES))

NETS = list(structured.NETS)
GMC = ["l1_pulse, spikes >= 0", *(f"gmc_pulse, spikes >= 0, gamma {x}" for x in (0.2, 0.4, 0.8))]
FILTER = [
    Pair(way, family, _structured(way, family), _structured(best, family))
    for family, ways, best in [("pulses", NETS + GMC, GMC[0]), ("blocks", NETS + AVERAGED, "tv")]
    for way in ways
    if way != best
]
HELP = [
    Pair(way, family, _structured(way, family), _structured(before, family))
    for family, ways in (("pulses", NETS), ("blocks", NETS + AVERAGED))
    for before, way in itertools.pairwise(ways)
]

#: The classical answer to each disturbance.
CLASSICAL = {"wander": "high-pass", "hum 50 Hz": "notch 50 Hz", "hum 60 Hz": "notch 60 Hz"}
CLASSICAL |= {"bursts": "low-pass", "all": "notch 50 Hz, band-pass"}
NET, VARIED, KINDS = "net, white", "net, white, varied", "net, all kinds, varied"
DISTURBED = [
    Pair(f"{noise}: {net}", target, *(_heart(x, noise, target) for x in (net, answer)))
    for noise, answer in CLASSICAL.items()
    for net in (VARIED, KINDS)
    for target in heart.TARGETS
]
TWO = [(net, "total variation", "synthetic") for net in (NET, VARIED, KINDS)]
TWO += [(VARIED, NET, target) for target in heart.TARGETS]
HEARTS = [
    Pair(f"{first} / {second}", target, *(_heart(x, "white", target) for x in (first, second)))
    for first, second, target in TWO
]

QUESTIONS = {
    "clean": Question("Points further above the limit than with clean signals", "gap", CLEAN),
    "level": Question("Points further above the limit than when told the level", "gap", LEVEL),
    "recording": Question("Points further above the limit than from 700 signals", "gap", RECORDING),
    "use": Question("Points further above the limit than in direct use", "gap", USE),
    "law": Question("Points that a law is further above the limit than a network", "gap", LAW),
    "wrong": Question("RMSE above that of another way", "rmse", WRONG),
    "filter": Question("Points further above the limit than the best filter", "gap", FILTER),
    "help": Question("Points further above the limit than one line higher", "gap", HELP),
    "disturbed": Question("dB more than the classical answer gains", "gain", DISTURBED),
    "hearts": Question("dB more than the second of two gains in white noise", "gain", HEARTS),
}
