"""What a kernel does first when notebooks are tested or saved anew: hold figures to one rule.

No figure without labels and units. Where one lacks them `plt.show()` raises, so that the cell
fails in `pytest --nbval`, and `refresh.py` leaves the notebook as it was.
"""


def _hold_to_the_rule():
    import os
    import runpy
    from pathlib import Path

    import matplotlib.pyplot as plt

    path = Path(os.environ["PYTHONSTARTUP"]).with_name("unlabelled.py")
    unlabelled = runpy.run_path(path)["unlabelled"]
    show = plt.show

    def check_and_show(*args, **kwargs):
        for number in plt.get_fignums():
            if unsaid := unlabelled(plt.figure(number)):
                plt.close("all")
                raise ValueError("a figure needs labels and units; " + "; ".join(unsaid))
        return show(*args, **kwargs)

    plt.show = check_and_show


_hold_to_the_rule()
del _hold_to_the_rule  # notebooks begin with no names
