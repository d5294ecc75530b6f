import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoiselib.experiments.store import Store, sources

RESULTS = Path(__file__).resolve().parents[2] / "data" / "results"


def jobs(count=6):
    """Make jobs as a protocol's: settings, numbers of all sizes, and an error."""
    rng = np.random.default_rng(0)
    for seed in range(count):
        setting = {"family": "blocks", "sigma": 3.0, "batch": None, "widths": [1, 5]}
        row = {"rmse": rng.standard_normal(), "gap": 1e-9 * rng.random(), "stuck": False, "k": seed}
        rows = {"error": "ValueError: \u00fc"} if seed == 2 else {"rows": [row, row | {"k": None}]}
        yield {"setting": setting, "seed": seed, "signals": 100} | rows


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "toy")
    with store.open() as append:
        store.note({"command": "python", "versions": {"numpy": "2.4.6"}, "seeds": 6})
        for job in jobs():
            append(job)
    return store


def damages(path, count):
    """Damage a byte of a file, again and again, and tell where."""
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for place in rng.integers(len(whole), size=count):
        damaged = bytearray(whole)
        damaged[place] = (damaged[place] + rng.integers(1, 256)) % 256
        path.write_bytes(damaged)
        yield place
    path.write_bytes(whole)


def test_jobs_come_back_as_they_were(store):
    assert store.read() == list(jobs())


def test_a_damaged_byte_is_refused_or_harmless(store):
    """Harmless is what changes no job: a space that is another.

    A last line without its end counts as cut short, and its job is done again.
    """
    stored, refused = list(jobs()), 0
    for _ in damages(store.path, 900):
        try:
            read = store.read()
        except ValueError as error:
            assert "toy.jsonl, line" in str(error)  # noqa: PT017
            refused += 1
            continue
        assert len(read) >= len(stored) - 1
        for job, was in zip(read, stored, strict=False):
            assert job == was
    assert 850 < refused <= 900


def test_damaged_provenance_is_refused_or_kept(store):
    """Nothing is computed from it: harmless is what is written again as it was read."""
    before, refused = store.provenance.read_bytes(), 0
    for _ in damages(store.provenance, 100):
        damaged = store.provenance.read_bytes()
        try:
            store.note({"command": "again"})
        except ValueError as error:
            assert "toy.provenance.json is damaged" in str(error)  # noqa: PT017
            assert store.provenance.read_bytes() == damaged
            refused += 1
        else:
            *runs, _ = json.loads(store.provenance.read_bytes())
            assert runs == json.loads(damaged)
    assert refused > 10
    assert store.provenance.read_bytes() == before


def test_lines_without_a_checksum_are_read(store):
    lines = store.path.read_bytes().splitlines()
    older = [{k: v for k, v in json.loads(line).items() if k != "crc32"} for line in lines]
    store.path.write_text("".join(json.dumps(job) + "\n" for job in older))
    with store.open() as append:
        append(next(jobs()) | {"seed": 99})
    assert store.read() == [*jobs(), next(jobs()) | {"seed": 99}]


def test_stored_results_are_read_as_they_stand():
    for path in RESULTS.glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        lines = [{k: v for k, v in line.items() if k != "crc32"} for line in lines]
        read = Store(RESULTS, path.stem).read()
        assert all(job in lines for job in read[::50])
        assert len(read) > 0


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_of_other_systems_and_editors_are_read_and_nothing_is_lost(store, end):
    store.path.write_bytes(store.path.read_bytes().replace(b"\n", end))
    whole = store.path.read_bytes()
    with store.open() as append:
        append(next(jobs()) | {"seed": 99})
    assert store.read() == [*jobs(), next(jobs()) | {"seed": 99}]
    assert store.path.read_bytes().startswith(whole)


def test_a_last_line_that_has_lost_its_end_alone_is_a_job(store):
    store.path.write_bytes(store.path.read_bytes().removesuffix(b"\n"))
    assert store.read() == list(jobs())
    with store.open() as append:
        append(next(jobs()) | {"seed": 99})
    assert store.read() == [*jobs(), next(jobs()) | {"seed": 99}]


@pytest.mark.parametrize("first", [False, True])
def test_what_is_cut_anywhere_is_kept_beside(store, first):
    lines = store.path.read_bytes().splitlines(keepends=True)
    good = b"" if first else b"".join(lines)
    cut = store.path.with_suffix(".jsonl.cut")
    for length in range(1, len(lines[0]) - 1):
        store.path.write_bytes(good + lines[0][:length])
        with store.open():
            pass
        assert store.path.read_bytes() == good
        assert cut.read_bytes() == lines[0][:length] + b"\n"
        cut.unlink()


ROW = {"setting": {}, "seed": 0, "signals": 1, "rows": []}
#: What may stand in a file of results by mistake.
ODD_LINES = {
    "packed": gzip.compress(b"{}\n"),
    "null": b"null\n",
    "a number": b"3\n",
    "text": b"a b c\n",
    "text without an end": b"a b c",
    "foreign JSON without an end": b'{"x": 1}',
    "a foreign job without an end": json.dumps(ROW | {"notes": "mine"}).encode(),
    "a seed that is none, without an end": json.dumps(ROW | {"seed": "a"}).encode(),
    "another checksum, without an end": json.dumps(ROW | {"crc32": 1}).encode(),
    "a run that is none": json.dumps(ROW | {"run": "x"}).encode() + b"\n",
    "rows null": json.dumps(ROW | {"rows": None}).encode() + b"\n",
    "rows text": json.dumps(ROW | {"rows": "abc"}).encode() + b"\n",
    "a row that is none": json.dumps(ROW | {"rows": [3]}).encode() + b"\n",
    "a setting that is none": json.dumps(ROW | {"setting": 3}).encode() + b"\n",
    "neither rows nor error": b'{"setting": {}, "seed": 0, "signals": 1}\n',
    "deep": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "no text": b"\xff\xfe\x00\n",
}


@pytest.mark.parametrize("kind", ODD_LINES)
@pytest.mark.parametrize("first", [False, True])
def test_what_is_no_result_is_named_and_not_touched(store, kind, first):
    good = b"" if first else store.path.read_bytes()
    store.path.write_bytes(good + ODD_LINES[kind])
    line = 1 if first else 7
    with pytest.raises(ValueError, match=rf"toy\.jsonl, line {line}, is damaged"):
        store.read()
    with pytest.raises(ValueError, match=rf"line {line}, is damaged"), store.open():
        pass
    assert store.path.read_bytes() == good + ODD_LINES[kind]


@pytest.mark.parametrize("text", ["null", "3", '"a"', "[3]", "{}", "[" * 100_000])
def test_odd_provenance_is_named_and_not_touched(store, text):
    store.provenance.write_text(text)
    with pytest.raises(ValueError, match=r"toy\.provenance\.json is damaged"):
        store.note({"command": "again"})
    assert store.provenance.read_text() == text


def replace(path, kept):
    path.unlink()
    path.write_bytes(kept)


def last_byte(path, kept):
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b" ")


#: What may happen to a file of results during a run, and what is said of it.
CHANGES = {
    "replaced": (replace, "replaced or removed"),
    "removed": (lambda path, kept: path.unlink(), "replaced or removed"),
    "a line less": (lambda path, kept: path.write_bytes(kept[: kept.rindex(b"{")]), "changed"),
    "an end less": (lambda path, kept: path.write_bytes(kept[:-1]), "changed"),
    "half": (lambda path, kept: path.write_bytes(kept[: len(kept) // 2]), "changed"),
    "nothing left": (lambda path, kept: path.write_bytes(b""), "changed"),
    "other line ends": (
        lambda path, kept: path.write_bytes(kept.replace(b"\n", b"\r\n")),
        "changed",
    ),
    "a word more": (lambda path, kept: path.write_bytes(kept + b"note"), "changed"),
    "a line more": (lambda path, kept: path.write_bytes(kept + b"note\n"), "changed"),
    "its last byte": (last_byte, "changed"),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("written", [0, 2])
def test_a_file_that_changes_meanwhile_is_not_written_on(store, kind, written):
    change, said = CHANGES[kind]
    with store.open() as append:
        for seed in range(written):
            append(next(jobs()) | {"seed": 99 + seed})
        change(store.path, store.path.read_bytes())
        left = store.path.read_bytes() if store.path.exists() else None
        for _ in range(2):
            with pytest.raises(OSError, match=rf"toy\.jsonl was {said} during the run"):
                append(next(jobs()) | {"seed": 200})
    assert (store.path.read_bytes() if store.path.exists() else None) == left


#: Other ways to a file of results.
WAYS = {
    "a link": lambda path, other: other.symlink_to(path),
    "a link to a link": lambda path, other: (
        other.with_suffix(".link").symlink_to(path),
        other.symlink_to(other.with_suffix(".link")),
    ),
    "another name": lambda path, other: other.hardlink_to(path),
    "a link of the folder": lambda path, other: (
        other.parent.rmdir(),
        other.parent.symlink_to(path.parent),
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("unlocked", [False, True])
def test_a_file_has_one_writer_whatever_it_is_called(store, tmp_path, way, unlocked):
    (tmp_path / "other").mkdir()
    other = Store(tmp_path / "other", "toy")
    WAYS[way](store.path, other.path)
    for one, two in ((store, other), (other, store), (store, store)):
        with one.open():
            if unlocked:
                for lock in tmp_path.rglob("*.lock"):
                    lock.unlink()
            with pytest.raises(BlockingIOError, match="another run is writing"), two.open():
                pass
        with two.open():
            pass
    assert store.read() == other.read() == list(jobs())


def test_the_lock_does_not_outlive_its_process(store):
    code = (
        "import os, sys; from denoiselib.experiments.store import Store\n"
        "with Store(sys.argv[1], 'toy').open(): print('open', flush=True); input()\n"
    )
    command = [sys.executable, "-c", code, str(store.path.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(BlockingIOError), store.open():
            pass
        process.kill()
    with store.open():
        pass


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ANY = st.recursive(
    PLAIN | st.floats() | st.binary(max_size=3) | st.complex_numbers(),
    lambda inner: (
        st.tuples(inner)
        | st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=2) | st.integers() | st.tuples(st.integers()) | st.none(),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)
JOBS = st.fixed_dictionaries(
    {
        "setting": st.dictionaries(st.text(max_size=3), ANY, max_size=3) | ANY,
        "seed": st.integers() | st.just("a"),
        "signals": st.integers(),
    },
    optional={
        "rows": st.lists(st.dictionaries(st.text(max_size=3), ANY, max_size=3), max_size=3) | ANY,
        "error": st.text() | st.just(3),
        "crc32": st.integers(),
        "run": st.integers() | st.just("a"),
        "notes": st.text(),
    },
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(job=JOBS)
def test_every_job_comes_back_as_it_was_or_is_refused(job):
    with tempfile.TemporaryDirectory() as folder:
        store, stored = Store(folder, "toy"), []
        with store.open() as append:
            try:
                append(job)
                stored = [job]
            except ValueError as error:
                assert str(error).startswith("a job must be plain JSON")  # noqa: PT017
                assert store.path.read_bytes() == b""
        assert repr(store.read()) == repr(stored)


@pytest.mark.parametrize("where", ["setting", "row"])
def test_a_number_that_json_cannot_hold_is_refused(store, where):
    huge, kept = {"x": 10**5000}, store.path.read_bytes()
    job = ROW | ({"setting": huge} if where == "setting" else {"rows": [huge]})
    with store.open() as append, pytest.raises(ValueError, match="a job must be plain JSON"):
        append(job)
    assert store.path.read_bytes() == kept


def test_the_code_that_computed_jobs_is_counted():
    found = sources([ROW, ROW | {"source": "a"}, ROW | {"source": "a"}, {"error": "x"}])
    assert found == {"unknown code": 1, "a": 2}
