"""The mixture of Gaussians of one width that has the greatest likelihood, by Newton's method."""

import numpy as np

BINS = 20  #: points of the histogram in one sigma: the noise seems 0.02 % stronger than it is
ATOMS = 8  #: atoms in one sigma
GAP = 0.001  #: log units by which a likelihood may miss its maximum


def fit(y, sigma, nonnegative, most):
    """Return atoms, weights and the greatest log likelihood of sorted samples at that sigma.

    The last number says how many sigmas the samples reach over, without gaps.
    """
    points, share, atoms = _grid(y / sigma, nonnegative, most)
    exponent = -((points[:, None] - atoms) ** 2) / 2
    top = exponent.max(axis=1)
    kernel = np.exp(exponent - top[:, None])
    w = _newton(kernel, share, y.size)
    f = kernel @ w
    # Shared by two points, a sample has the chord of log f, not its arc. The difference is h^2 / 12
    # of the second derivative; h is a part of sigma, and without it small ones would seem better.
    bend = kernel @ (w * atoms**2) / f - (kernel @ (w * atoms) / f) ** 2 - 1
    log_likelihood = share @ (np.log(f) + top - bend / (12 * BINS**2)) - np.log(sigma)
    kept = w * y.size > 1e-3  # of a sample: the barrier leaves a trace everywhere
    w = w[kept] / w[kept].sum()
    return sigma * atoms[kept], w, y.size * log_likelihood, kept.size / ATOMS


def _grid(u, nonnegative, most):
    """Histogram of sorted samples in units of sigma, and the atoms that can have a weight.

    A sample is shared by the two points around it, so that their mean is the sample. The worth
    of an atom, sum_i c_i exp(-(u_i - a)^2 / 2), is convex in a where no sample is within 1: it has
    no maximum there, and the law no atom.
    """
    atoms = np.zeros(0)
    if max(u[-1] - u[0], abs(u[0])) < 1e6:
        below = np.floor(BINS * u)
        part = BINS * u - below
        points, place = np.unique(np.concatenate([below, below + 1]), return_inverse=True)
        share = np.bincount(place, np.concatenate([1 - part, part])) / u.size
        points, share = points[share > 0] / BINS, share[share > 0]
        around = np.arange(-ATOMS, ATOMS + 2)
        atoms = np.unique(np.floor(ATOMS * points)[:, None] + around) / ATOMS
        low, high = np.maximum(u[[0, -1]], 0.0 if nonnegative else -np.inf)
        atoms = np.unique(np.clip(atoms, low, high))  # nor has it one beyond the samples
    if not 0 < atoms.size <= most:
        raise ValueError(
            "sigma must not be so small: noisy would need a grid of "
            f"more than {most} atoms, {ATOMS} to a sigma"
        )
    return points, share, atoms


def _newton(kernel, share, samples):
    """Maximise sum_i c_i log (K w)_i - sum w over w >= 0, whose sum is then 1, by interior points.

    With z >= 0 the shortfall of each atom, both reach w z = 0 by Newton steps on w z = mu.
    """
    count = kernel.shape[1]
    w, z = np.full(count, 1 / count), np.ones(count)
    for _ in range(100):
        f = kernel @ w
        shortfall = 1 - kernel.T @ (share / f)  # -D(a)
        if samples * -shortfall.min() < GAP and samples * abs(w.sum() - 1) < GAP:
            break
        mu = 0.1 * (w @ z) / count
        root = kernel * (np.sqrt(share) / f)[:, None]
        dw = np.linalg.solve(root.T @ root + np.diag(z / w), mu / w - shortfall)
        dz = (mu - z * dw) / w - z
        w = w + dw * min(1, 0.99 / max(np.max(-dw / w), 0.1))
        z = z + dz * min(1, 0.99 / max(np.max(-dz / z), 0.1))
    else:  # 40 steps were the most in 1,700 fits, of odd samples too
        raise ValueError("noisy is no sample that Newton's method can fit within 100 steps")
    return w / w.sum()
