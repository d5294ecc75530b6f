import numpy as np
import pytest

from denoiselib import bayes, filters, interpret, metrics, signals
from denoiselib.nn import Conv1d, Module, PlainNet, Program, Sequential, Tensor, ops, optim, train
from denoiselib.nn import unsupervised as un
from denoiselib.nn.modules import Network, Parameter
from denoiselib.nn.tensor import Op


def small(scale=1.0, **options):
    """Make a net with a slope and an offset, so that no term of a loss is small by chance."""
    net = PlainNet(width=4, depth=3, rng=1, dtype=np.float64, **options)
    last = [part for part in net.modules() if isinstance(part, Conv1d)][-1]
    last.weight.data *= scale
    last.bias.data += 0.5
    return net


LESSONS = {
    "noise2noise": un.noise2noise(un.copies("blocks", 3.0, 6, length=21)),
    "sure": un.sure(train.fresh("blocks", (1.0, 4.0), 6, length=21), filters.tuning.mad_sigma),
    "unsure": un.unsure(train.fresh("blocks", 3.0, 6, length=21)),
    "recorrupted": un.recorrupted(train.fresh("blocks", 3.0, 6, length=21), 3.0),
    "noise2self": un.noise2self(train.fresh("blocks", 3.0, 6, length=21), every=4),
    "noise2void": un.noise2self(train.fresh("blocks", 3.0, 6, length=21), fill="neighbour"),
    "neighbor2neighbor": un.neighbor2neighbor(train.fresh("blocks", 3.0, 6, length=21)),
}
each_lesson = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)


def value(lesson, net, step):
    return lesson.loss(net, *[Tensor(part[:, None]) for part in lesson.data(step)])


def values(lesson, net, steps):
    """Return the losses of many batches, replayed: a program is what `train.fit` makes."""
    program = Program(lambda *arrays: lesson.loss(net, *arrays), np.float64)
    batches = map(lesson.data, range(steps))
    return np.array([float(program(*[part[:, None] for part in batch])) for batch in batches])


def risks(net, source, steps):
    """Return the true squared errors on the same batches."""
    program = Program(net, np.float64)
    pairs = map(source, range(steps))
    return np.array([np.mean((program(y[:, None])[:, 0] - x) ** 2) for y, x in pairs])


def assert_unbiased(differences, scale, sharp=0.01):
    """Assert a mean of 0 within 4 standard errors, and that these are small beside the scale."""
    mean, error = np.mean(differences), np.std(differences, ddof=1) / len(differences) ** 0.5
    assert error < sharp * scale
    assert abs(mean) < 4 * error


def squared_error(net, noisy, clean):
    return np.mean((net(noisy[:, None]).data[:, 0] - clean) ** 2)


# what the losses estimate


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_sure_is_the_risk_on_average(norm):
    """With batch norm of the map of the whole batch: of so few samples the statistics count."""
    net = small(3.0, norm=norm)
    source = train.fresh("blocks", 3.0, 3, length=8)
    lesson = un.sure(source, 3.0, step=0.03)
    true = risks(net, source, 3000)
    assert_unbiased(values(lesson, net, 3000) - true, true.mean(), 0.02)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_divergence_is_the_trace_of_the_jacobian(mode):
    net, noisy = small(3.0, norm="batch"), np.random.default_rng(0).standard_normal((2, 6))
    net(10 * np.random.default_rng(3).standard_normal((50, 1, 10)))  # moves running statistics
    net.eval()
    fixed = np.trace(interpret.jacobian(net, noisy), axis1=-2, axis2=-1).sum()
    if mode == "train":
        net.train()
    trace = exact_divergence(net, noisy)
    assert (abs(trace / fixed - 1) < 1e-9) == (mode == "eval")
    lesson = un.sure(lambda step: (noisy,), 2.0, step=1e-4)
    residual = squared_error(net, noisy, noisy)
    found = (values(lesson, net, 4000) - residual + 2.0**2) / (2 * 2.0**2 / noisy.size)
    assert_unbiased(found - trace, abs(trace), 0.05)


def exact_divergence(net, noisy):
    """Sum the derivatives of all outputs with respect to their own inputs, by the tape."""
    x = Tensor(noisy[:, None], requires_grad=True)
    output, trace = net(x), 0.0
    for place in np.ndindex(x.shape):
        mask = np.zeros(x.shape)
        mask[place] = 1
        (output * mask).sum().backward()
        trace += x.grad[place]
    return trace


def test_a_sign_probe_is_exact_where_samples_do_not_mix():
    noisy = np.random.default_rng(0).standard_normal((4, 30))
    lesson = un.sure(lambda step: (noisy,), 2.0, step=1e-6)
    cubed = Sequential([])
    cubed.forward = lambda x: x * x * x
    expected = np.mean((noisy**3 - noisy) ** 2) + 2 * 2.0**2 * np.mean(3 * noisy**2) - 2.0**2
    assert value(lesson, cubed, 0).item() == pytest.approx(expected, rel=1e-5)


def test_sure_follows_levels_that_differ_from_signal_to_signal():
    rng = np.random.default_rng(0)
    level = np.array([[1.0], [5.0]])
    half = Sequential([])
    half.forward = lambda x: 0.5 * x
    lesson = un.sure(lambda step: (level * rng.standard_normal((2, 50000)),), level)
    # risk of y / 2 where x = 0: a quarter of the variance
    assert value(lesson, half, 0).item() == pytest.approx((0.25 + 6.25) / 2, rel=0.05)


def test_noise2noise_is_the_risk_plus_the_variance():
    net = small(3.0)
    pairs, source = un.copies("blocks", 3.0, 9), train.fresh("blocks", 3.0, 9)
    np.testing.assert_array_equal(pairs(5)[0], source(5)[0])
    true = risks(net, source, 400)
    assert_unbiased(values(un.noise2noise(pairs), net, 400) - true - 9, true.mean())


def test_recorrupted_is_the_risk_at_its_level_plus_a_constant():
    net, alpha = small(3.0), 0.7
    level = 3 * (1 + alpha**2) ** 0.5
    lesson = un.recorrupted(train.fresh("blocks", 3.0, 32), 3.0, alpha)
    true = risks(net, train.fresh("blocks", level, 32), 400)
    assert_unbiased(values(lesson, net, 400) - true - 9 * (1 + 1 / alpha**2), true.mean())


def test_recorrupted_noises_are_uncorrelated():
    source = train.fresh("blocks", 3.0, 200)
    seen, target, _ = un.recorrupted(source, 3.0, 0.4).data(0)
    a, b = seen - source(0)[1], target - source(0)[1]
    assert abs(np.mean(a * b)) < 4 * a.std() * b.std() / a.size**0.5
    assert a.std() == pytest.approx(3 * (1 + 0.4**2) ** 0.5, rel=0.02)
    assert b.std() == pytest.approx(3 * (1 + 1 / 0.4**2) ** 0.5, rel=0.02)


def test_copies_have_independent_noise_of_one_level():
    first, second = un.copies("blocks", 3.0, 200, seed=4)(0)
    clean = train.fresh("blocks", 3.0, 200, seed=4)(0)[1]
    a, b = first - clean, second - clean
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / a.size**0.5
    assert b.std() == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("fill", ["mean", "neighbour"])
@pytest.mark.parametrize("every", [2, 3, 10])
def test_what_is_seen_says_nothing_of_the_hidden_samples(fill, every):
    noisy = np.random.default_rng(0).standard_normal((5, 20))
    for step in range(8):
        seen, target, weight = un.noise2self(lambda step: (noisy,), every, fill).data(step)
        np.testing.assert_array_equal(target, noisy)
        np.testing.assert_array_equal((seen != noisy), weight > 0)
        assert weight.mean() == pytest.approx(1)
        changed = noisy + 100 * (weight > 0)
        again, _, _ = un.noise2self(lambda step, y=changed: (y,), every, fill).data(step)
        np.testing.assert_array_equal(again, seen)


def test_what_stands_for_a_hidden_sample():
    """Signals 0, 1, 4, 9 .. of which the mean of two neighbours is one more than the sample."""
    noisy = np.arange(30.0) ** 2 + np.zeros((40, 1))
    for fill in ("mean", "neighbour"):
        seen, _, weight = un.noise2self(lambda step: (noisy,), 10, fill).data(0)
        hidden = weight > 0
        hidden[:, [0, -1]] = False  # with one neighbour only
        row, place = np.nonzero(hidden)
        change = (seen - noisy)[row, place]
        if fill == "mean":
            assert set(change) == {1}
        else:
            left = change == 1 - 2 * place
            np.testing.assert_array_equal(change[~left], 1 + 2 * place[~left])
            assert 0.3 < left.mean() < 0.7


def test_noise2self_does_not_judge_what_the_net_makes_of_the_sample_itself():
    """A net that hands through what it sees scores as its neighbours do, not 0."""
    noisy = np.random.default_rng(0).standard_normal((2000, 20))
    lesson = un.noise2self(lambda step: (noisy,), every=5)
    inner = lesson.data(0)[2].copy()
    inner[:, [0, -1]] = 0  # one neighbour only
    arrays = [Tensor(part[:, None]) for part in (*lesson.data(0)[:2], inner)]
    loss = lesson.loss(Sequential([]), *arrays).item() / inner.mean()
    assert loss == pytest.approx(1.5, rel=0.05)  # the variance of y less two halves


def test_noise2self_is_the_risk_of_the_hidden_estimate_plus_the_variance():
    net = small(3.0).eval()
    source = train.fresh("blocks", 3.0, 100, length=20)
    lesson = un.noise2self(source, every=5)
    true = [
        np.mean((un.estimate_hidden(net, noisy, 5) - clean) ** 2)
        for noisy, clean in map(source, range(200))
    ]
    assert_unbiased(values(lesson, net, 200) - true - 9, np.mean(true), 0.02)


def test_neighbor2neighbor_by_hand():
    noisy = np.random.default_rng(0).standard_normal((4, 7))
    lesson = un.neighbor2neighbor(lambda step: (noisy,), gamma=0.3)
    net = small(3.0)
    seen, target, _, pairs, sign = lesson.data(2)
    np.testing.assert_array_equal(pairs, noisy[:, :6])
    even, odd = noisy[:, 0:6:2], noisy[:, 1:6:2]
    assert len(np.unique(sign)) == 2
    np.testing.assert_array_equal(seen, np.where(sign > 0, even, odd))
    np.testing.assert_array_equal(target, np.where(sign > 0, odd, even))
    output, whole = net(seen[:, None]).data[:, 0], net(pairs[:, None]).data[:, 0]
    g1, g2 = (np.where(s > 0, whole[:, 0::2], whole[:, 1::2]) for s in (sign, -sign))
    expected = np.mean((output - target) ** 2)
    expected += 0.3 * np.mean((output - target - (g1 - g2)) ** 2)
    assert value(lesson, net, 2).item() == pytest.approx(expected)


def test_neighbor2neighbor_takes_no_gradient_of_what_it_expects():
    """With f(y) = g y: the gradient of a loss in which the difference is a number."""
    noisy = np.random.default_rng(0).standard_normal((4, 8))
    lesson = un.neighbor2neighbor(lambda step: (noisy,), gamma=0.3)
    net = Gain(0.8)
    value(lesson, net, 0).backward()
    seen, target, *_ = lesson.data(0)
    difference = 0.8 * (seen - target)
    slope = 2 * seen * (0.8 * seen - target)
    slope += 0.3 * 2 * seen * (0.8 * seen - target - difference)
    assert net.gain.grad.item() == pytest.approx(slope.mean())


class Gain(Module):
    def __init__(self, gain):
        self.gain = Parameter(np.array([gain]))

    def forward(self, x):
        return self.gain * x


def test_unsure_of_a_multiple_of_the_signal():
    """Of f = a y the divergence is a, and the loss the power of y times 1 + a^2: least at 0."""
    noisy = np.random.default_rng(0).standard_normal((4, 8)) + 3
    lesson = un.unsure(lambda step: (noisy,), step=0.2)
    power = np.mean(noisy**2)
    for gain in (-0.5, 0.0, 0.3, 0.9):
        found = value(lesson, Gain(gain), 0).item()
        assert found == pytest.approx(power * (1 + gain**2), rel=1e-9)


def test_unsure_has_its_minimum_where_the_multiplier_cannot_rise():
    """Against the saddle point: least |y - f|^2 under div f = 0, of a line with a bend."""
    noisy = signals.add_noise(np.zeros((200, 50)), 1.0, rng=0)

    class Two(Module):
        def __init__(self):
            self.weights = Parameter(np.array([0.2, 0.1]))

        def forward(self, x):
            return self.weights[0] * x + self.weights[1] * ops.relu(x)

    net = Two()
    lesson = un.unsure(lambda step: (noisy,), step=1e-4)
    for _ in range(300):
        net.weights.grad = None
        value(lesson, net, 0).backward()
        net.weights.data -= 0.2 * net.weights.grad
    a, b = net.weights.data
    divergence = a + b * np.mean(noisy > 0)
    assert divergence == pytest.approx(0, abs=1e-3)
    tried = np.linspace(-1, 1, 2001)  # b; a follows from the divergence
    parts = [
        np.mean((noisy - t * (np.maximum(noisy, 0) - noisy * np.mean(noisy > 0))) ** 2)
        for t in tried
    ]
    assert b == pytest.approx(tried[np.argmin(parts)], abs=0.01)


def test_unsure_needs_noise_to_tell_how_far_to_move():
    with pytest.raises(ValueError, match="source must give signals with noise"):
        un.unsure(lambda step: (np.ones((2, 5)),))


@pytest.mark.parametrize("c", [1e-9, 1e9])
def test_unsure_is_in_the_squared_unit(c):
    noisy = np.random.default_rng(0).standard_normal((4, 8))
    here, there = (un.unsure(lambda step, k=k: (k * noisy,)) for k in (1, c))
    found = value(there, Gain(0.5), 0).item() / c**2
    assert found == pytest.approx(value(here, Gain(0.5), 0).item(), rel=1e-9)


@pytest.mark.slow
def test_unsure_comes_near_its_predicted_error_and_level():
    """Without the level: an error of MMSE / (1 - MMSE / sigma^2), and with it nearly the MMSE."""
    clean = signals.sparse_spikes(2000, rng=1)
    noisy = signals.add_noise(clean, 3.0, rng=2)
    least = np.mean((bayes.sparse_spikes_posterior_mean(noisy, 3.0) - clean) ** 2)
    lesson = un.unsure(train.fresh("sparse_spikes", 3.0, 32))
    net, rate = PlainNet(rng=0), optim.cosine(1e-2, 1000)
    adam = optim.Adam(net)
    history = train.fit(net, lesson.data, adam, 1000, loss=lesson.loss, schedule=rate, every=1)
    net.eval()
    estimate, part = net.denoise(noisy), 1 - least / 9
    assert np.mean((estimate - clean) ** 2) == pytest.approx(least / part, rel=0.03)
    level = np.mean(history["loss"][-50:]) ** 0.5
    assert level == pytest.approx(3 / part**0.5, rel=0.01)
    told = noisy - (3 / level) ** 2 * (noisy - estimate)
    assert np.mean((told - clean) ** 2) == pytest.approx(least, rel=0.03)


# what they learn


class Interpolate(Op):
    """theta_k at the knots, straight lines between: 35 hat functions"""

    knots = np.linspace(-10.0, 20.0, 35)

    def __init__(self, x, theta):
        self.x, self.theta, self.y = x.data, theta.data, np.empty_like(x.data)
        super().__init__([x, theta], self.y)

    def forward(self):
        place = (np.clip(self.x, -10, 20) + 10) / (self.knots[1] - self.knots[0])
        self.left = np.minimum(place.astype(int), 33)
        self.part = place - self.left
        self.y[...] = (1 - self.part) * self.theta[self.left] + self.part * self.theta[
            self.left + 1
        ]

    def backward(self):
        for shift, weight in ((0, 1 - self.part), (1, self.part)):
            counts = np.bincount((self.left + shift).ravel(), (weight * self.dy).ravel(), 35)
            self.dx[1][...] = counts + (self.dx[1] if shift else 0)


class Hats(Network):
    """A denoiser of each sample by itself, linear in its parameters."""

    def __init__(self):
        self.theta = Parameter(np.zeros(35))
        self.flatten()

    def forward(self, x):
        return Interpolate(x, self.theta).out


def solve(net, lesson, reach=None):
    """Minimise the loss of one batch, a square function of the net's parameters, in one step.

    The gradients at 0 and along each parameter are all there is to know of it. If parameters
    further apart than `reach` do not meet, one gradient serves many of them.
    """
    program = Program(lambda *arrays: lesson.loss(net, *arrays), np.float64)
    arrays = [part[:, None] for part in lesson.data(0)]

    def gradient_at(vector):
        net.vector[...] = vector
        program(*arrays)
        program.backward()
        return net.gradient.copy()

    places = np.arange(net.vector.size)
    reach = places.size if reach is None else reach
    origin, matrix = gradient_at(0.0), np.zeros((places.size, places.size))
    for first in range(min(2 * reach + 1, places.size)):
        probed = places[first :: 2 * reach + 1]
        column = gradient_at(np.isin(places, probed)) - origin
        for place in probed:
            near = abs(places - place) <= reach
            matrix[near, place] = column[near]
    net.vector[...] = np.linalg.lstsq(matrix, -origin, rcond=1e-9)[0]
    return net


@pytest.mark.parametrize(
    ("n", "noise2noise", "sure", "recorrupted", "averaged"),
    [
        (1000, (0, 0.03), (0.3, 0.9), (0.1, 0.3), (0.15, 0.35)),
        (10000, (0, 0.01), (0.01, 0.1), (0.1, 0.15), (0.18, 0.25)),
    ],
)
def test_closed_forms_of_a_pointwise_denoiser(n, noise2noise, sure, recorrupted, averaged):
    """How far each ends below the best there is, in dB of `slide_psnr`, with 35 parameters."""
    clean = signals.sparse_spikes(5000, rng=100)
    noisy = signals.add_noise(clean, 3, rng=101)
    bound = metrics.slide_psnr(bayes.sparse_spikes_posterior_mean(noisy, 3), clean).mean()

    def assert_gap(estimate, low_high):
        low, high = low_high
        assert low < bound - metrics.slide_psnr(estimate, clean).mean() < high

    source, pairs = (make("sparse_spikes", 3.0, n, seed=1) for make in (train.fresh, un.copies))
    supervised = un.noise2noise(source)  # a second copy without noise
    assert_gap(solve(Hats(), supervised, reach=1).denoise(noisy), (0, 0.01))
    assert_gap(solve(Hats(), un.noise2noise(pairs), reach=1).denoise(noisy), noise2noise)
    assert_gap(solve(Hats(), un.sure(source, 3.0), reach=1).denoise(noisy), sure)
    net = solve(Hats(), un.recorrupted(source, 3.0, 0.42), reach=1)
    assert_gap(net.denoise(noisy), recorrupted)
    assert_gap(un.estimate_recorrupted(net, noisy, 3.0, 0.42, draws=20), averaged)


class Filter(Network):
    def __init__(self, taps):
        self.conv = Conv1d(1, 1, taps, rng=0, dtype=np.float64)
        self.flatten()

    def forward(self, x):
        return self.conv(x)


def test_noise2self_cannot_learn_spikes_but_can_learn_blocks():
    """The best filter of the neighbours says the mean of all signals, where they know no more."""
    error = {}
    for family in ("sparse_spikes", "blocks"):
        net = solve(Filter(5), un.noise2self(train.fresh(family, 3.0, 3000)))
        clean = signals.FAMILIES[family](2000, rng=100)
        noisy = signals.add_noise(clean, 3, rng=101)
        constant = metrics.rmse(np.full_like(clean, clean.mean()), clean).mean()
        learned = metrics.rmse(un.estimate_hidden(net, noisy), clean).mean()
        error[family] = learned, constant
        if family == "sparse_spikes":
            far, left, own, right, further = net.conv.weight.data[0, 0]
            # what stands for the sample itself is the mean of its neighbours: another way to them
            assert np.abs([far, left + own / 2, right + own / 2, further]).max() < 0.02
            assert net.conv.bias.data == pytest.approx(clean.mean(), abs=0.03)
    learned, constant = error["sparse_spikes"]
    assert constant == pytest.approx(2.55, abs=0.01)
    assert learned == pytest.approx(constant, rel=0.002)
    learned, constant = error["blocks"]
    assert learned < 0.8 * constant


# how they train


@each_lesson
def test_a_program_replays_them(lesson):
    """Values, gradients and running statistics, and nothing was decided at the first batch."""
    replayed, eager = (small(norm="batch") for _ in range(2))
    program = Program(lambda *arrays: lesson.loss(replayed, *arrays), np.float64)
    for step in range(3):
        program(*[part[:, None] for part in lesson.data(step)])
        program.backward()
        expected = value(lesson, eager, step)
        expected.backward()
        assert program.output.item() == pytest.approx(expected.item(), rel=1e-12)
        np.testing.assert_allclose(replayed.gradient, eager.gradient, rtol=1e-9, atol=1e-12)
    for name, array in eager.state_dict().items():
        np.testing.assert_allclose(replayed.state_dict()[name], array, err_msg=name)


@pytest.mark.parametrize(
    "name", sorted(set(LESSONS) - {"neighbor2neighbor"})
)  # has a constant part
def test_gradients(name, gradcheck):
    net = small(norm="batch", activation="none").eval("batch")
    gradcheck(lambda *_: value(LESSONS[name], net, 0), *net.parameters(), replay=True)


@each_lesson
def test_running_statistics_are_those_of_what_is_seen(lesson):
    net, plain = small(norm="batch"), small(norm="batch")
    value(lesson, net, 0)
    plain(lesson.data(0)[0][:, None])
    for name, array in plain.state_dict().items():
        np.testing.assert_array_equal(net.state_dict()[name], array, err_msg=name)
    assert all(module.training for module in net.modules())


@each_lesson
def test_lessons_depend_on_seed_and_step_alone(lesson):
    for one, same, other in zip(lesson.data(3), lesson.data(3), lesson.data(4), strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.size == 1 or len(one) == one.size or not np.array_equal(one, other)

    def train_one():
        net = PlainNet(width=3, depth=2, rng=0)
        history = train.fit(net, lesson.data, optim.Adam(net, 1e-2), 20, loss=lesson.loss, every=1)
        assert net.dtype == np.float32
        return net.vector, history["loss"]

    (first, losses), (second, _) = train_one(), train_one()
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(first, second)


def test_seeds_differ():
    source = train.fresh("blocks", 3.0, 4)
    for make in (un.noise2self, un.neighbor2neighbor, lambda s, seed: un.sure(s, 3.0, seed=seed)):
        one, other = (make(source, seed=seed).data(0) for seed in (0, 1))
        assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    one, other = (un.copies("blocks", 3.0, 4, seed=seed)(0)[1] for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_clean_signals_are_not_looked_at():
    noisy = np.random.default_rng(0).standard_normal((4, 20))

    def source(step):
        return noisy, np.full_like(noisy, np.nan)

    for lesson in (
        un.sure(source, 1.0),
        un.recorrupted(source, filters.tuning.mad_sigma),
        un.noise2self(source),
        un.neighbor2neighbor(source),
    ):
        assert all(np.isfinite(part).all() for part in lesson.data(0))


def test_windows_are_pieces_of_the_recordings():
    recordings = np.arange(60.0).reshape(3, 20)
    data = un.windows(recordings, length=7, batch_size=50, seed=1)
    (noisy,) = data(0)
    np.testing.assert_array_equal(noisy, noisy[:, :1] + np.arange(7))
    starts = {start for step in range(20) for start in data(step)[0][:, 0]}
    assert starts == {20.0 * k + i for k in range(3) for i in range(14)}  # all, to the last one
    np.testing.assert_array_equal(data(3)[0], data(3)[0])
    (whole,) = un.windows(np.arange(5.0), length=5, batch_size=2)(0)
    np.testing.assert_array_equal(whole, [np.arange(5.0)] * 2)


def test_one_long_recording_is_enough():
    """One recording, no labels, the noise level from the recording itself: better than it was."""
    clean = signals.blocks(1, 6000, rng=0)[0]
    recording = signals.add_noise(clean, 3, rng=1)
    sigma = filters.tuning.mad_sigma(recording, difference=True)
    lesson = un.sure(un.windows(recording, 100, 16), sigma)
    net = PlainNet(width=8, depth=3, kernel=5, rng=0)
    steps = 150
    schedule = optim.cosine(1e-2, steps)
    train.fit(net, lesson.data, optim.Adam(net), steps, schedule=schedule, loss=lesson.loss)
    net.eval()
    error = metrics.rmse(net.denoise(recording), clean)
    assert error < 1.5


def test_estimates_repeat_the_training():
    net, noisy = small(3.0).eval(), np.random.default_rng(0).standard_normal((2, 3, 40))
    hidden = un.estimate_hidden(net, noisy, every=4)
    for place in (0, 17, 39):
        changed = noisy.copy()
        changed[..., place] += 50
        again = un.estimate_hidden(net, changed, every=4)
        np.testing.assert_array_equal(again[..., place], hidden[..., place])
        assert not np.array_equal(again, hidden)
    shifted = Gain(1.0)  # hands the noise through: its level is that of a mean of draws
    shifted.denoise = lambda y: y
    mean = un.estimate_recorrupted(shifted, np.zeros((100, 100)), [[2.0]], alpha=0.5, draws=4)
    assert mean.std() == pytest.approx(2.0 * 0.5 / 4**0.5, rel=0.05)


SOURCE = train.fresh("blocks", 3.0, 4)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: un.copies("nonsense", 3.0, 4), "family"),
        (lambda: un.copies("blocks", (1.0, 3.0), 4), "sigma"),
        (lambda: un.copies("blocks", -1.0, 4), "sigma"),
        (lambda: un.windows([], 5, 2), "recording"),
        (lambda: un.windows(np.zeros((2, 2, 9)), 5, 2), "recording"),
        (lambda: un.windows([0.0, np.nan], 1, 2), "recording"),
        (lambda: un.windows(np.zeros(9), 10, 2), "length"),
        (lambda: un.windows(np.zeros(9), 5, 0), "batch_size"),
        (lambda: un.noise2noise(un.windows(np.zeros(9), 5, 2)), "pairs"),
        (lambda: un.noise2noise(lambda step: (np.zeros((2, 5)), np.zeros((2, 6)))), "pairs"),
        (lambda: un.sure(lambda step: np.zeros((4, 10)), 3.0), "source"),
        (lambda: un.sure(np.zeros((4, 10)), 3.0), "source"),
        (lambda: un.sure(SOURCE, 0.0), "sigma"),
        (lambda: un.sure(SOURCE, np.ones((3, 1))), "sigma"),
        (lambda: un.sure(SOURCE, lambda noisy: -(noisy[:, :1] ** 2)), "sigma"),
        (lambda: un.sure(SOURCE, 3.0, step=0), "step"),
        (lambda: un.recorrupted(SOURCE, np.ones(100)), "sigma"),
        (lambda: un.recorrupted(SOURCE, 3.0, alpha=0), "alpha"),
        (lambda: un.noise2self(SOURCE, every=1), "every"),
        (lambda: un.noise2self(SOURCE, every=101), "every"),
        (lambda: un.noise2self(SOURCE, fill="nonsense"), "fill"),
        (lambda: un.neighbor2neighbor(SOURCE, gamma=-1), "gamma"),
        (lambda: un.neighbor2neighbor(un.windows(np.zeros(9), 1, 2)), "source"),
        (lambda: un.estimate_recorrupted(PlainNet(), np.zeros(9), -1.0), "sigma"),
        (lambda: un.estimate_recorrupted(PlainNet(), np.zeros(9), 1.0, draws=0), "draws"),
        (lambda: un.estimate_hidden(PlainNet(), np.zeros(9), every=10), "every"),
        (lambda: un.estimate_hidden(PlainNet(), [np.inf, 0.0], every=2), "noisy"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises((TypeError, ValueError), match=rf"{name} (must|have)"):
        call()


# rules that are solved


def brute(seen, target, sigma, knots):
    """The same square function of theta, by its values: gradient and curvature at 0."""

    def loss(theta):
        slope = np.diff(theta) / np.diff(knots)
        inside = (seen > knots[0]) & (seen < knots[-1])
        at = slope[np.clip(np.searchsorted(knots, seen) - 1, 0, len(slope) - 1)] * inside
        return np.sum((np.interp(seen, knots, theta) - target) ** 2 + 2 * sigma**2 * at)

    unit = np.eye(len(knots))
    gradient = np.array([loss(e) - loss(-e) for e in unit]) / 2
    curvature = [[loss(a + b) - loss(a) - loss(b) + loss(0 * a) for b in unit] for a in unit]
    return np.linalg.solve(np.array(curvature), -gradient)


@pytest.mark.parametrize("sigma", [0.0, 1.3])
def test_hats_are_where_the_loss_is_least(sigma):
    rng, knots = np.random.default_rng(0), np.array([-2.0, -0.5, 0.0, 1.0, 3.0])
    seen, target = rng.normal(size=(2, 4, 100))
    seen[0] *= 5  # some beyond the knots
    theta = un.solve_hats(seen, target, sigma, knots)
    expected = brute(seen.ravel(), target.ravel(), sigma, knots)
    np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["noise2noise", "sure", "recorrupted"])
def test_hats_are_solved_as_a_network_of_hats_learns_them(name):
    source = train.fresh("sparse_spikes", 3.0, 200, seed=1)
    lesson = {
        "noise2noise": lambda: un.noise2noise(un.copies("sparse_spikes", 3.0, 200, seed=1)),
        "sure": lambda: un.sure(source, 3.0, step=1e-7),
        "recorrupted": lambda: un.recorrupted(source, 3.0, 0.4),
    }[name]()
    seen, target, *_ = lesson.data(0)
    theta = un.solve_hats(seen, target, 3.0 if name == "sure" else 0.0)
    learned = solve(Hats(), lesson, reach=1).theta.data
    met = slice(5, 25)  # knots with many samples around
    tolerance = 0.3 if name == "sure" else 1e-6  # its divergence is a draw
    np.testing.assert_allclose(theta[met], learned[met], atol=tolerance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": np.zeros(3)}, "target must have the shape"),
        ({"sigma": -1.0}, "sigma"),
        ({"knots": [0.0]}, "knots must be two or more"),
        ({"knots": [0.0, 0.0]}, "rising"),
        ({"seen": [np.nan, 0.0]}, "seen"),
    ],
)
def test_hats_refuse_what_they_cannot_use(change, message):
    good = {"seen": np.zeros(2), "target": np.zeros(2), "sigma": 1.0, "knots": [0.0, 1.0]}
    with pytest.raises(ValueError, match=message):
        un.solve_hats(**(good | change))


def test_losses_of_held_out_batches_are_those_of_the_lesson():
    net = PlainNet(width=4, depth=3, rng=0).eval()
    lesson = un.sure(train.fresh("blocks", 3.0, 6, length=21), 3.0)
    before = net.vector.copy()
    found = lesson.losses(net, 3)
    for step, value in enumerate(found):
        parts = [Tensor(x[:, None].astype("f4")) for x in lesson.data(step)]
        assert value == pytest.approx(lesson.loss(net, *parts).item(), rel=1e-6)
    assert np.array_equal(net.vector, before)
    with pytest.raises(ValueError, match="batches must be"):
        lesson.losses(net, 0)
