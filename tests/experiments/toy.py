"""Protocols for tests, whose jobs can wait, fail or kill their process. Workers import them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from denoiselib.experiments import networks
from denoiselib.experiments.protocol import Protocol
from denoiselib.experiments.runner import run
from denoiselib.experiments.store import Store, identity


def run_one(setting, seed, signals):
    """Two rows of sums that depend on the seed, to the last bit on the number of threads."""
    time.sleep(setting.get("seconds", 0))
    if "trouble" in setting:
        trouble(setting["trouble"], Path(setting["until"]))
    a = np.random.default_rng([seed, setting["x"]]).standard_normal((signals, 300))
    threads = max(info["num_threads"] for info in threadpool_info())
    return [{"k": k, "rmse": np.sum(a @ a.T, dtype=np.float32) + k} for k in (0, 1)] + [
        {"k": 2, "rmse": np.float64(np.nan), "threads": threads}
    ]


def trouble(kind, until):
    """Make trouble unless a file exists; dying leaves a line in it, so that it can happen once."""
    if kind == "fails" and not until.exists():
        raise RuntimeError("out of luck")
    if kind == "dies" or (kind == "dies once" and not until.exists()):
        until.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def protocol(*settings, seconds=0, **options):
    """Return a protocol of four settings and some more."""
    plain = [{"x": x, "seconds": seconds} for x in range(4)]
    options = {"seeds": 3, "signals": 50, "table": {"by": ["x", "k"]}} | options
    return Protocol(name="toy", run_one=run_one, settings=[*plain, *settings], **options)


#: A network that trains in a moment, several seeds side by side.
TINY = networks.BASE | {"net": "plain", "shape": {"width": 2, "depth": 2}, "batch": 1, "steps": 4}
TINY |= {"optimizer": "sgd"}  # Adam moves what has no gradient by its rounding


def train_one(setting, seed, signals):
    """Three rows on a trained network; trouble is made after the training, and for one seed."""
    net, (kept, distances) = networks.train(setting, seed), networks.TURN.get()
    time.sleep(setting.get("seconds", 0))
    if "trouble" in setting and seed == setting["at"]:
        trouble(setting["trouble"], Path(setting["until"]))
    noisy, *_ = networks.draw(setting["family"], setting["sigma"], signals, seed)
    return [{"k": k, "rmse": float(net.denoise(noisy[k]).sum())} for k in (0, 1)] + [
        {"k": 2, "kept": len(kept), "left": len(distances)}
    ]


def trained(*settings, seconds=0, **options):
    """Return a protocol of two settings and some more, whose seeds are trained together."""
    plain = [TINY | {"x": x, "lr": (x + 1) / 100, "seconds": seconds} for x in range(2)]
    options = {"seeds": 4, "signals": 50, "table": {"by": ["x", "k"]}} | options
    options = {"together": networks.gains} | options
    more = [TINY | setting for setting in settings]
    return Protocol(name="toy", run_one=train_one, settings=[*plain, *more], **options)


def stored(folder):
    """Return what is stored, ``{identity: rows}``, and see that no job has rows twice."""
    text = (Path(folder) / "toy.jsonl").read_text()
    assert text.count('"rows"') == len(Store(folder, "toy").rows()) / 3
    return {identity(job): job.get("rows") for job in Store(folder, "toy").read()}


def alike(one, other):
    """Tell whether two folders hold the same jobs, and rows equal to the rounding of a training."""
    one, other = stored(one), stored(other)
    errors = [[r.get("rmse") or 0.0 for k in sorted(x) for r in x[k] or ()] for x in (one, other)]
    same = one.keys() == other.keys() and len(errors[0]) == len(errors[1])
    return same and np.allclose(*errors, rtol=1e-4, atol=1e-4)


def group(number):
    """Count the processes that live in a group."""
    command = ["ps", "-eo", "pgid=,stat="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[0]) == number and "Z" not in line for line in listed.splitlines())


#: Protocols that can be stopped in the middle: 64 jobs, or 100 in groups of ten.
LONG = {"jobs": protocol(seconds=0.05, seeds=16), "groups": trained(seconds=0.05, seeds=50)}

if __name__ == "__main__":
    run(LONG[sys.argv[3]], sys.argv[1], workers=int(sys.argv[2]))
