"""Signals of any length through a network, block by block, as if in one piece."""

import itertools

import numpy as np

from denoiselib import _check
from denoiselib._threads import left_alone
from denoiselib.nn.modules import STATISTICS, Network
from denoiselib.nn.tensor import Tensor, no_grad, real, using_statistics

BLOCK = 8192  #: samples that pass together: their arrays take a few megabytes
PROBE = 64  #: samples on which a change far away must have no effect


def denoise_long(net, noisy, block=BLOCK, overlap=None):
    """Denoise long signals in bounded memory, with the result of ``net.denoise(noisy)``.

    Parameters
    ----------
    net : Network
        Left as it is; in training mode its running statistics are used.
    noisy : array_like (..., length)
        Signals; ``(..., 2, length)`` of a network with ``level="given"``, the second channel the
        noise level, which may vary along the signal.
    block : int
        Samples that are kept of each pass. Memory grows with it, not with the length.
    overlap : int, optional
        Samples that a block sees beyond either end; `net.reach` if not given. Both are rounded up
        to multiples of `net.align`.

    Returns
    -------
    ndarray (..., length)
        Estimates, in the dtype of the signals.

    Raises
    ------
    TypeError, ValueError
        If `noisy` is empty, not real or not finite, or lacks the noise level; if a number is out of
        range; if there are several blocks, and the network looks further than the overlap, as with
        statistics of the batch or the signal, its own estimate of the noise level, or a prior
        network. This is tried out at the beginning of the signal.

    Notes
    -----
    Estimates agree up to rounding: a sample depends on no other one further away than the reach,
    and a block keeps only those that are further than that from an end inside the signal. Blocks of
    a U-Net begin at multiples of 16, so that they are pooled in the same pairs. Its upsampling
    interpolates at places that move along a signal: each block is told which part it is.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> net, noisy = PlainNet(rng=0).eval(), np.sin(np.arange(5000.0))
    >>> print(f"{abs(denoise_long(net, noisy, block=1000) - net.denoise(noisy)).max():.4f}")
    0.0000
    """
    noisy, net = _check.array(noisy, "noisy"), _check.instance(net, "net", Network)
    if net.nets > 1:
        raise ValueError("net must be a single network, not a stack: see unstack")
    channels = net.channels(noisy)
    block = _up(_check.integer(block, "block", 1), net.align)
    overlap = net.reach if overlap is None else overlap
    overlap = _up(_check.integer(overlap, "overlap", 0), net.align)
    flat, length = noisy.reshape(-1, channels, noisy.shape[-1]), noisy.shape[-1]
    # the last block takes what is too short for one of its own
    starts = [*range(0, max(length - net.align, 0) + 1, block), length]
    instead = dict.fromkeys(STATISTICS, "running") if net.training else {}
    estimate = np.empty((len(flat), length), noisy.dtype)
    with left_alone(net), using_statistics(instead), no_grad():
        if len(starts) > 2:
            _refuse_if_it_looks_further(net, flat[0], overlap)
        for signal, result in zip(flat, estimate, strict=True):
            for start, stop in itertools.pairwise(starts):
                first = max(start - overlap, 0)
                seen = _pass(net, signal[:, first : stop + overlap], first, length)
                result[start:stop] = seen[start - first : stop - first]
    return estimate.reshape(*noisy.shape[: -2 if channels == 2 else -1], length)


def _up(value, multiple):
    return -(-value // multiple) * multiple


def _pass(net, part, start, length):
    """Return the estimate of a part (channels, samples) of a signal of that length."""
    x = Tensor(real(part[None], net.dtype, "noisy"))
    return net.forward_part(x, start, length).data[0, 0]


def _refuse_if_it_looks_further(net, signal, overlap):
    if net.mixes_batch or _sees_what_is_far(net, signal[:, : 2 * (overlap + PROBE)], overlap):
        raise ValueError(
            f"net must not look further than the overlap of {overlap} samples, or each block would "
            "give another answer: not have statistics of the batch or of the signal (running ones "
            "are chosen by net.eval()), nor an estimate of the noise level, nor a prior network"
        )


def _sees_what_is_far(net, part, overlap):
    """Whether samples that are altered change the estimate of others beyond the overlap."""
    length = part.shape[1]
    middle, other = (length + overlap) // 2, (length - overlap) // 2
    estimate = _pass(net, part, 0, length)
    rounding = 100 * np.finfo(net.dtype).eps * np.abs(estimate).max()
    for altered, kept in (
        (slice(middle, None), slice(0, max(middle - overlap, 0))),  # what comes later
        (slice(0, max(other, 0)), slice(max(other + overlap, 0), None)),  # what came before
    ):
        changed = part.copy()
        changed[:, altered] = 3 * part[:, altered] + np.abs(part).max() + 1
        difference = _pass(net, changed, 0, length)[kept] - estimate[kept]
        if np.abs(difference).max(initial=0) > rounding:
            return True
    return False
