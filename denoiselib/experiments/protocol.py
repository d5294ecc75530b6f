"""A protocol as data: which settings are compared, over how many seeds and signals, and how."""

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

#: Jobs of one setting may run in turn; then the first of them may make what all need. Here is what
#: it keeps for the others, and how far their seeds are from that of the job which runs.
TURN = ContextVar("TURN", default=({}, [0]))


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What an experiment compares.

    A job is one setting with one seed and a number of test signals. It is stored and repeated as
    a whole. Its rows depend on nothing else: `run_one` gives the same ones on any machine, to the
    rounding of its linear algebra. Settings must survive JSON, and no two may be equal.

    Parameters
    ----------
    name : str
        Also the name of its files.
    run_one : callable
        ``run_one(setting, seed, signals) -> list of dict``: the rows of a job. Values are text,
        bools, numbers and None; NaN and infinity are stored as None. When rows are read, the
        setting, ``seed`` and ``signals`` are added. Other processes must be able to import it.
    settings : list of dict
        Plain JSON values; lists, not tuples.
    seeds, signals : int
        Seeds are 0 to ``seeds - 1``; a job has that number of test signals.
    table : dict
        Arguments of `tables.summary`.
    report : callable, optional
        From all rows to text, what is printed below the table.
    quick : dict
        Other values of these parameters, for a run that takes a minute.
    together : callable, optional
        ``together(setting)``: how many seeds of a setting at most are faster in `TURN`, or False.
    needs : callable, optional
        Called before the first job; raises an error that says what all jobs would miss.

    Examples
    --------
    >>> def run_one(setting, seed, signals):
    ...     return [{"rmse": setting["steps"] + seed / signals}]
    >>> protocol = Protocol(
    ...     name="example",
    ...     run_one=run_one,
    ...     settings=[{"steps": 1000}, {"steps": 2000}],
    ...     table={"by": ["steps"]},
    ...     quick={"settings": [{"steps": 10}], "seeds": 2},
    ... )
    >>> len(protocol.jobs()), protocol.shrunk().jobs()[1]
    (10, {'setting': {'steps': 10}, 'seed': 1, 'signals': 1000})
    """

    name: str
    run_one: Callable
    settings: list
    seeds: int = 5
    signals: int = 1000
    table: dict
    report: Callable | None = None
    quick: dict = field(default_factory=dict)
    together: Callable = lambda setting: False
    needs: Callable | None = None

    def __post_init__(self):
        keys = set()
        for setting in self.settings:
            if json.loads(json.dumps(setting)) != setting:  # NaN differs from itself
                raise ValueError(f"settings of {self.name} must be plain JSON, not {setting}")
            keys.add(json.dumps(setting, sort_keys=True))
        if len(keys) != len(self.settings):
            raise ValueError(f"settings of {self.name} must not occur twice")

    def shrunk(self):
        """Return the quick protocol, under another name: its rows have their own file."""
        return replace(self, name=f"{self.name}-quick", quick={}, **self.quick)

    def jobs(self, seeds=None, signals=None):
        """List the jobs, seed by seed: a run that is stopped has some seeds of every setting."""
        return [
            {"setting": setting, "seed": seed, "signals": signals or self.signals}
            for seed in range(seeds or self.seeds)
            for setting in self.settings
        ]


def shortened(settings, factor):
    """Return settings with so many times fewer ``steps``, or signals ``seen``, if they have some.

    Examples
    --------
    >>> shortened([{"steps": 1000}, {"method": "tv"}], 100)
    [{'steps': 10}, {'method': 'tv'}]
    """
    return [s | {x: s[x] // factor for x in ("steps", "seen") if x in s} for s in settings]
