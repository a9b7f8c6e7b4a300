"""The manifest: all that decides a run's numbers, and what a worker needs to compute them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from backfleet.bars import BarsWindow
from backfleet.engine import BrokerSettings
from backfleet.errors import CorruptObject
from backfleet.job.benchmark import BUY_AND_HOLD
from backfleet.job.parameter import Parameter
from backfleet.job.points import Points
from backfleet.job.stored_points import points_from_json
from backfleet.plan.chunks import ChunkGrid
from backfleet.plan.engines import VECTOR

__all__ = ["PORTFOLIO", "Manifest", "PlannedDistribution", "PlannedSymbol", "TaskKey", "run_id"]

SCHEMA = 1
ID_DIGITS = 16

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
    """What task `index` is: a symbol, or the whole universe, at a parameter point.

    Attributes
    ----------
    name
        The symbol's name, or `PORTFOLIO`.
    """

    index: int
    name: str
    symbols: tuple[PlannedSymbol, ...]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """A planned run. Task i is symbol i // points at point i % points; where all symbols are one
    portfolio, it is point i.

    Attributes
    ----------
    name
        The job's name; a label, not part of the id.
    created
        When it was planned, ISO 8601 in UTC.
    identity
        What the id is a hash of.
    parameters
        The strategy's parameters, for the types of the result columns.
    symbols
        In the order of the tasks.
    distributions
        Those that the plugins come from, where the run was planned; what of them decides numbers is
        in the identity.
    """

    name: str
    created: str
    identity: Mapping[str, Any]
    parameters: Sequence[Parameter]
    symbols: Sequence[PlannedSymbol]
    points: Points = field(repr=False)
    distributions: Sequence[PlannedDistribution] = ()

    @cached_property
    def run(self) -> str:
        """The run's id."""
        return run_id(self.identity)

    @property
    def tasks(self) -> int:
        return len(self.points) * (1 if self.is_portfolio else len(self.symbols))

    @cached_property
    def is_portfolio(self) -> bool:
        """Whether a task runs all symbols with one cash pool."""
        return bool(self.identity["data"]["universe"] == "portfolio")

    @property
    def has_short_tasks(self) -> bool:
        """Whether a task is over in well under a millisecond, as a rule: it is compiled, one
        symbol, and nothing but its row is kept."""
        return self.engine == VECTOR and not self.keeps_detail and not self.is_portfolio

    @cached_property
    def chunks(self) -> ChunkGrid:
        return ChunkGrid(self.tasks, self.has_short_tasks)

    def task(self, index: int) -> TaskKey:
        """Decode a task. Raises IndexError."""
        if not 0 <= index < self.tasks:
            raise IndexError(f"the run has tasks 0 to {self.tasks - 1}, no task {index}")
        if self.is_portfolio:
            return TaskKey(index, PORTFOLIO, tuple(self.symbols), self.points[index])
        position, point = divmod(index, len(self.points))
        symbol = self.symbols[position]
        return TaskKey(index, symbol.name, (symbol,), self.points[point])

    @cached_property
    def window(self) -> BarsWindow:
        data = self.identity["data"]
        start, end = (
            date.fromisoformat(day) if day else None for day in (data["start"], data["end"])
        )
        return BarsWindow(start, end, data["warmup"])

    @cached_property
    def broker(self) -> BrokerSettings:
        return BrokerSettings(**self.identity["broker"])

    @property
    def engine(self) -> str:
        """The engine's name; the first candidate where the job leaves the choice to backfleet."""
        return str(self.identity["engines"][0]["name"])

    @property
    def keeps_detail(self) -> bool:
        return bool(self.identity["results"]["detail"] == "full")

    @property
    def benchmark(self) -> str | None:
        """The symbol that tasks are compared with; None stands for their own."""
        given = str(self.identity["results"]["benchmark"])
        return None if given == BUY_AND_HOLD else given

    @cached_property
    def periods_per_year(self) -> float | None:
        """What the job sets for annualising; None leaves it to the data."""
        given = self.identity["results"]["periods_per_year"]
        return None if given == "auto" else float(given)

    def to_bytes(self) -> bytes:
        table = self.points.table()
        content = {
            "schema": SCHEMA,
            "run": self.run,
            "name": self.name,
            "created": self.created,
            "tasks": self.tasks,
            "identity": self.identity,
            "parameters": [parameter.to_json() for parameter in self.parameters],
            "symbols": [asdict(symbol) for symbol in self.symbols],
            "distributions": [asdict(each) for each in self.distributions],
            "points": self.points.to_json(),
            "points_table": hashlib.sha256(table).hexdigest() if table else None,
        }
        return json.dumps(content | {"checksum": _digest(content)}, indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes, read_blob: Callable[[str], bytes]) -> Manifest:
        """Read a manifest; `read_blob` gives the table of explicit points by its hash.

        Raises CorruptObject.
        """
        try:
            data = json.loads(content)
            if data["schema"] != SCHEMA:
                raise CorruptObject(
                    f"the manifest has schema {data['schema']}, this backfleet reads {SCHEMA}; "
                    "use the version of backfleet that made the run"
                )
            if data.pop("checksum") != _digest(data):
                raise CorruptObject("the manifest was altered; put back what was planned")
            digest = data["points_table"]
            table = read_blob(digest) if digest else None
            manifest = cls(
                name=data["name"],
                created=data["created"],
                identity=data["identity"],
                parameters=[Parameter.from_json(each) for each in data["parameters"]],
                symbols=[PlannedSymbol(**each) for each in data["symbols"]],
                points=points_from_json(data["points"], table),
                distributions=[
                    PlannedDistribution(**each) for each in data.get("distributions", ())
                ],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptObject(
                f"the manifest cannot be read: {type(error).__name__}: {error}"
            ) from error
        return manifest


def run_id(identity: Mapping[str, Any]) -> str:
    """Hash of an identity: SHA-256 over its canonical JSON, the first 16 hexadecimal digits."""
    return _digest(identity)[:ID_DIGITS]


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
