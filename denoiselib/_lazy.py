"""A package gives its extras when they are asked for, and is loaded without them."""

from pkgutil import resolve_name


def extras(package, places):
    """Return ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Parameters
    ----------
    package : dict
        The ``globals()`` of the package.
    places : dict of str to str
        Where a name is found: ``"module"``, or ``"module:name"`` for what is in one.
    """

    def __getattr__(name):
        if name not in places:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        package[name] = found = resolve_name(places[name])
        return found

    def __dir__():
        return sorted({*package, *places})

    return __getattr__, __dir__
