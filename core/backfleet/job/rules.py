"""Rules for the values of a job, each as a function that pydantic calls.

A ValueError says what is wrong; `Section` adds the key's path and the value.
"""

from __future__ import annotations

import os
import re
import sys
import zoneinfo
from datetime import date, datetime, time
from pathlib import Path

import numpy as np

from backfleet.job.bar_spans import parse_span
from backfleet.job.job_errors import suggestion

__all__ = [
    "MAX_NOTE_CHARS",
    "MAX_PRIOR_TRIALS",
    "day",
    "distinct",
    "enough_for_children",
    "enough_memory",
    "extra_columns",
    "family",
    "feed_name",
    "file_pattern",
    "job_name",
    "name_of_strategy",
    "note",
    "one_or_more",
    "one_symbol",
    "periods_per_year",
    "plain_specs",
    "session_end",
    "span",
    "strategy",
    "strategy_reference",
    "symbol",
    "symbol_name",
    "timezone",
]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
MAIN = "__main__"
WRITE_TO_FILE = "workers import a strategy, so write it to a file and name it 'my_file.py:Class'"
MIN_MEMORY_BYTES = 256 * 2**20
# With less, a child process cannot import backtrader, numpy and pandas.
MIN_CHILD_BYTES = 128 * 2**20
MAX_FAMILY_CHARS = 1000
LINES = ("datetime", "open", "high", "low", "close", "volume")
MAX_NOTE_CHARS = 1000
MAX_PRIOR_TRIALS = 10**12


def job_name(name: str) -> str:
    """A name that can be part of a file name and of a container's label."""
    if not NAME.fullmatch(name):
        raise ValueError(
            "must have 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit"
        )
    return name


def name_of_strategy(reference: object) -> str:
    """A plugin's name or a class's, or `unnamed` where that makes no job name.

    A strategy that is not even text is refused elsewhere, and needs no second line for the name.
    """
    if isinstance(reference, type):
        reference = reference.__name__
    _, colon, last = str(reference).rpartition(":")
    name = last.rpartition(".")[2] if colon else last
    return name if NAME.fullmatch(name) else "unnamed"


def strategy_reference(strategy: object) -> object:
    """A class as the `pkg.module:Class` that a worker can import; all else is left alone."""
    if not isinstance(strategy, type):
        return strategy
    # A worker imports the class by its name, and a local class has none.
    if "<locals>" in strategy.__qualname__:
        raise ValueError(f"is made within a function; {WRITE_TO_FILE}")
    reference = f"{strategy.__module__}:{strategy.__qualname__}"
    # Refused by `strategy`, with a reason of its own.
    if strategy.__module__ == MAIN:
        return reference
    module = sys.modules.get(strategy.__module__)
    # A module without a spec was not imported but executed, as a script is. And the name may lead
    # to another class by now, if a decorator has replaced it.
    if getattr(module, "__spec__", None) is None or _within(module, strategy) is not strategy:
        raise ValueError(f"cannot be imported as {reference}; {WRITE_TO_FILE}")
    return reference


def _within(module: object, cls: type) -> object:
    value: object = module
    for part in cls.__qualname__.split("."):
        value = getattr(value, part, None)
    return value


def strategy(reference: str) -> str:
    """A plugin's name, `pkg.module:Class` or `file.py:Class`."""
    place, colon, name = reference.rpartition(":")
    if colon and place == MAIN:
        raise ValueError(f"is made in a notebook or the script itself; {WRITE_TO_FILE}")
    if not colon and reference.endswith(".py"):
        raise ValueError(f"name the class in the file: {reference}:MyStrategy")
    if not colon and not NAME.fullmatch(reference):
        raise ValueError("must be a strategy's name, pkg.module:Class or file.py:Class")
    if colon and not all(part.isidentifier() for part in name.split(".")):
        raise ValueError("must name a class after the colon: pkg.module:Class or file.py:Class")
    is_module = all(part.isidentifier() for part in place.split("."))
    if colon and not is_module and not place.endswith(".py"):
        raise ValueError(f"{place!r} is neither a module nor a .py file")
    return reference


def symbol(name: str) -> str:
    """A symbol or glob; it names a file, and must not leave the source's folder."""
    # Sources build a path from the name, and jobs may come from anybody.
    if any(separator in name for separator in ("/", "\\", "\0")):
        raise ValueError("must not contain a path separator; a symbol is a name below data.path")
    if ".." in name or name.startswith("."):
        raise ValueError("must not contain '..' or begin with '.'")
    return name


def symbol_name(name: str) -> str:
    """One symbol, and no glob."""
    if any(mark in name for mark in "*?["):
        raise ValueError("must be one symbol's name, without '*', '?' and '['")
    return symbol(name)


def one_or_more(value: object) -> object:
    """One text stands for a list of one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be text in quotes, or a list of it; digits need quotes too")
    if not value:
        raise ValueError('is empty; write "*" for all symbols')
    return value


def one_symbol(symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Exactly one symbol, by its name."""
    if len(symbols) != 1:
        raise ValueError("must be one symbol; each auxiliary feed has a table of its own")
    symbol_name(symbols[0])
    return symbols


def feed_name(name: str) -> str:
    """A name by which a strategy finds an auxiliary feed."""
    if not NAME.fullmatch(name):
        raise ValueError(
            "the feed's name must have 1 to 64 letters, digits, '.', '_' or '-', and begin with a "
            "letter or digit"
        )
    # `--data facts=PATH` gives the place of the facts, and `--data NAME=PATH` that of a feed.
    if name == "facts":
        raise ValueError("cannot be the name of a feed, since commands name data.facts so")
    return name


def file_pattern(pattern: str) -> str:
    """A name or glob of files below the strategy's folder."""
    if pattern.startswith(("/", "~")) or "\\" in pattern or "\0" in pattern:
        raise ValueError("must be relative to the strategy's folder, with '/' between folders")
    if {"", ".", ".."} & set(pattern.split("/")):
        raise ValueError(
            "must not contain '.', '..' or an empty name: it names files in the strategy's folder"
        )
    return pattern


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of which none comes up twice."""
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(f"names {name!r} twice")
    return names


def extra_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Columns beside those that all bars have, each of which becomes a line of the feed."""
    for name in names:
        if name in LINES:
            raise ValueError(f"{name!r} is a line of every feed; name additional columns only")
    return names


def day(value: object) -> date:
    """A TOML date or ISO text."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            has_form = DAY.fullmatch(value)
            reason = "is no day that exists" if has_form else "must be a date such as 2019-01-31"
            raise ValueError(reason) from None
    # A datetime is a date to Python.
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date such as 2019-01-31, without a time")
    return value


def family(name: str) -> str:
    """The name of a family of strategies in the trial ledger."""
    if not name.strip() or len(name) > MAX_FAMILY_CHARS or not name.isprintable():
        raise ValueError(
            f"a family's name must be one line of 1 to {MAX_FAMILY_CHARS:,} characters"
        )
    return name


def note(text: str) -> str:
    """A note of one line."""
    if len(text) > MAX_NOTE_CHARS or not text.isprintable():
        raise ValueError(f"a note must be one line of at most {MAX_NOTE_CHARS:,} characters")
    return text


def timezone(name: str) -> str:
    """The IANA name of a time zone."""
    if not _is_timezone(name):
        # "Factory" stands for a machine whose zone nobody has set, and Arrow does not know it.
        known = zoneinfo.available_timezones() - {"Factory"}
        if name not in known:
            raise ValueError(f"is not an IANA time zone{suggestion(name, known)}")
    return name


def session_end(text: str) -> str:
    """A time of day without a zone, as ISO 8601."""
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        raise ValueError('must be a time of day such as "16:00"') from None
    if moment.tzinfo is not None:
        raise ValueError("must be without a time zone; it is local time, as the bars' dates are")
    return moment.isoformat()


def span(text: str) -> str:
    """The span of resampled bars, such as `1w`."""
    parse_span(text)
    return text


def periods_per_year(value: object) -> object:
    """`"auto"`, or how many bars a year has."""
    if value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError('must be "auto" or a number')
    if not 0 < value <= sys.float_info.max:
        raise ValueError("must be positive and finite")
    return value


def enough_memory(size: int) -> int:
    """Bytes that a worker can start in."""
    if size < MIN_MEMORY_BYTES:
        raise ValueError("is too little for Python with its libraries; use at least 256 MiB")
    return size


def enough_for_children(memory: int, cpus: int) -> None:
    """Raise ValueError if the child processes of a worker cannot start in their parts of memory."""
    if memory // cpus < MIN_CHILD_BYTES:
        raise ValueError(
            f"memory is shared by cpus = {cpus:,} child processes, and each needs 128 MiB; use at "
            f'least memory = "{cpus * MIN_CHILD_BYTES // 2**20} MiB", or fewer cpus'
        )


def plain_specs(params: object) -> object:
    """Ranges, tuples and numpy's arrays and scalars, as Python writes specs, as plain JSON."""
    if isinstance(params, dict):
        return {name: plain_specs(spec) for name, spec in params.items()}
    if isinstance(params, (np.ndarray, np.generic)):
        # numpy's scalars are no Python numbers, and tolist() gives plain ones at any depth.
        return params.tolist()
    if isinstance(params, (range, tuple, list)):
        return [plain_specs(spec) for spec in params]
    return params


def _is_timezone(name: str) -> bool:
    """Whether a time zone of two words, such as `Asia/Shanghai`, has a file on this machine.

    This spares most jobs `available_timezones`, which opens the files of all time zones.
    """
    region, _, city = name.partition("/")
    # Names of one or three words are left to the full list. "posix" and "right" are copies of the
    # whole database that are no names of zones.
    if not city or "/" in city or region in ("posix", "right"):
        return False
    return any(_is_in(Path(folder), region, city) for folder in zoneinfo.TZPATH)


def _is_in(folder: Path, region: str, city: str) -> bool:
    """Whether a folder of time zones has one. Case counts, also if the file system ignores it."""
    try:
        with (folder / region / city).open("rb") as file:
            # The magic number of compiled time zones; the folder has tables of text, too.
            is_zone = file.read(4) == b"TZif"
    except (OSError, ValueError):
        return False
    return is_zone and region in os.listdir(folder) and city in os.listdir(folder / region)
