"""The sizer, the signals and the analyzers of a script that a job can name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backfleet.adopt.class_tables import ClassTable, class_table_of
from backfleet.adopt.python_code import NoCode
from backfleet.engines.bt import bt
from backfleet.job.class_table import analyzer_name

__all__ = [
    "analyzer_tables",
    "given_sizer",
    "signal_name",
    "signal_tables",
    "sizer_table",
    "unnamed_analyzers",
]

SignalTables = Mapping[str, Sequence[ClassTable]]
AddedAnalyzer = tuple[Any, Sequence[Any], Mapping[str, Any]]
"""An analyzer's class and its arguments, by position and by name."""


def given_sizer(cerebro: Any) -> tuple[Any, Sequence[Any], Mapping[str, Any]]:
    """The class of the sizer, None for no own one, and its arguments."""
    # As Cerebro looks it up: the sizer of strategy 0, otherwise the default one.
    sizer, args, kwargs = cerebro.sizers.get(0, cerebro.sizers.get(None, (None, (), {})))
    return sizer, args, kwargs


def sizer_table(cerebro: Any) -> ClassTable | None:
    """The sizer as a table; None without one, and if a job cannot name it."""
    sizer, args, kwargs = given_sizer(cerebro)
    # A table has names for arguments; those by position go into a subclass.
    if sizer is None or args:
        return None
    try:
        return class_table_of(sizer, "sizer", kwargs)
    except NoCode:
        return None


def signal_tables(cerebro: Any) -> SignalTables | None:
    """The signals by their kinds; None if a job cannot name one of them."""
    tables: dict[str, list[ClassTable]] = {}
    for number, indicator, args, kwargs in cerebro.signals:
        if args:
            return None
        try:
            table = class_table_of(indicator, "signal", kwargs)
        except NoCode:
            return None
        # Several signals of one kind keep their order, which the labels count.
        tables.setdefault(signal_name(number).lower(), []).append(table)
    return tables


def signal_name(number: int) -> str:
    """Return the name of a kind of signal, without `SIGNAL_`."""
    names = [name for name in dir(bt.signal) if name.startswith("SIGNAL_")]
    return next(name for name in names if getattr(bt.signal, name) == number)[7:]


def analyzer_tables(cerebro: Any) -> Mapping[str, ClassTable]:
    """The analyzers that a job can name, by their names."""
    tables: dict[str, ClassTable] = {}
    for name, (analyzer, args, kwargs) in _by_name(cerebro):
        arguments = {key: value for key, value in kwargs.items() if key != "_name"}
        try:
            if not args and analyzer_name(name):
                tables[name] = class_table_of(analyzer, "analyzer", arguments)
        except (NoCode, ValueError):
            continue
    return tables


def unnamed_analyzers(cerebro: Any, tables: Mapping[str, ClassTable]) -> Iterator[AddedAnalyzer]:
    """The analyzers that a job cannot name, with their arguments."""
    return (added for name, added in _by_name(cerebro) if name not in tables)


def _by_name(cerebro: Any) -> Iterator[tuple[str, AddedAnalyzer]]:
    """The analyzers by the names that backtrader gives them: it numbers the second and later ones
    of a name."""
    counts: Counter[str] = Counter()
    for added in cerebro.analyzers:
        analyzer, _, kwargs = added
        name = kwargs.get("_name", "") or analyzer.__name__.lower()
        yield f"{name}{counts[name] or ''}", added
        counts[name] += 1
