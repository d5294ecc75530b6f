"""Files of signals: they go round, bad ones are refused, and no byte can do harm."""

import os
import tempfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoiselib.real import load_signal, save_signal

KINDS = pytest.mark.parametrize("kind", ["csv", "npy", "npz", "wav"])


@pytest.fixture
def signal():
    return np.random.default_rng(0).uniform(-1, 1, 200)


def write_wav(path, frames, width, channels=1, rate=360):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)


@KINDS
def test_a_signal_goes_round(kind, signal, tmp_path):
    path = tmp_path / f"signal.{kind}"
    save_signal(path, signal, rate=360, about="a test\nof two lines" if kind != "npy" else "")
    samples, rate = load_signal(path)
    if kind == "wav":
        np.testing.assert_allclose(samples, signal, atol=2.0**-32)
    else:
        np.testing.assert_array_equal(samples, signal)
    assert rate == (None if kind == "npy" else 360)
    assert samples.flags.writeable
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_single_precision_is_kept(kind, signal, tmp_path):
    path = tmp_path / f"signal.{kind}"
    save_signal(path, signal.astype(np.float32))
    samples, rate = load_signal(path)
    assert samples.dtype == np.float32
    assert rate is None
    np.save(tmp_path / "counts.npy", np.arange(5, dtype=np.int16))
    assert load_signal(tmp_path / "counts.npy")[0].dtype == np.float64


def test_full_scale_goes_into_sound(tmp_path):
    save_signal(tmp_path / "a.wav", [1.0, -1.0], rate=8000)
    np.testing.assert_allclose(load_signal(tmp_path / "a.wav")[0], [1, -1], atol=1e-9)


@pytest.mark.parametrize(
    ("width", "frames", "expected"),
    [
        (1, bytes([0, 128, 192]), [-1, 0, 0.5]),
        (2, b"\x00\x80\x00\x00\x00\x40", [-1, 0, 0.5]),
        (3, b"\x00\x00\x80\x00\x00\x00\x00\x00\x40", [-1, 0, 0.5]),
        (4, b"\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x40", [-1, 0, 0.5]),
    ],
)
def test_sound_of_all_widths(width, frames, expected, tmp_path):
    write_wav(tmp_path / "a.wav", frames, width)
    samples, rate = load_signal(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples, expected)
    assert rate == 360


@KINDS
def test_one_channel_of_several(kind, tmp_path):
    path, both = tmp_path / f"two.{kind}", np.array([[0, 0.25, 0.5], [-1, 0.5, -0.25]])
    if kind == "csv":
        np.savetxt(path, both.T, delimiter="; ")
    elif kind == "npy":
        np.save(path, both)
    elif kind == "npz":
        np.savez(path, both)
    else:
        write_wav(path, (both.T * 2**15).astype("<i2").tobytes(), 2, channels=2)
    for channel in (0, 1):
        np.testing.assert_array_equal(load_signal(path, channel)[0], both[channel])
    with pytest.raises(ValueError, match="holds 2 channels"):
        load_signal(path)
    with pytest.raises(ValueError, match="channel must be between 0 and 1"):
        load_signal(path, 2)
    with pytest.raises(TypeError, match="channel"):
        load_signal(path, "left")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no number"),
        ("# rate: 360\n", "no number"),
        ("time\n0.5\n", "line 1 holds 'time'"),
        ("0.5\n1_000\n", "line 2"),
        ("0.5,\n", "line 1"),
        ("0.5\n1, 2\n", "line 2 holds 2 numbers"),
        ("0.5\nnan\n", "finite"),
        ("0.5\ninf\n", "finite"),
        ("1\n2j\n", "line 2"),
        ("# rate: 0\n1\n", "rate"),
        ("# rate: quick\n1\n", "quick"),
        ("0,5\n0,25\n", "one number or two"),
        ("1,2\n3,4\n", "one number or two"),
        ("7\n0,5\n", "one number or two"),
        ("0.5,1;2\n", "use one separator"),
        ("1.000,5;2\n", "use one separator"),
        ("1,2,3;4\n", "use one separator"),
    ],
)
def test_bad_text_is_refused(text, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_signal(tmp_path / "a.csv")
    assert "a.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,5;1,25\n-2;3,5e1\n", [[0.5, -2], [1.25, 35]]),
        ("0,5\t1,25\n-2\t3\n", [[0.5, -2], [1.25, 3]]),
        ("# said, and done\n0,5 ; 1\n", [[0.5], [1]]),
        ("0.5,1\n2,3\n", [[0.5, 2], [1, 3]]),
        ("1, 2\n3,4\n", [[1, 3], [2, 4]]),
        ("1,2,3\n4,5,6\n", [[1, 4], [2, 5], [3, 6]]),
        ("1,-2\n3,4\n", [[1, 3], [-2, 4]]),
    ],
)
def test_the_whole_file_tells_what_a_comma_means(text, expected, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    for channel, samples in enumerate(expected):
        np.testing.assert_array_equal(load_signal(tmp_path / "a.csv", channel)[0], samples)
    with pytest.raises(ValueError, match=f"holds {len(expected)} channels"):
        load_signal(tmp_path / "a.csv")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_lack_of_memory_is_no_damage(error, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise error

    save_signal(tmp_path / "a.npy", [1.0])
    monkeypatch.setattr(np.lib.format, "read_array", fail)
    with pytest.raises(error):
        load_signal(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(0), "empty"),
        (np.array([1.0, np.nan]), "finite"),
        (np.array([1.0, np.inf]), "finite"),
        (np.ones(3, complex), "complex"),
        (np.array(["a"]), "<U1"),
        (np.ones((1, 1, 3)), "shape"),
        (np.array(1.0), "shape"),
        (np.array([1.0, "a"], object), "pickle"),
    ],
)
def test_bad_arrays_are_refused(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", samples=array, allow_pickle=True)
    for kind in ("npy", "npz"):
        with pytest.raises(ValueError, match=message):
            load_signal(tmp_path / f"a.{kind}")


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.save(tmp_path / "a.npy", np.array([Trap()], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", samples=np.array([Trap()], object))
    for kind in ("npy", "npz"):
        with pytest.raises(ValueError, match="damaged"):
            load_signal(tmp_path / f"a.{kind}")
    assert not (tmp_path / "sprung").exists()


def test_arrays_without_the_name_samples(signal, tmp_path):
    np.savez(tmp_path / "one.npz", ecg=signal, rate=360.0)
    samples, rate = load_signal(tmp_path / "one.npz")
    np.testing.assert_array_equal(samples, signal)
    assert rate == 360
    np.savez(tmp_path / "two.npz", a=signal, b=signal)
    with pytest.raises(ValueError, match="which of a, b"):
        load_signal(tmp_path / "two.npz")
    np.savez(tmp_path / "rates.npz", samples=signal, rate=[1.0])
    with pytest.raises(ValueError, match="rate of"):
        load_signal(tmp_path / "rates.npz")


@KINDS
@pytest.mark.parametrize("kept", [0, 1, 20, 43, 44, 60, 0.5, 0.999])
def test_truncated_files_are_refused(kind, kept, signal, tmp_path):
    path = tmp_path / f"a.{kind}"
    save_signal(path, signal, rate=360)
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    if kind == "csv" and kept:  # text that stops is text
        load_signal_or_refuse(path)
        return
    with pytest.raises(ValueError, match="a\\."):
        load_signal(path)


def test_more_than_an_array_is_refused(signal, tmp_path):
    save_signal(tmp_path / "a.npy", signal)
    with open(tmp_path / "a.npy", "ab") as file:
        file.write(b"\0")
    with pytest.raises(ValueError, match="more in it"):
        load_signal(tmp_path / "a.npy")


def load_signal_or_refuse(path):
    """Load finite numbers, or raise ValueError; return which."""
    try:
        samples, rate = load_signal(path)
    except ValueError:
        return False
    assert np.isfinite(samples).all()
    assert samples.ndim == 1 <= samples.size
    assert rate is None or 0 < rate < np.inf
    return True


@KINDS
def test_a_damaged_byte_is_refused_or_gives_numbers(kind, signal, tmp_path):
    """1,000 damages of one byte, three quarters of them where the headers are."""
    path = tmp_path / f"a.{kind}"
    save_signal(path, signal, rate=360)
    content, rng, loaded = path.read_bytes(), np.random.default_rng(0), 0
    for trial in range(1000):
        damaged = bytearray(content)
        ends = [len(content), 130, min(len(content), 300), -300][trial % 4]
        place = rng.integers(ends) if ends > 0 else len(content) + rng.integers(ends, 0)
        damaged[place] = (damaged[place] + rng.integers(1, 256)) % 256
        path.write_bytes(damaged)
        loaded += load_signal_or_refuse(path)
    assert 0 < loaded < 1000


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("a.txt", {}, ValueError, "path must end in .csv, .npy, .npz, .wav"),
        ("a.csv", {"samples": [np.nan]}, ValueError, "samples"),
        ("a.csv", {"samples": []}, ValueError, "samples"),
        ("a.csv", {"samples": [1j]}, TypeError, "samples"),
        ("a.csv", {"samples": [[1.0]]}, ValueError, "samples"),
        ("a.csv", {"rate": 0}, ValueError, "rate"),
        ("a.csv", {"rate": [1.0]}, ValueError, "rate"),
        ("a.npz", {"about": 3}, TypeError, "about"),
        ("a.wav", {}, ValueError, "rate"),
        ("a.wav", {"rate": 0.5}, ValueError, "rate"),
        ("a.wav", {"rate": 8, "samples": [1.5]}, ValueError, "samples"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(name, options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        save_signal(tmp_path / name, **({"samples": [0.5]} | options))
    assert os.listdir(tmp_path) == []


@KINDS
def test_a_failed_write_leaves_the_old_file(kind, signal, tmp_path, monkeypatch):
    path = tmp_path / f"a.{kind}"
    save_signal(path, signal, rate=360)
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        save_signal(path, signal / 2, rate=360, overwrite=True)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@KINDS
def test_a_file_that_is_there_is_not_replaced_unasked(kind, signal, tmp_path):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"a year of work")
    with pytest.raises(FileExistsError, match=f"a.{kind} exists already and is not replaced"):
        save_signal(path, signal, rate=360)
    assert path.read_bytes() == b"a year of work"
    save_signal(path, signal, rate=360, overwrite=True)
    np.testing.assert_allclose(load_signal(path)[0], signal, atol=2.0**-32)
    assert os.listdir(tmp_path) == [path.name]


def test_a_link_to_nowhere_is_there(signal, tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(FileExistsError):
        save_signal(tmp_path / "a.csv", signal)


SAMPLES = st.lists(st.floats(-1e76, 1e76), min_size=1, max_size=5)
RATES = st.none() | st.floats(1e-9, 1e12) | st.integers(1, 10**9)
#: Any text, and texts that a reader might take for a rate, a comment, a number or an end.
ABOUTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    [
        *("heart rate\nrate: 100 bpm", "# rate: 100", "rate=100", "1.5\n2.5", "\ufeff", "0,5; 1"),
        *("a\rrate: 9", "a\x0brate: 9", "a\x85# rate: 9", "a\u2028rate: 9\x1c7", "\x00", "\ud800"),
    ]
)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=9
).filter(lambda name: Path(f"{name}.csv").suffix)


@pytest.mark.parametrize("kind", ["csv", "npz"])
@settings(derandomize=True, max_examples=200, deadline=None)
@given(name=NAMES, samples=SAMPLES, rate=RATES, about=ABOUTS)
def test_every_text_name_and_number_goes_round(kind, name, samples, rate, about):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/{name}.{kind}"
        save_signal(path, samples, rate, about)
        found, found_rate = load_signal(path)
    np.testing.assert_array_equal(found, samples)
    assert found_rate == rate


@pytest.mark.parametrize(
    ("line", "rate"),
    [
        ("# rate: 360", 360),
        ("# Rate = 2.5e3 Hz", 2500),
        ("#rate:8000hz", 8000),
        ("## rate: 9", None),
    ],
)
def test_a_rate_is_read_whole(line, rate, tmp_path):
    (tmp_path / "a.csv").write_text(f"{line}\n1\n2\n")
    assert load_signal(tmp_path / "a.csv")[1] == rate


@pytest.mark.parametrize(
    "line", ["# rate: 2 kHz", "# rate: 1_000", "# rate: x", "# rate: 1\n# rate: 2"]
)
def test_a_rate_that_may_be_another_is_refused(line, tmp_path):
    (tmp_path / "a.csv").write_text(f"{line}\n1\n2\n")
    with pytest.raises(ValueError, match=r"a.csv is damaged"):
        load_signal(tmp_path / "a.csv")


def test_nothing_but_its_own_is_removed_and_any_name_is_written(signal, tmp_path):
    other = tmp_path / "mine.csv.old.partial"
    other.write_text("precious")
    save_signal(tmp_path / "mine.csv", signal)
    assert other.read_text() == "precious"
    save_signal(tmp_path / f"{'x' * 251}.csv", signal)
    for path in (tmp_path / "no" / "a.csv", tmp_path / "folder.csv"):
        if path.name == "folder.csv":
            path.mkdir()
        with pytest.raises((FileNotFoundError, FileExistsError), match=r"folder|exists already"):
            save_signal(path, signal)


def test_what_is_no_array_is_refused(tmp_path):
    for members in ({"samples": b"a note"}, {"samples.npy": None, "rate": b"360"}):
        path = tmp_path / "a.npz"
        with zipfile.ZipFile(path, "w") as stored:
            for name, content in members.items():
                if content is None:
                    with stored.open(name, "w") as member:
                        np.lib.format.write_array(member, np.ones(3))
                else:
                    stored.writestr(name, content)
        with pytest.raises(ValueError, match=r"a.npz is damaged.* something else than arrays"):
            load_signal(path)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_signal(tmp_path / "a.csv")
