"""Run notebooks anew and save them, so that the same results give the same bytes.

    python notebooks/refresh.py                         all of them
    python notebooks/refresh.py 02_classical_filters    one

A notebook that fails, writes to stderr, or has a figure without labels is left as it was.
"""

import argparse
import base64
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parent
METADATA = {  # no version of Python, no state of widgets
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"  # holds a random id; the figure beside it stays


class ThisPython(AsyncKernelManager):
    """Start the Python that runs this script, whatever kernels are registered."""

    kernel_spec = KernelSpec(**get_kernel_dict())


def refresh(path):
    """Execute a notebook in its folder and replace the file, unless something goes wrong."""
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.parent)
    tidy(notebook)
    for cell in (notebook.cells[0], notebook.cells[-1]):
        if cell.cell_type != "markdown":
            raise RuntimeError("the first and the last cell take links and must be markdown")
        cell.source = with_links(cell.source, links(path))
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def execute(notebook, folder):
    """Run all cells; anything on stderr counts as an error."""
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONSTARTUP": str(HERE / "startup.py"),  # no figure without labels and units
        "TQDM_DISABLE": "1",
    }
    environment.pop("MPLBACKEND", None)  # figures are drawn as in JupyterLab
    NotebookClient(
        notebook,
        kernel_manager_class=ThisPython,
        resources={"metadata": {"path": str(folder)}},
        timeout=300,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    ).execute(env=environment, stderr=subprocess.DEVNULL)  # of the process, not of the cells
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"stderr of the cell\n{cell.source}\n\n{output.text}")


def tidy(notebook):
    """Keep what a reader sees, drop what differs from run to run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(WIDGET, None)
            if "image/png" in data:
                png = without_text(base64.b64decode(data["image/png"]))
                data["image/png"] = base64.b64encode(png).decode()


def without_text(png):
    """Drop a PNG's text chunks: they name the version of the program that made it."""
    kept, start = png[:8], 8
    while start < len(png):
        (size,) = struct.unpack_from(">I", png, start)
        chunk = png[start : start + size + 12]  # size, name, content, checksum
        if chunk[4:8] not in (b"tEXt", b"zTXt", b"iTXt", b"tIME"):
            kept += chunk
        start += len(chunk)
    return kept


def links(path):
    """Write the line that leads to the notebook before, the first one and the one after."""
    names = sorted(p.name for p in path.parent.glob("*.ipynb"))
    k = names.index(path.name)
    parts = [f"[index]({names[0]})"]
    if k > 0:
        parts.insert(0, f"[← {title(names[k - 1])}]({names[k - 1]})")
    if k + 1 < len(names):
        parts.append(f"[{title(names[k + 1])} →]({names[k + 1]})")
    return " | ".join(parts)


def title(name):
    """Turn ``02_classical_filters.ipynb`` into ``02 classical filters``."""
    return name.removesuffix(".ipynb").replace("_", " ")


def with_links(source, line):
    """Put the line at the end of a cell, in place of an older one."""
    *text, last = source.rstrip().splitlines() or [""]
    if "[index](" not in last:
        text += [last, ""]
    return "\n".join([*text, line])


def main(names):
    """Refresh the named notebooks, or all; stop at the first that fails."""
    known = sorted(HERE.glob("*.ipynb"))
    for name in names or known:
        path = Path(name) if str(name).endswith(".ipynb") else HERE / f"{name}.ipynb"
        if not path.exists():
            sys.exit(f"{path} does not exist; there are {', '.join(p.stem for p in known)}")
        start = time.perf_counter()
        try:
            refresh(path)
        except (CellExecutionError, RuntimeError, TimeoutError) as error:
            sys.exit(f"{path.name} failed and is left as it was:\n{error}")
        print(f"{path.name}  {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="e.g. 02_classical_filters; all if none is given")
    main(parser.parse_args().names)
