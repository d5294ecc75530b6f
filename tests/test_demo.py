"""The page of `make demo`, as far as it can be seen without a browser."""

from pathlib import Path

import nbformat
import pytest

from denoiselib import signals, widgets

DEMO = Path(__file__).resolve().parents[1] / "demo"
CELLS = nbformat.read(DEMO / "panel.ipynb", as_version=4).cells


@pytest.fixture
def panel(monkeypatch):
    monkeypatch.chdir(DEMO)  # as Voila runs it
    namespace = {}
    for cell in CELLS[1:]:
        exec(cell.source, namespace)
    return namespace["panel"]


def test_the_page_is_a_title_two_sentences_and_one_panel(panel):
    assert [cell.cell_type for cell in CELLS] == ["markdown", "code", "code", "code"]
    title, text = CELLS[0].source.split("\n\n")
    assert title.startswith("# ")
    assert sum(text.count(end) for end in ".?") == 2
    assert all(cell.outputs == [] for cell in CELLS[1:])  # Voila runs it anew for every visitor
    assert CELLS[-1].source.splitlines()[-1] == "panel"
    assert type(panel) is widgets.MethodsPanel


def test_it_is_the_panel_of_the_first_notebook():
    first = nbformat.read(DEMO.parent / "notebooks" / "00_start_here.ipynb", as_version=4)
    sources = [cell.source for cell in first.cells if cell.cell_type == "code"]
    shown = [text for text in sources if "pretrained.load" in text or "MethodsPanel(" in text]
    assert [cell.source for cell in CELLS[2:]] == shown


def test_networks_stand_beside_the_filters_where_there_are_some(panel):
    for panel.family.value in signals.FAMILIES:
        ranked = set(panel.names) & set(panel.taught)
        assert len(ranked) == len(panel.taught) * (panel.family.value != "tones")
        if ranked:
            assert next(name for name in panel.names if not name.startswith("law: ")) in ranked
