"""Two networks: the slides' U-Net, with or without its prior network, and a plain stack."""

from functools import partial

import numpy as np

from denoiselib import _check
from denoiselib.filters.wiener import wiener_system_function
from denoiselib.nn import norm as norms
from denoiselib.nn import ops
from denoiselib.nn.modules import (
    ACTIVATIONS,
    LEVEL_SOURCES,
    Activation,
    Conv1d,
    Module,
    Network,
    Parameter,
    Sequential,
)
from denoiselib.nn.tensor import Op, empty


class DoubleConv(Module):
    """Twice convolution (3 taps), normalisation, activation: the slides' building block."""

    def __init__(self, in_channels, out_channels, middle=None, *, layers):
        middle = out_channels if middle is None else middle
        first = [layers.conv(in_channels, middle), layers.norm(middle), layers.activation()]
        second = [layers.conv(middle, out_channels), layers.norm(out_channels), layers.activation()]
        self.double_conv = Sequential([*first, *second])

    def forward(self, x, *mask):
        """Pass x through all six; a mask, if given, multiplies the first kernel."""
        first, *others = self.double_conv
        x = first(x, *mask)
        for module in others:
            x = module(x)
        return x


class Down(Module):
    """Half the length, then a double convolution."""

    def __init__(self, in_channels, out_channels, *, layers):
        self.pool = layers.pool
        self.maxpool_conv = Sequential({1: DoubleConv(in_channels, out_channels, layers=layers)})

    def forward(self, x, *mask):
        """Pool and convolve; a mask, if given, multiplies the first kernel."""
        (block,) = self.maxpool_conv
        return block(self.pool(x), *mask)


class Up(Module):
    """Twice the length, beside what was there before pooling, then a double convolution."""

    def __init__(self, in_channels, out_channels, *, layers):
        self.conv = DoubleConv(in_channels, out_channels, in_channels // 2, layers=layers)

    def forward(self, x, skip, part=None):
        """Upsample x, pad it to the length of the skip, and convolve both.

        If x is part of a longer signal, `part` is (index of its first sample, total length).
        """
        x = ops.upsample1d(x, part)
        missing = skip.shape[-1] - x.shape[-1]
        x = ops.pad(x, missing // 2, missing - missing // 2)
        return self.conv(ops.concat([skip, x], groups=self.nets))


class Out(Module):
    """One tap from features to the signal."""

    def __init__(self, in_channels, *, layers):
        self.conv = layers.conv(in_channels, 1, taps=1)

    def forward(self, x):
        """Mix the channels."""
        return self.conv(x)


class Layers:
    """Makes the layers of a network, with the options that all its blocks share."""

    def __init__(self, norm, activation, pool, bias, init, rng, dtype):
        self.dtype = dtype = _check.precision(dtype)
        options = {"bias": bias, "init": init, "rng": _check.generator(rng), "dtype": dtype}
        self.conv = partial(Conv1d, taps=3, **options)
        norms.find(norm)  # an unknown name is refused now
        self.norm = partial(norms.make, norm, dtype=dtype)
        function = norms.entry(ACTIVATIONS, activation, "activation")
        learned = isinstance(function, type)
        self.activation = partial(function, dtype) if learned else partial(Activation, function)
        self.pool = POOLS[_check.choice(pool, "pool", POOLS)]


def checked_level(level):
    """Return where the noise level comes from, if it is one of `LEVEL_SOURCES`."""
    if not isinstance(level, str | None) or level not in LEVEL_SOURCES:
        raise ValueError(
            f"level must be one of {', '.join(map(repr, LEVEL_SOURCES))}, not {level!r}"
        )
    return level


#: Poolings by name.
POOLS = {"max": ops.max_pool1d, "average": ops.avg_pool1d}


class UNet(Network):
    r"""The slides' U-Net: down four times, up four times, with skips between.

    Parameters
    ----------
    channels : sequence of five int
        Widths of the encoder; the decoder mirrors them.
    norm, activation, init : str
        A normalisation that `norm.make` takes, and names in `modules.ACTIVATIONS` and
        `modules.INITS`.
    prior : bool
        Whether a prior network modulates a kernel at the bottleneck.
    pool : {"max", "average"}
        How the length is halved.
    bias : bool
        Whether the convolutions add something; without, and with ``norm="bias_free"``, nothing is
        added anywhere.
    level : {None, "mad", "given"}
        Whether a second input channel holds the noise level of each signal: its own estimate
        (`ops.mad`), or given as the second channel of the signals.
    rng, dtype
        As in `Conv1d`.

    Notes
    -----
    With ``prior=True`` the Wiener system function h0 of each input (see
    `filters.wiener_system_function`) passes through a network of the encoder's shape, is pooled to
    three taps and averaged over the batch: h, one value for each channel and tap. The first kernel
    k of the last encoder block then acts as :math:`k\,(1 + \beta h)`, the same mask for all its
    inputs. Gradients reach the prior network and :math:`\beta`; h0 counts as a constant.

    Examples
    --------
    >>> net = UNet(rng=0)
    >>> net(np.zeros((2, 1, 100))).shape, sum(p.data.size for p in net.parameters())
    ((2, 1, 100), 6039)
    """

    align = 16
    #: four convolutions at each scale 1, 2, 4, 8 and two at 16; a neighbour in each upsampling; the
    #: 16 samples that are pooled together
    reach = 4 * (1 + 2 + 4 + 8) + 2 * 16 + (2 + 4 + 8 + 16) + 15

    def __init__(
        self,
        channels=(2, 4, 8, 16, 16),
        *,
        norm="batch",
        activation="relu",
        prior=False,
        pool="max",
        bias=True,
        init="pytorch",
        level=None,
        rng=0,
        dtype=np.float32,
    ):
        if len(_check.several(channels, "channels")) != 5:
            raise ValueError(f"channels must be five widths, not {channels}")
        c = [_check.integer(width, "channels", 1) for width in channels]
        layers = Layers(norm, activation, pool, bias, init, rng, dtype)
        self.level = checked_level(level)
        self.inc = DoubleConv(2 if level else 1, c[0], layers=layers)
        for k in range(1, 5):
            setattr(self, f"down{k}", Down(c[k - 1], c[k], layers=layers))
        self.up1 = Up(c[4] + c[3], c[2], layers=layers)
        self.up2 = Up(2 * c[2], c[1], layers=layers)
        self.up3 = Up(2 * c[1], c[0], layers=layers)
        self.up4 = Up(2 * c[0], c[0], layers=layers)
        self.outc = Out(c[0], layers=layers)
        if _check.flag(prior, "prior"):
            if c[3] != c[4]:
                raise ValueError(
                    "channels are masked by the prior network: the last two widths must agree"
                )
            self.wienernet = WienerNet(c, layers=layers)
            self.mixes_batch = True
        self.flatten()

    def forward(self, x, part=None):
        """Denoise ``(batch, 1, length)``; `part` is that of `Up`, at the full length."""
        x = self.inputs(x)
        if x.shape[2] < 16:
            raise ValueError(
                f"x must have the shape (batch, 1, length), length at least 16, not {x.shape}"
            )
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        mask = [self.mask(x)] if hasattr(self, "wienernet") else []
        x5 = self.down4(x4, *mask)
        parts = [part and (part[0] >> level, part[1] >> level) for level in (4, 3, 2, 1)]
        y = self.up1.forward(x5, x4, parts[0])
        y = self.up2.forward(y, x3, parts[1])
        y = self.up3.forward(y, x2, parts[2])
        return self.outc(self.up4.forward(y, x1, parts[3]))

    def mask(self, x):
        """Return the factor of the first kernel of the last encoder block."""
        return self.wienernet(x[:, ::2] if self.level else x)

    def forward_part(self, x, start, length):
        return self.forward(x, (start, length))


class WienerNet(Module):
    """The slides' prior network: from the Wiener system function to a mask for a kernel."""

    def __init__(self, channels, *, layers):
        self.inc = DoubleConv(1, channels[0], layers=layers)
        for k in range(1, 4):
            setattr(self, f"down{k}", Down(channels[k - 1], channels[k], layers=layers))
        self.beta = Parameter(np.full(1, 0.5, layers.dtype))

    def forward(self, x):
        """Return ``1 + beta h`` of shape (channels, 1, 3)."""
        h = WienerSystem(x).out
        for block in (self.inc, self.down1, self.down2, self.down3):
            h = block(h)
        taps = _thirds(h).mean(axis=0)
        return (taps * self.each(self.beta, len(taps.data)))[:, None] + 1.0


class WienerSystem(Op):
    """the Wiener system function of each signal; no gradient passes"""

    def __init__(self, x):
        self.x, self.y = x.data, empty(x.shape, x.dtype)
        super().__init__([], self.y)

    def forward(self):
        for k in range(self.x.shape[1]):  # one by one: the same to the last bit in a stack
            part = slice(k, k + 1)
            np.copyto(self.y[:, part], wiener_system_function(self.x[:, part], size=3))


def _thirds(x):
    """Pool to three taps, the largest sample of each third; thirds may overlap by a sample."""
    n = x.shape[-1]
    bounds = [(i * n // 3, -(-(i + 1) * n // 3)) for i in range(3)]
    return ops.concat([ops.max_pool1d(x[:, :, a:b], b - a) for a, b in bounds], axis=2)


class PlainNet(Network):
    """A plain stack: convolutions of one width, normalised and activated, and one to one channel.

    Parameters
    ----------
    width, depth, kernel : int
        Channels in between, number of convolutions (at least 2), and taps of each (odd).
    dilation : int or sequence of int
        Distance of the taps, in samples, of all convolutions or of each: with 1, 2, 4 .. a net sees
        far with few weights.
    norm, activation, bias, init, level, rng, dtype
        As in `UNet`.

    Examples
    --------
    >>> net = PlainNet(rng=0)
    >>> net(np.zeros((2, 1, 100))).shape, sum(p.data.size for p in net.parameters())
    ((2, 1, 100), 1777)
    """

    def __init__(
        self,
        width=16,
        depth=4,
        kernel=3,
        dilation=1,
        *,
        norm="batch",
        activation="relu",
        bias=True,
        init="pytorch",
        level=None,
        rng=0,
        dtype=np.float32,
    ):
        width = _check.integer(width, "width", 1)
        depth = _check.integer(depth, "depth", 2)
        if _check.integer(kernel, "kernel", 1) % 2 == 0:
            raise ValueError(f"kernel must be odd, not {kernel}")
        one = _check.real(dilation, "dilation").ndim == 0
        dilations = [dilation] * depth if one else list(dilation)
        if len(dilations) != depth:
            raise ValueError(f"dilation must be {depth} numbers, as depth says, not {dilation}")
        dilations = [_check.integer(number, "dilation", 1) for number in dilations]
        layers = Layers(norm, activation, "max", bias, init, rng, dtype)
        self.level, stack = checked_level(level), []
        first = 2 if level else 1
        for k in range(depth - 1):
            seen = width if k else first
            stack += [layers.conv(seen, width, taps=kernel, dilation=dilations[k])]
            stack += [layers.norm(width), layers.activation()]
        last = layers.conv(width, 1, taps=kernel, dilation=dilations[-1])
        self.layers = Sequential([*stack, last])
        self.reach = sum(dilations) * (kernel // 2)
        self.flatten()

    def forward(self, x):
        """Denoise ``(batch, 1, length)``."""
        return self.layers(self.inputs(x))
