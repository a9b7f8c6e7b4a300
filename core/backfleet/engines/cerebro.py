"""One run of a `Cerebro`, the same for every engine but for its class and its feeds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from backfleet.bars import Bars
from backfleet.class_call import SIGNALS
from backfleet.engine import Outcome, Simulation
from backfleet.engines.analyzer_results import analyzer_numbers, analyzer_tables
from backfleet.engines.broker import apply_settings
from backfleet.engines.bt import bt
from backfleet.engines.build_outcome import build_outcome
from backfleet.engines.classes import load_class
from backfleet.engines.feed import FeedColumns, columns_of
from backfleet.engines.market_broker import has_market, set_up_market
from backfleet.engines.recorder import Recorder
from backfleet.engines.shown_feed import ShownFeed, as_shown
from backfleet.engines.vector.backtrader_adapter import backtrader_strategy
from backfleet.engines.warmup import Warmup, after_warmup, analyzer_after_warmup
from backfleet.vector_strategy import VectorStrategy

__all__ = ["simulate"]


def simulate(
    simulation: Simulation, feed: Callable[[FeedColumns], Any], cerebro_class: Any = bt.Cerebro
) -> Outcome:
    """Run a task on feeds made by `feed`, in the order of `simulation.feeds`.

    Raises
    ------
    DataError
        If an extra column has the name of a price line.
    ValueError
        If the strategy traded an auxiliary feed.
    backtrader.errors.StrategySkipError
        If the strategy asked to be skipped. backtrader itself ignores that silently.
    """
    _count_from_one()
    cheats = simulation.broker.cheat_on_open
    # `stdstats` would add observers for plots. The recorder keeps what they would show.
    cerebro = cerebro_class(stdstats=False, cheat_on_open=cheats)
    others = auxiliary_feeds(simulation)
    # A vector strategy reads its prices from the bars, and sizes its orders in traded shares.
    is_vector = issubclass(simulation.strategy, VectorStrategy)
    # Columns are in the order of the symbols, then of the auxiliary feeds. `order` has the columns
    # in the order of the strategy's feeds, and `feeds` is empty for the usual one.
    columns = columns_of(simulation.bars, tuple(others.values()), is_vector)
    traded = columns[: len(simulation.bars)]
    names = [*(symbol.symbol for symbol in traded), *others]
    order = [names.index(name) for name in simulation.feeds] or list(range(len(names)))
    added = {n: cerebro.adddata(feed(columns[n]), name=names[n]) for n in order}
    if has_market(simulation.bars):
        own = [added[n] for n in range(len(traded))]
        set_up_market(
            cerebro, own, simulation.bars, simulation.broker, in_seen_shares=not is_vector
        )
    else:
        apply_settings(cerebro.broker, simulation.broker, names[: len(traded)])
    warmup = Warmup.of(traded, order)
    strategy, params = after_warmup(*backtrader_strategy(simulation), warmup)
    cerebro.addstrategy(strategy, **{**params, **_signals(simulation)})
    sizer = simulation.broker.sizer
    if sizer is not None:
        cerebro.addsizer(load_class(sizer, "sizer"), **dict(sizer.arguments))
    if simulation.analyzers:
        # Some read the account from it: AnnualReturn, and SharpeRatio with `legacyannual`.
        cerebro.addobserver(bt.observers.Broker)
    for name, call in simulation.analyzers:
        analyzer, more = analyzer_after_warmup(load_class(call, "analyzer"), warmup)
        cerebro.addanalyzer(analyzer, _name=name, **dict(call.arguments), **more)
    cerebro.addanalyzer(Recorder, _name=Recorder.NAME, numbers=order)
    strategies = cerebro.run()
    if not strategies:
        raise bt.errors.StrategySkipError(f"{simulation.strategy.__name__} asked to be skipped")
    outcome = build_outcome(strategies[0], columns, len(traded))
    # Only the fast `Cerebro` has this attribute.
    fallback = getattr(cerebro, "fallback", None)
    if not simulation.analyzers:
        return replace(outcome, fallback=fallback)
    names = [name for name, _ in simulation.analyzers]
    # A metric that the strategy sets itself hides an analyzer's number of the same name.
    metrics = {**analyzer_numbers(strategies[0], names), **outcome.metrics}
    tables = analyzer_tables(strategies[0], names)
    return replace(outcome, fallback=fallback, metrics=metrics, analyzers=tables)


def auxiliary_feeds(simulation: Simulation) -> Mapping[str, ShownFeed]:
    """Return the auxiliary feeds of a task by their names, with the times at which they are seen.

    A feed that is made from the symbols' own bars differs from symbol to symbol, and with several
    symbols its name begins with the symbol's.
    """
    # A vector strategy has the feeds in its bars. As feeds of backtrader, they would add bars.
    if issubclass(simulation.strategy, VectorStrategy):
        return {}
    traded = simulation.bars
    feeds: dict[str, Bars] = {}
    for name in traded[0].auxiliary:
        # A feed from the data source is one object that all symbols share; a resampled one is made
        # from each symbol's bars.
        own = [bars.auxiliary[name] for bars in traded]
        if all(feed is own[0] for feed in own):
            feeds[name] = own[0]
        else:
            feeds |= {f"{feed.symbol}.{name}": feed for feed in own}
    # Of a feed that is made from each symbol's bars, `simulation.feeds` may name only some.
    names = sorted(feeds.keys() & simulation.feeds if simulation.feeds else feeds)
    return {name: as_shown(feeds[name], traded) for name in names}


def _signals(simulation: Simulation) -> Mapping[str, Any]:
    """Return the argument of a signal strategy, as `Cerebro.add_signal` creates it."""
    signals = [
        (
            getattr(bt, f"SIGNAL_{kind.upper()}"),
            load_class(call, "signal"),
            (),
            dict(call.arguments),
        )
        for kind, call in simulation.signals
    ]
    return {SIGNALS: signals} if signals else {}


def _count_from_one() -> None:
    """Restart the numbering of orders and trades.

    A strategy can see the numbers, and a task must not depend on earlier ones of its process.
    """
    bt.order.OrderBase.refbasis = itertools.count(1)
    bt.trade.Trade.refbasis = itertools.count(1)
