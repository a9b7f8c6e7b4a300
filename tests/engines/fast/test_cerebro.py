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
DAYS = datetime.timedelta(days=4)


class Crossing(bt.Strategy):
    """Long above, short below."""

    params = (("fast", 5), ("slow", 20))

    def __init__(self) -> None:
        fast = bt.indicators.SMA(period=self.p.fast)
        self.cross = bt.indicators.CrossOver(fast, bt.indicators.EMA(period=self.p.slow))

    def next(self) -> None:
        if self.cross > 0:
            if self.position.size < 0:
                self.close()
            self.buy()
        elif self.cross[0] < 0:
            if self.position:
                self.close()
            self.sell()


class Reference(bt.Strategy):
    """All in while the close is above its average."""

    params = (("period", 15),)

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(period=self.p.period)
        self.order: Any = None

    def next(self) -> None:
        if self.order:
            return
        if not self.position:
            if self.data.close > self.average:
                self.order = self.buy(size=int(self.broker.cash / self.data.close[0]))
        elif self.data < self.average:
            self.order = self.sell(size=self.position.size)

    def notify_order(self, order: bt.Order) -> None:
        if not order.alive():
            self.order = None


class Reversal(bt.Strategy):
    """Turns a position around with one order."""

    def __init__(self) -> None:
        self.macd = bt.indicators.MACD()

    def next(self) -> None:
        target = 700 if self.macd.macd[0] > self.macd.signal[0] else -650
        if self.position.size != target:
            self.order_target_size(target=target)


class Kinds(bt.Strategy):
    """Orders of one kind, entered on every seventh bar and sometimes canceled."""

    params = (("kind", "market"),)

    def __init__(self) -> None:
        self.open_orders: list[Any] = []

    def next(self) -> None:
        self.open_orders = [order for order in self.open_orders if order and order.alive()]
        if not self.position and not self.open_orders:
            if len(self) % 7 == 0:
                self.open_orders = getattr(self, self.p.kind)(self.data.close[0])
        elif self.position and not self.open_orders:
            if len(self) % 3 == 0:
                self.close()
        elif len(self) % 13 == 0:
            self.cancel(self.open_orders[-1])

    def market(self, close: float) -> list[Any]:
        return [self.buy(size=30), self.sell(size=10)]

    def limit(self, close: float) -> list[Any]:
        return [self.buy(exectype=bt.Order.Limit, price=close * 0.99, valid=DAYS)]

    def stop(self, close: float) -> list[Any]:
        return [self.sell(exectype=bt.Order.Stop, price=close * 0.98, valid=DAYS)]

    def stop_limit(self, close: float) -> list[Any]:
        until = bt.num2date(self.data.datetime[0] + 5)
        prices = {"price": close * 1.01, "plimit": close * 1.015}
        return [self.buy(exectype=bt.Order.StopLimit, valid=until, **prices)]

    def trailing(self, close: float) -> list[Any]:
        entry = self.buy(size=100)
        return [entry, self.sell(size=100, exectype=bt.Order.StopTrail, trailpercent=0.03)]

    def trailing_limit(self, close: float) -> list[Any]:
        prices = {"price": close, "plimit": close * 0.999, "trailamount": close * 0.02}
        return [self.sell(size=50, exectype=bt.Order.StopTrailLimit, **prices)]

    def bracket(self, close: float) -> list[Any]:
        prices = {"price": close * 0.995, "stopprice": close * 0.97, "limitprice": close * 1.03}
        return self.buy_bracket(size=100, valid=DAYS, **prices)  # type: ignore[no-any-return]

    def short_bracket(self, close: float) -> list[Any]:
        prices = {"stopprice": close * 1.03, "limitprice": close * 0.97}
        return self.sell_bracket(size=80, exectype=bt.Order.Market, **prices)  # type: ignore[no-any-return]

    def oco(self, close: float) -> list[Any]:
        stop = self.sell(size=100, exectype=bt.Order.Stop, price=close * 0.96)
        limit = self.sell(size=100, exectype=bt.Order.Limit, price=close * 1.04, oco=stop)
        return [self.buy(size=100), stop, limit]

    def at_close(self, close: float) -> list[Any]:
        return [self.buy(size=100, exectype=bt.Order.Close), self.close(exectype=bt.Order.Close)]

    def with_trade_id(self, close: float) -> list[Any]:
        return [self.buy(size=9, tradeid=1, note="x"), self.buy(size=4, tradeid=2, price=1.0)]


class Targets(bt.Strategy):
    """`order_target_*` on several feeds; `next` runs before all of them have begun."""

    def __init__(self) -> None:
        self.averages = [bt.indicators.SMA(data, period=8) for data in self.datas]

    def next(self) -> None:
        for number, (data, average) in enumerate(zip(self.datas, self.averages, strict=True)):
            target = 0.3 if data.close > average else -0.1 if number % 2 else 0.0
            if len(self) % 3 == 0:
                self.order_target_percent(data, target=target)
            elif len(self) % 7 == 0:
                self.order_target_value(data, target=1000.0 * target)


class Indicators(bt.Strategy):
    """Indicators of every make, read in every way."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        ind, close = bt.indicators, self.data.close
        self.bands = ind.BollingerBands(period=15)
        self.rsi = ind.RSI()
        self.used = [
            self.bands,
            self.rsi,
            ind.Stochastic(),
            ind.SumN(self.data.volume, period=6),
            ind.WMA(period=9),
            ind.KAMA(period=10),
            ind.ADX(),
            ind.HMA(period=12),
            ind.ATR(),
            ind.PSAR(),
            ind.CCI(),
            ind.Highest(self.data.high(-1), period=10),
            ind.Lowest(self.data.low, period=7),
            ind.MACDHisto(),
            ind.ROC(period=5),
            ind.Ichimoku(),
            ind.PercentRank(period=12),
            ind.Accum((self.data.high - self.data.low) * 2 + 1 - self.data.open / 3),
        ]
        width = self.bands.top - self.bands.bot
        self.mixed = bt.If(close > self.bands.mid, close - self.bands.bot, width) / (width + 0.01)
        self.signal = bt.And(close > close(-1), self.rsi < 70)
        self.used += [bt.Max(close, self.data.open), close == close(-1), 1.0 / close]

    def next(self) -> None:
        close, mid, data = self.data.close, self.bands.mid, self.data
        self.seen += [line[0] for indicator in self.used for line in indicator.lines]
        self.seen += [self.mixed[0], mid[-2], close[-3], close.get(size=4), data.get(size=3)]
        self.seen += [data.datetime.date(0), data.datetime.time(-1), data.num2date(), len(mid)]
        self.seen += [close + 1, 2 * mid, self.rsi / 3, close // 2, 2**self.rsi, close - mid]
        self.seen += [bool(self.signal), close == mid, close != mid, mid >= close, -close, abs(mid)]
        self.seen += [data.datetime.tm_raw(), data.close.array[3], data.lines.close[0], data[0]]
        if self.mixed[0] > 0.1 and self.signal:
            self.order_target_value(target=self.broker.getvalue() * 0.5)
        elif self.rsi > 60:
            self.order_target_percent(target=0.0)


class OwnLines(bt.Strategy):
    """A strategy with a line of its own, and with every notification."""

    lines: Any = ("mine",)

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.average = bt.indicators.SMA(period=4)

    def prenext(self) -> None:
        self.seen.append(("prenext", len(self), self.broker.getvalue()))

    def nextstart(self) -> None:
        self.seen.append("nextstart")
        self.next()

    def next(self) -> None:
        before = self.lines.mine[-1]
        self.lines.mine[0] = self.average[0] * 2 + (0.1 * before if before == before else 0.0)
        self.seen += [self.lines.mine[0], self.l.mine[-1], len(self.lines.mine)]
        if int(self.lines.mine[0] * 100) % 5 == 0:
            self.buy(size=3, price=1.0, note="x")
        elif int(self.lines.mine[0] * 100) % 7 == 0:
            self.sell(size=2, tradeid=1)
        if len(self) % 50 == 0:
            self.broker.add_cash(1000 if len(self) % 100 else -500)

    def notify_cashvalue(self, cash: float, value: float) -> None:
        self.seen.append(("account", cash, value))

    def notify_fund(self, cash: float, value: float, fundvalue: float, shares: float) -> None:
        self.seen.append(("fund", fundvalue, shares))

    def notify_order(self, order: bt.Order) -> None:
        self.seen.append(("order", order.ref, order.status, order.executed.price))

    def notify_trade(self, trade: bt.Trade) -> None:
        self.seen.append(("trade", trade.ref, trade.status, trade.pnlcomm))


class Watches(Reference):
    """Reads its observers, its analyzers and the ticks as it goes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def next(self) -> None:
        super().next()
        stats, data = self.stats, self.data
        if len(stats.broker):
            self.seen += [len(stats.broker), stats.broker.value[0], stats.buysell[0].buy[0]]
            self.seen += [stats.trades.pnlplus[0], stats.broker.cash[0]]
        self.seen += [data.tick_open, data.tick_close, data.tick_high, data.tick_last]
        self.seen += [str(self.position), dict(self.analyzers.drawdown.rets.max)]
        self.seen.append(list(self.analyzers.timereturn.rets.items())[-1:])


class Phases(Crossing):
    """Replaces its own `next` on the way, and stops the run."""

    def next(self) -> None:
        if len(self) > 60:
            self.__dict__["next"] = self.later
        super().next()

    def later(self) -> None:
        if len(self) == 200:
            self.env.runstop()
        self.buy(size=1)


class Timed(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.add_timer(when=bt.timer.SESSION_START, weekdays=[1], cheat=True)

    def notify_timer(
        self, timer: bt.timer.Timer, when: datetime.datetime, *args: object, **kwargs: Any
    ) -> None:
        # The average has not reached the bar yet, and at first has no value.
        average = self.average[0] if len(self.average) else None
        self.seen += [when, self.broker.getvalue(), len(self.average), average]


class Cheats(bt.Strategy):
    """Reads an indicator before it has reached the bar."""

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(period=5)
        self.seen: list[Any] = []

    def next_open(self) -> None:
        self.seen += [len(self.average), self.average[0], self.data.close[0]]
        if len(self) % 9 == 0 or self.average[0] > self.data.open[0] * 1.02:
            self.buy(size=1)


class StopsAtOpen(Cheats):
    def next_open(self) -> None:
        super().next_open()
        if len(self) == 70:
            self.env.runstop()


class ListensLate(Cheats):
    """Listens to its orders from a bar on, by a function that it sets before the broker's turn."""

    def next_open(self) -> None:
        super().next_open()
        if len(self) == 40:
            self.notify_order = lambda order: self.seen.append(order.status)


class ChangesSchemes(Cheats):
    """Changes the commission of a broker by the dictionary that its script has kept."""

    schemes: Any = None

    def next(self) -> None:
        if len(self) % 7 == 0:
            self.order_target_percent(target=(len(self) % 3) * 0.3)
        if len(self) == 60:
            self.schemes[None] = bt.CommInfoBase(commission=0.01)


class Above(bt.Indicator):
    lines: Any = ("signal",)
    params = (("period", 12),)

    def __init__(self) -> None:
        self.lines.signal = self.data - bt.indicators.SMA(period=self.p.period)


class Stepwise(bt.Indicator):
    """An indicator with a `next` only."""

    lines: Any = ("last",)

    def next(self) -> None:
        self.lines.last[0] = self.data[0] * 0.5 + (self.lines.last[-1] if len(self) > 1 else 0.0)


class OwnStepwise(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.stepwise = Stepwise()


class OwnFees(bt.CommInfoBase):
    params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC), ("percabs", True))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return float(max(1.0, abs(size) * price * 0.001))


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
