import os
from pathlib import Path

import numpy as np
import pytest

from denoiselib.nn import UNet, checkpoint

ARRAYS = {
    "a/b.weight": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "double": np.array(2.5),
    "empty": np.zeros((0, 3)),
    "count": np.array([1, 2, 3], np.int64),
    "flags": np.array([True, False]),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}
both = pytest.mark.parametrize("ending", ["npz", "safetensors"])


@both
def test_round_trip(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, ARRAYS, {"made by": "a test"})
    arrays, metadata = checkpoint.load(path)
    assert metadata == {"made by": "a test"}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].flags.writeable
    assert os.listdir(tmp_path) == [path.name]


@both
def test_a_network_comes_back(tmp_path, ending):
    net, other = UNet(prior=True, rng=1), UNet(prior=True, rng=2)
    checkpoint.save(tmp_path / f"a.{ending}", net.state_dict())
    other.load_state_dict(checkpoint.load(tmp_path / f"a.{ending}")[0])
    np.testing.assert_array_equal(net.vector, other.vector)


@both
def test_a_failed_write_leaves_the_old_file(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, {"x": np.zeros(3)})
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(path, {"x": np.ones(3)})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@both
def test_truncated_anywhere_is_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, ARRAYS)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=path.name):
            checkpoint.load(path)


@both
def test_a_changed_byte_is_refused_or_harmless(tmp_path, ending):
    """Harmless: real arrays come out, though perhaps of other values (safetensors has no sums)."""
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, ARRAYS)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(len(whole), size=500):
        broken = bytearray(whole)
        broken[place] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            arrays, _ = checkpoint.load(path)
        except ValueError as error:
            assert path.name in str(error)  # noqa: PT017
            refused += 1
        else:
            assert all(array.dtype.kind in "fiub" for array in arrays.values())
    assert refused > 50


def test_pickles_are_not_opened(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz"):
        checkpoint.load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "header",
    [
        b'{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}',
        b'{"x":{"dtype":"F99","shape":[1],"data_offsets":[0,8]}}',
        b'{"x":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}}',
        b'{"x":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}',
        b'{"x":{"dtype":"F64"}}',
        b'{"x":3}',
        b"[]",
        b"{",
    ],
)
def test_foreign_safetensors_are_refused(tmp_path, header):
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(ValueError, match=path.name):
        checkpoint.load(path)


def test_the_format_is_that_of_safetensors(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, {"x": np.array([1.0, 2.0], np.float32)}, {"k": "v"})
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    text = b'{"__metadata__":{"k":"v"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    assert raw[8 : 8 + size].rstrip() == text
    assert (8 + size) % 8 == 0
    assert raw[8 + size :] == np.array([1, 2], "<f4").tobytes()


@pytest.mark.parametrize(
    ("arrays", "metadata", "message"),
    [
        ({"x": np.array([1j])}, None, "x has dtype complex"),
        ({"x": np.array(["a"])}, None, "x has dtype"),
        ({"__metadata__": np.zeros(1)}, None, "__metadata__"),
        ({3: np.zeros(1)}, None, "named 3"),
        ({}, {"seed": 3}, "seed"),
    ],
)
@both
def test_what_cannot_be_stored_is_named(tmp_path, ending, arrays, metadata, message):
    with pytest.raises((TypeError, ValueError), match=message):
        checkpoint.save(tmp_path / f"a.{ending}", arrays, metadata)
    assert os.listdir(tmp_path) == []


def test_other_endings_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"\.pkl"):
        checkpoint.save(tmp_path / "a.pkl", {})
    with pytest.raises(FileNotFoundError):
        checkpoint.load(Path(tmp_path) / "a.npz")
