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
    exec(CELLS[1].source, namespace)
    return namespace["panel"]


def test_the_page_is_a_title_two_sentences_and_one_panel(panel):
    assert [cell.cell_type for cell in CELLS] == ["markdown", "code"]
    title, text = CELLS[0].source.split("\n\n")
    assert title.startswith("# ")
    assert sum(text.count(end) for end in ".?") == 2
    assert CELLS[1].outputs == []  # Voila runs it anew for every visitor
    assert CELLS[1].source.splitlines()[-1] == "panel"
    assert type(panel) is widgets.MethodsPanel


def test_networks_stand_beside_the_filters_and_lead_where_they_should(panel):
    places = {}
    for panel.family.value in signals.FAMILIES:
        places[panel.family.value] = [
            panel.names.index(n) for n in panel.taught if n in panel.names
        ]
    assert places == {"sparse_spikes": [0, 1], "pulses": [0, 1], "blocks": [0, 1], "tones": []}
