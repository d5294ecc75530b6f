r"""What a trained network may change for the signals that it meets, without clean ones.

`interpolated` takes statistics between those of training and those of the signals. `gain_tuned`
leaves statistics alone and learns one factor a channel, so that an estimate of the risk is least.
Both act on the batch norms of a network, and leave the network as it was.
"""

import numpy as np

from denoiselib import _check
from denoiselib.interpret import as_batch, constant_parameters, in_place_of
from denoiselib.nn import no_grad, optim, train, unsupervised
from denoiselib.nn.modules import Module, Parameter
from denoiselib.nn.norm.batch import BatchNorm1d


def interpolated(net, noisy, share, batch_size=1):
    r"""Denoise with statistics between those of training and those of the signals.

    Parameters
    ----------
    net : Network
        In evaluation mode, with batch norm, not told the noise level.
    noisy : array_like (n, length)
        Signals; so many after each other as `batch_size` are a batch, the last one may be smaller.
    share : float
        a, from 0 to 1: of the running statistics. With 1 the network is *fixed*, with 0 *unfixed*.
    batch_size : int
        1 is a signal alone.

    Returns
    -------
    ndarray (n, length)

    Notes
    -----
    Each batch norm uses the moments of a mixture of both, of means :math:`\mu_r, \mu_b` and
    variances :math:`v_r, v_b` (Lim et al. 2023, arXiv:2302.05155, who learn the shares):

    .. math:: \mu = a \mu_r + (1 - a) \mu_b, \qquad
        v = a v_r + (1 - a) v_b + a (1 - a) (\mu_r - \mu_b)^2

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, y = PlainNet(rng=0).eval(), np.ones((3, 20))
    >>> np.allclose(interpolated(net, y, share=1.0), net.denoise(y), atol=1e-6)
    True
    """
    noisy, norms = as_batch(net, noisy), _batch_norms(net)
    a = _check.number(_check.real(share, "share", 0, 1), "share")
    size = _check.integer(batch_size, "batch_size", 1)
    axes = 2 if size == 1 else (0, 2)

    def between(norm, x):
        seen, variance = norm.running_mean.data[:, None], norm.running_var.data[:, None]
        mean = x.mean(axis=axes, keepdims=True)
        centred = x - mean
        far = mean - seen
        variance = a * variance + (1 - a) * (centred * centred).mean(axis=axes, keepdims=True)
        gain = norm.weight[:, None] * (variance + a * (1 - a) * far * far + norm.eps) ** -0.5
        return (x - (mean - a * far)) * gain + norm.bias[:, None]

    # signals alone pass together, each with its own statistics
    step = len(noisy) if size == 1 else size
    with in_place_of(dict.fromkeys(norms, between)), no_grad():
        parts = [net(noisy[k : k + step]).data for k in range(0, len(noisy), step)]
    return np.concatenate(parts)[:, 0]


class _Gains(Module):
    """A network whose batch norms are followed by a gain for each signal and channel.

    It computes with the gains inside a block of ``in_place_of(gains.forwards)``.
    """

    def __init__(self, net, count):
        self.forward, self.forwards = net.__call__, {}  # the network is not a part, nor learned
        for k, norm in enumerate(_batch_norms(net)):
            gain = Parameter(np.ones((count, norm.weight.data.size, 1), net.dtype))
            setattr(self, f"gain{k}", gain)
            self.forwards[norm] = lambda norm, x, gain=gain: type(norm).forward(norm, x) * gain
        self.flatten()


def gain_tuned(net, noisy, sigma, steps=50, lr=1e-2, seed=0):
    r"""Denoise each signal after learning, for it alone, one gain for each channel.

    Parameters
    ----------
    net : Network
        In evaluation mode, with batch norm, not told the noise level.
    noisy : array_like (n, length)
        Signals.
    sigma : float or array_like (n, 1)
        Noise level of the signals, known or estimated.
    steps, lr : int, float
        Of Adam.
    seed : int
        Draws the probes of the divergence.

    Returns
    -------
    ndarray (n, length)

    Notes
    -----
    GainTuning (Mohan et al. 2021, arXiv:2107.12815): behind each batch norm, features of channel c
    are multiplied by :math:`g_c`, from 1; Stein's unbiased estimate of the risk
    (`unsupervised.sure`) is made smaller, by Adam, over all g. Gains follow the signal as the
    statistics of *unfixed* batch norm do, but are chosen by what they do to the estimate.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, y = PlainNet(rng=0).eval(), np.ones((3, 20))
    >>> np.allclose(gain_tuned(net, y, 1.0, lr=1e-9), net.denoise(y), atol=1e-5)
    True
    """
    batch = as_batch(net, noisy)
    steps, lr = _check.integer(steps, "steps", 1), _check.number(lr, "lr", positive=True)
    level = _check.real(sigma, "sigma", 0, np.inf)
    if level.shape not in ((), (len(batch), 1)) or not (level > 0).all():
        raise ValueError(f"sigma must be positive, one number or of shape ({len(batch)}, 1)")
    level = np.broadcast_to(level, (len(batch), 1))
    lesson = unsupervised.sure(lambda step: (batch[:, 0],), level, seed=seed)
    gains = _Gains(net, len(batch))

    def risks(net, *arrays):  # their sum: the gains of each signal are learned as if it were alone
        return lesson.loss(net, *arrays) * len(batch)

    with constant_parameters(net), in_place_of(gains.forwards):
        train.fit(gains, lesson.data, optim.Adam(gains, lr), steps, loss=risks, every=steps)
        with no_grad():
            return net(batch).data[:, 0]


def _batch_norms(net):
    norms = [module for module in net.modules() if isinstance(module, BatchNorm1d)]
    if not norms:
        raise ValueError("net must have batch norm")
    return norms
