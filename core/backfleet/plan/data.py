"""A job's data: its source opened, its symbols chosen, and their bars described."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from backfleet.bars import BarsWindow
from backfleet.code.hashes import own_hash, plugin_hash
from backfleet.console import count_of
from backfleet.errors import DataError, JobError, UserError
from backfleet.facts import Facts, SymbolFacts
from backfleet.job.benchmark import BUY_AND_HOLD
from backfleet.job.job_errors import suggestion
from backfleet.plan.bad_symbols import bad_symbols_error
from backfleet.plan.bar_lengths import check_end_known, check_longer, check_one_length
from backfleet.plan.data_notes import DataNotes
from backfleet.plan.identity import FeedIdentity, MarketIdentity
from backfleet.plan.manifest import PlannedSymbol
from backfleet.plan.market_bars import BarCacheWithFacts, MarketRules, planned_rules
from backfleet.plan.market_notes import market_notes, unexplained
from backfleet.plan.task_context import TaskContext
from backfleet.plugins import find_plugin, load_plugin
from backfleet.source import Source, SourceSettings
from backfleet.sources.bar_cache import BarCache, SymbolData
from backfleet.sources.describe_symbols import describe_symbols
from backfleet.sources.facts import read_facts

if TYPE_CHECKING:
    from backfleet.job import Data
    from backfleet.job.model import Results

__all__ = [
    "PlannedData",
    "benchmark_digest",
    "choose_symbols",
    "naming_feed",
    "open_bar_cache",
    "open_source",
    "plan_data",
    "planned_source",
    "replan_symbols",
    "source_of",
]

MIN_UNIVERSE = 10
"""Number of symbols from which on a run is over a universe, of which some members may be gone."""


@dataclass(frozen=True)
class PlannedData:
    """The bars of a job.

    Attributes
    ----------
    symbols
        Sorted: in which order a job names them decides nothing.
    auxiliary
        The symbol of each auxiliary feed, by the feed's name, sorted too.
    notes
        What the data left open.
    benchmark_digest
        As in `ResultsIdentity`.
    market
        The market of the run, with the way in which its data allow to book corporate actions; None
        without one.
    """

    symbols: Sequence[PlannedSymbol]
    auxiliary: Mapping[str, PlannedSymbol]
    notes: DataNotes = field(default_factory=DataNotes)
    benchmark_digest: str = ""
    market: MarketIdentity | None = None


@dataclass(frozen=True)
class _Described:
    """The symbols of a source: those whose bars can be read, what is wrong with the others, and
    the job's facts."""

    symbols: dict[str, SymbolData]
    bad: dict[str, DataError]
    facts: Facts | None


def open_source(name: str, settings: SourceSettings) -> Source:
    """The source plugin of this name. Raises UnknownPlugin, PluginError, JobError."""
    source: Source = load_plugin("source", name, Source)(settings)
    return source


def source_of(data: Data) -> Source:
    """The source of a job. Raises UnknownPlugin, PluginError, JobError."""
    settings = SourceSettings(data.path, data.timezone, data.columns, data.options)
    return open_source(data.source, settings)


def planned_source(feed: FeedIdentity, path: str) -> Source:
    """Return the source of a planned run, reading at `path`."""
    settings = SourceSettings(path, feed.timezone, feed.columns, feed.options)
    return open_source(feed.source.name, settings)


def open_bar_cache(
    source: str, facts: Facts | None = None, rules: MarketRules | None = None
) -> BarCache:
    """Return the cache of a source's bars, keyed by the code of the source and of the cache.

    The bars have the facts and follow the rules.
    """
    code = plugin_hash(find_plugin("source", source).target)
    # The cache's own code decides what it stores, so a change of it must not read old entries.
    code += own_hash(["backfleet.sources.bar_cache"])
    # A cache with additions indexes its windows apart from those of plain bars.
    has_no_additions = facts is None and rules is None
    return BarCache(code) if has_no_additions else BarCacheWithFacts(code, facts, rules)


def plan_data(data: Data, market: MarketIdentity | None = None) -> PlannedData:
    """Return the bars of a job; traded bars follow the rules of a market.

    Raises DataError, PluginError, JobError.
    """
    # The data decide whether actions can be booked exactly, so the market may change here.
    market, described, doubts = _describe_in_market(data, market)
    rules = planned_rules(market)
    symbols = described.symbols
    # Without any good symbol, the reasons of the bad ones are the best message.
    if described.bad and (data.on_bad_symbol == "refuse" or not symbols):
        raise bad_symbols_error(data.path, described.bad, len(described.symbols))
    # Neither good nor bad ones: only data.exclude can have removed all of them.
    if not symbols:
        raise DataError("data.exclude leaves no symbol")
    auxiliary = {}
    for name in data.read_feeds:
        with naming_feed(name):
            ((symbol, feed),) = _described(data.of_feed(name)).items()
            check_end_known(symbol, feed)
            auxiliary[name] = _planned(symbol, feed)
    for name, span in data.resampled_feeds.items():
        with naming_feed(name):
            check_longer(span, symbols)
    if data.universe == "portfolio":
        check_one_length(symbols, "feeds" if data.feeds else "universe = 'portfolio'")
    planned = [_planned(*item) for item in symbols.items()]
    return PlannedData(planned, auxiliary, _notes(data, described, rules, doubts), market=market)


def _describe_in_market(
    data: Data, market: MarketIdentity | None
) -> tuple[MarketIdentity | None, _Described, Mapping[str, int]]:
    """Return the market with the way in which the data allow to book corporate actions, the symbols
    in it, and why their actions are not booked exactly.

    Raises JobError if dividends are to be taxed and are not known.
    """
    if market is None:
        return None, _describe_all(data), {}
    # One unexplained ex-date rules out exact booking for the whole run, so the search stops there.
    described = _describe_all(data, planned_rules(market), stops=market.actions == "exact")
    doubts = {}
    # Described again, since the bars differ under `factor`, and so do their digests.
    if market.actions == "exact" and unexplained(described.symbols):
        market = replace(market, actions="factor")
        described = _describe_all(data, planned_rules(market))
        doubts = unexplained(described.symbols)
    if market.dividend_tax and market.actions != "exact":
        reason = next(iter(doubts), f'actions = "{market.actions}"')
        raise JobError(
            "market.dividend_tax: dividends are known only if actions are booked exactly: "
            f"{reason}. Bring the missing actions in data.facts, or remove dividend_tax"
        )
    return market, described, doubts


def replan_symbols(context: TaskContext, rules: MarketRules | None) -> Sequence[PlannedSymbol]:
    """Return the symbols of a planned run as they are under the rules of a market.

    Raises DataError, MarketError, PluginError.
    """
    manifest = context.manifest
    feed, names = manifest.identity.data, [symbol.name for symbol in manifest.symbols]
    source, symbols = planned_source(feed, context.data_path), []
    facts = None if context.facts_path is None else read_facts(context.facts_path, set(names))
    with open_bar_cache(feed.source.name, facts, rules) as bar_cache:
        for name, result in describe_symbols(bar_cache, source, names, manifest.window):
            if isinstance(result, DataError):
                raise result
            symbols.append(_planned(name, result))
    return symbols


def benchmark_digest(data: Data, results: Results) -> str:
    """Return the digest of the benchmark's bars if rows depend on them, else an empty string.

    Raises DataError if the job's source has no such symbol.
    """
    benchmark = results.benchmark
    if benchmark == BUY_AND_HOLD:
        return ""
    try:
        if not results.extended:
            # Only reports read it.
            # Proves that the symbol exists, without reading its bars.
            source_of(data).fingerprint(benchmark)
            return ""
        # The columns are the strategy's, and a benchmark may lack them.
        whole = {"exclude": (), "on_bad_symbol": "refuse", "facts": None}
        alone = data.model_copy(update={"symbols": (benchmark,), "columns": (), **whole})
        return _described(alone)[benchmark].digest
    except DataError as error:
        raise type(error)(f"results.benchmark: {error}") from error


@contextmanager
def naming_feed(name: str) -> Iterator[None]:
    """Say in errors about an auxiliary feed's data which one it is."""
    key = f"data.auxiliary.{name}"
    try:
        yield
    except UserError as error:
        text = str(error)
        # Errors of sources name the key of the main feed, because they do not know which feed they
        # read.
        inside = text.replace("data.options", f"{key}.options")
        raise type(error)(inside if inside != text else f"{key}: {text}") from error


def _described(data: Data) -> dict[str, SymbolData]:
    described = _describe_all(data)
    if described.bad:
        raise bad_symbols_error(data.path, described.bad, len(described.symbols))
    return described.symbols


def _describe_all(
    data: Data, rules: MarketRules | None = None, *, stops: bool = False
) -> _Described:
    """Describe the symbols of a job; with `stops`, only until one of them has an ex-date that no
    action explains."""
    source = source_of(data)
    window = BarsWindow(data.start, data.end, data.warmup)
    # Sorted, so that the order in which a job names symbols makes no other run.
    chosen = sorted(_without(data, choose_symbols(source, data.symbols)))
    facts = None if data.facts is None else read_facts(data.facts, set(chosen))
    described = _Described({}, {}, facts)
    with open_bar_cache(data.source, facts, rules) as bar_cache:
        for name, result in describe_symbols(bar_cache, source, chosen, window):
            if isinstance(result, SymbolData) and rules is not None:
                # Days without rules make a symbol bad, as an unreadable file does.
                result = _uncovered_day(name, result, facts, rules) or result
            if isinstance(result, DataError):
                described.bad[name] = result
            else:
                described.symbols[name] = result
                if stops and result.unexplained:
                    break
    return described


def _uncovered_day(
    name: str, symbol: SymbolData, facts: Facts | None, rules: MarketRules
) -> DataError | None:
    """Return why the rules do not cover the days of a symbol; None if they do."""
    known = SymbolFacts(name) if facts is None else facts.of(name)
    try:
        rules.market.check_days(known, symbol.first, symbol.last, rules.settings.off)
    except DataError as error:
        return error
    return None


def _without(data: Data, symbols: Sequence[str]) -> list[str]:
    """The symbols that are not excluded. Raises DataError for a pattern that excludes none."""
    excluded: set[str] = set()
    for pattern in data.exclude:
        matches = [name for name in symbols if fnmatchcase(name, pattern)]
        if not matches:
            raise DataError(
                f"data.exclude: {pattern!r} matches no chosen symbol, of {len(symbols):,}"
                f"{suggestion(pattern, symbols)}"
            )
        excluded.update(matches)
    return [name for name in symbols if name not in excluded]


def _notes(
    data: Data,
    described: _Described,
    market: MarketRules | None,
    doubts: Mapping[str, int],
) -> DataNotes:
    # A run can be read elsewhere, where the folder of the data says nothing.
    folder = f"{data.path.rstrip('/')}/"
    # Under a market, the notes about the market say how dividends are booked.
    rules = [symbol.adjustment for symbol in described.symbols.values()]
    return DataNotes(
        skipped={name: str(error).replace(folder, "") for name, error in described.bad.items()},
        doubts={name: symbol.doubt for name, symbol in described.symbols.items() if symbol.doubt},
        adjustments=dict(Counter(filter(None, rules))) if market is None else {},
        market={}
        if market is None
        else {**market_notes(described.symbols, market, described.facts), **doubts},
        warmup=_short_warmup(data, described.symbols),
        survivorship=_survivorship(described),
    )


def _short_warmup(data: Data, symbols: Mapping[str, SymbolData]) -> str:
    """Return how many symbols have a warm-up shorter than the job's; empty if none has."""
    # Without a start, the warm-up is that of the windows of a validation.
    short = {name: symbol.warmup for name, symbol in symbols.items() if data.start}
    short = {name: bars for name, bars in short.items() if bars < data.warmup}
    if not short:
        return ""
    name = min(short, key=lambda name: short[name])
    return (
        f"{len(short):,} of {count_of(len(symbols), 'symbol')} with less than data.warmup = "
        f"{data.warmup}, such as {name} with {count_of(short[name], 'bar')} before {data.start}"
    )


def _survivorship(described: _Described) -> str:
    """Return what the run knows of symbols that are no longer in its universe."""
    if len(described.symbols) < MIN_UNIVERSE:
        return ""
    known = described.facts
    facts = [] if known is None else [known.of(name) for name in described.symbols]
    delisted = sum(symbol.delisted is not None for symbol in facts)
    # One symbol stands for all: an index with a history is known of every symbol, member or not.
    indices = facts[0].indices if facts else ()
    if not (delisted or indices):
        return "membership of today"
    words = [f"{delisted:,} of {len(facts):,} symbols were delisted"]
    words += [f"members of {', '.join(indices)} by date"] if indices else []
    return "; ".join(words)


def _planned(name: str, data: SymbolData) -> PlannedSymbol:
    return PlannedSymbol(
        name=name,
        digest=data.digest,
        bars=data.bars,
        first=data.first.isoformat(),
        last=data.last.isoformat(),
        sessions_per_year=data.sessions_per_year,
    )


def choose_symbols(source: Source, names: Sequence[str]) -> list[str]:
    """Names as they are, globs replaced by what they match; each symbol once.

    Raises DataError if a glob matches none.
    """
    if not any(_is_glob(name) for name in names):
        return list(names)
    # Listing a source can take requests, so plain names never get here.
    there = source.symbols()
    chosen: dict[str, None] = {}
    for pattern in names:
        matches = (
            [name for name in there if fnmatchcase(name, pattern)]
            if _is_glob(pattern)
            else [pattern]
        )
        if not matches:
            near = difflib.get_close_matches(pattern.strip("*?"), there, n=3)
            hint = ", ".join(near or there[:3])
            raise DataError(
                f"data.symbols: {pattern!r} matches no symbol in {source.settings.path}, which has "
                f"{len(there):,}, such as {hint}"
            )
        chosen.update(dict.fromkeys(matches))
    return list(chosen)


def _is_glob(name: str) -> bool:
    return any(mark in name for mark in "*?[")
