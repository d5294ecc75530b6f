"""A real scheduler with worker processes, on this machine."""

import os
import threading
import time

import dask
import joblib
import pytest
from distributed import Client, LocalCluster

from denoiselib.experiments import runner
from denoiselib.experiments.protocol import Protocol
from denoiselib.experiments.store import Store
from tests.experiments import toy

pytestmark = pytest.mark.slow

# Nothing sets the number of threads of these workers.
CONFIG = {
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.scheduler.allowed-failures": 1,
}


@pytest.fixture(autouse=True)
def no_bar(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def client():
    with pytest.MonkeyPatch.context() as patch, dask.config.set(CONFIG):
        patch.setenv("OPENBLAS_NUM_THREADS", "2")
        patch.setenv("OMP_NUM_THREADS", "2")
        with (
            # another cluster may run beside: any port that is free
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            yield client


def test_a_cluster_gives_the_same_rows(tmp_path, client):
    with joblib.parallel_config("dask"):
        assert runner.run(toy.protocol(), tmp_path / "dask") == []
    runner.run(toy.protocol(), tmp_path / "local", workers=2)
    assert toy.stored(tmp_path / "dask") == toy.stored(tmp_path / "local")
    assert all(row.get("threads") in (1, None) for row in Store(tmp_path / "dask", "toy").rows())


def test_a_worker_killed_in_the_middle_costs_only_time(tmp_path, client):
    protocol = toy.protocol(seconds=0.2)
    before = client.run(os.getpid)

    def kill():
        while not Store(tmp_path, "toy").read():
            time.sleep(0.01)
        os.kill(next(iter(before.values())), 9)

    killer = threading.Thread(target=kill)
    killer.start()
    with joblib.parallel_config("dask"):
        assert runner.run(protocol, tmp_path) == []
    killer.join()
    client.wait_for_workers(2, timeout=30)
    assert set(client.run(os.getpid).values()) != set(before.values())
    assert len(toy.stored(tmp_path)) == 12
    assert all(toy.stored(tmp_path).values())


def test_a_job_that_kills_all_its_workers_is_recorded_and_stops_nothing(tmp_path, client):
    deadly = {"x": 9, "trouble": "dies", "until": str(tmp_path / "x")}
    with joblib.parallel_config("dask"):
        (failed,) = runner.run(toy.protocol(deadly, seeds=1), tmp_path)
    assert failed["setting"] == deadly
    assert "KilledWorker" in failed["error"]
    assert sum(map(bool, toy.stored(tmp_path).values())) == 4


def test_a_single_worker_does_the_work(tmp_path, client, monkeypatch):
    """It may be the first of many; the process that calls `run` only writes."""
    monkeypatch.setattr(client, "ncores", lambda: {"the first": 1})
    protocol = Protocol(
        name="toy",
        run_one=lambda setting, seed, signals: [{"process": os.getpid()}],
        settings=[{}],
        table={},
    )
    with joblib.parallel_config("dask"):
        assert runner.run(protocol, tmp_path) == []
    processes = {row["process"] for row in Store(tmp_path, "toy").rows()}
    assert processes <= set(client.run(os.getpid).values())
