"""The identity of a run: every input that can change its results, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from backfleet.class_call import ClassCall, Signal
from backfleet.engine import BrokerSettings
from backfleet.plugins import HOOKS
from backfleet.store.plain_json import to_plain
from backfleet.store.records import canonical_digest

__all__ = [
    "AuxiliaryIdentity",
    "Component",
    "DataIdentity",
    "FeedIdentity",
    "Identity",
    "MarketIdentity",
    "ResultsIdentity",
]

# 64 bits: among a million runs, two share an id with a probability of 3e-8.
ID_DIGITS = 16


@dataclass(frozen=True)
class Component:
    """A strategy or plugin.

    Attributes
    ----------
    target
        `module:attribute`, or `file.py:Class` without the folder.
    code
        Hash of its code, 64 hexadecimal digits.
    name
        The name of the plugin's entry point; empty for a strategy, which may be reached by several.
    """

    target: str
    code: str
    name: str = ""


@dataclass(frozen=True)
class FeedIdentity:
    """The source of bars and its settings, without their location.

    Attributes
    ----------
    options
        The source's options with their defaults: an option that the job writes out as its default
        makes no other run.
    """

    source: Component
    options: Mapping[str, Any]
    timezone: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class AuxiliaryIdentity(FeedIdentity):
    """An auxiliary feed: the one symbol in it, and the digest of its bars."""

    symbol: str
    digest: str


@dataclass(frozen=True)
class DataIdentity(FeedIdentity):
    """The bars of a run.

    Attributes
    ----------
    start, end
        ISO 8601 dates; None leaves that side open.
    digests
        `Bars.digest()` by symbol, in the order of the tasks.
    auxiliary
        The auxiliary feeds that are read, by name.
    resampled
        The spans of the auxiliary feeds that are made from the symbols' own bars, by name.
    facts
        Whether the bars have facts, which are part of their digests.
    session_end
        Time of day of daily bars on backtrader's clock, ISO 8601; empty for 00:00.
    feeds
        The feeds of one `backtrader.Strategy` in their order; empty for the usual order.
    """

    universe: Literal["each", "portfolio"]
    start: str | None
    end: str | None
    warmup: int
    digests: Mapping[str, str]
    auxiliary: Mapping[str, AuxiliaryIdentity]
    resampled: Mapping[str, str]
    facts: bool = False
    session_end: str = ""
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResultsIdentity:
    """The settings of `[results]` that change rows.

    Attributes
    ----------
    benchmark_digest
        `Bars.digest()` of the benchmark if rows depend on another symbol's bars, else empty.
    analyzers
        Pairs of name and class, sorted by name.
    """

    detail: Literal["summary", "full"]
    benchmark: str
    periods_per_year: float | Literal["auto"]
    risk_free_rate: float = 0.0
    extended: bool = False
    benchmark_digest: str = ""
    analyzers: tuple[tuple[str, ClassCall], ...] = ()


@dataclass(frozen=True)
class MarketIdentity:
    """The market whose rules a run follows.

    Attributes
    ----------
    rules
        The plugin.
    actions
        How corporate actions are booked. A run whose table of actions does not explain all ex-dates
        has `factor`, whatever its job says.
    off
        Rules that are switched off, sorted.
    orders, limit_fill, volume_share, rights, dividend_tax
        As in `MarketSettings`.
    """

    rules: Component
    actions: Literal["exact", "factor", "none"]
    off: tuple[str, ...] = ()
    orders: Literal["day", "wait"] = "day"
    limit_fill: Literal["open", "bar"] = "open"
    volume_share: float = 0.0
    rights: Literal["lapse", "subscribe"] = "lapse"
    dividend_tax: bool = False


@dataclass(frozen=True)
class Identity:
    """Every input that can change a run's results. Its hash is the run's id.

    Attributes
    ----------
    backfleet
        Hash of the modules of backfleet that run every task and encode its row; the code of a
        component includes those that only it reaches.
    versions
        Versions of Python (minor) and of the libraries that compute.
    engines
        Candidates, the one that runs the tasks first; all agree to the last bit.
    files
        SHA-256 of the declared files, by their names below the strategy's folder.
    points
        `Points.to_json()`.
    modules
        Names of the modules that the job declares, sorted; their code is part of the strategy's.
    market
        None for a run without a market.
    signals
        The indicators by which the strategy trades, sorted by their kind.
    """

    backfleet: str
    versions: Mapping[str, str]
    strategy: Component
    plugins: tuple[Component, ...]
    engines: tuple[Component, ...]
    seed: int
    files: Mapping[str, str]
    points: Mapping[str, Any]
    data: DataIdentity
    broker: BrokerSettings
    results: ResultsIdentity
    modules: tuple[str, ...] = ()
    market: MarketIdentity | None = None
    signals: tuple[Signal, ...] = ()

    # Hashed once: the digests of thousands of symbols are part of it.
    @cached_property
    def run_id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 over its canonical JSON."""
        return canonical_digest(to_plain(self))[:ID_DIGITS]

    def components(self) -> Iterator[tuple[str, Component]]:
        """Return the kind of plugin and the component of every source, engine and hook plugin."""
        # A source that several feeds use comes several times.
        yield from (("source", feed.source) for feed in self.feeds)
        yield from (("engine", engine) for engine in self.engines)
        yield from ((HOOKS, plugin) for plugin in self.plugins)
        if self.market is not None:
            yield "market", self.market.rules

    @property
    def feeds(self) -> tuple[FeedIdentity, ...]:
        """The data and every auxiliary feed."""
        return (self.data, *self.data.auxiliary.values())
