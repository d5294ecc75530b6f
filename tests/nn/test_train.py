import contextlib
import copy
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from denoiselib import bayes, metrics, signals
from denoiselib.nn import Conv1d, PlainNet, UNet, checkpoint, modules, ops, optim, train
from denoiselib.nn.long import denoise_long
from denoiselib.nn.modules import PLANNED, Network, Parameter, Sequential

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


def test_scaling_skips_what_overflows():
    net, inner = make()
    optimizer = optim.Scaled(inner, 2.0**140)
    before = net.vector.copy()
    with np.errstate(all="ignore"):
        train.fit(net, DATA, optimizer, 5)
    assert optimizer.scale == 2.0**135
    np.testing.assert_array_equal(net.vector, before)


def fit_wrapped(wrap, steps=20, path=None, **options):
    net, optimizer = make()
    optimizer = wrap(optimizer)
    if path is not None:
        file = checkpoint.Checkpoint(path, net, optimizer)
        options |= {"callbacks": [file], "history": file.history}
    return net, train.fit(net, DATA, optimizer, steps, every=10, **options)


def test_scaling_changes_nothing_in_single_precision():
    plain, _ = fit(20)
    scaled, _ = fit_wrapped(optim.Scaled)
    np.testing.assert_array_equal(plain.vector, scaled.vector)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda optimizer: optim.Clipped(optimizer, 0.5),
        lambda optimizer: optim.Scaled(optim.Clipped(optimizer, 0.5)),
        lambda optimizer: optim.Clipped(optim.Scaled(optimizer), 0.5),
    ],
)
def test_clipping_shortens_the_step_inside_of_scaling_and_outside(wrap):
    steps = []
    for change in (lambda optimizer: optimizer, wrap):
        net, optimizer = make(kind=optim.SGD)
        before = net.vector.copy()
        train.fit(net, DATA, change(optimizer), 1, schedule=optim.constant(1.0))
        steps.append(net.vector - before)
    whole, clipped = steps
    assert np.linalg.norm(whole) > 1
    np.testing.assert_allclose(clipped, whole * (0.5 / np.linalg.norm(whole)), atol=1e-6)


@pytest.mark.parametrize("fails", [False, True])
def test_the_learning_rate_is_put_back(fails):
    net, optimizer = make()

    def stop(step, history):
        if fails:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        train.fit(net, DATA, optimizer, 30, schedule=optim.cosine(0.1, 30), callbacks=[stop])
    assert optimizer.lr == 1e-2


def copied(net, optimizer):
    return copy.deepcopy(net), optimizer


def copied_optimizer(net, optimizer):
    return net, copy.deepcopy(optimizer)


def through_a_file(net, optimizer):
    return pickle.loads(pickle.dumps(net)), optimizer


def flattened(net, optimizer):
    net.flatten()
    return net, optimizer


def another(net, optimizer):
    return make()[0], optimizer


def reassigned(net, optimizer):
    parameter = net.parameters()[2]
    parameter.data = parameter.data.copy()
    return net, optimizer


def frozen(net, optimizer):
    net.parameters()[0].requires_grad = False
    return net, optimizer


def grown(net, optimizer):
    net.gain = Parameter(np.ones(1, np.float32))
    return net, optimizer


def replaced(net, optimizer):
    setattr(net.layers, "0", Conv1d(1, 4, 3))
    return net, optimizer


def shrunk(net, optimizer):
    delattr(net.layers, "1")
    return net, optimizer


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: optim.Clipped(optim.Scaled(x), 1.0)])
@pytest.mark.parametrize(
    "change",
    [
        *(copied, copied_optimizer, through_a_file, flattened, another),
        *(reassigned, frozen, grown, replaced, shrunk),
    ],
)
def test_an_optimiser_that_would_not_move_the_net_is_refused(tmp_path, change, wrap):
    net, optimizer = make()
    train.fit(net, DATA, optimizer, 1)
    net, optimizer = change(net, wrap(optimizer))
    before = net.state_dict()
    with pytest.raises(ValueError, match="optimizer must be made for this network as it is now"):
        train.fit(net, DATA, optimizer, 1)
    with pytest.raises(ValueError, match="optimizer must be made for this network as it is now"):
        checkpoint.Checkpoint(tmp_path / "run.npz", net, optimizer)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    train.fit(net, DATA, wrap(optim.Adam(net, 1e-2)), 1)
    moved = {name for name, p in net.named_parameters() if not np.array_equal(p.data, before[name])}
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert moved == trained - {"gain"}  # which no computation uses


@pytest.mark.parametrize("change", [reassigned, frozen, grown, replaced, shrunk])
def test_a_change_on_the_way_that_the_optimiser_does_not_know_is_refused(change):
    net, optimizer = make()
    with pytest.raises(ValueError, match="optimizer must be made for this network as it is now"):
        train.fit(net, DATA, optimizer, 30, every=10, callbacks=[lambda *_: change(net, optimizer)])


@pytest.mark.parametrize("kind", optim.OPTIMIZERS.values())
def test_frozen_parameters_do_not_move_not_even_by_their_decay(kind):
    net = PlainNet(width=4, depth=3, rng=0)
    train.fit(net, DATA, kind(net, 1e-2), 3)  # so that there are moments and gradients
    frozen = net.parameters()[:3]
    for parameter in frozen:
        parameter.requires_grad = False
    before = [parameter.data.copy() for parameter in frozen]
    train.fit(net, DATA, kind(net, 1e-2, weight_decay=0.1), 10)
    for parameter, array in zip(frozen, before, strict=True):
        np.testing.assert_array_equal(parameter.data, array)


def test_a_net_that_changes_on_the_way_is_planned_anew():
    net, optimizer = make()
    activation = getattr(net.layers, "2")

    def change(step, history):
        activation.function = ops.absolute

    train.fit(net, DATA, optimizer, 11, every=10, callbacks=[change])
    straight, other = make()
    train.fit(straight, DATA, other, 10)
    getattr(straight.layers, "2").function = ops.absolute
    train.fit(straight, lambda step: DATA(step + 10), other, 1)
    np.testing.assert_array_equal(net.vector, straight.vector)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: optim.Scaled(optim.Clipped(x, 0.5), 16.0, interval=7)]
)
def test_resuming_is_bit_for_bit(tmp_path, ending, wrap):
    path = tmp_path / f"run.{ending}"
    options = {"validation": DATA(0), "schedule": optim.cosine(0.05, 60)}
    whole, history = fit_wrapped(wrap, 60, **options)
    fit_wrapped(wrap, 30, path, **options)
    resumed, again = fit_wrapped(wrap, 60, path, **options)
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array, err_msg=name)
    assert again == history
    for name, array in history.best.items():
        np.testing.assert_array_equal(again.best[name], array)


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.npz"
    first, history = fit_wrapped(lambda x: x, 20, path)
    second, again = fit_wrapped(lambda x: x, 20, path)
    np.testing.assert_array_equal(first.vector, second.vector)
    assert again == history


RUN = """
import sys
from denoiselib.nn import Conv1d, PlainNet, checkpoint, ops, optim, train
from denoiselib.nn.modules import Parameter
path, final = sys.argv[1:]
net = PlainNet(width=4, depth=3, rng=0)
optimizer = optim.Adam(net)
data = train.fresh("sparse_spikes", 3.0, 8)
print("started", flush=True)
file = checkpoint.Checkpoint(path, net, optimizer)
train.fit(net, data, optimizer, 3000, schedule=optim.cosine(0.05, 3000), every=20,
          callbacks=[file], history=file.history)
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


def test_a_foreign_checkpoint_is_refused_and_nothing_is_changed(tmp_path):
    path = tmp_path / "run.npz"
    fit_wrapped(lambda x: x, 10, path)
    written = path.read_bytes()

    def refused(net, optimizer, match):
        before, state = net.state_dict(), optimizer.state_dict()
        with pytest.raises(ValueError, match=match):
            checkpoint.Checkpoint(path, net, optimizer)
        for now, then in ((net.state_dict(), before), (optimizer.state_dict(), state)):
            assert all(np.array_equal(now[name], then[name]) for name in then)

    net = PlainNet(width=5, depth=3)
    refused(net, optim.Adam(net), r"run\.npz is no checkpoint.*state must hold m, v, t")
    wider = PlainNet(width=4, depth=3, norm="bias_free", bias=True)
    wider.gain = Parameter(np.ones(8, np.float32))  # as many numbers, with other names
    refused(wider, optim.Adam(wider), r"run\.npz is no checkpoint")
    refused(*make(kind=optim.SGD), "written with Adam")
    net, optimizer = make()
    refused(net, optim.Clipped(optimizer, 1.0), "written with Adam")
    assert path.read_bytes() == written
    checkpoint.save(path, {"x": np.zeros(2)})
    refused(*make(), "is no checkpoint")
    path.write_bytes(b"not a zip file at all")
    refused(*make(), "damaged")


def test_a_checkpoint_of_another_precision_or_with_a_bad_scale_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    fit_wrapped(optim.Scaled, 10, path)
    arrays, metadata = checkpoint.load(path)
    wide = PlainNet(width=4, depth=3, rng=0, dtype=np.float64)
    with pytest.raises(ValueError, match=r"run\.npz is no checkpoint .*not of float64"):
        checkpoint.Checkpoint(path, wide, optim.Scaled(optim.Adam(wide)))
    for scale in (np.nan, 0.0, -1.0, np.inf):
        checkpoint.save(path, arrays | {"optimizer/scale": np.array(scale)}, metadata)
        net, optimizer = make()
        before = net.state_dict()
        with pytest.raises(ValueError, match="must be finite, a scale greater than 0"):
            checkpoint.Checkpoint(path, net, optim.Scaled(optimizer))
        assert all(np.array_equal(array, before[k]) for k, array in net.state_dict().items())


def test_signals_of_ever_new_lengths_need_little_memory():
    net = UNet(rng=0)
    rng = np.random.default_rng(0)

    def data(step):
        noisy = rng.standard_normal((8, 512 + 16 * step))
        return noisy, noisy

    tracemalloc.start()
    try:
        train.fit(net, data, optim.Adam(net), 60)
        assert tracemalloc.get_traced_memory()[1] < 2 * PLANNED
    finally:
        tracemalloc.stop()


def test_fixed_data_show_every_signal_once_an_epoch():
    noisy = np.arange(14.0).reshape(7, 2)
    data = train.fixed(noisy, noisy + 1, batch_size=2, seed=1)
    epochs = [[data(3 * epoch + k)[0][:, 0] for k in range(3)] for epoch in range(2)]
    for batches in epochs:
        seen = np.concatenate(batches)
        assert len(set(seen)) == 6  # of seven, one waits
    assert not np.array_equal(epochs[0], epochs[1])
    np.testing.assert_array_equal(data(4)[1], data(4)[0] + 1)  # pairs stay pairs


def test_the_order_of_fixed_data_is_drawn_once_an_epoch(monkeypatch):
    drawn = []

    def stream(*key):
        drawn.append(key[-1])
        return np.random.default_rng(key[-1])

    monkeypatch.setattr(train, "stream", stream)
    data = train.fixed(np.arange(12.0).reshape(6, 2), np.zeros((6, 2)), batch_size=2)
    batches = [data(step)[0].tolist() for step in range(9)]
    assert drawn == [0, 1, 2]
    assert [data(step)[0].tolist() for step in (7, 3, 0, 4)] == [batches[k] for k in (7, 3, 0, 4)]


def test_fixed_data_are_the_same_in_many_threads():
    clean = np.arange(14.0).reshape(7, 2)
    alone, shared = (train.fixed(clean, clean, batch_size=2, seed=3) for _ in range(2))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda step: shared(step % 30)[0], range(3000)))
    for step, batch in enumerate(found):
        np.testing.assert_array_equal(batch, alone(step % 30)[0])


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
        (lambda: checkpoint.Checkpoint("run.pkl", *make()), "path"),
        (lambda: fit(10, history=[1]), "history"),
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


NAN = np.full((8, 100), np.nan)
NOISY, CLEAN = DATA(0)
#: What a function of data may return by mistake, and words of the answer.
NO_BATCH = {
    "one array": (NOISY, TypeError, "data must return several arrays"),
    "two arrays in one": (np.stack([NOISY, CLEAN]), TypeError, "data must return several arrays"),
    "nothing": (None, TypeError, "data must return several arrays"),
    "a tuple of one": ((NOISY,), ValueError, r"two arrays, \(noisy, clean\), not 1$"),
    "three arrays": ((NOISY, CLEAN, CLEAN), ValueError, r"two arrays, \(noisy, clean\), not 3$"),
    "one signal": ((NOISY[0], CLEAN[0]), ValueError, r"shapes \(100,\), \(100,\)"),
    "words": ((NOISY, "clean"), TypeError, "data must hold real numbers"),
    "NaN": ((NOISY, NAN), ValueError, r"data at step 0 .*800 of 800 are NaN .*\(0, 0, 0\)"),
    "no array": ((), ValueError, "data must return arrays .* not of shapes none"),
    "another length": (
        (NOISY, CLEAN[:, :99]),
        ValueError,
        r"noisy \(8, 1, 100\) and clean \(8, 1, 9",
    ),
    "other signals": (
        (NOISY[:7], CLEAN),
        ValueError,
        r"data: noisy \(7, .* and clean \(8, .* not fit",
    ),
    "two channels": (
        (NOISY, np.ones((8, 2, 100))),
        ValueError,
        "data: noisy .* and clean .* not fit",
    ),
    "a column": ((NOISY, CLEAN[:, :1]), ValueError, "data: noisy .* and clean .* do not fit"),
    "a mask": ((np.ma.masked_less(NOISY, 0), CLEAN), ValueError, "are masked"),
}


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, optim.Scaled])
@pytest.mark.parametrize("kind", NO_BATCH)
def test_what_is_no_batch_is_refused_in_words_about_the_data(kind, wrap):
    net, optimizer = make()
    before = net.vector.copy()
    given, error, words = NO_BATCH[kind]
    with pytest.raises(error, match=words):
        train.fit(net, lambda step: given, wrap(optimizer), 3)
    np.testing.assert_array_equal(net.vector, before)


#: What a loss of one's own may return by mistake, made from the estimates.
NO_LOSS = {
    "float": lambda y: float(y.data.mean()),
    "numpy float": lambda y: y.data.mean(),
    "array": lambda y: y.data,
    "array of one": lambda y: np.ones((1, 1)),
    "nothing": lambda y: None,
    "word": lambda y: "loss",
    "pair": lambda y: (y.mean(), y.mean()),
    "estimates": lambda y: y,
    "a loss for each signal": lambda y: (y * y).mean(axis=2),
}


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, optim.Scaled])
@pytest.mark.parametrize("kind", NO_LOSS)
def test_what_is_no_loss_is_refused_in_words(kind, wrap):
    net, optimizer = make()
    before = net.vector.copy()
    with pytest.raises(TypeError, match="loss must return a Tensor of one number, not "):
        train.fit(net, DATA, wrap(optimizer), 3, loss=lambda net, y, x: NO_LOSS[kind](net(y)))
    np.testing.assert_array_equal(net.vector, before)


def test_a_net_that_another_thread_trains_is_refused_and_right_before_and_after():
    net, optimizer = make()
    noisy, free = DATA(0)[0], copy.deepcopy(net)
    reached, go_on = threading.Event(), threading.Event()

    def wait(step, history):
        net.denoise(noisy)  # the thread that trains may look
        reached.set()
        assert go_on.wait(30)

    thread = threading.Thread(
        target=train.fit, args=(net, DATA, optimizer, 10), kwargs={"callbacks": [wait]}
    )
    thread.start()
    assert reached.wait(30)
    for call in (
        lambda: net.denoise(noisy),
        lambda: train.fit(net, DATA, optimizer, 1),
        lambda: denoise_long(net, noisy),
        lambda: copy.deepcopy(net),
        lambda: pickle.dumps(net),
        lambda: net.state_dict(),
    ):
        with pytest.raises(RuntimeError, match="net is being trained by another thread"):
            call()
    assert free.denoise(noisy).shape == noisy.shape
    go_on.set()
    thread.join()
    net.eval()
    np.testing.assert_allclose(net.denoise(noisy[0]), net.denoise(noisy)[0], rtol=1e-5)
    train.fit(net, DATA, optimizer, 1)


class Around(Network):
    """A network that has something of another one as its part."""

    def __init__(self, part):
        self.part = part

    def forward(self, x):
        return self.part(x) if isinstance(self.part, Network | Sequential) else x * 2.0


#: What shares parameters with a network.
SHARING = {
    "itself": lambda net: net,
    "a layer": lambda net: Around(next(module for _, module in net.layers.children())),
    "all layers": lambda net: Around(net.layers),
    "the whole": Around,
    "the whole of the whole": lambda net: Around(Around(net)),
    "one parameter": lambda net: Around(net.parameters()[-1]),
    "a buffer": lambda net: Around(dict(net.named_state())["layers.1.running_mean"]),
    "a shallow copy": copy.copy,
}


def begun(net):
    """Train a network in another thread; return a function that lets the training end."""
    reached, go_on = threading.Event(), threading.Event()

    def wait(step, history):
        reached.set()
        assert go_on.wait(30)

    arguments = net, DATA, optim.Adam(net), 1
    thread = threading.Thread(target=train.fit, args=arguments, kwargs={"callbacks": [wait]})
    thread.start()
    assert reached.wait(30)

    def end():
        go_on.set()
        thread.join()

    return end


@pytest.mark.parametrize("kind", SHARING)
def test_what_shares_parameters_with_a_net_that_another_thread_trains_is_refused(kind):
    net, noisy = make()[0], DATA(0)[0]
    other, apart = SHARING[kind](net), SHARING[kind](make()[0])
    other.eval()
    end = begun(net)
    try:
        for call in (
            lambda: other.denoise(noisy),
            lambda: denoise_long(other, noisy),
            lambda: copy.deepcopy(other),
            lambda: pickle.dumps(other),
            lambda: other.state_dict(),
        ):
            with pytest.raises(RuntimeError, match="net is being trained by another thread"):
                call()
        for module in (part for part in other.modules() if list(part.named_state())):
            with pytest.raises(RuntimeError, match="net is being trained by another thread"):
                copy.copy(module)
        assert apart.denoise(noisy).shape == copy.deepcopy(apart).denoise(noisy).shape
    finally:
        end()
    assert other.denoise(noisy).shape == noisy.shape
    assert other.state_dict().keys() == copy.deepcopy(other).state_dict().keys()


def test_a_part_and_the_whole_are_not_trained_in_two_threads():
    net = make()[0]
    whole = Around(net)
    whole.vector, whole.gradient = net.vector, net.gradient
    for first, second in ((net, whole), (whole, net)):
        end = begun(first)
        try:
            with pytest.raises(RuntimeError, match="net is being trained by another thread"):
                train.fit(second, DATA, optim.Adam(second), 1)
        finally:
            end()
        train.fit(second, DATA, optim.Adam(second), 1)


def test_a_plan_that_needs_too_much_memory_is_kept_while_it_is_used(monkeypatch):
    planned = []

    class Counted(train.Program):
        def __init__(self, *arguments):
            planned.append(self)
            super().__init__(*arguments)

    monkeypatch.setattr(modules, "PLANNED", 0)
    monkeypatch.setattr(train, "Program", Counted)
    fit(5)
    assert len(planned) == 1


def test_a_callback_that_looks_does_not_change_the_training():
    looked, undisturbed = make()[0], make()[0]
    noisy = DATA(0)[0]
    for net, look in (
        (undisturbed, None),
        (looked, lambda s, h: looked.eval("batch").denoise(noisy)),
    ):
        train.fit(net, DATA, optim.Adam(net), 9, every=3, callbacks=[look] if look else [])
    np.testing.assert_array_equal(looked.vector, undisturbed.vector)
    assert looked.training


def test_a_wrapper_round_the_optimiser_of_another_net_is_refused():
    net, optimizer = make()
    wrapped = optim.Clipped(optimizer, 1.0)
    wrapped.inner = make()[1]
    with pytest.raises(ValueError, match="optimizer must be made for this network"):
        train.fit(net, DATA, wrapped, 1)


@pytest.mark.parametrize("kind", SHARING)
def test_a_training_that_begins_during_a_pass_is_noticed(monkeypatch, kind):
    net, optimizer = make()
    other = SHARING[kind](net)
    other.eval()
    run = modules.Plans.run

    def slowly(self, *arguments):
        thread = threading.Thread(target=train.fit, args=(net, DATA, optimizer, 1))
        thread.start()
        thread.join()
        return run(self, *arguments)

    monkeypatch.setattr(modules.Plans, "run", slowly)
    with pytest.raises(RuntimeError, match="net was trained by another thread meanwhile"):
        other.denoise(DATA(0)[0])
    assert SHARING[kind](make()[0].eval()).denoise(DATA(0)[0]).shape == DATA(0)[0].shape
