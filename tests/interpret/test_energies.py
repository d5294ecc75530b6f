import numpy as np
import pytest

from denoiselib import filters, nn
from denoiselib.interpret import energy, features, find_layers, minimise_energy
from denoiselib.nn import losses


def test_the_three_terms(plain, noisy):
    clean = noisy / 2
    seen = features(plain, noisy)["layer 2"]
    terms = energy(plain, "layer 2", seen.before, noisy, clean)
    assert terms.data.item() == pytest.approx(losses.smooth_l1(plain.denoise(noisy), clean).item())
    assert terms.normal.item() == pytest.approx(((seen.normal - seen.before) ** 2).mean())
    assert terms.sparse.item() == pytest.approx(np.abs(seen.before).mean())
    total = terms.total(2.0, 3.0).item()
    assert total == pytest.approx(
        terms.data.item() + 2 * terms.normal.item() + 3 * terms.sparse.item()
    )


def test_features_replace_what_the_convolution_gives(unet, noisy):
    seen = features(unet, noisy)
    moved = seen["down2 1"].before + 1
    terms = energy(unet, "down2 1", moved, noisy, noisy)
    find_layers(unet)["down2 1"].conv.bias.data += 1  # the same by other means
    expected = losses.smooth_l1(unet.denoise(noisy), noisy).item()
    assert terms.data.item() == pytest.approx(expected)


def test_the_data_term_is_the_same_at_every_layer(unet, noisy):
    seen, expected = features(unet, noisy), losses.smooth_l1(unet.denoise(noisy), noisy).item()
    for name in seen:
        terms = energy(unet, name, seen[name].before, noisy, noisy)
        assert terms.data.item() == pytest.approx(expected, rel=1e-12)


def test_batch_norm_changes_the_normal_term_by_its_squared_gain(plain, noisy):
    """Fixed: X'' - X' = g (X' - X). Unfixed: X' has the mean and deviation that X'' would get."""
    name = "layer 2"
    layer, seen = find_layers(plain)[name], features(plain, noisy)[name]
    gain = layer.norm.weight.data / np.sqrt(layer.norm.running_var.data + layer.norm.eps)
    distance = ((seen.normal - seen.before) ** 2).mean(axis=(0, 2))
    after = energy(plain, name, seen.normal, noisy, noisy).normal.item()
    assert after == pytest.approx((gain**2 * distance).mean())
    layer.norm.weight.data[:], layer.norm.eps = np.abs(layer.norm.weight.data), 1e-12
    seen = features(plain.eval("batch"), noisy)[name]
    assert energy(plain, name, seen.normal, noisy, noisy).normal.item() < 1e-20


def test_unfixed_batch_norm_is_a_projection(plain, noisy):
    """Of all features with its mean and deviation, what it gives is nearest to what it got."""
    name = "layer 2"
    layer = find_layers(plain)[name]
    layer.norm.weight.data[:] = np.abs(layer.norm.weight.data)
    seen = features(plain.eval("batch"), noisy)[name]
    least = ((seen.normal - seen.before) ** 2).sum(axis=(0, 2))
    rng = np.random.default_rng(0)
    for size in (0.01, 0.1, 1, 10):
        other = seen.normal + size * rng.standard_normal(seen.normal.shape)
        centred = other - other.mean(axis=(0, 2), keepdims=True)
        like = centred / centred.std(axis=(0, 2), keepdims=True) * layer.norm.weight.data[:, None]
        like += layer.norm.bias.data[:, None]
        assert (((like - seen.before) ** 2).sum(axis=(0, 2)) > least).all()


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_gradients_to_the_features(unet, noisy, statistics):
    name = "up3 1"
    x = nn.Tensor(features(unet.eval(statistics), noisy)[name].before.copy(), requires_grad=True)

    def total():
        return energy(unet, name, x, noisy, noisy / 2).total(0.3, 0.2)

    total().backward()
    found, h = x.grad.copy(), 1e-6
    for index in np.ndindex(1, 2, 9):
        value, sums = x.data[index], []
        for sign in (1, -1):
            x.data[index] = value + sign * h
            sums.append(total().item())
        x.data[index] = value
        assert found[index] == pytest.approx((sums[0] - sums[1]) / (2 * h), rel=1e-5, abs=1e-9)


def test_the_minimum_is_found_where_it_is_known(plain, noisy):
    """At the last layer X is the output: the minimum of Huber's loss + lam |X| is soft(y, lam)."""
    found = minimise_energy(plain, "layer 3", noisy, lam=0.4, steps=600, lr=0.3)
    np.testing.assert_allclose(found.estimate, filters.threshold(noisy, 0.4), atol=5e-3)
    np.testing.assert_array_equal(found.x[:, 0], found.estimate)
    assert len(found.totals) == 601
    assert found.totals.argmin() > 0


def test_descent_starts_from_the_forward_pass_and_keeps_the_best(unet, noisy):
    found = minimise_energy(unet, "inc 2", noisy, gamma=0.1, lam=0.1, steps=30)
    forward = features(unet, noisy)["inc 2"].before
    start = energy(unet, "inc 2", forward, noisy, noisy).total(0.1, 0.1).item()
    end = energy(unet, "inc 2", found.x, noisy, noisy).total(0.1, 0.1).item()
    assert found.totals[0] == pytest.approx(start)
    assert end == pytest.approx(found.totals.min())
    assert end < 0.98 * start
    assert all(parameter.requires_grad for parameter in unet.parameters())


def test_unknown_names_are_refused(plain, noisy):
    with pytest.raises(ValueError, match="'layer 1', 'layer 2'"):
        energy(plain, "layer 9", np.zeros((4, 5, 40)), noisy, noisy)
    with pytest.raises(ValueError, match="name must be"):
        minimise_energy(plain, "inc", noisy)
