"""The convolution along time as one matrix product, with a kernel from channels to channels."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import Copy, inner, rows, signals, tensors
from denoiselib.nn.tensor import Op, empty

UNPACKED = 1_000_000  # multiplications of a product that OpenBLAS does without packing
MOST_TILES = 4  # times as many tiles as wanted may be made, to find a number that divides the width
NARROWEST = 128  # columns of a tile
PAGE = 1024  # numbers of float32 in 4,096 bytes
SPARE = 16  # numbers between rows that would be multiples of a page apart


class Convolution(Op):
    """y[o, t] = b[o] + sum_{c, k} w[o, c, k] x[c, t + d k - padding], zeros beyond the ends

    The shifted copies of x are the rows of one matrix, `columns`. The convolution is its product
    with the kernel; the gradients are products, too. With groups all three are stacks of matrices,
    one for each group of channels.
    """

    def __init__(self, x, weight, bias, padding, dilation, groups):
        batch, channels, length = x.shape
        out_channels, seen, taps = weight.shape
        out_length = length + 2 * padding - dilation * (taps - 1)
        self.w = weight.data.reshape(groups, -1, seen * taps)
        self.b = None if bias is None else bias.data[:, None]
        width = out_length * batch
        self.columns = apart(channels * taps, width, x.dtype)
        self.columns[...] = 0
        columns = self.columns.reshape(channels, taps, out_length, batch)

        self.overlaps = overlaps(length, out_length, taps, padding, dilation)
        samples = inner(x.data)
        self.shifts = [(columns[:, k, out], samples[:, part]) for k, out, part in self.overlaps]

        y = empty((batch, out_channels, out_length), x.dtype)
        self.y = rows(y)
        self.tiles = Tiles(groups, *self.w.shape[1:], width)
        self.tiled_columns, self.tiled_y = self.tiles(self.columns), self.tiles(self.y)
        self.tiled_w = self.w[:, None]
        super().__init__([x, weight] if bias is None else [x, weight, bias], y)

    def forward(self):
        for column, samples in self.shifts:
            column[...] = samples
        np.matmul(self.tiled_w, self.tiled_columns, out=self.tiled_y)
        if self.b is not None:
            self.y += self.b

    def plan(self, memory):
        dx, dw, *db = self.dx
        self.dy_rows = rows(self.dy)
        self.tiled_dy = self.tiles(self.dy_rows)
        groups, out, seen = self.w.shape
        self.dw = None if dw is None else dw.reshape(self.w.shape).swapaxes(1, 2)
        self.db = db[0].reshape(groups, out) if db and db[0] is not None else None
        self.dy_of_groups = self.dy_rows.reshape(groups, out, -1)
        self.ones = np.ones(self.dy_rows.shape[1], self.y.dtype)
        self.transposed_dy, self.transposed_w = (
            a.swapaxes(2, 3) for a in (self.tiled_dy, self.tiled_w)
        )
        self.several = self.tiles.count > 1
        self.parts = np.empty((groups, self.tiles.count, seen, out), self.y.dtype)
        if dw is not None and not self.several:  # one product is all of it
            self.parts = self.dw[:, None]
        self.back = None
        if dx is not None:
            dcolumns = memory.take(self.columns)
            self.tiled_dcolumns = self.tiles(dcolumns)
            taps = dcolumns.reshape(len(inner(dx)), -1, *inner(self.dy).shape[1:])
            back = [(inner(dx)[:, part], taps[:, k, out]) for k, out, part in self.overlaps]
            # the tap that reaches the most samples comes first
            self.back = sorted(back, key=lambda pair: -pair[0].shape[1])

    def backward(self):
        if self.dw is not None:
            np.matmul(self.tiled_columns, self.transposed_dy, out=self.parts)
            if self.several:
                np.add.reduce(self.parts, axis=1, out=self.dw)
        if self.db is not None:
            np.matmul(self.dy_of_groups, self.ones, out=self.db)
        if self.back is not None:
            np.matmul(self.transposed_w, self.tiled_dy, out=self.tiled_dcolumns)
            if not self.back or self.back[0][0].shape[1] < self.dx[0].shape[2]:
                self.dx[0].fill(0)
            for samples, column in self.back[:1]:  # none if no tap meets the signal
                samples[...] = column
            for samples, column in self.back[1:]:
                np.add(samples, column, out=samples)


def overlaps(length, out_length, taps, padding, dilation=1):
    """List for each tap k which part of the output sees which part of the input: (k, out, seen)."""
    found = []
    for k in range(taps):
        shift = dilation * k - padding
        first, last = max(0, -shift), min(out_length, length - shift)
        if first < last:
            found.append((k, slice(first, last), slice(first + shift, last + shift)))
    return found


def apart(rows, width, dtype):
    """Return a new matrix whose rows are no multiple of a page apart.

    With lengths and batches that are powers of 2, the numbers of a column would otherwise compete
    for the same places in the cache.
    """
    spare = SPARE if width % PAGE == 0 else 0
    return np.empty((rows, width + spare), dtype)[:, :width]


class Tiles:
    """Views of wide matrices as stacks of narrow ones, which BLAS multiplies faster.

    OpenBLAS multiplies small matrices without packing them first: for a small kernel and a wide
    signal this is two to four times as fast.
    """

    def __init__(self, groups, rows, columns, width):
        self.groups, wanted = groups, -(-rows * columns * width // UNPACKED)
        counts = range(wanted, MOST_TILES * wanted)
        self.count = next((n for n in counts if width % n == 0 and width // n >= NARROWEST), 1)

    def __call__(self, matrix):
        """View (groups * rows, width) as (groups, count, rows, width / count)."""
        return matrix.reshape(self.groups, -1, self.count, matrix.shape[1] // self.count).swapaxes(
            1, 2
        )


def conv1d(x, weight, bias=None, padding=0, dilation=1, groups=1):
    """Return the cross-correlation of signals with a kernel, like PyTorch's ``conv1d``.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Signals.
    weight : Tensor (out_channels, channels / groups, taps)
        Kernel.
    bias : Tensor (out_channels,), optional
        Added to each output channel.
    padding : int
        Zeros before and after each signal.
    dilation : int
        Distance of the taps, in samples.
    groups : int
        Into how many equal parts the channels are divided: an output channel sees its own part.

    Returns
    -------
    Tensor (batch, out_channels, length + 2 padding - dilation (taps - 1))
        The output.

    Examples
    --------
    >>> from denoiselib.nn import Tensor
    >>> x = Tensor(np.array([[[1.0, 2.0, 4.0]]]))
    >>> print(conv1d(x, Tensor([[[1.0, 0.0, -1.0]]]), padding=1).data)
    [[[-2. -3.  2.]]]
    >>> print(conv1d(x, Tensor([[[1.0, -1.0]]]), dilation=2).data)
    [[[-3.]]]
    """
    given = {} if bias is None else {"bias": bias}
    x, weight, *bias = tensors(x=x, weight=weight, **given)
    x = signals(x)
    padding = _check.integer(padding, "padding", 0)
    dilation = _check.integer(dilation, "dilation", 1)
    groups, channels = _check.integer(groups, "groups", 1), x.shape[1]
    if weight.ndim != 3 or weight.shape[1] * groups != channels or 0 in weight.shape:
        seen = f"{channels}" if groups == 1 else f"{channels} / {groups} groups"
        raise ValueError(
            f"weight must have the shape (out_channels, {seen}, taps), for x has "
            f"{channels} channels, not {weight.shape}"
        )
    if weight.shape[0] % groups:
        raise ValueError(f"groups: {groups} do not divide the {weight.shape[0]} output channels")
    if bias and bias[0].shape != weight.shape[:1]:
        raise ValueError(f"bias must have the shape {weight.shape[:1]}, not {bias[0].shape}")
    reach = dilation * (weight.shape[2] - 1) + 1
    if reach > x.shape[2] + 2 * padding:
        raise ValueError(
            f"x is too short for weight: a kernel that spans {reach} samples is longer than the "
            f"padded signal, {x.shape[2] + 2 * padding} samples"
        )
    if not weight.data.flags.c_contiguous:
        weight = Copy(weight, np.empty(weight.shape, weight.dtype)).out
    return Convolution(x, weight, bias[0] if bias else None, padding, dilation, groups).out
