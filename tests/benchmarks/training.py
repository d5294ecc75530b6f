"""Train the two networks from five seeds, and say how far from the limit they end.

    make bench

The plain net by `networks.BASE` (1,000 steps), the U-Net by `networks.GOOD` (the best of three
starts of 2,000 steps, chosen on validation signals). The gap is that to the pointwise limit on the
same 3,000 test signals for all; the time is that of all starts.
"""

import argparse
import time

import numpy as np

from denoiselib import bayes, metrics, signals
from denoiselib.experiments import networks

RECIPES = {"plain": networks.BASE | {"net": "plain"}, "unet": networks.GOOD}


def main():
    """Print a row for each seed, and the median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--net", choices=RECIPES, action="append")
    arguments = parser.parse_args()

    clean = signals.sparse_spikes(3000, rng=1000)
    noisy = signals.add_noise(clean, 3, rng=1001)
    limit = metrics.rmse(bayes.sparse_spikes_posterior_mean(noisy, 3), clean).mean()
    print(f"pointwise limit on these signals: RMSE {limit:.4f}")
    for name in arguments.net or RECIPES:
        gaps = []
        for seed in range(arguments.seeds):
            start = time.perf_counter()
            net = networks.train(RECIPES[name], seed)
            seconds = time.perf_counter() - start
            error = metrics.rmse(net.denoise(noisy), clean).mean()
            gaps.append(100 * (error / limit - 1))
            print(
                f"{name:6s} seed {seed}: RMSE {error:.4f}, gap {gaps[-1]:5.2f} %, {seconds:4.1f} s",
                flush=True,
            )
        print(f"{name:6s} median gap {np.median(gaps):.2f} %, largest {max(gaps):.2f} %")


if __name__ == "__main__":
    main()
