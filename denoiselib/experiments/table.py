"""Rows of results, and the few verbs that questions about them are made of."""

import numpy as np

from denoiselib import _check, _files
from denoiselib.experiments.store import Store


class Table(list):
    """Rows, each a dict from columns to values; a list with verbs.

    Examples
    --------
    >>> rows = Table(
    ...     {"method": method, "lr": lr, "seed": seed, "rmse": rmse + seed}
    ...     for method, lr, rmse in [("a", 0.1, 3.0), ("a", 0.2, 2.0), ("b", 0.1, 5.0)]
    ...     for seed in (0, 1)
    ... )
    >>> rows.where(method="a", seed=0).column("rmse")
    [3.0, 2.0]
    >>> rows.best("lr", by="method", value="rmse").pivot("method", "lr", "rmse")
    {'a': {0.2: 2.5}, 'b': {0.1: 5.5}}
    """

    def where(self, **wanted):
        """Keep the rows that have these values; a tuple, list, set or dict holds several."""
        several = tuple | list | set | dict
        allowed = {k: v if isinstance(v, several) else (v,) for k, v in wanted.items()}
        return Table(
            row for row in self if all(row[name] in values for name, values in allowed.items())
        )

    def column(self, name):
        """List the values of a column."""
        return [row[name] for row in self]

    def mean(self, value):
        """Return the mean of a column."""
        if not self:
            raise ValueError(f"there are no rows, and no mean of {value!r}")
        return float(np.mean(self.column(value)))

    def by(self, *columns):
        """Group the rows by the values of columns: ``{values: Table}``, a tuple if several."""
        groups = {}
        for row in self:
            groups.setdefault(_key(row, columns), Table()).append(row)
        return groups

    def pivot(self, down, across, value, summary=np.mean):
        """Sum up a column for each pair of groups: ``{down: {across: summary(values)}}``.

        `down` and `across` are columns to group by, or tuples of some.
        """

        def cells(rows):
            groups = rows.by(*_columns(across))
            return {place: _plain(summary(group.column(value))) for place, group in groups.items()}

        return {line: cells(rows) for line, rows in self.by(*_columns(down)).items()}

    def chosen(self, option, by, value):
        """Return, for each group, the value of `option` whose mean of `value` is least."""
        return {
            key: min(tried := group.by(option), key=lambda x, tried=tried: tried[x].mean(value))
            for key, group in self.by(*_columns(by)).items()
        }

    def best(self, option, by, value, judged=None):
        """Keep, in each group, the rows with the value of an option that `chosen` returns.

        The rows `judged` decide, for example those of validation signals; these rows if not given.
        """
        choice = (self if judged is None else judged).chosen(option, by, value)
        keys = _columns(by)
        return Table(row for row in self if choice.get(_key(row, keys), self) == row[option])

    def relative(self, value, to, within):
        """Divide a column by the mean that the rows `to` have in the same group of `within`."""
        keys = _columns(within)
        units = {key: group.mean(value) for key, group in to.by(*keys).items()}
        return Table({**row, value: row[value] / units[_key(row, keys)]} for row in self)


def results(name):
    """Return the stored rows of a study as a `Table`, from any folder of the repository.

    Each has its setting, seed and number of signals.

    Parameters
    ----------
    name : str
        Of the study, as ``python -m denoiselib.experiments list`` prints it.

    Examples
    --------
    >>> rows = results("prior")
    >>> print(f"{rows.where(task='spikes', variant='trained', mode='fixed').mean('rmse'):.3f}")
    1.627
    """
    folder = _files.data("results")
    known = sorted(path.stem for path in folder.glob("*.jsonl"))
    return Table(Store(folder, _check.choice(name, "name", known)).rows())


def _columns(names):
    return (names,) if isinstance(names, str) else tuple(names)


def _key(row, columns):
    values = tuple(row[name] for name in columns)
    return values[0] if len(columns) == 1 else values


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
