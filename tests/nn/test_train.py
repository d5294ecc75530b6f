import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from denoiselib import bayes, metrics, signals
from denoiselib.nn import PlainNet, checkpoint, optim, train

DATA = train.fresh("sparse_spikes", 3.0, 8)


def make(norm="batch", kind=optim.Adam):
    net = PlainNet(width=4, depth=3, norm=norm, rng=0)
    return net, kind(net, 1e-2)


def fit(steps, **options):
    net, optimizer = make()
    history = train.fit(net, DATA, optimizer, steps, every=10, **options)
    return net, history


def test_a_small_net_comes_near_the_limit():
    clean = signals.sparse_spikes(2000, rng=1)
    noisy = signals.add_noise(clean, 3, rng=2)
    limit = metrics.rmse(bayes.sparse_spikes_posterior_mean(noisy, 3), clean).mean()
    net = PlainNet(rng=0)
    steps = 600
    data = train.fresh("sparse_spikes", 3.0, 32, seed=3)
    train.fit(net, data, optim.Adam(net), steps, schedule=optim.cosine(3e-2, steps))
    net.eval()
    assert metrics.rmse(net.denoise(noisy), clean).mean() < 1.003 * limit


def test_the_same_seed_gives_the_same_weights():
    np.testing.assert_array_equal(fit(30)[0].vector, fit(30)[0].vector)


def test_history_and_callbacks():
    seen = []
    noisy, clean = DATA(0)
    _, history = fit(
        25,
        schedule=optim.staircase(1.0, 10, 0.5),
        validation=(noisy, clean),
        callbacks=[lambda step, history: seen.append((step, len(history["loss"])))],
    )
    assert history["step"] == [10, 20, 25]
    assert history["lr"] == [1.0, 0.5, 0.25]
    assert seen == [(10, 1), (20, 2), (25, 3)]
    assert len(history["rmse"]) == 3


def test_the_best_state_is_kept():
    noisy, clean = DATA(0)
    _, history = fit(60, schedule=optim.staircase(0.3, 20, 0.1), validation=(noisy, clean))
    net, _ = make()
    net.load_state_dict(history.best)
    net.eval()
    error = metrics.rmse(net.denoise(noisy), clean).mean()
    assert error == pytest.approx(min(history["rmse"]), rel=1e-6)


def test_a_diverging_run_is_stopped_and_says_where():
    net, optimizer = make(norm="none", kind=optim.SGD)
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"at step \d+: lower the learning rate"),
    ):
        train.fit(net, DATA, optimizer, 200, schedule=optim.constant(1e3))


def test_a_scaler_skips_what_overflows():
    net, optimizer = make()
    scaler = optim.GradientScaler(2.0**140)
    before = net.vector.copy()
    with np.errstate(all="ignore"):
        train.fit(net, DATA, optimizer, 5, scaler=scaler)
    assert scaler.scale == 2.0**135
    np.testing.assert_array_equal(net.vector, before)


def test_scaling_changes_nothing_in_single_precision():
    plain, _ = fit(20)
    scaled, _ = fit(20, scaler=optim.GradientScaler())
    np.testing.assert_array_equal(plain.vector, scaled.vector)


def test_clipping_bounds_the_step():
    net, optimizer = make(kind=optim.SGD)
    before = net.vector.copy()
    train.fit(net, DATA, optimizer, 1, clip=0.5, schedule=optim.constant(1.0))
    assert np.linalg.norm(net.vector - before) <= 0.5 + 1e-6


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_resuming_is_bit_for_bit(tmp_path, ending):
    path = tmp_path / f"run.{ending}"
    noisy, clean = DATA(0)
    options = {
        "validation": (noisy, clean),
        "schedule": optim.cosine(0.05, 60),
        "scaler": optim.GradientScaler(16.0, interval=7),
    }
    whole, history = fit(60, **options)
    options["scaler"] = optim.GradientScaler(16.0, interval=7)
    fit(30, checkpoint=path, **options)
    options["scaler"] = optim.GradientScaler(1.0)  # the checkpoint knows better
    resumed, again = fit(60, checkpoint=path, **options)
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array, err_msg=name)
    assert again == history
    for name, array in history.best.items():
        np.testing.assert_array_equal(again.best[name], array)


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.npz"
    first, history = fit(20, checkpoint=path)
    second, again = fit(20, checkpoint=path)
    np.testing.assert_array_equal(first.vector, second.vector)
    assert again == history


RUN = """
import sys
from denoiselib.nn import PlainNet, checkpoint, optim, train
path, final = sys.argv[1:]
net = PlainNet(width=4, depth=3, rng=0)
data = train.fresh("sparse_spikes", 3.0, 8)
print("started", flush=True)
train.fit(net, data, optim.Adam(net), 3000, schedule=optim.cosine(0.05, 3000), every=20,
          checkpoint=path)
checkpoint.save(final, net.state_dict())
"""


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_the_same_weights(tmp_path):
    def run(path, final, lifetime=None):
        command = [sys.executable, "-c", RUN, str(path), str(final)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            if lifetime is not None:
                time.sleep(lifetime)
                process.send_signal(signal.SIGKILL)
        return process.returncode

    chance = random.Random(0)
    assert run(tmp_path / "a.npz", tmp_path / "whole.npz") == 0
    for _ in range(10):
        lifetime = chance.uniform(0.0, 0.12)
        assert run(tmp_path / "b.npz", tmp_path / "pieces.npz", lifetime) == -signal.SIGKILL
    assert run(tmp_path / "b.npz", tmp_path / "pieces.npz") == 0
    a, b = (checkpoint.load(tmp_path / f"{name}.npz")[0] for name in ("whole", "pieces"))
    for name, array in a.items():
        np.testing.assert_array_equal(b[name], array, err_msg=name)


def test_a_foreign_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    fit(10, checkpoint=path)
    net = PlainNet(width=5, depth=3)
    with pytest.raises(ValueError, match=r"run\.npz is no checkpoint.*has shape"):
        train.fit(net, DATA, optim.Adam(net), 20, checkpoint=path)
    net, optimizer = make(kind=optim.SGD)
    with pytest.raises(ValueError, match="written with Adam"):
        train.fit(net, DATA, optimizer, 20, checkpoint=path)
    checkpoint.save(path, {"x": np.zeros(2)})
    with pytest.raises(ValueError, match="is no checkpoint"):
        fit(20, checkpoint=path)
    path.write_bytes(b"not a zip file at all")
    with pytest.raises(ValueError, match="damaged"):
        fit(20, checkpoint=path)


def test_fixed_data_show_every_signal_once_an_epoch():
    noisy = np.arange(14.0).reshape(7, 2)
    data = train.fixed(noisy, noisy + 1, batch_size=2, seed=1)
    epochs = [[data(3 * epoch + k)[0][:, 0] for k in range(3)] for epoch in range(2)]
    for batches in epochs:
        seen = np.concatenate(batches)
        assert len(set(seen)) == 6  # of seven, one waits
    assert not np.array_equal(epochs[0], epochs[1])
    np.testing.assert_array_equal(data(4)[1], data(4)[0] + 1)  # pairs stay pairs


def test_fresh_data_depend_on_seed_and_step_alone():
    data = train.fresh("blocks", (1.0, 5.0), 4, length=32, seed=5)
    np.testing.assert_array_equal(data(9)[0], data(9)[0])
    assert not np.array_equal(data(9)[0], data(8)[0])
    noisy, clean = (np.concatenate(parts) for parts in zip(*map(data, range(400)), strict=True))
    level = (noisy - clean).std(axis=-1)
    assert 0.6 < level.min() < 1.2
    assert 4.5 < level.max() < 7.5


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: train.fresh("nonsense", 3.0, 4), "family"),
        (lambda: train.fresh("blocks", -3.0, 4), "sigma"),
        (lambda: train.fixed(np.zeros((3, 2)), np.zeros((3, 2)), 4), "batch_size"),
        (lambda: train.fixed(np.zeros((3, 2)), np.zeros((2, 2)), 1), "noisy and clean"),
        (lambda: fit(0), "steps"),
        (lambda: fit(10, loss="nonsense"), "loss"),
        (lambda: fit(10, checkpoint="run.pkl"), "checkpoint"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises((TypeError, ValueError), match=name):
        call()


def test_a_loss_of_ones_own_sees_the_net_and_all_arrays():
    def weighted(net, noisy, clean, weight):
        error = net(noisy) - clean
        return (weight * error * error).mean()

    def data(step):
        noisy, clean = train.fresh("blocks", 2.0, 4)(step)
        return noisy, clean, np.full_like(noisy, 3.0)

    ends = []
    for batches, loss in ((train.fresh("blocks", 2.0, 4), "mse"), (data, weighted)):
        net = PlainNet(width=3, depth=2, rng=0, dtype=np.float64)
        history = train.fit(net, batches, optim.Adam(net, 1e-2), 20, loss=loss, every=1)
        ends.append((np.array(history["loss"]), net.gradient.copy()))
    (plain, gradient), (threefold, steeper) = ends
    np.testing.assert_allclose(threefold[0], 3 * plain[0])
    np.testing.assert_allclose(steeper, 3 * gradient, rtol=1e-4, atol=1e-9)
