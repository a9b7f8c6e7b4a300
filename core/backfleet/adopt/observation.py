"""Plain data about a script's runs: the child process writes it, and its parent reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from backfleet.adopt.python_code import PythonCode

__all__ = [
    "RECORD_FORMAT",
    "CsvFeed",
    "ObservedFeed",
    "ObservedParameter",
    "ObservedPoint",
    "ObservedRun",
    "Statement",
    "feed_file",
    "run_file",
]

RECORD_FORMAT = "adopted-run/1"

Place = Literal["params", "init", "start"]


def run_file(run: int) -> str:
    """Return the name of the file with the record of a run."""
    return f"run-{run}.json"


def feed_file(run: int, feed: int) -> str:
    """Return the name of the file with the lines of a feed, as `numpy.savez` writes it."""
    return f"feed-{run}-{feed}.npz"


@dataclass(frozen=True)
class CsvFeed:
    """A feed that reads a CSV file.

    Attributes
    ----------
    path
        Absolute path of the file.
    separator
        What stands between the columns.
    date_format
        As `datetime.strptime` reads it; None for ISO 8601.
    columns
        Position of the column by what it holds: date, time, open and so on, and additional lines.
    """

    path: str
    separator: str
    date_format: str | None
    columns: Mapping[str, int]


@dataclass(frozen=True)
class ObservedFeed:
    """One of a run's feeds, in the order in which the script added them.

    Attributes
    ----------
    name
        The name that the strategy sees; empty if it has none.
    kind
        The feed's class.
    bars
        Number of bars.
    extra
        Names of its lines beyond those of every feed.
    is_traded
        Whether the strategy placed an order for it.
    csv
        The file that it reads, if it is a plain CSV feed.
    resampled
        The span of a feed that is resampled from another one, as a job writes it, such as `1w`;
        empty if a job has no such span. None for other feeds.
    origin
        The position of the feed that it is resampled from.
    """

    name: str
    kind: str
    bars: int
    extra: tuple[str, ...]
    is_traded: bool
    csv: CsvFeed | None = None
    resampled: str | None = None
    origin: int | None = None


@dataclass(frozen=True)
class Statement:
    """Something that a job has no key for, as code of a subclass of the strategy.

    Attributes
    ----------
    place
        Whether it is a parameter, or belongs into `__init__` or `start`.
    code
        The statement; for a parameter, the pair of its name and value.
    reason
        What it sets, in words.
    feed
        The feed that the statement names; None if it names none.
    """

    place: Place
    code: PythonCode
    reason: str
    feed: str | None = None


@dataclass(frozen=True)
class ObservedParameter:
    """A parameter that the script gave to its strategy.

    Attributes
    ----------
    name
        The parameter.
    values
        JSON of each value, in the order of the sweep. Of a parameter that is not swept, one.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ObservedPoint:
    """One pass of the strategy.

    Attributes
    ----------
    params
        JSON of the swept parameters' values.
    final_value
        `repr` of the account's value at the end, as a float; None if the strategy asked to be
        skipped.
    """

    params: Mapping[str, str]
    final_value: str | None


@dataclass(frozen=True)
class ObservedRun:
    """One call of `Cerebro.run`.

    Attributes
    ----------
    strategy
        Code of the strategy's class.
    feeds
        The feeds.
    params
        Parameters that the script sets and that the job can set.
    defaults
        Those that the script leaves as they are, with their own values.
    points
        The passes: one, or one per point of `optstrategy`.
    broker, sizer, signals, analyzers
        The job's tables; the names of classes that go into the strategy's file begin with `:`.
    classes
        Code of these classes.
    statements
        What goes into a subclass of the strategy.
    notes
        What was left out without a change of the numbers.
    refusals
        Why a job cannot express this run; empty if it can.
    globals
        Plain values of the script's own names when the run began.
    """

    strategy: PythonCode
    feeds: tuple[ObservedFeed, ...]
    params: tuple[ObservedParameter, ...]
    points: tuple[ObservedPoint, ...]
    broker: Mapping[str, Any]
    sizer: Mapping[str, Any] | None = None
    signals: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    analyzers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    classes: tuple[PythonCode, ...] = ()
    statements: tuple[Statement, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    globals: Mapping[str, PythonCode] = field(default_factory=dict)
    defaults: tuple[ObservedParameter, ...] = ()
