"""The ways to train a net that are measured, each on the same data and from the same weights.

Data are NumPy arrays (steps, nets, batch, 1, length), as a source of data gives them, and every
system takes them as they are. Those that train one net take the first one's.
"""

import copy
import runpy
from functools import partial
from pathlib import Path

import jax
import jax_nets
import numpy as np
import torch
from timing import STEPS, System

from denoiselib import nn

HERE = Path(__file__).resolve().parent
THEIRS = runpy.run_path(str(HERE.parent / "nn" / "parity" / "their_nets.py"))
SMALL = (2, 4, 8, 16, 16)
LR, FEW = 1e-2, 5  # steps that are compared
NETS = 10


def make(net, seed, channels=SMALL):
    """Return a net of ours."""
    return nn.PlainNet(rng=seed) if net == "plain" else nn.UNet(channels, rng=seed)


def draw(batch, length=100, nets=1):
    """Return data: noisy and clean alike are noise, which no net learns by heart."""
    shape = 2, STEPS, nets, batch, 1, length
    return np.random.default_rng(0).standard_normal(shape, np.float32)


# --- ours


def ours(nets, x, y):
    """Train one net, or a stack of several."""
    count = len(nets)
    whole = nn.stack(nets) if count > 1 else copy.deepcopy(nets[0])
    # of a stack, the channels are the nets
    x, y = (a[:, :count, :, 0].swapaxes(1, 2).copy() for a in (x, y))
    program = nn.Program(lambda a, b: nn.losses.smooth_l1(whole(a), b, count))
    sgd = nn.optim.SGD(whole, LR)

    def call(k):
        value = program(x[k], y[k])
        program.backward(sgd.scale)
        sgd.step()
        return value

    def of_nets(named):
        owners = whole.owners or {name: np.zeros(a.shape, int) for name, a in named}
        return [{name: a[owners[name] == k] for name, a in named} for k in range(count)]

    return System(
        "ours" if count == 1 else f"ours, stack of {count}",
        call,
        nets=count,
        gradients=lambda: of_nets([(n, p.grad) for n, p in whole.named_parameters()]),
        states=lambda: of_nets(list(whole.state_dict().items())),
    )


# --- PyTorch


def pytorch(net, x, y, compiled=False, channels=SMALL):
    """Train the same net in PyTorch, by its fused SGD."""
    source, loss = make_theirs(net, channels), torch.nn.SmoothL1Loss()
    model = torch.compile(source) if compiled else source
    optimizer = torch.optim.SGD(source.parameters(), LR, momentum=0.9, fused=True)

    def call(k):
        optimizer.zero_grad()
        value = loss(model(torch.from_numpy(x[k, 0])), torch.from_numpy(y[k, 0]))
        value.backward()
        optimizer.step()
        return value.detach()

    return System(
        "PyTorch compiled" if compiled else "PyTorch",
        call,
        gradients=lambda: [{n: p.grad.numpy() for n, p in source.named_parameters()}],
        states=lambda: [{name: a.numpy() for name, a in source.state_dict().items()}],
    )


def make_theirs(net, channels=SMALL):
    """Return the net in PyTorch, with the weights of ours."""
    theirs = THEIRS["plain_net"](16, 4, 3) if net == "plain" else THEIRS["UNet"](channels)
    state = make(net, 0, channels).state_dict()
    theirs.float().load_state_dict({k: torch.from_numpy(a) for k, a in state.items()}, strict=False)
    return theirs


def can_compile():
    """Tell whether this machine has what PyTorch's compiler needs, and say so if not."""
    torch.compiler.reset()  # plans of other batches
    try:
        torch.compile(torch.neg)(torch.ones(2))
    except Exception as error:  # which one depends on what is missing
        print(f"torch.compile is left out: {type(error).__name__}")
        return False
    return True


# --- JAX


def jax_system(nets, net, x, y, formulation, scan):
    """Train in JAX, one step a call or all `STEPS` by a scan, one net or several by vmap."""
    update, count = jax_nets.sgd(LR), len(nets)
    each = [jax_nets.Training(net, formulation, n.state_dict(), update=update) for n in nets]
    step = each[0].step
    state = each[0].p, np.zeros_like(each[0].p), each[0].running
    name = f"jax {'scan' if scan else 'jit'}, {formulation}"
    if count > 1:
        step, name = jax.vmap(step), f"jax vmap of {count} + scan, {formulation}"
        p, running = (np.stack([getattr(e, part) for e in each]) for part in ("p", "running"))
        state = p, np.zeros_like(p), running
    else:
        x, y = x[:, 0].copy(), y[:, 0].copy()
    run = jax_nets.scanned(step) if scan else jax_nets.one_by_one(step)
    state = jax.tree.map(jax.numpy.array, state)

    def call(k):
        nonlocal state
        state, losses = run(state, (x, y) if scan else (x[k], y[k]))
        return losses

    return System(
        name,
        call,
        steps=STEPS if scan else 1,
        nets=count,
        finish=jax.block_until_ready,
        # from rest, the velocity after a step is its gradient
        gradients=lambda: [named(each[0].named(state[1]))],
        states=lambda: [named(each[0].named(state[0]) | each[0].statistics(state[2]))],
    )


def named(arrays):
    """Return arrays of JAX as those of NumPy."""
    return {name: np.array(array) for name, array in arrays.items()}


# --- all of them


def all_of(net, batch):
    """Return the systems for a net and a batch."""
    several = NETS if batch <= 64 else 1  # ten times 256 signals take no call less: left out
    x, y = draw(batch, nets=several)
    nets = [make(net, seed) for seed in range(several)]
    one = nets[:1]
    systems = [ours(one, x, y)]
    if several > 1:
        systems += [ours(nets, x, y)]
    systems += [pytorch(net, x, y)]
    if can_compile():
        systems += [pytorch(net, x, y, compiled=True)]
    for scan in (False, True):
        systems += [jax_system(one, net, x, y, "im2col", scan)]
        # in a scan XLA takes the convolution's slow way, which takes seconds a call
        if not scan or batch <= 64:
            systems += [jax_system(one, net, x, y, "lax", scan)]
    if several > 1:
        systems += [jax_system(nets, net, x, y, "im2col", scan=True)]
    reference = [taken(ours([n], x[:, k:], y[:, k:])) for k, n in enumerate(nets)]
    for system in systems:
        check(system, reference)
    return systems


def taken(system):
    """Take a few steps; return losses (steps, nets), gradients of the first step, and states."""
    if system.steps > 1:
        losses = np.reshape(system.call(0), (system.steps, system.nets))[:FEW]
        return losses, None, None
    losses = [np.array(system.call(0)).reshape(system.nets)]
    gradients = copy.deepcopy(system.gradients())
    losses += [np.array(system.call(k)).reshape(system.nets) for k in range(1, FEW)]
    return np.array(losses), gradients, system.states()


def check(system, reference, tolerance=1e-3):
    """Compare losses, all gradients, and the state after a few steps with those of our nets.

    Gradients may differ by the tolerance times the largest one.
    """
    losses, gradients, states = taken(system)
    close = partial(np.testing.assert_allclose, err_msg=system.name)
    for k in range(system.nets):
        our_losses, (our_gradients,), (our_state,) = reference[k]
        close(losses[:1, k], our_losses[:1, 0], rtol=1e-4)
        close(losses[:, k], our_losses[:, 0], rtol=1e-3)  # each step adds to what rounding did
        if system.steps > 1:  # many steps later; the same step is compared by itself
            continue
        scale = max(abs(g).max() for g in our_gradients.values())
        for name, ours in our_gradients.items():
            close(gradients[k][name].ravel(), ours.ravel(), rtol=0, atol=tolerance * scale)
        for name, ours in our_state.items():
            close(states[k][name].ravel(), ours.ravel(), rtol=1e-3, atol=1e-3)
