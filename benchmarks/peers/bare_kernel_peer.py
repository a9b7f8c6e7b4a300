"""The least that the reference strategy can cost: its exact average and its fills in one loop.

No orders, no equity curve, no metrics, no other strategy: the price of one more comparison a bar.
"""

# mypy: ignore-errors

import numba
import numpy as np
from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, serve

TICKS = 100.0
"""Prices are whole hundredths: their sums are exact as integers, and so are the averages."""


@numba.njit(error_model="numpy")
def final_value(opened, close, period, cash, commission):
    held, waiting, entry, made_at, total = 0, 0, 0.0, 0.0, 0
    for bar in range(len(close)):
        price = close[bar]
        if waiting > 0:
            pays = cash - waiting * made_at - waiting * commission * made_at
            rest = cash - waiting * opened[bar] - waiting * commission * opened[bar]
            if pays >= 0.0 and rest >= 0.0:
                cash, held, entry = rest, waiting, opened[bar]
            waiting = 0
        elif waiting < 0:
            cash += held * entry + held * (opened[bar] - entry)
            cash -= held * commission * opened[bar]
            held = waiting = 0
        total += np.int64(price * TICKS + 0.5)
        if bar >= period:
            total -= np.int64(close[bar - period] * TICKS + 0.5)
        if bar < period - 1:
            continue
        average = total / TICKS / period
        if held == 0:
            if price > average:
                waiting, made_at = np.int64(cash / price), price
        elif price < average:
            waiting = -held
    return cash + held * close[-1]


@numba.njit(error_model="numpy")
def sweep(opened, close, periods, cash, commission):
    values = np.empty((len(close), len(periods)))
    for symbol in range(len(close)):
        for point in range(len(periods)):
            values[symbol, point] = final_value(
                opened[symbol], close[symbol], periods[point], cash, commission
            )
    return values


def prepare(case: str, market: Market) -> Work:
    if case == "one":
        arguments = market.open[0], market.close[0], PERIOD, CASH, COMMISSION
        return Work(lambda: final_value(*arguments), 1)
    arguments = market.open, market.close, np.array(PERIODS), CASH, COMMISSION
    return Work(lambda: sweep(*arguments)[0, 0], len(market.close) * len(PERIODS))


serve("bare kernel", prepare)
