"""What both libraries are asked.

A case names its kind, which both `ours` and `theirs` know how to compute, the options, and the
shapes of the inputs for a batch of n signals with c channels and l samples. Sizes and numbers may
be drawn anew; the file of stored answers keeps one draw of each.

A new case is one line here and, if its kind is new, one entry in `ours` and one in `theirs`; then
``python tests/data/make_torch_answers.py``.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from tests.nn.parity import ours


class Case(NamedTuple):
    kind: str
    options: dict
    shapes: Callable  # from n, c, l to shapes by the names of the inputs
    size: tuple = (3, 2, 7)  # n, c, l of the stored answers
    smallest: tuple = (1, 1, 1)  # and of the random ones, from here
    largest: tuple = (5, 4, 40)  # to here
    values: Mapping = MappingProxyType({})  # how to draw an input from rng and shape; else normal
    dtypes: tuple = ("float64", "float32")
    stored: bool = True  # else too large for the file, and compared live only

    @property
    def name(self):
        options = [f"{key}={value}" for key, value in self.options.items()]
        inputs = [
            f"{key}:{'x'.join(map(str, shape))}" for key, shape in self.shapes(*self.size).items()
        ]
        return " ".join([self.kind, *options, *inputs])

    def draw(self, rng, n, c, l):
        """Draw the inputs in float64; those of a module begin with its state."""
        inputs = state(self, c, rng) if self.kind in ours.MODULES else {}
        for name, shape in self.shapes(n, c, l).items():
            inputs[name] = np.asarray(self.values.get(name, normal)(rng, shape))
        return inputs

    def draw_size(self, rng):
        """Draw n, c, l."""
        return rng.integers(self.smallest, self.largest, endpoint=True)


def normal(rng, shape):
    return 2 * rng.standard_normal(shape)


def positive(rng, shape):
    return rng.uniform(0.3, 2, shape)


def integers(rng, shape):
    """Small integers, for ties and zeros."""
    return rng.integers(-2, 3, shape).astype(float)


def level(rng, shape):
    """Numbers with a mean much larger than their spread."""
    return 30 + rng.standard_normal(shape)


def state(case, c, rng):
    """Draw a state in which no entry has the value that it starts with, but for beta."""
    options = {key: value for key, value in case.options.items() if key != "mode"}
    drawn = {}
    for name, start in ours.MODULES[case.kind](c, **options).state_dict().items():
        if name.endswith("beta"):
            drawn[name] = np.array([0.5])
        elif start.ndim == 3:
            fan_in = start[0].size
            drawn[name] = rng.standard_normal(start.shape) * np.sqrt(2 / fan_in)
        elif name.endswith(("weight", "running_var")):  # of a normalisation
            drawn[name] = positive(rng, start.shape)
        else:
            drawn[name] = rng.standard_normal(start.shape) / 3
    return drawn


def signal(n, c, l):
    return {"x": (n, c, l)}


def one_channel(n, c, l):
    return {"x": (n, 1, l)}


CASES = [Case("operators", {}, lambda n, c, l: {"x": (n, c, l), "y": (n, c, l)})]


# --- arithmetic

for a, b in [
    (lambda n, c, l: (n, c, l), lambda n, c, l: (n, c, l)),
    (lambda n, c, l: (n, c, l), lambda n, c, l: (c, 1)),
    (lambda n, c, l: (l,), lambda n, c, l: (n, c, l)),
    (lambda n, c, l: (n, 1, l), lambda n, c, l: (1, c, 1)),
    (lambda n, c, l: (), lambda n, c, l: (c, l)),
]:

    def pair(n, c, l, a=a, b=b):
        return {"a": a(n, c, l), "b": b(n, c, l)}

    CASES += [Case(kind, {}, pair) for kind in ("add", "subtract", "multiply")]
    CASES += [Case("divide", {}, pair, values={"b": positive})]

CASES += [
    Case("power", {"exponent": p}, signal, values={"x": positive}) for p in (3, 0.5, -1, -1.5)
]
CASES += [Case("power", {"exponent": p}, signal, values={"x": integers}) for p in (1, 2)]

CASES += [
    Case("matmul", {}, shapes)
    for shapes in (
        lambda n, c, l: {"a": (c, l), "b": (l, 3)},
        lambda n, c, l: {"a": (n, c, l), "b": (n, l, 3)},
        lambda n, c, l: {"a": (n, c, l), "b": (l, 3)},
        lambda n, c, l: {"a": (3, c), "b": (n, c, l)},
        lambda n, c, l: {"a": (2, 1, c, l), "b": (n, l, 3)},
    )
]

for axis in (None, 0, 1, -1, (0, 2), (0, 1, 2)):
    for keepdims in (False, True):
        options = {"axis": axis, "keepdims": keepdims}
        CASES += [Case("sum", options, signal), Case("mean", options, signal)]


# --- shapes

INDICES = [
    1,
    (..., 2),
    (slice(None), 1, slice(None)),
    (slice(None), slice(None), slice(1, -1)),
    (slice(1, 3), slice(None), slice(None, None, 3)),
    np.array([2, 0, 0, 1]),
    (slice(None), np.array([1, 1, 0])),
    (np.array([[0, 2], [0, 1]]), np.array([[1, 0], [1, 1]])),
    (slice(None), slice(None), np.array([5, 3, 3])),
]
CASES += [Case("take", {"index": index}, signal, smallest=(3, 2, 6)) for index in INDICES]
CASES += [Case("take", {"index": np.array([2, 5, 2])}, lambda n, c, l: {"x": (6,)})]

CASES += [
    Case("concat", {"axis": 0}, lambda n, c, l: {"a": (n, c, l), "b": (1, c, l)}),
    Case("concat", {"axis": 1}, lambda n, c, l: {"a": (n, c, l), "b": (n, 3, l), "c": (n, 1, l)}),
    Case("concat", {"axis": 2}, lambda n, c, l: {"a": (n, c, l), "b": (n, c, 4)}),
    Case("concat", {"axis": 0}, lambda n, c, l: {"a": (n, l), "b": (c, l)}),
]
CASES += [
    Case("pad", {"before": before, "after": after}, signal)
    for before, after in ((0, 1), (2, 0), (1, 3), (0, 0))
]


# --- convolution, pooling, upsampling

for taps in (1, 3, 5, 9):
    for padding in (0, 1, 2, 4):

        def biased(n, c, l, taps=taps):
            return {"x": (n, c, l), "weight": (3, c, taps), "bias": (3,)}

        def unbiased(n, c, l, taps=taps):
            return {"x": (n, c, l), "weight": (4, c, taps)}

        for shapes in (biased, unbiased):
            options, shortest = {"padding": padding}, max(1, taps - 2 * padding)
            CASES += [Case("conv1d", options, shapes, (3, 2, 11), (1, 1, shortest))]

for padding, dilation in ((0, 2), (4, 4), (6, 3)):

    def dilated(n, c, l):
        return {"x": (n, c, l), "weight": (4, c, 3), "bias": (4,)}

    options, shortest = {"padding": padding, "dilation": dilation}, max(1, 2 * dilation + 1)
    CASES += [Case("conv1d", options, dilated, (3, 2, 11), (1, 1, shortest))]

for groups, taps, padding, dilation in ((2, 3, 1, 1), (3, 1, 0, 1), (4, 3, 4, 3), (2, 4, 0, 2)):

    def grouped(n, c, l, groups=groups, taps=taps):
        return {
            "x": (n, groups * c, l),
            "weight": (2 * groups, c, taps),
            "bias": (2 * groups,),
        }

    options = {"padding": padding, "dilation": dilation, "groups": groups}
    shortest = max(1, dilation * (taps - 1) + 1 - 2 * padding)
    CASES += [Case("conv1d", options, grouped, (3, 2, 11), (1, 1, shortest), stored=False)]

# wide enough to be computed in parts
CASES += [
    Case(
        "conv1d",
        {"padding": 2, "groups": 3},
        lambda n, c, l: {"x": (n, 3 * c, l), "weight": (24, c, 5), "bias": (24,)},
        size=(40, 16, 100),
        smallest=(30, 16, 96),
        largest=(50, 20, 110),
        stored=False,
    )
]
CASES += [
    Case(
        "conv1d",
        {"padding": 2},
        lambda n, c, l: {"x": (n, c, l), "weight": (16, c, 5), "bias": (16,)},
        size=(20, 16, 100),
        smallest=(16, 16, 96),
        largest=(24, 20, 110),
        stored=False,
    )
]

for kind in ("max_pool1d", "avg_pool1d"):
    for window in (1, 2, 3):
        for l in (6, 7):
            CASES += [Case(kind, {"window": window}, signal, (3, 2, l), (1, 1, window))]
CASES += [
    Case("max_pool1d", {"window": window}, signal, (4, 3, 15), (1, 1, 3), values={"x": integers})
    for window in (2, 3)
]
CASES += [Case("upsample1d", {}, signal, (3, 2, l)) for l in (1, 2, 6, 25, 50)]


# --- activations

for x in (normal, integers):
    size = (3, 2, 7) if x is normal else (2, 2, 9)
    CASES += [Case(kind, {}, signal, size, values={"x": x}) for kind in ("relu", "absolute")]
    CASES += [
        Case("leaky_relu", {"slope": slope}, signal, size, values={"x": x}) for slope in (0.01, 0.3)
    ]
CASES += [
    Case(kind, {}, signal, values={"x": lambda rng, shape: 5 * normal(rng, shape)})
    for kind in ("sigmoid", "softplus")
]

for penalty in ("l1", "nonnegative_l1", "l0", "l_half", "l_two_thirds", "firm"):
    options = [{"penalty": penalty}]
    options += [{"penalty": penalty, "gamma": 0.4}] if penalty == "firm" else []
    for u in (lambda n, c, l: (c, 1), lambda n, c, l: (), lambda n, c, l: (n, c, l)):

        def weighted(n, c, l, u=u):
            return {"x": (n, c, l), "u": u(n, c, l)}

        CASES += [Case("prox", o, weighted, values={"u": positive}) for o in options]

CASES += [
    Case("wiener_system_function", {}, one_channel, (2, 1, l), (1, 1, 16), (4, 1, 101))
    for l in (16, 37)
]


# --- modules

CASES += [
    Case("Conv1d", {"taps": 3, "mode": "train"}, signal),
    Case("Conv1d", {"taps": 5, "padding": 1, "mode": "eval"}, signal, smallest=(1, 1, 3)),
]

for mode in ours.MODES:
    CASES += [
        Case("BatchNorm1d", {"mode": mode}, signal, size, (1, 1, 2))
        for size in ((3, 2, 7), (1, 2, 6), (5, 3, 1))
    ]
    options = {"eps": 1e-3, "momentum": 0.3, "mode": mode}
    CASES += [Case("BatchNorm1d", options, signal, (2, 2, 9), (1, 1, 2), values={"x": level})]


# --- networks

LARGEST = (4, 1, 110)
NARROW = (2, 3, 2, 3, 3)
SLIDES = (2, 4, 8, 16, 16)


def net(kind, size, mode="train", shortest=1, **options):
    return Case(kind, options | {"mode": mode}, one_channel, size, (1, 1, shortest), LARGEST)


CASES += [net("PlainNet", (3, 1, 20), mode, shortest=2, kernel=3) for mode in ours.MODES]
CASES += [
    net("PlainNet", (1, 1, 37), shortest=2, kernel=9),
    net("PlainNet", (2, 1, 20), kernel=9, norm="none"),
    net("PlainNet", (2, 1, 20), kernel=1, norm="none", activation="leaky_relu"),
]

for prior in (False, True):
    for size in ((1, 1, 100), (3, 1, 37), (3, 1, 16)):
        for mode in ours.MODES:
            # 16 samples become one at the bottom, which a batch of one must not normalise
            shortest = 16 if mode == "eval" else 32
            CASES += [net("UNet", size, mode, shortest, channels=NARROW, prior=prior)]
        CASES += [net("UNet", size, shortest=16, channels=NARROW, prior=prior, norm="none")]
    for options in ({"pool": "average"}, {"activation": "leaky_relu"}):
        CASES += [net("UNet", (2, 1, 37), "train", 32, channels=NARROW, prior=prior, **options)]
    CASES += [net("UNet", (2, 1, 100), "train", 32, channels=SLIDES, prior=prior)]
    # a batch as in training; so many decisions that one is close, whence float64 alone
    large = net("UNet", (100, 1, 100), channels=SLIDES, prior=prior)
    CASES += [
        large._replace(
            smallest=(64, 1, 64), largest=(100, 1, 110), dtypes=("float64",), stored=False
        )
    ]


# --- training

CASES += [Case(kind, {}, lambda n, c, l: {"p": (n, c, l), "t": (n, c, l)}) for kind in ours.LOSSES]

for options in (
    {"name": "sgd"},
    {"name": "sgd", "momentum": 0.0, "weight_decay": 0.1},
    {"name": "sgd", "clip": 1.0},
    {"name": "adam"},
    {"name": "adam", "weight_decay": 0.1},
    {"name": "adamw", "weight_decay": 0.1},
):
    for schedule in ours.SCHEDULES if len(options) == 1 else ("constant",):
        CASES += [
            Case(
                "optimizer",
                options | {"schedule": schedule},
                lambda n, c, l: {"p": (c, l), "g": (50, c, l)},
                size=(1, 2, 3),
                largest=(1, 3, 5),
                dtypes=("float64",),
            )
        ]


def trained(n, c, l):
    start = ours.PlainNet(4, 3).state_dict()
    return {name: array.shape for name, array in start.items()} | {
        "x": (6, 1, l),
        "target": (6, 1, l),
    }


CASES += [
    Case(
        "trajectory",
        {},
        trained,
        size=(1, 1, 20),
        smallest=(1, 1, 10),
        largest=(1, 1, 30),
        values={"layers.1.running_var": positive, "layers.4.running_var": positive},
    )
]
