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
from jax.flatten_util import ravel_pytree

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


def batch_moments(x, axis):
    """Return mean and variance of each channel, in two passes."""
    others = tuple(k for k in range(3) if k != axis)
    centred = x - x.mean(others, keepdims=True)
    return x.mean(others), (centred * centred).mean(others)


def normalise(x, mean, variance, gamma, beta, axis):
    """Return gamma (x - mean) / sqrt(variance + eps) + beta."""
    shape = [-1 if k == axis else 1 for k in range(3)]
    gain = gamma / jnp.sqrt(variance + EPS)
    return (x - mean.reshape(shape)) * gain.reshape(shape) + beta.reshape(shape)


def max_pool(x, axis):
    """Take the larger one of two neighbours; of equal ones the first gets the gradient."""
    whole = x.shape[axis] // 2 * 2
    first, second = (jax.lax.slice_in_dim(x, k, whole, 2, axis) for k in (0, 1))
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

    def __init__(self, state, formulation, training=True):
        self.state, self.training, self.running = state, training, {}
        self.conv, self.axis = FORMULATIONS[formulation]

    def convolve(self, name, x):
        return self.conv(self.state[f"{name}.weight"], self.state[f"{name}.bias"], x)

    def block(self, conv, norm, x):
        """Convolution, batch norm, ReLU."""
        x = self.convolve(conv, x)
        running = [self.state[f"{norm}.running_{name}"] for name in ("mean", "var")]
        moments = batch_moments(x, self.axis) if self.training else running
        count = x.size // running[0].size
        unbiased = moments[0], moments[1] * (count / (count - 1))
        for name, old, new in zip(("mean", "var"), running, unbiased, strict=True):
            self.running[f"{norm}.running_{name}"] = (1 - MOMENTUM) * old + MOMENTUM * new
        gamma, beta = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return jax.nn.relu(normalise(x, *moments, gamma, beta, self.axis))

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


def squared(error):
    return (error * error).mean()


def sgd(lr, momentum=0.9):
    """Return an update whose memory is the velocity."""

    def update(p, velocity, g):
        velocity = momentum * velocity + g
        return p - lr * velocity, velocity

    return update


def adam(p, memory, g, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """Update the parameters; the memory is both moments, and the number of the step."""
    m, v, t = memory
    t = t + 1
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    p = p - lr / (1 - beta1**t) * m / (jnp.sqrt(v / (1 - beta2**t)) + eps)
    return p, (m, v, t)


class Training:
    """How a net is trained: pure functions of one vector of parameters and one of statistics.

    A vector in the place of many arrays makes a call cheaper, and an update one operation.
    """

    def __init__(self, net, formulation, state, measure=smooth_l1, update=None):
        """Take the net's name, and its state, arrays by name."""
        self.net, self.formulation, self.measure, self.update = net, formulation, measure, update
        running = {name: array for name, array in state.items() if "running" in name}
        self.p, self.named = ravel_pytree({k: state[k] for k in state if k not in running})
        self.running, self.statistics = ravel_pytree(running)

    def apply(self, p, running, x, training):
        """Pass (batch, 1, time); return the output alike, and the new statistics."""
        order = (1, 2, 0) if self.formulation == "im2col" else (0, 1, 2)
        state = self.named(p) | self.statistics(running)
        run = Pass(state, self.formulation, training)
        y = NETS[self.net](run, x.transpose(order))
        return y.transpose(np.argsort(order)), ravel_pytree(run.running)[0]

    def denoise(self, p, running, x):
        """Pass (batch, 1, time) with running statistics."""
        return self.apply(p, running, x, training=False)[0]

    def loss(self, p, running, x, y):
        estimate, running = self.apply(p, running, x, training=True)
        return self.measure(estimate - y), running

    def step(self, state, batch):
        """Train on a batch, its arrays first and then what the update wants; return the loss, too.

        The state is (parameters, memory of the update, running statistics).
        """
        (x, y, *rest), (p, memory, running) = batch, state
        gradient = jax.value_and_grad(self.loss, has_aux=True)
        (value, running), g = gradient(p, running, x, y)
        p, memory = self.update(p, memory, g, *rest)
        return (p, memory, running), value


# The old state is given up for the new one, which may then take its place in memory.


def one_by_one(step):
    """Compile a step."""
    return jax.jit(step, donate_argnums=0)


def scanned(step):
    """Compile many steps, one after the other, on batches (steps, batch, 1, time)."""
    return jax.jit(partial(jax.lax.scan, step), donate_argnums=0)
