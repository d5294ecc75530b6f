"""Do the notebooks work where they are read: every cell runs, every slider moves its picture.

JupyterLab serves a copy of the notebooks on the loopback, Voila the page of `make demo`; Chromium
opens them, `make browser` does it all. With ``SCREENSHOTS=folder make browser`` a picture of every
panel is kept.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECOND = 1000  # Playwright counts milliseconds
SLIDER = ".noUi-handle[role=slider]"

SETTINGS = {  # nothing that pops up, is loaded lazily or saved behind our back
    "apputils-extension/notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Serve a copy of the notebooks; the value is a function from paths to addresses."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "data"):
        shutil.copytree(ROOT / folder, home / folder)
    for name, setting in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting))
    port, token = free_port(), secrets.token_hex()
    base = f"http://127.0.0.1:{port}"
    arguments = [
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={home}",
        f"--LabApp.user_settings_dir={home / 'settings'}",
        f"--LabApp.workspaces_dir={home / 'workspaces'}",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    with serving(["jupyterlab", *arguments], home, home, f"{base}/api?token={token}", token):
        yield lambda path: f"{base}/{path}{'&' if '?' in path else '?'}token={token}"


@pytest.fixture
def demo(tmp_path):
    """Serve the page of `make demo`; the value is its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    arguments = ["voila", "panel.ipynb", "--no-browser", f"--port={port}"]
    with serving(arguments, ROOT / "demo", tmp_path, f"{address}voila/static/voila.js"):
        yield address


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(arguments, folder, home, address, token=""):
    """Run a server of notebooks in a folder, its own files at home, until the block ends."""
    variables = os.environ | {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "share"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_TOKEN": token,
        "TQDM_DISABLE": "1",
    }
    variables.pop("MPLBACKEND", None)  # the kernel's own choice draws into the notebook
    server = subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, env=variables)
    try:
        wait_for(address, server)
        yield
    finally:
        server.terminate()  # takes its kernels along
        server.wait(30)


def wait_for(address, server):
    """Wait for the server to answer; what it says is in pytest's captured output."""
    for _ in range(300):
        assert server.poll() is None, "the server did not start"
        try:
            urllib.request.urlopen(address).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail("the server does not answer")


@pytest.fixture(scope="module")
def chromium():
    """Start Debian's Chromium: Playwright's own would be a download."""
    executable = shutil.which("chromium")
    if executable is None and "CI" not in os.environ:
        pytest.skip("no Chromium here: apt-get install chromium")
    assert executable, "no Chromium"
    from playwright.sync_api import sync_playwright  # the extra "browser" brings it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """Open an empty page that must not fail nor ask another machine for anything."""
    page = chromium.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(20 * SECOND)
    problems, requests = [], []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request))  # no built-in: Playwright marks it
    yield page
    page.close()
    assert problems == []
    assert [request.url for request in requests if away(request)] == []


def away(request):
    """Tell a request that left the machine from one that a page's own policy kept here."""
    here = re.match(r"http://127\.0\.0\.1:|blob:|data:", request.url)
    return not here and request.failure != "csp"


READY = """() => {
    const { context, sessionContext } = window.jupyterapp?.shell.currentWidget ?? {};
    const kernel = sessionContext?.session?.kernel;
    return context?.isReady && sessionContext.isReady
        && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
# Saved outputs go first, lest they pass for new ones.
START = """async () => {
    const { commands } = window.jupyterapp;
    await commands.execute("notebook:clear-all-cell-outputs");
    commands.execute("notebook:run-all-cells");
}"""
# An error stops the run: the cells after it never get a number.
DONE = """() => {
    const code = [...window.jupyterapp.shell.currentWidget.model.cells]
        .filter((cell) => cell.type === "code").map((cell) => cell.toJSON());
    return code.every((cell) => cell.execution_count)
        || code.some((cell) => cell.outputs.some((output) => output.output_type === "error"));
}"""
OUTPUTS = """() => [...window.jupyterapp.shell.currentWidget.model.cells]
    .filter((cell) => cell.type === "code").flatMap((cell) => cell.toJSON().outputs)"""
STOP = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


def run_all(page, address):
    """Open a notebook, run it, and check what it wrote."""
    page.goto(address)
    page.wait_for_function(READY)
    page.evaluate(START)
    page.wait_for_function(DONE, timeout=120 * SECOND)
    for output in page.evaluate(OUTPUTS):
        assert output["output_type"] != "error", "\n".join(output["traceback"])
        assert output.get("name") != "stderr", output["text"]


PICTURE = """async (panel) => {
    const images = [...panel.querySelectorAll("img")];
    if (!images.length || !images.every((image) => image.complete && image.naturalWidth)) return "";
    const files = await Promise.all(images.map((image) => fetch(image.src)));
    return (await Promise.all(files.map((file) => file.text()))).join();
}"""


def new_picture(panel, old, what):
    """Wait until the images in a panel are others than the old ones and stay; return the files."""
    last = old
    for _ in range(100):
        time.sleep(0.1)
        picture = panel.evaluate(PICTURE)
        if picture == last and picture not in ("", old):
            return picture
        last = picture
    pytest.fail(f"{what} does not change the picture")


def move_sliders(panel, picture, moved):
    """Press an arrow on every slider that is in sight and has not moved yet."""
    for number, handle in enumerate(panel.locator(SLIDER).all()):
        if number not in moved and handle.is_visible():
            value, end = (handle.get_attribute(f"aria-value{name}") for name in ("now", "max"))
            handle.focus()
            handle.press("ArrowLeft" if value == end else "ArrowRight")
            picture = new_picture(panel, picture, f"slider {number}")
            moved.add(number)
    return picture


def use(panel):
    """Move every slider and choose every option; each time the picture must follow."""
    moved = set()
    picture = move_sliders(panel, new_picture(panel, "", "nothing"), moved)
    for menu in panel.locator(".widget-dropdown select").all():
        options = menu.evaluate("menu => [...menu.options].map((option) => option.value)")
        present = options.index(menu.input_value())
        for option in [*options[present + 1 :], *options[: present + 1]]:
            menu.select_option(option)
            picture = new_picture(panel, picture, f"option {option}")
            picture = move_sliders(panel, picture, moved)  # some belong to one option
    assert len(moved) == panel.locator(SLIDER).count(), "a slider is never in sight"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_answers(path, lab, page):
    run_all(page, lab(f"doc/tree/notebooks/{path.name}?reset"))
    controls = page.locator(f"{SLIDER}, .widget-dropdown")
    panels = page.locator(".jp-OutputArea-child").filter(has=controls).all()
    for number, panel in enumerate(panels):
        use(panel)
        if folder := os.environ.get("SCREENSHOTS"):
            panel.screenshot(path=Path(folder) / f"{path.stem}-{number}.png")
    if "## Try it" in path.read_text(encoding="utf-8"):
        assert page.locator(SLIDER).count() >= 1
    page.evaluate(STOP)


def test_the_demo_is_a_panel_that_answers(demo, page):
    page.goto(demo)
    page.locator(SLIDER).first.wait_for()
    (panel,) = page.locator(".jp-OutputArea-child").all()
    use(panel)
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "demo.png")
    assert page.title() == "denoiselib"
    assert page.locator("h1").count() == 1
    assert page.locator(".jp-InputArea-editor").count() == 0, "no code on the page"
