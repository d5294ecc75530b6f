"""Ask PyTorch, and write its answers to torch_answers.npz beside this file.

    make .venv/parity
    .venv/bin/python tests/data/make_torch_answers.py

The cases are those of tests/nn/parity/cases.py, one draw of each from generators seeded with its
name: an answer stays as it is when others come or go. The file holds, for each case, the inputs
(float32) and the answers in float64 and float32; and the versions of PyTorch and NumPy that gave
them (see tests/nn/parity/answers.py). Nothing is downloaded; all numbers are synthetic.
"""

import sys
from pathlib import Path


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import numpy as np
    import torch

    from tests.nn.parity import answers, theirs
    from tests.nn.parity.cases import CASES

    found = {}
    for case in (case for case in CASES if case.stored):
        inputs = answers.cast(theirs.question(case, seed=0), "float32")  # half the size
        found[case.name] = {"inputs": inputs}
        for dtype in case.dtypes:
            found[case.name][dtype] = theirs.answer(case, answers.cast(inputs, dtype))
    answers.save(found, {"torch": torch.__version__, "numpy": np.__version__})
    print(f"{len(found)} cases, {answers.FILE.stat().st_size / 1e6:.2f} MB: {answers.FILE}")


if __name__ == "__main__":
    main()
