"""Losses: scalar tensors, means over all samples."""

import numpy as np

from denoiselib import _check
from denoiselib.nn.ops.layout import tensors
from denoiselib.nn.tensor import Op, watching


class Loss(Op):
    """mean of f(error), error = prediction - target"""

    def __init__(self, prediction, target):
        self.p, self.t = prediction.data, target.data
        self.error, self.slope = np.empty_like(self.p), np.empty_like(self.p)
        self.flat_error, self.flat_slope = self.error.ravel("K"), self.slope.ravel("K")
        self.y = np.empty((), self.p.dtype)
        super().__init__([prediction, target], self.y)

    def backward(self):
        """The gradient is the slope f'(error), over the number of samples."""
        share = self.dy / self.slope.size
        for d, sign in zip(self.dx, (1, -1), strict=True):
            if d is not None:
                np.multiply(self.slope, sign * share, out=d)


class SquaredError(Loss):
    """error^2, of slope 2 error"""

    def forward(self):
        np.subtract(self.p, self.t, out=self.error)
        np.add(self.error, self.error, out=self.slope)
        self.y[...] = np.dot(self.flat_error, self.flat_error) / self.error.size


class SmoothL1(Loss):
    """error^2 / 2 up to 1, |error| - 1/2 beyond, of slope clip(error, -1, 1)"""

    def forward(self):
        np.subtract(self.p, self.t, out=self.error)
        np.clip(self.error, -1, 1, out=self.slope)
        # slope (error - slope / 2) is both branches at once
        total = np.dot(self.flat_slope, self.flat_error)
        total -= np.dot(self.flat_slope, self.flat_slope) / 2
        self.y[...] = total / self.error.size


def mse(prediction, target):
    """Return the mean squared error.

    Parameters
    ----------
    prediction, target : Tensor or array_like
        Of one shape.

    Returns
    -------
    Tensor ()
        The mean over all samples.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> print(mse([1.0, 2.0], [1.0, 4.0]).item())
    2.0
    """
    return SquaredError(*_pair(prediction, target)).out


def smooth_l1(prediction, target):
    """Return the mean Huber loss with its bend at 1, the slides' SmoothL1.

    Parameters
    ----------
    prediction, target : Tensor or array_like
        Of one shape.

    Returns
    -------
    Tensor ()
        The mean over all samples.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> print(smooth_l1([1.0, 2.0], [1.5, 4.0]).item())
    0.8125
    """
    return SmoothL1(*_pair(prediction, target)).out


class Sparsity(Op):
    """mean of S(x), S of slope s"""

    def __init__(self, x, value, slope):
        self.x, self.value, self.slope = x.data, value, slope
        self.y = np.empty((), self.x.dtype)
        super().__init__([x], self.y)

    def forward(self):
        self.y[...] = self.value(self.x).mean()

    def backward(self):
        np.multiply(self.slope(self.x), self.dy / self.x.size, out=self.dx[0])


def _power(p):
    """S(x) = |x|^p and its slope; for p < 1 smoothed, (x^2 + 1e-4)^(p / 2)."""
    if p == 1:
        return np.abs, np.sign
    if p > 1:
        return lambda x: np.abs(x) ** p, lambda x: p * np.sign(x) * np.abs(x) ** (p - 1)
    return lambda x: (x * x + 1e-4) ** (p / 2), lambda x: p * x * (x * x + 1e-4) ** (p / 2 - 1)


def sparsity(weight, p=1.0, on="input"):
    r"""Return a penalty on features for `penalised`: the price of what is not zero.

    Parameters
    ----------
    weight : float or sequence of float
        Weight of the penalty, for all activations or for each one by itself; not negative.
    p : float or "log"
        Exponent, greater than 0, or the logarithmic penalty.
    on : {"input", "output"}
        Whether what activations are given is punished, or what they return.

    Returns
    -------
    callable
        From input and output of each activation, as `tensor.watching` gathers them, to a scalar
        tensor.

    Raises
    ------
    ValueError
        If a weight or p is out of range, or `on` unknown; when called, if there are not as many
        weights as activations.

    Notes
    -----
    :math:`\sum_k \Lambda_k\,\overline{S(h_k)}` over the activations k, the mean over batch,
    channels and time, with :math:`S(h) = |h|^p` (the slides' :math:`\Lambda \lVert X \rVert_p^p`)
    or :math:`\log(1 + h^2)`; Ide & Kurita (2017) punish the inputs of ReLUs with p = 1 or the
    logarithm. For p < 1 the slope of :math:`|h|^p` is infinite at 0: there
    :math:`(h^2 + 10^{-4})^{p/2}` stands for it.

    Examples
    --------
    >>> from denoiselib.nn import Tensor
    >>> before, after = Tensor([-1.0, 3.0]), Tensor([0.0, 3.0])
    >>> print(sparsity(0.1)([(before, after)]).item())
    0.2
    """
    weights = _check.level(weight, "weight", np.ones(1))
    if weights.ndim > 1:
        raise ValueError(f"weight must be a number or a sequence, not of shape {weights.shape}")
    which = ("input", "output").index(_check.choice(on, "on", ("input", "output")))
    if isinstance(p, str) and p == "log":
        functions = (lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x))
    else:
        functions = _power(_check.number(p, "p", positive=True))

    def penalty(features):
        if weights.ndim and len(weights) != len(features):
            raise ValueError(f"weight has {len(weights)} numbers for {len(features)} activations")
        terms = zip(np.broadcast_to(weights, len(features)), features, strict=True)
        return sum(Sparsity(pair[which], *functions).out * float(w) for w, pair in terms)

    return penalty


def penalised(penalty, loss="mse"):
    """Return a loss for `train.fit`: one of those above, and a penalty on the features.

    Parameters
    ----------
    penalty : callable
        From the features that `tensor.watching` gathers to a scalar tensor, as `sparsity` makes it.
    loss : str
        Name in `LOSSES`.

    Returns
    -------
    callable
        ``loss(net, noisy, target) -> Tensor ()``.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from denoiselib.nn import PlainNet
    >>> x = np.zeros((1, 1, 20))
    >>> net = PlainNet()
    >>> penalised(sparsity(0.1))(net, x, x).item() > mse(net(x), x).item()
    True
    """
    _check.function(penalty, "penalty")
    measure = LOSSES[_check.choice(loss, "loss", LOSSES)]

    def of_net(net, noisy, target):
        with watching() as features:
            value = measure(net(noisy), target)
        return value + penalty(features)

    return of_net


#: Losses by name.
LOSSES = {"mse": mse, "smooth_l1": smooth_l1}


def _pair(prediction, target):
    prediction, target = tensors(prediction=prediction, target=target)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction and target have shapes {prediction.shape}, {target.shape}")
    return prediction, target
