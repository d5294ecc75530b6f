"""The numbers by which `claims` are tested, most of them functions of plain arrays."""

import numpy as np

from denoiselib import _check, metrics
from denoiselib.interpret import watching
from denoiselib.nn.tensor import no_grad


def removed(estimate, noisy, clean):
    r"""Return the fraction of the noise's energy that is removed where the clean signal is 0.

    Signals are ``(n, length)``; those that are 0 nowhere have no value.

    Notes
    -----
    :math:`1 - \sum_{x_i = 0} \hat x_i^2 / \sum_{x_i = 0} y_i^2`. An estimate of 0 has the best
    value, so compare with the limit and with the best constant.

    Examples
    --------
    >>> removed(np.array([[5.0, 1.0, 0.0]]), np.array([[5.0, 1.0, 2.0]]), np.array([[5.0, 0, 0]]))
    array([0.8])
    """
    empty = clean == 0
    some = empty.any(axis=-1)
    left, before = (((x**2) * empty).sum(axis=-1)[some] for x in (estimate, noisy))
    return 1 - left / before


def change(a, b, clean):
    """Return the distance of two estimates of each signal, relative to the error of the first.

    Examples
    --------
    >>> change(np.array([[1.0, 1.0]]), np.array([[1.5, 1.0]]), np.array([[0.0, 0.0]])).round(2)
    array([0.35])
    """
    return metrics.rmse(a, b) / metrics.rmse(a, clean)


def amplification(denoise, noisy, size=0.01, rng=None):
    r"""Return the gain of a small random change: :math:`\|f(y + d) - f(y)\| / \|d\|`.

    One value for each of the signals y, ``(n, length)``; d is white, with this standard deviation.
    Both are float32, the dtype of networks.

    Examples
    --------
    >>> amplification(lambda y: y, np.zeros((2, 5)), rng=0)
    array([1., 1.])
    """
    y = noisy.astype(np.float32)
    changed = y + (size * _check.generator(rng).standard_normal(y.shape)).astype(np.float32)
    return metrics.rmse(denoise(changed), denoise(y)).astype(float) / metrics.rmse(changed, y)


def worst_amplification(denoise, noisy, size=0.01):
    """Return the gain of a small change in the worst direction.

    It is the largest singular value of the Jacobian of each signal, of differences over `size` to
    either side.

    Examples
    --------
    >>> worst_amplification(lambda y: y * [1, 3], np.zeros((1, 2))).round(3)
    array([3.])
    """
    length = noisy.shape[-1]
    steps = size * np.eye(length)
    y = np.repeat(noisy, length, axis=0).reshape(-1, length, length)
    ahead, behind = (np.asarray(denoise(z.reshape(-1, length))) for z in (y + steps, y - steps))
    slopes = (ahead - behind).reshape(y.shape).astype(float) / (2 * size)
    return np.linalg.norm(slopes, ord=2, axis=(1, 2))


def outputs(net, noisy, kind, batch_size=None):
    """Return the outputs ``(n, channels, length)`` of all modules of a class, in order.

    The network may be in any mode; `batch_size` signals pass together, all by default.

    Examples
    --------
    >>> from denoiselib import nn
    >>> net = nn.UNet(rng=0).eval()
    >>> [x.shape[1:] for x in outputs(net, np.zeros((3, 100)), nn.unet.Down)]
    [(4, 50), (8, 25), (16, 12), (16, 6)]
    """
    modules = [module for module in net.modules() if isinstance(module, kind)]
    size, count = batch_size or len(noisy), len(modules)
    with no_grad(), watching(modules) as seen:
        for start in range(0, len(noisy), size):
            net(noisy[start : start + size, None])
    arrays = [output.data.copy(order="C") for _, _, output in seen]  # sums depend on the order
    return [np.concatenate(arrays[k::count]) for k in range(count)]


def kurtosis(features):
    """Return the excess kurtosis of each channel over signals and time; NaN if it is constant.

    Outliers make it high; it is 0 for a Gaussian.

    Examples
    --------
    >>> kurtosis(np.array([[[-1.0, 1.0, -1.0, 1.0]], [[0.0, 0.0, 0.0, 0.0]]]))
    array([-1.])
    """
    x = features.astype(float)
    x = x - x.mean(axis=(0, 2), keepdims=True)
    square, fourth = ((x**k).mean(axis=(0, 2)) for k in (2, 4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 1e-12, fourth / square**2 - 3, np.nan)


def correlations(layers):
    """Return the mean absolute correlation of channels within layers and between them.

    Layers are ``(n, channels, length)``. Shorter ones are stretched to the longest; constant
    channels are left out. Pairs are from ``"within"`` a layer, ``"between"`` two, and between two
    of the ``"same length"``; NaN if there are none.

    Examples
    --------
    >>> wave = np.array([0.0, 1.0, 0.0, -1.0])
    >>> shifted = np.roll(wave, 1)
    >>> found = correlations([np.array([[wave, -wave]]), np.array([[shifted, -shifted]])])
    >>> print(f"{found['within']:.2f} {found['between']:.2f}")
    1.00 0.00
    """
    longest = max(x.shape[2] for x in layers)
    stretched = [x[:, :, np.arange(longest) * x.shape[2] // longest] for x in layers]
    flat = np.concatenate([np.swapaxes(x, 0, 1).reshape(x.shape[1], -1) for x in stretched])
    place = np.concatenate([[(k, x.shape[2])] * x.shape[1] for k, x in enumerate(layers)])
    varying = flat.std(axis=1, dtype=float) > 1e-6
    flat, (layer, length) = flat[varying].astype(float), place[varying].T
    if len(flat) < 2:
        return dict.fromkeys(("within", "between", "same length"), np.nan)
    i, j = np.triu_indices(len(flat), 1)
    like, same = abs(np.corrcoef(flat))[i, j], layer[i] == layer[j]
    pairs = {"within": same, "between": ~same, "same length": ~same & (length[i] == length[j])}
    return {name: like[x].mean().item() if x.any() else np.nan for name, x in pairs.items()}


def optimum_part(errors):
    r"""Return the fraction of the variance of errors ``(networks, signals)`` due to the network.

    Notes
    -----
    Two-way analysis of variance without repetition, :math:`e_{si} = \mu + a_s + b_i + c_{si}`:
    the variances of a (network) and c (interaction, and chance) over those of a, b (signal) and c.

    Examples
    --------
    >>> optimum_part(np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]))
    1.0
    """
    nets, signals = errors.shape
    a = errors.mean(axis=1, keepdims=True) - errors.mean()
    b = errors.mean(axis=0, keepdims=True) - errors.mean()
    c = errors - errors.mean() - a - b
    both = (c**2).sum() / ((nets - 1) * (signals - 1))
    net = max(0.0, ((a**2).sum() / (nets - 1)) - both / signals)
    signal = max(0.0, ((b**2).sum() / (signals - 1)) - both / nets)
    return float((net + both) / (net + signal + both))
