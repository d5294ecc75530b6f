"""Two networks: the slides' U-Net, with or without its prior network, and a plain stack."""

import numpy as np

from denoiselib import _check, filters
from denoiselib.nn import norm as norms
from denoiselib.nn import ops
from denoiselib.nn.modules import (
    ACTIVATIONS,
    LEVELS,
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

    def __init__(self, in_channels, out_channels, middle=None, *, style):
        middle = out_channels if middle is None else middle
        self.double_conv = Sequential(
            {
                0: style.conv(in_channels, middle),
                1: style.norm(middle),
                2: style.activation(),
                3: style.conv(middle, out_channels),
                4: style.norm(out_channels),
                5: style.activation(),
            }
        )

    def forward(self, x):
        """Pass x through all six."""
        return self.double_conv(x)


class Pool(Module):
    """A pooling as a module."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        """Apply the function."""
        return self.function(x)


class Down(Module):
    """Half the length, then a double convolution."""

    def __init__(self, in_channels, out_channels, *, style):
        pool = Pool(style.pool)
        block = DoubleConv(in_channels, out_channels, style=style)
        self.maxpool_conv = Sequential([pool, block])

    def forward(self, x):
        """Pool and convolve."""
        return self.maxpool_conv(x)


class Up(Module):
    """Twice the length, beside what was there before pooling, then a double convolution."""

    part = None  #: where x is one of a longer signal: its first sample, and the whole length

    def __init__(self, in_channels, out_channels, *, style):
        self.conv = DoubleConv(in_channels, out_channels, in_channels // 2, style=style)

    def forward(self, x, skip):
        """Upsample x, pad it to the length of the skip, and convolve both."""
        x = ops.upsample1d(x, self.part)
        missing = skip.shape[-1] - x.shape[-1]
        x = ops.pad(x, missing // 2, missing - missing // 2)
        return self.conv(ops.concat([skip, x]))


class Out(Module):
    """One tap from features to the signal."""

    def __init__(self, in_channels, *, style):
        self.conv = style.conv(in_channels, 1, taps=1)

    def forward(self, x):
        """Mix the channels."""
        return self.conv(x)


class Style:
    """What all blocks of a network have in common."""

    def __init__(self, norm, activation, pool, bias, init, rng, dtype):
        self.norm_layer = norms.find(norm)
        self.function = ACTIVATIONS[_check.choice(activation, "activation", ACTIVATIONS)]
        self.pool = POOLS[_check.choice(pool, "pool", POOLS)]
        self.bias, self.init, self.rng = bias, init, _check.generator(rng)
        self.dtype = _check.precision(dtype)

    def conv(self, in_channels, out_channels, taps=3, dilation=1):
        """Make a convolution."""
        return Conv1d(
            in_channels,
            out_channels,
            taps,
            dilation=dilation,
            bias=self.bias,
            init=self.init,
            rng=self.rng,
            dtype=self.dtype,
        )

    def norm(self, channels):
        """Make a normalisation, or None."""
        return None if self.norm_layer is None else self.norm_layer(channels, dtype=self.dtype)

    def activation(self):
        """Make an activation."""
        made = self.function
        return made(self.dtype) if isinstance(made, type) else Activation(made)


def checked_level(level):
    """Return where the noise level comes from, if it is known."""
    if not isinstance(level, str | None) or level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(map(repr, LEVELS))}, not {level!r}")
    return level


#: Poolings by name.
POOLS = {"max": ops.max_pool1d, "average": ops.avg_pool1d}


class UNet(Network):
    r"""The slides' U-Net: down four times, up four times, with skips between.

    Parameters
    ----------
    channels : sequence of five int
        Widths of the encoder; the decoder mirrors them.
    norm : str
        Normalisation after each convolution, a name that `norm.make` takes.
    activation : str
        Name in `modules.ACTIVATIONS`.
    prior : bool
        Whether a prior network modulates a kernel at the bottleneck.
    pool : {"max", "average"}
        How the length is halved.
    bias : bool
        Whether the convolutions add something; without, and with ``norm="bias_free"``, nothing is
        added anywhere.
    init : str
        Name in `modules.INITS`.
    level : {None, "mad", "given"}
        Whether a second input channel holds the noise level of each signal: its own estimate
        (`ops.mad`), or given as the second channel of the signals.
    rng : seed, numpy.random.Generator or None
        Source of the initial weights.
    dtype : numpy dtype
        float32 or float64.

    Raises
    ------
    ValueError
        If a name is unknown, there are not five widths, or signals are shorter than 16 samples.

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
        style = Style(norm, activation, pool, bias, init, rng, dtype)
        self.level = checked_level(level)
        self.inc = DoubleConv(2 if level else 1, c[0], style=style)
        for k in range(1, 5):
            setattr(self, f"down{k}", Down(c[k - 1], c[k], style=style))
        self.up1 = Up(c[4] + c[3], c[2], style=style)
        self.up2 = Up(2 * c[2], c[1], style=style)
        self.up3 = Up(2 * c[1], c[0], style=style)
        self.up4 = Up(2 * c[0], c[0], style=style)
        self.outc = Out(c[0], style=style)
        if _check.flag(prior, "prior"):
            if c[3] != c[4]:
                raise ValueError(
                    "channels are masked by the prior network: the last two widths must agree"
                )
            self.wienernet = WienerNet(c, style=style)
            self.mixes_batch = True
        self.flatten()

    def forward(self, x):
        """Denoise ``(batch, 1, length)``."""
        x = self.inputs(x)
        if x.shape[2] < 16:
            raise ValueError(
                f"x must have the shape (batch, 1, length), length at least 16, not {x.shape}"
            )
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x5 = self.down4(x4) if not hasattr(self, "wienernet") else self.guided(x, x4)
        y = self.up1(x5, x4)
        y = self.up2(y, x3)
        y = self.up3(y, x2)
        return self.outc(self.up4(y, x1))

    def as_part(self, start, length):
        """Take what comes for the samples from `start` on of a signal of that length."""
        for level in range(1, 5):
            getattr(self, f"up{5 - level}").part = (start >> level, length >> level)

    def guided(self, x, features):
        """Run the last encoder block with its first kernel under the prior's mask."""
        pool, block = (module for _, module in self.down4.maxpool_conv.children())
        first, *rest = (module for _, module in block.double_conv.children())
        mask = self.wienernet(x[:, :1] if self.level else x)
        y = ops.conv1d(pool(features), first.weight * mask, first.bias, first.padding)
        for module in rest:
            y = module(y)
        return y


class WienerNet(Module):
    """The slides' prior network: from the Wiener system function to a mask for a kernel."""

    def __init__(self, channels, *, style):
        self.inc = DoubleConv(1, channels[0], style=style)
        for k in range(1, 4):
            setattr(self, f"down{k}", Down(channels[k - 1], channels[k], style=style))
        self.beta = Parameter(np.full(1, 0.5, style.dtype))

    def forward(self, x):
        """Return ``1 + beta h`` of shape (channels, 1, 3)."""
        h = WienerSystem(x).out
        for block in (self.inc, self.down1, self.down2, self.down3):
            h = block(h)
        taps = _thirds(h).mean(axis=0)
        return taps[:, None] * self.beta + 1.0


class WienerSystem(Op):
    """the Wiener system function of each signal; no gradient passes"""

    def __init__(self, x):
        self.x, self.y = x.data, empty(x.shape, x.dtype)
        super().__init__([], self.y)

    def forward(self):
        np.copyto(self.y, filters.wiener_system_function(self.x, size=3))


def _thirds(x):
    """Pool to three taps, the largest sample of each third; thirds may overlap by a sample."""
    n = x.shape[-1]
    bounds = [(i * n // 3, -(-(i + 1) * n // 3)) for i in range(3)]
    return ops.concat([ops.max_pool1d(x[:, :, a:b], b - a) for a, b in bounds], axis=2)


class PlainNet(Network):
    """A plain stack: convolutions of one width, normalised and activated, and one to come back.

    Parameters
    ----------
    width : int
        Channels in between.
    depth : int
        Number of convolutions, at least 2.
    kernel : int
        Taps, odd.
    dilation : int or sequence of int
        Distance of the taps, in samples, of all convolutions or of each: with 1, 2, 4 .. a net sees
        far with few weights.
    norm, activation, bias, init, level, rng, dtype
        As in `UNet`.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of range.

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
        style = Style(norm, activation, "max", bias, init, rng, dtype)
        self.level, layers = checked_level(level), []
        first = 2 if level else 1
        for k in range(depth - 1):
            layers += [style.conv(width if k else first, width, kernel, dilations[k])]
            layers += [style.norm(width), style.activation()]
        self.layers = Sequential([*layers, style.conv(width, 1, kernel, dilations[-1])])
        self.reach = sum(dilations) * (kernel // 2)
        self.flatten()

    def forward(self, x):
        """Denoise ``(batch, 1, length)``."""
        return self.layers(self.inputs(x))
