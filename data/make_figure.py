"""Draw the figure of the README: a signal, its best estimate, and how far filters are from it.

python data/make_figure.py
"""

from pathlib import Path

import matplotlib.pyplot as plt

from denoiselib import bayes, filters, metrics, plots, signals

SLIDES = {"slides' network, BN fixed": 1.84, "slides' network, BN unfixed": 1.81}
SHOWN = ("wiener", "l1_dft", "gmc_dft", "soft", "relu")


def main():
    """Compute on 1,000 signals, tune on 300 others, draw, save."""
    clean = signals.sparse_spikes(1300, rng=0)
    noisy = signals.add_noise(clean, 3, rng=1)
    validation, clean, noisy = noisy[:300], clean[300:], noisy[300:]
    best = bayes.sparse_spikes_joint_posterior_mean(noisy, 3)
    scores = {name: (rmse, 0.0) for name, rmse in SLIDES.items()}
    for name in SHOWN:
        method = filters.METHODS[name]
        settings = {"tuned": method.tune(validation, 3.0).value, "slides": method.slides}
        for label, value in settings.items():
            if value is not None:
                error = metrics.rmse(method.denoise(noisy, 3.0, value), clean)
                scores[f"{method.label}, {label}"] = metrics.mean_ci(error)

    plt.style.use("denoiselib.style")
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4), width_ratios=(3, 2))
    plots.signal(left, clean[0], noisy[0], best[0], "One signal, and its best estimate")
    plots.ranking(right, scores, metrics.rmse(best, clean).mean(), "Error against the limit")
    path = Path(__file__).with_name("readme.png")
    fig.savefig(path, metadata={"Software": None})
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
