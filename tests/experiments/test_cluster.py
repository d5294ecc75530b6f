"""A real scheduler with worker processes, on this machine."""

import os
import threading
import time
from concurrent.futures import CancelledError

import dask
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
    assert runner.run(toy.protocol(), tmp_path / "dask", client=client) == []
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
    assert runner.run(protocol, tmp_path, client=client) == []
    killer.join()
    client.wait_for_workers(2, timeout=30)
    assert set(client.run(os.getpid).values()) != set(before.values())
    assert len(toy.stored(tmp_path)) == 12
    assert all(toy.stored(tmp_path).values())


def test_a_job_that_kills_all_its_workers_is_recorded_and_stops_nothing(tmp_path, client):
    deadly = {"x": 9, "trouble": "dies", "until": str(tmp_path / "x")}
    (failed,) = runner.run(toy.protocol(deadly, seeds=1), tmp_path, client=client)
    assert failed["setting"] == deadly
    assert "KilledWorker" in failed["error"]
    assert sum(map(bool, toy.stored(tmp_path).values())) == 4


def test_workers_do_the_work(tmp_path, client):
    """The process that calls `run` only writes."""
    protocol = Protocol(
        name="toy",
        run_one=lambda setting, seed, signals: [{"process": os.getpid()}],
        settings=[{}],
        table={},
    )
    assert runner.run(protocol, tmp_path, client=client) == []
    processes = {row["process"] for row in Store(tmp_path, "toy").rows()}
    assert processes <= set(client.run(os.getpid).values())


def test_a_lost_cluster_ends_the_run_and_leaves_what_is_done(tmp_path):
    quick = {"distributed.comm.timeouts.connect": "2s", "distributed.comm.retry.count": 0}
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with dask.config.set(quick), LocalCluster(**options) as cluster, Client(cluster) as client:

        def lose():
            while not Store(tmp_path, "toy").read():
                time.sleep(0.01)
            cluster.close()

        loser = threading.Thread(target=lose)
        loser.start()
        with pytest.raises(CancelledError):
            runner.run(toy.protocol(seconds=0.3), tmp_path, client=client)
        loser.join()
    assert 0 < len(toy.stored(tmp_path)) < 12
    assert all(toy.stored(tmp_path).values())
