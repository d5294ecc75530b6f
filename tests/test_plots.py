import runpy
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from denoiselib import nn, plots

RULE = Path(__file__).parents[1] / "notebooks" / "unlabelled.py"
unlabelled = runpy.run_path(str(RULE))["unlabelled"]


@pytest.fixture
def ax():
    return Figure().subplots()


def test_signal_draws_what_it_is_given(ax):
    lines = plots.signal(ax, clean=[0, 1], estimate=[0, 2], title="t")
    assert set(lines) == {"clean", "estimate"}
    np.testing.assert_array_equal(lines["estimate"].get_ydata(), [0, 2])
    assert ax.get_title(loc="left") == "t" or ax.get_title() == "t"
    assert ax.get_xlabel() == "time (samples)"


def test_curves_mark_the_limit_in_its_colour(ax):
    lines = plots.curves(ax, [1, 2, 3], {"a": [4, 5, 6]}, "x", "y", limit=2.0)
    np.testing.assert_array_equal(lines["Bayes limit"].get_ydata(), [2, 2, 2])
    assert to_hex(lines["Bayes limit"].get_color()).upper() == plots.LIMIT


def test_ranking_puts_the_least_error_on_top(ax):
    names = plots.ranking(ax, {"a": (3, 0.1), "b": (1, 0.1), "c": (2, 0.1)}, limit=0.5)
    assert names == ["b", "c", "a"]
    assert [bar.get_width() for bar in ax.patches] == [1, 2, 3]
    low, high = ax.get_ylim()
    assert low > high  # the first bar is on top
    assert "b" in [text.get_text() for text in ax.texts]


def test_bars_forget_what_they_showed(ax):
    bars = plots.Bars(ax, 2, limit=True)
    bars.show({"a": (3, 0.1), "b": (1, 0.1)}, limit=0.5)
    assert bars.show({"a": (1, 0.1), "b": (4, 0.1)}) == ["a", "b"]
    assert [bar.get_width() for bar in bars.bars] == [1, 4]
    assert len(bars.limit.get_xdata()) == 0


def test_heatmap_writes_every_number(ax):
    plots.heatmap(ax, [[1.234, np.nan]], ["row"], ["a", "b"])
    assert [text.get_text() for text in ax.texts] == ["1.23", "\N{EN DASH}"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b"]


@pytest.mark.parametrize("unit", 10.0 ** np.arange(-12, 7))
def test_numbers_can_be_read_in_any_unit(ax, unit):
    values = unit * np.array([1.234, -0.9876, 0.5])
    plots.heatmap(ax, [values], [""], ["a", "b", "c"])
    plots.ranking(ax, {f"n{i}": (abs(value), 0.0) for i, value in enumerate(values)})
    bars = plots.Bars(ax, 3)
    bars.show({i: (abs(value), 0.0) for i, value in enumerate(values)})
    written = [text.get_text() for text in ax.texts]
    numbers = [float(text) for text in written if text and not text.startswith("n")]
    expected = [*values, *2 * sorted(abs(values))]
    np.testing.assert_allclose(numbers[:6], expected[:6], rtol=0.05)
    np.testing.assert_allclose([float(t.get_text()) for t in bars.values], expected[6:], rtol=0.05)


def test_numbers_of_usual_size_have_two_decimals(ax):
    for values in ([0.1, 0.001], [1.5, 0.01], [0.0, np.nan], [np.nan, np.nan], [-3.0, 2e5]):
        plots.heatmap(ax, [values], [""], ["a", "b"])
        written = [text.get_text() for text in ax.texts[-2:]]
        assert written == ["\N{EN DASH}" if np.isnan(v) else f"{v:.2f}" for v in values]


def test_seeds_are_dots_and_those_beyond_are_counted(ax):
    values = {"b": [3.0, 1.0, 2.0, 9.0, 8.0], "a": [1.0, 1.5, 1.2]}
    assert plots.seeds(ax, values, limit=0.9, high=4.0) == ["a", "b"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(dots[0].get_xdata(), values["a"])
    np.testing.assert_array_equal(dots[1].get_xdata(), [3.0, 1.0, 2.0])
    medians = [line.get_xdata()[0] for line in ax.lines if line.get_linewidth() == 2.5]
    assert medians == [1.2, 3.0]
    assert [text.get_text() for text in ax.texts] == ["2 beyond"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_spans_reach_from_the_median_to_the_largest(ax):
    rows = plots.spans(ax, {"a": {"x": [1, 2, 9]}, "b": {"x": [0, 0], "y": [5]}})
    assert rows == ["x", "y"]
    assert [t.get_text() for t in ax.get_yticklabels()] == rows
    first, second = ax.containers
    np.testing.assert_array_equal(first.lines[0].get_xdata(), [2])
    np.testing.assert_array_equal(second.lines[0].get_xdata(), [0, 5])
    np.testing.assert_array_equal(first.lines[2][0].get_segments()[0][:, 0], [2, 9])
    low, high = ax.get_ylim()
    assert low > high


def test_an_axis_with_numbers_needs_a_label():
    figure = Figure()
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot([1, 2], [1e-6, 1e6])
    right.semilogx([1, 1000], [0, 1])
    left.set_title("here")
    missing = ['x axis of "here": no label', 'y axis of "here": no label']
    assert unlabelled(figure) == [*missing, 'x axis of "axes 1": no label']
    left.set_ylabel("y")
    figure.supxlabel("x")
    assert unlabelled(figure) == []


def test_an_axis_with_names_or_nothing_needs_no_label(ax):
    plots.heatmap(ax, [[1.0, 2.0]], ["K[-1]"], ["layer 1", "layer 2"])
    assert unlabelled(ax.figure) == []
    ax.figure.colorbar(ax.images[0])
    assert unlabelled(ax.figure) == ['y axis of "axes 1": no label']
    ax.figure.axes[1].set_axis_off()
    plots.heatmap(ax, [[1.0, 2.0]], ["1"], ["a", "b"], title="t")
    assert unlabelled(ax.figure) == ['y axis of "t": no label']


@pytest.mark.parametrize("label", ["time", "Frequency f", "PSNR", "lag of the filter"])
def test_a_measured_quantity_needs_its_unit(ax, label):
    ax.set(xlabel="x", ylabel=label)
    assert unlabelled(ax.figure) == [f'y axis of "axes 0": no unit in "{label}"']
    ax.set_ylabel(label + " (unit)")
    assert unlabelled(ax.figure) == []


@pytest.mark.parametrize("prior", [False, True])
def test_the_drawing_of_a_network_has_a_box_for_each_block(ax, prior):
    net = nn.UNet((3, 4, 5, 6, 6), prior=prior)
    before = {name: array.copy() for name, array in net.state_dict().items()}
    shapes = plots.network(ax, net, length=64)
    seen = {name: shapes[name] for name in ("noisy signal", "inc", "down4", "up1", "outc")}
    assert seen == {
        "noisy signal": (1, 64), "inc": (3, 64), "down4": (6, 4), "up1": (5, 8), "outc": (1, 64)
    }  # fmt: skip
    assert len(ax.patches) == len(shapes) == 11 + 7 * prior
    assert shapes.get("mask") == ((6, 3) if prior else None)
    labels = [text.get_text() for text in ax.texts]
    assert sum("6 × 3" in label for label in labels) == 2 * prior
    assert net.training
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("prior", [False, True])
def test_the_boxes_of_a_network_hold_their_words_and_keep_apart(prior):
    figure = Figure(figsize=(11, 6), layout="constrained")
    ax = figure.subplots()
    plots.network(ax, nn.UNet(prior=prior))
    figure.draw_without_rendering()
    boxes = [patch.get_window_extent() for patch in ax.patches]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
    for text in ax.texts:
        extent = text.get_window_extent()
        if text.get_text():
            touched = [box for box in boxes if box.overlaps(extent)]
            inside = [b for b in touched if b.x0 <= extent.x0 and extent.x1 <= b.x1]
            assert touched == inside


def test_a_network_is_not_drawn_for_a_signal_that_it_refuses(ax):
    with pytest.raises(ValueError, match="length at least 16"):
        plots.network(ax, nn.UNet(), length=15)


def test_a_masked_value_is_refused(ax):
    hidden = np.ma.masked_greater([[1.0, 2.0], [3.0, 999.0]], 9)
    with pytest.raises(ValueError, match=r"noisy .* 1 of 2 are masked, the first at index 1"):
        plots.signal(ax, noisy=hidden[1])
    with pytest.raises(ValueError, match=r"values .* 1 of 4 are masked"):
        plots.heatmap(ax, hidden, ["a", "b"], ["c", "d"])
    with pytest.raises(ValueError, match=r"a .* 1 of 2 are masked"):
        plots.seeds(ax, {"a": hidden[1]})


class Shown:
    """What stands in place of a notebook: it counts how often the figure is drawn."""

    def __init__(self):
        self.count = 0

    def __call__(self, figure, display_id):
        assert display_id
        return self

    def update(self, figure):
        self.count += 1


def test_the_curves_of_a_training_grow_and_take_a_fifth_of_its_time(monkeypatch):
    from denoiselib.plots import learning

    now, shown = [0.0], Shown()
    monkeypatch.setattr(learning.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(learning, "display", shown)
    live, history = plots.Learning(100, 1.0, 3.0, ""), {"step": [], "rmse": []}
    for step in range(1, 101):
        history["step"].append(step)
        history["rmse"].append([2.0 - step / 100, 3.0])
        if step == 1:
            live(step, history)
            live.cost = 1.0  # a second for a drawing
        else:
            now[0] += 0.5
            live(step, history)
            live.cost = 1.0
    # 99 steps of half a second: every tenth is drawn, those at 5, 10 .. 45 seconds, and the last
    assert shown.count == 10
    assert list(live.lines[0].get_xdata()) == history["step"]
    assert live.lines[0].get_ydata()[-1] == 1.0
    assert live.lines[2].get_ydata()[-1] == 2.0  # the median
    assert not unlabelled(live.figure)
