"""The curves of a training, which grow while it runs."""

import time

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from denoiselib.plots.figures import BESIDE_TITLE, CLEAN, ESTIMATE, LIMIT

SHARE = 0.2  #: of the time of a training that may be spent on drawing


class Learning:
    """A picture in a notebook that follows a training: one of its ``callbacks``.

    Each net of a stack has a line, the RMSE on validation signals; their median is black.

    Parameters
    ----------
    steps : int
        Of the whole training.
    limit, high : float
        The Bayes limit, and where the axis of errors ends.
    title : str
        What the picture says.

    Examples
    --------
    >>> from denoiselib.nn import train
    >>> learning = Learning(100, limit=1.6, high=3.0, title="Two nets learn")
    >>> history = train.History()
    >>> history.update(step=[50, 100], rmse=[[2.0, 2.2], [1.7, 1.8]])
    >>> learning(100, history)
    Figure(900x320)
    >>> [line.get_ydata().tolist() for line in learning.lines]
    [[2.0, 1.7], [2.2, 1.8], [2.1, 1.75]]
    """

    def __init__(self, steps, limit, high, title):
        self.steps, self.lines, self.shown = steps, [], None
        self.figure = Figure(figsize=(9, 3.2))  # shown here, not by pyplot at the end of a cell
        self.ax = self.figure.subplots()
        self.ax.axhline(limit, linestyle="--", color=LIMIT, label="Bayes limit")
        low = limit - 0.1 * (high - limit)
        self.ax.set(title=title, xlabel="step", ylabel="RMSE", xlim=(0, steps), ylim=(low, high))
        self.drawn = self.cost = 0.0  # when it was drawn last, and how long that took

    def __call__(self, step, history):
        """Draw what there is, if it is time to."""
        if step < self.steps and time.monotonic() < self.drawn + self.cost / SHARE:
            return
        start = time.monotonic()
        errors = np.reshape(history["rmse"], (len(history["step"]), -1))
        if not self.lines:
            look = {"color": ESTIMATE, "linewidth": 0.8}
            self.lines = [self.ax.plot([], [], **look)[0] for _ in errors.T]
            self.lines[0].set_label("one of them")
            self.lines += self.ax.plot([], [], color=CLEAN, label=f"median of {len(errors.T)}")
            self.ax.legend(**BESIDE_TITLE, ncols=3)
        for line, values in zip(self.lines, [*errors.T, np.median(errors, axis=1)], strict=True):
            line.set_data(history["step"], values)
        if self.shown is None:
            self.shown = display(self.figure, display_id=True)
        else:
            self.shown.update(self.figure)
        self.drawn = time.monotonic()
        self.cost = self.drawn - start
