"""A package gives its extras when they are asked for, and is loaded without them."""

from importlib import import_module


def extras(package, places):
    """Return ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Parameters
    ----------
    package : dict
        The ``globals()`` of the package.
    places : dict of str to str
        Where a name is found: ``"module"``, or ``"module:name"`` for what is in one.
    """

    def find(name):
        if name not in places:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        module, _, attribute = places[name].partition(":")
        found = import_module(module)
        package[name] = found = getattr(found, attribute) if attribute else found
        return found

    def listed():
        return sorted({*package, *places})

    return find, listed
