r"""What statistics of the batch do to an estimate, told in advance, without a network.

A network that has learned at one noise level is nearly the posterior mean m of that level, in fixed
mode at any other one, too. Unfixed batch norm gives each batch, in every layer, the mean and the
deviation that features had in training. For the signals themselves, the first layer, that means

.. math:: \tilde y = \mu + (y - \bar y) \, s_0 / s

with mean :math:`\mu` and deviation :math:`s_0` of noisy signals as in training, and
:math:`\bar y` and s of the batch (`restandardised`). An unfixed network is then nearly
:math:`m(\tilde y)`: louder noise is scaled down until it looks like that of training, and the
signal with it. Which of m(y) and :math:`m(\tilde y)` is nearer to the truth can be computed before
anything is trained.

What a batch looks like behind a layer is not settled by how it looks before. `adapted` lets every
layer go half of the way to the answer that is left, so that features are
:math:`u_t = (1 - t) y + t\, m(y)` at t = 0, 1/2, 3/4, and gives those of each layer their
deviation back. For a linear m, as for Gaussian signals, this is the same as the first layer alone.
"""

import numpy as np

from denoiselib import _check

DEPTHS = (0.0, 0.5, 0.75)  #: of the three batch norms of a plain net
POINTS = 8001  #: of a grid on which a rule is inverted; steps far below a noise level


def restandardised(noisy, seen, batch_size=None):
    """Give each batch of signals the mean and the deviation of others.

    Parameters
    ----------
    noisy : array_like (n, length)
        Signals; so many after each other are a batch, the last one may be smaller.
    seen : array_like (m, length)
        Signals as in training.
    batch_size : int, optional
        All are one batch if not given; 1 is a signal alone.

    Returns
    -------
    ndarray (n, length)
        In float64. Where a batch is constant it gets the mean alone.

    Examples
    --------
    >>> y = restandardised([[0.0, 2.0], [10.0, 30.0]], seen=[[-1.0, 1.0]], batch_size=1)
    >>> print(y.tolist())
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    noisy, seen = (_check.array(x, name) for x, name in ((noisy, "noisy"), (seen, "seen")))
    noisy = noisy.astype(np.float64)
    size = len(noisy) if batch_size is None else _check.integer(batch_size, "batch_size", 1)
    batches = [noisy[k : k + size] for k in range(0, len(noisy), size)]
    mean, deviation = float(seen.mean()), float(seen.std())
    scales = [deviation / (y.std() or np.inf) for y in batches]
    changed = (mean + (y - y.mean()) * c for y, c in zip(batches, scales, strict=True))
    return np.concatenate(list(changed))


def adapted(rule, noisy, seen, batch_size=None, depths=DEPTHS):
    r"""Estimate signals as an ideal network does whose batch norm uses statistics of the batch.

    Parameters
    ----------
    rule : callable
        What the network has learned, ``rule(y) -> estimate`` of signals ``(n, length)``: the
        posterior mean at the noise level of training. With depths beyond 0 it must treat every
        sample by itself, and not fall.
    noisy, seen, batch_size
        As in `restandardised`.
    depths : sequence of float
        Where the batch norms stand, from 0, the signals themselves, to less than 1, the answer.

    Returns
    -------
    ndarray (n, length)

    Notes
    -----
    At each depth t, :math:`u = (1 - t) y + t\, m(y)` of the batch gets the mean and the deviation
    that it has for `seen`, and y becomes what would have had this u. At last the rule is applied.
    Where the law of the signals and the noise are those of training, large batches change nothing.

    Examples
    --------
    Spikes in little noise, for a network that has learned with much:

    >>> from denoiselib import bayes, metrics, signals
    >>> clean = signals.sparse_spikes(500, rng=0)
    >>> seen, quiet = (signals.add_noise(clean, sigma, rng=1) for sigma in (3.0, 1.0))
    >>> rule = lambda y: bayes.sparse_spikes_posterior_mean(y, 3.0)
    >>> for estimate in rule(quiet), adapted(rule, quiet, seen), adapted(rule, quiet, seen, 1):
    ...     print(f"{metrics.rmse(estimate, clean).mean():.2f}")
    1.09
    0.75
    0.77
    """
    _check.function(rule, "rule")
    depths = _check.array(depths, "depths").ravel().tolist()
    if not all(0 <= t < 1 for t in depths):
        raise ValueError(f"depths must be from 0 to less than 1, not {depths}")
    y = _check.array(noisy, "noisy").astype(np.float64)
    seen = _check.array(seen, "seen").astype(np.float64)
    for t in depths:
        if t == 0:
            y = restandardised(y, seen, batch_size)
            continue
        # the deviation of a batch may bring samples beyond all that has been seen
        reach = max(np.ptp(seen), np.ptp(y))
        grid = np.linspace(
            min(seen.min(), y.min()) - reach, max(seen.max(), y.max()) + reach, POINTS
        )
        answers = rule(grid[None])[0]
        if (np.diff(answers) < -1e-9 * reach).any():
            raise ValueError("rule must not fall, or depths must be [0]")
        features = (1 - t) * grid + t * np.maximum.accumulate(answers)
        u, like = (np.interp(x, grid, features) for x in (y, seen))
        y = np.interp(restandardised(u, like, batch_size), features, grid)
    return rule(y)
