"""Train the two networks from five seeds, and say how far from the limit they end.

    make bench

Fresh data at every step, squared error, Adam, a cosine to 0, batches of 32. The gap is that to the
pointwise limit on the same 3,000 test signals.
"""

import argparse
import time

import numpy as np

from denoiselib import bayes, metrics, nn, signals

RECIPES = {"plain": (nn.PlainNet, 3e-2, 1000), "unet": (nn.UNet, 1e-2, 8000)}


def main():
    """Print a row for each seed, and the median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--net", choices=RECIPES, action="append")
    parser.add_argument("--lr", type=float)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()

    clean = signals.sparse_spikes(3000, rng=1000)
    noisy = signals.add_noise(clean, 3, rng=1001)
    limit = metrics.rmse(bayes.sparse_spikes_posterior_mean(noisy, 3), clean).mean()
    print(f"pointwise limit on these signals: RMSE {limit:.4f}")
    for name in arguments.net or RECIPES:
        kind, lr, steps = RECIPES[name]
        lr, steps, gaps = arguments.lr or lr, arguments.steps or steps, []
        for seed in range(arguments.seeds):
            net = kind(rng=seed)
            data = nn.train.fresh("sparse_spikes", 3.0, batch_size=32, seed=seed)
            start = time.perf_counter()
            schedule = nn.optim.cosine(lr, steps)
            nn.train.fit(net, data, nn.optim.Adam(net), steps, schedule=schedule)
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
