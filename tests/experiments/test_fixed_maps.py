"""Are fixed maps where they should be in the U-Net, and compared with batch norm in pairs?"""

import numpy as np
import pytest

from denoiselib import nn
from denoiselib.experiments import fixed_maps, networks
from denoiselib.nn.tensor import Tensor

BY_NAME = {x["row"]: x for x in fixed_maps.SETTINGS}


def test_all_rows_differ_in_their_map_alone():
    same = {"row", "norm", "activation"}
    rests = [{k: v for k, v in x.items() if k not in same} for x in fixed_maps.STUCK_SETTINGS]
    assert all(rest == rests[0] for rest in rests)
    maps = {(x["norm"], x["activation"]) for x in fixed_maps.STUCK_SETTINGS}
    assert len(maps) == len(rests)


@pytest.mark.parametrize("name", [x for x in BY_NAME if "in " in x])
def test_a_weight_does_not_follow_the_signal(name):
    net = networks.make(BY_NAME[name], seed=0).eval()
    layer = next(x for x in net.modules() if type(x) is nn.norm.SparseNorm)
    channels = layer.level.raw.data.size
    x = np.random.default_rng(0).standard_normal((1, channels, 100)).astype(np.float32)
    louder = np.where(np.arange(100) < 50, x, 10 * x)
    quiet, loud = (layer(Tensor(signal)).data[..., :50] for signal in (x, louder))
    assert np.array_equal(quiet, loud)
    assert (quiet == 0).any()


@pytest.mark.parametrize("name", ["l1 in place of ReLU", "l1 in front of ReLU"])
def test_only_a_map_in_place_of_relu_keeps_both_signs(name):
    net = networks.make(BY_NAME[name], seed=0).eval()
    noisy, *_ = networks.draw("blocks", 3.0, 20, 0)
    features = fixed_maps.claims_measures.outputs(net, noisy, nn.unet.DoubleConv)
    assert any((x < 0).any() for x in features) == ("in place" in name)


def test_features_are_as_sparse_as_they_are():
    setting = BY_NAME["batch norm"] | {"steps": 3, "batch": 4}
    row = fixed_maps.PROTOCOL.run_one(setting, 1, 30)[1]
    net = networks.train(setting, 1001)
    noisy, *_ = networks.draw(setting["family"], setting["sigma"], 200, 1001)
    layers = fixed_maps.claims_measures.outputs(net, noisy, nn.unet.DoubleConv)
    assert row["zeros"] == pytest.approx(np.mean([(x == 0).mean() for x in layers]))
    assert 0.2 < row["zeros"] < 0.8
    assert 0 < row["hoyer"] < 1


def test_sparsity_does_not_depend_on_the_unit():
    features = np.random.default_rng(0).standard_normal((3, 4, 25))
    assert fixed_maps.hoyer(1e6 * features) == pytest.approx(fixed_maps.hoyer(features))
    assert fixed_maps.hoyer(np.zeros((1, 2, 3))) == 0


def rows(**errors):
    """Return rows of some trainings: the errors of 'batch norm' are those given, times a factor."""
    base = 1.6 + np.arange(12) / 100
    place = {"family": "blocks", "training": "level 3", "zeros": 0.5, "hoyer": 0.4}
    made = []
    for name, factor in {"batch norm": 1.0, "PReLU": 1.0, **errors}.items():
        for lr, worse in ((0.01, 1.0), (0.03, 1.5)):
            for test in ("validation", "as trained"):
                for seed, error in enumerate(base):
                    row = {"row": name, "lr": lr, "test": test, "seed": seed, "gap": 1.0}
                    made.append(row | place | {"rmse": factor * worse * error})
    return made


def test_differences_are_in_percent_of_the_control():
    text = fixed_maps.report(rows(better=0.9, worse=1.2)).splitlines()
    cells = {line.split(" | ")[2]: line.split(" | ")[3:] for line in text if "| 12 |" in line}
    assert cells["better"][:6] == ["12", "-10.00", "-10.00", "-10.00", "12", "0"]
    assert cells["worse"][:6] == ["12", "20.00", "20.00", "20.00", "0", "12"]
    assert "| blocks | level 3 | worse | 0.01 | 1.00 | 0.50 | 0.40 |" in text


def test_stuck_trainings_are_counted_in_pairs():
    made = [row for row in rows(map=1.0) if row["lr"] == 0.01]
    for row in made:
        row["rmse"] = 2.0 if row["row"] == "batch norm" and row["seed"] < 8 else 1.7
    text = fixed_maps.report_stuck(made)
    assert "| batch norm | 0.67 | 0.349 | 0.901 |" in text
    assert "| blocks | map | 12 | -0.667 | 8 | 0 | 0.0078 | 0.016 |" in text
