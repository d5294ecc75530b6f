import subprocess
import sys

import pytest

from denoiselib.experiments import PROTOCOLS, __main__
from tests.experiments import toy


@pytest.fixture(autouse=True)
def protocols(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    table = {"by": ["x", "k"], "reference": {"x": 0}, "last": {"x": 1}}
    quick = {"settings": [{"x": 0}, {"x": 5}], "seeds": 1}
    monkeypatch.setitem(PROTOCOLS, "toy", toy.protocol(table=table, quick=quick))


@pytest.fixture
def command(tmp_path, capsys):
    def command(*arguments):
        jobs = ["--jobs", "1"] if arguments[0] == "run" else []
        try:
            code = __main__.main([arguments[0], "--out", str(tmp_path), *jobs, *arguments[1:]])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_list_names_every_protocol(capsys):
    assert __main__.main(["list"]) == 0
    out = capsys.readouterr().out
    assert "classical " in out
    assert "toy          4 settings, 3 seeds, 50 signals" in out


def test_run_then_table(command, tmp_path):
    code, out, _ = command("run", "toy")
    assert (code, out) == (0, f"12 of 12 jobs are in {tmp_path / 'toy.jsonl'}\n")
    code, out, _ = command("table", "toy")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("| x | k | signals | seeds | mean |")
    assert [line.split("|")[1].strip() for line in lines[2:]] == list("000222333111")
    assert command("table", "toy", "--csv")[1].startswith("x,k,signals,seeds,mean,")


def test_the_table_does_not_depend_on_the_order_of_rows(command, tmp_path):
    command("run", "toy")
    before = command("table", "toy")
    path = tmp_path / "toy.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert command("table", "toy") == before


def test_numbers_of_signals_do_not_mix(command):
    command("run", "toy", "--seeds", "2")
    command("run", "toy", "--seeds", "1", "--signals", "20")
    _, out, _ = command("table", "toy", "--csv")
    seeds = {tuple(line.split(",")[2:4]) for line in out.splitlines()[1:]}
    assert seeds == {("50", "2"), ("20", "1")}


def test_quick_has_its_own_settings_and_file(command, tmp_path):
    assert command("run", "toy", "--quick")[1].startswith("2 of 2 jobs")
    assert not (tmp_path / "toy.jsonl").exists()
    assert command("table", "toy")[0] == 1
    _, out, _ = command("table", "toy", "--quick")
    assert [line.split("|")[1].strip() for line in out.splitlines()[2:]] == list("000555")


def test_rows_of_former_settings_stay_out(command, monkeypatch):
    command("run", "toy", "--seeds", "1")
    protocol = toy.protocol(table={"by": ["x", "k"]})
    del protocol.settings[1:]
    monkeypatch.setitem(PROTOCOLS, "toy", protocol)
    code, out, err = command("table", "toy")
    assert (code, len(out.splitlines())) == (0, 5)
    assert "3 jobs have settings of another time" in err


def test_a_failed_setting_is_named(command, monkeypatch, tmp_path):
    bad = {"x": 9, "trouble": "fails", "until": str(tmp_path / "luck")}
    monkeypatch.setitem(PROTOCOLS, "toy", toy.protocol(bad, seeds=1))
    code, out, err = command("run", "toy")
    assert code == 1
    assert f"failed: {bad}, seed 0: RuntimeError: out of luck" in err
    assert out.startswith("4 of 5 jobs")
    code, _, err = command("table", "toy")
    assert code == 0
    assert "1 jobs have failed" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nonsense"], "invalid choice: 'nonsense'"),
        (["table", "nonsense"], "choose from"),
        (["run", "toy", "--seeds", "0"], "--seeds: must be an integer of at least 1, not '0'"),
        (["run", "toy", "--signals", "1.5"], "--signals: must be an integer of at least 1"),
        (["run", "toy", "--jobs", "-1"], "--jobs"),
        (["run", "toy", "--dask", "tcp://127.0.0.1:1"], "no scheduler at 'tcp://127.0.0.1:1'"),
        (["run", "toy", "--dask", "nonsense:x"], "no scheduler at 'nonsense:x'"),
    ],
)
def test_mistakes_are_said_in_a_sentence(command, arguments, message, monkeypatch, tmp_path):
    monkeypatch.setattr(__main__, "PATIENCE", 1)
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(command, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert __main__.main(["run", "toy", "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "denoiselib.experiments", "run", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "data/results in the current" in " ".join(done.stdout.split())
