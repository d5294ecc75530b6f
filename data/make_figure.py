"""Draw the figure of the README: a signal, a network's estimate, and how near the limit all come.

python data/make_figure.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import Patch

from denoiselib import bayes, filters, metrics, plots, signals
from denoiselib.experiments import networks

SLIDES = {"the slides' network, fixed": 1.84, "the slides' network, unfixed": 1.81}  # quoted
NETS = {"U-Net": "unet", "plain network": "plain"}
SHOWN = ("wiener", "l1_dft", "gmc_dft", "soft", "relu", "tv")


def main():
    """Compute on 1,000 signals, tune on 300 others, draw, save."""
    clean = signals.sparse_spikes(1300, rng=0)
    noisy = signals.add_noise(clean, 3, rng=1)
    validation, clean, noisy = noisy[:300], clean[300:], noisy[300:]
    estimates = {}
    for name, file in NETS.items():
        path = Path(__file__).parent / "weights" / f"{file}.safetensors"
        estimates[name] = networks.load(path).denoise(noisy)
    for method in map(filters.METHODS.get, SHOWN):
        value = method.tune(validation, 3.0).value
        estimates[method.label] = method.denoise(noisy, 3.0, value)
    scores = {name: metrics.mean_ci(metrics.rmse(e, clean)) for name, e in estimates.items()}
    scores |= {name: (rmse, 0.0) for name, rmse in SLIDES.items()}
    best = bayes.sparse_spikes_joint_posterior_mean(noisy, 3)
    limit = metrics.rmse(best, clean).mean()

    plt.style.use("denoiselib.style")
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4), width_ratios=(3, 2))
    error = metrics.rmse(estimates["U-Net"], clean)
    i = abs(error - error.mean()).argmin()  # a signal like most
    plots.signal(left, clean[i], noisy[i], estimates["U-Net"][i], "Denoised by the U-Net")
    left.set(xlim=(-1, 100))
    bars = plots.Bars(right, len(scores), limit=True)
    bars.show(scores, limit, other=(*NETS, *SLIDES))
    looks = {"networks": plots.OTHER, "filters": plots.ESTIMATE}
    handles = [Patch(color=color, alpha=0.7, label=name) for name, color in looks.items()]
    right.legend(handles=[*handles, bars.limit], loc="upper right")
    right.set(xlim=(0, 3.1), xlabel="RMSE on 1,000 signals, noise of 3")
    right.set_title("Good networks are at the limit")
    path = Path(__file__).with_name("readme.png")
    fig.savefig(path, metadata={"Software": None})
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
