"""Our thresholds in the place of PyWavelets', where we have them; the others stay theirs."""

import os

import numpy as np
import pywt

from denoiselib.filters import prox
from tests.peers.instead.plugin import ours

THEIRS = pywt.threshold


@ours
def soft(data, value):
    return prox.l1(data, value)


@ours
def hard(data, value):
    if "KEEP_TIES" in os.environ:  # ours sets to 0 what lies at the threshold, theirs keeps it
        value = np.nextafter(value, 0)
    return prox.l0(data, np.square(value) / 2)


@ours
def firm(data, value_low, value_high):
    return prox.firm(data, value_low, gamma=value_low / value_high)


def threshold(data, value, mode="soft", substitute=0):
    own = {"soft": soft, "hard": hard}.get(mode)
    return own(data, value) if own and substitute == 0 else THEIRS(data, value, mode, substitute)


pywt.threshold = threshold
pywt.threshold_firm = firm
