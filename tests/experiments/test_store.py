import json
from pathlib import Path

import numpy as np
import pytest

from denoiselib.experiments.store import Store

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
    """Harmless is what changes no job: a space that is another, a name of the checksum that is.

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
            assert job.items() >= was.items()
    assert 850 < refused < 900


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
