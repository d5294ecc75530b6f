"""Measure the time from the start of a process to a net that has reached the limit.

    make bench

A plain net is trained by one recipe from the same weights on the same data, in NumPy by
denoiselib, in PyTorch and in JAX, until its error is at most a thousandth above that of the
pointwise limit, on signals that are the same for all. The process starts anew for each, so that
the time holds imports and compilation; it is pinned to one core. A ratio (ours / theirs, above 1
theirs is faster) is taken for each seed.
"""

import argparse
import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from denoiselib import bayes, metrics, nn, signals

HERE = Path(__file__).resolve().parent
#: Entries of `experiments.networks.BASE`, which a user need not import.
RECIPE = {"family": "sparse_spikes", "sigma": 3.0, "batch": 32, "lr": 3e-2, "steps": 1000}
EVERY, GAP = 50, 1e-3  # steps between two looks, and how near to the limit is near enough


class Task:
    """What all systems are given: a net, data, a schedule, and signals on which they are judged."""

    def __init__(self, seed):
        self.net = nn.PlainNet(rng=seed)
        self.lr, self.steps = RECIPE["lr"], RECIPE["steps"]
        self.data = nn.train.fresh(RECIPE["family"], RECIPE["sigma"], RECIPE["batch"], seed=seed)
        self.schedule = nn.optim.cosine(self.lr, self.steps)
        self.clean = signals.sparse_spikes(1000, rng=1000)
        self.noisy = signals.add_noise(self.clean, RECIPE["sigma"], rng=1001)
        limit = bayes.sparse_spikes_posterior_mean(self.noisy, RECIPE["sigma"])
        self.limit = metrics.rmse(limit, self.clean).mean()

    def looks(self):
        """Give the steps after which one looks."""
        return range(EVERY, self.steps + 1, EVERY)

    def gap(self, estimate):
        """Return how far an estimate is above the limit, as a share of it."""
        return float(metrics.rmse(estimate, self.clean).mean() / self.limit - 1)


def by_numpy(task):
    """Train by the library."""
    optimizer, history = nn.optim.Adam(task.net, task.lr), None
    for steps in task.looks():
        history = nn.train.fit(
            task.net,
            task.data,
            optimizer,
            steps,
            schedule=task.schedule,
            every=EVERY,
            history=history,
        )
        gap = task.gap(task.net.denoise(task.noisy))
        if gap <= GAP:
            break
    return steps, gap


def by_pytorch(task):
    """Train by PyTorch, operation by operation."""
    import torch

    torch.set_num_threads(1)
    theirs = runpy.run_path(str(HERE.parent / "nn" / "parity" / "their_nets.py"))
    net = theirs["plain_net"](16, 4, 3)
    state = {name: torch.from_numpy(array) for name, array in task.net.state_dict().items()}
    net.load_state_dict(state, strict=False)
    optimizer = torch.optim.Adam(net.parameters(), task.lr, fused=True)
    noisy = torch.from_numpy(task.noisy).float()[:, None]
    for steps in task.looks():
        net.train()
        for step in range(steps - EVERY, steps):
            x, y = (torch.from_numpy(part).float()[:, None] for part in task.data(step))
            optimizer.param_groups[0]["lr"] = task.schedule(step)
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(net(x), y).backward()
            optimizer.step()
        net.eval()
        with torch.inference_mode():
            gap = task.gap(net(noisy)[:, 0].numpy())
        if gap <= GAP:
            break
    return steps, gap


def by_jax(task):
    """Train by JAX, all steps between two looks in one scan."""
    import jax
    import jax_nets

    training = jax_nets.Training(
        "plain", "im2col", task.net.state_dict(), jax_nets.squared, jax_nets.adam
    )
    p = training.p
    state = p, (jax.numpy.zeros_like(p), jax.numpy.zeros_like(p), 0.0), training.running
    run, denoise = jax_nets.scanned(training.step), jax.jit(training.denoise)
    noisy = task.noisy[:, None].astype(np.float32)
    for steps in task.looks():
        chosen = range(steps - EVERY, steps)
        batches = zip(*(task.data(step) for step in chosen), strict=True)
        x, y = (np.stack(parts)[:, :, None].astype(np.float32) for parts in batches)
        state, _ = run(state, (x, y, np.float32([task.schedule(step) for step in chosen])))
        p, _, running = state
        gap = task.gap(np.asarray(denoise(p, running, noisy))[:, 0])
        if gap <= GAP:
            break
    return steps, gap


SYSTEMS = {"ours": by_numpy, "PyTorch": by_pytorch, "jax scan, im2col": by_jax}


def seconds(system, seed):
    """Run a process from its start to its end; return its time, the steps it took, and the gap."""
    command = [sys.executable, __file__, "--system", system, "--seed", str(seed)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    elapsed = time.perf_counter() - start
    steps, gap = json.loads(done.stdout)
    return elapsed, steps, gap


def compare(seeds):
    """Print a line for each seed and system, and the median ratios; return the rows."""
    rows = []
    for seed in range(seeds):
        order = list(SYSTEMS)[:: 1 if seed % 2 else -1]
        found = {system: seconds(system, seed) for system in order}
        for system in SYSTEMS:
            elapsed, steps, gap = found[system]
            reached = "" if gap <= GAP else ", which is not near enough"
            ratio = found["ours"][0] / elapsed
            print(
                f"seed {seed} {system:18s} {elapsed:6.2f} s  ratio {ratio:5.2f}  "
                f"{steps:4d} steps, gap {100 * gap:.3f} %{reached}",
                flush=True,
            )
            row = {"benchmark": "cold-plain", "system": system, "net": "plain"}
            row |= {"batch": RECIPE["batch"], "threads": 1, "seed": seed, "ms": 1e3 * elapsed}
            rows.append(row | {"ratio": ratio, "steps": steps, "gap": gap})
    for system in SYSTEMS:
        ratios = [row["ratio"] for row in rows if row["system"] == system]
        print(
            f"{system:18s} median ratio {np.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )
    return rows


def main():
    """Measure all, or in a process of its own train once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="also add the rows to this file")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--system", choices=SYSTEMS, help="train once, in this process")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.system:
        print(json.dumps(SYSTEMS[arguments.system](Task(arguments.seed))))
        return
    from networks import environment

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    os.environ.update(environment(1))
    print(f"\nfrom a cold start to {100 * GAP} % above the limit, {RECIPE}, one thread")
    rows = compare(arguments.seeds)
    if arguments.json:
        file = Path(arguments.json)
        before = json.loads(file.read_text()) if file.exists() else []
        file.write_text(json.dumps(before + rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
