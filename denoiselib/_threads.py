"""A network that one thread trains is refused to the others."""

import threading
from contextlib import contextmanager

WAIT = "is being trained by another thread: take a copy before, or wait"
AGAIN = "was trained by another thread meanwhile, or its mode was changed: try once more"
_uses = {}  # (thread, network, whether it is trained, trainings that began meanwhile)


@contextmanager
def left_alone(net, trains=False):
    """Refuse a network that another thread trains as the block begins, or begins to train in it.

    What shares parameters with it, its parts and what it is a part of, counts as the network. If
    this thread `trains` it, or changes its mode, the blocks of other threads are those refused.
    """
    use = threading.get_ident(), net, trains, (begun := [])
    _uses[id(use)] = use
    try:
        if len(_uses) > 1:
            refuse_trained(net)
        for *_, others in list(_uses.values()) if trains else ():
            others.append(use)
        yield
    finally:
        del _uses[id(use)]
    if begun:
        refuse_trained(net, begun, AGAIN)


def refuse_trained(net, uses=None, words=WAIT):
    """Refuse a network if one of some uses, if not given those of now, trains it elsewhere."""
    uses, own = list(_uses.values()) if uses is None else uses, threading.get_ident()
    others = [other for thread, other, trains, _ in uses if trains and thread != own]
    state = {tensor for _, tensor in net.named_state()} if others else ()
    if any(tensor in state for other in others for _, tensor in other.named_state()):
        raise RuntimeError(f"net {words}")
