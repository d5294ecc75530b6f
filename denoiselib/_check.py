"""Checks of arguments: bad input raises TypeError or ValueError, and names what was expected."""

from pathlib import Path

import numpy as np

LONGEST = 2**31 - 1  #: no array is longer along an axis
SAMPLING_RATES = (1e-9, 1e12)  #: lowest and highest, in Hz
#: The largest magnitude that arrays may hold: the fourth root of the largest float.
LARGEST = {np.dtype(t): float(np.finfo(t).max) ** 0.25 for t in (np.float32, np.float64)}


def array(value, name, *, numbers=False):
    """Return `value` as a float array ``(..., length)``, or, with `numbers`, of any shape.

    float32 stays float32, any other real number becomes float64. The magnitude is limited to the
    fourth root of the largest float (1e77, or 4e9 in float32): filters multiply squares by squares.
    """
    value = real(value, name)
    if value.size == 0 or (value.ndim == 0 and not numbers):
        raise ValueError(
            f"{name} must be a non-empty array (..., length), not one of shape {value.shape}"
        )
    value = value.astype(np.float32 if value.dtype == np.float32 else np.float64, copy=False)
    return real(value, name, -LARGEST[value.dtype], LARGEST[value.dtype])


def level(value, name, like, *, per_signal=False, positive=False, squared=False):
    """Return a non-negative number or array in the dtype of `like`, with which it must broadcast.

    With `per_signal` its last axis must have length 1: one value for each signal, not each sample.
    With `squared` it is a power, not an amplitude, and may be as large as one.
    """
    value = real(value, name, 0, LARGEST[like.dtype] ** (2 if squared else 1))
    if positive and value.min() == 0:
        raise ValueError(f"{name} must be greater than 0")
    if per_signal and value.ndim and value.shape[-1] != 1:
        raise ValueError(
            f"{name} must be a number or an array (..., 1), one value for each signal, "
            f"not one of shape {value.shape}"
        )
    broadcast(like, value, f"the signals and {name}")
    return value.astype(like.dtype, copy=False)


def broadcast(a, b, names):
    """Return the shape that two arrays share, or say that they do not fit."""
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(
            f"{names} have shapes {a.shape} and {b.shape}, which do not broadcast"
        ) from None


def number(value, name, *, positive=False, signed=False, dtype=np.float64):
    """Return one number as a float: not negative, or `positive`, or of any sign.

    The largest number is that of an `array` of the dtype; the smallest positive one is its inverse,
    because one may divide by it.
    """
    limit = LARGEST[np.dtype(dtype)]
    value = real(value, name, -limit if signed else 0, limit)
    if value.ndim:
        raise ValueError(f"{name} must be a number, not of shape {value.shape}")
    value = float(value)
    if positive and value * limit < 1:
        raise ValueError(
            f"{name} must be greater than {1 / limit if value else 0:.1g}, not {value:g}"
        )
    return value


def divisor(value, name, dtype):
    """Return a number that is added to a divisor of that dtype, to keep it from 0."""
    value = number(value, name)
    if value < np.finfo(dtype).tiny:
        raise ValueError(f"{name} must be greater than 0: one divides by it where all is constant")
    return value


def fraction(value, name, like=None):
    """Return a number in [0, 1), or an array of them that broadcasts with `like`."""
    value = real(value, name)
    if not (value.size and value.min() >= 0 and value.max() < 1):
        raise ValueError(f"{name} must lie in [0, 1), not {value}")
    if like is None and value.ndim:
        raise ValueError(f"{name} must be a number, not of shape {value.shape}")
    if like is None:
        return float(value)
    broadcast(like, value, f"the signals and {name}")
    return value


def integer(value, name, low, high=None, of=""):
    """Return an integer between `low` and `high`, both included; if not given, `LONGEST`.

    `of` says what the bounds come from, such as ``"noisy of 20 samples"``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    top = LONGEST if high is None else high
    if not low <= value <= top:
        bound = f"at least {low}" if high is None and value < low else f"between {low} and {top}"
        if top < low:
            raise ValueError(f"{of} leaves no choice for {name}: it must be at least {low}")
        raise ValueError(f"{name} must be {bound}{of and f' for {of}'}, not {value}")
    return int(value)


def rate(value, name="rate"):
    """Return a sampling rate, a positive number, as a float."""
    value, (low, high) = number(value, name), SAMPLING_RATES
    if not low <= value <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")
    return value


def choice(value, name, known):
    """Return `value` if it is one of the `known` names."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")
    return value


def flag(value, name):
    """Return True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def function(value, name):
    """Return a function, or anything else that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, not {type(value).__name__}")
    return value


def iterator(value, name):
    """Return an iterator over several values."""
    try:
        return iter(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence, not {type(value).__name__}") from None


def several(value, name):
    """Return a list from anything that can be iterated over."""
    return list(iterator(value, name))


def instance(value, name, kind):
    """Return an object of a class."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, not {type(value).__name__}")
    return value


def path(value, name, endings):
    """Return the path of a file with one of these endings."""
    try:
        value = Path(value)
    except TypeError:
        raise TypeError(f"{name} must be text or a Path, not {type(value).__name__}") from None
    if value.suffix not in endings:
        raise ValueError(f"{name} must end in {', '.join(endings)}, not {value.suffix!r}")
    return value


def precision(dtype):
    """Return the dtype of float32 or float64."""
    try:
        known = np.dtype(dtype)
    except (TypeError, ValueError):
        known = None
    if known not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, not {known or repr(dtype)}")
    return known


def seed(value):
    """Return a whole number that, together with others, is the seed of a generator."""
    return integer(value, "seed", 0, 2**128)


def generator(rng):
    """Return a `numpy.random.Generator` from a seed, a generator or None (fresh entropy)."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be a seed or a numpy.random.Generator: {error}") from None


def regular(value, name):
    """Return an array; a masked value is refused, for what is under the mask would be used."""
    if isinstance(value, np.ma.MaskedArray):
        unusable(np.ma.getmaskarray(value), name, "masked")
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            if isinstance(part, np.ma.MaskedArray | list | tuple):
                regular(part, f"{name}[{place}]")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a regular array: {error}") from None


def unusable(places, name, kind):
    """Refuse an array some of whose values cannot be used, and say how many, and where."""
    if count := np.count_nonzero(places):
        first = [int(i) for i in np.argwhere(places)[0]]
        where = f", the first at index {first[0] if len(first) == 1 else tuple(first)}"
        raise ValueError(
            f"{name} must be finite numbers, but {count} of {places.size} are {kind}"
            f"{where if first else ''}"
        )


def real(value, name, low=None, high=None):
    """Return real numbers, of any shape and dtype; with bounds, they are not empty and within."""
    value = regular(value, name)
    if value.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, not {value.dtype}")
    # false for NaN; as floats, for a float32 would be compared with what it cannot hold
    if low is None or (value.size and low <= float(value.min()) and float(value.max()) <= high):
        return value
    if value.size == 0:
        raise ValueError(f"{name} must not be empty")
    unusable(~np.isfinite(value), name, "NaN or infinite")
    expected = "must not be negative" if value.min() < low == 0 else f"must not exceed {high:.1g}"
    raise ValueError(f"{name} {expected}, but holds {value.min():.4g} to {value.max():.4g}")


def read_only(*arrays):
    """Return arrays, or None among them, that cannot be written to: what a cache may keep."""
    for array in arrays:
        if array is not None:
            array.setflags(write=False)
    return arrays
