"""The operations of the tape: forward and backward side by side.

Each class is one operation with its formulas; the function below it is what one calls. Arrays are
planned when an operation is made, so that ``forward`` and ``backward`` only fill them. Signals have
the shape ``(batch, channels, length)``, and the batch innermost in memory: `inner` is the view
``(channels, length, batch)`` of that memory.
"""

import numpy as np

from denoiselib import _check
from denoiselib.filters.prox import PENALTIES
from denoiselib.nn.tensor import Op, Tensor, as_innermost, empty, real


def inner(array):
    """View an array ``(batch, channels, length)`` as it lies in memory."""
    return array.transpose(1, 2, 0)


def rows(array):
    """View an array ``(batch, channels, length)`` as one row for each channel."""
    memory = inner(array)
    assert memory.flags.c_contiguous
    return memory.reshape(len(memory), -1)


def tensors(*values):
    """Return tensors of one dtype; numbers and plain arrays take that of the tensors."""
    dtypes = {value.dtype for value in values if isinstance(value, Tensor)}
    if len(dtypes) > 1:
        raise TypeError("float32 and float64 tensors meet: choose one dtype")
    dtype = dtypes.pop() if dtypes else None
    return [v if isinstance(v, Tensor) else Tensor(real(v, dtype)) for v in values]


def signals(x, name="x"):
    """Return a tensor ``(batch, channels, length)`` with the batch innermost in memory."""
    (x,) = tensors(x)
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"{name} must have the shape (batch, channels, length), not {x.shape}")
    return x if inner(x.data).flags.c_contiguous else Copy(x, empty(x.shape, x.dtype)).out


class Copy(Op):
    """the same numbers, in other memory"""

    def __init__(self, x, y):
        self.x, self.y = x.data, y
        super().__init__([x], self.y)

    def forward(self):
        np.copyto(self.y, self.x)

    def backward(self):
        np.copyto(self.dx[0], self.dy)


# --- arithmetic


class Elementwise(Op):
    """An operation on two arrays that broadcast."""

    def __init__(self, a, b):
        self.a, self.b = a.data, b.data
        _check.broadcast(self.a, self.b, "the tensors")
        self.y = np.asarray(np.add(self.a, self.b))  # in the memory order of its operands
        super().__init__([a, b], self.y)

    def give(self, k, gradient):
        """Hand the gradient to input k, summed over the axes along which it was repeated."""
        if self.dx[k] is not None:
            _sum_to(gradient, self.dx[k])


def _sum_to(array, out):
    missing = array.ndim - out.ndim
    repeated = [i for i, n in enumerate(out.shape, missing) if n == 1 and array.shape[i] > 1]
    axes = (*range(missing), *repeated)
    out[...] = array.sum(axis=axes).reshape(out.shape) if axes else array


class Add(Elementwise):
    """a + b"""

    def forward(self):
        np.add(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy)
        self.give(1, self.dy)


class Subtract(Elementwise):
    """a - b"""

    def forward(self):
        np.subtract(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy)
        self.give(1, -self.dy)


class Multiply(Elementwise):
    """a b"""

    def forward(self):
        np.multiply(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy * self.b)
        self.give(1, self.dy * self.a)


class Divide(Elementwise):
    """a / b"""

    def forward(self):
        np.divide(self.a, self.b, out=self.y)

    def backward(self):
        self.give(0, self.dy / self.b)
        self.give(1, -self.dy * self.y / self.b)


def add(a, b):
    """Return a + b."""
    return Add(*tensors(a, b)).out


def subtract(a, b):
    """Return a - b."""
    return Subtract(*tensors(a, b)).out


def multiply(a, b):
    """Return a b."""
    return Multiply(*tensors(a, b)).out


def divide(a, b):
    """Return a / b."""
    return Divide(*tensors(a, b)).out


class Power(Op):
    """x^p, p a number"""

    def __init__(self, x, exponent):
        self.x, self.y, self.p = x.data, np.empty_like(x.data), exponent
        super().__init__([x], self.y)

    def forward(self):
        np.power(self.x, self.p, out=self.y)

    def backward(self):
        slope = self.p * self.x ** (self.p - 1) if self.p else 0.0  # a constant, at x = 0 too
        self.dx[0][...] = self.dy * slope


def power(x, exponent):
    """Return x^exponent; the exponent is a number."""
    return Power(*tensors(x), float(exponent)).out


class MatMul(Op):
    """A B, of matrices or stacks of them"""

    def __init__(self, a, b):
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(f"matrices of shapes {a.shape} and {b.shape} do not fit")
        self.a, self.b = a.data, b.data
        self.y = np.matmul(self.a, self.b)
        super().__init__([a, b], self.y)

    def forward(self):
        np.matmul(self.a, self.b, out=self.y)

    def backward(self):
        da, db = self.dx
        if da is not None:
            _sum_to(self.dy @ self.b.swapaxes(-1, -2), da)
        if db is not None:
            _sum_to(self.a.swapaxes(-1, -2) @ self.dy, db)


def matmul(a, b):
    """Return the matrix product of the last two axes."""
    return MatMul(*tensors(a, b)).out


class Sum(Op):
    """sum of x over axes"""

    def __init__(self, x, axis, keepdims):
        self.x, self.axis, self.keepdims = x.data, axis, keepdims
        self.y = np.asarray(self.x.sum(axis=axis, keepdims=keepdims))
        super().__init__([x], self.y)

    def forward(self):
        np.sum(self.x, axis=self.axis, keepdims=self.keepdims, out=self.y)

    def backward(self):
        dy = self.dy
        if self.axis is not None and not self.keepdims:
            dy = np.expand_dims(dy, self.axis)
        self.dx[0][...] = dy


def sum(x, axis=None, keepdims=False):
    """Return the sum over axes; over all of them if none is given."""
    return Sum(*tensors(x), axis, keepdims).out


def mean(x, axis=None, keepdims=False):
    """Return the mean over axes; over all of them if none is given."""
    (x,) = tensors(x)
    total = sum(x, axis, keepdims)
    return multiply(total, total.data.size / x.data.size)


# --- shapes


class Take(Op):
    """x[index]"""

    def __init__(self, x, index):
        self.x, self.index = x.data, index
        self.y = as_innermost(np.asarray(self.x[index]))
        super().__init__([x], self.y)

    def forward(self):
        np.copyto(self.y, self.x[self.index])

    def backward(self):
        self.dx[0][...] = 0
        np.add.at(self.dx[0], self.index, self.dy)


def take(x, index):
    """Return x[index]: slices, or arrays of indices."""
    return Take(*tensors(x), index).out


class Concat(Op):
    """arrays one after the other along an axis"""

    def __init__(self, parts, axis):
        arrays = [part.data for part in parts]
        self.y = np.concatenate(arrays, axis=axis)
        if self.y.ndim == 3:
            self.y = as_innermost(self.y)
        self.places = _consecutive(self.y, [a.shape[axis] for a in arrays], axis)
        self.arrays, self.axis = arrays, axis
        super().__init__(parts, self.y)

    def forward(self):
        for place, array in zip(self.places, self.arrays, strict=True):
            np.copyto(place, array)

    def plan(self, memory):
        sizes = [a.shape[self.axis] for a in self.arrays]
        parts = _consecutive(self.dy, sizes, self.axis)
        self.back = [(d, part) for d, part in zip(self.dx, parts, strict=True) if d is not None]

    def backward(self):
        for d, part in self.back:
            np.copyto(d, part)


def _consecutive(array, sizes, axis):
    return np.split(array, np.cumsum(sizes)[:-1], axis=axis)


def concat(parts, axis=1):
    """Return tensors one after the other along an axis, the channels if none is named."""
    return Concat(tensors(*parts), axis).out


class Pad(Op):
    """zeros before and after, along the last axis"""

    def __init__(self, x, before, after):
        self.x = x.data
        length = x.shape[-1]
        *rest, _ = x.shape
        self.y = empty((*rest, before + length + after), x.dtype)
        self.y[...] = 0
        self.place = (..., slice(before, before + length))
        super().__init__([x], self.y)

    def forward(self):
        np.copyto(self.y[self.place], self.x)

    def backward(self):
        np.copyto(self.dx[0], self.dy[self.place])


def pad(x, before, after):
    """Return x with zeros before and after its last axis."""
    before, after = _check.integer(before, "before", 0), _check.integer(after, "after", 0)
    (x,) = tensors(x)
    return Pad(x, before, after).out if before or after else x


# --- convolution, pooling, upsampling


class Conv1d(Op):
    """y[o, t] = b[o] + sum_{c, k} w[o, c, k] x[c, t + k - padding], zeros beyond the ends.

    The shifted copies of x become the rows of one matrix, `columns`; the convolution is then one
    product with the kernel, and so are its gradients.
    """

    def __init__(self, x, weight, bias, padding):
        batch, channels, length = x.shape
        out_channels, _, taps = weight.shape
        out_length = length + 2 * padding - taps + 1
        self.w = weight.data.reshape(out_channels, channels * taps)
        self.b = None if bias is None else bias.data[:, None]
        width = out_length * batch
        self.columns = apart(channels * taps, width, x.dtype)
        self.columns[...] = 0
        columns = self.columns.reshape(channels, taps, out_length, batch)

        # which part of the output sees which part of the input through tap k
        self.overlaps = []
        for k in range(taps):
            first, last = max(0, padding - k), min(out_length, length + padding - k)
            if first < last:
                seen = slice(first + k - padding, last + k - padding)
                self.overlaps.append((k, slice(first, last), seen))
        samples = inner(x.data)
        self.shifts = [(columns[:, k, out], samples[:, seen]) for k, out, seen in self.overlaps]

        y = empty((batch, out_channels, out_length), x.dtype)
        self.y = rows(y)
        self.tiles = Tiles(*self.w.shape, self.y.shape[1])
        self.tiled_columns, self.tiled_y = self.tiles(self.columns), self.tiles(self.y)
        super().__init__([x, weight] if bias is None else [x, weight, bias], y)

    def forward(self):
        for column, samples in self.shifts:
            np.copyto(column, samples)
        np.matmul(self.w, self.tiled_columns, out=self.tiled_y)
        if self.b is not None:
            self.y += self.b

    def plan(self, memory):
        dx, dw, *db = self.dx
        self.dy_rows = rows(self.dy)
        self.tiled_dy = self.tiles(self.dy_rows)
        self.dw = None if dw is None else dw.reshape(self.w.shape)
        self.db = db[0] if db else None
        self.ones = np.ones(self.dy_rows.shape[1], self.y.dtype)
        self.parts = np.empty((self.tiles.count, *self.w.T.shape), self.y.dtype)
        self.back = None
        if dx is not None:
            dcolumns = memory.take(self.columns)
            self.tiled_dcolumns = self.tiles(dcolumns)
            taps = dcolumns.reshape(len(inner(dx)), -1, *inner(self.dy).shape[1:])
            back = [(inner(dx)[:, seen], taps[:, k, out]) for k, out, seen in self.overlaps]
            # the tap that reaches the most samples comes first
            self.back = sorted(back, key=lambda pair: -pair[0].shape[1])

    def backward(self):
        if self.dw is not None:
            np.matmul(self.tiled_columns, self.tiled_dy.swapaxes(1, 2), out=self.parts)
            np.add.reduce(self.parts, axis=0, out=self.dw.T)
        if self.db is not None:
            np.matmul(self.dy_rows, self.ones, out=self.db)
        if self.back is not None:
            np.matmul(self.w.T, self.tiled_dy, out=self.tiled_dcolumns)
            (samples, column), *others = self.back
            if samples.shape[1] < self.dx[0].shape[2]:
                self.dx[0].fill(0)
            np.copyto(samples, column)
            for samples, column in others:
                np.add(samples, column, out=samples)


def apart(rows, width, dtype):
    """Return a new matrix whose rows are no multiple of 4,096 bytes apart.

    Otherwise the numbers of a column would compete for the same places in the cache; lengths and
    batches that are powers of 2 would see to it.
    """
    spare = 16 if width % 1024 == 0 else 0
    return np.empty((rows, width + spare), dtype)[:, :width]


class Tiles:
    """Views of wide matrices as stacks of narrow ones, which BLAS multiplies faster.

    OpenBLAS has a kernel for products of at most a million multiplications that needs no packing;
    for a small kernel and a wide signal it is two to four times as fast.
    """

    def __init__(self, rows, columns, width):
        wanted = -(-rows * columns * width // 1_000_000)
        fitting = (n for n in range(wanted, 4 * wanted) if width % n == 0 and width // n >= 128)
        self.count = next(fitting, 1)

    def __call__(self, matrix):
        """View (rows, width) as (count, rows, width / count)."""
        return matrix.reshape(len(matrix), self.count, -1).swapaxes(0, 1)


def conv1d(x, weight, bias=None, padding=0):
    """Return the cross-correlation of signals with a kernel, as PyTorch's ``conv1d``.

    Parameters
    ----------
    x : Tensor (batch, channels, length)
        Signals.
    weight : Tensor (out_channels, channels, taps)
        Kernel.
    bias : Tensor (out_channels,), optional
        Added to each output channel.
    padding : int
        Zeros before and after each signal.

    Returns
    -------
    Tensor (batch, out_channels, length + 2 padding - taps + 1)
        The output.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the kernel is longer than the padded signal.

    Examples
    --------
    >>> x = Tensor(np.array([[[1.0, 2.0, 4.0]]]))
    >>> print(conv1d(x, Tensor([[[1.0, 0.0, -1.0]]]), padding=1).data)
    [[[-2. -3.  2.]]]
    """
    given = [x, weight] if bias is None else [x, weight, bias]
    x, weight, *bias = tensors(*given)
    x = signals(x)
    padding = _check.integer(padding, "padding", 0)
    if weight.ndim != 3 or weight.shape[1] != x.shape[1]:
        raise ValueError(
            f"weight must have the shape (out_channels, {x.shape[1]}, taps), not {weight.shape}"
        )
    if bias and bias[0].shape != weight.shape[:1]:
        raise ValueError(f"bias must have the shape {weight.shape[:1]}, not {bias[0].shape}")
    if weight.shape[2] > x.shape[2] + 2 * padding:
        raise ValueError(
            f"a kernel of {weight.shape[2]} taps is longer than the padded signal, "
            f"{x.shape[2] + 2 * padding} samples"
        )
    if not weight.data.flags.c_contiguous:
        weight = Copy(weight, np.empty(weight.shape, weight.dtype)).out
    return Conv1d(x, weight, bias[0] if bias else None, padding).out


class Pool1d(Op):
    """one number for each window of x; what is left over at the end is dropped"""

    def __init__(self, x, window):
        batch, channels, length = x.shape
        y = empty((batch, channels, length // window), x.dtype)
        self.window, self.y = window, inner(y)
        self.parts = _every(inner(x.data), window)
        super().__init__([x], y)

    def plan(self, memory):
        dx = inner(self.dx[0])
        self.back, self.rest = _every(dx, self.window), dx[:, self.y.shape[1] * self.window :]


class MaxPool1d(Pool1d):
    """y[t] = max of x[w t .. w t + w - 1]; of equal ones the first gets the gradient"""

    def forward(self):
        np.copyto(self.y, self.parts[0])
        for part in self.parts[1:]:
            np.maximum(self.y, part, out=self.y)

    def plan(self, memory):
        super().plan(memory)
        self.left, self.hit = memory.take(self.y), memory.take(self.y, bool)

    def backward(self):
        self.rest.fill(0)
        left = inner(self.dy)  # what no sample has taken yet
        *first, last = self.back
        for part, d in zip(self.parts, first, strict=False):
            np.equal(part, self.y, out=self.hit)
            np.multiply(left, self.hit, out=d)
            left = np.subtract(left, d, out=self.left)
        np.copyto(last, left)


class AvgPool1d(Pool1d):
    """y[t] = mean of x[w t .. w t + w - 1]"""

    def forward(self):
        np.copyto(self.y, self.parts[0])
        for part in self.parts[1:]:
            np.add(self.y, part, out=self.y)
        np.multiply(self.y, 1 / self.window, out=self.y)

    def backward(self):
        self.rest.fill(0)
        for d in self.back:
            np.multiply(inner(self.dy), 1 / self.window, out=d)


def _every(samples, window):
    """Views of the first, second .. sample of each window."""
    whole = samples.shape[1] // window * window
    return [samples[:, k:whole:window] for k in range(window)]


def max_pool1d(x, window=2):
    """Return the largest sample of each window; what is left over at the end is dropped."""
    return _pooled(MaxPool1d, x, window)


def avg_pool1d(x, window=2):
    """Return the mean of each window; what is left over at the end is dropped."""
    return _pooled(AvgPool1d, x, window)


def _pooled(op, x, window):
    x = signals(x)
    return op(x, _check.integer(window, "window", 1, x.shape[-1])).out


class Upsample1d(Op):
    """y = U x, twice the length by linear interpolation that keeps both ends (align_corners)

    Output i lies at i (l - 1)/(2 l - 1) between the inputs. Short signals: the matrix itself.
    """

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 2 * length), x.dtype)
        self.x, self.y = inner(x.data), inner(y)
        place = np.arange(2 * length) * (length - 1) / (2 * length - 1)
        distance = np.abs(place[:, None] - np.arange(length))
        self.matrix = np.maximum(1 - distance, 0).astype(x.dtype)
        super().__init__([x], y)

    def forward(self):
        np.matmul(self.matrix, self.x, out=self.y)

    def backward(self):
        np.matmul(self.matrix.T, inner(self.dy), out=inner(self.dx[0]))


class UpsampleLong1d(Op):
    """the same, with the two numbers in each row of U: with d_i = x[i] - x[i - 1],
    y[2 i] = x[i] - a_i d_i and y[2 i + 1] = x[i] + b_i d_{i+1}
    """

    def __init__(self, x):
        batch, channels, length = x.shape
        y = empty((batch, channels, 2 * length), x.dtype)
        self.x = inner(x.data)
        self.even, self.odd = inner(y)[:, 0::2], inner(y)[:, 1::2]
        self.step = np.empty((channels, length - 1, batch), x.dtype)
        i = np.arange(length)[:, None]
        self.a = (i[1:] / (2 * length - 1)).astype(x.dtype)
        self.b = ((length - 1 - i[:-1]) / (2 * length - 1)).astype(x.dtype)
        self.part = np.empty_like(self.step)
        super().__init__([x], y)

    def forward(self):
        x, step, part = self.x, self.step, self.part
        np.subtract(x[:, 1:], x[:, :-1], out=step)
        np.multiply(self.a, step, out=part)
        np.subtract(x[:, 1:], part, out=self.even[:, 1:])
        np.multiply(self.b, step, out=part)
        np.add(x[:, :-1], part, out=self.odd[:, :-1])
        self.even[:, 0], self.odd[:, -1] = x[:, 0], x[:, -1]

    def plan(self, memory):
        dy = inner(self.dy)
        self.d_even, self.d_odd = dy[:, 0::2], dy[:, 1::2]

    def backward(self):
        d_even, d_odd, dx = self.d_even, self.d_odd, inner(self.dx[0])
        np.add(d_even, d_odd, out=dx)
        np.multiply(self.b, d_odd[:, :-1], out=self.part)
        np.multiply(self.a, d_even[:, 1:], out=self.step)
        np.subtract(self.part, self.step, out=self.step)  # the gradient of the steps
        dx[:, 1:] += self.step
        dx[:, :-1] -= self.step


def upsample1d(x):
    """Return signals of twice the length, linear in between, both ends kept."""
    x = signals(x)
    op = Upsample1d if x.shape[-1] <= 25 else UpsampleLong1d
    return op(x).out


# --- activations


class Relu(Op):
    """max(x, 0)"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        # an array is three times as fast as a number; one channel stays in the cache
        self.zero = np.zeros_like(self.x[:, :1] if x.ndim == 3 else self.x)
        super().__init__([x], self.y)

    def forward(self):
        np.maximum(self.x, self.zero, out=self.y)

    def plan(self, memory):
        self.mask = memory.take(self.y, bool)

    def backward(self):
        np.greater(self.y, self.zero, out=self.mask)
        np.multiply(self.dy, self.mask, out=self.dx[0])


class LeakyRelu(Op):
    """max(x, slope x), 0 <= slope < 1"""

    def __init__(self, x, slope):
        self.x, self.y, self.slope = x.data, np.empty_like(x.data), slope
        super().__init__([x], self.y)

    def forward(self):
        np.multiply(self.x, self.slope, out=self.y)
        np.maximum(self.x, self.y, out=self.y)

    def backward(self):
        np.multiply(self.dy, self.slope, out=self.dx[0])
        np.copyto(self.dx[0], self.dy, where=self.x > 0)


class Sigmoid(Op):
    """1 / (1 + exp(-x))"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        np.tanh(self.x * 0.5, out=self.y)  # does not overflow
        self.y += 1
        self.y *= 0.5

    def backward(self):
        np.multiply(self.dy, self.y * (1 - self.y), out=self.dx[0])


class Softplus(Op):
    """log(1 + exp(x))"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        self.zero = np.zeros_like(self.x)
        super().__init__([x], self.y)

    def forward(self):
        np.logaddexp(self.x, self.zero, out=self.y)

    def backward(self):
        self.dx[0][...] = self.dy * 0.5 * (1 + np.tanh(self.x * 0.5))


class Absolute(Op):
    """|x|"""

    def __init__(self, x):
        self.x, self.y = x.data, np.empty_like(x.data)
        super().__init__([x], self.y)

    def forward(self):
        np.absolute(self.x, out=self.y)

    def backward(self):
        np.multiply(self.dy, np.sign(self.x), out=self.dx[0])


def relu(x):
    """Return max(x, 0)."""
    return Relu(*tensors(x)).out


def leaky_relu(x, slope=0.01):
    """Return x where it is positive, slope x elsewhere."""
    return LeakyRelu(*tensors(x), float(_check.fraction(slope, "slope"))).out


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return Sigmoid(*tensors(x)).out


def softplus(x):
    """Return log(1 + exp(x))."""
    return Softplus(*tensors(x)).out


def absolute(x):
    """Return the magnitude; its gradient at 0 is 0."""
    return Absolute(*tensors(x)).out


# Second derivatives of each penalty term p(z, u) of `filters.prox`, where z is not 0 (z > 0 for the
# non-negative one): p_zz and p_zu.
CURVATURE = {
    "l1": lambda z, u: (0.0, np.sign(z)),
    "nonnegative_l1": lambda z, u: (0.0, 1.0),
    "l0": lambda z, u: (0.0, 0.0),
    "l_half": lambda z, u: (-u / 4 * np.abs(z) ** -1.5, np.sign(z) / 2 * np.abs(z) ** -0.5),
    "l_two_thirds": lambda z, u: (
        -2 / 9 * u * np.abs(z) ** (-4 / 3),
        2 / 3 * np.sign(z) * np.abs(z) ** (-1 / 3),
    ),
}


class Prox(Op):
    """argmin_z 1/2 (z - x)^2 + p(z, u), a proximal map as an activation

    Where z is not 0 it solves z - x + p_z(z, u) = 0, hence dz/dx = 1 / (1 + p_zz) and
    dz/du = -p_zu / (1 + p_zz); where it is 0 it stays so. At a jump (l0, l_half, l_two_thirds) this
    is the derivative almost everywhere, which does not see the jump.
    """

    def __init__(self, x, u, penalty, options):
        self.x, self.u = x.data, u.data
        self.map, self.options = PENALTIES[penalty].prox, options
        self.curvature = CURVATURE.get(penalty, self.firm)
        self.y = np.empty_like(x.data)
        super().__init__([x, u], self.y)

    def firm(self, z, u):
        gamma = self.options.get("gamma", 0.8)
        shrunk = np.abs(z) * gamma < u
        return np.where(shrunk, z.dtype.type(-gamma), 0), np.sign(z) * shrunk

    def forward(self):
        np.copyto(self.y, self.map(self.x, self.u, **self.options))

    def backward(self):
        alive = self.y != 0
        bend, pull = self.curvature(np.where(alive, self.y, 1), self.u)
        d = self.dy * alive / (1 + bend)
        dx, du = self.dx
        if dx is not None:
            dx[...] = d
        if du is not None:
            _sum_to(-d * pull, du)


def prox(x, u, penalty="l1", **options):
    """Return a proximal map of `filters.prox`, with gradients to x and to the weight u.

    Parameters
    ----------
    x : Tensor
        Features.
    u : Tensor, array or float
        Weight of the penalty, not negative; broadcasts to x, e.g. ``(channels, 1)``.
    penalty : str
        Name in `filters.prox.PENALTIES`.
    **options
        ``gamma`` of ``"firm"``.

    Returns
    -------
    Tensor
        Shrunk features.

    Raises
    ------
    ValueError
        If the penalty is unknown, or `u` negative or of a shape that does not broadcast to x.

    Examples
    --------
    >>> x = Tensor([-3.0, 0.5, 2.0], requires_grad=True)
    >>> prox(x, 1.0).sum().backward()
    >>> print(x.grad)
    [1. 0. 1.]
    """
    _check.choice(penalty, "penalty", PENALTIES)
    x, u = tensors(x, u)
    if _check.broadcast(x, u, "x and u") != x.shape:
        raise ValueError(f"u of shape {u.shape} is larger than x of shape {x.shape}")
    return Prox(x, u, penalty, options).out
