"""The manifest: the stored plan of a run, with its identity, symbols, points and parameters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backfleet.bars import BarsWindow
from backfleet.chunks.date_sums import DateSumsLayout, KeptReturns
from backfleet.chunks.table_names import ANALYZERS, DETAILS
from backfleet.engine import BrokerSettings
from backfleet.errors import CorruptObject, error_line
from backfleet.job.benchmark import BUY_AND_HOLD
from backfleet.job.parameter import Parameter
from backfleet.job.points import Points
from backfleet.job.stored_points import points_from_json
from backfleet.job.windowed_points import WINDOW, Window, WindowedPoints
from backfleet.plan.chunk_grid import MAX_CHUNKS, ChunkGrid
from backfleet.plan.data_notes import DataNotes
from backfleet.plan.identity import Identity
from backfleet.store.records import decode_record, encode_record

__all__ = [
    "PORTFOLIO",
    "Manifest",
    "PlannedDistribution",
    "PlannedSymbol",
    "StoredManifest",
    "TaskKey",
]

FORMAT = "manifest/4"

_SHA256 = re.compile(r"[0-9a-f]{64}")

PORTFOLIO = "portfolio"
"""Stands for the symbol of a task that runs all symbols."""


@dataclass(frozen=True)
class PlannedSymbol:
    """A symbol and its bars as they were planned.

    Attributes
    ----------
    digest
        `Bars.digest()` of the bars from the warm-up to the end.
    bars, first, last
        How many, and the first and last session.
    sessions_per_year
        For annualising, unless the job sets `results.periods_per_year`.
    """

    name: str
    digest: str
    bars: int
    first: str
    last: str
    sessions_per_year: float


@dataclass(frozen=True)
class PlannedDistribution:
    """A distribution that a run's plugins come from; `content` is its content hash."""

    name: str
    version: str
    content: str


@dataclass(frozen=True)
class TaskKey:
    """The symbol, or the whole universe, and the parameter point of task `index`.

    Attributes
    ----------
    name
        The symbol's name, or `PORTFOLIO`.
    window
        The window that the task runs in with an account of its own; None for all sessions.
    """

    index: int
    name: str
    symbols: tuple[PlannedSymbol, ...]
    params: Mapping[str, Any]
    window: Window | None = None


@dataclass(frozen=True)
class Manifest:
    """A planned run. Task i is symbol i // points at point i % points. If all symbols are one
    portfolio, it is point i.

    Attributes
    ----------
    name
        The job's name; a label, not part of the id.
    created
        When it was planned, ISO 8601 in UTC.
    identity
        Every input that can change a result; the run's id is its hash.
    parameters
        The strategy's parameters, for the types of the result columns.
    symbols
        In the order of the tasks.
    chunk_size
        Number of tasks in a chunk; see `plan.chunk_size`.
    kept_returns
        The returns by date that chunks keep; see `plan.chunk_size`.
    distributions
        The distributions of the plugins on the machine that planned the run. The identity has the
        part of them that decides numbers.
    family, logic
        For the trial ledger, not part of the id: the family of the strategy, and the hash of the
        logic of its code.
    notes
        What the data left open, not part of the id.
    """

    name: str
    created: str
    identity: Identity
    parameters: Sequence[Parameter]
    symbols: Sequence[PlannedSymbol]
    points: Points = field(repr=False)
    chunk_size: int
    kept_returns: KeptReturns = KeptReturns.NONE
    distributions: Sequence[PlannedDistribution] = ()
    family: str = ""
    logic: str = ""
    notes: DataNotes = field(default_factory=DataNotes)

    @property
    def run_id(self) -> str:
        return self.identity.run_id

    @property
    def tasks(self) -> int:
        return len(self.points) * (1 if self.is_portfolio else len(self.symbols))

    @cached_property
    def is_portfolio(self) -> bool:
        """Whether a task runs all symbols with one cash pool."""
        return self.identity.data.universe == "portfolio"

    @property
    def bars_per_task(self) -> float:
        """Mean number of bars that a task reads."""
        bars = sum(symbol.bars for symbol in self.symbols)
        # A portfolio has one task for each point, which reads the bars of all symbols.
        return bars if self.is_portfolio else bars / len(self.symbols)

    @cached_property
    def chunks(self) -> ChunkGrid:
        return ChunkGrid(self.tasks, self.chunk_size)

    def returns_layout(self, chunk: int) -> DateSumsLayout | None:
        """Return which returns by date a chunk keeps; None if it keeps none."""
        if self.kept_returns is KeptReturns.NONE:
            return None
        is_summed = self.kept_returns is KeptReturns.SUMS
        return DateSumsLayout(len(self.points), self.chunks[chunk], is_summed)

    def task(self, index: int) -> TaskKey:
        """Decode a task. Raises IndexError."""
        if not 0 <= index < self.tasks:
            tasks = "only task 0" if self.tasks == 1 else f"tasks 0 to {self.tasks - 1}"
            raise IndexError(f"the run has {tasks}, no task {index}")
        position, point = divmod(index, len(self.points))
        params, window = self.points[point], None
        if isinstance(self.points, WindowedPoints):
            # Every access makes a dict of its own, which may be changed. The strategy has no such
            # parameter.
            del params[WINDOW]
            window = self.points.window(point)
        if self.is_portfolio:
            return TaskKey(index, PORTFOLIO, tuple(self.symbols), params, window)
        symbol = self.symbols[position]
        return TaskKey(index, symbol.name, (symbol,), params, window)

    @property
    def base_points(self) -> Points:
        """The points of the sweep, each of them once, also if they run in several windows."""
        return self.points.base if isinstance(self.points, WindowedPoints) else self.points

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows in which every point has an account of its own; empty for all sessions."""
        return self.points.windows if isinstance(self.points, WindowedPoints) else ()

    @property
    def gaps(self) -> tuple[str, ...]:
        """The sessions, ISO 8601, that are in none of `windows`."""
        return self.points.gaps if isinstance(self.points, WindowedPoints) else ()

    @cached_property
    def window(self) -> BarsWindow:
        data = self.identity.data
        start, end = (date.fromisoformat(day) if day else None for day in (data.start, data.end))
        return BarsWindow(start, end, data.warmup)

    @property
    def broker(self) -> BrokerSettings:
        return self.identity.broker

    @property
    def engine(self) -> str:
        """The engine's name; the first candidate where the job leaves the choice to backfleet."""
        return self.identity.engines[0].name

    @property
    def keeps_detail(self) -> bool:
        return self.identity.results.detail == "full"

    @property
    def details(self) -> Sequence[str]:
        """The names of the tables of details that each chunk has."""
        if not self.keeps_detail:
            return ()
        return (*DETAILS, ANALYZERS) if self.identity.results.analyzers else DETAILS

    @property
    def benchmark(self) -> str | None:
        """The symbol that tasks are compared with; None stands for their own."""
        benchmark = self.identity.results.benchmark
        return None if benchmark == BUY_AND_HOLD else benchmark

    @property
    def periods_per_year(self) -> float | None:
        """The job's own value for annualizing; None leaves it to the data."""
        periods = self.identity.results.periods_per_year
        return None if periods == "auto" else periods

    def to_bytes(self) -> bytes:
        table = self.points.table()
        return encode_record(
            FORMAT,
            StoredManifest(
                # The id and the number of tasks follow from the rest. They are stored for listings,
                # which then need no points, and checked by every reader.
                run_id=self.run_id,
                name=self.name,
                created=self.created,
                tasks=self.tasks,
                chunk_size=self.chunk_size,
                kept_returns=self.kept_returns,
                identity=self.identity,
                parameters=tuple(self.parameters),
                symbols=tuple(self.symbols),
                distributions=tuple(self.distributions),
                points_table=hashlib.sha256(table).hexdigest() if table else None,
                family=self.family,
                logic=self.logic,
                notes=self.notes,
            ),
        )

    @classmethod
    def from_bytes(cls, content: bytes, read_blob: Callable[[str], bytes]) -> Manifest:
        """Return the manifest that `to_bytes` wrote. Raises CorruptObject, ObjectMissing."""
        return cls.from_stored(decode_record(StoredManifest, FORMAT, content), read_blob)

    @classmethod
    def from_stored(cls, stored: StoredManifest, read_blob: Callable[[str], bytes]) -> Manifest:
        """Return the manifest of a record, once everything in it is checked.

        `read_blob` returns the table of explicit points for its SHA-256. Raises CorruptObject,
        ObjectMissing.
        """
        # First, since dates and zones are read below and by whoever gets the manifest.
        _check_values(stored)
        manifest = cls(
            name=stored.name,
            created=stored.created,
            identity=stored.identity,
            parameters=stored.parameters,
            symbols=stored.symbols,
            points=_read_points(stored, read_blob),
            chunk_size=stored.chunk_size,
            kept_returns=stored.kept_returns,
            distributions=stored.distributions,
            family=stored.family,
            logic=stored.logic,
            notes=stored.notes,
        )
        if (stored.run_id, stored.tasks) != (manifest.run_id, manifest.tasks):
            raise CorruptObject(
                f"the manifest says run {stored.run_id} of {stored.tasks} tasks, but its identity "
                f"is that of run {manifest.run_id} of {manifest.tasks} tasks"
            )
        size = manifest.chunk_size
        # A manifest from a stranger must not ask for millions of chunks.
        if not 1 <= size <= manifest.tasks or len(manifest.chunks) > MAX_CHUNKS:
            raise CorruptObject(f"the manifest cuts {manifest.tasks} tasks into chunks of {size}")
        # A sum over the symbols of a chunk exists only if the chunk has all tasks of its symbols.
        if manifest.kept_returns is KeptReturns.SUMS and size % len(manifest.points):
            raise CorruptObject("the manifest adds up returns of chunks without whole symbols")
        return manifest


@dataclass(frozen=True)
class StoredManifest:
    """The fields of `manifest.json`, without the table of explicit points that it may name."""

    run_id: str
    name: str
    created: str
    tasks: int
    chunk_size: int
    kept_returns: KeptReturns
    identity: Identity
    parameters: tuple[Parameter, ...]
    symbols: tuple[PlannedSymbol, ...]
    distributions: tuple[PlannedDistribution, ...]
    points_table: str | None
    family: str
    logic: str
    notes: DataNotes


def _read_points(stored: StoredManifest, read_blob: Callable[[str], bytes]) -> Points:
    """Raises CorruptObject, ObjectMissing."""
    name = stored.points_table
    if name is not None and not _SHA256.fullmatch(name):
        raise CorruptObject(f"the manifest names no table of points: {name[:80]!r}")
    table = None if name is None else read_blob(name)
    try:
        points = points_from_json(stored.identity.points, table)
    # The points are JSON of any shape until here, so reading them can fail in any of these ways.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise CorruptObject(f"the manifest's points cannot be read: {error_line(error)}") from error
    if isinstance(points, WindowedPoints):
        _check_windows(points)
    known = {parameter.name for parameter in stored.parameters}
    unknown = set(points.names) - known
    if unknown:
        raise CorruptObject(f"the manifest's points have unknown parameters: {sorted(unknown)}")
    return points


def _check_windows(points: WindowedPoints) -> None:
    """Raise CorruptObject for a window that is no range of days, and for a gap that is no day."""
    try:
        for day in points.gaps:
            date.fromisoformat(day)
        for first, last in points.windows:
            if date.fromisoformat(first) > date.fromisoformat(last):
                raise ValueError(f"{first} is after {last}")
    except ValueError as error:
        raise CorruptObject(f"the manifest has an impossible window: {error}") from error


def _check_values(stored: StoredManifest) -> None:
    """Raise CorruptObject for values that have the right type and that no plan has."""
    identity, data = stored.identity, stored.identity.data
    days = [day for day in (data.start, data.end) if day is not None]
    days += [day for symbol in stored.symbols for day in (symbol.first, symbol.last)]
    try:
        # The values are only tried here; the manifest keeps the texts, as its hash is over them.
        datetime.fromisoformat(stored.created)
        for day in days:
            date.fromisoformat(day)
        if data.session_end:
            time.fromisoformat(data.session_end)
        for feed in identity.feeds:
            ZoneInfo(feed.timezone)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise CorruptObject(f"the manifest has an impossible date or time zone: {error}") from error
    periods = identity.results.periods_per_year
    numbers = [symbol.sessions_per_year for symbol in stored.symbols]
    numbers += [] if periods == "auto" else [periods]
    is_possible = (
        bool(identity.engines)
        and bool(stored.symbols)
        and data.warmup >= 0
        # False for NaN, too.
        and all(number > 0 for number in numbers)
    )
    if not is_possible:
        raise CorruptObject(
            "the manifest has no engine, no symbol, a negative warm-up, or a year without sessions"
        )
