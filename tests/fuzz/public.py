"""What a user may call: found, not listed, so that nothing new is forgotten."""

import importlib
import inspect
import pkgutil

import denoiselib
from denoiselib.nn.tensor import Op

#: Packages that are left out, and why.
APART = {
    "experiments": "protocols run on settings of their own, and have a command line that is tested",
    "plots": "they draw into axes: tests/test_plots.py",
    "widgets": "they are moved with a mouse: tests/test_widgets.py, tests/browser",
}


def functions():
    """Return public functions, classes and methods of classes by name, each once.

    Without classes that only hold what they are given, warnings, and operations of the tape: those
    are made by the functions of `nn.ops`, which check what comes in. Without methods that take
    nothing, and ``forward``: a module is called.
    """
    found, seen = {}, set()

    def add(name, thing):
        if thing not in seen:
            seen.add(thing)
            found[name] = thing

    things = dict(_public(denoiselib, ""))
    for name, thing in things.items():
        if not (inspect.isclass(thing) and issubclass(thing, tuple | dict | Op | Exception)):
            add(name, thing)
    for name, thing in things.items():
        if inspect.isclass(thing) and not issubclass(thing, Op):
            for key, method in inspect.getmembers(thing, inspect.isfunction):
                ours = method.__module__.startswith("denoiselib.")
                takes_any = len(inspect.signature(method).parameters) > 1
                if ours and takes_any and not key.startswith("_") and key != "forward":
                    add(f"{name}.{key}", method)
    return found


def _public(module, prefix):
    """Follow `__all__` where there is one, into modules that it lists; else take what is there."""
    names = getattr(module, "__all__", None)
    if names is None and hasattr(module, "__path__"):
        names = [part.name for part in pkgutil.iter_modules(module.__path__)]
        names = [name for name in names if not name.startswith("_") and name not in APART]
        for name in names:
            importlib.import_module(f"{module.__name__}.{name}")
    elif names is None:
        own = {k for k, v in vars(module).items() if _home(v) == module.__name__}
        names = [name for name in vars(module) if name in own and not name.startswith("_")]
    for name in names:
        thing = getattr(module, name)
        if inspect.ismodule(thing):
            yield from _public(thing, f"{prefix}{name}.")
        elif callable(thing):
            yield prefix + name, thing


def _home(thing):
    return getattr(thing, "__module__", None)
