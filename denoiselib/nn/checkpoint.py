"""Arrays by name, and trainings, in a file, written whole or not at all.

The formats are ``.npz`` and ``.safetensors``, never pickle. A CRC-32 checksum is stored as one more
metadata entry, which other readers ignore; `load` verifies it. Files of other writers, which have
none, are read without this check.
"""

import errno
import json
import re
import zipfile
import zlib
from difflib import get_close_matches
from itertools import pairwise

import numpy as np

from denoiselib import _check, _files
from denoiselib.nn import train

ENDINGS = (".npz", ".safetensors")

DTYPES = {  # safetensors' names
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LONGEST_HEADER = 100_000_000
TEXT = "__metadata__"
SUM = "denoiselib_crc32"  #: the checksum's name in the metadata


def save(path, arrays, metadata=None):
    """Write arrays, and a few words about them, to a file.

    It is written beside its place and then renamed: if the program crashes, the old file is intact.
    A file of another kind is not replaced: FileExistsError.

    Parameters
    ----------
    path : str or Path
        Ends in ``.npz`` or ``.safetensors``.
    arrays : dict of str to array_like
        Real numbers; float64, float32, int64, int32, uint8 or bool, else TypeError.
    metadata : dict of str to str, optional
        What a reader should know.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/a.safetensors", {"x": np.arange(3.0)}, {"seed": "0"})
    ...     load(f"{folder}/a.safetensors")
    ({'x': array([0., 1., 2.])}, {'seed': '0'})
    """
    path, metadata = _check.path(path, "path", ENDINGS), {} if metadata is None else metadata
    _check.instance(arrays, "arrays", dict)
    _check.instance(metadata, "metadata", dict)
    arrays = {name: _storable(name, array) for name, array in arrays.items()}
    for key, text in metadata.items():
        if not (isinstance(key, str) and isinstance(text, str)):
            raise TypeError(f"metadata must be text by name, not {key!r}: {text!r}")
    if near := get_close_matches(SUM, metadata):
        raise ValueError(f"metadata: one cannot be named {near[0]!r}, like the checksum")
    metadata = {SUM: _checksum(arrays, metadata)} | metadata  # first: it tells whose file it is
    if path.is_file():
        with open(path, "rb") as file:
            if (start := file.read(2**20)) and SUM.encode() not in start:
                raise FileExistsError(
                    f"{path.name} is there already, and was not written by checkpoint.save: choose "
                    "another path, or remove it"
                )
    with _files.replacing(path) as file:
        write = _write_npz if path.suffix == ".npz" else _write_safetensors
        write(file, arrays, metadata)


def load(path):
    """Return the arrays and the metadata of a file, two dicts by name, as `save` takes them.

    The file may come from another writer of the two formats; metadata are empty if it has none.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    path = _check.path(path, "path", ENDINGS)
    with open(path, "rb") as file:
        try:
            read = _read_npz if path.suffix == ".npz" else _read_safetensors
            arrays, metadata = read(file)
            if SUM in metadata and metadata.pop(SUM) != _checksum(arrays, metadata):
                raise ValueError("its checksum is another")
            if near := get_close_matches(SUM, metadata):
                raise ValueError(f"its checksum has the name {near[0]!r}")
        except MemoryError:  # the machine is too small, the file may be right
            raise
        except Exception as error:  # whatever a parser stumbles over, it is the file that is wrong
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # it could not be read; a parser that goes astray has no number, or EINVAL
            raise ValueError(f"{path.name} is damaged, or no {path.suffix} file: {error}") from None
    return arrays, metadata


class Checkpoint:
    """A callback of `train.fit` that saves a training to a file, and takes it up again from there.

    If the file is there already, the network, the optimiser and the history are put where they were
    when it was written. A file that is damaged, or of another training, raises ValueError: also one
    of an optimiser with other options. They may be changed once the file is read.

    Parameters
    ----------
    path : str or Path
        As in `save`.
    net, optimizer : Network, optim.Optimizer
        What is trained, and its optimiser.

    Attributes
    ----------
    history : History
        Of the training so far, for `train.fit` to continue.

    Examples
    --------
    >>> import tempfile
    >>> from denoiselib.nn import PlainNet, optim, train
    >>> def train_until(steps):
    ...     net = PlainNet(width=4, depth=3, rng=0)
    ...     optimizer = optim.Adam(net, 1e-2)
    ...     file = Checkpoint(f"{folder}/run.safetensors", net, optimizer)
    ...     data = train.fresh("sparse_spikes", 3.0, 16)
    ...     return train.fit(net, data, optimizer, steps, callbacks=[file], history=file.history)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     train_until(100)["step"], train_until(200)["step"]
    ([100], [100, 200])
    """

    def __init__(self, path, net, optimizer):
        train.check_optimizer(optimizer, net)
        self.path = _check.path(path, "path", ENDINGS)
        self.net, self.optimizer, self.history = net, optimizer, train.History()
        self.options = _options(optimizer)  # a schedule changes the learning rate on the way
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"path must lie in a folder, and {self.path.parent} is none")
        if self.path.exists():
            self._load()

    def __call__(self, step, history):
        """Save the state after a step."""
        parts = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": {name: np.asarray(x, np.float64) for name, x in history.items()},
            "best": history.best or {},
        }
        arrays = {f"{part}/{k}": v for part, named in parts.items() for k, v in named.items()}
        save(self.path, arrays, {"optimizer": str(self.optimizer), "options": self.options})

    def _load(self):
        arrays, metadata = load(self.path)
        parts = {part: {} for part in ("net", "optimizer", "history", "best")}
        try:
            for name, array in arrays.items():
                part, _, rest = name.partition("/")
                parts[part][rest] = array
            if metadata["optimizer"] != str(self.optimizer):
                raise ValueError(f"it was written with {metadata['optimizer']}")
            history = _history(parts["history"], parts["best"], self.net.nets)
            self.optimizer.fitting(parts["optimizer"])
            net, state = self.net.state_dict(), self.optimizer.state
            for part, own in {"optimizer": state, "net": net, "best": net}.items():
                if parts[part] or part != "best":
                    _check_fit(part, parts[part], own)
            if (found := metadata.get("options", self.options)) != self.options:
                raise ValueError(
                    f"it was written with {found}, and this is {self.options}: an option may be "
                    "changed once the Checkpoint is made, as in optimizer.lr = 1e-4"
                )
            self.net.load_state_dict(parts["net"])
            self.optimizer.load_state_dict(parts["optimizer"])
            self.history |= history
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{self.path.name} is no checkpoint of this training: {error}"
            ) from None
        self.history.best = parts["best"] or None


def _options(optimizer):
    """Return an optimiser with its options, and what it wraps, as text."""
    options = [f"{k}={v}" for k, v in vars(optimizer).items() if isinstance(v, int | float | tuple)]
    if inner := getattr(optimizer, "inner", None):
        options.insert(0, _options(inner))
    return f"{type(optimizer).__name__}({', '.join(options)})"


def _history(arrays, best, nets):
    """Return a history from its arrays, or say why no training can have left it."""
    if arrays.keys() != train.History().keys():
        raise ValueError(f"its history holds {', '.join(arrays) or 'nothing'}")
    of_nets = {"loss", "rmse"} if nets > 1 else set()
    for name, array in arrays.items():
        each = (nets,) if name in of_nets and array.size else ()
        if array.dtype != np.float64 or array.shape[1:] != each or array.ndim == 0:
            raise ValueError("its history must hold lists of numbers, or those of each net")
    step, lr, loss, rmse = (arrays[name].tolist() for name in train.History())
    if not all(a < b <= _check.LONGEST and b.is_integer() for a, b in pairwise([0, *step])):
        raise ValueError(f"its steps are no rising whole numbers: {step!s:.60}")
    if not (len(step) == len(lr) == len(loss) >= len(rmse)) or bool(best) != bool(rmse):
        raise ValueError("its history does not hold as much of each as there are steps")
    if not all(0 <= value < np.inf for value in (*lr, *arrays["rmse"].flat)):
        raise ValueError("its history holds a learning rate or an RMSE that is none")
    return {"step": list(map(int, step)), "lr": lr, "loss": loss, "rmse": rmse}


def _check_fit(part, arrays, own):
    """Refuse arrays that are not those of the state in `own`, to the dtype, or not possible."""
    if odd := arrays.keys() ^ own.keys():
        raise ValueError(f"its {part} lacks, or should not have, {', '.join(sorted(odd))}")
    for name, array in arrays.items():
        kind, wanted = (f"{x.dtype} and {x.shape}" for x in (array, own[name]))
        if kind != wanted:
            raise ValueError(f"{part}/{name} is of {kind}, not of {wanted}")
        never = array < 0 if name in ("v", "t", "good") else ~np.isfinite(array)
        if never.any():
            raise ValueError(f"{part}/{name} holds numbers that it never can")


#: What a member of a zip file cannot be called, or not beside a name without this ending.
UNNAMEABLE = r"[\0\ud800-\udfff]|\.npy$"


def _storable(name, array):
    array = _check.regular(array, f"arrays[{name!r}]")
    if not isinstance(name, str) or name == TEXT or re.search(UNNAMEABLE, name):
        raise ValueError(f"arrays: one cannot be named {name!r}")
    if array.dtype not in NAMES:
        known = ", ".join(map(str, NAMES))
        raise TypeError(f"arrays: {name} has dtype {array.dtype}, not one of {known}")
    return np.ascontiguousarray(array).reshape(array.shape)


def _write_npz(file, arrays, metadata):
    """Write what numpy.savez would; metadata go first, since their loss would not be noticed."""
    text = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    with zipfile.ZipFile(file, "w") as stored:
        for name, array in {TEXT: text, **arrays}.items():
            with stored.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_npz(file):
    _files.check_unpacked(file)
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError("it holds something else than arrays")
    text = arrays.pop(TEXT, None)
    return arrays, {} if text is None else _texts(json.loads(text.tobytes()))


def _write_safetensors(file, arrays, metadata):
    """Eight bytes of length, a header in JSON, and the arrays one after the other."""
    header, start = {TEXT: metadata} if metadata else {}, 0
    for name, array in arrays.items():
        end = start + array.nbytes
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays begin on a multiple of 8
    file.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        file.write(array.tobytes())


def _read_safetensors(file):
    size = int.from_bytes(file.read(8), "little")
    if not 2 <= size <= LONGEST_HEADER:
        raise ValueError(f"a header of {size} bytes")
    header = json.loads(file.read(size))
    data = file.read()
    metadata = _texts(header.pop(TEXT, {}))
    arrays, expected = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
        start, end = entry["data_offsets"]
        if start != expected or any(not isinstance(n, int) or n < 0 for n in shape):
            raise ValueError(f"{name} overlaps another array, or leaves a gap")
        arrays[name] = np.frombuffer(data[start:end], dtype).reshape(shape).copy()
        expected = end
    if expected != len(data):
        raise ValueError(f"{len(data)} bytes of data instead of {expected}")
    return {name: arrays[name] for name in header}, metadata


def _checksum(arrays, metadata):
    """Return the CRC-32 of all that is stored, in eight digits."""
    kinds = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    crc = zlib.crc32(json.dumps([kinds, metadata]).encode())
    for array in arrays.values():
        crc = zlib.crc32(np.ascontiguousarray(array), crc)
    return f"{crc:08x}"


def _texts(metadata):
    if not all(isinstance(value, str) for pair in metadata.items() for value in pair):
        raise ValueError("metadata that are not text")
    return metadata
