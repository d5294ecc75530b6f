"""Training: a loop that can be watched, stopped, killed and taken up again.

Data are a function from the number of a step to a batch ``(noisy, clean)``, or whatever arrays a
loss wants. Nothing else is random, so that a run which resumes from a checkpoint goes on bit for
bit as if it had never stopped.
"""

import json

import numpy as np

from denoiselib import _check, metrics, signals
from denoiselib.nn import checkpoint as files
from denoiselib.nn.losses import LOSSES
from denoiselib.nn.modules import Module
from denoiselib.nn.optim import GradientScaler, Optimizer, constant
from denoiselib.nn.optim import clip as clip_gradient
from denoiselib.nn.tensor import Program


def fresh(family, sigma, batch_size, length=100, seed=0, *, level=False):
    """Return data that are drawn anew at each step.

    Parameters
    ----------
    family : str or callable
        Name in `signals.FAMILIES`, or a function ``(n, length, rng) -> clean (n, length)``.
    sigma : float or (float, float)
        Noise level, or a range from which each signal draws its own.
    batch_size, length : int
        Shape of a batch.
    seed : int
        Together with the number of the step it decides what is drawn.
    level : bool
        Whether the noisy signals come with their noise level as a second channel, for a network
        with ``level="given"``.

    Returns
    -------
    callable
        ``data(step) -> (noisy, clean)``, each ``(batch_size, length)``; the noisy ones
        ``(batch_size, 2, length)`` if they come with their level.

    Raises
    ------
    ValueError
        If the family is unknown, or gives signals of another shape, or a number is out of range.

    Examples
    --------
    >>> noisy, clean = fresh("blocks", 3.0, batch_size=4)(step=7)
    >>> noisy.shape, clean.shape
    ((4, 100), (4, 100))
    """
    draw = family
    if not callable(family):
        draw = signals.FAMILIES[_check.choice(family, "family", signals.FAMILIES)]
    levels = _check.array(sigma, "sigma", numbers=True)
    if levels.shape not in ((), (2,)) or not 0 <= levels.min() == levels.flat[0]:
        raise ValueError(f"sigma must be a level, or a rising pair of them, not {sigma}")
    low, high = levels.flat[0].item(), levels.flat[-1].item()
    batch_size, length = (
        _check.integer(value, name, 1)
        for value, name in ((batch_size, "batch_size"), (length, "length"))
    )
    seed, level = _check.seed(seed), _check.flag(level, "level")

    def data(step):
        rng = np.random.default_rng([seed, step])
        clean = draw(batch_size, length, rng)
        sigmas = low if low == high else rng.uniform(low, high, (batch_size, 1))
        noisy = signals.add_noise(clean, sigmas, rng)
        if level:
            noisy = np.stack([noisy, np.broadcast_to(sigmas, noisy.shape)], axis=1)
        return noisy, clean

    # what is wrong with the arguments is said now
    drawn = draw(batch_size, length, np.random.default_rng(seed))
    shape = _check.array(drawn, "signals of family").shape
    if shape != (batch_size, length):
        raise ValueError(f"family must give {(batch_size, length)}, not {shape}")
    data(0)
    return data


def fixed(noisy, clean, batch_size, seed=0):
    """Return data from a fixed set, each epoch in a new order; what does not fill a batch waits.

    Parameters
    ----------
    noisy, clean : array_like (n, length)
        The set; noisy ones may be ``(n, 2, length)``, the second channel their noise level.
    batch_size : int
        At most n.
    seed : int
        Together with the number of the epoch it decides the order.

    Returns
    -------
    callable
        ``data(step) -> (noisy, clean)``, each ``(batch_size, length)``.

    Raises
    ------
    TypeError, ValueError
        If an array is empty, not real or not finite, the shapes differ, or the batch is too large.

    Examples
    --------
    >>> data = fixed(np.arange(6.0).reshape(3, 2), np.zeros((3, 2)), batch_size=1)
    >>> print(sorted(data(step)[0][0, 0] for step in range(3)))
    [np.float64(0.0), np.float64(2.0), np.float64(4.0)]
    """
    noisy, clean = _check.array(noisy, "noisy"), _check.array(clean, "clean")
    if clean.ndim != 2 or noisy.shape not in [clean.shape, (len(clean), 2, clean.shape[1])]:
        raise ValueError(
            f"noisy and clean must have one shape (n, length), not {noisy.shape}, {clean.shape}"
        )
    seed = _check.seed(seed)
    batches = len(noisy) // _check.integer(batch_size, "batch_size", 1, len(noisy))

    def data(step):
        epoch, batch = divmod(step, batches)
        order = np.random.default_rng([seed, epoch]).permutation(len(noisy))
        chosen = order[batch * batch_size : (batch + 1) * batch_size]
        return noisy[chosen], clean[chosen]

    return data


class History(dict):
    """What happened: lists by name, ``step``, ``lr``, ``loss`` and, if validated, ``rmse``."""


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
    scaler=None,
    clip=None,
    callbacks=(),
    checkpoint=None,
):
    """Train a network.

    Parameters
    ----------
    net : Network
        Left in training mode, with the weights of the last step.
    data : callable
        ``data(step) -> (noisy, clean)``, as `fresh` and `fixed` make them, or other arrays
        ``(batch, length)`` for a loss of one's own.
    optimizer : optim.Optimizer
        Made for this network.
    steps : int
        How many in all, those before a checkpoint included.
    schedule : callable, optional
        From the number of the step to the learning rate; the optimiser's own rate if not given.
    loss : str or callable
        Name in `losses.LOSSES`, or ``loss(net, *arrays) -> Tensor ()`` of the batch's arrays, each
        ``(batch, channels, length)``. Its operations are recorded once and replayed, so that it
        must not decide or draw anything by itself.
    validation : (noisy, clean), optional
        Signals ``(n, length)`` on which the RMSE is measured, with running statistics.
    every : int
        Steps between two entries of the history, validations, callbacks and checkpoints.
    scaler : optim.GradientScaler, optional
        Scales the loss.
    clip : float, optional
        Largest norm of the gradient.
    callbacks : sequence of callables
        Called as ``callback(step, history)``, for progress bars and the like.
    checkpoint : str or Path, optional
        A file to save to and, if it is there already, to resume from.

    Returns
    -------
    History
        With ``best``, the state of the best validation, as an attribute.

    Raises
    ------
    FloatingPointError
        If the loss is not finite, and no scaler is there to skip the step; the step is named.
    ValueError
        If a name is unknown, or the checkpoint is damaged or of another network.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet, optim
    >>> net = PlainNet(width=4, depth=3)
    >>> history = fit(net, fresh("sparse_spikes", 3.0, 16), optim.Adam(net, 1e-2), steps=200)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """
    _check.instance(net, "net", Module)
    _check.instance(optimizer, "optimizer", Optimizer)
    _check.function(data, "data")
    if validation is not None:
        validation = [
            _check.array(part, "validation") for part in _check.several(validation, "validation")
        ]
        if len(validation) != 2:
            raise ValueError("validation must be noisy and clean signals")
    if scaler is not None:
        _check.instance(scaler, "scaler", GradientScaler)
    if clip is not None:
        clip = _check.number(clip, "clip")
    if checkpoint is not None:
        checkpoint = _check.path(checkpoint, "checkpoint", files.ENDINGS)
    callbacks = [_check.function(f, "callbacks") for f in _check.several(callbacks, "callbacks")]
    if not callable(loss):
        loss = _between_output_and_target(LOSSES[_check.choice(loss, "loss", LOSSES)])
    steps, every = _check.integer(steps, "steps", 1), _check.integer(every, "every", 1)
    schedule = constant(optimizer.lr) if schedule is None else schedule
    _check.function(schedule, "schedule")
    history, start = History(step=[], lr=[], loss=[], rmse=[]), 0
    history.best = None
    if checkpoint is not None and checkpoint.exists():
        start = _resume(checkpoint, net, optimizer, scaler, history)
    net.train()
    programs = {}

    def of_batch(*arrays):
        return loss(net, *arrays)

    for step in range(start, steps):
        arrays = [part[:, None] if part.ndim == 2 else part for part in data(step)]
        program = programs.setdefault(arrays[0].shape, Program(of_batch, net.dtype))
        value = float(program(*arrays))
        if not np.isfinite(value) and scaler is None:
            raise FloatingPointError(
                f"the loss is {value} at step {step}: lower the learning rate, or clip the gradient"
            )
        program.backward(1.0 if scaler is None else scaler.scale)
        optimizer.lr = schedule(step)
        if scaler is None or scaler.unscale(net.gradient):
            if clip is not None:
                clip_gradient(net.gradient, clip)
            optimizer.step()
        if (step + 1) % every == 0 or step + 1 == steps:
            _record(history, step + 1, optimizer.lr, value, net, validation)
            if checkpoint is not None:
                _save(checkpoint, net, optimizer, scaler, history)
            for callback in callbacks:
                callback(step + 1, history)
    return history


def _between_output_and_target(measure):
    return lambda net, noisy, target: measure(net(noisy), target)


def _record(history, step, lr, value, net, validation):
    history["step"].append(step)
    history["lr"].append(lr)
    history["loss"].append(value)
    if validation is not None:
        noisy, clean = validation
        error = float(metrics.rmse(net.denoise(noisy), clean).mean())
        if error < min(history["rmse"], default=np.inf):
            history.best = net.state_dict()
        history["rmse"].append(error)


def _save(path, net, optimizer, scaler, history):
    arrays = {f"net/{k}": v for k, v in net.state_dict().items()}
    arrays |= {f"optimizer/{k}": v for k, v in optimizer.state_dict().items()}
    arrays |= {f"history/{k}": np.asarray(v, np.float64) for k, v in history.items()}
    arrays |= {f"best/{k}": v for k, v in (history.best or {}).items()}
    state = {"optimizer": type(optimizer).__name__}
    if scaler is not None:
        state |= {"scale": scaler.scale, "good": scaler.good}
    files.save(path, arrays, {"state": json.dumps(state)})


def _resume(path, net, optimizer, scaler, history):
    arrays, metadata = files.load(path)
    parts = {part: {} for part in ("net", "optimizer", "history", "best")}
    for name, array in arrays.items():
        part, _, rest = name.partition("/")
        parts.setdefault(part, {})[rest] = array
    try:
        state = json.loads(metadata["state"])
        if state["optimizer"] != type(optimizer).__name__:
            raise ValueError(f"it was written with {state['optimizer']}")
        net.load_state_dict(parts["net"])
        optimizer.load_state_dict(parts["optimizer"])
        if scaler is not None:
            scaler.scale, scaler.good = state["scale"], state["good"]
        for name in history:
            history[name] = parts["history"][name].tolist()
        start = int(history["step"][-1])
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{path.name} is no checkpoint of this training: {error}") from None
    history["step"] = [int(step) for step in history["step"]]
    history.best = parts["best"] or None
    return start
