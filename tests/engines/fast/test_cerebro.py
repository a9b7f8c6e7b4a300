"""Every feature that a script may use: the fast Cerebro gives what backtrader gives."""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.engines.bt import bt
from cerebro_runs import make_frame, same_as_stock
from engines.fast.cerebro_strategies import (
    Above,
    ChangesSchemes,
    Cheats,
    Crossing,
    Indicators,
    Kinds,
    ListensLate,
    OwnFees,
    OwnLines,
    OwnStepwise,
    Phases,
    Reference,
    Reversal,
    StopsAtOpen,
    Targets,
    Timed,
    Watches,
)

ANALYZERS = (
    "AnnualReturn",
    "Calmar",
    "DrawDown",
    "GrossLeverage",
    "LogReturnsRolling",
    "PeriodStats",
    "PositionsValue",
    "PyFolio",
    "Returns",
    "SharpeRatio",
    "SharpeRatio_A",
    "SQN",
    "TimeDrawDown",
    "TimeReturn",
    "TradeAnalyzer",
    "Transactions",
    "VWR",
)
FEW = ("DrawDown", "SharpeRatio", "TimeReturn", "TradeAnalyzer")


@dataclass(frozen=True)
class Scenario:
    """A script: its strategies and what it sets up, as far as it is not usual."""

    strategies: tuple[Any, ...] = (Crossing,)
    options: dict[str, Any] = field(default_factory=dict)
    frames: str = "one"
    cash: float = 100_000.0
    fees: dict[str, Any] = field(default_factory=lambda: {"commission": 0.0002})
    broker: dict[str, Any] = field(default_factory=dict)
    feed: dict[str, Any] = field(default_factory=dict)
    analyzers: tuple[str, ...] = ()
    sizer: tuple[Any, dict[str, Any]] | None = (bt.sizers.PercentSizer, {"percents": 45})
    more: Callable[[Any], Any] = lambda cerebro: None
    params: dict[str, Any] = field(default_factory=dict)
    fallback: str | None = None


def weekly(cerebro: bt.Cerebro) -> None:
    cerebro.resampledata(cerebro.datas[0], timeframe=bt.TimeFrame.Weeks)


def script_timers(cerebro: bt.Cerebro) -> None:
    for cheat in (False, True):
        cerebro.add_timer(
            bt.timer.SESSION_END, weekdays=[2, 4], strats=True, cheat=cheat, weekcarry=True
        )


def clones(cerebro: bt.Cerebro) -> None:
    for data in list(cerebro.datas)[:2]:
        cerebro.adddata(data.clone())
    cerebro.adddata(cerebro.datas[0].copyas("again"))
    cerebro.adddata(cerebro.datas[-1].copyas("and again"))


def filtered_clone(cerebro: bt.Cerebro) -> None:
    clone = cerebro.datas[0].clone()
    clone.addfilter(bt.filters.HeikinAshi)
    cerebro.adddata(clone)


def slipping_broker(cerebro: bt.Cerebro) -> None:
    cerebro.broker = bt.brokers.BackBroker(slip_perc=0.001, coc=True)
    cerebro.broker.setcash(70_000)
    cerebro.broker.setcommission(commission=0.001)


def own_schemes(cerebro: bt.Cerebro) -> None:
    slipping_broker(cerebro)
    ChangesSchemes.schemes = cerebro.broker.comminfo


def replayed(cerebro: bt.Cerebro) -> None:
    cerebro.replaydata(cerebro.datas.pop(), timeframe=bt.TimeFrame.Weeks, compression=1)


def observers(cerebro: bt.Cerebro) -> None:
    for name in ("DrawDown", "Value", "TimeReturn", "FundValue", "LogReturns", "Cash"):
        cerebro.addobserver(getattr(bt.observers, name))


def fill_three(cerebro: bt.Cerebro) -> None:
    cerebro.broker.set_filler(bt.broker.fillers.FixedSize(size=3))


def per_feed_fees(cerebro: bt.Cerebro) -> None:
    cerebro.broker.setcommission(commission=2.0, margin=500.0, mult=10.0, name="d1")


def own_fees(cerebro: bt.Cerebro) -> None:
    cerebro.broker.addcommissioninfo(OwnFees())


def own_broker(cerebro: bt.Cerebro) -> None:
    cerebro.broker = bt.brokers.BackBroker(cash=5000.0)


def history(cerebro: bt.Cerebro) -> None:
    cerebro.add_order_history([[datetime.datetime(2018, 2, 1), 10, 20.0]], notify=True)


STEPWISE = "bar by bar, without runonce"
STOPS = ("limit", "stop", "stop_limit", "trailing", "trailing_limit")
GROUPS = ("market", "bracket", "short_bracket", "oco", "at_close", "with_trade_id")

SCENARIOS: dict[str, Scenario] = {
    "reference": Scenario((Reference,), analyzers=ANALYZERS),
    "crossing": Scenario(analyzers=FEW),
    "crossing, no observers": Scenario(params={"stdstats": False}, analyzers=FEW),
    "reversal": Scenario((Reversal,), analyzers=FEW),
    "reversal, little cash": Scenario((Reversal,), cash=9000.0, analyzers=FEW),
    **{
        f"{kind} orders": Scenario((Kinds,), {"kind": kind}, cash=20_000.0, analyzers=FEW)
        for kind in (*STOPS, *GROUPS)
    },
    "bracket orders by the minute": Scenario((Kinds,), {"kind": "bracket"}, "minutes"),
    "orders at the close, by the minute": Scenario((Kinds,), {"kind": "at_close"}, "minutes"),
    "fixed size": Scenario(sizer=(bt.sizers.FixedSize, {"stake": 7})),
    "all in": Scenario(sizer=(bt.sizers.AllInSizerInt, {})),
    "default sizer": Scenario(sizer=None),
    "futures": Scenario((Reversal,), fees={"commission": 2.0, "margin": 500.0, "mult": 10.0}),
    "interest": Scenario((Reversal,), fees={"commission": 0.001, "interest": 0.05}),
    "leverage": Scenario(
        fees={"commission": 0.001, "leverage": 3.0},
        sizer=(bt.sizers.PercentSizer, {"percents": 150}),
    ),
    "fixed commission": Scenario(
        fees={"commission": 5.0, "commtype": bt.CommInfoBase.COMM_FIXED, "stocklike": True}
    ),
    "own commission scheme": Scenario(more=own_fees, analyzers=FEW),
    "commission by feed": Scenario((Targets,), frames="three", more=per_feed_fees),
    "percentage slippage": Scenario(broker={"slip_perc": 0.002, "slip_open": True}),
    "fixed slippage": Scenario((Reference,), broker={"slip_fixed": 0.05, "slip_open": True}),
    "slippage without a match": Scenario(
        broker={"slip_perc": 0.03, "slip_open": True, "slip_match": False}
    ),
    "cheat on close": Scenario(broker={"coc": True}),
    "no check at submission": Scenario((Reference,), broker={"checksubmit": False}),
    "short cash": Scenario((Reversal,), broker={"shortcash": False}),
    "fund mode": Scenario((OwnLines,), broker={"fundmode": True}, analyzers=ANALYZERS),
    "filler": Scenario(more=fill_three, sizer=(bt.sizers.FixedSize, {"stake": 10})),
    "own broker": Scenario(more=own_broker),
    "order history": Scenario(more=history, analyzers=FEW),
    "three feeds": Scenario((Targets,), frames="three", analyzers=ANALYZERS),
    "feeds with gaps": Scenario((Targets,), frames="gaps", analyzers=ANALYZERS),
    "late and early feeds": Scenario((Targets,), frames="late", analyzers=FEW),
    "feeds of two timeframes": Scenario((Targets,), frames="mixed", analyzers=FEW),
    "indicators": Scenario((Indicators,), analyzers=FEW),
    "indicators by the minute": Scenario((Indicators,), frames="minutes"),
    "a stepwise indicator": Scenario((OwnStepwise,)),
    "two strategies": Scenario((Crossing, Indicators), analyzers=FEW),
    "own lines and notifications": Scenario((OwnLines,), analyzers=ANALYZERS),
    "observers read on the way": Scenario((Watches,), analyzers=FEW),
    "more observers": Scenario(more=observers, analyzers=FEW),
    "old observers": Scenario(
        (Targets,), frames="three", params={"oldtrades": True, "oldbuysell": True}
    ),
    "own phases and a stop": Scenario((Phases,), analyzers=FEW),
    "trade history": Scenario(params={"tradehistory": True}),
    "writer": Scenario(
        more=lambda cerebro: cerebro.addwriter(bt.WriterFile, csv=True), analyzers=FEW
    ),
    "writer of three feeds": Scenario(
        (Targets,),
        frames="three",
        more=lambda cerebro: cerebro.addwriter(bt.WriterFile, csv=True, rounding=3),
    ),
    "signals": Scenario(
        (), more=lambda cerebro: cerebro.add_signal(bt.SIGNAL_LONGSHORT, Above), analyzers=FEW
    ),
    "object cache": Scenario((Crossing, Indicators), params={"objcache": True}),
    "from and to": Scenario(
        (Reference,),
        feed={"fromdate": datetime.datetime(2018, 2, 1), "todate": datetime.datetime(2018, 7, 1)},
    ),
    "time zone": Scenario(frames="minutes", feed={"tz": "America/New_York"}, analyzers=FEW),
    "input time zone": Scenario(
        frames="minutes", feed={"tz": "America/New_York", "tzinput": "Asia/Shanghai"}
    ),
    "NaN bars": Scenario((Reference,), frames="missing"),
    "NaN bars in one of two": Scenario((Targets,), frames="one missing"),
    "times twice": Scenario((Reference,), frames="twice"),
    "fewer bars than periods": Scenario((Reference,), frames="short", analyzers=("DrawDown",)),
    "integers and missing columns": Scenario((Reference,), frames="integers"),
    "times in nanoseconds": Scenario((Reference,), frames="nanoseconds"),
    "timers": Scenario((Timed, Timed), analyzers=FEW),
    "timers of the script": Scenario((Timed,), frames="gaps", more=script_timers),
    "cheat on open": Scenario((Cheats, Crossing), params={"cheat_on_open": True}),
    "cheat on open with timers": Scenario(
        (Cheats,), more=script_timers, params={"cheat_on_open": True}, analyzers=FEW
    ),
    "stops at the open": Scenario((StopsAtOpen, Cheats), params={"cheat_on_open": True}),
    "listens from the open on": Scenario((ListensLate,), params={"cheat_on_open": True}),
    "clones": Scenario((Targets,), frames="gaps", more=clones, analyzers=FEW),
    "clone with a filter": Scenario((Targets,), more=filtered_clone),
    "a broker of the script": Scenario((Kinds,), more=slipping_broker, analyzers=FEW),
    "schemes of a broker of the script": Scenario((ChangesSchemes,), more=own_schemes),
    "quick notifications": Scenario(params={"quicknotify": True}, fallback="quicknotify"),
    "old synchronisation": Scenario(params={"oldsync": True}, fallback="oldsync"),
    "look ahead": Scenario(params={"lookahead": 3}, fallback="feeds with room to look ahead"),
    "without runonce": Scenario(params={"runonce": False}, analyzers=FEW, fallback=STEPWISE),
    "without preload": Scenario(params={"preload": False}, analyzers=FEW, fallback=STEPWISE),
    "exactbars": Scenario(params={"exactbars": True}, fallback=STEPWISE),
    "exactbars -2": Scenario(params={"exactbars": -2}, fallback=STEPWISE),
    "live": Scenario(params={"live": True}, fallback=STEPWISE),
    "resampled": Scenario((Targets,), more=weekly, analyzers=FEW, fallback=STEPWISE),
    "replayed": Scenario((Targets,), more=replayed, analyzers=FEW, fallback=STEPWISE),
    "NaN bars, without runonce": Scenario(
        (Targets,), frames="one missing", params={"runonce": False}, fallback=STEPWISE
    ),
}
DEFAULT_CASES = (
    "reference",
    "bracket orders",
    "oco orders",
    "feeds with gaps",
    "indicators",
    "observers read on the way",
    "own lines and notifications",
    "writer",
    "timers",
    "cheat on open with timers",
    "clones",
    "a broker of the script",
    "resampled",
    "signals",
    "NaN bars in one of two",
    "own phases and a stop",
)


@pytest.fixture(scope="module")
def frames() -> dict[str, list[pd.DataFrame]]:
    """The bars of the scenarios, by name."""
    one, more = make_frame(seed=1), [make_frame(seed=2, price=80.0), make_frame(seed=3, price=5.0)]
    kept = np.random.default_rng(4)
    gaps = [frame[kept.random(len(frame)) < 0.75] for frame in (one, *more)]
    missing = make_frame(seed=5)
    missing.iloc[100:104, :4] = np.nan
    missing.iloc[50:60, 4] = np.nan
    return {
        "one": [one],
        "three": [one, *more],
        "gaps": gaps,
        "late": [one, more[0].iloc[60:], more[1].iloc[:150]],
        "mixed": [one, make_frame(40, seed=6, freq="W")],
        "minutes": [make_frame(900, seed=7, freq="min", volatility=0.004, tick=None)],
        "missing": [missing],
        "one missing": [one, missing],
        "twice": [make_frame(seed=8).set_axis(one.index[:120].repeat(2))],
        "short": [one.iloc[:6]],
        "integers": [(one * 100).astype("int64").drop(columns="volume")],
        "nanoseconds": [one.set_axis(one.index + pd.Timedelta(7, "ns"))],
    }


def build(scenario: Scenario, frames: list[pd.DataFrame]) -> Callable[[Any], None]:
    def setup(cerebro: bt.Cerebro) -> None:
        for number, frame in enumerate(frames):
            cerebro.adddata(bt.feeds.PandasData(dataname=frame, **scenario.feed), name=f"d{number}")
        cerebro.broker.setcash(scenario.cash)
        cerebro.broker.setcommission(**scenario.fees)
        for name, value in scenario.broker.items():
            setattr(cerebro.broker.p, name, value)
        for strategy in scenario.strategies:
            cerebro.addstrategy(strategy, **scenario.options)
        for name in scenario.analyzers:
            cerebro.addanalyzer(getattr(bt.analyzers, name))
        if scenario.sizer:
            cerebro.addsizer(scenario.sizer[0], **scenario.sizer[1])
        scenario.more(cerebro)

    return setup


@pytest.mark.filterwarnings("ignore:Discarding nonzero nanoseconds")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:backtrader.*")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in DEFAULT_CASES else pytest.mark.exhaustive)
        for name in SCENARIOS
    ],
)
def test_a_script_gives_what_it_gives_on_backtrader(
    name: str, frames: dict[str, list[pd.DataFrame]]
) -> None:
    scenario = SCENARIOS[name]
    ran = same_as_stock(build(scenario, frames[scenario.frames]), **scenario.params)
    assert ran.fallback == scenario.fallback
    if scenario.frames != "short" and name != "no check at submission":
        assert ran.orders > 5
