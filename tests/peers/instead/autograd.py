"""Autograd's checker of gradients judges ours: its tests differentiate through our tape.

A function that a test checks is called with our tensors. ``autograd.numpy`` passes these on to our
operations. Value and gradient then become a primitive of autograd, which its own checker compares
with differences; the value is compared with that of autograd, too.
"""

from types import BuiltinFunctionType, FunctionType

import autograd.numpy
import autograd.test_util
import numpy as np
from autograd.extend import defvjp, primitive

from denoiselib.nn import Tensor, ops
from tests.peers.instead.plugin import called, missing

THEIR_CHECK = autograd.test_util.check_grads


#: What a TypeError says where a test does with a tensor what is not for tensors.
FOREIGN = {
    "Can't differentiate w.r.t. type": "gradients of gradients",
    "does not support ufuncs": "functions that are not of autograd.numpy",
    "unsupported operand type(s) for %": "the remainder",
    "has no len()": "the length of a tensor",
    "must hold real numbers, not complex128": "complex numbers",
    "must hold real numbers, not object": "gradients of gradients",
    "unexpected keyword argument 'out'": "an array for the result",
}


class MissingError(Exception):
    """What we do not have."""


def exponent(x, p):
    if not isinstance(p, int | float | np.integer | np.floating):
        raise MissingError("an exponent that is no number")
    return ops.power(x, float(p))


def matrices(a, b):
    if min(np.ndim(getattr(x, "data", x)) for x in (a, b)) < 2:
        raise MissingError("products with vectors")
    return ops.matmul(a, b)


def dot(a, b):
    if max(np.ndim(getattr(x, "data", x)) for x in (a, b)) > 2:
        raise MissingError("dot of stacks")
    return matrices(a, b)


def concatenate(parts, axis=0):
    return ops.concat(parts, axis)


OURS = {
    "abs": ops.absolute, "absolute": ops.absolute, "fabs": ops.absolute,
    "exp": ops.exp, "log": ops.log, "negative": lambda x: -x,
    "add": ops.add, "subtract": ops.subtract, "multiply": ops.multiply,
    "divide": ops.divide, "true_divide": ops.divide, "power": exponent,
    "square": lambda x: x * x, "sqrt": lambda x: ops.power(x, 0.5),
    "reciprocal": lambda x: 1.0 / x,
    "sum": ops.sum, "mean": ops.mean, "matmul": matrices, "dot": dot,
    "concatenate": concatenate,
}  # fmt: skip


def has_tensor(value):
    if isinstance(value, list | tuple):
        return any(has_tensor(part) for part in value)
    return isinstance(value, Tensor)


def either(name, theirs):
    """Return a function that is ours for our tensors, theirs for anything else."""

    def function(*args, **kwargs):
        if not has_tensor(args):
            return theirs(*args, **kwargs)
        if name not in OURS:
            raise MissingError(f"np.{name}")
        return OURS[name](*args, **kwargs)

    function.__name__ = name
    return function


def refuse(self, name):
    raise MissingError(f"the method {name} of an array")


def value(fun, args, kwargs, places):
    """Return our output, and the tensors that it was computed from."""
    for k in places:
        kind = getattr(args[k], "dtype", np.dtype(type(args[k]))).kind
        if kind not in "iuf":
            raise MissingError("complex numbers" if kind == "c" else "arguments that are no arrays")
    given = list(args)
    for k in places:
        given[k] = Tensor(np.array(args[k], np.float64), requires_grad=True)
    out = fun(*given, **kwargs)
    if not isinstance(out, Tensor):
        raise MissingError("outputs that are no array")
    return out, given


def check_grads(fun, argnum=0, modes=(), order=2):
    """Do what autograd's function of that name does, for ours: first derivatives, backward."""
    places = argnum if isinstance(argnum, tuple | list) else (argnum,)

    @primitive
    def ours(*args, **kwargs):
        data = value(fun, args, kwargs, places)[0].data
        return data if data.ndim else float(data)

    def gradient(k):
        def vjp(answer, *args, **kwargs):
            def of(cotangent):
                out, given = value(fun, args, kwargs, places)
                (out * np.asarray(cotangent, np.float64)).sum().backward()
                grad = given[k].grad
                return grad if grad.ndim else float(grad)

            return of

        return vjp

    defvjp(ours, *map(gradient, places), argnums=places)

    def check(*args, **kwargs):
        try:
            np.testing.assert_allclose(ours(*args, **kwargs), fun(*args, **kwargs), 1e-12, 1e-12)
            THEIR_CHECK(ours, argnum, modes=["rev"], order=1)(*args, **kwargs)
            called.add(getattr(fun, "__name__", "function"))
        except MissingError as what:
            missing.add(str(what))
        except Exception as error:
            what = [FOREIGN[text] for text in FOREIGN if text in str(error)]
            if isinstance(error, TypeError) and what:
                missing.update(what)
                return
            called.add("a check")  # which has failed
            raise

    return check


Tensor.__pow__ = exponent
Tensor.__getattr__ = refuse  # asked for what a tensor does not have
for name, theirs in list(vars(autograd.numpy).items()):
    if isinstance(theirs, FunctionType | BuiltinFunctionType) or hasattr(theirs, "fun"):
        setattr(autograd.numpy, name, either(name, theirs))
autograd.test_util.check_grads = check_grads
