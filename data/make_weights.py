"""Train the networks that the notebooks load, and write them to data/weights.

    python data/make_weights.py            those that are missing
    python data/make_weights.py NAME ..    these anew

Each file holds its recipe and its seed. Another machine adds up in another order: it gets other
weights, and after a training of that length other ones altogether, but errors as in the notebooks
to about a percent.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: sums do not depend on the machine's cores

import argparse
import time
from pathlib import Path

from denoiselib.experiments import heart, networks, prior, proposal, unsupervised

FOLDER = Path(__file__).parent / "weights"
PLAIN = networks.BASE | {"net": "plain"}
WIDE = {"shape": {"kernel": 9, "depth": 5}}  # sees 20 samples to either side
RECIPES = {
    "plain": PLAIN,
    "plain_no_norm": PLAIN | {"norm": "none", "lr": 1e-2},
    **{f"plain_sigma_{sigma}": PLAIN | {"sigma": float(sigma)} for sigma in (1, 2, 4, 5, 6)},
    "plain_pulses": PLAIN | {"family": "pulses", "steps": 2000} | WIDE,
    "plain_blocks": PLAIN | {"family": "blocks", "steps": 2000} | WIDE,
    "unet": networks.GOOD,
    "unet_slides": networks.SLIDES,
    "unet_prior": prior.RECIPE | {"prior": True},
    "unet_prior_levels": prior.RECIPE | {"prior": True, "sigma": [1.0, 5.0]},
}
#: Trained at noise levels from 1 to 5: what stands in the place of batch norm.
BLIND = {
    "batch": "batch norm",
    "level": "level as input: MAD",
    "linear": "batch+nonnegative_l1*linear",
    "wiener": "wiener",
    "batch_wiener": "batch+wiener",
    "predict": "predict",
    "batch_predict": "batch+predict",
}
for short, row in BLIND.items():
    RECIPES[f"blind_{short}"] = proposal.recipe(row, "sparse_spikes")
for family in ("pulses", "blocks"):
    RECIPES[f"blind_linear_{family}"] = proposal.recipe("batch+nonnegative_l1*linear", family)
#: At noise level 3, with clean signals and without; the learning rates are those of the study.
TAUGHT = {
    f"taught_{family}_{method.lower()}": unsupervised.chosen(method, "fresh", family)
    for method in ("supervised", *unsupervised.LESSONS)
    for family in networks.SHAPES
    if method != "SURE, level estimated"
}
RECIPES |= TAUGHT
#: For electrocardiograms: taught by synthetic ones, or by the noisy recording alone.
HEARTS = {
    "white": ("net, white",),
    "varied": ("net, white, varied",),
    "follows": ("net, white, varied, thresholds follow",),
    "kinds": ("net, all kinds, varied",),
    "alone": ("SURE, recording alone", "white", 0.1),
    "alone_hum": ("noise2self, recording alone", "hum 50 Hz", 0.1),
}
HEARTS = {
    f"heart_{short}": heart.recipe(*args, lr=heart.LEARNING_RATES[args[0]])
    for short, args in HEARTS.items()
}
RECIPES |= HEARTS
SEED = 0


def main():
    """Train, write, and say how good it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECIPES))
    names = parser.parse_args().names
    if unknown := set(names) - set(RECIPES):
        parser.error(f"{', '.join(sorted(unknown))} unknown; known: {', '.join(RECIPES)}")
    FOLDER.mkdir(exist_ok=True)
    for name, recipe in RECIPES.items():
        path = FOLDER / f"{name}.safetensors"
        if name in names or (not names and not path.exists()):
            start = time.perf_counter()
            net = trainer(name).train(recipe, SEED)
            seconds = time.perf_counter() - start
            networks.save(path, net, recipe, SEED)
            print(f"{path.name}: {heard(net) if name in HEARTS else judged(net, recipe)}")
            print(f"  {seconds:.0f} s")


def trainer(name):
    """Return the module that trains a network of this name."""
    return heart if name in HEARTS else unsupervised if name in TAUGHT else networks


def judged(net, recipe):
    """Say how far a network is above the limit."""
    noisy, clean, sigma = networks.draw(recipe["family"], recipe["sigma"], 3000, SEED)
    best = networks.pointwise_limit(recipe["family"], noisy, sigma)
    seen = networks.with_level(recipe, noisy, sigma)
    scores = networks.scores(net.denoise(seen, recipe["batch"]), clean, best)
    return f"RMSE {scores['rmse']:.3f}, {scores['gap']:.2f} % above the limit"


def heard(net):
    """Say how much better the recording in white noise becomes."""
    noisy, clean, beats = heart.draw("white", 0.1, 1, SEED)
    args = (x[:1] for x in (net.denoise(noisy), noisy, clean, beats))
    return f"{heart.scores(*args)['gain']:.2f} dB"


if __name__ == "__main__":
    main()
