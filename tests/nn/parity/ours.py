"""Our side: each kind of case in `denoiselib.nn`, and what it answers."""

import numpy as np

from denoiselib.nn import (
    BatchNorm1d,
    Conv1d,
    Module,
    PlainNet,
    Program,
    Tensor,
    UNet,
    losses,
    ops,
    optim,
)
from denoiselib.nn.modules import Parameter
from denoiselib.nn.unet import WienerSystem
from tests.nn.parity.answers import cotangent


def operators(x, y):
    """Tensors and numbers on either side, and each tensor used several times."""
    return (2.0 - x) * 3.0 / (y * y + 1.0) - (-x) * (x + 1.0) + abs(y) ** 3 - 1.0 / (x * x + 2.0)


#: From tensors, and options, to a tensor.
FUNCTIONS = {
    "operators": operators,
    "add": ops.add,
    "subtract": ops.subtract,
    "multiply": ops.multiply,
    "divide": ops.divide,
    "power": ops.power,
    "matmul": ops.matmul,
    "sum": ops.sum,
    "mean": ops.mean,
    "take": ops.take,
    "concat": lambda *parts, axis: ops.concat(parts, axis),
    "pad": ops.pad,
    "conv1d": ops.conv1d,
    "max_pool1d": ops.max_pool1d,
    "avg_pool1d": ops.avg_pool1d,
    "upsample1d": ops.upsample1d,
    "relu": ops.relu,
    "leaky_relu": ops.leaky_relu,
    "sigmoid": ops.sigmoid,
    "softplus": ops.softplus,
    "absolute": ops.absolute,
    "prox": ops.prox,
    "wiener_system_function": lambda x: WienerSystem(x).out,
    "mse": losses.mse,
    "smooth_l1": losses.smooth_l1,
}

LOSSES = ("mse", "smooth_l1")

#: From the number of channels, and options, to a module.
MODULES = {
    "Conv1d": lambda c, taps, **options: Conv1d(c, 3, taps, **options),
    "BatchNorm1d": BatchNorm1d,
    "PlainNet": lambda c, **options: PlainNet(4, 3, **options),
    "UNet": lambda c, **options: UNet(**options),
}

#: From arrays, and options, to arrays by name: what is more than one call.
SCHEDULES = {
    "constant": optim.constant(0.05),
    "cosine": optim.cosine(0.05, 50, minimum=0.01),
    "warm_restarts": optim.warm_restarts(0.05, 10, factor=2, minimum=0.01),
    "staircase": optim.staircase(0.05, 15, factor=0.5),
}


def optimizer(p, g, name, schedule, clip=None, **options):
    """Follow given gradients for as many steps as there are."""
    module = Module()
    module.p = Parameter(p.copy())
    taken = optim.OPTIMIZERS[name](module, 0.05, **options)
    for step, gradient in enumerate(g):
        module.gradient[...] = gradient.ravel()
        if clip is not None:
            optim.clip(module.gradient, clip)
        taken.lr = SCHEDULES[schedule](step)
        taken.step()
    return {"p": module.p.data}


def trajectory(x, target, **state):
    """Train for 100 steps, batch norm and all."""
    net = PlainNet(4, 3, dtype=x.dtype)
    net.load_state_dict(state)
    program = Program(lambda x, t: losses.smooth_l1(net.train()(x), t))
    taken, values = optim.SGD(net, 0.02, weight_decay=1e-3), []
    for step in range(100):
        batch = slice(2 * step % len(x), 2 * step % len(x) + 2)
        values.append(float(program(x[batch], target[batch])))
        program.backward()
        taken.step()
    return {"losses": np.array(values, x.dtype)} | net.state_dict()


PROCEDURES = {"optimizer": optimizer, "trajectory": trajectory}

MODES = {
    "train": lambda module: module.train(),
    "eval": lambda module: module.eval(),
    "batch": lambda module: module.eval(statistics="batch"),
}


def answer(case, inputs, layout=np.array):
    """Compute output, gradients and running statistics; the layout is one of copies in memory."""
    if case.kind in PROCEDURES:
        return PROCEDURES[case.kind](**inputs, **case.options)
    if case.kind in MODULES:
        return module_answer(case, **inputs)
    tensors = {name: Tensor(layout(array), requires_grad=True) for name, array in inputs.items()}
    out = FUNCTIONS[case.kind](*tensors.values(), **case.options)
    backward(out)
    return {"out": out.data} | {f"d {name}": x.grad for name, x in tensors.items()}


def module_answer(case, x, **state):
    """Compute the answer of a module in its mode."""
    module = prepared(case, x, state)
    x = Tensor(x, requires_grad=True)
    out = module(x)
    backward(out)
    return {"out": out.data, "d x": x.grad} | traces(module, state)


def replayed_answer(case, x, **state):
    """Compute the same by a program that was planned on other data; it has no gradient to x."""
    module = prepared(case, x, state)
    weights = cotangent(module(x).shape, x.dtype)
    outputs = []

    def weighted(x):
        outputs.append(module(x))
        return (outputs[0] * weights).sum()

    program = Program(weighted)
    program(x[::-1, :, ::-1] + 1)
    program.backward()
    module.load_state_dict(state)
    program(x)
    program.backward()
    return {"out": outputs[0].data} | traces(module, state)


def prepared(case, x, state):
    """Make the module of a case, with its state and in its mode."""
    options = dict(case.options)
    mode = options.pop("mode")
    module = MODULES[case.kind](x.shape[1], **options, dtype=x.dtype)
    module.load_state_dict(state)
    return MODES[mode](module)


def traces(module, state):
    """Return gradients and running statistics; nothing else of the state may have changed."""
    after = module.state_dict()
    running = {name for name in state if ".running_" in f".{name}"}
    for name in state.keys() - running:
        np.testing.assert_array_equal(after[name], state[name])
    gradients = {f"d {name}": parameter.grad for name, parameter in module.named_parameters()}
    return gradients | {f"after {name}": after[name] for name in state if name in running}


def backward(out):
    """Fill the gradients, if there are any."""
    if out.requires_grad:
        (out * cotangent(out.shape, out.dtype)).sum().backward()
