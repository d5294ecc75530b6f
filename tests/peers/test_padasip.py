"""LMS and NLMS are padasip's, sample by sample.

padasip is given a matrix with the taps of each sample, ours the signal. Its `eps` is an energy, our
`delta` a fraction of the mean energy. Its source archive holds no tests.
"""

import numpy as np
import pytest

from denoiselib.filters import adaptive

pytestmark = pytest.mark.peers
padasip = pytest.importorskip("padasip")


def drawn(seed):
    """Draw an input, a desired signal, and the taps of each sample, the newest first."""
    rng = np.random.default_rng(seed)
    taps, length = int(rng.integers(1, 9)), int(rng.integers(20, 80))
    x = adaptive.coloured(1, length, pole=rng.uniform(-0.9, 0.9), rng=rng)[0]
    d = adaptive.observe(x, rng.normal(size=taps), snr=20, rng=rng)
    past = padasip.input_from_history(np.pad(x, (taps - 1, 0)), taps)[:, ::-1]
    return rng, x * 3, d, past * 3, taps


def compare(theirs, past, d, ours):
    """Compare predictions, errors, and the weights after every sample; ours are asked anew."""
    output, error, weights = theirs.run(d, past)
    weights = np.vstack([weights, theirs.w])  # theirs are those before each sample
    found = ours(len(d))
    np.testing.assert_allclose(found.output, output, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.error, error, rtol=1e-8, atol=1e-8)
    for samples in range(1, len(d) + 1):
        np.testing.assert_allclose(ours(samples).weights, weights[samples], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("seed", range(150))
def test_lms(seed):
    rng, x, d, past, taps = drawn(seed)
    mu = float(rng.uniform(0.05, 0.9) / (past**2).sum(axis=1).max())
    theirs = padasip.filters.FilterLMS(n=taps, mu=mu, w="zeros")
    compare(theirs, past, d, lambda k: adaptive.lms(x[:k], d[:k], taps, mu))


@pytest.mark.parametrize("seed", range(150))
def test_nlms(seed):
    rng, x, d, past, taps = drawn(seed)
    mu, eps = float(rng.uniform(0.05, 1.5)), float(rng.uniform(0.001, 1))
    energy = (past**2).sum(axis=1)
    theirs = padasip.filters.FilterNLMS(n=taps, mu=mu, eps=eps, w="zeros")
    compare(
        theirs,
        past,
        d,
        lambda k: adaptive.nlms(x[:k], d[:k], taps, mu, delta=eps / energy[:k].mean()),
    )


@pytest.mark.parametrize("seed", range(50))
def test_nlms_from_other_weights(seed):
    rng, x, d, past, taps = drawn(seed)
    start, energy = rng.normal(size=taps), (past**2).sum(axis=1)
    theirs = padasip.filters.FilterNLMS(n=taps, mu=0.5, eps=0.1, w=start.copy())
    compare(
        theirs,
        past,
        d,
        lambda k: adaptive.nlms(
            x[:k], d[:k], taps, 0.5, delta=0.1 / energy[:k].mean(), start=start
        ),
    )
