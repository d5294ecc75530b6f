"""Colours that mean something stay apart for the colour-blind, and stand out from white."""

from itertools import combinations

import matplotlib
import matplotlib.style
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from denoiselib import plots

# G. Machado, M. Oliveira, L. Fernandes, A physiologically-based model for simulation of color
# vision deficiency, IEEE Trans. Vis. Comput. Graph. 15 (2009), 1291-1298: severity 1, linear RGB
EYES = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# IEC 61966-2-1 (sRGB): rows X, Y, Z, white D65
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
APART = 15  #: distance in CIELAB (1976); about 2 can just be told
MEANINGS = {name: getattr(plots, name) for name in ("CLEAN", "NOISY", "ESTIMATE", "OTHER", "LIMIT")}
with matplotlib.style.context("denoiselib.style"):
    CYCLE = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]


def linear(colour):
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(colour, eye="all cones"):
    """Return lightness, a and b (CIE 1976) of a colour as an eye sees it."""
    seen = np.clip(np.array(EYES[eye]) @ linear(colour), 0, 1)
    light = XYZ @ seen / XYZ.sum(axis=1)  # white is 1, 1, 1
    linear_part = (29 / 6) ** 2 / 3 * light + 4 / 29
    x, y, z = np.where(light > (6 / 29) ** 3, np.cbrt(light), linear_part)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(a, b="white"):
    """Return the ratio of luminances of WCAG 2: from 1 to 21, 3 for parts of pictures."""
    high, low = sorted((XYZ[1] @ linear(c) for c in (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measures_are_the_known_ones():
    np.testing.assert_allclose(lab("red"), [53.24, 80.09, 67.20], atol=0.02)
    np.testing.assert_allclose(lab("black"), 0, atol=1e-9)
    assert contrast("black") == pytest.approx(21)
    assert contrast("#777777") == pytest.approx(4.48, abs=0.01)
    for eye in ("protanopia", "deuteranopia"):  # which confuse these
        far, near = (
            np.linalg.norm(lab("#C00000", e) - lab("#5D5D00", e)) for e in ("all cones", eye)
        )
        assert near < far / 2


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("colours", [[*MEANINGS.values()], [*CYCLE, plots.LIMIT]])
def test_colours_stay_apart(colours, eye):
    for a, b in combinations(colours, 2):
        assert np.linalg.norm(lab(a, eye) - lab(b, eye)) > APART, (a, b)


def test_what_is_read_stands_out_from_white():
    for name, colour in MEANINGS.items():
        if name != "NOISY":  # which lies behind the others on purpose
            assert contrast(colour) > 3, name
    for colour in (plots.NOISY, *CYCLE):  # the light ones come late in the cycle
        assert contrast(colour) > 2.2, colour
    assert min(contrast(colour) for colour in CYCLE[:3]) > 3


def test_numbers_in_a_heatmap_can_be_read():
    values = np.linspace(1, 3, 101)
    ax = Figure().subplots()
    image = plots.heatmap(ax, [values], [""], [""] * 101)
    for value, text in zip(values, ax.texts, strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value))[:3]) > 3, value
