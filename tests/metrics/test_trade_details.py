"""Exit price and excursions of trades, by hand and through every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.bars import Bars, Prices
from backfleet.engine import FILL, NOT_YET, TRADE
from backfleet.metrics.trade_details import detailed_trades
from sample_job import job_of


def bars_of(low: list[float], high: list[float]) -> Bars:
    lows, highs = np.array(low), np.array(high)
    middle = (lows + highs) / 2
    prices = Prices(middle, highs, lows, middle)
    days = np.datetime64("2024-01-01") + np.arange(len(lows))
    count = len(lows)
    return Bars(
        symbol="AAA",
        time=np.arange(count, dtype=np.int64),
        session=days,
        prices=prices,
        raw=prices,
        volume=np.ones(count),
        factor=np.ones(count),
        tradable=np.ones(count, np.bool_),
    )


def records(dtype: np.dtype[Any], rows: list[dict[str, Any]]) -> Any:
    made = np.zeros(len(rows), dtype)
    for at, row in enumerate(rows):
        for name, value in row.items():
            made[name][at] = value
    return made


def trade(**fields: Any) -> dict[str, Any]:
    return {"size": 10.0, "price": 100.0, "opened": 1, "closed": 3, **fields}


def fills(*pairs: tuple[float, float]) -> Any:
    return records(FILL, [{"size": size, "price": price} for size, price in pairs])


BARS = bars_of([90, 95, 80, 50, 90], [110, 105, 120, 200, 110])


def test_a_long_trade_is_measured_until_the_bar_before_its_exit() -> None:
    trades = records(TRADE, [trade()])
    (detailed,) = detailed_trades(trades, fills((10, 100), (-10, 110)), [BARS], [1.0])

    assert detailed["exit_price"] == 110.0
    assert (detailed["mae"], detailed["mfe"]) == pytest.approx((-0.2, 0.2))


def test_a_short_trade_gains_where_prices_fall() -> None:
    trades = records(TRADE, [trade(size=-10.0)])
    (detailed,) = detailed_trades(trades, fills((-10, 100), (10, 70)), [BARS], [1.0])

    assert detailed["exit_price"] == 70.0
    assert (detailed["mae"], detailed["mfe"]) == pytest.approx((-0.2, 0.3))


def test_an_open_trade_has_no_exit_and_is_measured_to_the_last_bar() -> None:
    trades = records(TRADE, [trade(closed=NOT_YET)])
    (detailed,) = detailed_trades(trades, fills((10, 100)), [BARS], [1.0])

    assert np.isnan(detailed["exit_price"])
    assert (detailed["mae"], detailed["mfe"]) == pytest.approx((-0.5, 1.0))


def test_a_trade_that_ends_in_its_first_bar_has_only_its_two_prices() -> None:
    trades = records(TRADE, [trade(closed=1)])
    (detailed,) = detailed_trades(trades, fills((10, 100), (-10, 97)), [BARS], [1.0])

    assert (detailed["mae"], detailed["mfe"]) == pytest.approx((-0.03, 0.0))


def test_the_exit_price_is_the_mean_of_the_closing_fills() -> None:
    trades = records(TRADE, [trade(price=102.0)])
    some = fills((5, 100), (5, 104), (-4, 110), (4, 100), (-10, 120))
    (detailed,) = detailed_trades(trades, some, [BARS], [1.0])

    assert detailed["exit_price"] == pytest.approx((4 * 110 + 10 * 120) / 14)


def test_a_reversal_closes_one_trade_and_opens_the_next() -> None:
    rows = [trade(closed=2), trade(size=-5.0, price=110.0, opened=2, closed=4)]
    detailed = detailed_trades(
        records(TRADE, rows), fills((10, 100), (-15, 110), (5, 90)), [BARS], [1.0]
    )

    assert detailed["exit_price"].tolist() == [110.0, 90.0]


@pytest.mark.parametrize("multiplier", [1.0, 10.0, np.nan])
def test_trades_that_overlap_have_the_exit_price_that_their_profit_implies(
    multiplier: float,
) -> None:
    rows = [trade(pnl=50.0 * multiplier), trade(price=110.0, pnl=-20.0 * multiplier)]
    some = fills((10, 100), (10, 110), (-10, 105), (-10, 108))
    detailed = detailed_trades(records(TRADE, rows), some, [BARS], [multiplier])

    expected = [np.nan, np.nan] if np.isnan(multiplier) else [105.0, 108.0]
    np.testing.assert_array_equal(detailed["exit_price"], expected)
    assert (detailed["mfe"] >= 0.0).all()


def test_no_trades_give_no_details() -> None:
    assert len(detailed_trades(np.zeros(0, TRADE), np.zeros(0, FILL), [BARS], [1.0])) == 0


def test_all_engines_store_the_same_trades(tmp_path: Path) -> None:
    tables = []
    for engine in ("vector", "backtrader", "backtrader-stock"):
        job = job_of(tmp_path / engine, engine=engine, symbols=["600519"], params={"period": 15})
        tables.append(bf.run(job, progress=None).trades(0))

    assert len(tables[0]) > 30
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
