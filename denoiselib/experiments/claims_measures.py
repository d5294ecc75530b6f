"""The numbers by which `claims` are tested, most of them functions of plain arrays."""

import itertools

import numpy as np

from denoiselib import _check, metrics
from denoiselib.interpret import watching
from denoiselib.nn.tensor import no_grad


def share(yes):
    """Return the fraction of True.

    Examples
    --------
    >>> share(np.array([True, False, True, True]))
    0.75
    """
    return float(np.mean(yes))


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

    Parameters
    ----------
    denoise : callable
        The estimator f.
    noisy : ndarray (n, length)
        Signals y, converted to float32, the dtype of networks.
    size : float
        Standard deviation of d.
    rng : seed, numpy.random.Generator or None
        Draws d.

    Returns
    -------
    ndarray (n,)
        For each signal.

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

    Arguments are those of `amplification`. The value, one for each signal, is the largest singular
    value of the Jacobian, whose slopes are differences over `size` to either side of a sample.

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
    """Return the outputs of all modules of a kind, in the order of the computation.

    Parameters
    ----------
    net, noisy : Network, ndarray (n, length)
        A network in any mode, and its input.
    kind : type
        Class of the modules.
    batch_size : int, optional
        How many signals pass together, all by default.

    Returns
    -------
    list of ndarray (n, channels, length)
        For each module.

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
    """Return the excess kurtosis of each channel over signals and time: 0 for a Gaussian.

    The output of a layer is ``(n, channels, length)``. Outliers make the kurtosis high; a constant
    channel has NaN.

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

    Parameters
    ----------
    layers : list of ndarray (n, channels, length)
        Outputs of layers for the same signals. Shorter ones are stretched to the longest;
        constant channels are left out.

    Returns
    -------
    dict of str to float
        Mean over pairs of channels ``"within"`` a layer, ``"between"`` two layers, and between two
        layers of the ``"same length"``; NaN if there is no such pair.

    Examples
    --------
    >>> wave = np.array([0.0, 1.0, 0.0, -1.0])
    >>> shifted = np.roll(wave, 1)
    >>> found = correlations([np.array([[wave, -wave]]), np.array([[shifted, -shifted]])])
    >>> print(f"{found['within']:.2f} {found['between']:.2f}")
    1.00 0.00
    """
    longest = max(x.shape[2] for x in layers)
    flat, place = [], []
    for number, x in enumerate(layers):
        stretched = x[:, :, np.arange(longest) * x.shape[2] // longest].astype(float)
        for channel in np.swapaxes(stretched, 0, 1).reshape(x.shape[1], -1):
            if channel.std() > 1e-6:
                flat.append(channel)
                place.append((number, x.shape[2]))
    like = abs(np.corrcoef(flat)) if len(flat) > 1 else np.ones((1, 1))
    found = {"within": [], "between": [], "same length": []}
    for i, j in itertools.combinations(range(len(flat)), 2):
        (a, length), (b, other) = place[i], place[j]
        found["within" if a == b else "between"].append(like[i, j])
        if a != b and length == other:
            found["same length"].append(like[i, j])
    return {name: float(np.mean(x)) if x else np.nan for name, x in found.items()}


def optimum_part(errors):
    r"""Return the fraction of the errors' variance that is due to the network, not to the signal.

    The array is ``(networks, signals)``, at least two of each. The fraction is 0 if all networks
    make the same errors, 1 if errors depend on the network alone.

    Notes
    -----
    Two-way analysis of variance without repetition, :math:`e_{si} = \mu + a_s + b_i + c_{si}`:
    the estimated variances of a (network) and c (interaction, and chance), as a fraction of those
    of a, b and c.

    Examples
    --------
    >>> optimum_part(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    0.0
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
