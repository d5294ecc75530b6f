"""The two networks and their training in JAX, as pure functions, with the names of our states.

The convolution comes in two formulations. "im2col" is ours: arrays (channels, time, batch), the
shifted copies of the padded signal as rows of one matrix, and one product with the kernel. "lax" is
JAX's own convolution, of arrays (batch, channels, time). All else is the same code for both: `axis`
says where channels lie, and time is the axis behind them.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

EPS, MOMENTUM = 1e-5, 0.1  # of batch norm

# --- layers


def im2col(w, b, x):
    """Convolve (channels, time, batch): one product of the kernel with all shifted copies."""
    out_channels, channels, taps = w.shape
    _, length, batch = x.shape
    if taps > 1:
        padded = jnp.pad(x, ((0, 0), (taps // 2, taps // 2), (0, 0)))
        x = jnp.stack([padded[:, k : k + length] for k in range(taps)], axis=1)
    y = w.reshape(out_channels, -1) @ x.reshape(channels * taps, -1)
    return (y + b[:, None]).reshape(out_channels, length, batch)


def lax(w, b, x):
    """Convolve (batch, channels, time) by the convolution that JAX has."""
    padding = [(w.shape[2] // 2, w.shape[2] // 2)]
    layout = ("NCH", "OIH", "NCH")
    y = jax.lax.conv_general_dilated(x, w, (1,), padding, dimension_numbers=layout)
    return y + b[:, None]


#: Formulations of the convolution, and the axis of its channels.
FORMULATIONS = {"im2col": (im2col, 0), "lax": (lax, 1)}


def batch_norm(weight, bias, x, axis):
    """Normalise by the statistics of the batch; return those, too, the variance unbiased."""
    others = tuple(k for k in range(3) if k != axis)
    shape = [-1 if k == axis else 1 for k in range(3)]
    mean = x.mean(others, keepdims=True)
    centred = x - mean
    variance = (centred * centred).mean(others, keepdims=True)
    gain = weight.reshape(shape) / jnp.sqrt(variance + EPS)
    count = x.size // weight.size
    return centred * gain + bias.reshape(shape), (
        mean.reshape(-1),
        variance.reshape(-1) * (count / (count - 1)),
    )


def max_pool(x, axis):
    """Take the larger one of two neighbours; of equal ones the first gets the gradient."""
    half = x.shape[axis] // 2
    pairs = x if x.shape[axis] % 2 == 0 else jax.lax.slice_in_dim(x, 0, 2 * half, axis=axis)
    pairs = pairs.reshape(*x.shape[:axis], half, 2, *x.shape[axis + 1 :])
    first, second = (jax.lax.index_in_dim(pairs, k, axis + 1, keepdims=False) for k in (0, 1))
    return jnp.where(first >= second, first, second)


def upsample(x, axis):
    """Interpolate linearly to twice the length, both ends kept: a product with a matrix."""
    length = x.shape[axis]
    place = np.arange(2 * length) * (length - 1) / (2 * length - 1)
    matrix = np.maximum(1 - abs(place[:, None] - np.arange(length)), 0).astype(np.float32)
    return jnp.einsum("ot,ctb->cob" if axis == 1 else "ot,bct->bco", matrix, x)


# --- networks


class Pass:
    """One pass of a batch through the layers of a state, which gathers the new statistics."""

    def __init__(self, state, formulation):
        self.state = state
        self.conv, self.axis = FORMULATIONS[formulation]
        self.running = {}

    def convolve(self, name, x):
        return self.conv(self.state[f"{name}.weight"], self.state[f"{name}.bias"], x)

    def block(self, conv, norm, x):
        """Convolution, batch norm, ReLU."""
        weight, bias = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        y, statistics = batch_norm(weight, bias, self.convolve(conv, x), self.axis)
        for name, new in zip(("running_mean", "running_var"), statistics, strict=True):
            old = self.state[f"{norm}.{name}"]
            self.running[f"{norm}.{name}"] = old + MOMENTUM * (jax.lax.stop_gradient(new) - old)
        return jax.nn.relu(y)

    def double(self, name, x):
        x = self.block(f"{name}.double_conv.0", f"{name}.double_conv.1", x)
        return self.block(f"{name}.double_conv.3", f"{name}.double_conv.4", x)

    def down(self, name, x):
        return self.double(f"{name}.maxpool_conv.1", max_pool(x, self.axis + 1))

    def up(self, name, x, skip):
        """Upsample, pad to the length of the skip, and convolve both."""
        time = self.axis + 1
        x = upsample(x, time)
        missing = skip.shape[time] - x.shape[time]
        pads = [(0, 0)] * 3
        pads[time] = missing // 2, missing - missing // 2
        x = jnp.concatenate([skip, jnp.pad(x, pads)], self.axis)
        return self.double(f"{name}.conv", x)


def unet(run, x):
    """The slides' U-Net."""
    x1 = run.double("inc", x)
    x2 = run.down("down1", x1)
    x3 = run.down("down2", x2)
    x4 = run.down("down3", x3)
    y = run.down("down4", x4)
    for name, skip in (("up1", x4), ("up2", x3), ("up3", x2), ("up4", x1)):
        y = run.up(name, y, skip)
    return run.convolve("outc.conv", y)


def plain(run, x):
    """Four convolutions of width 16."""
    for k in (0, 3, 6):
        x = run.block(f"layers.{k}", f"layers.{k + 1}", x)
    return run.convolve("layers.9", x)


NETS = {"unet": unet, "plain": plain}

# --- training


def smooth_l1(error):
    size = abs(error)
    return jnp.where(size < 1, error * error / 2, size - 0.5).mean()


def split(state):
    """Return the parameters of a state, and its running statistics."""
    running = {name: array for name, array in state.items() if "running" in name}
    return {name: state[name] for name in state if name not in running}, running


def training(net, formulation, lr, momentum=0.9):
    """Return ``step(train_state, (x, y)) -> train_state, loss``: SGD on batches (batch, 1, time).

    The training state is (parameters, velocity, running statistics), each by name.
    """

    def loss(parameters, running, x, y):
        if formulation == "im2col":
            x, y = (a.transpose(1, 2, 0) for a in (x, y))
        run = Pass(parameters | running, formulation)
        return smooth_l1(NETS[net](run, x) - y), run.running

    def step(state, batch):
        p, v, running = state
        (value, running), g = jax.value_and_grad(loss, has_aux=True)(p, running, *batch)
        v = jax.tree.map(lambda v, g: momentum * v + g, v, g)
        p = jax.tree.map(lambda p, v: p - lr * v, p, v)
        return (p, v, running), value

    return step


def start(state):
    """Return the training state from the arrays of a network, of NumPy."""
    parameters, running = split({name: jnp.array(array) for name, array in state.items()})
    return parameters, {name: jnp.zeros_like(p) for name, p in parameters.items()}, running


def one_by_one(step):
    """Compile a step, the old state given up for the new one."""
    return jax.jit(step, donate_argnums=0)


def scanned(step):
    """Compile many steps, one after the other, on batches (steps, batch, 1, time)."""
    return jax.jit(partial(jax.lax.scan, step), donate_argnums=0)


def of_many(step):
    """A step of many nets, on batches (nets, batch, 1, time)."""
    return jax.vmap(step)
