"""The rule for axes: whoever shows numbers says what they are, and in which unit.

`startup.py` and the tests of panels hold figures to it.
"""

import re

NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[\d.,]+(e[-+\N{MINUS SIGN}]?\d+)?%?", re.IGNORECASE)
MATHTEXT = re.compile(r"\\mathdefault|\\times|[${}^\\ ]")
#: Quantities that mean little without a unit in brackets.
MEASURED = re.compile(r"(time|lag|frequency|phase|distance|difference|misalignment|P?SNR)\b", re.I)


def unlabelled(figure):
    """List what the axes of a figure leave unsaid; it should be nothing.

    An axis whose ticks are numbers needs a label, its own or the figure's (``supxlabel``); so does
    a colour bar. An axis without numbers at its ticks needs none. A label that begins with a
    measured quantity, such as time or lag, needs a unit in brackets; amplitudes and errors are in
    the units of the signal.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Is not changed.

    Returns
    -------
    list of str
        One line for each axis that says too little.
    """
    found = []
    for number, ax in enumerate(figure.axes):
        if not (ax.get_visible() and ax.axison):
            continue
        title = ax.get_title(loc="left") or ax.get_title() or f"axes {number}"
        for axis, common in (
            (ax.xaxis, figure.get_supxlabel()),
            (ax.yaxis, figure.get_supylabel()),
        ):
            label = axis.get_label_text() or common
            if not label.strip() and any(map(_is_number, axis.get_ticklabels(which="both"))):
                found.append(f'{axis.axis_name} axis of "{title}": no label')
            elif MEASURED.match(label) and "(" not in label:
                found.append(f'{axis.axis_name} axis of "{title}": no unit in "{label}"')
    return found


def _is_number(tick):
    """Tell a tick's number from a name, and from nothing."""
    return tick.get_visible() and NUMBER.fullmatch(MATHTEXT.sub("", tick.get_text())) is not None
