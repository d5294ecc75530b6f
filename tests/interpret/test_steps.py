import numpy as np
import pytest

from denoiselib import nn
from denoiselib.interpret import features, find_layers, proximal_step

GRID = np.linspace(0, 12, 120_001)


def test_a_layer_is_a_proximal_step(unet, noisy):
    seen = features(unet, noisy)
    for name, layer in list(find_layers(unet).items())[:-1]:
        step = proximal_step(layer)
        assert (step.step > 0).all()
        np.testing.assert_allclose(step(seen[name].input), seen[name].output, atol=1e-12)
        np.testing.assert_allclose(step.step * step.weight, step.threshold, rtol=1e-12)


def test_a_layer_without_norm_has_step_one_and_its_bias_as_threshold(noisy):
    net = nn.PlainNet(norm="none", rng=0, dtype=np.float64).eval()
    layer = find_layers(net)["layer 1"]
    step = proximal_step(layer)
    np.testing.assert_array_equal(step.step, 1)
    np.testing.assert_array_equal(step.threshold, -layer.conv.bias.data)
    output = features(net, noisy)["layer 1"].output
    np.testing.assert_allclose(step(noisy[:, None]), output, atol=1e-12)


def test_the_output_minimises_the_layers_problem(plain, noisy):
    """The problem separates: each feature is looked for on a grid."""
    step, seen = proximal_step(find_layers(plain)["layer 2"]), features(plain, noisy)["layer 2"]
    u = step.correlate(seen.input) * step.step[:, None]
    assert step.threshold.min() < 0 < step.threshold.max()
    for n, c, t in np.ndindex(2, 5, 20):
        mu, lam = step.step[c], step.weight[c]
        values = (GRID - u[n, c, t]) ** 2 / (2 * mu) + lam * GRID
        assert abs(GRID[values.argmin()] - seen.output[n, c, t]) <= 0.51e-4


def test_synthesis_is_the_adjoint(plain, noisy):
    step = proximal_step(find_layers(plain)["layer 2"])
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 5, 17))
    np.testing.assert_allclose((step.correlate(y) * x).sum(), (y * step.synthesise(x)).sum())


def test_a_short_step_lowers_the_sparse_coding_problem(plain, noisy):
    step, y = proximal_step(find_layers(plain)["layer 1"]), noisy[:, None]
    columns = np.array([step.synthesise(e.reshape(1, 5, 40)).ravel() for e in np.eye(200)])
    norm = np.linalg.norm(columns * np.sqrt(np.repeat(step.step, 40))[:, None], 2) ** 2
    assert norm < step.stiffness() < 1.05 * norm  # that of an endless signal
    short = step._replace(step=step.step / norm, threshold=step.threshold / norm)
    np.testing.assert_allclose(short.weight, step.weight)
    start, end = np.zeros((4, 5, 40)), short(y)
    assert (short.energy(end, y) < short.energy(start, y)).all()
    expected = 0.5 * ((y - short.synthesise(end)) ** 2).sum(axis=(1, 2))
    expected += np.einsum("c,nct->n", short.weight, end)
    np.testing.assert_allclose(short.energy(end, y), expected)


def test_what_is_no_proximal_step_is_refused():
    with pytest.raises(TypeError, match="ReLU"):
        proximal_step(find_layers(nn.PlainNet())["layer 4"])
    with pytest.raises(TypeError, match="ReLU"):
        proximal_step(find_layers(nn.PlainNet(activation="leaky_relu"))["layer 1"])
    layer = find_layers(nn.PlainNet())["layer 1"]
    with pytest.raises(TypeError, match="Conv1d"):
        proximal_step(layer._replace(norm=layer.conv))
