"""What nbval cannot see: that notebooks were run, are complete, and lead where they say.

Also the two tools beside them: `conftest.py` (tolerance) and `refresh.py` (run and save).
"""

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

Approximate = runpy.run_path(str(FOLDER / "conftest.py"))["Approximate"]
links, execute = map(runpy.run_path(str(FOLDER / "refresh.py")).get, ("links", "execute"))


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code(notebook) for output in cell.outputs]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def solutions(notebook):
    """Return the Python of each folded solution, in a list of its blocks."""
    folded = re.findall(r"<details>(.*?)</details>", prose(notebook), re.DOTALL)
    return [re.findall(r"```python\n(.*?)```", text, re.DOTALL) for text in folded]


def has_widget(notebook):
    """Tell a widget by its picture, which does not come from pyplot."""
    shown = [output.data for output in outputs(notebook) if "image/png" in output.get("data", {})]
    return any(not data["text/plain"].startswith("<Figure") for data in shown)


# --- the saved state


def test_there_are_notebooks_and_they_share_their_setup_cell():
    assert len({code(read(path))[0].source for path in NOTEBOOKS}) == 1


@each
def test_saved_after_one_run_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code(read(path))]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_saved_without_errors_warnings_and_bare_objects(path):
    for output in outputs(read(path)):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        if output.output_type == "execute_result":  # a widget shows more than its repr
            assert set(output.data) != {"text/plain"}, "print it, or assign it"


@each
def test_saved_without_state_and_identifiers(path):
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert [cell.id for cell in notebook.cells] == [
        f"cell-{k:02}" for k in range(len(notebook.cells))
    ]
    for cell in code(notebook):
        assert set(cell.metadata) <= {"tags"}
        for output in cell.outputs:
            assert WIDGET not in output.get("data", {})


@each
def test_names_no_place_on_this_machine(path):
    notebook = read(path)
    texts = [cell.source for cell in notebook.cells]
    for output in outputs(notebook):
        data = {kind: text for kind, text in output.get("data", {}).items() if "image" not in kind}
        texts += [output.get("text", ""), *map(str, data.values())]
    absolute = re.compile(
        r"(?<![\w.])/(home|root|tmp|work|Users)/|\b[A-Z]:\\(Users|Temp)|\b0x\w{6}"
    )
    for text in texts:
        assert not absolute.search(text)


@pytest.mark.slow
@each
def test_runs_in_any_folder_and_leaves_nothing_there(path, tmp_path):
    execute(read(path), tmp_path)
    assert list(tmp_path.iterdir()) == []


@each
def test_is_small(path):
    assert path.stat().st_size < 600_000


@each
def test_has_an_output_that_nbval_compares(path):
    compared = [output.get("text", "") for output in outputs(read(path))]
    compared += [output.get("data", {}).get("text/html", "") for output in outputs(read(path))]
    assert re.search(r"\d\.\d", "".join(compared)), "print a number that the notebook computes"
    for cell in code(read(path)):
        assert "NBVAL" not in cell.source, "nothing is exempt from comparison"
        assert not {
            tag for tag in cell.metadata.get("tags", []) if "nbval" in tag or "raise" in tag
        }


# --- the anatomy


@each
def test_opens_with_title_and_plan(path):
    first = read(path).cells[0].source
    assert re.match(r"# \w", first)
    for promise in ("What you'll do", "What you'll learn", "What you'll need"):
        assert promise in first
    assert re.search(r"About \d+ minutes", first)


@each
def test_has_its_sections_in_order(path):
    notebook = read(path)
    sections = re.findall(r"^## (.*)$", prose(notebook), re.MULTILINE)
    end = ["On your own", "Summary", "Fine print", "References"]
    assert sections[-len(end) :] == end
    questions = sections[: -len(end)]
    assert "Try it" in questions or not has_widget(notebook)
    assert len(questions) >= 3 + ("Try it" in questions) or path.stem.startswith("00")


@each
def test_is_thin(path):
    notebook = read(path)
    assert 15 <= len(notebook.cells) <= 30
    for cell in code(notebook):
        assert len(cell.source.splitlines()) <= 12, cell.source
        for node in ast.walk(ast.parse(cell.source)):  # plain Python, without % and !
            assert not isinstance(node, ast.ClassDef), cell.source
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 3, cell.source


@each
def test_knows_no_folder(path):
    """Networks, results and recordings come by name, wherever the notebook is opened."""
    for cell in read(path).cells:
        if cell.cell_type == "code" or "```python" in cell.source:
            assert "../" not in cell.source


@each
def test_leads_to_its_neighbours(path):
    notebook = read(path)
    for cell in (notebook.cells[0], notebook.cells[-1]):
        assert cell.source.splitlines()[-1] == links(path), "make notebooks writes this line"


@each
def test_links_lead_somewhere(path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", prose(read(path)), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
        if re.match(r"\w+:", target):  # not asked for, only looked at: tests need no network
            assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]{2,}(/[^\s<>\"]*)?", target), target
        elif not target.startswith("#"):
            assert (FOLDER / target.split("#")[0]).exists(), target


RUN = """
import json, sys
setup, *solutions = json.load(sys.stdin)
for solution in solutions:
    namespace = {}
    exec(setup, namespace)
    exec(solution, namespace)
"""


@each
def test_solutions_are_folded_and_run(path):
    notebook = read(path)
    text, found = prose(notebook), solutions(notebook)
    if "## On your own" in text:
        assert 2 <= len(found) <= 3
    # Markdown inside of <details> needs the blank lines
    assert len(re.findall(r"<details>\s*<summary>[^<]+</summary>\n\n", text)) == len(found)
    assert text.count("<details>") == text.count("\n\n</details>") == len(found)
    assert all(found), "a solution is Python that runs"
    done = subprocess.run(
        [sys.executable, "-Werror", "-Wignore:FigureCanvasAgg is non-interactive", "-c", RUN],
        input=json.dumps([code(notebook)[0].source, *map("\n".join, found)]),
        cwd=FOLDER,
        env=os.environ | {"MPLBACKEND": "agg", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- conftest.py


@pytest.mark.parametrize(
    ("saved", "computed"),
    [
        ("rmse 1.0", "rmse 1.0005"),
        ("rmse 2.43", "rmse 2.44"),
        ("-1.9 %", "-2.0 %"),
        ("123.45", "123.58"),
        ("<td>-0.2500</td>", "<td>-0.2501</td>"),
        ("+0.000", "-0.000"),
        ("1.234e-05 s", "1.2341e-05 s"),
        ("1e-12", "-3.1e-14"),
        ("1-2.0 = .5", "1-2.001 = .5004"),
        ("nan inf", "nan inf"),
    ],
)
def test_close_decimals_agree(saved, computed):
    assert Approximate(saved) == Approximate(computed)
    assert (Approximate(saved) != Approximate(computed)) is False
    assert hash(Approximate(saved)) == hash(Approximate(computed))
    assert Approximate(saved) == computed


@pytest.mark.parametrize(
    ("saved", "computed"),
    [
        ("rmse 1.0", "rmse 1.002"),
        ("rmse 2.43", "rmse 2.45"),
        ("rmse 2.432", "rmse 2.436"),
        ("123.45", "123.59"),
        ("rmse 1.0", "rmsd 1.0"),
        ("rmse 1.0", "rmse  1.0"),
        ("0.5 0.5", "0.5"),
        ("0.5", "0.5 0.5"),
        ("+0.5", "-0.5"),
        ("1.00e-05", "1.00e-06"),
        ("0.000", "nan"),
        ("2000 signals", "2001 signals"),
        ("#1e3050", "#1e3051"),
        ("v1.5001", "v1.5002"),
        ("", "0.0"),
    ],
)
def test_anything_else_differs(saved, computed):
    assert Approximate(saved) != Approximate(computed)
    assert (Approximate(saved) == Approximate(computed)) is False
    assert Approximate(saved) != computed


def test_text_is_not_a_number():
    assert Approximate("1.0") != 1.0


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def nbval(folder, cells):
    """Run cells as `make nbval` does, with the tools beside the notebooks."""
    nbformat.write(new_notebook(cells=cells), folder / "a.ipynb")
    for tool in ("conftest.py", "startup.py", "unlabelled.py"):
        shutil.copy(FOLDER / tool, folder)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    strict = ("--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-rf", "--color=no")
    return run("-m", "pytest", *strict, "a.ipynb", cwd=folder)


@pytest.mark.slow
def test_nbval_compares_with_this_tolerance(tmp_path):
    def cell(source, output):
        return new_code_cell(source, execution_count=1, outputs=[output])

    def result(kind, text):
        return new_output("execute_result", data={"text/plain": "x", kind: text})

    html = "class H:\n    _repr_html_ = lambda s: '<b>1.0</b>'\n    __repr__ = lambda s: 'x'\nH()"
    cells = [
        (cell("print('a 1.0')", new_output("stream", text="a 1.0005\n")), "passed"),
        (cell("print('a 1.0')", new_output("stream", text="a 1.002\n")), "FAILED"),
        (cell("print('a 1.0')", new_output("stream", text="b 1.0\n")), "FAILED"),
        (cell("1.0", result("text/plain", "1.0005")), "passed"),
        (cell("1.0", result("text/plain", "1.002")), "FAILED"),
        (cell(html, result("text/html", "<b>1.0005</b>")), "passed"),
        (cell(html, result("text/html", "<b>1.002</b>")), "FAILED"),
    ]
    done = nbval(tmp_path, [c for c, _ in cells])
    failed = [f"FAILED a.ipynb::Cell {k}" for k, (_, end) in enumerate(cells) if end == "FAILED"]
    assert re.findall("FAILED a.ipynb::Cell .", done.stdout) == failed, done.stdout
    assert "4 failed, 3 passed" in done.stdout


# --- the rule for figures

DRAWN = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
FIGURE = DRAWN + "plt.xlabel('time (samples)')\nplt.ylabel('y')\nplt.show()"
UNLABELLED = DRAWN + "plt.xlabel('time')\nplt.show()"


@each
def test_every_figure_is_shown_where_the_rule_is_checked(path):
    for cell in code(read(path)):
        texts = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        grows = "plots.Learning(" in cell.source  # its labels have a test in test_plots.py
        if any(text.startswith("<Figure") for text in texts) and not grows:
            assert cell.source.rstrip().count("plt.show()"), cell.source


@pytest.mark.slow
def test_nbval_fails_a_figure_without_labels_and_units(tmp_path):
    figure = {"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "iVBORw0KGgo="}
    names = "print([name for name in dir() if 'rule' in name or name == 'plots'])"
    sources = enumerate((FIGURE, UNLABELLED, names), 1)
    cells = [new_code_cell(source, execution_count=count) for count, source in sources]
    cells[0].outputs = [new_output("display_data", data=figure)]
    cells[2].outputs = [new_output("stream", text="[]\n")]
    done = nbval(tmp_path, cells)
    assert "1 failed, 2 passed" in done.stdout, done.stdout
    assert 'x axis of "axes 0": no unit in "time"; y axis of "axes 0": no label' in done.stdout


# --- refresh.py

PANEL = "import ipywidgets\nipywidgets.IntSlider()"


def write(path, *cells):
    first = new_markdown_cell("# A\n\nold | [index](gone.ipynb)")
    notebook = new_notebook(
        cells=[first, *map(new_code_cell, cells), new_markdown_cell("The end")],
        metadata={"widgets": {"state": {}}, "language_info": {"name": "python", "version": "9"}},
    )
    nbformat.write(notebook, path)


@pytest.mark.slow
def test_refresh_gives_the_same_bytes_twice(tmp_path):
    (tmp_path / "beside.txt").write_text("0.5")
    a, b = tmp_path / "00_a_b.ipynb", tmp_path / "01_c.ipynb"
    write(a, "print(open('beside.txt').read())\nprint('x')", FIGURE, PANEL)
    write(b, "1")
    done = run(FOLDER / "refresh.py", a, env=os.environ | {"MPLBACKEND": "agg"})
    assert done.returncode == 0, done.stderr
    once = a.read_bytes()
    assert run(FOLDER / "refresh.py", a).returncode == 0
    assert a.read_bytes() == once
    assert once.endswith(b"}\n")
    assert b"matplotlib.org" not in once
    assert sorted(p.name for p in tmp_path.iterdir()) == [a.name, b.name, "beside.txt"]

    notebook = read(a)
    assert [cell.id for cell in notebook.cells] == [f"cell-0{k}" for k in range(5)]
    assert [cell.execution_count for cell in code(notebook)] == [1, 2, 3]
    text, figure, panel = (cell.outputs[0] for cell in code(notebook))
    assert text.text == "0.5\nx\n"
    assert figure.data["image/png"].startswith("iVBORw0KGgo")
    assert set(panel.data) == {"text/plain"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    assert "widgets" not in notebook.metadata
    line = "[index](00_a_b.ipynb) | [01 c →](01_c.ipynb)"
    assert notebook.cells[0].source == f"# A\n\n{line}"
    assert notebook.cells[-1].source == f"The end\n\n{line}"
    assert links(b) == "[← 00 a b](00_a_b.ipynb) | [index](00_a_b.ipynb)"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\nprint('oh no', file=sys.stderr)", "oh no"),
        ("import os\nos._exit(1)", "Kernel died"),
        (UNLABELLED, "a figure needs labels and units"),
    ],
)
@pytest.mark.slow
def test_refresh_leaves_a_failing_notebook_alone(tmp_path, source, message):
    path = tmp_path / "00_a.ipynb"
    write(path, "print(1)", source)
    before = path.read_bytes()
    done = run(FOLDER / "refresh.py", path)
    assert done.returncode == 1
    assert message in done.stderr
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_refresh_knows_its_notebooks():
    done = run(FOLDER / "refresh.py", "99_unknown")
    assert done.returncode == 1
    assert "99_unknown.ipynb does not exist" in done.stderr
