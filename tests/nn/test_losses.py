import numpy as np
import pytest

from denoiselib.nn import Tensor, losses


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mse_is_its_formula(dtype):
    p, t = np.random.default_rng(0).standard_normal((2, 3, 1, 5)).astype(dtype)
    prediction, target = Tensor(p, requires_grad=True), Tensor(t, requires_grad=True)
    loss = losses.mse(prediction, target)
    loss.backward()
    assert loss.dtype == prediction.grad.dtype == dtype
    np.testing.assert_allclose(loss.data, np.mean((p - t) ** 2), rtol=1e-6)
    np.testing.assert_allclose(prediction.grad, 2 * (p - t) / p.size, rtol=1e-5)
    np.testing.assert_array_equal(target.grad, -prediction.grad)


def test_smooth_l1_is_huber_with_its_bend_at_one():
    p = Tensor([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 4.0], requires_grad=True)
    loss = losses.smooth_l1(p, np.zeros(7))
    loss.backward()
    size = np.abs(p.data)
    expected = np.where(size < 1, size**2 / 2, size - 0.5)
    np.testing.assert_allclose(loss.item(), expected.mean())
    np.testing.assert_allclose(p.grad, np.clip(p.data, -1, 1) / 7)


@pytest.mark.parametrize("loss", losses.LOSSES.values())
def test_shapes_must_agree(loss):
    with pytest.raises(ValueError, match="prediction and target"):
        loss(np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize("loss", losses.LOSSES.values())
def test_zero_only_where_nothing_is_wrong(loss):
    assert loss([1.0, 2.0], [1.0, 2.0]).item() == 0
    assert loss([1.0, 2.0], [1.0, 2.1]).item() > 0
