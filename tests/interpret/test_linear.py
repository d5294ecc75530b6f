import numpy as np
import pytest

from denoiselib import nn
from denoiselib.interpret import Linear, frequency_response, influence, jacobian, linearise


def test_the_response_is_what_happens_to_a_wave():
    kernel = np.random.default_rng(0).standard_normal((3, 5))
    f, h = frequency_response(kernel, points=9)
    t = np.arange(-40, 41)
    for k in range(9):
        wave = np.exp(2j * np.pi * f[k] * t)
        parts = (nn.ops.conv1d(x[None, None], kernel[:, None], padding=2).data[0] for x in
                 (wave.real, wave.imag))  # fmt: skip
        real, imag = parts
        np.testing.assert_allclose(real[:, 40] + 1j * imag[:, 40], h[:, k], atol=1e-12)


def test_the_response_is_the_transform_of_the_taps():
    kernel = np.random.default_rng(1).standard_normal(7)
    f, h = frequency_response(kernel, points=65)
    flipped = np.fft.rfft(kernel[::-1], 128)
    np.testing.assert_allclose(np.abs(h), np.abs(flipped), atol=1e-12)
    np.testing.assert_allclose(h, flipped * np.exp(2j * np.pi * f * 3), atol=1e-12)


@pytest.mark.parametrize("statistics", ["running", "batch"])
@pytest.mark.parametrize("name", ["plain", "unet"])
def test_the_jacobian_is_that_of_differences(name, statistics, noisy, request):
    net = request.getfixturevalue(name).eval(statistics)
    found = jacobian(net, noisy[:2])
    h = 1e-6
    for y, matrix in zip(noisy, found, strict=False):
        numeric = np.stack(
            [(net.denoise(y + h * e, 1) - net.denoise(y - h * e, 1)) / (2 * h) for e in np.eye(40)],
            axis=1,
        )
        np.testing.assert_allclose(matrix, numeric, atol=1e-6)
        np.testing.assert_allclose(jacobian(net, y, rows=[7, 3]), matrix[[7, 3]], atol=1e-12)
    assert found.shape == (2, 40, 40)
    assert jacobian(net, noisy[0]).shape == (40, 40)


def test_fixed_networks_are_linear_nearby(unet, noisy):
    local = linearise(unet, noisy)
    again = np.einsum("nij,nj->ni", local.matrix, noisy) + local.offset
    np.testing.assert_allclose(again, unet.denoise(noisy), atol=1e-12)
    near = noisy + 1e-6 * np.random.default_rng(0).standard_normal(noisy.shape)
    expected = np.einsum("nij,nj->ni", local.matrix, near) + local.offset
    np.testing.assert_allclose(unet.denoise(near), expected, atol=1e-12)


def test_unfixed_networks_are_not_linear_nearby(plain, noisy):
    errors = {}
    for mode in ("running", "batch"):
        local = linearise(plain.eval(mode), noisy[0])
        near = noisy[0] + 1e-4 * np.random.default_rng(0).standard_normal(40)
        errors[mode] = np.abs(local.matrix @ near + local.offset - plain.denoise(near, 1)).max()
    assert errors["running"] < 1e-13
    assert errors["batch"] > 1e-10


def test_without_biases_there_is_no_offset(noisy):
    net = nn.PlainNet(norm="none", rng=0, dtype=np.float64).eval()
    for name, parameter in net.named_parameters():
        parameter.data[...] *= 0 if name.endswith("bias") else 1
    np.testing.assert_allclose(linearise(net, noisy).offset, 0, atol=1e-12)


def test_numbers_of_a_linear_map():
    matrix = np.array([[0.0, 0.0, 0.0], [0.5, 1.0, 0.5], [3.0, 0.0, 4.0]])
    local = Linear(matrix, np.zeros(3))
    np.testing.assert_allclose(local.own, [0, 1, 4])
    np.testing.assert_allclose(local.spread, [0, np.sqrt(0.5 / 1.5), np.sqrt(9 * 4 / 25)])


def test_influence_reaches_as_far_as_the_network(plain, noisy):
    distance, answer = influence(plain.denoise, noisy, step=0.5)
    np.testing.assert_array_equal(distance, np.arange(-20, 20))
    assert (answer[np.abs(distance) > 3] == 0).all()
    assert (answer[np.abs(distance) <= 1] > 0).all()


def test_influence_of_a_small_step_is_the_jacobian(plain, noisy):
    _, answer = influence(plain.denoise, noisy, step=1e-7)
    expected = np.sqrt((jacobian(plain, noisy)[:, :, 20] ** 2).mean(axis=0))
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_refused(noisy):
    with pytest.raises(ValueError, match="prior"):
        jacobian(nn.UNet(prior=True).eval(), noisy)
    with pytest.raises(ValueError, match="evaluation mode"):
        linearise(nn.PlainNet(), noisy)
    with pytest.raises(ValueError, match=r"\(n, length\)"):
        influence(np.abs, noisy[0], step=1.0)
    with pytest.raises(ValueError, match="step"):
        influence(np.abs, noisy, step=0)
