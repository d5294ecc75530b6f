import numpy as np
import pytest

from denoiselib import metrics, nn, real
from denoiselib._random import stream
from denoiselib.empirical import LAWS
from denoiselib.experiments import Table, laws, networks, noise_levels, unsupervised


def rows(seed=0, signals=30, **setting):
    return laws.PROTOCOL.run_one(setting, seed, signals)


def test_every_law_meets_every_family_and_more_where_it_is_right():
    settings = Table(laws.SETTINGS)
    for family in laws.FAMILIES:
        found = settings.where(family=family, level="found", seen=100).column("method")
        assert set(found) == set(LAWS) - ({"pulses"} - set(laws.RIGHT.get(family, ())))
        given = settings.where(family=family, level="given", seen=700).column("method")
        assert set(laws.FILTERS) <= set(given)
        assert ("limit" in given) == (family in laws.RIGHT)
    for family, right in laws.RIGHT.items():
        for law in right:
            some = settings.where(family=family, method=law)
            assert len(some) == (2 if law == "pulses" else 4)


def test_a_row_is_the_error_of_the_law_that_was_fitted():
    setting = {"family": "blocks", "seen": 100, "level": "found", "method": "markov"}
    (row,) = rows(**setting)
    noisy, _ = nn.train.fresh("blocks", 3.0, 100, seed=1000)(0)
    law = LAWS["markov"][1](noisy)
    test, clean, _ = networks.draw("blocks", 3.0, 30, 1000)
    assert row["value"] == law.sigma
    assert row["rmse"] == pytest.approx(metrics.rmse(law.denoise(test), clean).mean())
    assert row["gap"] > 0
    (given,) = rows(**setting | {"level": "given"})
    assert given["value"] == 3.0


def test_laws_learn_from_the_signals_of_the_networks():
    setting = unsupervised.chosen("SURE", "700 signals", "pulses") | {"batch": 700}
    order = unsupervised.lesson(setting, seed=1000).data(0)[0]
    noisy, _ = nn.train.fresh("pulses", 3.0, 700, seed=1000)(0)
    assert np.array_equal(np.sort(order, axis=0), np.sort(noisy, axis=0))


def test_electrocardiograms_have_errors_and_no_limit():
    (row,) = rows(family="ecg", seen=100, level="given", method="tv")
    assert row["rmse"] < 3
    assert np.isnan(row["gap"])
    clean = noise_levels.tenths_of_millivolts(30, 100, stream(1000, "test"))
    assert np.array_equal(clean, 10 * real.ecg(30, 100, stream(1000, "test")))
