"""Kernels and whole networks as filters: frequency responses, and the local linear map."""

from typing import NamedTuple

import numpy as np

from denoiselib import _check
from denoiselib.interpret.layers import as_batch, constant_parameters, find_layers
from denoiselib.nn import Tensor


def frequency_response(kernel, points=129):
    r"""Return the frequency response of kernels as networks use them: without flipping.

    Parameters
    ----------
    kernel : array_like (..., taps)
        Kernels; the tap in the middle is at time 0.
    points : int
        Number of frequencies.

    Returns
    -------
    frequencies : ndarray (points,)
        From 0 to 1/2 cycle per sample.
    response : ndarray (..., points)
        Complex: its magnitude is what passes, its phase how far ahead (radians).

    Raises
    ------
    TypeError, ValueError
        If `kernel` is empty, not real or not finite.

    Notes
    -----
    A wave :math:`e^{2\pi i f t}` comes out as :math:`H(f)\, e^{2\pi i f t}` with
    :math:`H(f) = \sum_k K_k e^{2\pi i f k}`, k counted from the middle.

    Examples
    --------
    >>> f, h = frequency_response([0.5, 0.0, -0.5], points=3)
    >>> print(f, np.abs(h).round(3))
    [0.   0.25 0.5 ] [0. 1. 0.]
    """
    kernel = _check.array(kernel, "kernel")
    frequencies = np.linspace(0, 0.5, _check.integer(points, "points", 1))
    lags = np.arange(kernel.shape[-1]) - kernel.shape[-1] // 2
    return frequencies, kernel @ np.exp(2j * np.pi * np.outer(lags, frequencies))


class Linear(NamedTuple):
    r"""A network near some signals: :math:`f(y) = J y + b`."""

    matrix: np.ndarray  #: J, (..., length, length); row i is the filter applied at sample i
    offset: np.ndarray  #: b, (..., length)

    @property
    def own(self):
        """The weight of each sample in its own estimate: the diagonal of J."""
        return np.diagonal(self.matrix, axis1=-2, axis2=-1)

    @property
    def gain(self):
        """The sum of each row: what the filter makes of a constant."""
        return self.matrix.sum(axis=-1)

    @property
    def spread(self):
        """Root-mean-square distance that a filter reaches, in samples; 0 where it is 0."""
        length = self.matrix.shape[-1]
        distance = np.subtract.outer(np.arange(length), np.arange(length))
        power = self.matrix**2
        total = power.sum(axis=-1)
        second = (power * distance**2).sum(axis=-1)
        return np.sqrt(np.divide(second, total, out=np.zeros_like(total), where=total > 0))


def jacobian(net, noisy, rows=None):
    r"""Return the derivative of each output sample with respect to each input sample, by the tape.

    Parameters
    ----------
    net : Network
        In evaluation mode, without prior network.
    noisy : array_like (..., length)
        Signals. In the mode ``eval("batch")`` each signal is a batch of its own.
    rows : sequence of int, optional
        Output samples that are wanted; all if not given.

    Returns
    -------
    ndarray (..., rows, length)
        :math:`J_{ij} = \partial f(y)_i / \partial y_j`.

    Raises
    ------
    TypeError, ValueError
        As `layers.features`.

    Notes
    -----
    With fixed statistics a signal is repeated once for each of its samples, and one backward pass
    fills all rows. With those of the batch the copies would influence each other: one pass a row.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net = PlainNet(width=4, depth=2, kernel=3, rng=0).eval()
    >>> matrix = jacobian(net, np.ones(9))
    >>> np.abs(np.subtract.outer(range(9), range(9)))[matrix != 0].max()  # 2 layers, 1 sample each
    np.int64(2)
    """
    signals = as_batch(net, noisy)
    wanted = np.eye(signals.shape[-1], dtype=net.dtype)
    if rows is not None:
        length, rows = len(wanted), _check.several(rows, "rows")
        if not rows:
            raise ValueError("rows must not be empty")
        wanted = wanted[[_check.integer(row, "rows", -length, length - 1) for row in rows]]
    together = len(wanted) if _fixed(net) else 1
    masks = wanted.reshape(-1, together, 1, signals.shape[-1])
    found = []
    with constant_parameters(net):
        for signal in signals:
            copies = Tensor(np.repeat(signal[None], together, axis=0), requires_grad=True)
            output = net(copies)
            for mask in masks:
                (output * mask).sum().backward()
                found.append(copies.grad[:, 0].copy())
    return np.concatenate(found).reshape(*np.shape(noisy)[:-1], *wanted.shape)


def _fixed(net):
    """Tell whether no layer takes statistics of the batch; refuse a prior network."""
    norms = [layer.norm for layer in find_layers(net).values() if layer.norm is not None]
    return all(norm.statistics == "running" for norm in norms)


def linearise(net, noisy):
    r"""Write a network at each of the given signals as a linear filter and an offset.

    Parameters
    ----------
    net, noisy
        As in `jacobian`.

    Returns
    -------
    Linear
        J, and :math:`b = f(y) - J y`.

    Raises
    ------
    TypeError, ValueError
        As `layers.features`.

    Notes
    -----
    Convolution, ReLU, max pooling, upsampling and batch norm with running statistics are piecewise
    linear: there the network *is* J y + b, with the same J and b for all signals nearby that turn
    the same units on. Batch norm with statistics of the batch divides by a function of y: there J
    is the derivative and no more (Mohan, Kadkhodaie, Simoncelli & Fernandez-Granda 2020).

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.ones((2, 9))
    >>> local = linearise(net, noisy)
    >>> again = (local.matrix @ noisy[..., None])[..., 0] + local.offset
    >>> np.allclose(again, net.denoise(noisy), atol=1e-5)
    True
    """
    matrix = jacobian(net, noisy)
    noisy = _check.array(noisy, "noisy")
    estimate = net.denoise(noisy, None if _fixed(net) else 1)
    return Linear(matrix, estimate - (matrix @ noisy[..., None])[..., 0])


def influence(denoise, noisy, step=1.0):
    r"""Measure how far a denoiser looks: move the sample in the middle and see what else moves.

    Parameters
    ----------
    denoise : callable
        From signals ``(n, length)`` to estimates.
    noisy : array_like (n, length)
        Signals, many: the answer is an average.
    step : float
        How far the sample is moved; about the noise level, so that thresholds are crossed.

    Returns
    -------
    distance : ndarray (length,)
        From the sample that was moved to the one that answers, in samples; negative: earlier.
    answer : ndarray (length,)
        Root-mean-square change of the estimate there, divided by `step`.

    Raises
    ------
    TypeError, ValueError
        If `noisy` is empty, not real, not finite or not ``(n, length)``, or `step` is 0.

    Examples
    --------
    >>> distance, answer = influence(lambda y: y + np.roll(y, 2, axis=-1) / 2, np.zeros((3, 5)))
    >>> print(distance, answer)
    [-2 -1  0  1  2] [0.  0.  1.  0.  0.5]
    """
    noisy, denoise = _check.array(noisy, "noisy"), _check.function(denoise, "denoise")
    if noisy.ndim != 2:
        raise ValueError(f"noisy must have the shape (n, length), not {noisy.shape}")
    step = _check.number(step, "step", positive=True)
    length = noisy.shape[-1]
    middle = length // 2
    moved = noisy.copy()
    moved[:, middle] += step
    change = (np.asarray(denoise(moved)) - np.asarray(denoise(noisy))) / step
    return np.arange(length) - middle, np.sqrt(np.mean(change**2, axis=0))
