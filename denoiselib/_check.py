"""Bad input is refused here, early, in words that name the argument and what was expected."""

import numpy as np


def array(value, name, *, numbers=False):
    """Return `value` as a float array ``(..., length)``, or, with `numbers`, of any shape.

    float32 stays float32, any other real number becomes float64. The magnitude is limited to the
    fourth root of the largest float (1e77, or 4e9 in float32): filters multiply squares by squares.
    """
    value = _real(value, name)
    if value.size == 0 or (value.ndim == 0 and not numbers):
        raise ValueError(
            f"{name} must be a non-empty array (..., length), not one of shape {value.shape}"
        )
    value = value.astype(np.float32 if value.dtype == np.float32 else np.float64, copy=False)
    _within(value, name, -_largest(value.dtype), _largest(value.dtype))
    return value


def level(value, name, like, *, per_signal=False, positive=False, squared=False):
    """Return a non-negative number or array in the dtype of `like`, with which it must broadcast.

    With `per_signal` its last axis must have length 1: one value for each signal, not each sample.
    With `squared` it is a power, not an amplitude, and may be as large as one.
    """
    value = _real(value, name)
    _within(value, name, 0, _largest(like.dtype) ** (2 if squared else 1))
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


def fraction(value, name):
    """Return an array of numbers in [0, 1)."""
    value = _real(value, name)
    if not (value.size and value.min() >= 0 and value.max() < 1):
        raise ValueError(f"{name} must lie in [0, 1), not {value}")
    return value


def integer(value, name, low, high=None):
    """Return an integer between `low` and `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < low or (high is not None and value > high):
        bound = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bound}, not {value}")
    return int(value)


def rate(value, name="rate"):
    """Return a sampling rate, a positive number, as a float."""
    value = level(value, name, np.ones(1), positive=True)
    if value.ndim:
        raise ValueError(f"{name} must be a number, not of shape {value.shape}")
    return float(value)


def window(value, name, length):
    """Return an odd window that is at most wide enough to see the whole signal from either end."""
    value = integer(value, name, 1, 2 * length - 1)
    if value % 2 == 0:
        raise ValueError(f"{name} must be odd, so that a window has a centre, not {value}")
    return value


def choice(value, name, known):
    """Return `value` if it is one of the `known` names."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")
    return value


def generator(rng):
    """Return a `numpy.random.Generator` from a seed, a generator or None (fresh entropy)."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be a seed or a numpy.random.Generator: {error}") from None


def _real(value, name):
    try:
        value = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a regular array: {error}") from None
    if value.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, not {value.dtype}")
    return value


def _largest(dtype):
    return float(np.finfo(dtype).max) ** 0.25


def _within(value, name, low, high):
    if value.size and low <= value.min() and value.max() <= high:  # false for NaN
        return
    if value.size == 0 or not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite and not empty")
    expected = "must not be negative" if value.min() < low == 0 else f"must not exceed {high:.1g}"
    raise ValueError(f"{name} {expected}, but holds {value.min():.4g} to {value.max():.4g}")
