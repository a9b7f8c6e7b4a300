"""Strategies, indicators and a commission scheme of every sort that a script may bring."""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
from typing import Any

from backfleet.engines.bt import bt

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
        return self.buy_bracket(size=100, valid=DAYS, **prices)

    def short_bracket(self, close: float) -> list[Any]:
        prices = {"stopprice": close * 1.03, "limitprice": close * 0.97}
        return self.sell_bracket(size=80, exectype=bt.Order.Market, **prices)

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
