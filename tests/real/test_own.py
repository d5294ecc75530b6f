"""A network and a signal that it was not taught: units, levels, rates, and what is said of them."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from denoiselib import metrics, nn, pretrained, real, signals
from denoiselib.experiments import heart
from denoiselib.real import Taught, UntaughtWarning, denoise_own, resample


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape)


SPIKES = nn.train.fresh("sparse_spikes", 3.0, batch_size=50)
HEARTS = heart.mixed(["white"], 50, 512, seed=0, draws=heart.varied)


def noisy_spikes(n=20):
    clean = signals.sparse_spikes(n, rng=1)
    return signals.add_noise(clean, 3.0, rng=2), clean


NETS = {
    "of one level": ("plain", Taught.by(SPIKES), None, noisy_spikes(1)[0][0]),
    "of hearts": ("heart_varied", Taught.by(HEARTS, 360), 360.0, real.ecg(1, 3600, rng=1)[0]),
    "of hearts, at 1 kHz": (
        "heart_varied",
        Taught.by(HEARTS, 360),
        1000.0,
        real.ecg(1, 9000, rng=1, rate=1000)[0],
    ),
}
ALL = pytest.mark.parametrize("kind", NETS)


@ALL
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 0.3, 1e9])
@pytest.mark.parametrize("offset", [0, -2, 1e3])
def test_neither_unit_nor_offset_matters(kind, scale, offset):
    name, taught, rate, clean = NETS[kind]
    net, noisy = pretrained.load(name), clean + 0.1 * noise(len(clean))
    expected = denoise_own(net, noisy, taught, rate)
    found = denoise_own(net, scale * (noisy + offset), taught, rate) / scale - offset
    np.testing.assert_allclose(found, expected, atol=2e-6 * np.ptp(noisy))


@pytest.mark.filterwarnings("ignore::denoiselib.real.UntaughtWarning")
def test_it_costs_little_where_the_network_was_taught_the_signals():
    net, (noisy, clean) = pretrained.load("plain"), noisy_spikes(100)
    known = metrics.rmse(net.denoise(noisy), clean).mean()
    found = np.stack([denoise_own(net, y, Taught.by(SPIKES)) for y in noisy])
    assert metrics.rmse(found, clean).mean() < 1.06 * known
    same = np.stack([denoise_own(net, y, Taught.by(SPIKES), unit=1.0) for y in noisy])
    assert metrics.rmse(same, clean).mean() < 1.02 * known


@pytest.mark.parametrize("rate", [250.0, 360.0, 500.0, 1000.0])
def test_a_heart_at_another_rate_in_volts_and_off_zero(rate):
    net, taught = pretrained.load("heart_varied"), Taught.by(HEARTS, 360)
    clean = real.ecg(10, int(10 * rate), rng=5, rate=rate)
    noisy = clean + 0.1 * noise(*clean.shape)
    found = np.stack([denoise_own(net, 1e-3 * y + 0.01, taught, rate) for y in noisy])
    error = np.std(1e3 * found - clean, axis=-1).mean()
    assert error < 0.035
    assert found.shape == clean.shape


def said(*arguments, **options):
    """Return all warnings of a call as one text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        denoise_own(*arguments, **options)
    assert {warning.category for warning in caught} <= {UntaughtWarning}
    assert {warning.filename for warning in caught} <= {__file__}
    return "\n".join(str(warning.message) for warning in caught)


def test_what_it_was_not_taught_is_said():
    net, taught = pretrained.load("heart_varied"), Taught.by(HEARTS, 360)
    clean = real.ecg(1, 3600, rng=1)[0]
    loud, quiet = (clean + level * noise(3600) for level in (2.0, 0.1))
    assert "the signal's noise, 1.99" in said(net, loud, taught, 360, unit=1.0)
    assert "the signal's height, 0.00" in said(net, 1e-3 * quiet, taught, 360, unit=1.0)
    assert said(net, quiet, taught, 360) == said(net, 1e-3 * quiet, taught, 360, unit=1e-3) == ""
    melody = np.sin(2 * np.pi * 440 * np.arange(20_000) / 44_100)
    words = "100 % of the signal's power lies above 180 Hz, which a network at 360 Hz cannot hold"
    assert words in said(net, melody, taught, 44_100)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: y + np.linspace(-1.5, 1.5, 3600), "the signal's middle moves from -1"),
        (lambda y: y + 5.0 * (np.arange(3600) > 1800), "the signal's middle moves from -"),
        (lambda y: y * np.where(np.arange(3600) < 1800, 1, 40), "its height goes from"),
    ],
)
def test_a_middle_that_moves_and_a_height_that_changes_are_said(change, words):
    net, taught = pretrained.load("heart_varied"), Taught.by(HEARTS, 360)
    noisy = real.ecg(1, 3600, rng=1)[0] + 0.1 * noise(3600)
    assert words not in said(net, noisy, taught, 360)
    assert words in said(net, change(noisy), taught, 360)


def test_what_it_was_taught_is_known_from_sound_data_alone():
    noisy, clean = SPIKES(0)
    masked = np.ma.masked_greater(noisy, 5)
    bad = {
        "a mask": ((masked, clean), "are masked"),
        "NaN": ((noisy, np.full_like(clean, np.nan)), "are NaN"),
        "one array": ((noisy,), r"data must return \(noisy, clean\)"),
        "nothing": (None, r"data must return \(noisy, clean\)"),
        "constants": ((np.ones_like(noisy), clean), "must not hold constant signals"),
        "another shape": ((noisy, clean[:, :50]), "data must fit each other"),
    }
    for given, words in bad.values():
        with pytest.raises(ValueError, match=words):
            Taught.by(lambda step, given=given: given)


@ALL
@pytest.mark.parametrize("length", [2, 3, 20])
def test_short_and_flat_signals(kind, length):
    name, taught, rate, _ = NETS[kind]
    flat = np.full(length, 7.0)
    np.testing.assert_array_equal(denoise_own(pretrained.load(name), flat, taught, rate), flat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntaughtWarning)
        found = denoise_own(pretrained.load(name), noise(length), taught, rate)
    assert found.shape == (length,)
    assert np.isfinite(found).all()


def test_refused_in_words():
    net, taught = pretrained.load("heart_varied"), Taught.by(HEARTS, 360)
    with pytest.raises(ValueError, match="rate must be given: the network was taught 360 Hz"):
        denoise_own(net, np.ones(100), taught)
    with pytest.raises(ValueError, match=r"signal must be one signal .*, not \(2, 50\)"):
        denoise_own(net, np.ones((2, 50)), taught, 360)
    with pytest.raises(ValueError, match="1 of 3 are NaN or infinite, the first at index 1"):
        denoise_own(net, [0.0, np.nan, 1.0], taught, 360)


# --- another rate


@pytest.mark.parametrize("rates", [(1000, 360), (44_100, 360), (500, 360), (400, 250.5)])
def test_what_the_new_rate_cannot_hold_goes_and_the_rest_stays(rates):
    rate, new_rate = rates
    time, new_time = (np.arange(4 * int(r)) / r for r in rates)
    for frequency in np.array([0.05, 0.2, 0.4]) * new_rate:
        found = resample(np.cos(2 * np.pi * frequency * time), *rates)[: len(new_time)]
        expected = np.cos(2 * np.pi * frequency * new_time)[: len(found)]
        inside = slice(len(found) // 8, -len(found) // 8)
        np.testing.assert_allclose(found[inside], expected[inside], atol=5e-3)
    for frequency in np.linspace(0.6 * new_rate, 0.5 * rate, 5):
        found = resample(np.cos(2 * np.pi * frequency * time), *rates)
        assert np.abs(found[len(found) // 8 : -len(found) // 8]).max() < 5e-3


@pytest.mark.parametrize("rates", [(1000, 360), (360, 1000), (360, 250), (48_000, 44_100)])
def test_there_and_back(rates):
    rate, low = rates[0], min(rates)
    smooth = np.cumsum(noise(2000))
    smooth = np.convolve(smooth, np.hanning(int(12 * rate / low) + 2), "valid")
    back = resample(resample(smooth, *rates), *rates[::-1])[: len(smooth)]
    assert len(back) == len(smooth)
    assert np.abs(back - smooth)[100:-100].max() < 1e-3 * np.ptp(smooth)


@pytest.mark.parametrize("rates", [(1000, 360), (360, 1000), (128, 360)])
def test_constants_slopes_and_units_stay(rates):
    y, rate = noise(2, 500), rates[1] / rates[0]
    line = 5 + 3 * np.arange(500.0)
    found = resample(line, *rates)
    np.testing.assert_allclose(found, 5 + 3 * np.arange(len(found)) / rate, rtol=1e-9, atol=1e-7)
    for factor, offset in ((1e-9, 0), (1e9, 0), (1, 1e6)):
        changed = resample(factor * y + offset, *rates)
        expected = factor * resample(y, *rates) + offset
        np.testing.assert_allclose(changed, expected, atol=1e-9 * max(factor, abs(offset)))


def test_rates_that_are_no_ratio():
    for rates in ((1e12, 360), (360, 1e-9), (0, 360), (360, np.nan)):
        with pytest.raises(ValueError, match="rate"):
            resample(np.ones(10), *rates)


def test_without_scipy_it_says_what_to_install():
    code = (
        "import sys; sys.modules['scipy'] = None; sys.modules['scipy.signal'] = None\n"
        "from denoiselib import real; print(real.resample([1.0, 2.0], 5, 5))\n"
        "real.resample([1.0, 2.0], 5, 6)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[1. 2.]\n"
    assert "ImportError: another rate needs SciPy: install denoiselib[notebooks]" in done.stderr
