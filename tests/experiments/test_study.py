"""The one loop of the studies: rows of ways, stored settings, and what is kept in caches."""

import json
import pkgutil
from importlib import import_module

import numpy as np
import pytest

from denoiselib import _files, experiments, filters, metrics
from denoiselib.experiments import PROTOCOLS, heart, networks, runner, structured
from denoiselib.experiments.store import Store, identity
from denoiselib.experiments.study import as_trained, blind, compare, run_ways, trained

SEEN = []
WAYS = {
    "TV": lambda noisy, sigma: filters.tv(noisy, 8.0),
    "told": (lambda noisy, sigma: SEEN.append(sigma) or noisy / (1 + sigma), {"about": 7}),
    "limit": None,
}


@pytest.mark.parametrize("sigma", [3.0, [1.0, 5.0]])
def test_rows_are_averages_over_the_same_signals(sigma):
    rows = compare(WAYS, "blocks", sigma, 30, 4)
    noisy, clean, level = networks.draw("blocks", sigma, 30, 4)
    best = networks.pointwise_limit("blocks", noisy, level)
    least = metrics.rmse(best, clean).mean()
    for row, estimate in zip(
        rows, (filters.tv(noisy, 8.0), noisy / (1 + level), best), strict=True
    ):
        error = metrics.rmse(estimate, clean).mean()
        assert row["rmse"] == pytest.approx(error)
        assert row["gap"] == pytest.approx(100 * (error / least - 1), abs=1e-9)
        assert row["slide_psnr"] == pytest.approx(metrics.slide_psnr(estimate, clean).mean())
    np.testing.assert_array_equal(SEEN[-1], level)
    assert [row["way"] for row in rows] == ["TV", "told", "limit"]
    assert [row.get("about") for row in rows] == [None, 7, None]


def test_a_study_runs_all_ways_in_all_tests_with_its_own_seeds():
    calls = []

    def ways(setting, seed):
        calls.append((setting["x"], seed))
        return {"direct": blind(lambda noisy: noisy * setting["x"]), "limit": None}

    def tests(setting):
        return [({"at": "low"}, 1.0, "test"), ({"at": "chosen on"}, 3.0, "validation")]

    setting = {"x": 0.5, "family": "pulses"}
    rows = run_ways(setting, 3, 20, ways=ways, tests=tests, column="use", first_seed=100)
    assert calls == [(0.5, 103)]
    assert [(row["at"], row["use"]) for row in rows] == [
        (at, use) for at in ("low", "chosen on") for use in ("direct", "limit")
    ]
    noisy, clean, _ = networks.draw("pulses", 3.0, 500, 103, "validation")
    assert rows[2]["rmse"] == pytest.approx(metrics.rmse(noisy * 0.5, clean).mean())


def test_a_setting_is_tested_at_its_own_level():
    assert as_trained({"sigma": [1.0, 5.0]}) == [({}, [1.0, 5.0], "test")]
    assert as_trained({"method": "tv"}) == [({}, 3.0, "test")]


def test_a_trained_network_has_one_way():
    setting = networks.BASE | {"net": "plain", "steps": 2}
    noisy, *_ = networks.draw("blocks", 3.0, 5, 0)
    found = trained(setting, 1)[""](noisy, None)
    np.testing.assert_array_equal(found, networks.train(setting, 1).denoise(noisy))


STORED = [path.stem for path in sorted(_files.data("results").glob("*.jsonl"))]


@pytest.mark.parametrize("name", STORED)
def test_stored_rows_are_those_of_the_settings(name):
    """A change of a setting, of a space in it, would make rows of another study of them."""
    jobs = Store(_files.data("results"), name).read()
    stored = {identity(job | {"signals": 0}) for job in jobs if "rows" in job}
    protocol = PROTOCOLS[name]
    wanted = [identity(job | {"signals": 0}) for job in protocol.jobs()]
    assert set(wanted) <= stored
    assert len(wanted) == len(set(wanted))
    assert json.loads(json.dumps(protocol.settings)) == protocol.settings


def arrays(thing):
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, tuple | list):
        for part in thing:
            yield from arrays(part)


#: Every cached function of the studies, with arguments.
CACHED = {
    networks.draw_with_limit: [("blocks", 3.0, 5, 0), ("tones", 3.0, 5, 0)],
    structured.moments: [("pulses", 100)],
    heart.recording: [()],
}


@pytest.mark.parametrize(("cached", "args"), [(f, x) for f, every in CACHED.items() for x in every])
def test_what_a_cache_keeps_cannot_be_written_to(cached, args):
    found = list(arrays(cached(*args)))
    assert found
    for array in found:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert cached.cache_info().currsize


def test_no_cached_function_is_forgotten():
    modules = [
        import_module(f"denoiselib.experiments.{part.name}")
        for part in pkgutil.iter_modules(experiments.__path__)
        if part.name != "__main__"
    ]
    found = {x for module in modules for x in vars(module).values() if hasattr(x, "cache_info")}
    assert found - {runner.source} == set(CACHED)  # that one is a text


def test_a_level_that_is_needed_and_not_given_is_asked_for():
    recipe = networks.BASE | {"net": "plain", "level": "given", "steps": 2}
    with pytest.raises(ValueError, match="sigma must be given"):
        networks.with_level(recipe, np.zeros((2, 100)))
    for level in ("given", "mean"):
        net = networks.make(recipe | {"level": level}, seed=0)
        with pytest.raises(ValueError, match="net must not take the noise level"):
            networks.modes(net, recipe | {"level": level}, seed=0)
