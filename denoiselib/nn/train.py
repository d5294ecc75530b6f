"""Training: a loop that can be watched, stopped, killed and taken up again.

Data are a function from the number of a step to a batch ``(noisy, clean)``, or whatever arrays a
loss wants. Nothing else is random, so that a run which resumes from a checkpoint goes on bit for
bit as if it had never stopped.
"""

import warnings
from contextlib import ExitStack
from functools import partial

import numpy as np

from denoiselib import _check, metrics, signals
from denoiselib._random import stream
from denoiselib._threads import left_alone
from denoiselib.nn import ops
from denoiselib.nn.losses import LOSSES
from denoiselib.nn.modules import Module, Watched, keep
from denoiselib.nn.optim import Optimizer, constant
from denoiselib.nn.tensor import Program, Tensor, real


def fresh(family, sigma, batch_size, length=100, seed=0, *, level=False):
    """Return a function ``data(step) -> (noisy, clean)`` that draws signals anew at each step.

    Parameters
    ----------
    family : str or callable
        Name in `signals.FAMILIES`, or a function ``(n, length, rng) -> clean (n, length)``.
    sigma : float or (float, float)
        Noise level, or a range from which each signal draws its own.
    batch_size, length : int
        Shape of both arrays, ``(batch_size, length)``.
    seed : int
        Together with the number of the step it decides what is drawn.
    level : bool
        Whether the noisy signals come with their noise level as a second channel,
        ``(batch_size, 2, length)``, for a network with ``level="given"``.

    Examples
    --------
    >>> noisy, clean = fresh("blocks", 3.0, batch_size=4)(step=7)
    >>> noisy.shape, clean.shape
    ((4, 100), (4, 100))
    """
    known = signals.FAMILIES
    draw = family if callable(family) else known[_check.choice(family, "family", known)]
    levels = _check.array(sigma, "sigma", numbers=True)
    if levels.shape not in ((), (2,)) or not 0 <= levels.min() == levels.flat[0]:
        raise ValueError(f"sigma must be a level, or a rising pair of them, not {sigma}")
    low, high = levels.flat[0].item(), levels.flat[-1].item()
    batch_size = _check.integer(batch_size, "batch_size", 1)
    length = _check.integer(length, "length", 1)
    seed, level = _check.seed(seed), _check.flag(level, "level")

    def data(step):
        rng = stream(seed, "training", step)
        clean = draw(batch_size, length, rng)
        sigmas = low if low == high else rng.uniform(low, high, (batch_size, 1))
        noisy = signals.add_noise(clean, sigmas, rng)
        if level:
            noisy = np.stack([noisy, np.broadcast_to(sigmas, noisy.shape)], axis=1)
        return noisy, clean

    # what is wrong with the arguments is said now
    drawn = draw(batch_size, length, stream(seed, "training", 0))
    shape = _check.array(drawn, "signals of family").shape
    if shape != (batch_size, length):
        raise ValueError(f"family must give {(batch_size, length)}, not {shape}")
    data(0)
    return data


def fixed(noisy, clean, batch_size, seed=0):
    """Return data like those of `fresh`, but from a fixed set, in a new order each epoch.

    Parameters
    ----------
    noisy, clean : array_like (n, length)
        The set; noisy ones may be ``(n, 2, length)``, the second channel their noise level.
    batch_size : int
        At most n. The last batch of an epoch is dropped if it is incomplete.
    seed : int
        Together with the number of the epoch it decides the order.

    Examples
    --------
    >>> data = fixed(np.arange(6.0).reshape(3, 2), np.zeros((3, 2)), batch_size=1)
    >>> print(sorted(data(step)[0][0, 0] for step in range(3)))
    [np.float64(0.0), np.float64(2.0), np.float64(4.0)]
    """
    noisy, clean = _check.array(noisy, "noisy"), _check.array(clean, "clean")
    if clean.ndim != 2 or noisy.shape not in [clean.shape, (len(clean), 2, clean.shape[1])]:
        shapes = f"{noisy.shape}, {clean.shape}"
        raise ValueError(f"noisy and clean must have one shape (n, length), not {shapes}")
    seed, of = _check.seed(seed), f"noisy of {len(noisy)} signals"
    batches = len(noisy) // _check.integer(batch_size, "batch_size", 1, len(noisy), of)

    last = None, None  # an epoch and its order, which takes as long to draw as a small step

    def data(step):
        nonlocal last
        (epoch, batch), (known, order) = divmod(step, batches), last
        if epoch != known:  # threads may share the data: both change at once
            _, order = last = epoch, stream(seed, "training", epoch).permutation(len(noisy))
        chosen = order[batch * batch_size : (batch + 1) * batch_size]
        return noisy[chosen], clean[chosen]

    return data


class History(dict):
    """What happened: lists by name, ``step``, ``lr``, ``loss`` and, if validated, ``rmse``.

    Of a stack, a loss and an RMSE are lists with one number for each net.
    Its attribute `best` is the state of the network at its best validation, or None.
    """

    def __init__(self):
        super().__init__(step=[], lr=[], loss=[], rmse=[])
        self.best = None

    def record(self, net, validation, **values):
        """Append values by name, and the RMSE on validation signals if there are any."""
        for name, value in values.items():
            self[name].append(value)
        if validation is not None:
            noisy, clean = validation
            error = metrics.rmse(net.denoise(noisy), clean).mean(axis=-1)
            better = error < np.min(self["rmse"] or [np.inf], axis=0)
            if better.any():
                state, best = net.state_dict(), self.best
                if best is not None and not better.all():  # those of a stack that are not better
                    state = {k: np.where(better[net.owners[k]], state[k], best[k]) for k in state}
                self.best = state
            self["rmse"].append(error.tolist())


def fit(
    net,
    data,
    optimizer,
    steps,
    *,
    schedule=None,
    loss="mse",
    validation=None,
    every=100,
    callbacks=(),
    history=None,
):
    """Train a network, and return the history of its training.

    Parameters
    ----------
    net : Network
        Left in training mode, with the weights of the last step.
    data : callable
        ``data(step) -> (noisy, clean)``, as `fresh` and `fixed` make them, or other arrays
        ``(batch, length)`` for a loss of one's own.
    optimizer : optim.Optimizer
        Made for this network as it is now; any other raises ValueError. Its learning rate is put
        back after the last step.
    steps : int
        How many in all, those of an earlier `history` included.
    schedule : callable, optional
        From the number of the step to the learning rate; the optimiser's own rate if not given.
    loss : str or callable
        Name in `losses.LOSSES`, or ``loss(net, *arrays) -> Tensor ()`` of the batch's arrays, each
        ``(batch, channels, length)``. Its operations are recorded once and replayed, so that it
        must not decide or draw anything by itself. That of a stack returns one number for each net.
    validation : (noisy, clean), optional
        Signals ``(n, length)`` on which the RMSE is measured, with running statistics.
    every : int
        Steps between two entries of the history, validations and callbacks.
    callbacks : sequence of callables
        Called as ``callback(step, history)``: progress bars, `checkpoint.Checkpoint`, and the like.
    history : History, optional
        Of a training that is continued, as `checkpoint.Checkpoint` reads it from a file.

    Raises
    ------
    FloatingPointError
        If the loss is not finite, and the optimiser does not skip such steps; the step is named. Of
        a stack, a net whose loss is not finite is named in a RuntimeWarning, and stays as it was
        before that step, while the others go on.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, optim
    >>> net = PlainNet(width=4, depth=3)
    >>> data, optimizer = fresh("sparse_spikes", 3.0, 16), optim.Adam(net, 1e-2)
    >>> history = fit(net, data, optimizer, steps=200, every=1)
    >>> sum(history["loss"][100:]) < 0.9 * sum(history["loss"][:100])
    True
    """
    check_optimizer(optimizer, net)
    _check.function(data, "data")
    loss, validation = _of_net(loss), _pair(validation)
    callbacks = [_check.function(f, "callbacks") for f in _check.several(callbacks, "callbacks")]
    steps, every = _check.integer(steps, "steps", 1), _check.integer(every, "every", 1)
    schedule = constant(optimizer.lr) if schedule is None else _check.function(schedule, "schedule")
    history = History() if history is None else _check.instance(history, "history", History)
    programs, edits = {}, Watched.edits
    with left_alone(net, trains=True), ExitStack() as last:
        last.callback(setattr, optimizer, "lr", optimizer.lr)  # whatever a schedule makes of it
        net.train()
        lost = optimizer.numbers(False, bool)  # nets of a stack that have diverged
        for step in range(history["step"][-1] if history["step"] else 0, steps):
            batch = batch_of(data(step))
            if edits is not Watched.edits:  # neither plan nor optimiser may know of a change
                check_optimizer(optimizer, net)
                programs.clear()
            shape = batch[0].shape
            program = programs.pop(shape, None) or Program(partial(_number, loss, net), net.dtype)
            value, edits = program(*batch), Watched.edits
            if not np.isfinite(value).all():
                for part in batch:
                    _check.array(real(part, net.dtype, "data"), f"data at step {step}")
                if not optimizer.skips:
                    lost = _lost(value, lost, step)
            program.backward(optimizer.scale)
            keep(programs, shape, program, least=1)
            optimizer.lr = _check.number(schedule(step), f"schedule at step {step}")
            with optimizer.leaving(lost):
                optimizer.step()
            if (step + 1) % every == 0 or step + 1 == steps:
                history.record(net, validation, step=step + 1, lr=optimizer.lr, loss=value.tolist())
                for callback in callbacks:
                    callback(step + 1, history)
                net.train()  # a callback may have looked at it
    return history


def check_optimizer(optimizer, net):
    """Refuse an optimiser that would move anything but the parameters of the network."""
    _check.instance(net, "net", Module)
    parts = [_check.instance(optimizer, "optimizer", Optimizer)]
    while hasattr(parts[-1], "inner"):
        parts.append(parts[-1].inner)
    if not (net.is_flat() and all(part.p is net.vector for part in parts)):
        raise ValueError(
            "optimizer must be made for this network as it is now; after a copy of either, a new "
            "layer, a parameter that is frozen or given another array, make the optimizer anew"
        )


def _lost(value, before, step):
    """Return which nets have diverged, and say so: an error if there are no others."""
    lost = before | ~np.isfinite(value)
    if lost.all():
        raise FloatingPointError(
            f"the loss is {value} at step {step}: lower the learning rate, or clip the gradient"
        )
    for k in np.flatnonzero(lost & ~before):
        words = f"net {k} of the stack: its loss is {value[k]} at step {step}; it stays as it is"
        warnings.warn(words, RuntimeWarning, stacklevel=3)
    return lost


def batch_of(arrays):
    """Return arrays ``(batch, channels, length)`` of what data gave for a step."""
    if not isinstance(arrays, tuple | list):
        raise TypeError(
            f"data must return several arrays, (noisy, clean), not one {type(arrays).__name__}"
        )
    arrays = [_check.real(part, "data") for part in arrays]
    if not (arrays and all(part.ndim in (2, 3) and part.size for part in arrays)):
        shapes = ", ".join(str(part.shape) for part in arrays) or "none"
        raise ValueError(f"data must return arrays (batch, length), not of shapes {shapes}")
    return [part[:, None] if part.ndim == 2 else part for part in arrays]


def _of_net(loss):
    """Return ``loss(net, *arrays)`` from the name of a loss between output and target."""
    if callable(loss):
        return loss
    measure = LOSSES[_check.choice(loss, "loss", LOSSES)]

    def measured(net, *arrays):
        if len(arrays) != 2:
            raise ValueError(f"data must return two arrays, (noisy, clean), not {len(arrays)}")
        (noisy, clean), estimate = arrays, net(arrays[0])
        if net.nets > 1 and clean.shape[1] == 1:  # one for all
            clean = ops.concat([clean] * net.nets)
        if estimate.shape != clean.shape:
            raise ValueError(f"data: noisy {noisy.shape} and clean {clean.shape} do not fit")
        return measure(estimate, clean, net.nets)

    return measured


def _number(loss, net, *arrays):
    """Return the loss of a batch, or of each net of a stack, or say that it is none."""
    value, nets = loss(net, *arrays), net.nets
    if not isinstance(value, Tensor) or value.data.size != nets or value.ndim > 1 < nets:
        wanted = "one number" if nets == 1 else f"{nets} numbers, one for each net of the stack"
        raise TypeError(f"loss must return a Tensor of {wanted}, not {value!r:.40}")
    return value if value.ndim == 0 or nets > 1 else value.sum()


def _pair(validation):
    if validation is None:
        return None
    pair = [_check.array(x, "validation") for x in _check.several(validation, "validation")]
    if len(pair) != 2:
        raise ValueError("validation must be noisy and clean signals")
    noisy, clean = (part.shape for part in pair)
    if clean != (noisy if len(noisy) < 3 else (noisy[0], noisy[-1])):
        raise ValueError(f"validation: clean signals {clean} do not fit noisy ones {noisy}")
    return pair
