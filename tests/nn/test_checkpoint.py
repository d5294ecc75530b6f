import json
import os
import subprocess
import sys
import tempfile
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as arrays_of

from denoiselib import real
from denoiselib.nn import PlainNet, UNet, checkpoint, optim, train

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


def written_by_others(path, long):
    """Write files that are no checkpoints, under the names of some."""
    samples = np.linspace(0.0, 1.0, 300_000 if long else 3)
    real.save_signal(path.with_name("signal.npz"), samples, rate=360)
    np.savez(path.with_name("numpy.npz"), x=samples)
    np.savez_compressed(path.with_name("packed.npz"), x=samples)
    path.with_name("csv.npz").write_text("0.5\n" * len(samples))
    header = b'{"__metadata__":{"k":"v"},"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}'
    content = len(header).to_bytes(8, "little") + header + bytes([1, 2, 3])
    path.with_name("foreign.safetensors").write_bytes(content)
    path.with_name("blank.safetensors").write_bytes(bytes(len(samples)))


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_of_another_kind_is_not_replaced(tmp_path, long, linked):
    written_by_others(tmp_path / "x", long)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(files) == 6
    for path, content in files.items():
        target = tmp_path / f"link{path.suffix}" if linked else path
        if linked:
            target.symlink_to(path)
        with pytest.raises(FileExistsError, match=r"was not written by checkpoint\.save"):
            checkpoint.save(target, ARRAYS)
        assert path.read_bytes() == content
        if linked:
            target.unlink()
    assert set(tmp_path.iterdir()) == set(files)


@both
@pytest.mark.parametrize("words", [0, 2**21])
def test_a_checkpoint_and_an_empty_file_are_replaced(tmp_path, ending, words):
    path = tmp_path / f"a.{ending}"
    path.touch()
    for k in range(3):
        checkpoint.save(path, {"x": np.array(k)}, {"words": "w" * words})
        assert checkpoint.load(path)[0]["x"] == k


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
    """Harmless is what changes no array and no entry of the metadata, such as a file's date.

    1,000 damages: half of them anywhere, half at the beginning or the end, where headers are.
    """
    path, metadata = tmp_path / f"a.{ending}", {"made by": "a test", "seed": "0"}
    checkpoint.save(path, ARRAYS, metadata)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for trial in range(1000):
        broken = bytearray(whole)
        place = rng.integers(len(whole) if trial % 2 else 400)
        place = place if trial % 4 else -1 - place
        broken[place] = (broken[place] + rng.integers(1, 256)) % 256
        path.write_bytes(broken)
        try:
            arrays, texts = checkpoint.load(path)
        except ValueError as error:
            assert path.name in str(error)  # noqa: PT017
            refused += 1
            continue
        assert list(arrays) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(arrays[name], array)
        assert texts == metadata
    assert refused > 500


@both
def test_a_checksum_whose_name_is_damaged_is_missed(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, ARRAYS, {"made by": "a test"})
    if ending == "safetensors":
        path.write_bytes(path.read_bytes().replace(b"denoiselib_crc32", b"denoiselib_crc31"))
        with pytest.raises(ValueError, match="its checksum has the name 'denoiselib_crc31'"):
            checkpoint.load(path)
    with pytest.raises(ValueError, match="metadata: one cannot be named 'denoiselib_crc31'"):
        checkpoint.save(path, ARRAYS, {"denoiselib_crc31": "0"})


@both
def test_too_little_memory_is_not_the_fault_of_the_file(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, ARRAYS)

    def exhausted(*_):
        raise MemoryError("Unable to allocate")

    monkeypatch.setattr(zlib, "crc32", exhausted)
    with pytest.raises(MemoryError, match="Unable to allocate"):
        checkpoint.load(path)


def test_files_without_a_checksum_are_read(tmp_path):
    path = tmp_path / "a.safetensors"
    header = b'{"__metadata__":{"k":"v"},"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([1, 2, 3]))
    arrays, metadata = checkpoint.load(path)
    assert (arrays["x"].tolist(), metadata) == ([1, 2, 3], {"k": "v"})


def test_an_npz_is_numpys(tmp_path):
    arrays = {"file": np.arange(3.0), "allow_pickle": np.zeros((2, 0)), "a/b": np.array(1)}
    checkpoint.save(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz") as stored:
        assert stored.files == ["__metadata__", *arrays]
        for name, array in arrays.items():
            np.testing.assert_array_equal(stored[name], array)
    assert list(checkpoint.load(tmp_path / "a.npz")[0]) == list(arrays)


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
    header = json.loads(raw[8 : 8 + size])
    assert header.pop("x") == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    kinds = b'[{"x": ["<f4", [2]]}, {"k": "v"}]'
    checksum = zlib.crc32(kinds + np.array([1, 2], "<f4").tobytes())
    assert header == {"__metadata__": {"k": "v", "denoiselib_crc32": f"{checksum:08x}"}}
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


TEXTS = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(
    ["x.npy", "x", "X", "../x", "/x", "a\0b", "__metadata__", "\ud800", "crc32", " ", "a\\b", "é"]
)
VALUES = st.sampled_from([np.float32, np.float64, np.int64, np.bool_]).flatmap(
    lambda dtype: arrays_of(dtype, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)


@both
@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    arrays=st.dictionaries(TEXTS, VALUES, max_size=4),
    metadata=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
def test_every_name_text_and_number_goes_round_or_is_refused(ending, arrays, metadata):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.{ending}"
        refused = ""
        try:
            checkpoint.save(path, arrays, metadata)
        except ValueError as error:
            refused = str(error)
        if refused:
            assert refused.startswith(("arrays: one cannot be named", "metadata"))
            assert os.listdir(folder) == []
            return
        found, text = checkpoint.load(path)
    assert text == metadata
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


# --- writers of one file


def test_many_writers_of_one_file_leave_one_of_theirs(tmp_path):
    path, wrong = tmp_path / "a.npz", []

    def write(number):
        for _ in range(25):
            try:
                checkpoint.save(path, {"x": np.full(3000, number)})
            except Exception as error:
                wrong.append(error)

    def read():
        while any(thread.is_alive() for thread in writers):
            try:
                values = checkpoint.load(path)[0]["x"]
                assert len(set(values.tolist())) == 1
            except Exception as error:
                wrong.append(error)

    checkpoint.save(path, {"x": np.zeros(3000)})
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    threads = [*writers, threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert os.listdir(tmp_path) == ["a.npz"]


def test_what_a_killed_writer_leaves_is_removed_and_a_living_ones_is_not(tmp_path):
    path = tmp_path / "a.npz"
    code = (
        "from denoiselib import _files\n"
        f"with _files.replacing({str(path)!r}) as file:\n"
        "    print('writing', flush=True)\n"
        "    input()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    dead, living = (subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(2))
    try:
        for process in (dead, living):
            assert process.stdout.readline() == b"writing\n"
        dead.kill()
        dead.communicate()
        assert len(list(tmp_path.glob("*.partial"))) == 2
        checkpoint.save(path, {"x": np.ones(3)})
        assert len(list(tmp_path.glob("*.partial"))) == 1
        living.stdin.write(b"\n")
        living.stdin.flush()
        assert living.wait() == 0
        assert path.read_bytes() == b""  # the last one wins
        assert os.listdir(tmp_path) == ["a.npz"]
    finally:
        living.kill()
        living.communicate()


def test_permissions_and_links_stay(tmp_path):
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    checkpoint.save(real, {"x": np.ones(3)})
    assert real.stat().st_mode & 0o777 == 0o666 & ~umask()
    real.chmod(0o640)
    link.symlink_to(real)
    checkpoint.save(link, {"x": np.zeros(3)})
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(checkpoint.load(real)[0]["x"], 0)


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


@both
def test_a_disk_that_fails_is_no_damage(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a.{ending}"
    checkpoint.save(path, ARRAYS)

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(checkpoint, f"_read_{ending}", fail)
    with pytest.raises(OSError, match="Input/output"):
        checkpoint.load(path)


def test_a_missing_folder_is_said_at_once(tmp_path):
    net = PlainNet(width=2, depth=2, rng=0)
    with pytest.raises(FileNotFoundError, match=r"path must lie in a folder, .*missing is none"):
        checkpoint.Checkpoint(tmp_path / "missing" / "a.npz", net, optim.Adam(net))


# --- a training that is taken up again

DATA = train.fresh("sparse_spikes", 3.0, 8)


def make(wrap=lambda optimizer: optimizer, kind=optim.Adam, **options):
    net = PlainNet(width=3, depth=2, rng=0)
    return net, wrap(kind(net, **options))


def trained(path, net, optimizer, steps=20, **options):
    file = checkpoint.Checkpoint(path, net, optimizer)
    options = {"validation": DATA(10**6), "every": 5} | options
    return train.fit(net, DATA, optimizer, steps, callbacks=[file], history=file.history, **options)


def refused(path, net, optimizer, match):
    """See that a checkpoint is refused in words, and that nothing has been changed."""
    before = net.state_dict(), optimizer.state_dict(), optimizer.lr
    with pytest.raises(
        ValueError, match=rf"{path.name} is no checkpoint of this training: {match}"
    ):
        checkpoint.Checkpoint(path, net, optimizer)
    np.testing.assert_equal((net.state_dict(), optimizer.state_dict(), optimizer.lr), before)


def first(array, value):
    array = array.copy()
    array.flat[0] = value
    return array


def last(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


#: What no training leaves, by what it is of: from the array that a training has left.
ODD = {
    "history/step": [
        *(lambda x, v=v: last(x, v) for v in (np.inf, -np.inf, np.nan, 20.5, -20, 0, 15, 1e300)),
        *(lambda x, v=v: first(x, v) for v in (0, -5, 0.5, 10, 1e9)),
        lambda x: x[:-1],
        lambda x: np.append(x, 25.0),
        lambda x: x[:0],
        lambda x: x[::-1],
        lambda x: x[0],
        lambda x: x[None],
        lambda x: x.astype(np.int64),
    ],
    "history/lr": [lambda x: x[1:], lambda x: last(x, -1), lambda x: last(x, np.nan)],
    "history/loss": [lambda x: x[1:], lambda x: np.append(x, 1.0), lambda x: x[:, None]],
    "history/rmse": [
        lambda x: np.append(x, 1.0),
        lambda x: x[:0],
        lambda x: last(x, np.nan),
        lambda x: last(x, -0.5),
    ],
    "history/other": [lambda _: np.zeros(4)],
    "optimizer/t": [lambda x: x - 100, lambda x: x + 0.5, lambda x: x.astype(np.int32)],
    "optimizer/v": [lambda x: first(x, -1), lambda x: x.astype(np.float64), lambda x: x[1:]],
    "optimizer/m": [lambda x: last(x, np.nan), lambda x: last(x, np.inf), lambda x: x[None]],
    "optimizer/other": [lambda _: np.zeros(3)],
    **{
        f"{part}/layers.0.weight": [
            lambda x: first(x, np.nan),
            lambda x: last(x, -np.inf),
            lambda x: x.astype(np.float64),
            lambda x: x.astype(np.int32),
            lambda x: x[..., :-1],
            lambda x: x.ravel(),
        ]
        for part in ("net", "best")
    },
    "best/other": [lambda _: np.zeros(3, np.float32)],
    "net/other": [lambda _: np.zeros(3, np.float32)],
}


@pytest.fixture(scope="module")
def left_by_a_training(tmp_path_factory):
    path = tmp_path_factory.mktemp("training") / "run.npz"
    trained(path, *make())
    return checkpoint.load(path)


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, odd in ODD.items() for change in odd]
)
def test_what_no_training_leaves_is_refused_before_anything_is_changed(
    left_by_a_training, tmp_path, name, change
):
    arrays, metadata = left_by_a_training
    assert name in arrays or name.endswith("/other")
    path = tmp_path / "run.npz"
    checkpoint.save(path, arrays | {name: change(arrays.get(name))}, metadata)
    refused(path, *make(), "")


def test_what_a_training_leaves_is_wanted_all(left_by_a_training, tmp_path):
    arrays, metadata = left_by_a_training
    for name in arrays:
        path = tmp_path / f"{name.replace('/', ' ')}.npz"
        checkpoint.save(path, {k: v for k, v in arrays.items() if k != name}, metadata)
        refused(path, *make(), "")


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("saved", ["options", "name"])
def test_what_trainings_leave_is_taken_up(tmp_path, validated, saved):
    """With a validation or none, with options or, as files were once, without."""
    validation = DATA(10**6) if validated else None
    whole, pieces = make(), make()
    trained(tmp_path / "a.npz", *whole, validation=validation)
    trained(tmp_path / "b.npz", *pieces, steps=10, validation=validation)
    arrays, metadata = checkpoint.load(tmp_path / "b.npz")
    if saved == "name":
        del metadata["options"]
        checkpoint.save(tmp_path / "b.npz", arrays, metadata)
    again = make()
    history = trained(tmp_path / "b.npz", *again, validation=validation)
    np.testing.assert_array_equal(again[0].vector, whole[0].vector)
    assert history["step"] == [5, 10, 15, 20]
    assert (history.best is not None) == validated


def clipped(optimizer, norm=0.5):
    return optim.Clipped(optimizer, norm)


#: Pairs of optimisers that differ in one option.
OTHERS = {
    "lr": ({"lr": 1e-3}, {"lr": 1e-2}),
    "beta": ({"betas": (0.9, 0.999)}, {"betas": (0.9, 0.99)}),
    "eps": ({"eps": 1e-8}, {"eps": 1e-6}),
    "weight_decay": ({"kind": optim.AdamW}, {"kind": optim.AdamW, "weight_decay": 0.1}),
    "momentum": ({"kind": optim.SGD, "lr": 0.1}, {"kind": optim.SGD, "lr": 0.1, "momentum": 0.5}),
    "norm": ({"wrap": clipped}, {"wrap": lambda inner: clipped(inner, 0.25)}),
    "interval": ({"wrap": optim.Scaled}, {"wrap": lambda o: optim.Scaled(o, interval=9)}),
    "order": (
        {"wrap": lambda inner: clipped(optim.Scaled(inner))},
        {"wrap": lambda inner: optim.Scaled(clipped(inner))},
    ),
    "twice": (
        {"wrap": lambda inner: clipped(clipped(inner, 1.0), 2.0)},
        {"wrap": lambda inner: clipped(clipped(inner, 2.0), 1.0)},
    ),
}


@pytest.mark.parametrize("option", OTHERS)
def test_an_option_that_is_another_is_said_and_may_be_changed_afterwards(tmp_path, option):
    first, second = OTHERS[option]
    path = tmp_path / "run.npz"
    trained(path, *make(**first), steps=10, schedule=optim.cosine(0.01, 20))
    refused(path, *make(**second), "it was written with .*")
    net, optimizer = make(**first)
    file = checkpoint.Checkpoint(path, net, optimizer)
    optimizer.lr = 1e-4
    history = train.fit(net, DATA, optimizer, 20, callbacks=[file], history=file.history)
    assert history["lr"][-1] == 1e-4
    assert checkpoint.Checkpoint(path, *make(**first)).history["step"][-1] == 20


def test_the_option_is_named(tmp_path):
    path = tmp_path / "run.npz"
    trained(path, *make(lr=0.25), steps=5)
    refused(
        path, *make(lr=0.5), r"it was written with Adam\(lr=0\.25, .*this is Adam\(lr=0\.5, .*lr ="
    )
