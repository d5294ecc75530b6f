"""The syllabus speaks of notebooks, their minutes, sections and exercises: hold it to them."""

import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
TEXT = (FOLDER / "SYLLABUS.md").read_text(encoding="utf-8")
NOTEBOOKS = {path.name: nbformat.read(path, as_version=4) for path in FOLDER.glob("*.ipynb")}
ROW = re.compile(r"^\| \[[^]]+\]\(([^)]+)\) \| (\d+) \| (.*) \|$", re.MULTILINE)
#: Heading, minutes in it, and rows: notebook, minutes, the rest.
PARTS = {
    heading: (int(minutes), ROW.findall(rows))
    for heading, minutes, rows in re.findall(
        r"^## ([^\n]*?) \((\d+) minutes[^)\n]*\)\n(.*?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL
    )
}
*COURSE, SHORT = PARTS


def prose(name):
    return "\n\n".join(c.source for c in NOTEBOOKS[name].cells if c.cell_type == "markdown")


def test_there_are_three_lectures_a_seminar_and_a_single_lecture():
    assert [heading.split(":")[0] for heading in COURSE] == [
        *(f"Lecture {k}" for k in (1, 2, 3)),
        "Seminar",
    ]
    assert SHORT == "A single lecture"


@pytest.mark.parametrize("target", sorted({*re.findall(r"\]\(([^)]+)\)", TEXT)}))
def test_links_lead_somewhere(target):
    assert (FOLDER / target).exists()


def test_every_notebook_is_in_the_course_once_with_its_minutes():
    rows = [row for heading in COURSE for row in PARTS[heading][1]]
    listed = {name: int(minutes) for name, minutes, _ in rows}
    assert len(listed) == len(rows)
    for name in NOTEBOOKS:
        assert f"About {listed[name]} minutes" in prose(name), name
    assert f"all fourteen notebooks take {sum(listed.values())}" in TEXT
    assert set(listed) == set(NOTEBOOKS)


@pytest.mark.parametrize("heading", PARTS)
def test_minutes_add_up_and_fit_into_a_lecture(heading):
    promised, rows = PARTS[heading]
    assert sum(int(minutes) for _, minutes, _ in rows) == promised
    assert promised <= 90 or heading.startswith("Seminar")


def test_sections_and_exercises_are_there():
    sections = exercises = 0
    for name, _, rest in (row for _, rows in PARTS.values() for row in rows):
        text = prose(name)
        for section in re.findall(r"\*([^*]+)\*", rest):
            sections += 1
            assert re.search(rf"^## {re.escape(section)}$", text, re.MULTILINE), section
        for numbers in re.findall(r"exercises? ([\d, ]+)$", rest):
            for number in re.findall(r"\d", numbers):
                exercises += 1
                assert f"\n**{number}.** " in text, f"{name}, exercise {number}"
    assert sections == 7
    assert exercises >= 15


def test_an_exam_question_names_notebooks():
    questions = re.findall(r"^\d\. .*?\(([\d, ]+)\)$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(questions) == 9
    numbers = {name[:2] for name in re.findall(r"\]\((\d\d_[^)]+)\)", TEXT)}
    assert {n for question in questions for n in question.split(", ")} <= numbers
