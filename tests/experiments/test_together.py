"""Jobs of one setting whose networks are trained side by side."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.experiments import PROTOCOLS, candidates, networks, results, runner
from denoiselib.experiments.protocol import TURN, Protocol
from denoiselib.experiments.store import Store, identity
from denoiselib.experiments.study import run_ways, trained
from denoiselib.experiments.table import Table
from tests.experiments import toy


@pytest.fixture(autouse=True)
def no_bar(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def stacks(monkeypatch):
    """Record which seeds are trained side by side."""
    seen, side_by_side = [], networks._side_by_side

    def spy(recipe, seeds):
        seen.append(seeds)
        return side_by_side(recipe, seeds)

    monkeypatch.setattr(networks, "_side_by_side", spy)
    return seen


@pytest.fixture
def double(monkeypatch):
    """Compute in float64, in which a few steps leave no more than rounding between two ways."""
    for name in ("UNet", "PlainNet"):
        monkeypatch.setattr(nn, name, partial(getattr(nn, name), dtype=np.float64))


def never(setting):
    return 0


def numbers(rows):
    """Return what is in rows by place, zeros for None, but for what `toy` tells of its group."""
    places = {(k, name): x or 0 for k, row in enumerate(rows) for name, x in row.items()}
    texts = {key: hash(x) for key, x in places.items() if isinstance(x, str)}
    return {key: x for key, x in (places | texts).items() if key[1] not in ("kept", "left")}


def compare(protocol, folder, rtol=1e-4):
    """Run a protocol with groups and without, and compare all rows."""
    found = []
    for name, together in (("groups", protocol.together), ("alone", never)):
        failed = runner.run(replace(protocol, together=together), folder / name, workers=1)
        assert failed == []
        jobs = Store(folder / name, protocol.name).read()
        assert len(jobs) == len(protocol.settings) * protocol.seeds
        found.append({identity(job): job["rows"] for job in jobs})
    grouped, alone = found
    assert grouped.keys() == alone.keys()
    for key, rows in grouped.items():
        assert numbers(rows) == pytest.approx(numbers(alone[key]), rel=rtol, abs=1e-6), key


# --- rows


@pytest.mark.slow
def test_every_norm_gives_the_rows_of_seeds_that_are_trained_alone(tmp_path, double, stacks):
    variants = candidates.VARIANTS.values()
    parts = {(v.get("norm", "batch"), v.get("activation", "relu")) for v in variants}
    short = networks.BASE | {"batch": 2, "steps": 3, "lr": 1e-2}
    settings = [short | {"norm": norm, "activation": x} for norm, x in sorted(parts)]
    ways = partial(run_ways, ways=trained)
    options = {"together": networks.gains, "seeds": 2, "signals": 5, "table": {}}
    compare(Protocol(name="norms", run_one=ways, settings=settings, **options), tmp_path)
    assert stacks == [[0, 1]] * len(settings)


GROUPED = [name for name, x in PROTOCOLS.items() if any(map(x.together, x.settings))]


def test_studies_of_unets_train_seeds_together():
    studies = {"recipes", "prior", "slides-table", "batch-norm-modes", "claims", "improvements"}
    studies |= {"proposal-unet", "proposal-stuck", "fixed-maps", "fixed-maps-stuck", "mixed-levels"}
    assert set(GROUPED) == studies


@pytest.mark.parametrize("name", GROUPED)
def test_every_study_gives_the_rows_of_seeds_that_are_trained_alone(tmp_path, double, stacks, name):
    protocol = PROTOCOLS[name]
    settings = []
    for setting in filter(protocol.together, protocol.settings):
        few = {"steps": 2, "batch": min(setting["batch"], 4), "signals": setting["signals"] and 70}
        few |= {k: x for k, x in {"seen": 8, "nets": 2}.items() if k in setting}
        few |= {"family": "sparse_spikes", "lr": 0.01}  # leaves one of many
        if (short := setting | few) not in settings and setting.get("part") != "network":  # long
            settings.append(short)
    compare(replace(protocol, settings=settings, seeds=2, signals=20), tmp_path)
    assert stacks
    assert {len(seeds) for seeds in stacks} == {2}


def test_several_starts_of_several_seeds_are_trained_side_by_side(tmp_path, double, stacks):
    protocol = toy.trained(seeds=3)
    protocol.settings[:] = [toy.TINY | {"x": 0, "starts": 2}]
    compare(protocol, tmp_path)
    assert stacks == [[0, 1, 2], [1000, 1001, 1002]]


def test_what_cannot_be_stacked_is_computed_alone(tmp_path, stacks):
    penalty = {"weight": 0.01, "p": 1, "on": "output"}
    protocol = toy.trained(seeds=2)
    protocol.settings[:] = [toy.TINY | {"x": 0, "penalty": penalty}]
    compare(protocol, tmp_path, rtol=1e-12)
    assert stacks == [[0, 1]]


@pytest.mark.parametrize(
    ("setting", "many"),
    [
        ({"method": "tv", "family": "blocks"}, 0),
        ({"net": "limit", "family": "blocks", "batch": None}, 0),
        (networks.SLIDES, 40),
        (networks.GOOD, 10),
        (networks.BASE | {"net": "plain", "batch": 4}, 10),
        (networks.BASE | {"net": "plain", "batch": 16}, 0),
    ],
)
def test_seeds_are_trained_together_where_that_is_faster(stacks, setting, many):
    assert networks.gains(setting) == many
    if "steps" in setting:
        TURN.set(({}, [0, 1]))
        networks.train(setting | {"steps": 1, "signals": None}, 0)
        assert bool(stacks) == (many > 0)
        TURN.set(({}, [0]))


# --- groups


def grouped(protocol, workers, **options):
    jobs = protocol.jobs(**options)
    groups = runner._groups(protocol, jobs, workers)
    assert sorted(identity(job) for group in groups for job in group) == sorted(map(identity, jobs))
    for group in groups:
        assert len({json.dumps(job["setting"]) for job in group}) == 1
    return groups


@pytest.mark.parametrize(("workers", "size"), [(1, 20), (4, 10), (8, 5), (20, 2), (100, 1)])
def test_groups_are_large_but_leave_no_worker_idle(workers, size):
    groups = grouped(toy.trained(seeds=20), workers)
    assert {len(group) for group in groups} == {size}
    assert len(groups) >= min(workers, 40)


def test_groups_keep_the_order_of_jobs():
    protocol = toy.trained({"batch": 4, "x": 2}, {"batch": 32, "x": 3}, seeds=12)
    groups = grouped(protocol, 1)
    first = [(group[0]["setting"]["x"], group[0]["seed"], len(group)) for group in groups]
    assert first[:5] == [(0, 0, 12), (1, 0, 12), (2, 0, 10), (3, 0, 1), (3, 1, 1)]
    assert first[-4:] == [(3, 9, 1), (2, 10, 2), (3, 10, 1), (3, 11, 1)]


def test_what_is_no_recipe_is_not_grouped():
    assert all(len(group) == 1 for group in grouped(toy.protocol(), 1))
    assert all(len(group) == 1 for group in grouped(PROTOCOLS["heart"], 1, signals=1))


# --- jobs


def test_a_group_is_stored_job_by_job_and_only_what_is_missing_is_computed(tmp_path, stacks):
    protocol = toy.trained(seeds=5)
    runner.run(protocol, tmp_path / "whole", workers=1)
    assert stacks == [[0, 1, 2, 3, 4]] * 2
    path, kept = tmp_path / "part" / "toy.jsonl", []
    path.parent.mkdir()
    for line in (tmp_path / "whole" / "toy.jsonl").read_text().splitlines(keepends=True):
        job = json.loads(line)
        if (job["setting"]["x"], job["seed"]) in [(0, 0), (0, 3), (1, 4)]:
            kept.append(line)
    path.write_text("".join(kept))
    stacks.clear()
    runner.run(protocol, path.parent, workers=1)
    assert stacks == [[0, 1, 2, 3], [1, 2, 4]]  # in the order of the first job that is left
    text = path.read_text()
    assert text.startswith("".join(kept))
    assert text.count("\n") == 10
    assert toy.alike(path.parent, tmp_path / "whole")


def test_networks_are_given_away_and_not_kept(tmp_path):
    runner.run(toy.trained(seeds=4), tmp_path, workers=1)
    rows = [row for row in Store(tmp_path, "toy").rows() if row["k"] == 2]
    assert {(row["seed"], row["kept"], row["left"]) for row in rows} == {
        (0, 3, 4),
        (1, 2, 3),
        (2, 1, 2),
        (3, 0, 1),
    }
    assert TURN.get() == ({}, [0])


def test_an_error_of_one_seed_is_its_own(tmp_path, stacks):
    unlucky = {"x": 7, "trouble": "fails", "at": 2, "until": str(tmp_path / "never")}
    (failed,) = runner.run(toy.trained(unlucky), tmp_path, workers=1)
    assert (failed["setting"]["x"], failed["seed"]) == (7, 2)
    assert failed["error"] == "RuntimeError: out of luck"
    assert stacks == [[0, 1, 2, 3]] * 3
    assert sum(map(bool, toy.stored(tmp_path).values())) == 11


def outcomes(protocol, folder):
    """Run a protocol with groups and without: errors by seed, which must be the same, and rows."""
    found = []
    for name, together in (("groups", protocol.together), ("alone", never)):
        failed = runner.run(replace(protocol, together=together), folder / name, workers=1)
        found.append({(job["setting"]["x"], job["seed"]): job["error"] for job in failed})
    assert found[0] == found[1]
    assert toy.alike(folder / "groups", folder / "alone")
    return found[0]


def test_a_training_that_fails_is_that_of_its_seed(tmp_path, monkeypatch, stacks):
    source = networks.data

    def data(recipe, seed):
        drawn = source(recipe, seed)

        def of_step(step):
            if (seed, step) == (1, 2):
                raise LookupError("no signals today")
            return drawn(step)

        return of_step

    monkeypatch.setattr(networks, "data", data)
    errors = outcomes(toy.trained(), tmp_path)
    assert errors == {(x, 1): "LookupError: no signals today" for x in (0, 1)}
    assert stacks == [[0, 1, 2, 3]] * 2  # once, not again for those that are left


QUIET = pytest.mark.filterwarnings(
    "ignore:net 1 of the stack:RuntimeWarning", "ignore:(overflow|invalid value):RuntimeWarning"
)


@QUIET
@pytest.mark.parametrize("seeds", [[1], [0, 1, 2, 3]])
def test_those_that_diverge_say_so_as_alone_and_the_others_are_as_alone(
    tmp_path, monkeypatch, stacks, seeds
):
    made = networks.make

    def make(recipe, seed):
        net = made(recipe, seed)
        net.vector *= 1e15 if seed in seeds else 1
        return net

    monkeypatch.setattr(networks, "make", make)
    protocol = toy.trained()
    protocol.settings[:] = [setting | {"norm": "none"} for setting in protocol.settings]
    errors = outcomes(protocol, tmp_path)
    assert set(errors) == {(x, seed) for x in (0, 1) for seed in seeds}
    text = "FloatingPointError: the loss is inf at step 0: lower"
    assert [error for error in errors.values() if not error.startswith(text)] == []
    assert stacks == [[0, 1, 2, 3]] * 2


# --- processes


@pytest.mark.slow
def test_a_job_that_kills_its_process_takes_no_seed_of_its_group_along(tmp_path):
    deadly = {"x": 9, "trouble": "dies", "at": 2, "until": str(tmp_path / "x")}
    protocol = toy.trained(deadly, seeds=5)
    protocol.settings.reverse()
    assert {len(group) for group in runner._groups(protocol, protocol.jobs(), 2)} == {5}
    failed = runner.run(protocol, tmp_path, workers=2)
    assert [(job["setting"]["x"], job["seed"], job["error"]) for job in failed] == [
        (9, 2, "its process died")
    ]
    assert sum(map(bool, toy.stored(tmp_path).values())) == 14
    assert len(Store(tmp_path, "toy").read()) == (tmp_path / "toy.jsonl").read_text().count("\n")


@pytest.mark.slow
def test_a_cluster_trains_seeds_together_and_finds_the_one_that_kills(tmp_path):
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    deadly = {"x": 9, "trouble": "dies", "at": 1, "until": str(tmp_path / "x")}
    protocol, options = toy.trained(deadly), {"n_workers": 2, "threads_per_worker": 1}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(**options, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        (failed,) = runner.run(protocol, tmp_path / "dask", client=client)
    assert (failed["setting"]["x"], failed["seed"]) == (9, 1)
    assert "KilledWorker" in failed["error"]
    rows = Store(tmp_path / "dask", "toy").rows()
    assert max(row.get("left", 0) for row in rows) == 4
    assert len(rows) == 3 * 11


# --- what is stored


@pytest.mark.slow
def test_stored_trainings_come_out_again(tmp_path):
    """Of *AdamW*, 20 seeds in two stacks; on one machine all of them to the last digit.

    A training in float32 is chaotic. Where the rounding is another, a seed may end elsewhere, so
    that it is most of them that are asked for.
    """
    protocol = PROTOCOLS["recipes"]
    settings = [setting for setting in protocol.settings if setting["change"] == "AdamW"]
    assert runner.run(replace(protocol, settings=settings), tmp_path, workers=1) == []
    mine = Table(Store(tmp_path, "recipes").rows())
    stored = results("recipes").where(change="AdamW").pivot("seed", "change", "rmse")
    mine = mine.pivot("seed", "change", "rmse")
    assert mine.keys() == stored.keys()
    apart = [abs(mine[seed]["AdamW"] - stored[seed]["AdamW"]) for seed in stored]
    assert np.median(apart) < 1e-2


def test_stored_rows_of_filters_come_out_again(tmp_path):
    protocol, filters = PROTOCOLS["slides-table"], ("wiener", "l1_dft", "soft", "limit")
    settings = [setting for setting in protocol.settings if setting["method"] in filters]
    runner.run(replace(protocol, settings=settings, seeds=1), tmp_path, workers=1)
    mine, stored = Table(Store(tmp_path, "slides-table").rows()), results("slides-table")
    for row in mine:
        (known,) = stored.where(**{k: row[k] for k in ("method", "version", "seed")})
        assert numbers([row]) == pytest.approx(numbers([known]), rel=1e-9)
