"""Print the rows of a benchmark as the tables of README.md, in Markdown.

make bench BENCH_JSON=rows.json
.venv/bin/python tests/benchmarks/table.py rows.json
"""

import json
import sys
from pathlib import Path

import numpy as np


def table(rows, threads, net):
    """List the lines of a table: systems down, batches across; milliseconds a step and a net."""
    chosen = [
        row
        for row in rows
        if row["threads"] == threads and row["benchmark"].startswith(f"{net}-step-b")
    ]
    batches = sorted({row["batch"] for row in chosen})
    lines = [
        f"| {threads} thread{'s' * (threads > 1)}, {net} | batch " + " | ".join(map(str, batches))
    ]
    lines += ["|" + "---|" * (len(batches) + 1)]
    for system in dict.fromkeys(row["system"] for row in chosen):
        cells = {row["batch"]: row for row in chosen if row["system"] == system}
        shown = [cell(cells[batch]) if batch in cells else "" for batch in batches]
        lines.append(f"| {system} | " + " | ".join(shown))
    return [f"{line} |" if not line.endswith("|") else line for line in lines]


def cell(row):
    """Return the time of a system, and both ratios."""
    ratios = [f"{row[name]:.2f}" for name in ("ratio", "stack_ratio") if name in row]
    return f"{row['ms']:.3g} ({', '.join(ratios)})"


def others(rows):
    """List the lines of a table of everything else: medians where there are several seeds."""
    lines = ["| benchmark | threads | system | ms | ratio |", "|---|---|---|---|---|"]
    rest = [row for row in rows if "-step-b" not in row["benchmark"]]
    names = dict.fromkeys((row["benchmark"], row["threads"], row["system"]) for row in rest)
    for name in names:
        found = [r for r in rest if (r["benchmark"], r["threads"], r["system"]) == name]
        ms, ratio = (np.median([row[x] for row in found]) for x in ("ms", "ratio"))
        lines.append(f"| {name[0]} | {name[1]} | {name[2]} | {ms:.4g} | {ratio:.2f} |")
    return lines


def main():
    """Print all tables of a file."""
    rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for threads in sorted({row["threads"] for row in rows}):
        for net in ("unet", "plain"):
            if any(r["threads"] == threads and f"{net}-step-b" in r["benchmark"] for r in rows):
                print("\n".join(table(rows, threads, net)) + "\n")
    print("\n".join(others(rows)))


if __name__ == "__main__":
    main()
