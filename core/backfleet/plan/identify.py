"""Identifying a job: the identity of the run that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backfleet.class_call import ClassCall, Signal
from backfleet.code.hashes import backfleet_hash, strategy_hash
from backfleet.code.versions import library_versions
from backfleet.engine import Engine
from backfleet.errors import JobError
from backfleet.job import Data, Job, Points
from backfleet.job.job_errors import suggestion
from backfleet.job.model import MarketSection
from backfleet.market import Market
from backfleet.plan.broker import broker_settings
from backfleet.plan.code_differences import component
from backfleet.plan.data import PlannedData, source_of
from backfleet.plan.identity import (
    AuxiliaryIdentity,
    Component,
    DataIdentity,
    FeedIdentity,
    Identity,
    MarketIdentity,
    ResultsIdentity,
)
from backfleet.plugins import HOOKS, find_plugin, load_plugin, row_hooks
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_plugins", "identify", "market_identity"]


def identify(
    job: Job,
    strategy: StrategyReference,
    engines: Sequence[str],
    points: Points,
    data: PlannedData,
    files: Mapping[str, str],
    signals: Sequence[Signal],
) -> Identity:
    """Return the identity of a job's run; `files` are the hashes of the declared files.

    Raises UnknownPlugin, PluginError.
    """
    periods = job.results.periods_per_year
    return Identity(
        backfleet=backfleet_hash(),
        versions=dict(library_versions()),
        strategy=Component(strategy.target, strategy_hash(strategy)),
        plugins=tuple(component(HOOKS, name) for name in job.plugins),
        engines=tuple(component("engine", name) for name in engines),
        seed=job.seed,
        files=files,
        points=points.to_json(),
        data=_data(job.data, data),
        broker=broker_settings(job.broker, [symbol.name for symbol in data.symbols], job.sizer),
        results=ResultsIdentity(
            detail=job.results.detail,
            benchmark=job.results.benchmark,
            # 252 and 252.0 are one number and must make one run, although their JSON differs.
            periods_per_year=periods if periods == "auto" else float(periods),
            # Turns -0.0 into 0.0, and an int into a float.
            risk_free_rate=job.results.risk_free_rate + 0.0,
            extended=job.results.extended,
            benchmark_digest=data.benchmark_digest,
            analyzers=tuple(
                # Sorted: in which order a job lists analyzers decides nothing.
                (name, ClassCall.of(table))
                for name, table in sorted(job.results.analyzers.items())
            ),
        ),
        modules=strategy.modules,
        market=data.market,
        signals=tuple(signals),
    )


def market_identity(market: MarketSection | None) -> MarketIdentity | None:
    """Return what a job's market is in the identity; None without one.

    Raises UnknownPlugin, PluginError, and JobError for a rule that the market does not have.
    """
    if market is None:
        return None
    # The plugin is only asked for the names of its rules; `planned_rules` makes the market.
    rules = load_plugin("market", market.rules, Market).rules
    for rule in market.off:
        if rule not in rules:
            raise JobError(
                f"market.off: {market.rules!r} has no rule {rule!r}{suggestion(rule, rules)}"
            )
    return MarketIdentity(
        rules=component("market", market.rules),
        actions=market.actions,
        # Sorted: in which order rules are switched off decides nothing.
        off=tuple(sorted(market.off)),
        orders=market.orders,
        limit_fill=market.limit_fill,
        volume_share=market.volume_share + 0.0,
        rights=market.rights,
        dividend_tax=market.dividend_tax,
    )


def check_plugins(plugins: Sequence[str], engines: Sequence[str]) -> None:
    """Reject plugins that workers could not use, before any worker starts.

    Backfleet's own engines are not checked, because importing them takes long. Raises
    UnknownPlugin, PluginError.
    """
    # Loads every hook plugin, so that one that cannot be imported is an error here.
    row_hooks(plugins)
    for name in engines:
        if not find_plugin("engine", name).target.startswith("backfleet."):
            load_plugin("engine", name, Engine)


def _data(data: Data, planned: PlannedData) -> DataIdentity:
    return DataIdentity(
        # The fields that both have in common; a dataclass keeps them in `__dict__`.
        **vars(_feed(data)),
        universe=data.universe,
        start=data.start.isoformat() if data.start else None,
        end=data.end.isoformat() if data.end else None,
        warmup=data.warmup,
        digests={symbol.name: symbol.digest for symbol in planned.symbols},
        auxiliary={
            name: AuxiliaryIdentity(
                **vars(_feed(data.of_feed(name))), symbol=symbol.name, digest=symbol.digest
            )
            for name, symbol in planned.auxiliary.items()
        },
        resampled=data.resampled_feeds,
        facts=data.facts is not None,
        session_end=data.session_end or "",
        feeds=data.feeds,
    )


def _feed(data: Data) -> FeedIdentity:
    # As the source understands them, defaults included: what a job leaves out or writes out is
    # equal.
    options = source_of(data).options.model_dump(mode="json")
    return FeedIdentity(
        component("source", data.source), options, data.timezone, tuple(data.columns)
    )
