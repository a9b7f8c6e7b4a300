"""A planned run under other rules of its market."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from backfleet.chunks.date_sums import KeptReturns
from backfleet.errors import DataChanged
from backfleet.job.points import Points
from backfleet.market import Market
from backfleet.plan.chunk_size import RunSize, chunk_size, kept_returns
from backfleet.plan.data import planned_source, replan_symbols
from backfleet.plan.identity import MarketIdentity
from backfleet.plan.manifest import Manifest, PlannedSymbol
from backfleet.plan.market_bars import planned_rules
from backfleet.plan.task_context import TaskContext
from backfleet.plugins import load_plugin

__all__ = ["NO_RULES", "MarketVariant", "market_variants", "plan_variant"]

KEYS: Mapping[str, Callable[[MarketIdentity], MarketIdentity]] = {
    "volume_share": lambda market: replace(market, volume_share=0.0),
    "dividend_tax": lambda market: replace(market, dividend_tax=False),
    # Without the table of actions, dividends are reinvested.
    "actions": lambda market: (
        replace(market, actions="factor", dividend_tax=False)
        if market.actions == "exact"
        else market
    ),
}
"""The keys of a job that are rules, too, and how each is switched off."""

NO_RULES = "all rules"
"""The name of the variant without any rule."""


@dataclass(frozen=True)
class MarketVariant:
    """A market with fewer rules.

    Attributes
    ----------
    without
        The rule that is switched off, or `NO_RULES`.
    symbols
        The symbols of the run under these rules; None if every bar is as with all rules.
    """

    without: str
    market: MarketIdentity
    symbols: Sequence[PlannedSymbol] | None


def market_variants(context: TaskContext) -> Iterator[MarketVariant]:
    """Yield the market of a planned run with one rule off at a time, and last without any.

    A run without a market, or whose rules are all off, has none.

    Raises DataChanged if the data are not what the run was planned with, DataError, PluginError.
    """
    market = context.manifest.identity.market
    markets = {} if market is None else _fewer_rules(market)
    if not markets:
        return
    planned = context.manifest.symbols
    # With the rules of the plan: otherwise, changed data would look like an effect of a rule.
    _check_unchanged(context, replan_symbols(context, planned_rules(market)))
    for without, fewer in markets.items():
        symbols = replan_symbols(context, planned_rules(fewer))
        # Terms are part of the digest of bars.
        is_neutral = all(
            symbol.digest == other.digest for symbol, other in zip(planned, symbols, strict=True)
        )
        yield MarketVariant(without, fewer, None if is_neutral else symbols)


def plan_variant(manifest: Manifest, variant: MarketVariant, points: Points) -> Manifest:
    """Return the plan of some points of a run under fewer rules, which apply to its bars."""
    symbols = variant.symbols
    assert symbols is not None
    digests = {symbol.name: symbol.digest for symbol in symbols}
    identity = replace(
        manifest.identity,
        market=variant.market,
        points=points.to_json(),
        data=replace(manifest.identity.data, digests=digests),
    )
    run_size = RunSize.of(identity, symbols, len(points))
    size = chunk_size(run_size)
    # Sums over symbols need the same dates for all points.
    has_windows = bool(manifest.windows)
    return replace(
        manifest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        identity=identity,
        symbols=symbols,
        points=points,
        chunk_size=size,
        kept_returns=KeptReturns.NONE if has_windows else kept_returns(run_size, size),
    )


def _fewer_rules(market: MarketIdentity) -> dict[str, MarketIdentity]:
    """Return the market without each of its rules, and without any, by what is left out."""
    rules = load_plugin("market", market.rules.name, Market).rules
    on = [rule for rule in rules if rule not in market.off]
    fewer = {rule: replace(market, off=tuple(sorted({*market.off, rule}))) for rule in on}
    # All rules that have a name; the loop adds the keys that are rules, too.
    nothing = replace(market, off=tuple(sorted(rules)))
    for key, switch_off in KEYS.items():
        # A key that is off already is no variant.
        if switch_off(market) != market:
            fewer[key] = switch_off(market)
        nothing = switch_off(nothing)
    if fewer:
        fewer[NO_RULES] = nothing
    return fewer


def _check_unchanged(context: TaskContext, symbols: Sequence[PlannedSymbol]) -> None:
    for planned, symbol in zip(context.manifest.symbols, symbols, strict=True):
        if symbol.digest != planned.digest:
            data = context.manifest.identity.data
            place = planned_source(data, context.data_path).describe(symbol.name)
            facts = f", or a row about {symbol.name} in the job's facts," if data.facts else ""
            raise DataChanged(
                f"{place}{facts} has changed since the run was planned. Run its job again, or put "
                "the old file back"
            )
