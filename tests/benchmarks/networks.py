"""Measure training and inference against PyTorch, side by side in one process.

    make bench                          tables for 1 and for 2 threads
    make bench BENCH_JSON=rows.json     also as a list of rows

Both sides see the same data and weights, and their outputs and gradients are compared first. Blocks
of a quarter of a second alternate; a ratio (ours / theirs, less is better) is taken for each round
and the median is quoted. Beside them stands the floor: how long the same number of multiplications
and of bytes would take at the rates of this machine, measured in the same run. A round in which
other programs used more than a tenth of a processor is thrown away; if there is no quiet at all, no
verdict is printed. A stack of ten of our nets is measured beside one of them.
"""

import argparse
import json
import os
import platform
import runpy
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROUNDS, BLOCK, PAUSE = 7, 0.25, 0.03
SMALL = (2, 4, 8, 16, 16)
WIDE = tuple(8 * c for c in SMALL)
# glibc would give PyTorch's large arrays back at every step and fault them in again
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


def busy_seconds():
    """Processor time of the whole machine, and of this process."""
    with open("/proc/stat") as file:
        fields = [int(n) for n in file.readline().split()[1:9]]
    ticks = sum(fields) - fields[3] - fields[4]
    return ticks / os.sysconf("SC_CLK_TCK"), time.process_time()


def block(call, seconds=BLOCK):
    """Run for a while; return the time of one call."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        call()
        count += 1
    time.sleep(PAUSE)
    return elapsed / count


def compare(ours, theirs, rounds=ROUNDS):
    """Return quiet rounds of (ours, theirs), and how many were loud."""
    for call in (ours, theirs):
        for _ in range(3):
            call()
    times, loud = [], 0
    for k in range(3 * rounds):
        machine, own = busy_seconds()
        pair = {call: block(call) for call in ((ours, theirs) if k % 2 else (theirs, ours))}
        start = machine, own
        machine, own = busy_seconds()
        foreign = (machine - start[0]) - (own - start[1])
        if foreign > 0.1 * sum((BLOCK, BLOCK)):
            loud += 1
            continue
        times.append((pair[ours], pair[theirs]))
        if len(times) == rounds:
            break
    return times, loud


class Bench:
    """All benchmarks at one number of threads."""

    def __init__(self, threads):
        import torch

        self.torch, self.threads, self.rows = torch, threads, []
        torch.set_num_threads(threads)
        self.nets = runpy.run_path(str(HERE.parent / "nn" / "parity" / "their_nets.py"))
        self.rng = np.random.default_rng(0)

    def pair(self, channels=SMALL, plain=False):
        """Return our network and theirs, with the same weights."""
        from denoiselib import nn

        self.torch.manual_seed(0)
        if plain:
            theirs, ours = self.nets["plain_net"](16, 4, 3), nn.PlainNet()
        else:
            theirs, ours = self.nets["UNet"](channels), nn.UNet(channels)
        theirs = theirs.float()
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        return ours, theirs

    def show(self, name, ours, theirs, rounds=ROUNDS, compiled=None, nets=1):
        """Measure, print and keep one row; a call of ours does the work of so many nets."""
        times, loud = compare(ours, theirs, rounds)
        if len(times) < 3:
            print(f"{name:18s} no verdict: other programs were busy in {loud} rounds")
            return
        times = [(a / nets, b) for a, b in times]
        ratios = [a / b for a, b in times]
        a, b = np.median(times, axis=0)
        extra = "" if compiled is None else f"  compiled {1e3 * compiled:8.3f} ms"
        print(
            f"{name:18s} {1e3 * a:9.3f} {1e3 * b:9.3f}   {np.median(ratios):5.2f}"
            f"  ({min(ratios):.2f} to {max(ratios):.2f}){extra}",
            flush=True,
        )
        self.rows.append(
            {
                "benchmark": name,
                "threads": self.threads,
                "ratio": float(np.median(ratios)),
                "ours_ms": 1e3 * float(a),
                "theirs_ms": 1e3 * float(b),
            }
        )

    def step(self, name, batch, length=100, channels=SMALL, plain=False):
        """Forward, SmoothL1, backward, SGD with momentum, running statistics."""
        from denoiselib import nn

        torch, (ours, theirs) = self.torch, self.pair(channels, plain)
        x, y = self.rng.standard_normal((2, batch, 1, length)).astype(np.float32)
        program = nn.Program(lambda a, b: nn.losses.smooth_l1(ours(a), b))
        sgd = nn.optim.SGD(ours, 1e-4)

        def our_step():
            program(x, y)
            program.backward()
            sgd.step()

        loss, tx, ty = torch.nn.SmoothL1Loss(), torch.from_numpy(x), torch.from_numpy(y)

        def training(model):
            optimizer = torch.optim.SGD(theirs.parameters(), 1e-4, momentum=0.9, fused=True)

            def their_step():
                optimizer.zero_grad()
                loss(model(tx), ty).backward()
                optimizer.step()

            return their_step

        self.check(program, ours, theirs, loss, x, y)
        compiled = None
        try:
            torch.compiler.reset()
            model = torch.compile(theirs)
            call = training(model)
            for _ in range(3):
                call()
            compiled = float(np.median([block(call) for _ in range(3)]))
        except Exception as error:  # no compiler on this machine: eager is what counts
            print(f"{'':18s} torch.compile: {type(error).__name__}")
        self.show(name, our_step, training(theirs), compiled=compiled)

    def stack(self, name, batch, plain=False, nets=10):
        """A step of ten nets side by side, a net, beside a step of one: all of it ours."""
        from denoiselib import nn

        make = nn.PlainNet if plain else nn.UNet
        x, y = self.rng.standard_normal((2, batch, 1, 100)).astype(np.float32)
        steps, losses = [], []
        for net in (nn.stack([make(rng=seed) for seed in range(nets)]), make(rng=0)):
            target, sgd = np.repeat(y, net.nets, axis=1), nn.optim.SGD(net, 1e-4)
            program = nn.Program(
                lambda a, b, net=net: nn.losses.smooth_l1(net(a), b, net.nets), np.float32
            )

            def step(program=program, target=target, sgd=sgd):
                value = program(x, target)
                program.backward(sgd.scale)
                sgd.step()
                return value

            steps.append(step)
            losses.append([np.copy(step()).reshape(-1)[0] for _ in range(5)])
        np.testing.assert_allclose(*losses, rtol=1e-4)
        self.show(name, *steps, nets=nets)

    def check(self, program, ours, theirs, loss, x, y):
        """Compare loss and gradients before any time is taken."""
        torch = self.torch
        program(x, y)
        program.backward()
        theirs.zero_grad()
        value = loss(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        value.backward()
        assert np.isclose(program.output.item(), value.item(), rtol=1e-4)
        reference = dict(theirs.named_parameters())
        scale = np.abs(ours.gradient).max()
        for name, parameter in ours.named_parameters():
            gap = np.abs(parameter.grad - reference[name].grad.numpy()).max()
            assert gap < 1e-3 * scale, (name, gap, scale)

    def infer(self, name, signals):
        """Denoise with running statistics, ours folded into the kernels."""
        from folding import fold

        torch, (ours, theirs) = self.torch, self.pair()
        ours = fold(ours)
        theirs.eval()
        x = self.rng.standard_normal((signals, 100)).astype(np.float32)
        tx = torch.from_numpy(x)[:, None]

        def their_call():
            with torch.inference_mode():
                return theirs(tx)

        np.testing.assert_allclose(
            ours.denoise(x), their_call().numpy()[:, 0], rtol=1e-3, atol=1e-4
        )
        self.show(name, lambda: ours.denoise(x), their_call)

    def floor(self):
        """Print what the machine can do: products and copies."""
        a, b = self.rng.standard_normal((2, 1024, 1024)).astype(np.float32)
        out = np.empty_like(a)
        product = block(lambda: np.matmul(a, b, out=out))
        big = np.ones(16_000_000, np.float32)
        to = np.empty_like(big)
        copy = block(lambda: np.copyto(to, big))
        print(
            f"floor: {2 * 1024**3 / product / 1e9:.0f} GFLOP/s in products, "
            f"{2 * big.nbytes / copy / 1e9:.0f} GB/s in copies"
        )

    def all(self):
        """Run everything."""
        from threadpoolctl import threadpool_info

        kernels = {p["architecture"] for p in threadpool_info() if p["internal_api"] == "openblas"}
        print(
            f"\n{self.threads} thread(s), NumPy {np.__version__}, "
            f"PyTorch {self.torch.__version__}, "
            f"OpenBLAS kernel {', '.join(sorted(kernels))}, {platform.machine()}"
        )
        self.floor()
        print(f"{'':18s} {'ours ms':>9s} {'theirs ms':>9s}   ratio")
        for batch in (1, 16, 64, 256):
            self.step(f"unet-step-b{batch}", batch)
        self.step("unet-wide-step", 16, 1024, WIDE)
        self.step("plain-step-b32", 32, plain=True)
        print("ten nets side by side, a net, and one alone:")
        for batch in (1, 16, 64):
            self.stack(f"unet-stack-b{batch}", batch)
            self.stack(f"plain-stack-b{batch}", batch, plain=True)
        self.infer("unet-infer-1", 1)
        self.infer("unet-infer-1000", 1000)
        return self.rows


def main():
    """Run one process for each number of threads, and gather the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="also write the rows to this file")
    parser.add_argument("--threads", type=int, help="only this number, in this process")
    parser.add_argument("--out", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.threads:
        rows = Bench(arguments.threads).all()
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(rows))
        return
    rows = []
    for threads in (1, 2):
        part = Path(f"{arguments.json or 'bench'}.{threads}.part")
        environment = os.environ | MALLOC
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[name] = str(threads)
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # the kernel of this processor
            environment.pop(name, None)
        command = [sys.executable, __file__, "--threads", str(threads), "--out", str(part)]
        try:
            subprocess.run(command, env=environment, check=True)
            rows += json.loads(part.read_text())
        finally:
            part.unlink(missing_ok=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
