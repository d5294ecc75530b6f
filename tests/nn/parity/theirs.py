"""Their side: each kind of case in PyTorch, and what it answers."""

import zlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.nn.parity import their_nets
from tests.nn.parity.answers import ROUNDING, cast, cotangent, differences

torch.set_num_threads(1)  # threads would cost more than such small arrays take


def take(x, index):
    parts = index if isinstance(index, tuple) else (index,)
    return x[tuple(torch.from_numpy(p) if isinstance(p, np.ndarray) else p for p in parts)]


def soft(x, u):
    return torch.sign(x) * functional.relu(abs(x) - u)


def hard(x, u):
    return torch.where(abs(x) > torch.sqrt(2 * u), x, 0 * u)


def half(x, u):
    alive = abs(x) > 1.5 * u ** (2 / 3)
    r = torch.where(alive, abs(x), 2 * u ** (2 / 3))
    angle = torch.arccos(-(3**1.5) / 4 * u * r**-1.5)
    return torch.where(alive, torch.sign(x) * 2 / 3 * r * (1 + torch.cos(2 / 3 * angle)), 0)


def two_thirds(x, u):
    alive = abs(x) > 2 * (2 * u / 3) ** 0.75
    y = torch.where(alive, abs(x), 3 * (2 * u / 3) ** 0.75)
    r = torch.sqrt(y**4 / 256 - 8 * u**3 / 729)
    root = (y**2 / 16 + r) ** (1 / 3)
    z = root + 2 * u / 9 / root  # the other root, (y^2 / 16 - r)^(1/3), without cancellation
    w = torch.sqrt(2 * z)
    return torch.where(alive, torch.sign(x) / 8 * (w + torch.sqrt(2 * y / w - 2 * z)) ** 3, 0)


def firm(x, u, gamma=0.8):
    t1, t2 = u, u / gamma
    middle = torch.sign(x) * t2 * (abs(x) - t1) / (t2 - t1)
    return torch.where(abs(x) <= t1, 0, torch.where(abs(x) < t2, middle, x))


PROX = {
    "l1": soft,
    "nonnegative_l1": lambda x, u: functional.relu(x - u),
    "l0": hard,
    "l_half": half,
    "l_two_thirds": two_thirds,
    "firm": firm,
}


def wiener_system_function(x):
    """Window 3, zeros beyond the ends, the noise of each signal its mean local variance."""
    windows = functional.pad(x.detach(), [1, 1]).unfold(2, 3, 1)
    m, v = windows.mean(dim=3), windows.var(dim=3, correction=0)
    s2 = v.mean(dim=2, keepdim=True)
    filtered = m + (v - s2).clamp(min=0) / torch.maximum(v, s2) * (x.detach() - m)
    return torch.fft.ifft(torch.fft.fft(filtered) / torch.fft.fft(x.detach())).abs()


def operators(x, y):
    return (2.0 - x) * 3.0 / (y * y + 1.0) - (-x) * (x + 1.0) + abs(y) ** 3 - 1.0 / (x * x + 2.0)


#: From tensors, and options, to a tensor.
FUNCTIONS = {
    "mse": functional.mse_loss,
    "smooth_l1": functional.smooth_l1_loss,
    "operators": operators,
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.divide,
    "power": torch.pow,
    "matmul": torch.matmul,
    "sum": lambda x, axis, keepdims: torch.sum(x, axis, keepdim=keepdims),
    "mean": lambda x, axis, keepdims: torch.mean(x, axis, keepdim=keepdims),
    "take": take,
    "concat": lambda *parts, axis: torch.cat(parts, axis),
    "pad": lambda x, before, after: functional.pad(x, [before, after]),
    "conv1d": functional.conv1d,
    "max_pool1d": lambda x, window: functional.max_pool1d(x, window),
    "avg_pool1d": lambda x, window: functional.avg_pool1d(x, window),
    "upsample1d": nn.Upsample(scale_factor=2, mode="linear", align_corners=True),
    "relu": functional.relu,
    "leaky_relu": lambda x, slope: functional.leaky_relu(x, slope),
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: functional.softplus(x, threshold=80),
    "absolute": torch.abs,
    "prox": lambda x, u, penalty, **options: PROX[penalty](x, u, **options),
    "wiener_system_function": wiener_system_function,
}


def conv(c, taps, padding=None):
    return nn.Conv1d(c, 3, taps, padding=taps // 2 if padding is None else padding)


#: From the number of channels, and options, to a module.
MODULES = {
    "Conv1d": conv,
    "BatchNorm1d": nn.BatchNorm1d,
    "PlainNet": lambda c, **options: their_nets.plain_net(4, 3, **options),
    "UNet": lambda c, **options: their_nets.UNet(**options),
}

#: From arrays, and options, to arrays by name: what is more than one call.
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
lr_scheduler = torch.optim.lr_scheduler
SCHEDULES = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, 1.0),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 50, 0.01),
    "warm_restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 10, 2, 0.01),
    "staircase": lambda o: lr_scheduler.StepLR(o, 15, 0.5),
}


def optimizer(p, g, name, schedule, clip=None, **options):
    if name == "sgd":
        options = {"momentum": 0.9} | options
    p = torch.tensor(p, requires_grad=True)
    taken = OPTIMIZERS[name]([p], 0.05, **options)
    rates = SCHEDULES[schedule](taken)
    for gradient in torch.tensor(g):
        p.grad = gradient.clone()
        if clip is not None:
            nn.utils.clip_grad_norm_([p], clip)
        taken.step()
        rates.step()
    return {"p": p.detach().numpy()}


def trajectory(x, target, **state):
    net = their_nets.plain_net(4, 3, 3)
    net.to(torch.tensor(x).dtype)
    net.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    taken = torch.optim.SGD(net.parameters(), 0.02, momentum=0.9, weight_decay=1e-3)
    x, target, losses = torch.tensor(x), torch.tensor(target), []
    for step in range(100):
        batch = slice(2 * step % len(x), 2 * step % len(x) + 2)
        taken.zero_grad()
        loss = functional.smooth_l1_loss(net(x[batch]), target[batch])
        loss.backward()
        taken.step()
        losses.append(loss.detach().numpy())
    trained = {k: v.numpy() for k, v in net.state_dict().items() if not k.endswith("tracked")}
    return {"losses": np.array(losses)} | trained


PROCEDURES = {"optimizer": optimizer, "trajectory": trajectory}


def statistics_of_the_batch(module):
    """Normalise as in training, but leave the running statistics alone."""
    for part in module.eval().modules():
        if isinstance(part, nn.BatchNorm1d):
            part.train()
            part.momentum = 0.0


MODES = {"train": nn.Module.train, "eval": nn.Module.eval, "batch": statistics_of_the_batch}


def answer(case, inputs):
    """Compute output, gradients and running statistics."""
    if case.kind in PROCEDURES:
        return PROCEDURES[case.kind](**inputs, **case.options)
    if case.kind in MODULES:
        return module_answer(case, **inputs)
    tensors = {name: leaf(array) for name, array in inputs.items()}
    out = FUNCTIONS[case.kind](*tensors.values(), **case.options)
    backward(out)
    return {"out": out.detach().numpy()} | {f"d {name}": grad(x) for name, x in tensors.items()}


def module_answer(case, x, **state):
    module = prepared(case, x, state)
    x = leaf(x)
    out = module(x)
    backward(out)
    running = {k: v.numpy() for k, v in module.state_dict().items() if ".running_" in f".{k}"}
    return (
        {"out": out.detach().numpy(), "d x": grad(x)}
        | {f"d {name}": grad(parameter) for name, parameter in module.named_parameters()}
        | {f"after {name}": value for name, value in running.items()}
    )


def prepared(case, x, state):
    """Make the module of a case, with its state and in its mode."""
    options = dict(case.options)
    mode = options.pop("mode")
    module = MODULES[case.kind](x.shape[1], **options).to(leaf(x).dtype)
    own = module.state_dict()
    counters = {k: v for k, v in own.items() if k.endswith("num_batches_tracked")}
    module.load_state_dict({k: torch.tensor(v) for k, v in state.items()} | counters)
    MODES[mode](module)
    return module


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def grad(tensor):
    return (torch.zeros_like(tensor) if tensor.grad is None else tensor.grad).numpy()


def backward(out):
    if out.requires_grad:
        weights = torch.from_numpy(cotangent(out.shape, out.detach().numpy().dtype))
        (out * weights).sum().backward()


NUDGES, EPS = 4, 2.0**-24  # how often, and by how much, inputs are moved: half a unit of float32


def question(case, seed):
    """Draw inputs whose answer does not hang on rounding; seed 0 has the size of the stored one."""
    for attempt in range(50):
        rng = np.random.default_rng([seed, attempt, zlib.crc32(case.name.encode())])
        inputs = case.draw(rng, *(case.draw_size(rng) if seed else case.size))
        if "float32" not in case.dtypes or settled(case, inputs):
            return inputs
    raise RuntimeError(f"PyTorch does not agree with itself on {case.name}")


def settled(case, inputs):
    """Whether PyTorch answers the same in both precisions, and no decision is close.

    Nor may the answer of a network change if all numbers are a little off, as rounding makes them.
    """
    single = cast(inputs, "float32")
    double = cast(single, "float64")
    exact = cast(answer(case, double), "float32")
    if differences(exact, answer(case, single), "float32"):
        return False
    return case.kind not in MODULES or (margin(case, **double) > 1e-5 and steady(case, double))


def steady(case, inputs):
    """Whether the answer stays, within a share of the tolerance, if inputs move by half a unit."""
    rng, exact = np.random.default_rng(0), cast(answer(case, inputs), "float32")
    moved = (
        {k: x * (1 + rng.uniform(-EPS, EPS, x.shape)) for k, x in inputs.items()}
        for _ in range(NUDGES)
    )
    return not any(
        differences(cast(answer(case, off), "float32"), exact, "float32", share=1 / ROUNDING)
        for off in moved
    )


def margin(case, x, **state):
    """Return the smallest |x| that an activation sees, and the smallest lead of a window's maximum.

    Rounding may turn a decision that is closer, and with it a gradient.
    """
    found = [np.inf]

    def watch(part, arguments, out):
        x = arguments[0]
        if isinstance(part, nn.ReLU | nn.LeakyReLU):
            found.extend(abs(x).ravel().tolist())
        for window in windows(part, x):
            lead = window.topk(2).values.diff().ravel().abs()
            found.extend(lead[lead > 0].tolist())  # equal ones are equal on either side

    module = prepared(case, x, state)
    for part in module.modules():
        part.register_forward_hook(watch)
    module(leaf(x))
    return min(found)


def windows(part, x):
    """List what a pooling takes the maximum of, two samples or more."""
    if isinstance(part, nn.MaxPool1d):
        return [x.unfold(2, 2, 2)]
    if isinstance(part, nn.AdaptiveMaxPool1d):
        n = x.shape[2]
        thirds = [x[:, :, i * n // 3 : -(-(i + 1) * n // 3)] for i in range(3)]
        return [third for third in thirds if third.shape[2] > 1]
    return []
