"""Streams of random numbers: no two purposes share one, and none is that of the seed alone."""

import itertools

import numpy as np
import pytest

from denoiselib import signals
from denoiselib._random import PURPOSES, stream
from denoiselib.nn import train, unsupervised


def test_streams_of_all_purposes_and_steps_differ():
    steps = {"training": (0, 1, 2, 3), "second copy": (0, 1, 2), "lesson": (0, 1, 2)}
    steps["sparsity"] = (2, 5, 80)
    drawn = {
        (seed, purpose, step): stream(seed, purpose, *step).integers(2**63)
        for seed, purpose in itertools.product(range(3), PURPOSES)
        for step in ([(k,) for k in steps[purpose]] if purpose in steps else [()])
    }
    assert len(set(drawn.values())) == len(drawn)
    plain = {np.random.default_rng(seed).integers(2**63) for seed in range(100)}
    assert not plain & set(drawn.values())


RECORDING = np.random.default_rng(9).standard_normal(500)
NOISY = RECORDING.reshape(50, 10)
#: Sources of training data, from a family, and a seed.
SOURCES = {
    "fresh": lambda family, seed: train.fresh(family, 3.0, 32, seed=seed),
    "copies": lambda family, seed: unsupervised.copies(family, 3.0, 32, seed=seed),
}


@pytest.mark.parametrize("family", signals.FAMILIES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_no_batch_holds_signals_that_a_reader_draws_with_its_seed(family, source):
    for seed in (0, 7):
        tested = signals.FAMILIES[family](32, rng=seed)
        noise = signals.add_noise(np.zeros_like(tested), 3.0, seed)
        for step in range(3):
            noisy, target = source(family, seed)(step)
            clean = source(lambda n, length, rng: np.zeros((n, length)), seed)(step)[0]
            assert not (target == tested).all(axis=-1).any()
            assert not np.isclose(noisy, tested + noise).all(axis=-1).any()
            assert not np.isclose(clean, noise).all(axis=-1).any()


@pytest.mark.parametrize("draw", ["fixed", "windows"])
def test_the_order_of_a_set_is_not_that_of_the_seed(draw):
    if draw == "fixed":
        order = train.fixed(NOISY, NOISY, 50, seed=3)(0)[0]
        expected = NOISY[np.random.default_rng(3).permutation(50)]
    else:
        order = unsupervised.windows(RECORDING, 10, 50, seed=3)(0)[0]
        starts = np.random.default_rng(3).integers(0, 491, 50)
        expected = RECORDING[starts[:, None] + np.arange(10)]
    assert not np.array_equal(order, expected)
