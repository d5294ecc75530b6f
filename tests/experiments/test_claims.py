import numpy as np
import pytest

from denoiselib import nn
from denoiselib.experiments import PROTOCOLS, claims, claims_rows, networks
from denoiselib.experiments import claims_measures as measures
from denoiselib.experiments.__main__ import main

NOISY = np.random.default_rng(0).standard_normal((40, 100)) * 3
QUICK = networks.BASE | {"steps": 3, "batch": 4}


# --- measures, where the answer is known


def test_an_estimate_of_zero_removes_all_and_the_noisy_signal_nothing():
    clean = np.zeros((3, 5))
    clean[:, 0] = 4
    noisy = clean + 1
    np.testing.assert_array_equal(measures.removed(noisy, noisy, clean), 0)
    np.testing.assert_array_equal(measures.removed(clean, noisy, clean), 1)
    np.testing.assert_array_equal(measures.removed(2 * noisy, noisy, clean), -3)
    # what happens where the signal is not 0 does not count, nor does a signal without zeros
    clean[2] = 1
    assert measures.removed(clean * 100, noisy, clean).tolist() == [1, 1]


def test_the_identity_amplifies_by_exactly_one_and_its_double_by_two():
    for gain in (1, 2, -0.5):
        found = measures.amplification(lambda y, gain=gain: gain * y, NOISY, rng=0)
        np.testing.assert_array_equal(found, abs(gain))
    assert not (measures.amplification(lambda y: y, NOISY, rng=0) > 1).any()


def test_the_worst_direction_is_the_largest_singular_value():
    matrix = np.random.default_rng(1).standard_normal((100, 100))
    expected = np.linalg.svd(matrix, compute_uv=False)[0]
    found = measures.worst_amplification(lambda y: y @ matrix.T, NOISY[:2])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    random = measures.amplification(lambda y: y @ matrix.T, NOISY, rng=0)
    assert (random < expected).all()


def test_change_is_a_share_of_the_first_ones_error():
    clean = np.zeros((1, 4))
    assert measures.change(clean + 2, clean + 3, clean) == pytest.approx(0.5)
    assert measures.change(clean + 2, clean + 2, clean) == 0


def test_kurtosis_of_known_distributions():
    rng = np.random.default_rng(0)
    x = np.stack([rng.standard_normal(200_000), rng.laplace(size=200_000), rng.random(200_000)])
    np.testing.assert_allclose(measures.kurtosis(x[None]), [0, 3, -1.2], atol=0.15)
    np.testing.assert_allclose(measures.kurtosis(5 * x[None] - 7), measures.kurtosis(x[None]))
    assert np.isnan(measures.kurtosis(np.ones((2, 1, 3)))).all()


def test_a_fixed_batch_norm_leaves_kurtosis_alone_and_one_signals_own_statistics_do_not():
    net = nn.UNet(rng=0, dtype=np.float64)
    for _ in range(3):
        net(NOISY[:, None])
    loud = NOISY * np.linspace(0.2, 5, len(NOISY))[:, None]

    def difference(batch_size):
        before, after = (
            measures.outputs(net, loud, kind, batch_size)[0]
            for kind in (nn.modules.Conv1d, nn.norm.BatchNorm1d)
        )
        return measures.kurtosis(before) - measures.kurtosis(after)

    net.eval()
    np.testing.assert_allclose(difference(None), 0, atol=1e-6)
    net.eval("batch")
    np.testing.assert_allclose(difference(None), 0, atol=1e-6)
    assert (difference(1) > 1).all()  # loud signals are no outliers any more


def test_outputs_are_those_of_the_modules_and_the_network_stays_as_it_is():
    net = nn.UNet(rng=0).eval()
    before, state = net.denoise(NOISY), net.state_dict()
    parts = measures.outputs(net, NOISY, nn.unet.Out, batch_size=7)
    np.testing.assert_allclose(parts[0][:, 0], before, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(net.denoise(NOISY), before)
    assert all(np.array_equal(state[k], v) for k, v in net.state_dict().items())
    assert not any("forward" in vars(module) for module in net.modules())


def test_correlations_of_layers_that_copy_each_other_and_of_independent_ones():
    x = NOISY[:, None]
    other = np.random.default_rng(5).standard_normal(x.shape)
    alike = measures.correlations([np.concatenate([x, -x], axis=1), 3 * x + 1])
    assert alike == pytest.approx({"within": 1, "between": 1, "same length": 1})
    apart = measures.correlations([np.concatenate([x, 2 * x], axis=1), other])
    assert apart["within"] == pytest.approx(1)
    assert apart["between"] < 0.05
    half = measures.correlations([np.repeat(x, 2, axis=2), x])
    assert half["between"] == pytest.approx(1)  # stretched
    assert np.isnan(half["same length"])
    assert np.isnan(measures.correlations([x, np.zeros_like(x)])["between"])
    assert np.isnan(list(measures.correlations([np.zeros_like(x)]).values())).all()


def test_variance_is_the_trainings_the_signals_or_shared():
    rng = np.random.default_rng(0)
    net, signal = rng.standard_normal((30, 1)), rng.standard_normal((1, 500))
    flat = np.zeros((30, 500))
    assert measures.optimum_part(net + flat) == pytest.approx(1)
    assert measures.optimum_part(signal + flat) == pytest.approx(0)
    assert measures.optimum_part(rng.standard_normal((30, 500))) > 0.97  # both depend on the net
    a, b, c = np.sqrt([3, 5, 1])[:, None, None] * np.array([1, -1])  # variances 4, 8 and 4
    mixed = a.T + b + c * [[1], [-1]]
    assert measures.optimum_part(mixed) == pytest.approx(0.5)
    expected = net.var(ddof=1) / (net.var(ddof=1) + 4 * signal.var(ddof=1))
    assert measures.optimum_part(net + 2 * signal) == pytest.approx(expected)


# --- rows


def test_accuracy_of_the_limit_and_of_nothing():
    setting = claims.RECIPE
    test = networks.draw_with_limit("sparse_spikes", 3.0, 100, seed=0)

    def rows(denoise):
        ways = {"fixed": denoise, "without": lambda y: y}
        return {
            (x["claim"], x["measure"], x["condition"]): x
            for x in claims_rows.accuracy(ways, setting, 0, test)
        }

    best = rows(lambda y: networks.pointwise_limit("sparse_spikes", y, 3.0))
    assert best[2, "RMSE above the limit, %", "batch norm"]["value"] == 0
    assert best[2, "RMSE below, %", "the tuned Wiener filter"]["share"] > 0.9
    assert best[3, "RMSE above, %", "than doing nothing"]["share"] == 0
    idle = rows(lambda y: y)
    assert idle[2, "RMSE below, %", "the best tuned filter"]["share"] < 0.1
    assert idle[2, "RMSE below, %", "the best tuned filter"]["value"] < -20
    assert idle[3, "RMSE above, %", "than tuned Wiener"]["share"] > 0.9
    # 4 % are worse, but not by 5 %; the net without batch norm is here the noisy signal
    more = rows(lambda y: 1.04 * y)
    assert more[3, "RMSE above, %", "than doing nothing"]["share"] == 1
    assert more[3, "RMSE above, %", "than doing nothing, by 5 %"]["share"] < 0.5


def test_unfixed_wins_where_it_is_better_and_ways_that_agree_do_not_matter():
    def shrink(factor):
        return lambda y: factor * y

    good = {"fixed": shrink(1), "alone": shrink(0.5), "in 64": shrink(2)}
    rows = list(claims_rows.modes(good, claims.RECIPE, 0, 50))
    six = {x["condition"]: x for x in rows if x["claim"] == 6}
    assert len(six) == 12
    assert six["alone at sigma 3"]["share"] == 1
    assert six["in 64 at sigma 6"]["share"] == 0
    assert six["in 64 at sigma 6"]["value"] < 0 < six["alone at sigma 6"]["value"]
    assert [x["share"] for x in rows if x["claim"] == 5] == [1, 1, 1]
    same = claims_rows.modes(dict.fromkeys(good, shrink(1)), claims.RECIPE, 0, 50)
    assert [x["share"] for x in same] == [0] * 15


def test_convergence_knows_the_limit_of_its_draws():
    for draws in (2, 80):
        found = claims_rows.convergence(QUICK, draws, seed=0, n=50)
        assert found["steps to 5 % above the limit"] == 2 * QUICK["steps"]  # not reached
        assert found["RMSE above the limit, %"] > 5
    learnt = claims_rows.convergence(
        claims.RECIPE | {"net": "plain", "steps": 200, "batch": 16}, 20, seed=0, n=100
    )
    assert learnt["steps to 5 % above the limit"] <= 200
    assert learnt["steps to 95 % of the way"] <= 200
    assert 0 < learnt["RMSE above the limit, %"] < 5


class Scaled:
    """A stand-in for a trained network, whose estimate is the noisy signal times a factor."""

    def __init__(self, factor):
        self.factor = factor

    def denoise(self, noisy):
        return self.factor * noisy


def test_batch_norm_helps_where_the_others_get_stuck(monkeypatch):
    stuck, well = Scaled(1), Scaled(0.1)

    def difference(net, bare):
        found = {"batch": net, "none": bare}
        monkeypatch.setattr(networks, "train", lambda recipe, seed: found[recipe["norm"]])
        return [x["value"] for x in claims_rows.stability(QUICK | {"sigma": 1.0}, 0, 50)]

    monkeypatch.setattr(claims_rows.recipes, "STUCK", 2.5)
    assert difference(net=well, bare=well) == [1, 1, 0]
    monkeypatch.setattr(claims_rows.recipes, "STUCK", 1.5)
    assert difference(net=stuck, bare=well) == [0, 1, 1]
    assert difference(net=well, bare=stuck) == [1, 0, -1]


def test_small_batches_are_to_blame_if_they_end_at_a_larger_error(monkeypatch):
    seen = []

    def train(recipe, seed):
        seen.append(recipe["batch"] * recipe["steps"])
        return Scaled(2 if recipe["batch"] == 1 else 1)

    monkeypatch.setattr(networks, "train", train)
    setting = QUICK | {"norm": "none", "seen": 640}
    (row,) = claims_rows.batches(setting, 0, 50)
    assert row["condition"] == "no batch norm"
    assert row["share"] == 1
    assert row["value"] > 50
    assert seen == [640, 640]


def test_stuck_trainings_are_left_out_of_one_condition(monkeypatch):
    monkeypatch.setattr(claims_rows.recipes, "STUCK", 2.5)
    factors = {0: 1.0, 1000: 0.5, 2000: 0.5}
    monkeypatch.setattr(networks, "train", lambda recipe, seed: Scaled(factors[seed]))
    found = {x["condition"]: x["value"] for x in claims_rows.optima(QUICK | {"nets": 3}, 0, 50)}
    assert found["all"] == pytest.approx(1 / 3)
    assert found["all trainings"] > 0.5
    assert found["those not stuck"] == pytest.approx(0)  # they agree


def test_features_of_layers_that_differ_count_as_such(monkeypatch):
    x = NOISY[:, None]
    other = np.random.default_rng(5).standard_normal(x.shape)
    apart = [np.concatenate([x, 2 * x], axis=1), other]
    monkeypatch.setattr(measures, "outputs", lambda *args: apart)
    rows = claims_rows.layers({"net": None}, NOISY)
    found = {x["condition"]: x["value"] for x in rows if x["measure"] == claims.CLAIMS[9].measure}
    assert found["any two layers, net"] == pytest.approx(1, abs=0.05)
    assert found["two of one length, net"] == found["any two layers, net"]


def test_kurtosis_falls_only_where_it_can(monkeypatch):
    net, bare = (nn.UNet(norm=norm, rng=0, dtype=np.float64) for norm in ("batch", "none"))
    loud = NOISY * np.linspace(0.2, 5, len(NOISY))[:, None]
    values = {x["condition"]: x["value"] for x in claims_rows.outliers(net.eval(), bare, loud)}
    assert abs(values["fixed"]) < 1e-6
    assert values["alone"] > 0.3
    assert net.statistics == "running"


# --- verdicts


def made(number, values, condition="x"):
    claim = claims.CLAIMS[number]
    return [
        {
            "claim": number,
            "measure": claim.measure,
            "condition": condition,
            "seed": seed,
            "value": 0.0 if claim.column == "share" else value,
            "share": value if claim.column == "share" else None,
        }
        for seed, value in enumerate(values)
    ]


def judged(rows, number):
    return claims.verdicts(rows)[number - 1]["verdict"]


@pytest.mark.parametrize("number", [n for n in claims.CLAIMS if n != 7])
def test_every_verdict_follows_its_numbers(number):
    above = claims.CLAIMS[number].above
    spread = np.linspace(0.003, 0.005, 8)
    assert judged(made(number, above + spread), number) == "holds"
    assert judged(made(number, above - spread), number) == "does not hold"
    assert judged(made(number, above + np.resize([0.01, -0.01], 8)), number) == "open"
    both = made(number, above + spread, "a") + made(number, above - spread, "b")
    assert judged(both, number) == "holds only when: a"
    assert judged([], number) == "not measured here"


def test_few_seeds_decide_nothing():
    assert judged(made(4, [1.0, 1.1, 1.2, 1.0, 1.1]), 4) == "open"
    assert judged(made(4, [1.0, 1.1, 1.2, 1.0, 1.1, 1.2]), 4) == "holds"
    assert judged(made(4, [1.0]), 4) == "open"


def test_one_seed_far_away_does_not_decide():
    assert judged(made(4, [0.1] * 9 + [-50]), 4) == "holds"
    assert judged(made(4, [0.1] * 8 + [-50] * 2), 4) == "open"


def test_pairs_that_agree_say_nothing_of_who_is_stuck():
    assert judged(made(1, [1, 1, 1, 1, 0, 0, 0, 0]), 1) == "open"  # 4 of 4 may be chance
    assert judged(made(1, [0] * 10), 1) == "open"
    assert judged(made(1, [1] * 7 + [0] * 3), 1) == "holds"


def test_the_sign_test_counts_from_the_bound():
    above = made(2, [0.9] * 5 + [0.49] * 3)  # the mean is above one half, but so are 5 seeds of 8
    assert judged(above, 2) == "open"
    assert judged(made(11, [0.4, 0.3, 0.4, 0.35, 0.3, 0.4]), 11) == "does not hold"


def test_values_that_are_none_and_other_measures_are_left_out():
    rows = made(4, [1.0, 1.1, 1.2, 1.0, 1.1, 1.2])
    noise = [x | {"measure": "another", "value": -9.0} for x in rows]
    empty = [x | {"condition": "y", "value": None} for x in rows]
    assert claims.verdicts(rows + noise + empty) == claims.verdicts(rows)


def test_what_is_measured_is_told_with_its_interval():
    rows = [x | {"value": 2.0} for x in made(2, [0.7, 0.72, 0.76, 0.8, 0.4, 0.9])]
    line = claims.verdicts(rows)[1]
    assert line["measured"] == "x: 2 (2 to 2), on 74.0% (40.0% to 90.0%), 5:1 open"
    assert "pytest tests/nn/parity" in claims.verdicts([])[6]["test"]


# --- all of it


def tiny(setting):
    small = {"steps": 3, "batch": 4, "seen": 64, "draws": [2, 20], "nets": 2}
    return setting | {k: v for k, v in small.items() if k in setting}


@pytest.fixture(scope="module")
def rows():
    return [
        row | {"seed": seed}
        for seed in (0, 1)
        for setting in claims.SETTINGS[:2] + claims.SETTINGS[5:]
        for row in claims.run_one(tiny(setting), seed, 70)
    ]


def test_every_statement_but_the_seventh_gets_numbers(rows):
    assert {row["claim"] for row in rows} == set(claims.CLAIMS) - {7}
    for number in set(claims.CLAIMS) - {7}:
        assert any(x["seeds"] == 2 for x in claims.decide(rows, number)), number
    for row in rows:
        assert row.keys() == {"claim", "measure", "condition", "value", "share", "seed"}
        assert row["share"] is None or 0 <= row["share"] <= 1
        assert row["value"] is None or np.isfinite(row["value"])


def test_shares_belong_to_those_that_decide_by_them(rows):
    for row in rows:
        if row["measure"] == claims.CLAIMS[row["claim"]].measure:
            assert (row["share"] is not None) or claims.CLAIMS[row["claim"]].column == "value"


def test_same_seed_same_rows(rows):
    setting = tiny(claims.SETTINGS[-1])
    again = claims.run_one(setting, 1, 70)
    assert [x | {"seed": 1} for x in again] == rows[-len(again) :]
    assert again != claims.run_one(setting, 2, 70)


def test_the_command_prints_the_verdicts_below_the_table(tmp_path, monkeypatch, capsys):
    protocol = PROTOCOLS["claims"]
    monkeypatch.setitem(protocol.quick, "settings", [tiny(claims.SETTINGS[1])])
    arguments = ["claims", "--quick", "--out", str(tmp_path)]
    assert main(["run", *arguments, "--jobs", "1", "--seeds", "1", "--signals", "20"]) == 0
    capsys.readouterr()
    assert main(["table", *arguments]) == 0
    table = capsys.readouterr().out
    assert "| 1 | stuck, with batch norm | learning rate 0.001 | 20 | 1 |" in table
    assert "| 13 | Batch norm controls outliers |" in table
    assert claims.RULE in table
    main(["table", *arguments, "--csv"])
    assert claims.RULE not in capsys.readouterr().out


def test_settings_differ_and_the_quick_form_has_them_all():
    assert len(PROTOCOLS["claims"].shrunk().settings) == len(claims.SETTINGS)
    assert {s["part"] for s in claims.SETTINGS} == set(claims_rows.PARTS)
