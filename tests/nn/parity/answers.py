"""Answers are named arrays; here they are compared, and kept in a file.

The file holds three vectors for each case: the inputs in float32, and the answers in
float64 and in float32. One entry, ``index``, is a JSON text: names and shapes of what lies in them,
and the versions.
"""

import json
from pathlib import Path

import numpy as np

from denoiselib import metrics

FILE = Path(__file__).resolve().parents[2] / "data" / "torch_answers.npz"
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
FLOOR = {"float64": 1e-4, "float32": 1e-2}
ROUNDING = 4


def cotangent(shape, dtype):
    """Weights of the outputs in the scalar that `backward` starts from; 1 for a scalar output."""
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape).astype(dtype)


def cast(arrays, dtype):
    """Bring inputs to a dtype."""
    return {name: array.astype(dtype) for name, array in arrays.items()}


def compare(got, expected, dtype, exact=None):
    """Assert that all arrays agree; `exact` are the expected ones in float64."""
    wrong = differences(got, expected, dtype, exact)
    assert not wrong, "\n".join([dtype, *wrong])


def differences(got, expected, dtype, exact=None, share=1.0):
    """Say which arrays differ by more than the tolerance, or a share of it, times their scale.

    Where the expected array itself is further from the exact one than that, as a few statistics of
    six samples make it, single precision cannot tell: there the answers of two processors differ,
    and a difference of `ROUNDING` times that distance is allowed.
    """
    assert got.keys() == expected.keys()
    scale = scales(expected, dtype)
    wrong = []
    for name, e in expected.items():
        g = np.asarray(got[name])
        assert g.dtype == e.dtype == dtype, f"{name} has dtype {g.dtype}"
        assert g.shape == e.shape, f"{name} has shape {g.shape}, not {e.shape}"
        error = abs(g - e).max()
        rounding = 0 if exact is None else ROUNDING * abs(e - exact[name]).max()
        if not error <= max(
            share * TOLERANCE[dtype] * scale[name], rounding
        ):  # also when it is nan
            wrong.append(f"{name}: off by {error:.2g}, the largest being {abs(e).max():.2g}")
    return wrong


def scales(expected, dtype):
    """Return the magnitude on which each array is compared: the largest in it.

    A bias is compared on the scale of its kernel: in front of batch statistics it has no gradient
    but rounding. And a gradient far smaller than the largest one (`FLOOR`) is what large numbers
    left when they cancelled.
    """
    scale = {name: abs(e).max() for name, e in expected.items()}
    gradients = {name: size for name, size in scale.items() if name.startswith("d ")}
    for name in gradients:
        kernel = gradients.get(name.removesuffix("bias") + "weight", 0)
        scale[name] = max(scale[name], kernel, FLOOR[dtype] * max(gradients.values()))
    return scale


def ulps(got, expected, dtype):
    """Return the largest error of each array, in units in the last place of its scale."""
    scale = scales(expected, dtype)
    return {name: metrics.ulps(got[name], e, scale[name]).max() for name, e in expected.items()}


def save(answers, versions):
    """Write ``{case: {"inputs" | "float64" | "float32": arrays}}``."""
    index = {"versions": versions, "cases": {}}
    vectors = {}
    for case, parts in answers.items():
        index["cases"][case] = {
            part: {name: array.shape for name, array in arrays.items()}
            for part, arrays in parts.items()
        }
        for part, arrays in parts.items():
            vectors[f"{case}/{part}"] = np.concatenate([a.ravel() for a in arrays.values()])
    np.savez_compressed(FILE, index=json.dumps(index), **vectors)


class Stored:
    """The answers in the file, read when they are asked for."""

    def __init__(self):
        self.file = np.load(FILE, allow_pickle=False)
        index = json.loads(str(self.file["index"]))
        self.versions, self.cases = index["versions"], index["cases"]

    def __call__(self, case, part):
        """Return inputs, or answers in a dtype, by name."""
        shapes = self.cases[case][part]
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes.values()])
        pieces = np.split(self.file[f"{case}/{part}"], ends[:-1])
        return {
            name: piece.reshape(shape)
            for (name, shape), piece in zip(shapes.items(), pieces, strict=True)
        }
