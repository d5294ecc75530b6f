"""Measure training and inference against PyTorch and JAX, side by side in one process.

    make bench                          tables for 1 and for 2 threads, pinned to as many cores
    make bench BENCH_JSON=rows.json     also as a list of rows
    python tests/benchmarks/networks.py --check       compare losses and gradients, take no time
    python tests/benchmarks/networks.py --net plain --batch 16 --rounds 3

All systems see the same data, and start from the same weights; their losses, their gradients and
their states after a few steps are compared first. Blocks of a quarter of a second alternate; a
ratio (one net of ours / a net of that system, above 1 that system is faster) is taken for each
round, and the median is quoted, with the range. Beside it stands that of our stack of ten nets.
Beside all stands the floor: what products and copies the machine can do, measured in the same run.
A round in which other programs used more than a tenth of a processor is thrown away; with fewer
than three quiet ones there is no verdict.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
from timing import ROUNDS, System, block, compare

SMALL = (2, 4, 8, 16, 16)
WIDE = tuple(8 * c for c in SMALL)
NETS, BATCHES, THREADS = ("unet", "plain"), (1, 16, 64, 256), (1, 2)
# glibc would give PyTorch's large arrays back at every step and fault them in again
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


class Bench:
    """The benchmarks at one number of threads."""

    def __init__(self, options):
        import torch

        self.threads, self.rounds, self.foreign = options.threads, options.rounds, options.foreign
        self.rows, self.measures, self.file = [], not options.check, Path(options.out)
        torch.set_num_threads(self.threads)

    def show(self, benchmark, net, batch, systems):
        """Measure systems, ours first, print a line for each and keep its row."""
        if not self.measures:
            print(f"{benchmark}: {len(systems)} systems agree with ours", flush=True)
            return
        times, loud = compare(systems, self.rounds, self.foreign)
        print(f"\n{benchmark}, {self.threads} thread(s), {len(times)} quiet rounds, {loud} loud")
        if len(times) < 3:
            print("no verdict: other programs were busy")
            return
        times = np.array(times).T
        stacks = [t for s, t in zip(systems, times, strict=True) if s.name.startswith("ours, s")]
        print(f"  {'':34s} {'ms':>9s}   {'ratio':>6s}  {'range':16s}  {'stack ratio':>11s}")
        for system, own in zip(systems, times, strict=True):
            row = self.row(benchmark, net, batch, system, times[0], own, stacks)
            ratios = times[0] / own
            span = f"({ratios.min():.2f} to {ratios.max():.2f})"
            stack_ratio = f"{row['stack_ratio']:.2f}" if stacks else ""
            print(
                f"  {system.name:34s} {row['ms']:9.3f}   {row['ratio']:6.2f}  "
                f"{span:16s}  {stack_ratio:>11s}",
                flush=True,
            )
            self.rows.append(row)

    def row(self, benchmark, net, batch, system, ours, own, stacks):
        """Return what is kept of a system: milliseconds of a step and a net, and ratios."""
        row = {
            "benchmark": benchmark,
            "system": system.name,
            "net": net,
            "batch": batch,
            "threads": self.threads,
            "ms": 1e3 * np.median(own),
            "ratio": np.median(ours / own),
            "ours_ms": 1e3 * np.median(ours),
            "theirs_ms": 1e3 * np.median(own),
        }
        if stacks:
            row["stack_ratio"] = np.median(stacks[0] / own)
        return row

    def wide(self):
        """Train a wide U-Net on long signals, beside PyTorch."""
        import systems

        x, y = systems.draw(16, 1024)
        ours = systems.make("unet", 0, WIDE)
        reference = [systems.taken(systems.ours([ours], x, y))]
        sides = [systems.ours([ours], x, y), systems.pytorch("unet", x, y, channels=WIDE)]
        if systems.can_compile():
            sides += [systems.pytorch("unet", x, y, compiled=True, channels=WIDE)]
        for system in sides:
            # so many samples that rounding decides on which side of a ReLU's bend some of them lie
            systems.check(system, reference, tolerance=1e-2)
        self.show("unet-wide-step", "unet", 16, sides)

    def infer(self, signals):
        """Denoise with running statistics, ours folded into the kernels, beside PyTorch."""
        import systems
        import torch
        from folding import fold

        ours, theirs = fold(systems.make("unet", 0)), systems.make_theirs("unet").eval()
        x = np.random.default_rng(0).standard_normal((signals, 100), np.float32)

        def their_call(k):
            with torch.inference_mode():
                return theirs(torch.from_numpy(x)[:, None])

        found = their_call(0).numpy()[:, 0]
        np.testing.assert_allclose(ours.denoise(x), found, rtol=1e-3, atol=1e-4)
        sides = [System("ours", lambda k: ours.denoise(x)), System("PyTorch", their_call)]
        self.show(f"unet-infer-{signals}", "unet", signals, sides)

    def floor(self):
        """Print what the machine can do: products and copies."""
        a, b = np.random.default_rng(0).standard_normal((2, 1024, 1024), np.float32)
        out = np.empty_like(a)
        product = block(System("product", lambda k: np.matmul(a, b, out=out)))
        big = np.ones(16_000_000, np.float32)
        to = np.zeros_like(big)
        np.copyto(to, big)  # the memory is there now
        copied = block(System("copy", lambda k: np.copyto(to, big)))
        print(
            f"floor: {2 * 1024**3 / product / 1e9:.0f} GFLOP/s in products, "
            f"{2 * big.nbytes / copied / 1e9:.0f} GB/s in copies"
        )

    def versions(self):
        """Print what is compared, and on what."""
        import jax
        import torch
        from threadpoolctl import threadpool_info

        kernels = {p["architecture"] for p in threadpool_info() if p["internal_api"] == "openblas"}
        print(
            f"\n{self.threads} thread(s), NumPy {np.__version__}, PyTorch {torch.__version__}, "
            f"JAX {jax.__version__}, OpenBLAS kernel {', '.join(sorted(kernels))}, "
            f"{platform.machine()}"
        )

    def run(self, nets, batches):
        """Run the steps of some nets and batches, and the other benchmarks if all are wanted."""
        import systems

        self.versions()
        if self.measures:
            self.floor()
        for net in nets or NETS:
            for batch in batches or BATCHES:
                self.show(f"{net}-step-b{batch}", net, batch, systems.all_of(net, batch))
                self.keep()
        if not (nets or batches):
            self.wide()
            self.infer(1)
            self.infer(1000)
        self.keep()

    def keep(self):
        """Write the rows that there are: what fails later takes none of them along."""
        self.file.write_text(json.dumps(self.rows))


def parse():
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="also write the rows to this file")
    parser.add_argument("--check", action="store_true", help="compare, but take no time")
    parser.add_argument("--threads", type=int, choices=THREADS, help="only this number")
    parser.add_argument("--net", choices=NETS, action="append", help="only this net")
    parser.add_argument("--batch", type=int, action="append", help="only this batch")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--foreign", type=float, default=0.1, help="share of a processor that others may use"
    )
    parser.add_argument("--out", help=argparse.SUPPRESS)
    return parser.parse_args()


def environment(threads):
    """Return the environment of a process that uses so many threads."""
    chosen = os.environ | MALLOC
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        chosen[name] = str(threads)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # the kernel of this processor
        chosen.pop(name, None)
    # JAX makes as many threads as there are cores for it; with one, it need not hand work over
    multi = str(threads > 1).lower()
    return chosen | {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={multi}"}


def main():
    """Run one process for each number of threads, pinned to as many cores, and gather the rows."""
    options = parse()
    if options.out:
        Bench(options).run(options.net, options.batch)
        return
    rows, cores = [], sorted(os.sched_getaffinity(0))
    for threads in [options.threads] if options.threads else THREADS:
        if threads > len(cores):
            print(f"{threads} threads are left out: there are {len(cores)} cores")
            continue
        os.sched_setaffinity(
            0, cores[-threads:]
        )  # before the process that measures imports a thing
        part = Path(f"{options.json or 'bench'}.{threads}.part")
        command = [sys.executable, *sys.argv, "--threads", str(threads), "--out", str(part)]
        try:
            subprocess.run(command, env=environment(threads), check=True)
        finally:
            if part.exists():
                rows += json.loads(part.read_text())
                part.unlink()
            if options.json:
                Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
