"""Files are written whole or not at all, over nothing that is protected, and read with care."""

import io
import os
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from denoiselib import _files, real
from denoiselib.experiments.store import Store
from denoiselib.nn import checkpoint

WRITERS = {
    "signal.csv": lambda path: real.save_signal(path, [0.5, 1.0], overwrite=True),
    "signal.npz": lambda path: real.save_signal(path, [0.5, 1.0], overwrite=True),
    "net.npz": lambda path: checkpoint.save(path, {"x": np.arange(3)}),
    "net.safetensors": lambda path: checkpoint.save(path, {"x": np.arange(3)}),
    "study.provenance.json": lambda path: Store(path.parent, "study").note({"seeds": 1}),
}


def _unread(stat):
    """Whatever of a file's state does not change when somebody reads it."""
    return stat[:7] + (stat.st_mtime_ns, stat.st_ctime_ns)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
@pytest.mark.parametrize("linked", [False, True])
def test_a_read_only_file_is_not_replaced(tmp_path, name, mode, linked):
    path = tmp_path / "kept" / name
    path.parent.mkdir()
    WRITERS[name](path)
    path.chmod(mode)
    before = os.stat(path)
    target = tmp_path / name if linked else path
    if linked:
        target.symlink_to(path)
    with pytest.raises(PermissionError, match=rf"{name} is read-only, and not replaced"):
        WRITERS[name](target)
    assert _unread(os.stat(path)) == _unread(before)
    assert os.listdir(path.parent) == [name]
    path.chmod(0o600)
    WRITERS[name](target)
    assert os.stat(path).st_ino != before.st_ino


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_the_system_protects_is_not_replaced(tmp_path, name, monkeypatch):
    path = tmp_path / name
    WRITERS[name](path)
    before = os.stat(path)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(PermissionError, match=rf"{name} is read-only, and not replaced"):
        WRITERS[name](path)
    assert _unread(os.stat(path)) == _unread(before)


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [False, True])
def test_a_file_that_cannot_be_locked_leaves_nothing(tmp_path, monkeypatch, error, old):
    path = tmp_path / "net.npz"
    if old:
        checkpoint.save(path, {"x": np.arange(3)})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*_):
        raise error

    monkeypatch.setattr(_files, "fcntl", SimpleNamespace(flock=fail, LOCK_EX=2, LOCK_NB=4))
    with pytest.raises(type(error)):
        checkpoint.save(path, {"x": np.ones(3)})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def claiming(shape, dtype="<f8", version=(1, 0), held=24):
    """Return an array in NumPy's format whose header says what one likes."""
    file = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": dtype}
    write = np.lib.format.write_array_header_1_0
    if version != (1, 0):
        write = np.lib.format.write_array_header_2_0
    write(file, header)
    content = bytearray(file.getvalue() + bytes(held))
    content[6:8] = bytes(version)
    return bytes(content)


SHAPES = [(10**13,), (10**7, 10**7), (2**62, 4), (2**64,), (10**30,), (4,), (2,), (-3,), (-1, -3)]
SHAPES += [(10**13, 0, 10**13), (0,), ()]


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_array_that_claims_more_or_less_than_there_is_is_damaged(
    tmp_path, ending, compression, version, shape
):
    path = tmp_path / f"a.{ending}"
    content = claiming(shape, version=version)
    if ending == "npz":
        with zipfile.ZipFile(path, "w", compression) as packed:
            packed.writestr("samples.npy", content)
        with pytest.raises(ValueError, match=r"a\.npz is damaged"):
            checkpoint.load(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.{ending} is damaged"):
        real.load_signal(path)


@pytest.mark.parametrize("array", [np.arange(6.0), np.arange(6.0).reshape(2, 3).T, np.zeros(())])
def test_an_array_that_claims_what_there_is_is_let_pass(array):
    file = io.BytesIO()
    np.save(file, array)
    _files.check_claim(io.BytesIO(file.getvalue()), len(file.getvalue()))
