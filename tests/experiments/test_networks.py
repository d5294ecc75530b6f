import numpy as np
import pytest

from denoiselib import metrics, nn
from denoiselib.experiments import batch_norm_modes, networks, prior, recipes, slides_table
from denoiselib.filters import METHODS

QUICK = networks.BASE | {"net": "plain", "shape": {"width": 4, "depth": 3}, "steps": 30}
UNET = networks.BASE | {"steps": 3, "batch": 4}


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_the_same_seed_gives_the_same_weights_and_another_others():
    assert same(networks.train(QUICK, 1), networks.train(QUICK, 1))
    assert not same(networks.train(QUICK, 1), networks.train(QUICK, 2))


def test_training_leaves_the_untrained_network_behind():
    noisy, clean, _ = networks.draw("sparse_spikes", 3.0, 300, seed=1)
    error = [
        metrics.rmse(net.eval().denoise(noisy), clean).mean()
        for net in (networks.make(QUICK, 1), networks.train(QUICK | {"steps": 200}, 1))
    ]
    assert error[1] < 1.8 < error[0]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"norm": "none"}, lambda net: not any("running" in k for k in net.state_dict())),
        ({"prior": True}, lambda net: hasattr(net, "wienernet")),
        (
            {"net": "plain", "shape": {"depth": 5}},
            lambda net: "layers.12.weight" in net.state_dict(),
        ),
    ],
)
def test_a_recipe_says_what_is_made(change, what):
    assert what(networks.make(UNET | change, 0))
    assert not what(networks.make(UNET, 0))


@pytest.mark.parametrize(
    "change",
    [
        {"init": "he"},
        {"activation": "leaky_relu"},
        {"pool": "average"},
        {"family": "blocks"},
        {"sigma": [1.0, 5.0]},
        {"signals": 8},
        {"loss": "smooth_l1"},
        {"optimizer": "sgd"},
        {"optimizer": "adamw"},
        {"lr": 1e-2},
        {"schedule": "constant"},
        {"schedule": "staircase"},
        {"schedule": "warm restarts"},
        {"clip": 1e-3},
        {"batch": 5},
        {"steps": 4},
    ],
    ids=str,
)
def test_every_part_of_a_recipe_counts(change):
    base = UNET | ({"optimizer": "sgd"} if "clip" in change else {})  # Adam forgives a short one
    assert not same(networks.train(base | change, 0), networks.train(base, 0))


def test_without_a_known_limit_there_is_no_gap():
    assert networks.pointwise_limit("tones", np.zeros((1, 100)), 3.0) is None
    (row,) = recipes.PROTOCOL.run_one(QUICK | {"family": "tones", "change": ""}, seed=0, signals=20)
    assert np.isnan(row["gap"])
    assert row["rmse"] > 1


def test_scaling_by_a_power_of_two_changes_no_weight():
    assert same(networks.train(UNET | {"scaling": True}, 0), networks.train(UNET, 0))


def test_of_several_starts_the_best_on_validation_signals_is_kept():
    noisy, clean, _ = networks.draw("sparse_spikes", 3.0, 500, 5, "validation")
    nets = [networks.train(QUICK, 5 + 1000 * k) for k in range(3)]
    best = min(nets, key=lambda net: metrics.rmse(net.denoise(noisy), clean).mean())
    assert same(networks.train(QUICK | {"starts": 3}, 5), best)


def test_a_frozen_prior_is_there_but_not_trained():
    before = networks.make(UNET | {"prior": True}, 0).wienernet
    for choice, moved in (("frozen", False), (True, True)):
        after = networks.train(UNET | {"prior": choice}, 0).wienernet
        pairs = zip(before.parameters(), after.parameters(), strict=True)
        assert any(not np.array_equal(a.data, b.data) for a, b in pairs) == moved


def test_validation_test_and_seeds_draw_different_signals():
    drawn = [
        networks.draw("blocks", 3.0, 2, seed, purpose)[1].tobytes()
        for seed in (0, 1)
        for purpose in ("validation", "test")
    ]
    assert len(set(drawn)) == 4


def test_another_level_scales_the_same_noise():
    for family in ("sparse_spikes", "blocks"):
        (y1, x1, s1), (y2, x2, s2) = (networks.draw(family, s, 5, 0) for s in (1.0, 4.0))
        np.testing.assert_array_equal(x1, x2)
        np.testing.assert_allclose((y1 - x1) * 4, y2 - x2)
        np.testing.assert_array_equal(s2, 4 * s1)


def test_a_range_of_levels_is_drawn_for_each_signal():
    noisy, clean, sigma = networks.draw("blocks", [1.0, 5.0], 400, 0)
    assert sigma.shape == (400, 1)
    assert 1 <= sigma.min() < 1.1 < 4.9 < sigma.max() <= 5
    np.testing.assert_allclose(metrics.rmse(noisy, clean) / sigma[:, 0], 1, atol=0.3)


def test_modes_take_their_statistics_from_where_they_say():
    net = networks.train(QUICK, 0)
    noisy, _, _ = networks.draw("sparse_spikes", 3.0, 8, 0)
    ways = networks.modes(net, QUICK, 0, batches=(1, 8))
    for way in ways:
        assert np.isfinite(ways[way](noisy)).all()
    # one signal: its own statistics; in fixed mode the company does not matter
    np.testing.assert_allclose(ways["batch 1"](noisy)[0], ways["batch 8"](noisy[:1])[0], 1e-4, 1e-5)
    for way in ("fixed", "recalibrated"):
        np.testing.assert_allclose(ways[way](noisy)[0], ways[way](noisy[:1])[0], 1e-4, 1e-5)
    assert len({ways[way](noisy).tobytes() for way in ways}) == 4
    # recalibrated: over 3,200 training signals, with the final weights
    draws = networks.data(QUICK | {"batch": 64}, 0)
    signals = np.concatenate([draws(step)[0] for step in range(50)])[:, None]
    renewed = ways["recalibrated"].func.__self__
    conv, norm = (module for _, module in list(renewed.layers.children())[:2])
    mean = conv(signals).data.mean(axis=(0, 2))
    np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-3, atol=1e-4)


def test_signals_share_a_mask_in_batches_of_the_training():
    recipe = UNET | {"prior": True, "batch": 4, "steps": 20}
    net = networks.train(recipe, 0)
    noisy, _, _ = networks.draw("sparse_spikes", 3.0, 12, 0)
    ways = networks.modes(net, recipe, 0, batches=[4])
    for way in ("fixed", "recalibrated", "batch 4"):
        parts = [ways[way](noisy[k : k + 4]) for k in (0, 4, 8)]
        assert np.array_equal(ways[way](noisy), np.concatenate(parts))
    together = net.denoise(noisy)  # one mask for all
    assert abs(ways["fixed"](noisy) - together).max() > 1e-5 * abs(together).max()


def test_a_network_without_batch_norm_has_one_mode():
    recipe = QUICK | {"norm": "none"}
    assert list(networks.modes(networks.make(recipe, 0), recipe, 0)) == ["no batch norm"]


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_network_comes_back_from_its_file(tmp_path, ending):
    net, path = networks.train(UNET | {"prior": True}, 0), tmp_path / f"net.{ending}"
    networks.save(path, net, UNET | {"prior": True}, 0)
    assert same(networks.load(path), net)
    assert not networks.load(path).training


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    nn.checkpoint.save(path, {"x": np.zeros(3)}, {"recipe": "[]", "seed": "0"})
    with pytest.raises(ValueError, match=r"other\.npz was not written by"):
        networks.load(path)


def test_the_limit_knows_each_signals_noise():
    noisy, clean, sigma = networks.draw("sparse_spikes", [1.0, 5.0], 300, 0)
    informed, uninformed = (
        metrics.rmse(networks.pointwise_limit("sparse_spikes", noisy, s), clean).mean()
        for s in (sigma, 3.0)
    )
    assert informed < uninformed


# --- the protocols


@pytest.mark.parametrize("protocol", [recipes, prior, slides_table, batch_norm_modes])
def test_settings_differ_and_are_plain(protocol):
    texts = [repr(setting) for setting in protocol.SETTINGS]
    assert len(set(texts)) == len(texts)
    for setting in protocol.SETTINGS:
        for value in setting.values():
            assert isinstance(value, str | int | float | list | dict | None)


def test_recipes_change_one_thing_at_a_time():
    for setting in recipes.SETTINGS[:-1]:
        changed = {k for k in networks.BASE if setting[k] != networks.BASE[k]}
        assert len(changed) == (setting["change"] != "as it is")


def test_slides_table_has_filters_limits_and_networks_on_the_same_signals():
    tiny = {"signals": 40}
    rows = {
        (setting["method"], row["version"]): row
        for setting in slides_table.SETTINGS
        for row in slides_table.PROTOCOL.run_one(
            setting | ({"steps": 2, "batch": 2} if "lr" in setting else {}), 0, **tiny
        )
    }
    assert rows["limit", ""]["gap"] == 0
    assert rows["best for SmoothL1", ""]["gap"] > 0
    assert rows["noisy", ""]["rmse"] == pytest.approx(3, rel=0.05)
    assert {name for name, _ in rows} >= set(slides_table.SLIDES_FILTERS)
    for name in slides_table.SLIDES_FILTERS:
        assert rows[name, "oracle"]["gap"] > 0
        slides = METHODS[name].slides
        assert ((name, "slides") in rows) == (slides is not None)
    unet = [version for name, version in rows if name == "U-Net, slides' recipe"]
    assert unet == ["fixed", "recalibrated", "batch 1", "batch 64", "no batch norm"]


def test_modes_are_compared_at_all_levels_with_one_training():
    settings = {(s["family"], s["net"], s["batch"]): s for s in batch_norm_modes.SETTINGS}
    quick = settings["blocks", "plain", 4] | {"steps": 2}
    rows = batch_norm_modes.PROTOCOL.run_one(quick, 0, signals=20)
    assert len(rows) == 6 * 5
    assert {row["mode"] for row in rows} == {
        "fixed",
        "recalibrated",
        "batch 1",
        "batch 8",
        "batch 64",
    }
    limits = batch_norm_modes.PROTOCOL.run_one(settings["blocks", "limit", None], 0, signals=20)
    assert [row["gap"] for row in limits] == [0] * 6
    assert np.all(np.diff([row["rmse"] for row in limits]) > 0)


def test_every_training_sees_the_same_number_of_signals():
    seen = {s["batch"] * s["steps"] for s in batch_norm_modes.SETTINGS if "steps" in s}
    assert seen == {32_000}
