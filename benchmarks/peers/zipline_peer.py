"""zipline-reloaded, with a bundle of one symbol and fills at the next open."""

# mypy: ignore-errors

import logging
import os
import warnings
from pathlib import Path

import pandas as pd
from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, first_of, serve
from zipline import run_algorithm
from zipline.api import get_open_orders, order, set_commission, set_slippage, symbol
from zipline.data import bundles
from zipline.data.bundles.csvdir import csvdir_equities
from zipline.finance import commission, slippage
from zipline.utils.calendar_utils import get_calendar

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
CALENDAR = "XNYS"


class AtOpen(slippage.SlippageModel):
    def process_order(self, data, order):
        return data.current(order.asset, "open"), order.amount


class Fraction(commission.EquityCommissionModel):
    def calculate(self, order, transaction):
        return abs(transaction.amount) * transaction.price * COMMISSION


def ingest(frame):
    folder = Path(os.environ["ZIPLINE_ROOT"], "bars", "daily")
    folder.mkdir(parents=True, exist_ok=True)
    frame.assign(dividend=0.0, split=1.0).to_csv(folder / "S.csv")
    first, last = frame.index[0], frame.index[-1]
    source = csvdir_equities(["daily"], str(folder.parent))
    bundles.register("bars", source, CALENDAR, start_session=first, end_session=last)
    bundles.ingest("bars", show_progress=False)
    return first, last


def backtest(first, last, period):
    def initialize(context):
        context.asset, context.seen = symbol("S"), 0
        set_commission(us_equities=Fraction())
        set_slippage(us_equities=AtOpen())

    def handle_data(context, data):
        context.seen += 1
        if context.seen < period or get_open_orders(context.asset):
            return
        close = data.current(context.asset, "close")
        average = data.history(context.asset, "close", period, "1d").mean()
        held = context.portfolio.positions[context.asset].amount
        if held == 0:
            if close > average:
                order(context.asset, int(context.portfolio.cash / close))
        elif close < average:
            order(context.asset, -held)

    calendar = get_calendar(CALENDAR)
    performance = run_algorithm(
        start=first,
        end=last,
        initialize=initialize,
        handle_data=handle_data,
        capital_base=CASH,
        data_frequency="daily",
        bundle="bars",
        trading_calendar=calendar,
        benchmark_returns=pd.Series(0.0, index=calendar.sessions_in_range(first, last)),
    )
    return float(performance["portfolio_value"].iloc[-1])


def prepare(case: str, market: Market) -> Work:
    frame = market.frame(0)
    frame.index = get_calendar(CALENDAR).sessions_in_range("2010-01-04", "2022-12-30")[: len(frame)]
    first, last = ingest(frame)
    periods = [PERIOD] if case == "one" else PERIODS[:2]
    return Work(
        lambda: first_of([backtest(first, last, period) for period in periods]), len(periods)
    )


serve("zipline-reloaded", prepare)
