"""nautilus-trader's low-level engine; its market orders fill at the close of the signal's bar."""

# mypy: ignore-errors

from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, first_of, serve

VENUE = Venue("XX")
ASSET = InstrumentId(Symbol("S"), VENUE)
FEE = Decimal(str(COMMISSION))
SHARE = Equity(
    ASSET,
    Symbol("S"),
    USD,
    2,
    Price(0.01, 2),
    Quantity.from_int(1),
    0,
    0,
    maker_fee=FEE,
    taker_fee=FEE,
)
DAILY = BarType.from_str("S.XX-1-DAY-LAST-EXTERNAL")


class Settings(StrategyConfig, frozen=True):
    period: int = PERIOD


class Reference(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.average = SimpleMovingAverage(config.period)

    def on_start(self):
        self.register_indicator_for_bars(DAILY, self.average)
        self.subscribe_bars(DAILY)

    def on_bar(self, bar):
        if not self.average.initialized:
            return
        close, held = float(bar.close), self.portfolio.net_position(ASSET)
        if held == 0:
            if close > self.average.value:
                free = float(self.portfolio.account(VENUE).balance_free(USD))
                self.trade(OrderSide.BUY, int(free / (close * (1.0 + COMMISSION))))
        elif close < self.average.value:
            self.trade(OrderSide.SELL, int(held))

    def trade(self, side, shares):
        if shares:
            self.submit_order(self.order_factory.market(ASSET, side, Quantity.from_int(shares)))


def backtest(bars, last, period):
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("T-1"),
            logging=LoggingConfig(bypass_logging=True),
            run_analysis=False,
        )
    )
    money = [Money(CASH, USD)]
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, money, base_currency=USD)
    engine.add_instrument(SHARE)
    engine.add_data(bars)
    engine.add_strategy(Reference(Settings(period=period)))
    engine.run()
    balance = float(engine.portfolio.account(VENUE).balance_total(USD))
    value = balance + float(engine.portfolio.net_position(ASSET)) * last
    engine.dispose()
    return value


def prepare(case: str, market: Market) -> Work:
    frame = market.frame(0)
    frame.index = frame.index.tz_localize("UTC")
    bars = BarDataWrangler(DAILY, SHARE).process(frame)
    last = float(market.close[0, -1])
    periods = [PERIOD] if case == "one" else PERIODS[:5]
    return Work(
        lambda: first_of([backtest(bars, last, period) for period in periods]), len(periods)
    )


serve("nautilus-trader", prepare)
