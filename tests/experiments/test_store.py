import gzip
import json
from pathlib import Path

import numpy as np
import pytest

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


def test_what_is_cut_is_kept_beside(store):
    whole = store.path.read_bytes()
    store.path.write_bytes(whole + b'{"setting": {"fam')
    with store.open():
        pass
    assert store.path.read_bytes() == whole
    assert store.path.with_suffix(".jsonl.cut").read_bytes() == b'{"setting": {"fam\n'


ROW = {"setting": {}, "seed": 0, "signals": 1, "rows": []}
#: What may stand in a file of results by mistake.
ODD_LINES = {
    "packed": gzip.compress(b"{}\n"),
    "null": b"null\n",
    "a number": b"3\n",
    "text": b"a b c\n",
    "text without an end": b"a b c",
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


@pytest.mark.parametrize("removed", [False, True])
def test_a_file_that_is_replaced_or_removed_is_not_written_on(store, removed):
    kept = store.path.read_bytes()
    with store.open() as append:
        append(next(jobs()) | {"seed": 99})
        store.path.unlink()
        if not removed:
            store.path.write_bytes(kept)
        with pytest.raises(OSError, match=r"toy\.jsonl was replaced or removed during the run"):
            append(next(jobs()) | {"seed": 100})
    assert store.path.exists() != removed
    assert removed or store.path.read_bytes() == kept


def test_the_code_that_computed_jobs_is_counted():
    found = sources([ROW, ROW | {"source": "a"}, ROW | {"source": "a"}, {"error": "x"}])
    assert found == {"unknown code": 1, "a": 2}
