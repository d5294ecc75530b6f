from functools import partial
from pathlib import Path

import numpy as np
import pytest

from denoiselib import metrics
from denoiselib.experiments import Table, choices, networks, store, unsupervised

RESULTS = Path(__file__).parents[2] / "data" / "results"
DATA = ("fresh", "700 signals", "one recording")
SMALL = {"steps": 3, "batch": 4}


RECIPES = {key: unsupervised.recipe(*key, "pulses", **SMALL) for key in unsupervised.POSSIBLE}


def test_settings_are_all_that_is_possible():
    assert {method for method, _ in RECIPES} == {"supervised", *unsupervised.LESSONS}
    assert {data for _, data in RECIPES} == set(DATA)
    assert ("noise2noise", "one recording") not in RECIPES
    assert ("SURE, level found", "fresh") not in RECIPES
    assert len(RECIPES) == 10 * 3 - 2 - 2


@pytest.mark.parametrize("key", RECIPES, ids=", ".join)
def test_no_method_sees_clean_signals(key, monkeypatch):
    """Each learns the same if all clean signals that it might look at are other ones."""
    setting, fresh = RECIPES[key], networks.nn.train.fresh

    def spoiled(*args, **options):
        data = fresh(*args, **options)
        return lambda step: (data(step)[0], data(step)[1] + 100)

    def trained():
        return unsupervised.train(setting, 1).vector

    before = trained()
    if key[0] != "noise2noise":  # copies are made of clean signals
        monkeypatch.setattr(networks.nn.train, "fresh", spoiled)
    assert np.array_equal(trained(), before) == (key[0] != "supervised")


@pytest.mark.parametrize("data", ["fresh", "700 signals"])
def test_two_copies_share_their_signal_and_nothing_else(data):
    setting = unsupervised.recipe("noise2noise", data, "blocks", batch=200)
    seen, target, *_ = unsupervised.lesson(setting, 0).data(0)
    assert seen.shape == (200, 100)
    assert (seen - target).std() == pytest.approx(3 * np.sqrt(2), rel=0.02)


def test_a_set_has_700_signals_and_a_recording_is_as_long():
    sets = unsupervised.lesson(unsupervised.recipe("SURE", "700 signals", "blocks", batch=350), 0)
    batches = np.concatenate([sets.data(step)[0] for step in range(4)])
    assert len(np.unique(batches, axis=0)) == 700
    one = unsupervised.lesson(unsupervised.recipe("SURE", "one recording", "blocks", batch=500), 0)
    assert len(np.unique(one.data(0)[0])) > 30_000
    assert not np.array_equal(one.data(0)[0], one.data(1)[0])


def test_rows_are_errors_of_the_trained_network():
    setting = unsupervised.recipe("noise2self", "fresh", "pulses", **SMALL)
    rows = unsupervised.PILOT.run_one(setting, 3, 20)
    net = unsupervised.train(setting, 3)
    noisy, clean, _ = networks.draw("pulses", 3.0, 20, 3)
    found = {(row["use"], row["purpose"]): row["rmse"] for row in rows}
    assert found["direct", "test"] == pytest.approx(metrics.rmse(net.denoise(noisy), clean).mean())
    assert {use for use, _ in found} == {"direct", "hidden"}
    assert found["hidden", "test"] != found["direct", "test"]
    (limit, _) = unsupervised.PILOT.run_one({"method": "limit", "family": "pulses"}, 3, 20)
    assert limit["gap"] == 0
    assert limit["rmse"] < found["direct", "test"]


def test_own_losses_are_estimates_of_the_error_and_see_no_clean_signal(monkeypatch):
    """SURE is the mean squared error itself, the others differ by what no network changes."""
    net = networks.make(unsupervised.recipe("SURE", "fresh", "pulses"), seed=1).eval()
    noisy, clean, _ = networks.draw("pulses", 3.0, networks.VALIDATION, 1, "validation")
    error = np.mean((net.denoise(noisy) - clean) ** 2)
    offsets = {"supervised": 0, "SURE": 0, "noise2noise": 9, "recorrupted": 9 * (1 + 1 / 0.3**2)}

    def own_loss(method):
        setting = unsupervised.recipe(method, "fresh", "pulses")
        teach = None if method == "supervised" else partial(unsupervised._teach, setting)
        return choices.own_loss(net, "pulses", 3.0, 1, teach)

    own = {method: own_loss(method) for method in unsupervised.LESSONS | offsets}
    for method, offset in offsets.items():
        assert own[method] - offset == pytest.approx(error, rel=0.03), method
    assert own["SURE, level found"] == pytest.approx(own["SURE"], rel=0.05)
    draw = networks.draw

    def spoiled(*args):
        noisy, clean, level = draw(*args)
        return noisy, clean + 100, level

    monkeypatch.setattr(networks, "draw", spoiled)
    for method, value in own.items():
        assert (own_loss(method) == value) == (method not in ("supervised", "noise2noise")), method


def test_a_level_that_is_found_is_that_of_the_signals_at_hand():
    for family in networks.SHAPES:
        for data in ("700 signals", "one recording"):
            setting = unsupervised.recipe("recorrupted, level found", data, family, batch=700)
            seen, target, *_ = unsupervised.lesson(setting, 3).data(0)
            level = (seen - target).std() / (0.3 + 1 / 0.3)
            assert level == pytest.approx(3, rel=0.07)


def test_rates_are_those_that_the_stored_pilot_chooses():
    rows = store.Store(RESULTS, "unsupervised-pilot").rows()
    rows = Table(rows).where(purpose="validation", use="direct")
    rates = rows.chosen("lr", by=("method", "data", "family"), value="own")
    for setting in unsupervised.STUDIED:
        if setting["method"] != "limit":
            seen = "fresh" if setting["data"] == "fresh" else "700 signals"
            assert setting["lr"] == rates[setting["method"], seen, setting["family"]]
    assert {key[:2] for key, rate in rates.items() if rate != 0.03} == set(unsupervised.SLOWER)
