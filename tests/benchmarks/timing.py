"""Take the time of several systems side by side, in rounds in which nothing else is busy."""

import itertools
import os
import time
from dataclasses import dataclass
from typing import Any

ROUNDS, BLOCK, PAUSE = 7, 0.25, 0.03
STEPS = 50  # batches of data, over which one goes again and again


def _finished(value):
    """What is returned has been computed."""


@dataclass(eq=False)
class System:
    """A way to train a net, or to use it.

    `call(k)` takes step k, or with ``steps > 1`` so many steps at once, and returns the losses.
    What may return before it has computed is waited for by `finish`.
    """

    name: str
    call: Any
    steps: int = 1  # in a call
    nets: int = 1  # that a call trains
    finish: Any = _finished
    gradients: Any = None  # after the first call: for each net, arrays by name
    states: Any = None  # parameters and running statistics, likewise


def busy_seconds():
    """Processor time of the whole machine, and of this process."""
    with open("/proc/stat") as file:
        fields = [int(n) for n in file.readline().split()[1:9]]
    ticks = sum(fields) - fields[3] - fields[4]
    return ticks / os.sysconf("SC_CLK_TCK"), time.process_time()


def block(system, seconds=BLOCK):
    """Run for a while; return the time of a step and a net.

    Calls to JAX are waited for at the end of the block only, as a training loop waits where it
    prints a loss: what is still to be computed then counts. The others return when they are done.
    """
    steps, count, start = itertools.cycle(range(STEPS)), 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        last = system.call(next(steps))
        count += system.steps * system.nets
    system.finish(last)
    elapsed = time.perf_counter() - start
    time.sleep(PAUSE)
    return elapsed / count


def compare(systems, rounds=ROUNDS, foreign=0.1):
    """Return the times of quiet rounds, each a list of all systems, and how many were loud.

    In a loud round other programs used more than a share, `foreign`, of a processor.
    """
    for system in systems:
        for k in range(3):
            system.finish(system.call(k))
    times, loud = [], 0
    for k in range(3 * rounds):
        start, clock = busy_seconds(), time.perf_counter()
        order = systems if k % 2 else systems[::-1]
        taken = {system: block(system) for system in order}
        end, elapsed = busy_seconds(), time.perf_counter() - clock
        if (end[0] - start[0]) - (end[1] - start[1]) > foreign * elapsed:
            loud += 1
            continue
        times.append([taken[system] for system in systems])
        if len(times) == rounds:
            break
    return times, loud
