"""Every public function with bad and odd input: a sound answer, or words that name the argument.

A call that is valid is found by the names of its arguments, see `valid`; then one or two of them
are replaced by an odd value, see `odd`. What must hold of about 10,000 such calls:

- there is a result, finite if all numbers that went in were, or a TypeError or ValueError;
- the library has raised it on purpose, and it names the argument;
- no masked value has been used;
- no array that went in has changed.
"""

import copy
import inspect
import itertools
import linecache
import numbers
import re
import traceback
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

import denoiselib
from denoiselib.filters import METHODS
from denoiselib.nn import Module, Program, Tensor
from tests.fuzz import odd, public, valid

LIBRARY = str(Path(denoiselib.__file__).parent)
CASES = 15  #: of each argument of a function

#: What is not called, and why.
EXCLUDED = {
    **dict.fromkeys(["empirical.Independent", "empirical.Law"], "what a fit returns"),
    "empirical.Independent.posterior_mean": "for Law.denoise, which checks",
    "nn.BatchNorm1d.checked": "for subclasses",
    "nn.BatchNorm1d.normalise": "for subclasses",
    "nn.BatchNorm1d.record": "for subclasses",
    "nn.BatchNorm1d.run": "for subclasses",
    "nn.PlainNet.forward_part": "for nn.denoise_long",
    "nn.PlainNet.channels": "for PlainNet.denoise and nn.denoise_long",
    "nn.PlainNet.inputs": "for subclasses",
    "nn.train.History.record": "for nn.train.fit",
    "nn.train.check_optimizer": "for nn.train.fit and nn.checkpoint.Checkpoint",
    "nn.Program.backward": "replayed at each step of a training, with nothing but a number",
    "nn.UNet.forward_part": "for nn.denoise_long",
    "nn.UNet.mask": "a part of its forward",
    "nn.norm.LineEnhancer.features": "for subclasses",
    "nn.BatchNorm1d.each": "for subclasses",
    "nn.train.batch_of": "for nn.train.fit and nn.stacks.streams",
    "nn.optim.Optimizer.leaving": "for nn.train.fit and wrappers",
    "nn.optim.Optimizer.numbers": "for subclasses",
    "nn.optim.Optimizer.spread": "for subclasses",
}

FUNCTIONS = {k: v for k, v in public.functions().items() if k not in EXCLUDED}

#: What is not finite though all that went in was.
INFINITE = {
    "interpret.shrinkage_curve": "an empty bin has no mean",
    "metrics.psnr": "an exact estimate has an infinite one",
    "metrics.slide_psnr": "an exact estimate has an infinite one",
    "nn.ops": "an operation of the tape is arithmetic: what overflows does, and NaN passes on",
    "nn.Tensor": "the same",
    "nn.losses": "the same",
    "nn.wrappers.clip": "the same",
    "calling.Program": "the same",
    "interpret.energy": "a large power overflows",
    "metrics.ulps": "next to 0 the unit is the smallest number there is",
}
#: What else may be raised.
RAISED = {
    "nn.checkpoint.load": FileNotFoundError,
    "real.load_signal": FileNotFoundError,
    "nn.ops.take": IndexError,  # as an array's own indexing, on which iteration relies
    "nn.train.fit": FloatingPointError,
}
#: What is said without the name of an argument: a tensor has met a module's parameters.
INSIDE = {"calling": "float32 and float64 tensors meet"}
#: Arguments that are not replaced.
KEPT = {
    ("nn.ops.signals", "name"),  # what messages call x
    ("nn.ops.take", "index"),  # NumPy's own indexing, and its errors
}
#: What changes the array that it is given, as it says.
IN_PLACE = ("nn.wrappers.clip",)


def _tuning(method):
    return lambda noisy, sigma, clean: method.tune(noisy, sigma, clean)


def _calling(made, arguments):
    return lambda x: made(**arguments)(x)


for _name, _class in list(FUNCTIONS.items()):
    if inspect.isclass(_class) and issubclass(_class, Module) and valid.arguments(_name, _class):
        made = _calling(_class, valid.arguments(_name, _class))
        FUNCTIONS[f"calling.{_class.__name__}"] = made
for _name in METHODS:
    FUNCTIONS[f"tuning.{_name}"] = _tuning(METHODS[_name])
FUNCTIONS["calling.Program"] = lambda arrays: Program(lambda x: (x * x).sum())(arrays)
FUNCTIONS["calling.ProximalStep"] = lambda y: valid.STEP(y)


def good_arguments(name):
    """Return valid arguments of a function, which are replaced one by one."""
    return valid.arguments(name, FUNCTIONS[name])


def cases(name):
    """Yield which arguments are replaced by what, always the same."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    good = good_arguments(name)
    names = [key for key in good if key != "self" and (name, key) not in KEPT]
    for first in names:
        for _ in range(CASES):
            both = {first, names[rng.integers(len(names))] if rng.random() < 0.25 else first}
            yield {key: _choose(good[key], rng) for key in sorted(both)}


def _choose(good, rng):
    """Return what an odd value is called, and the value."""
    if isinstance(good, np.ndarray) and rng.random() < 0.6:
        kind = list(odd.ARRAYS)[rng.integers(len(odd.ARRAYS))]
        with warnings.catch_warnings(action="ignore"):  # 1e200 as an int, a number as a float16
            return kind, odd.ARRAYS[kind](good)
    kinds = list(odd.ANYTHING) + ([] if callable(good) else list(odd.CALLABLE))
    kind = kinds[rng.integers(len(kinds))]
    return kind, (odd.ANYTHING | odd.CALLABLE)[kind]()


def entry(table, name):
    """Look a function up in a table, by its name or its module's."""
    return next((value for key, value in table.items() if valid.applies(key, name)), None)


def arrays_in(thing):
    """Yield the arrays and numbers in something, however deep."""
    if isinstance(thing, np.ndarray | np.generic | numbers.Number):
        yield np.asarray(thing)
    elif isinstance(thing, Tensor):
        yield thing.data
    elif isinstance(thing, Module):
        yield from (tensor.data for _, tensor in thing.named_state())
    elif isinstance(thing, dict):
        yield from arrays_in(list(thing.values()))
    elif isinstance(thing, list | tuple | set):
        for part in thing:
            yield from arrays_in(part)


def finite(thing):
    """Tell whether all numbers in something are."""
    return all(np.isfinite(a).all() for a in arrays_in(thing) if a.dtype.kind in "fc")


def masked(value):
    """Tell whether something holds masked values."""
    parts = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(part, np.ndarray) and np.ma.is_masked(part) for part in parts)


def might_do(value):
    """Tell whether a value is all right but for its size or shape, which others may not fit."""
    if isinstance(value, Tensor):
        return True
    if masked(value):
        return False
    try:
        value = np.asarray(value)
    except ValueError:
        return False
    return value.dtype.kind in "iuf" and bool(np.isfinite(value).all())


def complaint(name, case):
    """Make a call with some arguments replaced; return what is wrong with what comes of it."""
    arguments = copy.deepcopy(good_arguments(name)) | {
        key: value for key, (_, value) in case.items()
    }
    given = [value for value in arguments.values() if not isinstance(value, Module)]
    given = [array for array in arrays_in(given) if array.dtype.kind != "O"]
    before, sound = [a.tobytes() for a in given], finite(arguments)
    try:
        with warnings.catch_warnings(action="error"):
            warnings.filterwarnings("ignore", ".* encountered in matmul", RuntimeWarning)
            warnings.filterwarnings("ignore", ".*signals still moved", RuntimeWarning)
            warnings.filterwarnings("ignore", category=denoiselib.real.UntaughtWarning)
            if entry(INFINITE, name):
                warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
            result = FUNCTIONS[name](**arguments)
    except Exception as error:
        if isinstance(error, entry(RAISED, name) or ()):
            return None
        return _error_complaint(error, name, case)
    if any(masked(value) for value in arguments.values()):
        return "a masked value was used"
    if [a.tobytes() for a in given] != before and name not in IN_PLACE:
        return "an array that went in has changed"
    if sound and not entry(INFINITE, name) and not finite(result):
        return "the result is not finite"
    return None


def _error_complaint(error, name, case):
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    line = linecache.getline(frame.filename, frame.lineno).lstrip()
    if not frame.filename.startswith(LIBRARY) or not line.startswith("raise"):
        return f"not raised by the library: {where}"
    if type(error) not in (TypeError, ValueError):
        return f"of another kind: {where}"
    if (inside := entry(INSIDE, name)) and inside in str(error):
        return None
    names = set(case)
    if any(might_do(value) for _, value in case.values()):
        names = set(good_arguments(name))
    if not any(_names(str(error), key) for key in names):
        return f"names no argument: {where}"
    return None


def _names(message, argument):
    start = "^" if argument == "a" else r"\b"
    return re.search(rf"{start}{argument}\b", message)


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    denoiselib.nn.checkpoint.save("a.safetensors", {"x": np.ones(3)})
    denoiselib.real.save_signal("a.csv", np.ones(3))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_input(name):
    found = {}
    for case in cases(name):
        if said := complaint(name, case):
            found.setdefault(said[:60], f"{ {k: kind for k, (kind, _) in case.items()} }: {said}")
    assert not found, "\n" + "\n".join(found.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_valid_input(name):
    assert complaint(name, {}) is None


def test_no_table_is_out_of_date():
    assert EXCLUDED.keys() <= public.functions().keys()
    for table in (INFINITE, RAISED, dict.fromkeys(IN_PLACE), valid.OWN, valid.MORE):
        for key in table:
            assert any(valid.applies(key, name) for name in FUNCTIONS), key


def test_there_are_many_cases():
    assert 8_000 < sum(1 for name in FUNCTIONS for _ in cases(name)) < 11_000


#: Signals of which too little, or nothing, can be said.
POOR = {
    "one sample": lambda a: a[..., :1],
    "two samples": lambda a: a[..., :2],
    "zeros": np.zeros_like,
    "a constant": np.ones_like,
    "tiny": lambda a: a * 1e-9,
    "huge": lambda a: a * 1e9,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_message_about_poor_signals_speaks_of_the_signals(name):
    """Not of an argument that the caller has not given, or that was right before."""
    good = good_arguments(name)
    signals = {k for k, v in good.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
    for key, (kind, poor) in itertools.product(sorted(signals), POOR.items()):
        changed = {key: poor(good[key])}
        if "sample" in kind:  # all that are as long, or they would not fit
            same = [k for k in signals if good[k].shape == good[key].shape]
            changed = {k: poor(good[k]) for k in same}
        if said := _refusal(name, copy.deepcopy(good) | changed):
            assert any(_names(said, k) for k in changed), f"{kind}: {said}"


def _refusal(name, arguments):
    """Make a call, and return the message of its error, or nothing."""
    try:
        with warnings.catch_warnings(action="ignore"):
            FUNCTIONS[name](**arguments)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""
