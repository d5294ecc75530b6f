"""Odd values for arguments: what a user may pass by mistake, and what is right but unusual."""

import datetime
from decimal import Decimal

import numpy as np

from denoiselib.nn import Tensor

#: In place of anything. Whole numbers that would be too much to compute are too many for any array.
ANYTHING = {
    "None": lambda: None,
    "a word": lambda: "nonesuch",
    "no word": lambda: "",
    "bytes": lambda: b"signal",
    "True": lambda: True,
    "False": lambda: False,
    "NumPy's True": lambda: np.True_,
    **{str(n): lambda n=n: n for n in (0, 1, -1, 2, 3, 4, 5, 7, 16, 33, 10**30, -(10**30))},
    "int64": lambda: np.int64(3),
    "uint8": lambda: np.uint8(2),
    "int8 of -2": lambda: np.int8(-2),
    **{
        str(x): lambda x=x: x
        for x in (0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -0.5, -3.0, 100.0, 1e-9, 1e6, -1e6)
    },
    **{str(x): lambda x=x: x for x in (5e-324, 1e-300, 1e-30, 1e30, 1e76, 1e200, 1.7e308)},
    "NaN": lambda: np.nan,
    "inf": lambda: np.inf,
    "minus inf": lambda: -np.inf,
    "float16": lambda: np.float16(0.5),
    "float32": lambda: np.float32(0.5),
    "float32 of 1e30": lambda: np.float32(1e30),
    "longdouble": lambda: np.longdouble(0.5),
    "complex": lambda: 1j,
    "complex64": lambda: np.complex64(1),
    "Decimal": lambda: Decimal("0.5"),
    "a date": lambda: datetime.date(2026, 1, 1),
    "datetime64": lambda: np.datetime64("2026-01-01"),
    "an object": object,
    "an empty list": list,
    "an empty tuple": tuple,
    "an empty dict": dict,
    "a dict": lambda: {"a": 1},
    "a set": lambda: {1.0, 2.0},
    "an iterator": lambda: iter([1.0, 2.0]),
    "a range": lambda: range(6),
    "words": lambda: ["a", "b"],
    "Nones": lambda: [None, None],
    "a ragged list": lambda: [[1.0, 2.0], [3.0]],
    "a list of one": lambda: [0.5],
    "a list of two": lambda: [0.5, 1.5],
    "a falling list": lambda: [3, 2, 1],
    "a pair": lambda: (1.0, 2.0),
    "a pair of NaN": lambda: (np.nan, 2.0),
    "0-d": lambda: np.array(0.5),
    "0-d of an int": lambda: np.array(2),
    "empty": lambda: np.zeros(0),
    "empty of words": lambda: np.zeros(0, str),
    "one number": lambda: np.array([0.5]),
    "two numbers": lambda: np.array([0.5, 1.5]),
    "a column": lambda: np.array([[0.5], [1.0], [1.5], [2.0]]),
    "a row": lambda: np.linspace(0.5, 1.5, 6)[None],
    "another shape": lambda: np.ones((5, 7)),
    "three axes": lambda: np.ones((2, 2, 6)),
    "five axes": lambda: np.ones((1, 1, 2, 1, 6)),
    "a structure": lambda: np.zeros(3, [("a", "f8"), ("b", "i4")]),
    "dates": lambda: np.zeros(6, "datetime64[s]"),
    "an array of bytes": lambda: np.zeros(6, "S3"),
}

#: In place of anything but a function.
CALLABLE = {"a function": lambda: lambda *_: None}


def _with(value):
    def changed(array):
        array = array.astype(np.result_type(array, np.float32))
        array.flat[array.size // 2] = value
        return array

    return changed


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _apart(array):
    room = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan)
    room[..., ::2] = array
    return room[..., ::2]


#: In place of an array, made from the one that fits.
ARRAYS = {
    "a tensor": Tensor,
    "a tensor of float32": lambda a: Tensor(a.astype(np.float32)),
    "the list": lambda a: a.tolist(),
    "the tuple": lambda a: tuple(a),
    **{
        f"as {kind}": lambda a, kind=kind: a.astype(kind)
        for kind in ["f2", "f4", ">f8", "g", "i1", "i8", ">i4", "c8", "c16", "?", "O", "U", "S"]
    },
    "not negative, as u8": lambda a: np.abs(a).astype("u8"),
    "read-only": _read_only,
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every second number": _apart,
    "in Fortran's order": np.asfortranarray,
    "one number all over": lambda a: np.broadcast_to(1.5, a.shape),
    "masked": lambda a: np.ma.masked_greater(a, 1),
    "masked in a list": lambda a: [np.ma.masked_greater(part, 1) for part in a],
    "in volts": lambda a: a * 1e-6,
    "in nanovolts": lambda a: a * 1e9,
    "far from zero": lambda a: a + 1e6,
    "a matrix": lambda a: np.asmatrix(a) if a.ndim <= 2 else a,
    "with a NaN": _with(np.nan),
    "with an inf": _with(np.inf),
    "with a minus inf": _with(-np.inf),
    "with 1e200": _with(1e200),
    "with 1e76": _with(1e76),
    "with float32's 1e30": lambda a: _with(1e30)(a).astype(np.float32),
    "with a denormal": _with(5e-324),
    "tiny": lambda a: a * 1e-300,
    "as large as may be": lambda a: a / (np.abs(a).max() or 1) * 1e77,
    "zeros": np.zeros_like,
    "minus zeros": lambda a: -np.zeros_like(a),
    "negative": lambda a: -np.abs(a) - 1,
    "a constant": np.ones_like,
    "no samples": lambda a: a[..., :0],
    "one sample": lambda a: a[..., :1],
    "two samples": lambda a: a[..., :2],
    "more samples": lambda a: np.concatenate([a, a], axis=-1),
    "nothing along the first axis": lambda a: a[:0],
    "the first": lambda a: a[0],
    "an axis more": lambda a: a[None],
    "an axis at the end": lambda a: a[..., None],
    "transposed": lambda a: a.T,
    "flat": lambda a: a.ravel(),
}
