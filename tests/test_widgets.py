"""Panels without a kernel: set a value, look at what is shown (a browser does the rest)."""

import base64
import inspect
import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from denoiselib import bayes, empirical, filters, interpret, metrics, nn, real, widgets
from denoiselib.experiments import heart
from denoiselib.filters import adaptive, prox
from denoiselib.labels import label
from denoiselib.widgets import proposal, views

RULE = Path(__file__).parents[1] / "notebooks" / "unlabelled.py"
unlabelled = runpy.run_path(str(RULE))["unlabelled"]
NETS = [nn.PlainNet(width=4, depth=3, rng=seed).eval() for seed in range(2)]
TAUGHT = {
    (family, method): NETS[k % 2]
    for family in ("sparse_spikes", "blocks")
    for k, method in enumerate(("supervised", *widgets.LESSONS))
}
UNET = nn.UNet(rng=0).eval()  # its layers and channels are others
GUIDED = nn.UNet(prior=True, rng=0).eval("batch")
MODES = ("running", "batch")
SIGMAS = widgets.data.SIGMAS
PANELS = {
    "noise": lambda: widgets.NoisePanel([0.5, 3, 6], {"sparse_spikes": [0.2, 1.6, 2.3]}),
    "filter": widgets.FilterPanel,
    "methods": widgets.MethodsPanel,
    "layer": widgets.LayerPanel,
    "features": lambda: widgets.FeaturePanel({"one": NETS[0], "two": UNET}),
    "effective filter": lambda: widgets.EffectiveFilterPanel({"one": NETS[0], "two": NETS[1]}),
    "shrinkage": lambda: widgets.ShrinkagePanel({"one": NETS[0], "two": NETS[1]}),
    "network": lambda: widgets.NetworkPanel({"one": NETS[0], "two": NETS[1]}),
    "modes": lambda: widgets.ModesPanel({1.0: NETS[0], 3.0: NETS[1]}),
    "lessons": lambda: widgets.LessonsPanel(TAUGHT),
    "prior": lambda: widgets.PriorPanel(GUIDED),
    "sparse norm": lambda: widgets.SparseNormPanel(NETS[0]),
    "adaptive": widgets.AdaptivePanel,
    "heart": lambda: widgets.HeartPanel({"one": NETS[0], "two": NETS[1]}),
}


PANELS |= {  # what a reader adds, see the README
    kind.__name__: kind
    for kind in widgets.SignalPanel.__subclasses__()
    if kind.__name__ not in widgets.__all__
}


@pytest.fixture(autouse=True)
def running_statistics():
    """Begin with the networks in fixed mode, wherever the test before has left them."""
    for net in NETS:
        net.eval()


@pytest.fixture(params=PANELS)
def panel(request):
    return PANELS[request.param]()


@pytest.fixture(params=[name for name in PANELS if name not in ("adaptive", "heart")])
def signal_panel(request):
    return PANELS[request.param]()


def pixels(panel):
    return np.asarray(Image.open(io.BytesIO(panel.image.value)))


def choices(control):
    """Return the values that a menu or a slider offers."""
    return [value for _, value in control._options_full]


def line(panel, view, name):
    return panel.views[view].moving[name]


def controls(panel):
    """Return the controls that a reader sees."""
    return [c for c in panel.children[0].children if c.layout.display != "none"]


def test_every_control_changes_the_picture(panel):
    for control in controls(panel):
        before = pixels(panel)
        if hasattr(control, "options"):
            control.index = (control.index + 1) % len(control.options)
        else:
            control.value = control.value + 2 * control.step
        after = pixels(panel)
        assert after.shape == before.shape  # nothing jumps
        assert (after != before).any(), control.description


def test_axes_say_what_they_show(panel):
    assert unlabelled(panel.figure) == []
    for control in controls(panel):
        for index in range(len(getattr(control, "options", ()))):
            control.index = index
            assert unlabelled(panel.figure) == []


def test_legends_name_what_is_named(panel):
    for view in panel.views.values():
        if legend := view.ax.get_legend():
            texts = [text.get_text() for text in legend.get_texts()]
            names = ["Bayes limit"] if isinstance(view, views.Ranking) else view.moving
            assert texts == [
                label(name) for name in names if name != "note" and not name.startswith("_")
            ]


def test_every_family_and_filter_can_be_shown(signal_panel):
    for family in choices(signal_panel.family):
        signal_panel.family.value = family
        for index in range(len(getattr(getattr(signal_panel, "method", None), "options", ()))):
            signal_panel.method.index = index
        assert len(str(signal_panel)) > 10
        assert "nan" not in str(signal_panel)


def test_going_back_gives_the_same_bytes(signal_panel):
    before = signal_panel.image.value, signal_panel.numbers.value
    signal_panel.set(sigma=1.0, family=choices(signal_panel.family)[-1])
    signal_panel.set(family="sparse_spikes", sigma=3.0)
    assert (signal_panel.image.value, signal_panel.numbers.value) == before


def networks_of(panel):
    """Make networks as a reader may pass them, in several modes, and the panel that shows them."""
    one, two = nn.PlainNet(width=4, depth=3, rng=0), nn.PlainNet(width=4, depth=3, rng=1)
    if panel == "effective filter":
        one.eval()
    two.eval("signal")
    named = {"one": one, "two": two}
    made = {
        "features": lambda: widgets.FeaturePanel(named),
        "effective filter": lambda: widgets.EffectiveFilterPanel(named),
        "shrinkage": lambda: widgets.ShrinkagePanel(named),
        "network": lambda: widgets.NetworkPanel(named),
        "modes": lambda: widgets.ModesPanel({1.0: one, 3.0: two}),
        "methods": lambda: widgets.MethodsPanel(nets={("blocks", k): n for k, n in named.items()}),
        "lessons": lambda: widgets.LessonsPanel(
            {("blocks", "supervised"): one, ("blocks", "SURE"): two}
        ),
        "sparse norm": lambda: widgets.SparseNormPanel(two),
        "heart": lambda: widgets.HeartPanel(named),
    }
    if panel == "prior":
        one = nn.UNet(prior=True, rng=0)
        return [one], lambda: widgets.PriorPanel(one)
    return [one, two], made[panel]


def modes_and_state(net):
    modes = [(module.training, module.statistics) for module in net.modules()]
    return modes, net.state_dict()


WITH_NETWORKS = (
    *("features", "effective filter", "shrinkage", "network", "modes", "methods"),
    *("lessons", "prior", "sparse norm", "heart"),
)


@pytest.mark.parametrize("name", WITH_NETWORKS)
def test_a_network_keeps_its_mode_and_state_while_a_panel_shows_it(name):
    nets, make = networks_of(name)
    before = [modes_and_state(net) for net in nets]
    panel = make()
    for control in controls(panel):
        if hasattr(control, "options"):
            for index in range(len(control.options)):
                control.index = index
        else:
            control.value += 2 * control.step
    for net, (modes, state) in zip(nets, before, strict=True):
        now, arrays = modes_and_state(net)
        assert now == modes
        for key, array in state.items():
            np.testing.assert_array_equal(arrays[key], array)


def test_one_change_of_one_control_computes_once(panel, monkeypatch):
    compute, computed = panel.compute, []
    monkeypatch.setattr(panel, "compute", lambda **v: computed.append(1) or compute(**v))
    for control in panel.children[0].children:
        computed.clear()
        if hasattr(control, "options"):
            control.index = (control.index + 1) % len(control.options)
        else:
            control.value = control.min if control.value > control.min else control.max
        assert len(computed) == 1, control.description


def test_the_answer_depends_on_the_values_of_controls_alone(panel):
    values, found = panel.values(), panel.found
    for control in panel.children[0].children:
        if hasattr(control, "options"):
            control.index = (control.index + 1) % len(control.options)
        else:
            control.value = control.max
    others = panel.values()
    np.testing.assert_equal(panel.compute(**values), found)
    assert panel.values() == others


def test_values_that_are_set_together_are_answered_once(signal_panel, monkeypatch):
    compute, computed = signal_panel.compute, []
    monkeypatch.setattr(signal_panel, "compute", lambda **v: computed.append(v) or compute(**v))
    signal_panel.set(family=choices(signal_panel.family)[-1], sigma=1.0, which=3)
    assert len(computed) == 1
    assert signal_panel.values() == computed[0]
    assert [computed[0][name] for name in ("sigma", "which")] == [1.0, 3]


def test_what_cannot_be_set_is_refused_and_the_picture_stays_true():
    panel = widgets.FilterPanel()
    with pytest.raises(KeyError, match="window size"):
        panel.set(sigma=1.0, **{"window size": 3})
    with pytest.raises(TraitError):
        panel.set(sigma=2.0, family="unknown")
    np.testing.assert_equal(panel.found, panel.compute(**panel.values()))
    panel.sigma.value = 4.0
    np.testing.assert_equal(panel.found, panel.compute(**panel.values()))


ARGUMENTS = {
    "batch": ("blocks", 3.0),
    "tuned": ("blocks", 3.0, "soft", False),
    "learned": ("blocks", 3.0, "markov"),
    "scenario": ("dense: all 32 taps", 0.0, 0.0, 30.0),
    "adapt": ("NLMS", 0.5, 0.0, "dense: all 32 taps", 0.0, 0.0, 30.0),
    "buried": ("recording", "white"),
    "heights": ("blocks",),
}


def cached_functions():
    modules = [module for module in vars(widgets).values() if inspect.ismodule(module)]
    names = {name: value for module in modules for name, value in vars(module).items()}
    return {name: value for name, value in names.items() if hasattr(value, "cache_info")}


@pytest.mark.parametrize("name", cached_functions())
def test_what_is_kept_in_a_cache_cannot_be_changed(name):
    found = cached_functions()[name](*ARGUMENTS[name])
    parts = vars(found).values() if isinstance(found, empirical.Law) else found
    for array in (x for x in parts if isinstance(x, np.ndarray)):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_saved_as_a_picture_and_a_line(panel):
    bundle = panel._repr_mimebundle_()
    saved, shown = base64.b64decode(bundle["image/png"]), panel.image.value
    np.testing.assert_array_equal(*(np.asarray(Image.open(io.BytesIO(x))) for x in (saved, shown)))
    assert len(saved) < len(shown)
    assert bundle["text/plain"] == f"{type(panel).__name__}: {panel}"


def test_the_picture_shows_the_signal_chosen():
    panel = widgets.FilterPanel("blocks", "tv", value=8.0)
    panel.which.value = 5
    clean, noisy, best = widgets.batch("blocks", 3.0)
    estimate = filters.tv(noisy, 8.0)
    np.testing.assert_array_equal(line(panel, "signal", "clean").get_ydata(), clean[5])
    np.testing.assert_allclose(line(panel, "signal", "estimate").get_ydata(), estimate[5])
    np.testing.assert_allclose(
        line(panel, "residual", "_residual").get_ydata(), noisy[5] - estimate[5]
    )
    assert line(panel, "errors", "_here").get_ydata()[0] == pytest.approx(
        np.sqrt(np.mean((estimate - clean) ** 2))
    )
    assert line(panel, "errors", "Bayes limit").get_ydata()[0] == pytest.approx(
        np.sqrt(np.mean((best - clean) ** 2))
    )


def test_the_choices_are_measured_as_the_filter_is():
    panel = widgets.FilterPanel("blocks", "tv", value=8.0)
    clean, noisy, _ = widgets.batch("blocks", 3.0)
    for text, labels in (("with SURE's choice", False), ("with the oracle's", True)):
        value = widgets.tuned("blocks", 3.0, "tv", labels).value
        error = metrics.rmse(filters.tv(noisy, value), clean).mean()
        assert f"{text} {error:.3f} ({value:g})" in str(panel)


def test_the_error_curve_is_the_error_at_every_lambda():
    panel = widgets.FilterPanel("sparse_spikes", "soft")
    clean, noisy, _ = widgets.batch("sparse_spikes", 3.0)
    grid, error = line(panel, "errors", "RMSE").get_data()
    for lam, value in zip(grid[::4], error[::4], strict=True):
        expected = np.sqrt(np.mean((filters.threshold(noisy, lam) - clean) ** 2))
        assert value == pytest.approx(expected)
    assert line(panel, "errors", "SURE's choice").get_xdata()[0] in grid


@pytest.mark.parametrize(
    ("method", "shown"),
    [("wiener", ["window"]), ("gmc_dft", ["lambda", "gamma"]), ("tv", ["lambda"])],
)
def test_only_the_parameters_of_the_filter_are_shown(method, shown):
    panel = widgets.FilterPanel(method=method)
    assert [
        c.description for c in controls(panel) if c in (panel.lam, panel.window, panel.gamma)
    ] == shown


def test_gamma_zero_is_l1():
    panel = widgets.FilterPanel()
    values = {"family": "blocks", "sigma": 2.0, "lam": 1.0, "window": 3, "which": 4}
    gmc = panel.compute(method="gmc_dft", gamma=0.0, **values)
    l1 = panel.compute(method="l1_dft", gamma=0.8, **values)
    estimates = [found["signal"]["estimate"] for found in (gmc, l1)]
    np.testing.assert_allclose(*estimates, atol=1e-12)


def test_the_batch_is_scaled_noise_and_its_bayes_estimate():
    (clean, one, _), (same, two, best) = (widgets.batch("blocks", s) for s in (1.0, 2.0))
    np.testing.assert_array_equal(clean, same)
    np.testing.assert_allclose(two - clean, 2 * (one - clean))
    np.testing.assert_array_equal(best, bayes.blocks_posterior_mean(two, 2.0))
    assert widgets.batch("tones", 1.0)[2] is None


def test_methods_are_ranked_by_their_error_without_labels():
    panel = widgets.MethodsPanel("blocks")
    clean, noisy, _ = widgets.batch("blocks", 3.0)
    errors = {}
    for method in widgets.FAST_METHODS.values():
        value = method.tune(noisy, 3.0).value
        errors[method.label] = metrics.rmse(method.denoise(noisy, 3.0, value), clean).mean()
    for name in empirical.FAST:
        label, learn = empirical.LAWS[name]
        errors[label] = metrics.rmse(learn(noisy, 3.0).denoise(noisy), clean).mean()
    assert panel.names == sorted(errors, key=errors.get)


def test_networks_are_ranked_where_there_are_some():
    nets = {("blocks", name): nn.PlainNet(rng=k) for k, name in enumerate(("a", "b"))}
    panel = widgets.MethodsPanel("blocks", nets | {("pulses", "a"): nn.PlainNet(rng=2)})
    clean, noisy, _ = widgets.batch("blocks", 3.0)
    panel.method.value = "b"
    assert {"a", "b"} < set(panel.names)
    error = metrics.rmse(nets["blocks", "b"].denoise(noisy), clean).mean()
    assert f"b: RMSE {error:.3f}" in str(panel)
    panel.family.value = "pulses"
    assert "no network for pulses" in str(panel)
    assert "b" not in panel.names
    bars = panel.views["ranking"].bars
    assert [label.get_text() for label in bars.labels] == [*panel.names, ""]
    assert bars.bars[-1].get_width() == 0


@pytest.mark.parametrize(
    ("mode", "axes"), [("fixed", (0, 1)), ("unfixed", (0, 1)), ("alone", 1), ("none", None)]
)
def test_the_layer_is_convolution_batch_norm_and_relu(mode, axes):
    panel = widgets.LayerPanel()
    panel.set(family="pulses", before=-0.5, here=1.0, after=0.25, gamma=3.0, beta=0.5)
    panel.set(mode=mode, sigma=5.0, which=7)
    assert (panel.gamma in controls(panel)) == (mode != "none")
    clean, noisy, _ = widgets.batch("pulses", 5.0)
    kernel = np.array([[[-0.5, 1.0, 0.25]]])
    features, usual = (
        nn.ops.conv1d(y[:, None], kernel, padding=1).data[:, 0]
        for y in (noisy, widgets.batch("pulses", 3.0)[1])
    )
    seen = usual if mode == "fixed" else features
    mean, deviation = 0.0, 1.0
    expected = features + 0.5
    if axes is not None:
        mean, deviation = (f(seen, axis=axes, keepdims=True) for f in (np.mean, np.std))
        expected = 3.0 * (features - mean) / deviation + 0.5
    normal = panel.found["normal"]
    np.testing.assert_allclose(normal, expected, rtol=1e-3, atol=1e-3)  # n / (n - 1)
    estimate = np.maximum(normal, 0)
    np.testing.assert_array_equal(panel.found["estimate"], estimate)
    np.testing.assert_array_equal(line(panel, "signal", "estimate").get_ydata(), estimate[7])
    np.testing.assert_allclose(line(panel, "signal", "noisy").get_ydata(), noisy[7])
    assert panel.shown["32 signals: RMSE"] == f"{metrics.rmse(estimate, clean).mean():.3f}"
    used = [np.broadcast_to(x, (32, 1))[7, 0] for x in (mean, deviation)]
    shown = [float(panel.shown[name]) for name in ("mean taken away", "divided by")]
    np.testing.assert_allclose(shown, used, rtol=6e-3, atol=6e-3)


def test_the_layer_shows_its_kernel_and_its_features():
    panel = widgets.LayerPanel()
    panel.set(before=0.25, here=0.5, after=0.25)
    f, response = line(panel, "kernel", "_response").get_data()
    np.testing.assert_allclose(response, np.cos(np.pi * f) ** 2, atol=1e-12)
    _, noisy, _ = widgets.batch("sparse_spikes", 3.0)
    before = np.array([np.convolve(y, (0.25, 0.5, 0.25), mode="same") for y in noisy])
    for name, values in {"K * Y": before, "after batch norm": panel.found["normal"]}.items():
        heights, edges, _ = panel.views["features"].moving[name].get_data()
        count = np.histogram(values, edges)[0]
        np.testing.assert_allclose(heights, count / count.max())


def test_a_layer_without_batch_norm_is_a_threshold():
    panel = widgets.LayerPanel()
    panel.set(mode="none", beta=-2.6)
    _, noisy, _ = widgets.batch("sparse_spikes", 3.0)
    expected = filters.threshold(noisy, 2.6, "nonnegative_l1")
    np.testing.assert_allclose(panel.found["estimate"], expected, atol=1e-12)


def test_a_kernel_of_zeros_lets_nothing_pass():
    panel = widgets.LayerPanel()
    panel.set(here=0.0, beta=0.0)
    for mode in widgets.MODES:
        panel.mode.value = mode
        assert not panel.found["estimate"].any()
        assert "nan" not in str(panel)


def test_networks_are_measured_on_the_signals_shown():
    panel = widgets.NetworkPanel({"one": NETS[0], "two": NETS[1]})
    panel.set(family="blocks", net="two", sigma=2.0)
    clean, noisy, best = widgets.batch("blocks", 2.0)
    estimate = NETS[1].denoise(noisy)
    error = metrics.rmse(estimate, clean).mean()
    at = list(SIGMAS).index(2.0)
    assert line(panel, "errors", "_here").get_ydata()[0] == pytest.approx(error)
    assert line(panel, "errors", "two").get_ydata()[at] == pytest.approx(error)
    assert line(panel, "errors", "Bayes limit").get_ydata()[at] == metrics.rmse(best, clean).mean()
    value = widgets.tuned("blocks", 2.0, "soft", False).value
    soft = metrics.rmse(filters.threshold(noisy, value), clean).mean()
    assert line(panel, "errors", "soft threshold (SURE)").get_ydata()[at] == pytest.approx(soft)
    np.testing.assert_allclose(line(panel, "signal", "estimate").get_ydata(), estimate[0])


@pytest.mark.parametrize("mode", ["fixed", "unfixed", "alone"])
def test_modes_are_those_of_the_network(mode):
    panel = widgets.ModesPanel({1.0: NETS[0], 3.0: NETS[1]})
    panel.set(trained=1.0, sigma=5.0, mode=mode)
    clean, noisy, _ = widgets.batch("sparse_spikes", 5.0)
    net = NETS[0].eval("running" if mode == "fixed" else "batch")
    estimate = net.denoise(noisy, batch_size=1 if mode == "alone" else None)
    np.testing.assert_allclose(line(panel, "signal", "estimate").get_ydata(), estimate[0])
    error = metrics.rmse(estimate, clean).mean()
    curve = line(panel, "errors", widgets.MODES[mode]).get_ydata()
    assert curve[list(SIGMAS).index(5.0)] == pytest.approx(error)
    assert line(panel, "errors", "trained here").get_xdata()[0] == 1.0


@pytest.mark.parametrize("mode", ["fixed", "alone"])
def test_features_are_those_of_the_layer_chosen(mode):
    panel = widgets.ModesPanel({3.0: NETS[0]})
    panel.set(layer="layer 2", mode=mode)
    _, noisy, _ = widgets.batch("sparse_spikes", 3.0)
    net = NETS[0].eval("running" if mode == "fixed" else "signal")
    *first, conv, norm = [module for _, module in net.layers.children()][:5]
    x = noisy[:, None]
    for module in first:
        x = module(x)
    for name, values in {"before batch norm": conv(x), "after": norm(conv(x))}.items():
        heights, edges, _ = panel.views["features"].moving[name].get_data()
        count = np.histogram(values.data, edges)[0]
        np.testing.assert_allclose(heights, count / count.max())
    assert panel.shown["after"] == f"{norm(conv(x)).data.std():.2f}"


@pytest.mark.parametrize("method", ["supervised", *widgets.LESSONS])
def test_a_lesson_is_what_the_method_teaches_from(method):
    panel = widgets.LessonsPanel(TAUGHT)
    panel.set(method=method, family="blocks", sigma=2.0)
    clean, noisy, _ = widgets.batch("blocks", 2.0)
    at, seen = line(panel, "lesson", "seen").get_data()
    where, target = line(panel, "lesson", "compared with").get_data()
    counts = np.isfinite(target)
    noise = seen - clean[0][at.astype(int)], (target - clean[0][where.astype(int)])[counts]
    if method == "supervised":
        np.testing.assert_array_equal(seen, noisy[0])
        np.testing.assert_array_equal(target, clean[0])
    elif method == "noise2noise":
        assert abs(np.corrcoef(noise)[0, 1]) < 0.4
        assert np.std(noise[1]) == pytest.approx(2, rel=0.3)
    elif method == "SURE":
        np.testing.assert_array_equal(seen, target)
    elif method == "recorrupted":
        assert np.std(noise[1]) > 2.5 * np.std(noise[0])
    elif method == "noise2self":
        assert counts.sum() == 10
        assert (seen != noisy[0]).sum() == 10
        np.testing.assert_array_equal(target[counts], noisy[0][seen != noisy[0]])
    else:
        pairs = np.sort([seen, target], axis=0)
        np.testing.assert_allclose(pairs, np.sort(noisy[0].reshape(-1, 2).T, axis=0))
    error = metrics.rmse(TAUGHT["blocks", method].denoise(noisy), clean).mean()
    curve = line(panel, "errors", "this method").get_ydata()
    assert curve[list(SIGMAS).index(2.0)] == pytest.approx(error)


def test_beta_weighs_the_mask_of_the_signals_shown():
    panel = widgets.PriorPanel(GUIDED)
    assert panel.beta.value == 0.5
    panel.set(family="blocks", sigma=2.0, which=3)
    clean, noisy, best = widgets.batch("blocks", 2.0)
    trained = GUIDED.wienernet(noisy[:, None]).data[:, 0]
    np.testing.assert_array_equal(panel.views["mask"].moving["matrix"].get_array(), trained.T)
    estimate = GUIDED.denoise(noisy)
    np.testing.assert_array_equal(line(panel, "signal", "estimate").get_ydata(), estimate[3])
    error = metrics.rmse(estimate, clean).mean()
    assert line(panel, "errors", "_here").get_ydata()[0] == pytest.approx(error)
    np.testing.assert_allclose(
        line(panel, "errors", "network").get_ydata()[2], error
    )  # at beta 0.5
    assert line(panel, "errors", "Bayes limit").get_ydata()[0] == metrics.rmse(best, clean).mean()
    h = filters.wiener_system_function(noisy)[3]
    assert line(panel, "system", "_h0").get_ydata()[50] == h[0]

    panel.beta.value = 1.5
    np.testing.assert_allclose(panel.found["mask"]["matrix"].T, 1 + 3 * (trained - 1), rtol=1e-5)
    panel.beta.value = 0.0
    assert (panel.found["mask"]["matrix"] == 1).all()
    assert panel.shown["without mask"] == panel.shown["32 signals: RMSE"]
    assert GUIDED.wienernet.beta.data[0] == 0.5  # a copy worked


def test_a_trained_beta_beyond_the_slider_widens_it():
    net = nn.UNet(prior=True, rng=0).eval()
    net.wienernet.beta.data[...] = -0.75
    panel = widgets.PriorPanel(net)
    assert (panel.beta.min, panel.beta.value, panel.beta.max) == (-0.75, -0.75, 2.0)


def test_the_features_are_those_of_the_channel_chosen():
    net = nn.UNet(rng=0).eval()
    panel = widgets.FeaturePanel({"one": NETS[0], "two": net})
    panel.set(family="blocks", net="two", layer="down2 1", channel=5, sigma=2.0, which=3)
    _, noisy, _ = widgets.batch("blocks", 2.0)
    seen = {mode: interpret.features(net.eval(mode), noisy)["down2 1"] for mode in MODES}
    for mode, name in zip(MODES, ("fixed", "unfixed"), strict=True):
        x, y = line(panel, "signal", f"4 x features, {name}").get_data()
        np.testing.assert_allclose(y / 4, seen[mode].output[3, 5], atol=1e-6)
        np.testing.assert_allclose(x, np.arange(25) * 4 + 1.5)
    stairs = {"before": seen["running"].before, "unfixed": seen["batch"].normal}
    for name, values in stairs.items():
        heights, edges, _ = panel.views["features"].moving[name].get_data()
        count = np.histogram(values[:, 5], edges)[0]
        np.testing.assert_allclose(heights, count / count.max(), atol=1e-2)
    kernel = interpret.find_layers(net)["down2 1"].conv.weight.data[5]
    np.testing.assert_array_equal(panel.views["kernel"].moving["matrix"].get_array(), kernel)
    strongest = kernel[np.linalg.norm(kernel, axis=1).argmax()]
    response = line(panel, "response", "_one").get_ydata()
    expected = np.abs(interpret.frequency_response(strongest)[1])
    np.testing.assert_allclose(response / response.max(), expected / expected.max(), rtol=1e-5)
    assert panel.shown["reads"] == "4 channels"
    panel.net.value = "one"
    assert panel.layer.options == ("layer 1", "layer 2", "layer 3")


def test_the_filter_is_a_row_of_the_jacobian():
    panel = widgets.EffectiveFilterPanel({"one": NETS[0]}, "pulses")
    panel.set(sample=30, which=4, sigma=2.0)
    _, noisy, _ = widgets.batch("pulses", 2.0)
    local = interpret.linearise(NETS[0], noisy[4])
    np.testing.assert_allclose(
        line(panel, "filter", "_weights").get_ydata(), local.matrix[30], atol=1e-6
    )
    assert line(panel, "signal", "_here").get_xdata()[0] == 30
    expected = {
        "estimate": NETS[0].denoise(noisy[4])[30],
        "b": local.offset[30],
        "own weight": local.own[30],
        "sum of weights": local.matrix[30].sum(),
    }
    for name, value in expected.items():
        assert float(panel.shown[name]) == pytest.approx(value, abs=6e-3)
    assert float(panel.shown["reach"].split()[0]) == pytest.approx(local.spread[30], abs=6e-3)


def test_shrinkage_of_networks_and_filters_beside_the_limit():
    panel = widgets.ShrinkagePanel({"one": NETS[0]})
    panel.set(family="pulses")
    _, noisy, best = widgets.batch("pulses", 3.0)
    value = widgets.tuned("pulses", 3.0, "soft", False).value
    estimates = {"one": NETS[0].denoise(noisy), "soft threshold": filters.threshold(noisy, value)}
    for name, estimate in estimates.items():
        panel.denoiser.value = name
        for k, values in enumerate((best, estimate)):
            y, mean, spread = interpret.shrinkage_curve(noisy, values, np.linspace(-10, 20, 121))
            label = ("Bayes", "denoiser")[k]
            for view, expected in {"mean": mean, "spread": spread}.items():
                np.testing.assert_allclose(line(panel, view, label).get_data(), (y, expected))
    panel.family.value = "tones"
    assert panel.shown["limit"] == "unknown"
    assert len(line(panel, "mean", "Bayes").get_xdata()) == 0


SHRINKS = {
    "NLMS": lambda rho: None,
    "zero attraction": adaptive.zero_attracting,
    "reweighted attraction": adaptive.reweighted,
    "soft threshold": adaptive.proximal,
    "half threshold": lambda rho: adaptive.proximal(rho, "l_half"),
    "hard threshold": lambda rho: adaptive.proximal(rho, "l0"),
    "soft threshold of blocks": lambda rho: adaptive.block_proximal(rho, 4),
    "hard threshold of blocks": lambda rho: adaptive.block_proximal(rho, 4, "l0"),
}


def direct(name, x, d, w, mu, rho):
    """Apply a filter of the panel by its own name."""
    if name in SHRINKS:
        return adaptive.nlms(x, d, 32, mu, shrink=SHRINKS[name](rho), system=w)
    first, _, last = name.partition(", ")
    shrink = SHRINKS[last or "NLMS"](rho)
    named = {"subbands": adaptive.nsaf, "clipped errors": adaptive.robust_nlms}[first]
    return named(x, d, 32, mu, shrink=shrink, system=w)


def test_adaptive_filters_are_those_of_the_library():
    panel = widgets.AdaptivePanel()
    panel.set(system="2 blocks of 4 taps", input=0.9, noise=0.01, snr=20.0, mu=0.3, rho=1e-4)
    assert len(choices(panel.method)) == 11
    x, d, w = widgets.adaptive.scenario("2 blocks of 4 taps", 0.9, 0.01, 20.0)
    assert (np.count_nonzero(w, axis=-1) == 8).all()
    plain = direct("NLMS", x, d, w, 0.3, 1e-4)
    for name in choices(panel.method):
        panel.method.value = name
        found = direct(name, x, d, w, 0.3, 1e-4)
        for curve, expected in {"method": found, "NLMS": plain}.items():
            decibel = 10 * np.log10(expected.misalignment.mean(axis=0))
            got = line(panel, "error", curve).get_ydata()
            np.testing.assert_allclose(got, decibel, atol=1e-9)
        late = 10 * np.log10(found.misalignment[:, -150:].mean())
        assert panel.shown[f"{name}: ends at"] == f"{late:.1f} dB"
        np.testing.assert_allclose(line(panel, "taps", "method").get_ydata(), found.weights[0])
        np.testing.assert_array_equal(line(panel, "taps", "true").get_ydata(), w[0])
        zeros = 100 * np.mean(found.weights[w == 0] == 0)
        assert panel.shown["zeros found"] == f"{zeros:.1f} %"
        assert (panel.rho in controls(panel)) == (name not in widgets.adaptive.WITHOUT_RHO)


@pytest.mark.parametrize(
    ("mu", "snr", "noise"), [(0.5, 30.0, 0.0), (1.0, 20.0, 0.0), (0.5, 30.0, 0.01)]
)
def test_nlms_ends_where_theory_says(mu, snr, noise):
    panel = widgets.AdaptivePanel()
    panel.set(system="dense: all 32 taps", mu=mu, snr=snr, noise=noise)
    theory = 10 * np.log10((10 ** (-snr / 10) + 1000 * noise) * mu / (2 - mu) * 32 / 30)
    assert line(panel, "error", "NLMS by theory").get_ydata() == pytest.approx([theory, theory])
    got, promised = (float(panel.shown[k].split()[0]) for k in ("NLMS: ends at", "NLMS by theory"))
    assert promised == pytest.approx(theory, abs=0.051)
    assert got == pytest.approx(theory, abs=0.5 if noise == 0 else 1.5)  # impulses are few
    assert panel.shown["zeros found"] == "there are none"


@pytest.mark.parametrize("setting", [(0.0, 0.0, 40.0), (0.9, 0.01, 0.0)])
def test_no_step_size_of_the_adaptive_panel_diverges(setting):
    panel = widgets.AdaptivePanel()
    for name in choices(panel.method):  # a failure in an observer would only be logged
        for rho in (1e-7, 1e-2):
            curve, _ = widgets.adaptive.adapt(name, panel.mu.max, rho, panel.system.value, *setting)
            assert np.isfinite(curve).all()


def test_the_power_map_from_a_table():
    y = np.linspace(-9, 9, 301)
    for p, name in ((0.0, "l0"), (0.5, "l_half"), (2 / 3, "l_two_thirds"), (1.0, "l1")):
        for u in (0.03, 1.0, 7.3):
            expected = prox.PENALTIES[name](y, u)
            np.testing.assert_allclose(proposal.power(y, u, p), expected, atol=1e-5)
    u = np.array([[0.1], [2.0]])  # a weight for each row
    rows = [proposal.power(y, weight, 0.3) for weight in (0.1, 2.0)]
    np.testing.assert_allclose(proposal.power(np.stack([y, y]), u, 0.3), rows, atol=1e-5)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.85, 0.95])
def test_the_power_map_minimises(p):
    x = np.linspace(-8, 8, 16_001)
    for y in (-7.0, -2.1, 0.4, 1.6, 3.0):
        for u in (0.2, 1.5):
            cost = (x - y) ** 2 / 2 + u * np.abs(x) ** p
            got = proposal.power(np.array(y), u, p)
            mine = (got - y) ** 2 / 2 + u * np.abs(got) ** p
            assert mine <= cost.min() + 1e-9
            assert mine >= cost.min() - 1e-3


def test_a_penalty_on_the_signal_is_a_threshold():
    panel = widgets.SparseNormPanel(NETS[0])
    panel.set(family="pulses", strength=4.0, sigma=2.0, which=3)
    assert panel.channel not in controls(panel)
    assert panel.p not in controls(panel)
    clean, noisy, best = widgets.batch("pulses", 2.0)
    for penalty in prox.PENALTIES:
        panel.penalty.value = penalty
        options = {"gamma": 0.5} if penalty == "firm" else {}
        expected = filters.threshold(noisy, 4.0, penalty, **options)
        np.testing.assert_allclose(line(panel, "signal", "estimate").get_ydata(), expected[3])
        y = line(panel, "map", "_map").get_xdata()
        np.testing.assert_allclose(
            line(panel, "map", "_map").get_ydata(), filters.threshold(y, 4.0, penalty, **options)
        )
        error = metrics.rmse(expected, clean).mean()
        assert line(panel, "errors", "_here").get_ydata()[0] == pytest.approx(error)
        at = list(line(panel, "errors", "_error").get_xdata()).index(4.0)
        assert line(panel, "errors", "_error").get_ydata()[at] == pytest.approx(error)
        assert panel.shown["zeros"] == f"{100 * np.mean(expected == 0):.1f} %"
        assert panel.shown["limit"] == f"{metrics.rmse(best, clean).mean():.3f}"
    assert panel.shown["without"] == f"{metrics.rmse(noisy, clean).mean():.3f}"


def test_half_a_power_is_the_half_threshold():
    panel = widgets.SparseNormPanel(NETS[0])
    panel.set(penalty="l_half", level="c x MAD")
    expected = panel.found["output"]
    panel.set(penalty="power", p=0.5)
    assert panel.p in controls(panel)
    np.testing.assert_allclose(panel.found["output"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("level", "name"), [("fixed", "fixed"), ("c x MAD", "mad"), ("c x mean |h|", "mean")]
)
@pytest.mark.parametrize("penalty", ["l1", "l0"])
def test_a_penalty_on_a_layer_is_the_sparse_norm(level, name, penalty):
    net = NETS[0]
    panel = widgets.SparseNormPanel(net)
    panel.set(
        family="blocks",
        where="layer 2",
        level=level,
        penalty=penalty,
        strength=0.5,
        channel=2,
        which=5,
        sigma=4.0,
    )
    clean, noisy, _ = widgets.batch("blocks", 4.0)
    h = interpret.features(net, noisy)["layer 2"].normal
    norm = nn.norm.SparseNorm(4, penalty=penalty, level=name)
    (number,) = [value for key, value in norm.named_state() if key.startswith("level.")]
    number.data[...] = 0.5 if name == "fixed" else np.log(np.expm1(0.5))
    np.testing.assert_allclose(panel.found["output"], norm(h).data, atol=1e-5)
    weight = np.broadcast_to(norm.level(nn.Tensor(h)).data, (32, 4, 1))[5, 2, 0]
    assert float(panel.shown["lambda here"]) == pytest.approx(weight, abs=6e-3)

    x = norm(h)
    for _, module in [*net.layers.children()][5:]:  # what follows: ReLU, convolution
        x = module(x)
    estimate = line(panel, "signal", "estimate").get_ydata()
    np.testing.assert_allclose(estimate, x.data[5, 0], atol=1e-5)
    error = metrics.rmse(x.data[:, 0], clean).mean()
    assert line(panel, "errors", "_here").get_ydata()[0] == pytest.approx(error, rel=1e-4)
    without = metrics.rmse(net.denoise(noisy), clean).mean()
    assert float(panel.shown["without"]) == pytest.approx(without, abs=6e-4)
    before, edges, _ = panel.views["features"].moving["before"].get_data()
    count = np.histogram(h[:, 2], edges)[0]
    np.testing.assert_allclose(before, count / count.max())
    after, alive = panel.views["features"].moving["after, not 0"].get_data()[0], norm(h).data[:, 2]
    left_over = np.histogram(alive[alive != 0], edges)[0]
    np.testing.assert_allclose(after, left_over / count.max(), atol=2e-3)
    assert net.layers is not panel.net.layers  # a copy works


def test_the_heart_panel_shows_what_its_filter_makes_of_the_recording():
    panel = widgets.HeartPanel({})
    panel.set(method="low-pass", noise="bursts", level=0.2, value=20, start=2.0)
    noisy, clean, beats = heart.draw("bursts", 0.2, 1, seed=0)
    estimate = heart.ECG_FILTERS["low-pass"].denoise(noisy[0], None, 20)
    time, shown = line(panel, "paper", "estimate").get_data()
    np.testing.assert_allclose(shown, estimate, atol=1e-9)
    np.testing.assert_allclose(time, np.arange(3600) / 360 - 2.0)
    found = real.r_peaks(estimate)
    np.testing.assert_allclose(line(panel, "paper", "R wave found").get_xdata(), found / 360 - 2.0)
    np.testing.assert_allclose(line(panel, "paper", "beat").get_xdata(), beats[0] / 360 - 2.0)
    args = (x[:1] for x in (noisy, clean, beats))
    scores = heart.scores(estimate[None], *args)
    assert panel.shown["gain"] == f"{scores['gain']:.2f} dB"
    assert panel.shown["R waves off by"] == f"{scores['timing']:.1f} ms"
    assert panel.shown["QRS off by"].startswith(f"{scores['height']:.1f} %")
    assert panel.shown["missed"] == "0 of 20"
    assert panel.views["paper"].moving["note"].get_text() == "From 2.0 s on"


def test_each_filter_of_the_heart_panel_has_its_own_values():
    panel = widgets.HeartPanel({"one": NETS[0]}, "one")
    assert panel.value.layout.display == "none"
    np.testing.assert_array_equal(
        line(panel, "paper", "estimate").get_ydata(),
        NETS[0].denoise(line(panel, "paper", "noisy").get_ydata()),
    )
    for name in choices(panel.method)[:-1]:
        panel.method.value = name
        assert panel.value.layout.display is None
        values = choices(panel.value)
        assert values == heart.ECG_FILTERS[name].grid.tolist()
        assert panel.value.value == widgets.heart.STARTS[name]
        assert panel.value.description.split()[0] == heart.ECG_FILTERS[name].parameter


def test_beats_that_are_lost_are_counted():
    class Silent:
        def eval(self, statistics):
            return self

        def denoise(self, noisy):
            return 0.01 * np.cos(np.arange(len(noisy)) / 5)

    panel = widgets.HeartPanel({"silent": Silent()}, "silent")
    assert int(panel.shown["missed"].split()[0]) > 5
    panel.target.value = "synthetic"
    assert len(line(panel, "paper", "beat").get_xdata()) == len(
        heart.draw("white", 1.0, 1, 0)[2][1]
    )
