"""Measure the filters: all signals in one call against a loop over signals, side by side.

    make bench

Ratios are medians over rounds in which the two sides alternate; they hold where absolute times
drift. Nothing here is a test: a busy machine makes any bound a lottery.
"""

import argparse
import os
import time

import numpy as np

from denoiselib import bayes, filters, signals

CLEAN = signals.sparse_spikes(1000, rng=0)
NOISY = signals.add_noise(CLEAN, 3, rng=1)


def seconds(call, *arguments):
    """Time one call."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def loop(call):
    """Apply a filter signal by signal."""
    return lambda noisy: [call(y) for y in noisy]


def compare(name, call, reference, rounds, share=1):
    """Print how much longer `reference` takes than `call`; `share` of the signals is enough."""
    few = NOISY[: len(NOISY) // share]
    call(NOISY), reference(few)  # warm up
    times = [(seconds(call, NOISY), share * seconds(reference, few)) for _ in range(rounds)]
    ratios = [b / a for a, b in times]
    fast, slow = np.median(times, axis=0)
    print(
        f"{name:34s} {1e3 * fast:9.2f} ms {1e3 * slow:11.1f} ms "
        f"{np.median(ratios):9.0f} x   ({min(ratios):.0f} to {max(ratios):.0f})"
    )


def main(rounds):
    """Print all ratios."""

    def iterated(y):
        return filters.l1(y, 1.0, method="iterative")

    def iterated_gmc(y):
        return filters.gmc(y, 3.0, method="iterative")

    print(f"NumPy {np.__version__}, {os.cpu_count()} cores, 1,000 signals of 100 samples")
    print(f"{'':34s} {'one call':>12s} {'loop':>14s} {'ratio':>11s}")
    compare("Wiener(3)", filters.wiener, loop(filters.wiener), rounds)
    compare("L1, DFT, iterated", iterated, loop(iterated), rounds, share=20)
    compare("GMC, DFT, iterated", iterated_gmc, loop(iterated_gmc), rounds, share=20)
    compare(
        "L1, DFT, closed : iterated loop", lambda y: filters.l1(y, 1.0), loop(iterated), rounds, 20
    )
    print()
    rng = np.random.default_rng(0)
    for shape in ((1000, 100), (1, 100_000)):
        steps = np.repeat(3 * rng.standard_normal((shape[0], shape[1] // 10)), 10, axis=1)
        noisy = steps + rng.standard_normal(shape)
        times = [seconds(filters.tv, noisy, 8.0) for _ in range(rounds)]
        print(f"total variation, {shape!s:17s} {1e3 * np.median(times):9.1f} ms")
    for name, estimator, family in (
        ("pointwise Bayes, spikes", bayes.sparse_spikes_posterior_mean, "sparse_spikes"),
        ("exact Bayes, spikes", bayes.sparse_spikes_joint_posterior_mean, "sparse_spikes"),
        ("exact Bayes, pulses", bayes.pulses_posterior_mean, "pulses"),
        ("exact Bayes, blocks", bayes.blocks_posterior_mean, "blocks"),
    ):
        noisy = signals.add_noise(signals.FAMILIES[family](1000, rng=2), 3, rng=3)
        times = [seconds(estimator, noisy, 3) for _ in range(rounds)]
        print(f"{name:34s} {1e3 * np.median(times):9.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args().rounds)
