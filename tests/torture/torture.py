"""Threads, kills, damaged bytes and replaced files: what no accident may do, counted.

    make torture

Each line says how many accidents were tried, after how many something was wrong (another answer
than alone, a job lost or twice), raw (an error that is not ours) or left behind (a file, a
process). The command fails unless all are 0. It takes about three minutes.
"""

import argparse
import copy
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from denoiselib import nn, real
from denoiselib.experiments.store import Store, identity
from denoiselib.nn import checkpoint, optim, train
from tests.experiments import toy

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
import sys
from denoiselib.nn import PlainNet, checkpoint, optim, train
path, final = sys.argv[1:]
net = PlainNet(width=4, depth=3, rng=0)
optimizer = optim.Adam(net)
print("started", flush=True)
file = checkpoint.Checkpoint(path, net, optimizer)
data = train.fresh("sparse_spikes", 3.0, 8)
train.fit(net, data, optimizer, 6000, every=20, callbacks=[file], history=file.history)
checkpoint.save(final, net.state_dict())
"""
STUDY = (
    "import sys; from tests.experiments import toy; from denoiselib.experiments.runner import run\n"
)
STUDY += "print('started', flush=True)\n"
STUDY += "run(toy.protocol(seconds=0.02, seeds=30), sys.argv[1], workers=2)\n"
SAVING = """
import sys, numpy as np
from denoiselib.nn import checkpoint
print("started", flush=True)
for k in range(10**6):
    checkpoint.save(sys.argv[1], {"x": np.full(300_000, k)})
"""


def threads(count):
    """One network in 8 threads, in every mode: each answer is that of a thread alone."""
    signals = np.random.default_rng(0).standard_normal((16, 20, 64))
    tried = wrong = raw = 0
    for mode in ("running", "batch", "signal"):
        net = nn.UNet(rng=0).eval(mode)
        state = net.state_dict()
        alone = [net.denoise(x) for x in signals]
        with ThreadPoolExecutor(8) as pool:
            found = [pool.submit(net.denoise, signals[k % 16]) for k in range(8 * count)]
        for k, future in enumerate(found):
            tried += 1
            if future.exception() is not None:
                raw += 1
            elif not np.array_equal(future.result(), alone[k % 16]):
                wrong += 1
        wrong += any(not np.array_equal(net.state_dict()[k], v) for k, v in state.items())
    return tried, wrong, raw, 0


def beside_a_training(count):
    """Threads that denoise while another one trains: refused, or right."""
    net = nn.PlainNet(rng=0)
    noisy, data = np.ones((4, 100)), train.fresh("sparse_spikes", 3.0, 8)
    tried = wrong = raw = 0
    for _ in range(count):
        copied = copy.deepcopy(net).eval()
        before = copied.denoise(noisy)
        with ThreadPoolExecutor(5) as pool:
            job = pool.submit(train.fit, copied, data, optim.Adam(copied), 20)
            found = [pool.submit(copied.denoise, noisy) for _ in range(8)]
        after = copied.denoise(noisy)
        raw += job.exception() is not None
        for future in found:
            tried += 1
            error = future.exception()
            if error is not None:
                raw += not (isinstance(error, RuntimeError) and "another thread" in str(error))
            elif not any(np.array_equal(future.result(), x) for x in (before, after)):
                wrong += 1
    return tried, wrong, raw, 0


def kills(count, folder, rng):
    """Trainings, studies and writers that are killed: what they leave is whole, and goes on."""
    tried = wrong = raw = 0
    whole, studies = folder / "whole.npz", []
    start(TRAINING, folder / "whole_run.npz", whole).communicate()
    for k in range(count):
        kind = ("training", "study", "saving")[k % 3]
        code, arguments = {
            "training": (TRAINING, (folder / "run.npz", folder / "final.npz")),
            "study": (STUDY, (folder / "study",)),
            "saving": (SAVING, (folder / "saved.npz",)),
        }[kind]
        process = start(code, *arguments)
        time.sleep(rng.uniform(0.0, 0.6 if kind == "study" else 0.25))
        if kind == "study":  # its workers are left alone
            process.kill()
            studies.append(process.pid)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        tried += 1
        try:
            if kind == "saving" and (folder / "saved.npz").exists():
                wrong += len(set(checkpoint.load(folder / "saved.npz")[0]["x"].tolist())) != 1
            if kind == "study":
                Store(folder / "study", "toy").read()
        except Exception:
            raw += 1
    start(TRAINING, folder / "run.npz", folder / "final.npz").communicate()
    start(STUDY, folder / "study").communicate()
    checkpoint.save(folder / "saved.npz", {"x": np.zeros(2)})
    first, last = (checkpoint.load(path)[0] for path in (whole, folder / "final.npz"))
    wrong += any(not np.array_equal(last[k], v) for k, v in first.items())
    jobs = [identity(job) for job in Store(folder / "study", "toy").read() if "rows" in job]
    wanted = [identity(job) for job in toy.protocol(seconds=0.02, seeds=30).jobs()]
    wrong += sorted(jobs) != sorted(wanted)
    left = len(list(folder.rglob("*.partial"))) + sum(map(toy.group, studies))
    return tried, wrong, raw, left


def start(code, *arguments):
    """Start Python in a group of its own, and wait until it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=ROOT,
        env=os.environ | {"TQDM_DISABLE": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    process.stdout.readline()
    return process


def mutations(count, folder, rng):
    """Files with a few damaged bytes: refused in words, or read as they were written."""
    arrays = {"w": np.arange(40.0).reshape(5, 8), "k": np.arange(3)}
    job = {"setting": {"lam": 2.0}, "seed": 0, "signals": 9, "rows": [{"rmse": 1.5}]}
    for ending in ("npz", "safetensors"):
        checkpoint.save(folder / f"net.{ending}", arrays, {"made by": "a test"})
    for ending in ("csv", "npy", "npz", "wav"):
        rate = None if ending == "npy" else 360
        real.save_signal(folder / f"signal.{ending}", [0.25, -0.5], rate)
    with Store(folder, "study").open() as append:
        append(job)
    readers = {
        "net.npz": checkpoint.load,
        "net.safetensors": checkpoint.load,
        "signal.csv": real.load_signal,
        "signal.npy": real.load_signal,
        "signal.npz": real.load_signal,
        "signal.wav": real.load_signal,
        "study.jsonl": lambda path: Store(path.parent, path.stem).read(),
    }
    contents = {name: (folder / name).read_bytes() for name in readers}
    tried = wrong = raw = 0
    for k in range(count):
        name = list(readers)[k % len(readers)]
        damaged = bytearray(contents[name])
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        if rng.random() < 0.1:  # a header that claims more than there is
            claim = b"(%d,), }" % rng.randrange(10**12, 10**13)
            damaged = bytearray(contents[name].replace(b"(2,), }".ljust(len(claim)), claim))
        if rng.random() < 0.2:
            del damaged[rng.randrange(len(damaged)) :]
        (folder / name).write_bytes(damaged)
        tried += 1
        try:
            found = readers[name](folder / name)
        except ValueError:
            continue
        except Exception:
            raw += 1
            continue
        if name.startswith("net"):  # a signal has no checksum: it may be another one
            wrong += any(not np.array_equal(found[0].get(k), v) for k, v in arrays.items())
        if name == "study.jsonl":
            wrong += found not in ([job], [])
    return tried, wrong, raw, 0


def replaced(count, folder, rng):
    """A file of results with two names, replaced, removed or cut while a study is running."""
    tried = wrong = raw = 0
    for k in range(count):
        own = folder / str(k)
        store, job = Store(own, "study"), {"setting": {}, "seed": 0, "signals": 1, "rows": []}
        with store.open() as append:
            append(job)
            kept = store.path.read_bytes()
            own.with_suffix(".jsonl").hardlink_to(store.path)
            tried += 1
            try:
                with Store(folder, str(k)).open():
                    wrong += 1
            except BlockingIOError as error:
                raw += "another run is writing" not in str(error)
            if k % 3 == 0:
                os.truncate(store.path, rng.randrange(len(kept) - 1))
            else:
                store.path.unlink()
            if k % 3 == 1:
                store.path.write_bytes(kept)
            found = store.path.read_bytes() if store.path.exists() else b""
            try:
                append(job | {"seed": 1})
                wrong += 1
            except OSError as error:
                raw += "during the run" not in str(error)
        wrong += (store.path.read_bytes() if store.path.exists() else b"") != found
        with store.open() as append:
            append(job | {"seed": 1})
        wrong += [each["seed"] for each in store.read()] != ([0, 1] if k % 3 == 1 else [1])
    return tried, wrong, raw, len(list(folder.rglob("*.partial")))


def main(arguments=None):
    """Print a line of counts for each kind of accident; return 1 if any count is not 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the accidents (all)")
    share, rng, worst = parser.parse_args(arguments).share, random.Random(0), 0
    sys.setswitchinterval(1e-5)  # threads take turns often
    with tempfile.TemporaryDirectory() as parent:
        for name, accident in {
            "8 threads in 3 modes": partial(threads, round(500 * share)),
            "threads beside a training": partial(beside_a_training, round(40 * share)),
            "kills": partial(kills, round(100 * share), rng=rng),
            "damaged bytes": partial(mutations, round(2000 * share), rng=rng),
            "files replaced or removed": partial(replaced, round(20 * share), rng=rng),
        }.items():
            folder = Path(parent, name)
            folder.mkdir()
            options = {"folder": folder} if "folder" in signature(accident) else {}
            begin = time.perf_counter()
            tried, wrong, raw, left = accident(**options)
            seconds = time.perf_counter() - begin
            counts = f"{tried:6} tried, {wrong} wrong, {raw} raw, {left} left behind"
            print(f"{name:26s}{counts} ({seconds:.0f} s)", flush=True)
            worst += wrong + raw + left
    print(json.dumps({"all well": not worst}))
    return int(worst > 0)


def signature(accident):
    """Return the names of the arguments of a function."""
    return accident.func.__code__.co_varnames[: accident.func.__code__.co_argcount]


if __name__ == "__main__":
    sys.exit(main())
