import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import joblib
import numpy as np
import pytest

from denoiselib.experiments import runner
from denoiselib.experiments.protocol import Protocol
from denoiselib.experiments.store import Store
from tests.experiments import toy

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_bar(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def start(tmp_path):
    """Start runs of `toy.LONG`, each in a process of its own, the first of its group."""
    processes = []

    def start(kind="jobs"):
        with open(tmp_path / "stderr", "w") as file:
            command = [sys.executable, "-m", "tests.experiments.toy", str(tmp_path), "2", kind]
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                start_new_session=True,
                stderr=file,
                # tests in the background of a shell ignore Ctrl-C, and hand that down
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        processes.append(process)
        return process

    yield start
    for process in processes:  # workers of a killed process linger for a while
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def lines(folder):
    path = Path(folder) / "toy.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_rows_are_the_same_on_any_number_of_workers_in_any_order(tmp_path):
    reversed_ = toy.protocol(seeds=3)
    reversed_.settings.reverse()
    runner.run(toy.protocol(), tmp_path / "1", workers=1)
    runner.run(reversed_, tmp_path / "2", workers=2)
    assert toy.stored(tmp_path / "1") == toy.stored(tmp_path / "2")
    assert len(toy.stored(tmp_path / "1")) == 12


@pytest.mark.parametrize("workers", [1, 2])
def test_every_worker_has_one_thread(tmp_path, monkeypatch, workers):
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    # what a worker begins with, whatever its backend promises
    with joblib.parallel_config("loky", inner_max_num_threads=2):
        runner.run(toy.protocol(seeds=1), tmp_path, workers=workers)
    threads = [row["threads"] for row in Store(tmp_path, "toy").rows() if row["k"] == 2]
    assert threads == [1] * 4


def test_rows_are_plain_and_carry_their_job(tmp_path):
    runner.run(toy.protocol(seeds=1), tmp_path, signals=7, workers=1)
    first, _, third = Store(tmp_path, "toy").rows()[:3]
    assert {k: first[k] for k in ("x", "seed", "signals", "k")} == {
        "x": 0,
        "seed": 0,
        "signals": 7,
        "k": 0,
    }
    assert type(first["rmse"]) is float
    assert third["rmse"] is None  # NaN is no JSON
    assert "NaN" not in (tmp_path / "toy.jsonl").read_text()


def test_what_is_done_is_not_done_again(tmp_path):
    runner.run(toy.protocol(seeds=1), tmp_path, workers=1)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    runner.run(toy.protocol(seeds=1), tmp_path, workers=1)
    assert files == {path: path.read_bytes() for path in tmp_path.iterdir()}
    runner.run(toy.protocol(seeds=2), tmp_path, workers=1)
    runner.run(toy.protocol(seeds=2), tmp_path, signals=9, workers=1)
    assert len(toy.stored(tmp_path)) == 16
    (path,) = tmp_path.glob("*.jsonl")
    assert path.read_bytes().startswith(files[path])


def test_quick_rows_have_their_own_file(tmp_path):
    protocol = toy.protocol(quick={"settings": [{"x": 1, "steps": 5}], "seeds": 1})
    runner.run(protocol.shrunk(), tmp_path, workers=1)
    assert not (tmp_path / "toy.jsonl").exists()
    assert {row["steps"] for row in Store(tmp_path, "toy-quick").rows()} == {5}


def test_a_failure_is_recorded_stops_nothing_and_is_tried_again(tmp_path):
    luck = tmp_path / "luck"
    protocol = toy.protocol({"x": 9, "trouble": "fails", "until": str(luck)}, seeds=1)
    protocol.settings.reverse()
    (failed,) = runner.run(protocol, tmp_path, workers=2)
    assert failed["error"] == "RuntimeError: out of luck"
    assert failed in Store(tmp_path, "toy").read()
    assert sorted(map(bool, toy.stored(tmp_path).values())) == [False, True, True, True, True]
    luck.touch()
    assert runner.run(protocol, tmp_path, workers=2) == []
    assert all(toy.stored(tmp_path).values())


#: Rows that cannot be stored as they are, or not be counted with, by what is said of them.
BAD_ROWS = {
    "worst must be a number": [{"worst": [1, 2]}, {"worst": {"a": 1}}, {"worst": (1,)}],
    "worst must be": [{"worst": np.zeros(2)}, {"worst": 1j}, {"worst": b"x"}, {"worst": {1}}],
    "the names in a row must be text": [{3: 1.0}, {(1, 2): 1.0}, {None: 1}, {True: 1}],
    r"worst must not exceed 2\*\*53": [{"worst": x} for x in (2**53 + 1, -(2**64), 10**5000)],
    "Error": [3, None, [1]],
}


@pytest.mark.parametrize(
    ("message", "row"), [(message, row) for message, rows in BAD_ROWS.items() for row in rows]
)
def test_rows_that_cannot_be_stored_are_a_failure(tmp_path, message, row):
    def run_one(setting, seed, signals):
        return [{"good": 1.0}, row] if seed else [{"large": 2**53}]

    bad = Protocol(name="bad", run_one=run_one, settings=[{}], seeds=2, table={})
    (failed,) = runner.run(bad, tmp_path, workers=1)
    assert re.search(message, failed["error"])
    assert Store(tmp_path, "bad").rows() == [{"seed": 0, "signals": 1000, "large": 2**53}]
    assert failed in Store(tmp_path, "bad").read()


@pytest.mark.slow
def test_a_job_that_kills_its_process_takes_no_other_along(tmp_path):
    deadly = {"x": 9, "trouble": "dies", "until": str(tmp_path / "x")}
    once = {"x": 8, "trouble": "dies once", "until": str(tmp_path / "y")}
    protocol = toy.protocol(deadly, once, seeds=1)
    protocol.settings.reverse()
    failed = runner.run(protocol, tmp_path, workers=2)
    assert {job["error"] for job in failed} == {"its process died"}
    # the other one may not have begun before the pool was killed, and then died alone
    assert deadly in [job["setting"] for job in failed]
    assert len(failed) < 3
    (failed,) = runner.run(protocol, tmp_path, workers=2)
    assert failed["setting"] == deadly
    assert sum(map(bool, toy.stored(tmp_path).values())) == 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jobs", "groups"])
def test_killed_at_any_moment_a_run_goes_on_where_it_was(tmp_path, start, kind):
    count = len(toy.LONG[kind].jobs())
    moments = random.Random(0)
    for _ in range(3):
        before = lines(tmp_path)
        process = start(kind)
        more = before + moments.randrange(1, 6)
        wait_for(lambda more=more: lines(tmp_path) >= more)
        time.sleep(moments.random() / 10)
        process.kill()
        process.wait()
        with open(tmp_path / "toy.jsonl", "ab") as file:
            file.write(b'{"setting": {"x": 0, "seco')  # a write that was cut short
    assert before < lines(tmp_path) < count
    assert start(kind).wait(300) == 0, (tmp_path / "stderr").read_text()
    runner.run(toy.LONG[kind], tmp_path / "whole", workers=2)
    assert lines(tmp_path) == count
    assert toy.alike(tmp_path, tmp_path / "whole")


@pytest.mark.slow
def test_interrupted_it_leaves_what_is_done(tmp_path, start):
    process = start()
    wait_for(lambda: lines(tmp_path) >= 3)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, workers included
    assert process.wait(300) != 0
    assert "KeyboardInterrupt" in (tmp_path / "stderr").read_text()
    assert 3 <= len(toy.stored(tmp_path)) == lines(tmp_path) < 64


def test_two_runs_do_not_write_to_one_file(tmp_path):
    with (
        Store(tmp_path, "toy").open(),
        pytest.raises(BlockingIOError, match=r"another run is writing to .*toy\.jsonl"),
    ):
        runner.run(toy.protocol(), tmp_path)
    runner.run(toy.protocol(seeds=1), tmp_path, workers=1)


def test_a_machine_without_fcntl_runs_and_locks(tmp_path):
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from denoiselib.experiments import runner\n"
        "from denoiselib.experiments.store import Store\n"
        "from tests.experiments import toy\n"
        f"folder = {str(tmp_path)!r}\n"
        "runner.run(toy.protocol(seeds=1), folder, workers=1)\n"
        "with Store(folder, 'toy').open():\n"
        "    runner.run(toy.protocol(seeds=2), folder)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "BlockingIOError: another run is writing to" in done.stderr
    assert len(toy.stored(tmp_path)) == lines(tmp_path) > 0


def test_rows_of_other_code_are_said_and_kept(tmp_path, monkeypatch):
    runner.run(toy.protocol(seeds=1), tmp_path, workers=1)
    before = toy.stored(tmp_path)
    monkeypatch.setattr(runner, "source", lambda: "0ther")
    with pytest.warns(UserWarning, match=r"holds 4 of these jobs, computed by other code .*0ther"):
        runner.run(toy.protocol(seeds=2), tmp_path, workers=1)
    assert before.items() <= toy.stored(tmp_path).items()
    monkeypatch.undo()
    runner.run(toy.protocol(seeds=1), tmp_path, workers=1)  # nothing to do, nothing to say


def test_the_checksum_of_the_code_sees_code_and_not_words(tmp_path, monkeypatch):
    package = tmp_path / "denoiselib"
    (package / "experiments").mkdir(parents=True)
    monkeypatch.setattr(runner, "__file__", str(package / "experiments" / "runner.py"))

    def checksum(text):
        (package / "a.py").write_text(text)
        return runner.source.__wrapped__()

    code = checksum('"""Words."""\n\nx = 1  # one\n')
    assert checksum('"""Other\n\nwords."""\n# a comment\nx = 1  # one\n\n') == code
    assert checksum('"""Words."""\n\nx = 2  # one\n') != code


@pytest.mark.slow
def test_no_more_processes_than_jobs_and_none_is_left_by_a_signal(tmp_path):
    command = [sys.executable, "-m", "denoiselib.experiments", "run", "recipes", "--seeds", "1"]
    command += ["--out", str(tmp_path), "--jobs"]
    process = subprocess.Popen(
        [*command, "3"], stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True
    )

    wait_for(lambda: toy.group(process.pid) > 3)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted: finished jobs are stored" in said
    wait_for(lambda: toy.group(process.pid) == 0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("moment", [0, 1, 40])
def test_no_worker_outlives_its_parent_whatever_ended_it(tmp_path, start, how, moment):
    """As it begins, in the middle, and when all is computed but little."""
    process = start()
    wait_for(lambda: toy.group(process.pid) > 2 and lines(tmp_path) >= moment)
    process.send_signal(how)
    assert process.wait(60) == -how
    end = time.monotonic() + 20
    while toy.group(process.pid):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_few_jobs_get_few_processes(tmp_path, monkeypatch):
    asked = []

    class Spy(joblib.Parallel):
        def __init__(self, n_jobs, **options):
            asked.append(n_jobs)
            super().__init__(1, **options)

    monkeypatch.setattr(runner, "Parallel", Spy)
    runner.run(toy.protocol(seeds=1), tmp_path, workers=40)
    assert asked == [4]


def test_damage_is_said_not_overwritten(tmp_path):
    path = tmp_path / "toy.jsonl"
    path.write_text('{"setting": {}, "se\n{"setting": {}, "seed": 0, "signals": 1, "rows": []}\n')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"toy\.jsonl, line 1, is damaged"):
        runner.run(toy.protocol(), tmp_path)
    assert path.read_bytes() == before


def test_provenance_tells_who_wrote(tmp_path):
    for seeds in (1, 2, 2):
        runner.run(toy.protocol(seeds=seeds), tmp_path, workers=1)
    first, second = json.loads((tmp_path / "toy.provenance.json").read_text())
    assert (first["seeds"], second["seeds"], first["signals"]) == (1, 2, 50)
    assert first["settings"] == toy.protocol().settings
    assert second["command"] == "python -m denoiselib.experiments run toy --seeds 2 --signals 50"
    assert {"python", "numpy", "joblib"} <= set(first["versions"])
    assert first["date"].endswith("+00:00")
    jobs = Store(tmp_path, "toy").read()
    assert [(job["seed"], job["run"]) for job in jobs] == [(0, 0)] * 4 + [(1, 1)] * 4


def test_provenance_names_the_commit(tmp_path, monkeypatch):
    def git(*words):
        names = ["-c", "user.name=x", "-c", "user.email=x@y"]
        command = ["git", "-C", tmp_path, *names, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    module = import_module("denoiselib.experiments.commit")
    code = tmp_path / "denoiselib" / "experiments" / "commit.py"
    code.parent.mkdir(parents=True)
    code.write_text("1")
    monkeypatch.setattr(module, "__file__", str(code))
    assert module.commit() is None
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    assert module.commit() == git("rev-parse", "HEAD")
    code.write_text("2")
    assert module.commit() == git("rev-parse", "HEAD") + "-dirty"


@pytest.mark.parametrize("name", ["seeds", "signals", "workers"])
@pytest.mark.parametrize("bad", [0, -2, 1.5, True])
def test_numbers_out_of_range_are_named(tmp_path, name, bad):
    with pytest.raises((ValueError, TypeError), match=name):
        runner.run(toy.protocol(), tmp_path / "none", **{name: bad})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("bad", [{"x": (1, 2)}, {"x": float("nan")}, {1: 2}])
def test_settings_survive_the_file(bad):
    with pytest.raises(ValueError, match="settings of toy must be plain JSON"):
        toy.protocol(bad)


def test_settings_differ():
    with pytest.raises(ValueError, match="settings of toy must not occur twice"):
        toy.protocol({"seconds": 0, "x": 1})
