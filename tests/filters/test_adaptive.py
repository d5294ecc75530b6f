"""Adaptive filters do what their formulas say, and reach what theory promises."""

import numpy as np
import pytest

from denoiselib import metrics, signals
from denoiselib.filters import adaptive, prox
from tests.filters.penalties import PENALTIES

TAPS = 32
SHRINKS = {
    "za": adaptive.zero_attracting,
    "rza": adaptive.reweighted,
    "proximal": adaptive.proximal,
    "block": lambda rho: adaptive.block_proximal(rho, 8),
}
PLAIN = {
    "lms": lambda x, d, **k: adaptive.lms(x, d, TAPS, 0.3 / TAPS, **k),
    "nlms": lambda x, d, **k: adaptive.nlms(x, d, TAPS, 0.5, **k),
    "nsaf": lambda x, d, **k: adaptive.nsaf(x, d, TAPS, 0.5, **k),
}


def sparse(kind, step):
    """Return an adaptive filter with a map of its weights."""
    return lambda x, d, rho=1e-4, **k: PLAIN[step](x, d, shrink=SHRINKS[kind](rho), **k)


NAMED = PLAIN | {
    "robust_nlms": lambda x, d, **k: adaptive.robust_nlms(x, d, TAPS, 0.5, **k),
    "za_lms": sparse("za", "lms"),
    "rza_lms": sparse("rza", "lms"),
    "za_nlms": sparse("za", "nlms"),
    "rza_nlms": sparse("rza", "nlms"),
    "proximal_nlms": sparse("proximal", "nlms"),
    "block_nlms": sparse("block", "nlms"),
    "za_nsaf": sparse("za", "nsaf"),
    "proximal_nsaf": sparse("proximal", "nsaf"),
}
ALL = pytest.mark.parametrize("adapt", NAMED.values(), ids=NAMED)


def problem(n=4, length=300, active=4, snr=30, pole=0.0, seed=0, **noise):
    rng = np.random.default_rng(seed)
    system = adaptive.sparse_system(n, TAPS, active, rng)
    x = adaptive.coloured(n, length, pole, rng)
    return x, adaptive.observe(x, system, snr, rng=rng, **noise), system


def past(x, taps, n):
    """The newest `taps` samples at time n, newest first, zeros before the start."""
    return np.array([x[n - k] if n >= k else 0.0 for k in range(taps)])


def steady(found):
    """Misalignment of each run over the last quarter, in dB."""
    m = found.misalignment
    return 10 * np.log10(m[..., -m.shape[-1] // 4 :].mean(axis=-1))


def gain(better, worse):
    """Paired difference of two runs of filters: mean in dB, and half its 99.9 % interval."""
    difference = steady(worse) - steady(better)
    return difference.mean(), 3.5 * difference.std(ddof=1) / np.sqrt(difference.size)


# what the formulas say


@pytest.mark.parametrize("attract", [None, "zero_attracting", "reweighted", "soft"])
@pytest.mark.parametrize("normalised", [False, True])
def test_one_signal_by_the_formula(normalised, attract):
    (x,), (d,), (system,) = problem(n=1, length=120)
    mu, rho, eps, delta = (0.5 if normalised else 0.01), 0.01, 10, 0.02
    energy = np.mean([past(x, TAPS, n) @ past(x, TAPS, n) for n in range(len(x))])
    w, outputs, misalignment = np.zeros(TAPS), [], []
    for n in range(len(x)):
        u = past(x, TAPS, n)
        outputs.append(u @ w)
        misalignment.append(np.sum((w - system) ** 2) / np.sum(system**2))
        e = d[n] - u @ w
        new = w + mu * e * u / (u @ u + delta * energy if normalised else 1)
        if attract == "zero_attracting":
            new = new - rho * np.sign(w)
        elif attract == "reweighted":
            new = new - rho * np.sign(w) / (1 + eps * np.abs(w))
        elif attract == "soft":
            new = np.sign(new) * np.maximum(np.abs(new) - rho, 0)
        w = new
    shrink = {
        None: None,
        "zero_attracting": adaptive.zero_attracting(rho),
        "reweighted": adaptive.reweighted(rho, eps),
        "soft": adaptive.proximal(rho),
    }[attract]
    options = {"normalised": normalised, "shrink": shrink, "delta": delta, "system": system}
    got = adaptive.identify(x, d, TAPS, mu, **options)
    np.testing.assert_allclose(got.weights, w, atol=1e-13)
    np.testing.assert_allclose(got.output, outputs, atol=1e-13)
    np.testing.assert_allclose(got.error, d - outputs, atol=1e-13)
    np.testing.assert_allclose(got.misalignment, misalignment, atol=1e-13)


@pytest.mark.parametrize("bands", [2, 3, 8])
def test_subbands_by_the_formula(bands):
    (x,), (d,), _ = problem(n=1, length=151, pole=0.8)
    bank, mu, delta = adaptive._bank(bands), 0.7, 1e-3
    xs = [np.convolve(x, h)[: len(x)] for h in bank]
    ds = [np.convolve(d, h)[: len(d)] for h in bank]
    times = range(bands - 1, len(x), bands)
    energy = np.mean([past(s, TAPS, n) @ past(s, TAPS, n) for s in xs for n in times])
    w, outputs = np.zeros(TAPS), []
    for n in range(len(x)):
        outputs.append(past(x, TAPS, n) @ w)
        if n in times:  # after the last sample of each hop
            step = 0
            for xi, di in zip(xs, ds, strict=True):
                u = past(xi, TAPS, n)
                step = step + u * (di[n] - u @ w) / (u @ u + delta * energy)
            w = w + mu * step
    got = adaptive.nsaf(x, d, TAPS, mu, bands, delta=delta)
    np.testing.assert_allclose(got.weights, w, atol=1e-12)
    np.testing.assert_allclose(got.output, outputs, atol=1e-12)


def test_clipping_by_the_formula():
    (x,), (d,), _ = problem(n=1, length=120, impulses=0.05)
    w, errors, clipped = np.zeros(TAPS), [], 0
    for n in range(len(x)):
        u = past(x, TAPS, n)
        errors.append(d[n] - u @ w)
        limit = 2.5 * 1.483 * np.median(np.abs(errors[-31:]))
        clipped += abs(errors[-1]) > limit
        w = w + 0.5 * u * np.clip(errors[-1], -limit, limit) / (u @ u)
    assert 3 < clipped < 40
    np.testing.assert_allclose(
        adaptive.robust_nlms(x, d, TAPS, 0.5, delta=0).weights, w, atol=1e-12
    )


def weights_before_each_step(adapt, x, d, *arguments, **options):
    """Return (n, length, taps): the weights behind each output."""
    seen = []

    def look(new, old):
        seen.append(old)
        return new

    adapt(x, d, *arguments, shrink=look, **options)
    return np.stack(seen[1:], axis=1)  # without the first look, at the shape


@pytest.mark.parametrize("bands", [1, 4])
def test_output_and_misalignment_are_those_of_the_weights_before_the_step(bands):
    x, d, system = problem(n=3, length=48)
    got = adaptive.nsaf(x, d, TAPS, 0.5, bands, system=system)
    seen = weights_before_each_step(adaptive.nsaf, x, d, TAPS, 0.5, bands).repeat(bands, axis=1)
    for n in (0, 1, 7, 8, 47):
        u = np.array([past(row, TAPS, n) for row in x])
        np.testing.assert_allclose(got.output[:, n], (u * seen[:, n]).sum(-1))
    gap = ((seen - system[:, None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(got.misalignment, gap / (system**2).sum(-1)[:, None])
    assert np.all(got.misalignment[:, 0] == 1)


def test_a_run_goes_on_where_another_ended():
    x, d, _ = problem(n=2, length=200)
    first = adaptive.nlms(x, d, TAPS, 0.5, delta=0).weights
    silent = np.concatenate([np.zeros((2, 10)), x], axis=-1)
    got = weights_before_each_step(adaptive.nlms, silent, 0 * silent, TAPS, 0.5, start=first)
    np.testing.assert_array_equal(got[:, 10], first)


@pytest.mark.parametrize("penalty", prox.PENALTIES)
@pytest.mark.parametrize("rho", [0.0, 0.05, 0.4])
def test_a_proximal_step_minimises(penalty, rho):
    (x,), (d,), _ = problem(n=1, length=40)
    before = adaptive.nlms(x[:39], d[:39], 2, 0.5, delta=0).weights
    after = adaptive.nlms(x, d, 2, 0.5, delta=0, start=None).weights  # the plain step
    shrunk = adaptive.proximal(rho, penalty)(after, before)
    grid = np.append(np.linspace(-2, 2, 4001), [0, *after])
    cost = (grid[:, None] - after) ** 2 / 2 + PENALTIES[penalty](grid[:, None], rho)
    mine = (shrunk - after) ** 2 / 2 + PENALTIES[penalty](shrunk, rho)
    assert np.all(mine <= cost.min(axis=0) + 1e-12)


@pytest.mark.parametrize("penalty", ["l1", "l0", "firm"])
def test_a_block_step_minimises(penalty):
    axis = np.linspace(-2, 2, 401)
    pairs = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    for w in np.random.default_rng(0).uniform(-1.8, 1.8, (20, 2)):
        got = adaptive.block_proximal(0.5, 2, penalty)(w, w)

        def cost(v, w=w):
            size = np.linalg.norm(v, axis=-1)
            return ((v - w) ** 2).sum(-1) / 2 + PENALTIES[penalty](size, 0.5)

        assert cost(got) <= cost(pairs).min() + 1e-12
        assert cost(got) >= cost(pairs).min() - 0.03  # half a step of the grid


def test_blocks_of_one_are_samples():
    w = np.random.default_rng(0).standard_normal((3, 8))
    a, b = adaptive.block_proximal(0.3, 1)(w, w), adaptive.proximal(0.3)(w, w)
    np.testing.assert_allclose(a, b, atol=1e-15)


@pytest.mark.parametrize("name", [name for name in NAMED if name not in ("robust_nlms",)])
def test_without_attraction_a_sparse_filter_is_the_plain_one(name):
    x, d, _ = problem()
    plain = {"lms": "lms", "nlms": "nlms", "nsaf": "nsaf"}[name.split("_")[-1]]
    rho = {} if name == plain else {"rho": 0.0}
    a, b = NAMED[name](x, d, **rho), NAMED[plain](x, d)
    np.testing.assert_allclose(a.weights, b.weights, rtol=1e-12, atol=1e-15)
    assert not rho or np.abs(NAMED[name](x, d, rho=0.01).weights - b.weights).max() > 1e-3


# what theory promises


def test_nlms_reaches_the_wiener_solution():
    # d depends on more of the past than the filter holds: the best filter is a projection
    rng = np.random.default_rng(0)
    x = adaptive.coloured(20, 20_000, 0.5, rng)
    d = adaptive.observe(x, [[1.0, -0.5, 0.25, 0.4, -0.3, 0.2]], 30, rng=rng)
    seen = weights_before_each_step(adaptive.nlms, x, d, 3, 0.02)
    got = seen[:, 10_000:].mean(axis=(0, 1))
    u = [[past(row, 3, n) for n in range(0, 20_000, 10)] for row in x]
    best = np.linalg.lstsq(np.reshape(u, (-1, 3)), d[:, ::10].ravel(), rcond=None)[0]
    assert np.abs(best - [1.0, -0.5, 0.25]).max() > 0.1  # not the system's own taps
    np.testing.assert_allclose(got, best, atol=0.02)


@pytest.mark.parametrize("mu", [0.1, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("snr", [10, 30])
def test_steady_misalignment_is_as_theory_says(mu, snr):
    x, d, system = problem(n=200, length=3000, active=TAPS, snr=snr)
    m = adaptive.nlms(x, d, TAPS, mu, system=system, delta=0).misalignment[:, -1000:]
    theory = 10 ** (-snr / 10) * mu / (2 - mu) * TAPS / (TAPS - 2)
    error = m.mean(axis=-1).std(ddof=1) / np.sqrt(200)
    assert error < 0.03 * theory
    # white, independent regressors are assumed; the tapped line is neither, by some per cent
    assert abs(m.mean() - theory) < 0.05 * theory + 3.5 * error


@pytest.mark.parametrize("mu", [0.002, 0.01])
def test_the_mean_of_lms_decays_as_theory_says(mu):
    x, d, system = problem(n=2000, length=150)
    seen = weights_before_each_step(adaptive.lms, x, d, TAPS, mu)
    overlap = np.einsum("ntk,nk->nt", seen, system).mean(axis=0)
    # each tap by (1 - mu)^n, from the time on when the signal has reached it; they are all alike
    steps = np.maximum(np.arange(150)[:, None] - np.arange(TAPS), 0)
    expected = (1 - (1 - mu) ** steps).mean(axis=-1)
    np.testing.assert_allclose(overlap[TAPS:], expected[TAPS:], rtol=0.05)


@pytest.mark.parametrize("name", [n for n in NAMED if "nlms" in n or "nsaf" in n])
@pytest.mark.parametrize("scale", [1e-150, 1e-9, 3.7, 1e70])
def test_no_unit_matters(name, scale):
    x, d, system = problem()
    a = NAMED[name](x, d, system=system)
    b = NAMED[name](scale * x, scale * d, system=system)
    np.testing.assert_allclose(b.weights, a.weights, atol=1e-10)
    np.testing.assert_allclose(b.misalignment, a.misalignment, atol=1e-10)
    np.testing.assert_allclose(b.output / scale, a.output, atol=1e-10)


def test_the_unit_of_the_step_of_lms():
    x, d, _ = problem()
    a = adaptive.lms(x, d, TAPS, 0.01).weights
    np.testing.assert_allclose(adaptive.lms(8 * x, 8 * d, TAPS, 0.01 / 64).weights, a, rtol=1e-10)


# who is better where


@pytest.mark.parametrize("name", [n for n in NAMED if n.split("_")[0] in ("za", "rza", "proximal")])
def test_attraction_helps_a_sparse_system_and_hurts_a_dense_one(name):
    kind, step = name.split("_")
    rho = 1.5e-4 if step == "nsaf" else 1e-4 if kind == "rza" else 4e-5
    x, d, system = problem(n=60, length=4000, active=2)
    plain = NAMED[step](x, d, system=system)
    mean, interval = gain(NAMED[name](x, d, rho=rho, system=system), plain)
    assert mean - interval > 1.5  # dB
    x, d, system = problem(n=60, length=4000, active=TAPS)
    plain = NAMED[step](x, d, system=system)
    mean, interval = gain(NAMED[name](x, d, rho=rho, system=system), plain)
    assert mean + interval < 0


def test_blocks_beat_taps_on_a_system_of_blocks_only():
    rho = np.geomspace(1e-5, 3e-4, 7).reshape(-1, 1, 1)

    def best(adapt, train, test):
        x, d, w = train
        risk = adapt(x, d, rho, w).misalignment[..., -1000:].mean(axis=(-2, -1))
        x, d, w = test
        return adapt(x, d, rho[risk.argmin()].item(), w)

    def taps(x, d, rho, w):
        return adaptive.nlms(x, d, 64, 0.5, shrink=adaptive.proximal(rho), system=w)

    def blocks(x, d, rho, w):
        return adaptive.nlms(x, d, 64, 0.5, shrink=adaptive.block_proximal(rho, 8), system=w)

    def make(system, seed, n):
        rng = np.random.default_rng(seed)
        system = system(n, 64, rng=rng)
        x = adaptive.coloured(n, 3000, rng=rng)
        return x, adaptive.observe(x, system, 30, rng=rng), system

    def one_block(n, taps, rng):
        return adaptive.block_sparse_system(n, taps, active=1, block=8, rng=rng)

    def scattered(n, taps, rng):
        return adaptive.sparse_system(n, taps, active=8, rng=rng)

    pair = [best(adapt, make(one_block, 1, 10), make(one_block, 2, 40)) for adapt in (blocks, taps)]
    mean, interval = gain(*pair)
    assert mean - interval > 0.3  # dB
    pair = [best(adapt, make(scattered, 1, 10), make(scattered, 2, 40)) for adapt in (taps, blocks)]
    mean, interval = gain(*pair)
    assert mean - interval > 0.5


def test_subbands_are_faster_where_the_input_is_coloured():
    def until(found):  # first time below -20 dB
        return int((found.misalignment.mean(axis=0) < 0.01).argmax())

    x, d, system = problem(n=30, length=3000, pole=0.9)
    plain = until(adaptive.nlms(x, d, TAPS, 0.5, system=system))
    assert plain > 500
    assert 0 < until(adaptive.nsaf(x, d, TAPS, 0.5, 4, system=system)) < plain / 2
    x, d, system = problem(n=30, length=3000)
    plain = until(adaptive.nlms(x, d, TAPS, 0.5, system=system))
    assert 0.8 < until(adaptive.nsaf(x, d, TAPS, 0.5, 4, system=system)) / plain < 1.25


def test_clipped_errors_survive_impulses():
    x, d, system = problem(n=30, length=3000, impulses=0.01)
    plain = adaptive.nlms(x, d, TAPS, 0.5, system=system)
    robust = adaptive.robust_nlms(x, d, TAPS, 0.5, system=system)
    mean, interval = gain(robust, plain)
    assert mean - interval > 30  # a factor of 1,000
    assert steady(plain).mean() > 0  # worse than no filter at all
    assert steady(robust).max() < -30
    x, d, system = problem(n=30, length=3000)  # and cost nothing where there are none
    plain = adaptive.nlms(x, d, TAPS, 0.5, system=system)
    assert abs(gain(adaptive.robust_nlms(x, d, TAPS, 0.5, system=system), plain)[0]) < 0.5


# the bank


@pytest.mark.parametrize("bands", [2, 3, 4, 8, 16, 32])
def test_the_bank_is_power_complementary(bands):
    bank = adaptive._bank(bands)
    power = np.abs(np.fft.rfft(bank, 4096)) ** 2
    assert np.abs(power.sum(axis=0) - 1).max() < 2e-3
    edges = np.arange(2049) * 2 * bands / 4096
    for i, response in enumerate(power):
        assert (response[np.abs(edges - i - 0.5) > 1.5] < 1e-7).all()  # -70 dB one band away
        assert (response[np.abs(edges - i - 0.5) < 0.2] > 0.9).all()


@pytest.mark.parametrize("bands", [2, 3, 4, 8, 16])
def test_the_bank_nearly_reconstructs_from_one_sample_in_each_hop(bands):
    size = 256 * bands
    x = np.random.default_rng(0).standard_normal(size)
    response = np.fft.rfft(adaptive._bank(bands), size)
    kept = np.fft.irfft(response * np.fft.rfft(x), size)
    kept[:, np.arange(size) % bands > 0] = 0
    back = bands * np.fft.irfft(np.fft.rfft(kept) * response.conj(), size).sum(axis=0)
    assert np.linalg.norm(back - x) < 2e-3 * np.linalg.norm(x)


# the enhancer


def test_enhance_is_a_prediction():
    y = np.random.default_rng(0).standard_normal((3, 80))
    delayed = np.zeros_like(y)
    delayed[:, 5:] = y[:, :-5]
    expected = adaptive.nlms(delayed, y, 8, 0.3).output
    np.testing.assert_allclose(adaptive.enhance(y, 8, delay=5, mu=0.3), expected, atol=1e-14)
    assert not np.any(adaptive.enhance(y, 8, delay=5)[:, :5])
    pull = adaptive.proximal(0.01)
    weights = adaptive.nlms(delayed, y, 8, 0.3, shrink=pull).weights
    second = adaptive.nlms(delayed, y, 8, 0.3, shrink=pull, start=weights).output
    got = adaptive.enhance(y, 8, delay=5, mu=0.3, rho=0.01, passes=2)
    np.testing.assert_allclose(got, second, atol=1e-14)


def test_enhance_helps_tones_and_not_independent_spikes():
    clean = signals.tones(40, 2000, rng=0)
    noisy = signals.add_noise(clean, 3, rng=1)
    late = np.s_[:, 1000:]
    after = metrics.rmse(adaptive.enhance(noisy)[late], clean[late]).mean()
    assert after < 0.65 * metrics.rmse(noisy[late], clean[late]).mean()
    clean = signals.sparse_spikes(40, 2000, rng=0)
    noisy = signals.add_noise(clean, 3, rng=1)
    limit = clean.std(axis=-1).mean()  # a constant does as well
    for mu in (0.003, 0.01, 0.03, 0.1):
        assert metrics.rmse(adaptive.enhance(noisy, mu=mu), clean).mean() > 1.02 * limit


# the scenario


def test_systems():
    for active in (1, 4, TAPS):
        w = adaptive.sparse_system(2000, TAPS, active, rng=0)
        assert np.all(np.count_nonzero(w, axis=-1) == active)
        np.testing.assert_allclose(np.linalg.norm(w, axis=-1), 1)
        places = np.count_nonzero(w, axis=0) / 2000
        assert np.abs(places - active / TAPS).max() < 0.04
    w = adaptive.block_sparse_system(2000, TAPS, active=2, block=4, rng=0)
    blocks = np.count_nonzero(w.reshape(2000, -1, 4), axis=-1)
    assert set(blocks.ravel()) == {0, 4}
    assert np.all((blocks > 0).sum(axis=-1) == 2)
    np.testing.assert_allclose(np.linalg.norm(w, axis=-1), 1)


@pytest.mark.parametrize("pole", [-0.9, 0.0, 0.5, 0.95])
def test_coloured_input(pole):
    x = adaptive.coloured(2000, 200, pole, rng=0)
    assert x[:, 0].var() == pytest.approx(1, abs=0.1)  # stationary from the start
    assert x.var() == pytest.approx(1, abs=0.05)
    assert (x[:, 2:] * x[:, :-2]).mean() == pytest.approx(pole**2, abs=0.05)
    assert (x[:, 1:] * x[:, :-1]).mean() == pytest.approx(pole, abs=0.05)


def test_observation():
    x = adaptive.coloured(20, 5000, rng=0)
    w = adaptive.sparse_system(20, TAPS, rng=1)
    clean = np.array([np.convolve(a, b)[:5000] for a, b in zip(x, w, strict=True)])
    noise = adaptive.observe(x, w, 20, rng=2) - clean
    assert 10 * np.log10((clean**2).mean() / (noise**2).mean()) == pytest.approx(20, abs=0.1)
    extra = adaptive.observe(x, w, 20, impulses=0.02, strength=500, rng=2) - clean - noise
    hit = np.abs(extra) > 1e-9
    assert hit.mean() == pytest.approx(0.02, abs=0.002)
    assert (extra[hit] ** 2).mean() == pytest.approx(500, rel=0.1)


# shapes, precision, extremes, errors


@ALL
def test_each_signal_by_itself(adapt):
    x, d, system = problem(n=6)
    batch = adapt(x.reshape(2, 3, -1), d.reshape(2, 3, -1), system=system.reshape(2, 3, -1))
    for i in range(6):
        alone = adapt(x[i], d[i], system=system[i])
        for got, expected in zip(batch[:4], alone[:4], strict=True):
            np.testing.assert_allclose(got.reshape(6, -1)[i], expected, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in NAMED if "_" in n and n != "robust_nlms"])
def test_many_weights_of_the_attraction_at_once(name):
    x, d, _ = problem(length=60)
    rho = np.array([0, 1e-3, 1e-2])
    got = NAMED[name](x, d, rho=rho[:, None, None])
    assert got.weights.shape == (3, 4, TAPS)
    expected = [NAMED[name](x, d, rho=r).weights for r in rho]
    np.testing.assert_allclose(got.weights, expected, atol=1e-14)


def test_many_steps_and_many_observations_at_once():
    x, d, _ = problem(length=60)
    mu = np.array([0.1, 1.0])
    got = adaptive.nlms(x, d, TAPS, mu[:, None, None]).weights
    np.testing.assert_allclose(got, [adaptive.nlms(x, d, TAPS, m).weights for m in mu])
    got = adaptive.nlms(x[0], d, TAPS, 0.5).weights
    np.testing.assert_allclose(got, [adaptive.nlms(x[0], e, TAPS, 0.5).weights for e in d])


@ALL
def test_precision_is_kept(adapt):
    x, d, system = problem()
    double = adapt(x, d, system=system)
    x, d = x.astype(np.float32), d.astype(np.float32)
    x.flags.writeable = d.flags.writeable = False
    single = adapt(x, d, system=system)
    assert all(a.dtype == np.float32 for a in single)
    np.testing.assert_allclose(single.weights, double.weights, atol=1e-4)


@ALL
@pytest.mark.parametrize("length", [1, 2, 3, 5, 40])
def test_short_and_silent_signals(adapt, length):
    x, d, _ = problem(length=50)
    x, d = x[:, :length], d[:, :length]
    for found in (adapt(x, d), adapt(0 * x, d), adapt(x, 0 * d), adapt(0 * x, 0 * d)):
        assert found.output.shape == found.error.shape == x.shape
        assert np.isfinite(found.weights).all()
    assert not np.any(adapt(0 * x, d).weights)
    assert not np.any(adapt(x, 0 * d).weights)


@ALL
def test_extremes_are_finite(adapt):
    rng = np.random.default_rng(0)
    for x in (np.full(200, 1.0), np.sin(0.3 * np.arange(200)), np.eye(200)[50], np.eye(200)[0]):
        d = 1e9 * rng.standard_normal(200)
        with np.errstate(all="raise", under="ignore"):
            found = adapt(0.05 * x, d)
        assert all(np.isfinite(a).all() for a in found[:3])
        found = adapt(x * 1e-160, d * 1e-169)
        assert np.isfinite(found.weights).all()


@pytest.mark.parametrize("bands", [2, 4, 8])
@pytest.mark.parametrize("mu", [0.5, 1.0])
def test_subbands_are_stable_where_one_tone_leaks_into_all(bands, mu):
    frequencies = np.linspace(0.01, 0.49, 97)[:, None]
    x = np.sin(2 * np.pi * frequencies * np.arange(2000))
    d = 0 * x
    d[:, 3:] = x[:, :-3]
    found = adaptive.nsaf(x, d, 16, mu, bands)
    assert np.abs(found.error[:, 1500:]).max() < 0.01


def test_divergence_is_told():
    x, d, _ = problem(n=1, length=20_000)
    with pytest.raises(ValueError, match="diverged"):
        adaptive.nsaf(x, d, 2, 1.9, bands=32)  # 32 bands cannot be told apart by 2 taps
    with pytest.raises(ValueError, match=r"diverged.*x too small"):
        adaptive.nlms(1e-300 * x, 1e70 * d, 2, 0.5)


@pytest.mark.parametrize("mu", [0, -0.1, 2, 2.5, np.nan, np.inf, "1", 1j, True, [0.1, 0.2]])
@pytest.mark.parametrize("name", ["nlms", "nsaf", "lms"])
def test_step_is_refused(name, mu):
    x, d, _ = problem()
    with pytest.raises((TypeError, ValueError), match=r"\bmu\b"):
        getattr(adaptive, name)(x, d, TAPS, mu)


def test_the_largest_step_of_lms_is_named():
    x, d, _ = problem()
    largest = max(past(row, TAPS, n) @ past(row, TAPS, n) for row in x for n in range(300))
    with pytest.raises(ValueError, match=f"mu must be less than .*here {2 / largest:.3g}"):
        adaptive.lms(x, d, TAPS, 2.0001 / largest)
    bound = adaptive.lms(x, d, TAPS, 1.9999 / largest)
    assert np.abs(bound.weights).max() < 10
    with pytest.raises(ValueError, match=f"here {2 / largest:.3g}"):  # one signal of many
        adaptive.lms(x, d, TAPS, np.full((4, 1), 2.0001 / largest))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("taps", 0),
        ("taps", 2.0),
        ("bands", 0),
        ("bands", True),
        ("delta", -1),
        ("delta", np.nan),
        ("clip", 0),
        ("clip", -1),
        ("clip", "much"),
        ("system", np.ones(TAPS + 1)),
        ("system", np.zeros(TAPS)),
        ("system", [np.nan] * TAPS),
        ("system", np.ones((3, TAPS))),
        ("start", np.ones(TAPS - 1)),
        ("start", np.ones((3, TAPS))),
        ("x", [[np.nan] * 300]),
        ("x", np.ones((4, 299))),
        ("x", np.ones((3, 300))),
        ("x", []),
        ("d", [[1j] * 300]),
        ("d", np.ones((4, 299))),
    ],
)
def test_arguments_are_refused(name, value):
    x, d, _ = problem()
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
        adaptive.identify(**{"x": x, "d": d, "taps": TAPS, "mu": 0.5, name: value})


@pytest.mark.parametrize("rho", [-1, np.nan, "much", 1j, np.ones(TAPS), np.ones((3, 1))])
@pytest.mark.parametrize("name", [n for n in NAMED if "_" in n and n != "robust_nlms"])
def test_attraction_is_refused(name, rho):
    x, d, _ = problem(length=10)
    with pytest.raises((TypeError, ValueError), match=r"\brho\b"):
        NAMED[name](x, d, rho=rho)


def test_other_arguments_are_refused():
    x, d, _ = problem(length=10)
    for call, name in (
        (lambda: adaptive.nlms(x, d, TAPS, 0.5, shrink=adaptive.block_proximal(0.1, 5)), "block"),
        (lambda: adaptive.block_proximal(0.1, 0), "block"),
        (lambda: adaptive.proximal(0.1, "l3"), "penalty"),
        (lambda: adaptive.block_proximal(0.1, 8, "l3"), "penalty"),
        (lambda: adaptive.reweighted(0.1, eps=-1), "eps"),
        (lambda: adaptive.nsaf(x, d, TAPS, 0.5, bands=0), "bands"),
        (lambda: adaptive.enhance(x, delay=0), "delay"),
        (lambda: adaptive.enhance(x, passes=0), "passes"),
        (lambda: adaptive.enhance(x, mu=2), "mu"),
        (lambda: adaptive.enhance(x, taps=0), "taps"),
        (lambda: adaptive.enhance([np.nan]), "noisy"),
        (lambda: adaptive.sparse_system(2, 8, 9), "active"),
        (lambda: adaptive.sparse_system(0), "n"),
        (lambda: adaptive.block_sparse_system(2, 8, 1, 3), "block"),
        (lambda: adaptive.block_sparse_system(2, 8, 3, 4), "active"),
        (lambda: adaptive.coloured(2, 8, 1.0), "pole"),
        (lambda: adaptive.coloured(2, 8, "red"), "pole"),
        (lambda: adaptive.observe(x, d[:3]), "system"),
        (lambda: adaptive.observe(x, d, np.nan), "snr"),
        (lambda: adaptive.observe(x, d, impulses=1), "impulses"),
        (lambda: adaptive.observe(x, d, strength=-1), "strength"),
        (lambda: adaptive.observe(x, d, rng="seed"), "rng"),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            call()
