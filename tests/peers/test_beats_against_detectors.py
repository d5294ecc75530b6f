"""Beats are found at least as well as by well-known detectors, on all kinds of hearts."""

import warnings

import numpy as np
import pytest

from denoiselib.real import r_peaks
from tests.real import hearts

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what these packages import is not our concern
    nk = pytest.importorskip("neurokit2")
    processing = pytest.importorskip("wfdb.processing")

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
SEEDS = range(6)
FARTHEST = 150  #: in ms: what is farther from a true beat tells nothing of a detector's delay


def neurokit(method):
    def detect(signal, rate):
        clean = nk.ecg_clean(signal, sampling_rate=rate, method=method)
        return nk.ecg_peaks(clean, sampling_rate=rate, method=method)[1]["ECG_R_Peaks"]

    return detect


def xqrs(signal, rate):
    return processing.xqrs_detect(signal, rate, verbose=False)


DETECTORS = {
    "Pan and Tompkins 1985": neurokit("pantompkins1985"),
    "Hamilton 2002": neurokit("hamilton2002"),
    "neurokit": neurokit("neurokit"),
    "xqrs": xqrs,
}


def delay(detect):
    """Return by how much a detector is late, in samples: a median over plain hearts."""
    late = []
    for seed in SEEDS:
        signal, beats = hearts.draw("plain", seed)
        found = np.asarray(detect(signal, hearts.RATE))
        distance = found - beats[abs(found[:, None] - beats).argmin(axis=1)]
        late += distance[abs(distance) < FARTHEST / 1000 * hearts.RATE].tolist()
    return np.median(late)


@pytest.fixture(scope="module")
def peers():
    """Detectors without their delays."""

    def prompt(detect, late):
        def detect_at_once(signal, rate):
            found = np.asarray(detect(signal, rate), dtype=float)
            return found[np.isfinite(found)] - late

        return detect_at_once

    return {name: prompt(detect, delay(detect)) for name, detect in DETECTORS.items()}


@pytest.mark.parametrize("kind", hearts.KINDS)
def test_at_most_one_detector_has_fewer_errors(kind, peers):
    ours = sum(hearts.missed_and_extra(r_peaks, kind, SEEDS))
    theirs = {n: sum(hearts.missed_and_extra(find, kind, SEEDS)) for n, find in peers.items()}
    better = [name for name, errors in theirs.items() if errors < ours]
    assert len(better) <= 1, (ours, theirs)
