import json
from pathlib import Path

import numpy as np
import pytest

from denoiselib import nn, real
from denoiselib.experiments import Table, heart, networks, results, store
from denoiselib.filters import sparse, tuning

ROOT = Path(__file__).parents[2]
TIME = np.arange(3600) / 360
MIDDLE = slice(720, -720)


def wave(frequency):
    return np.cos(2 * np.pi * frequency * TIME)


# --- what is measured


def test_the_recording_stands_first_with_the_same_noise_beside_any_number_of_signals():
    few, clean, beats = heart.draw("bursts", 0.1, 1, seed=3)
    many, *_ = heart.draw("bursts", 0.1, 4, seed=3)
    np.testing.assert_array_equal(few[0], many[0])
    np.testing.assert_array_equal(clean[0], heart.recording()[0])
    assert len(beats[0]) == 20
    louder, again, _ = heart.draw("bursts", 0.3, 1, seed=3)
    np.testing.assert_allclose(louder - again, 3 * (few - clean), atol=1e-12)
    assert (heart.draw("bursts", 0.1, 1, seed=4)[0][0] != few[0]).any()


def test_the_recording_is_kept_from_changes():
    for array in heart.recording():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    noisy, *_ = heart.draw("white", 0.1, 1, seed=0)
    noisy[:] = 0  # what is drawn is the caller's own


def test_validation_signals_are_others_and_synthetic():
    _, test, _ = heart.draw("white", 0.1, 3, seed=0)
    noisy, clean, beats = heart.draw("white", 0.1, 3, seed=0, purpose="validation")
    assert len(noisy) == len(beats) == 3
    assert (clean != test[1:]).any(axis=-1).all()


@pytest.mark.parametrize("noise", heart.NOISES)
def test_noises_are_as_large_as_they_say(noise):
    added = heart.NOISES[noise](np.zeros((60, 3600)), 0.2, np.random.default_rng(0))
    assert np.sqrt(np.mean(added**2)) == pytest.approx(0.2, rel=0.1)
    if "hum" in noise:
        power = np.abs(np.fft.rfft(added)).mean(axis=0)
        assert power.argmax() / 10 == pytest.approx(float(noise.split()[1]), abs=0.2)


def test_the_baseline_is_what_was_added():
    clean = real.ecg(1, 3600, rng=0)[0]
    wander = real.add_wander(np.zeros(3600), 0.5, rng=1, highest=0.3)
    found = heart.baseline(clean + wander) - heart.baseline(clean)
    assert (found - wander).std() < 0.15 * wander.std()


def test_a_constant_is_no_error():
    noisy, clean, beats = heart.draw("white", 0.1, 2, seed=0)
    same = heart.scores(clean + 5.0 + (noisy - clean) / 2, noisy, clean, beats)
    assert same["gain"] == pytest.approx(20 * np.log10(2))
    assert same["error"] == pytest.approx(500 * np.mean(np.std(noisy - clean, axis=-1)))


def test_scores_tell_low_peaks_and_lost_beats():
    _, clean, beats = heart.draw("white", 0.1, 1, seed=0)
    noisy = heart.draw("white", 0.1, 1, seed=1)[0]
    low = heart.scores(0.9 * clean, noisy, clean, beats)
    assert low["flattened"] == pytest.approx(10)
    assert low["height"] == pytest.approx(10)
    assert low["wrong"] == 0
    high = heart.scores(1.2 * clean, noisy, clean, beats)
    assert (high["flattened"], high["height"]) == pytest.approx((-20, 20))
    late = heart.scores(np.roll(clean, 4, axis=-1), noisy, clean, beats)
    assert late["timing"] == pytest.approx(4000 / 360, rel=0.1)
    gone = clean.copy()
    gone[0, beats[0][5] - 60 : beats[0][5] + 60] = 0
    assert heart.scores(gone, noisy, clean, beats)["wrong"] > 100 / 60


@pytest.mark.parametrize("odd", ["pink", "", "White", None, 3, ["white"], ("hum",)])
def test_names_that_nobody_knows_are_refused_in_words(odd):
    row = {"noise": "white", "target": "recording", "mv": 0.1, "tuned": heart.UNTUNED, "gain": 1.0}
    rows = [row | {"method": "none"}]
    for name, call in {
        "noise": lambda: heart.draw(odd, 0.1, 1, 0),
        "purpose": lambda: heart.draw("white", 0.1, 1, 0, odd),
        "noises": lambda: heart.mixed([odd], 1, 100, 0),
        "method": lambda: heart.recipe(odd),
        "method ": lambda: heart.run_one({"method": odd}, 0, 1),
        "value": lambda: heart.means(rows, odd),
        "target": lambda: heart.means(rows, "gain", odd),
    }.items():
        with pytest.raises(ValueError, match=rf"^{name.strip()} must be one of '"):
            call()


@pytest.mark.parametrize("odd", [-0.1, np.nan, np.inf, "0.1", None, [0.1]])
def test_levels_that_are_none_are_refused_in_words(odd):
    with pytest.raises((TypeError, ValueError), match=r"^level must"):
        heart.draw("white", odd, 1, 0)


@pytest.mark.parametrize("beats", [[], [[], []], [np.empty(0)] * 2, ([], ())])
def test_nothing_is_scored_by_beats_that_are_not_there(beats):
    noisy, clean, _ = heart.draw("white", 0.1, 1, seed=0)
    with pytest.raises(ValueError, match="beats must hold R waves"):
        heart.scores(clean, noisy, clean, beats)


# --- filters


def test_wavelets_are_a_unitary_pair_for_smooth_signals():
    assert sparse.resolve(heart.WAVELETS, 3600).unitary
    analysis, _ = heart.WAVELETS
    fine = analysis(TIME**3)[1800:-8]  # four moments vanish
    np.testing.assert_allclose(fine, 0, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "value", "stopped", "kept"),
    [
        ("low-pass", 30, 90, 3),
        ("high-pass", 0.5, 0.1, 3),
        ("band-pass from 0.5 Hz", 30, 90, 5),
        ("band-pass from 0.5 Hz", 30, 0.1, 5),
        ("notch 50 Hz", 1.0, 50, 20),
        ("notch 50 Hz", 1.0, 150, 120),
        ("notch 60 Hz", 1.0, 120, 50),
        ("notch 50 Hz, band-pass", 70, 50, 5),
    ],
)
def test_filters_stop_what_they_should(name, value, stopped, kept):
    method = heart.ECG_FILTERS[name]
    low, high = (method.denoise(wave(f), None, value)[MIDDLE].std() for f in (stopped, kept))
    assert low < 0.02 * np.sqrt(0.5) * (5 if stopped == 90 else 1)
    assert high == pytest.approx(np.sqrt(0.5), rel=0.03)


def test_filters_do_not_delay():
    (clean,), (beats,) = real.ecg_with_beats(1, 3600, rng=0)
    for name in ("low-pass", "notch 50 Hz, band-pass", "high-pass"):
        method = heart.ECG_FILTERS[name]
        found = real.r_peaks(method.denoise(clean, None, method.grid[len(method.grid) // 2]))
        assert np.abs(real.r_peak_timing_error(found, beats).errors).max() < 3


def test_the_value_chosen_has_the_least_error():
    noisy, clean, _ = heart.draw("white", 0.2, 4, seed=0, purpose="validation")
    method = heart.ECG_FILTERS["low-pass"]
    errors = [
        np.std(method.denoise(noisy, None, f) - clean, axis=-1).mean() for f in method.grid.tolist()
    ]
    assert heart.choose(method, noisy, clean) == method.grid[np.argmin(errors)]
    blind = heart.choose(method, noisy)
    assert errors[method.grid.tolist().index(blind)] < 1.1 * min(errors)


def test_an_oracle_is_the_best_of_its_grid_on_each_target():
    noisy, clean, _ = heart.draw("white", 0.1, 2, seed=0)
    known = heart.draw("white", 0.1, 2, 0, "validation")[:2]
    found = heart.tuned(heart.ECG_FILTERS["low-pass"], "white", noisy, clean, known)
    assert set(found) == {"synthetic", "oracle", "SURE"}
    for target, part in heart.TARGETS.items():
        errors = {
            how: heart.rms_error(answer[target], clean)[part].mean()
            for how, answer in found.items()
        }
        assert errors["oracle"] == min(errors.values())
    value = heart.choose(heart.ECG_FILTERS["low-pass"], *known)
    expected = heart.ECG_FILTERS["low-pass"].denoise(noisy, None, value)
    np.testing.assert_allclose(found["synthetic"]["recording"], expected)
    assert "SURE" not in heart.tuned(heart.ECG_FILTERS["low-pass"], "bursts", noisy, clean, known)


# --- networks


def test_networks_see_far_and_differ_as_they_say():
    for method in heart.TAUGHT:
        net = networks.make(heart.recipe(method), 0)
        assert net.reach == 256
    assert heart.recipe("net, white")["norm"] == "batch"
    assert "linear" in heart.recipe("net, white, varied, thresholds follow")["norm"]


def test_of_several_kinds_half_are_there():
    noisy, clean = heart.mixed(["wander", "white"], 400, 64, seed=0)(0)
    jumps = np.diff(noisy - clean, axis=-1).std(axis=-1)
    assert 0.4 < np.mean(jumps > 1e-3) < 0.6  # white noise, or only a slow curve
    assert 0.15 < np.mean((noisy == clean).all(axis=-1)) < 0.35
    assert (heart.mixed(["white"], 4, 64, seed=0)(1)[0] != noisy[:4]).all()


def test_varied_signals_bend_and_stretch():
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(30):
        signals = heart.varied(4, 3600, rng)
        widths += [1 / max(len(real.r_peaks(s)), 1) for s in signals]
    plain = [1 / len(real.r_peaks(s)) for s in real.ecg(120, 3600, rng=0)]
    assert np.std(np.log(widths)) > 1.2 * np.std(np.log(plain))


@pytest.mark.parametrize("method", heart.ALONE)
def test_a_network_alone_hears_the_recording_that_is_tested(method, monkeypatch):
    heard, windows = [], nn.unsupervised.windows

    def listen(recording, *args):
        heard.append(recording)
        return windows(recording, *args)

    monkeypatch.setattr(nn.unsupervised, "windows", listen)
    setting = heart.recipe(method, "hum 50 Hz", 0.1, steps=1, batch=1)
    heart.train(setting, 5)
    np.testing.assert_array_equal(heard[0], heart.draw("hum 50 Hz", 0.1, 7, 5)[0][0])
    other = np.random.default_rng(0).standard_normal(3600)
    heart.train(setting, 5, heard=other)
    assert heard[1] is other


def test_rows_of_a_filter_cover_all_conditions():
    rows = heart.run_one({"method": "high-pass"}, seed=0, signals=1)
    places = {(r["target"], r["noise"], r["mv"], r["tuned"]) for r in rows}
    white = sum(noise == "white" for noise, _ in heart.CONDITIONS)
    assert len(places) == len(rows) == 2 * (2 * len(heart.CONDITIONS) + white)
    row = next(r for r in rows if r["noise"] == "wander" and r["tuned"] == "oracle")
    noisy, clean, beats = heart.draw("wander", row["mv"], 1, 1000)
    value = heart.choose(heart.ECG_FILTERS["high-pass"], noisy[:1], clean[:1])
    estimate = heart.ECG_FILTERS["high-pass"].denoise(noisy[:1], None, value)
    expected = heart.scores(estimate, noisy[:1], clean[:1], beats[:1])
    assert row["gain"] == pytest.approx(expected["gain"], abs=1e-4)
    assert row["timing"] == pytest.approx(expected["timing"], abs=1e-4)


def test_rows_of_networks(monkeypatch):
    nets = []

    def train(setting, seed, heard=None):
        nets.append(seed)
        return networks.make(setting, 0).eval()

    monkeypatch.setattr(heart, "train", train)
    rows = heart.run_one(heart.recipe("net, white"), seed=2, signals=1)
    assert len(rows) == 2 * len(heart.CONDITIONS)
    assert nets == [1002]
    alone = heart.recipe("SURE, recording alone", "white", 0.05)
    (row,) = heart.run_one(alone, seed=0, signals=1)
    assert (row["target"], row["noise"], row["mv"]) == ("recording", "white", 0.05)


def test_doing_nothing_gains_nothing():
    rows = heart.run_one({"method": "none"}, seed=0, signals=1)
    assert {row["gain"] for row in rows} == {0.0}
    assert {row["tuned"] for row in rows} == {"not"}


def test_the_pilot_judges_a_network_alone_on_what_it_heard(monkeypatch):
    seen = {}

    class Halves:
        def denoise(self, noisy):
            seen["shape"] = noisy.shape
            return noisy - (noisy - seen["clean"]) / 2

    def train(setting, seed, heard):
        noisy, clean, _ = heart.draw("white", 0.1, 3, seed, "validation")
        np.testing.assert_array_equal(heard, noisy[0])
        seen["clean"] = clean[:1]
        return Halves()

    monkeypatch.setattr(heart, "train", train)
    setting = heart.recipe("noise2self, recording alone", "white", 0.1)
    (row,) = heart.run_pilot(setting, 0, 3)
    assert seen["shape"] == (1, 3600)
    assert row["gain"] == pytest.approx(20 * np.log10(2))


# --- what is stored


def test_the_pilot_chose_the_rates():
    losses = Table(row | {"loss": -row["gain"]} for row in results("heart-pilot"))
    assert losses.chosen("lr", by="method", value="loss") == heart.LEARNING_RATES


def test_every_setting_is_stored_for_every_seed():
    rows = store.Store(ROOT / "data" / "results", "heart").rows()
    stored = {(r["method"], r.get("noise"), r.get("mv"), r["seed"]) for r in rows}
    for setting in heart.PROTOCOL.settings:
        places = heart.CONDITIONS
        if setting["method"] in heart.ALONE:
            places = [(setting["noise"], setting["mv"])]
        for noise, mv in places:
            for seed in range(heart.PROTOCOL.seeds):
                assert (setting["method"], noise, mv, seed) in stored


def test_the_report_is_made_of_means():
    row = {"method": "a", "noise": "white", "target": "recording", "mv": 0.1, "tuned": "not"}
    values = dict.fromkeys(heart.TITLES, 1.0)
    rows = [row | values | {"gain": gain} for gain in (1.0, 4.0)]
    rows += [row | values | {"gain": 9.0, "tuned": "oracle"}, row | values | {"mv": 0.2}]
    rows += [row | values | {"method": "b", "noise": "bursts"}]
    assert heart.means(rows, "gain")["a"] == {"white": 2.5}
    text = heart.report(rows)
    assert "| a | 2.50 |  |" in text
    assert "| b |  | 1.00 |" in text


def test_weights_of_networks_alone_are_those_of_the_notebook():
    net = networks.load(ROOT / "data" / "weights" / "heart_alone.safetensors")
    metadata = nn.checkpoint.load(ROOT / "data" / "weights" / "heart_alone.safetensors")[1]
    assert json.loads(metadata["recipe"])["method"] == "SURE, recording alone"
    noisy, clean, _ = heart.draw("white", 0.1, 1, 0)
    error = heart.rms_error(net.denoise(noisy[0]), clean[0])
    assert error < 0.7 * heart.rms_error(noisy[0], clean[0])
    assert tuning.mad_sigma(noisy[0], difference=True)[0] == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("name", heart.ECG_FILTERS)
def test_one_signal_is_tuned_as_a_batch_of_one(name):
    noisy, clean, _ = heart.draw("white", 0.1, 1, seed=0, purpose="validation")
    method = heart.ECG_FILTERS[name]
    assert heart.choose(method, noisy[0]) == heart.choose(method, noisy)
    assert heart.choose(method, noisy[0], clean[0]) == heart.choose(method, noisy, clean)


@pytest.mark.parametrize("name", heart.ECG_FILTERS)
@pytest.mark.parametrize("length", [20, 33, 100])
def test_filters_take_signals_of_any_length(name, length):
    y = np.random.default_rng(0).standard_normal((2, length))
    method = heart.ECG_FILTERS[name]
    value = method.values(y, 1.0)[0].item()
    assert method.denoise(y, 1.0, value).shape == y.shape


def test_masks_nan_and_counts_are_no_surprise():
    noisy = heart.draw("white", 0.1, 1, seed=0)[0][0]
    for call in (
        heart.baseline,
        lambda y: heart.passed("lowpass", 20, y),
        lambda y: heart.notched(50, 1, y),
    ):
        for bad in (np.ma.masked_greater(noisy, 0.5), np.where(noisy > 0.5, np.nan, noisy)):
            with pytest.raises(ValueError, match=r"masked|NaN"):
                call(bad)
        counts = np.round(200 * noisy).astype(np.int16)
        np.testing.assert_array_equal(call(counts), call(counts.astype(float)))


def test_methods_come_in_one_order_whichever_job_ended_first():
    rows = results("heart")
    found, backward = (list(heart.means(x, "gain")) for x in (rows, Table(reversed(rows))))
    assert found == backward
    assert found == [method for method in heart.COMPARED if method in found]
    assert len(found) > 10
