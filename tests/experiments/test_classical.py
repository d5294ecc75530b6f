import numpy as np
import pytest

from denoiselib import bayes, filters, signals
from denoiselib.experiments import classical


def setting(**changes):
    return {"family": "blocks", "sigma": 3.0, "method": "tv", "tuning": "sure"} | changes


def run(**changes):
    return classical.run_one(setting(**changes), seed=3, validation=60, test=100)


def test_same_seed_same_row():
    assert run() == run()
    assert run()["rmse"] != classical.run_one(setting(), 4, 60, 100)["rmse"]


def test_the_slides_parameter_is_taken_as_it_is():
    assert run(method="l1_dft", tuning="slides")["value"] == 1.0


def test_nothing_beats_the_limit_on_its_own_signals():
    limit = run(method="limit", tuning=None)["rmse"]
    for tuning in ("sure", "oracle"):
        assert run(tuning=tuning)["rmse"] > limit


def test_all_methods_see_the_same_signals(monkeypatch):
    for name in ("tv", "soft"):
        idle = filters.METHODS[name]._replace(denoise=lambda y, sigma, value: y, slides=0.0)
        monkeypatch.setitem(filters.METHODS, name, idle)
    errors = [run(method=name, tuning="slides")["rmse"] for name in ("tv", "soft")]
    assert errors[0] == errors[1] == pytest.approx(3, rel=0.05)


def test_tuning_never_sees_the_test_signals(monkeypatch):
    lengths = []
    tune = filters.Method.tune

    def spy(self, noisy, sigma, clean=None, **options):
        lengths.append((len(noisy), clean is not None))
        return tune(self, noisy, sigma, clean, **options)

    monkeypatch.setattr(filters.Method, "tune", spy)
    run(tuning="sure")
    run(tuning="oracle")
    assert lengths == [(60, False), (60, True)]


def test_an_unknown_name_is_refused():
    with pytest.raises(KeyError, match="nonsense"):
        run(method="nonsense")


def test_the_protocol_covers_every_filter_on_every_family():
    covered = {(s["family"], s["method"], s["tuning"]) for s in classical.SETTINGS}
    assert len(covered) == len(classical.SETTINGS)
    for family in signals.FAMILIES:
        assert {m for f, m, t in covered if f == family and t == "oracle"} == set(filters.METHODS)
    assert {f for f, m, _ in covered if m == "limit"} == set(bayes.LIMITS)


def test_pivot_puts_each_row_in_its_place():
    rows = [
        {"family": "pulses", "method": "tv", "tuning": "sure", "rmse": 2.0},
        {"family": "blocks", "method": "limit", "tuning": None, "rmse": 1.0},
    ]
    tables = classical.pivot(rows)
    place = list(filters.METHODS).index("tv"), list(signals.FAMILIES).index("pulses")
    assert tables["sure"][place] == 2
    assert np.isnan(tables["oracle"][place])
    assert all(t[-1, 2] == 1 for t in tables.values())
