import numpy as np
import pytest

from denoiselib import metrics, nn, signals
from denoiselib.experiments import networks, structured


def test_every_family_has_all_methods_once():
    for family in structured.STEPS:
        names = [s["method"] for s in structured.SETTINGS if s["family"] == family]
        averaged = [name for name in names if "averaged" in name]
        assert len(averaged) == (2 if family == "blocks" else 0)
        every = [*structured.NETS, *averaged, *structured.TUNED_FILTERS, "linear", "limit"]
        assert names == every


@pytest.mark.parametrize("method", structured.NETS)
def test_networks_are_those_that_are_named(method):
    setting = next(s for s in structured.SETTINGS if s["method"] == method)
    net = networks.make(setting, 0)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv1d)]
    kernel = setting["shape"].get("kernel", 3)
    assert {conv.weight.shape[-1] for conv in convolutions} == {kernel}
    far = 1 + sum((kernel - 1) * conv.dilation for conv in convolutions)
    assert far == {"kernel 3, depth 4": 9, "dilated, rectified": 89}.get(method, 41)


def test_rows_are_errors_on_other_signals_than_those_of_tuning():
    setting = {"method": "tv", "family": "blocks"}
    (row,) = structured.PROTOCOL.run_one(setting, 1, signals=50)
    noisy, clean, _ = networks.draw("blocks", 3.0, 500, 2001, "validation")
    chosen = structured.TUNED_FILTERS["tv"].tune(noisy, 3.0, clean)
    assert row["value"] == chosen.value
    noisy, clean, _ = networks.draw("blocks", 3.0, 50, 2001)
    estimate = structured.TUNED_FILTERS["tv"].denoise(noisy, 3.0, chosen.value)
    assert row["rmse"] == pytest.approx(metrics.rmse(estimate, clean).mean())


def test_sign_helps_where_spikes_have_one():
    names = ("l1_pulse", "l1_pulse, spikes >= 0", "linear", "limit")
    rmse = [
        structured.PROTOCOL.run_one({"method": name, "family": "pulses"}, 0, 200)[0]["rmse"]
        for name in names
    ]
    assert rmse[2] > rmse[0] > 1.03 * rmse[1] > rmse[3]


def test_moments_are_those_of_the_family():
    mean, covariance = structured.moments("blocks")
    clean = signals.blocks(5000, rng=9)
    assert np.allclose(mean, 5, atol=0.1)
    assert np.allclose(covariance, np.cov(clean.T), atol=0.8)
    lags = np.abs(np.subtract.outer(np.arange(100), np.arange(100)))
    assert np.allclose(covariance, 10 * 0.95**lags, atol=0.5)  # a jump draws the level anew


def test_a_network_is_trained_with_its_own_seed():
    setting = next(s for s in structured.SETTINGS if "kernel 9" in s["method"]) | {"steps": 2}
    (row,) = structured.PROTOCOL.run_one(setting, 3, 20)
    noisy, clean, _ = networks.draw("pulses", 3.0, 20, 2003)
    found = networks.train(setting, 2003).denoise(noisy)
    assert row["rmse"] == pytest.approx(metrics.rmse(found, clean).mean())
    assert row["value"] is None
