"""The worked examples of the rules, to the cent, on every engine that can express them.

Each example is a list of orders by bar. The backtrader engines place them as they are; `vector`
follows targets, so that it has the examples with at most one order per bar. `NOT_ON_VECTOR` lists
the others. Examples of corporate actions are in `test_money`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import backtrader as bt
import numpy as np
import pytest

from backfleet.bars import Bars, BarsWindow
from backfleet.engine import BrokerSettings, Engine, OrderStatus, Outcome, RejectReason, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.facts import Action, SymbolFacts
from backfleet.market import MarketSettings
from backfleet.markets.cn_a.market import CnAMarket
from markets.market_bars import bars_of
from vector_tasks import Scripted

Orders = Mapping[int, Sequence[float]]
"""Signed sizes by the bar after which they are placed."""


class Placing(bt.Strategy):
    """Places its orders, in the order in which they are given."""

    params = (("orders", ()),)

    def next(self) -> None:
        for size in dict(self.p.orders).get(len(self) - 1, ()):
            self.buy(size=size) if size > 0 else self.sell(size=-size)


def in_market(bars: Bars, *actions: Action, **settings: Any) -> Bars:
    facts = SymbolFacts(bars.symbol, actions=actions)
    return CnAMarket().follow(bars, facts, MarketSettings(**settings)).window(BarsWindow())


def play(bars: Bars, orders: Orders, cash: float, *, slippage: float = 0.0) -> Outcome:
    """Run the orders on every engine that can express them, which must agree to the last bit."""
    broker = BrokerSettings(cash, 0.00025, slippage=slippage)
    placing = Simulation(Placing, {"orders": in_seen_shares(bars, orders)}, (bars,), broker)
    engines: list[Engine] = [BacktraderStockEngine(), BacktraderEngine()]
    results = [engine.run(placing) for engine in engines]
    if all(len(sizes) == 1 for sizes in orders.values()):
        results.append(_on_vector(bars, orders, broker))
    first, *others = results
    assert isinstance(first, Outcome)
    for other in others:
        assert isinstance(other, Outcome)
        for table in ("equity", "orders", "fills", "trades"):
            assert getattr(first, table).tobytes() == getattr(other, table).tobytes()
    return first


def in_seen_shares(bars: Bars, orders: Orders) -> tuple[tuple[int, list[float]], ...]:
    """Return the orders in the shares that a backtrader strategy sees, as the adjusted prices."""
    scale = (bars.factor / bars.factor[-1])[bars.tradable]
    return tuple((at, [size / scale[at] for size in sizes]) for at, sizes in orders.items())


def _on_vector(bars: Bars, orders: Orders, broker: BrokerSettings) -> Outcome:
    """Follow the targets that lead to the orders, one order after the other."""
    script = np.full(int(bars.tradable.sum()), np.nan)
    for at, (size,) in orders.items():
        script[at] = _held(bars, script, broker, at) + size
    return _follow(bars, script, broker)


def _held(
    bars: Bars, script: np.ndarray[Any, np.dtype[np.float64]], broker: BrokerSettings, at: int
) -> float:
    """Return the shares held after a bar."""
    close = bars.raw.close[bars.tradable][at]
    return round(float(_follow(bars, script, broker).equity["exposure"][at]) / close, 6)


def _follow(
    bars: Bars, script: np.ndarray[Any, np.dtype[np.float64]], broker: BrokerSettings
) -> Outcome:
    params = {"script": script.tobytes().hex(), "target": "size"}
    result = VectorEngine().run(Simulation(Scripted, params, (bars,), broker))
    assert isinstance(result, Outcome)
    return result


def flat(symbol: str, days: Sequence[str], opens: Sequence[float], **more: Any) -> Bars:
    """Return bars that have one price each."""
    return bars_of(symbol, days, [(price,) * 4 for price in opens], **more)


def reasons(outcome: Outcome) -> list[str]:
    return [RejectReason(reason).name for reason in outcome.orders["reason"]]


NOT_ON_VECTOR = {
    2: "several orders at one bar, while a target is one order",
    18: "a sale of less than a lot and another order at one bar",
    19: "a sale of less than a lot and another order at one bar",
    31: "vector does not tax dividends: planning refuses the job",
}
"""Examples, and the reason for which they cannot be written as targets."""

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]


def test_example_1_shares_are_sold_in_the_next_session() -> None:
    bars = in_market(flat("600000", DAYS[:3], [10.0, 10.0, 10.2]))
    outcome = play(bars, {0: [1000], 1: [-1000]}, 20_000)
    assert outcome.fills["commission"] == pytest.approx([5.10, 10.202])
    assert outcome.equity["cash"] == pytest.approx([20_000, 9_994.90, 20_184.698])


def test_example_2_shares_of_this_session_cannot_be_sold_in_it() -> None:
    bars = in_market(flat("600000", DAYS[:4], [10.0] * 4))
    outcome = play(bars, {0: [1000], 1: [500, -1200, -1000], 2: [-500]}, 20_000)
    assert reasons(outcome) == ["NONE", "NONE", "SAME_SESSION", "NONE", "NONE"]
    assert outcome.fills["size"].tolist() == [1000, 500, -1000, -500]


def test_example_3_a_purchase_of_the_morning_is_sold_the_next_morning() -> None:
    bars = bars_of("600000", ["2024-01-02", "2024-01-03", "2024-01-03", "2024-01-04"],
                   [(10.0,) * 4] * 4)  # fmt: skip
    hours = np.array([0, 2, 4, 1]) * 3_600_000_000_000
    bars = in_market(replace(bars, time=bars.time + hours))
    outcome = play(bars, {0: [1000], 1: [-1000], 2: [-1000]}, 20_000)
    assert reasons(outcome) == ["NONE", "SAME_SESSION", "NONE"]


@pytest.mark.parametrize(
    ("size", "price", "fee"), [(100, 10.0, 5.01), (2000, 10.0, 5.20), (2000, 10.05, 5.226)]
)
def test_example_4_the_minimum_commission(size: int, price: float, fee: float) -> None:
    bars = in_market(flat("600000", DAYS[:2], [price] * 2))
    outcome = play(bars, {0: [size]}, 30_000)
    assert outcome.fills["commission"] == pytest.approx([fee])


@pytest.mark.parametrize(
    ("days", "fee"),
    [
        (["2023-08-23", "2023-08-24", "2023-08-25"], 126),
        (["2023-08-24", "2023-08-25", "2023-08-28"], 76),
    ],
)  # fmt: skip
def test_example_5_stamp_duty_by_date(days: list[str], fee: float) -> None:
    bars = in_market(flat("600000", days, [10.0] * 3))
    outcome = play(bars, {0: [10_000], 1: [-10_000]}, 200_000)
    assert outcome.fills["commission"][1] == pytest.approx(fee)


@pytest.mark.parametrize(
    ("days", "buyer"),
    [
        (["2008-09-16", "2008-09-17", "2008-09-18"], 100),
        (["2008-09-17", "2008-09-18", "2008-09-19"], 0),
    ],
)  # fmt: skip
def test_example_6_both_sides_paid_until_2008(days: list[str], buyer: float) -> None:
    bars = in_market(flat("000001", days, [10.0] * 3), off=frozenset({"transfer"}))
    bought = play(bars, {1: [10_000]}, 200_000)
    sold = play(bars, {0: [10_000], 1: [-10_000]}, 200_000)
    assert bought.fills["commission"] == pytest.approx([25 + buyer])
    assert sold.fills["commission"][1] == pytest.approx(125)


@pytest.mark.parametrize(("day", "fee"), [("2022-04-28", 2.0), ("2022-04-29", 1.0)])
def test_example_7_the_transfer_fee_by_date(day: str, fee: float) -> None:
    bars = in_market(flat("600000", ["2022-04-27", day], [10.0] * 2))
    outcome = play(bars, {0: [10_000]}, 200_000)
    assert outcome.fills["commission"] == pytest.approx([25 + fee])


def assert_limits(
    bars: Bars, up: float, down: float, *, tick: float = 0.01, sales: bool = True, **facts: Any
) -> None:
    """Check that the last bar rejects a purchase that it opens at its upper limit, and fills it one
    tick lower; the same for sales. Without earlier sessions there is nothing to sell."""
    last = len(bars) - 1
    purchase: Orders = {last - 1: [500]}
    sale: Orders = {last - 2: [500], last - 1: [-500]}
    cases = [(purchase, up, "LIMIT_UP"), (purchase, up - tick, "NONE")]
    if sales:
        cases += [(purchase, down, "NONE"), (sale, up, "NONE")]
        cases += [(sale, down, "LIMIT_DOWN"), (sale, down + tick, "NONE")]
    for orders, opened, reason in cases:
        price = round(opened, 2)
        rows = np.array([vars(bars.raw)[name] for name in ("open", "high", "low", "close")]).T
        rows[-1] = price
        days = bars.session.astype(str).tolist()
        moved = bars_of(bars.symbol, days, [(row[0], row[1], row[2], row[3]) for row in rows])
        known = SymbolFacts(bars.symbol, **facts)
        followed = CnAMarket().follow(moved, known, MarketSettings()).window(BarsWindow())
        assert reasons(play(followed, orders, 100_000))[-1] == reason, price


ST = {"spans": {"st": ((date(2000, 1, 1), None),)}}


@pytest.mark.parametrize(
    ("symbol", "reference", "up", "down", "facts"),
    [
        ("600000", 12.35, 13.59, 11.12, {}),
        ("600000", 10.05, 11.06, 9.05, {}),
        ("600000", 4.30, 4.52, 4.09, ST),
        ("920001.BJ", 5.55, 7.22, 3.89, {}),
        ("600000", 1.15, 1.27, 1.04, {}),
    ],
)
def test_example_8_limits_are_rounded_half_up(
    symbol: str, reference: float, up: float, down: float, facts: dict[str, Any]
) -> None:
    assert_limits(flat(symbol, DAYS[:3], [reference] * 3), up, down, **facts)


@pytest.mark.parametrize(
    ("symbol", "year", "up", "down"),
    [("000001", "2012", 0.05, 0.03), ("600000", "2024", 0.05, 0.03)],
)
def test_example_9_limits_are_one_tick_away(symbol: str, year: str, up: float, down: float) -> None:
    days = [f"{year}-03-{day}" for day in ("05", "06", "07")]
    assert_limits(flat(symbol, days, [0.04] * 3), up, down)


def test_example_9_without_the_floor_no_order_passes() -> None:
    days = ["2012-03-05", "2012-03-06", "2012-03-07"]
    for size, reason in ((500, "LIMIT_UP"), (-500, "LIMIT_DOWN")):
        bars = in_market(flat("600000", days, [0.04] * 3))
        assert reasons(play(bars, {0: [size]}, 1_000)) == [reason]


def test_example_10_a_share_that_opens_at_its_upper_limit_is_sold_and_not_bought() -> None:
    bars = in_market(flat("600000", DAYS[:3], [10.0, 10.0, 11.0]))
    assert reasons(play(bars, {1: [500]}, 20_000)) == ["LIMIT_UP"]
    sold = play(bars, {0: [500], 1: [-500]}, 20_000)
    assert reasons(sold) == ["NONE", "NONE"]
    assert sold.fills["price"].tolist() == [10.0, 11.0]


def test_example_11_a_share_that_opens_at_its_lower_limit_is_bought_and_not_sold() -> None:
    bars = in_market(flat("600000", DAYS[:3], [10.0, 10.0, 9.0]))
    assert reasons(play(bars, {0: [500], 1: [-500]}, 20_000)) == ["NONE", "LIMIT_DOWN"]
    assert reasons(play(bars, {1: [100]}, 20_000)) == ["NONE"]


@pytest.mark.parametrize(("limit_fill", "reason"), [("open", "LIMIT_UP"), ("bar", "NONE")])
def test_example_12_a_limit_that_opens_again(limit_fill: str, reason: str) -> None:
    bars = bars_of("600000", DAYS[:2], [(10.0,) * 4, (11.0, 11.0, 10.5, 10.6)])
    outcome = play(in_market(bars, limit_fill=limit_fill), {0: [500]}, 20_000)
    assert reasons(outcome) == [reason]
    assert outcome.fills["price"].tolist() == ([11.0] if reason == "NONE" else [])


@pytest.mark.parametrize(
    ("days", "reason"),
    [(["2020-08-20", "2020-08-21"], "LIMIT_UP"), (["2020-08-21", "2020-08-24"], "NONE")],
)
def test_example_13_the_wider_limits_of_chinext(days: list[str], reason: str) -> None:
    outcome = play(in_market(flat("300001", days, [10.0, 11.0])), {0: [500]}, 20_000)
    assert reasons(outcome) == [reason]


@pytest.mark.parametrize(
    ("symbol", "days", "up", "down"),
    [
        ("600000", ["2026-07-01", "2026-07-02", "2026-07-03"], 4.20, 3.80),
        ("600000", ["2026-07-02", "2026-07-03", "2026-07-06"], 4.40, 3.60),
        ("300001", ["2026-07-02", "2026-07-03", "2026-07-06"], 4.80, 3.20),
    ],
)
def test_example_14_limits_of_st_shares_by_date(
    symbol: str, days: list[str], up: float, down: float
) -> None:
    assert_limits(flat(symbol, days, [4.0] * 3), up, down, **ST)


def test_example_15_a_new_share_of_2015_has_limits_of_its_issue_price() -> None:
    facts = {"listed": date(2015, 3, 10), "issue_price": 10.0}
    # The bar before is only there to place the order.
    days = ["2015-03-09", "2015-03-10"]
    assert_limits(flat("600000", days, [10.0, 14.4]), 14.4, 6.4, sales=False, **facts)
    second = flat("600000", ["2015-03-10", "2015-03-11"], [14.4, 14.4])
    assert_limits(second, 15.84, 12.96, sales=False, **facts)


def test_example_16_a_registered_issue_has_no_limits_at_first() -> None:
    facts = {"listed": date(2024, 1, 3)}
    days = np.busday_offset("2024-01-02", np.arange(7)).astype(str).tolist()
    free = flat("600000", days[:6], [10.0, 10.0, 40.0, 2.0, 90.0, 30.0])
    known = SymbolFacts("600000", **facts)
    followed = CnAMarket().follow(free, known, MarketSettings()).window(BarsWindow())
    assert (
        reasons(play(followed, {1: [100], 2: [100], 3: [100], 4: [-200]}, 100_000)) == ["NONE"] * 4
    )
    sixth = flat("600000", days, [30.0] * 7)
    assert_limits(sixth, 33.0, 27.0, **facts)
    beijing = flat("920001.BJ", days[:2], [7.0, 7.77])
    known = SymbolFacts("920001.BJ", **facts)
    first = CnAMarket().follow(beijing, known, MarketSettings()).window(BarsWindow())
    assert reasons(play(first, {0: [100]}, 10_000)) == ["NONE"]
    second = flat("920001.BJ", days[:3], [7.0, 7.77, 7.77])
    assert_limits(second, 10.10, 5.44, sales=False, **facts)


@pytest.mark.parametrize(
    ("symbol", "shares", "filled"),
    [
        ("600000", 201, 200), ("688001", 201, 201), ("920001.BJ", 201, 201),
        ("600000", 199, 100), ("688001", 199, 0), ("920001.BJ", 199, 199),
    ],
)  # fmt: skip
def test_example_17_lots_by_board(symbol: str, shares: int, filled: int) -> None:
    bars = in_market(flat(symbol, DAYS[:2], [49.63] * 2))
    outcome = play(bars, {0: [shares]}, 20_000)
    assert outcome.fills["size"].sum() == filled
    assert reasons(outcome) == ["NONE" if filled else "LOT"]
    if (symbol, shares) == ("688001", 201):
        assert outcome.fills["commission"] == pytest.approx([5.0997563])


def test_example_18_the_rest_of_a_star_share_is_sold_in_one_order() -> None:
    bars = in_market(flat("688001", DAYS, [10.0] * 5))
    # The orders of `vector` are targets: a change below a lot is no order there.
    outcome = play(bars, {0: [250], 1: [-100, -201], 3: [-49]}, 20_000)
    assert reasons(outcome) == ["NONE", "LOT", "NONE", "NONE"]
    assert outcome.fills["size"].tolist() == [250, -201, -49]


def test_example_25_an_order_dies_in_a_halted_session_or_waits() -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
    rows = flat("600000", days, [8.0, 8.0, 8.0, 8.5], tradable=[True, False, False, True])
    assert reasons(play(in_market(rows), {0: [500]}, 20_000)) == ["HALTED"]
    waiting = play(in_market(rows, orders="wait"), {0: [500]}, 20_000)
    assert waiting.fills["price"].tolist() == [8.5]


def test_example_28_a_share_of_the_volume_is_filled() -> None:
    bars = in_market(flat("600000", DAYS[:2], [10.0] * 2, volume=1030), volume_share=0.25)
    outcome = play(bars, {0: [500]}, 20_000)
    (order,) = outcome.orders
    assert (order["size"], order["filled"], order["commission"]) == (500, 200, 5.02)
    assert (order["status"], order["reason"]) == (OrderStatus.REJECTED, RejectReason.VOLUME)


@pytest.mark.parametrize(("cash", "shares"), [(100_000, 8_100), (99_970, 8_000)])
def test_example_29_sizing_by_lots_with_fees(cash: float, shares: int) -> None:
    bars = in_market(flat("600000", DAYS[:2], [12.34] * 2))
    params = {"script": np.array([1.0, np.nan]).tobytes().hex(), "sizing": "fee-aware"}
    simulation = Simulation(Scripted, params, (bars,), BrokerSettings(cash, 0.00025))
    for engine in (VectorEngine(), BacktraderStockEngine(), BacktraderEngine()):
        outcome = engine.run(simulation)
        assert isinstance(outcome, Outcome)
        assert outcome.fills["size"].tolist() == [shares]


@pytest.mark.parametrize("high", [11.0, 10.99])
def test_example_30_slippage_ends_at_the_limit_and_at_the_high(high: float) -> None:
    bars = bars_of("600000", DAYS[:2], [(10.0,) * 4, (10.98, high, 10.9, 10.95)])
    outcome = play(in_market(bars), {0: [500]}, 20_000, slippage=0.05)
    assert outcome.fills["price"].tolist() == [high]


@pytest.mark.parametrize(("halted", "reason"), [(False, "NONE"), (True, "HALTED")])
def test_example_32_no_volume_is_no_halt(halted: bool, reason: str) -> None:
    days = ["2016-01-05", "2016-01-06", "2016-01-07", "2016-01-08"]
    bars = flat(
        "600000", days, [10.0, 10.0, 9.5, 9.5], volume=[1e6, 1e6, 0.0, 1e6],
        tradable=[True, True, not halted, True],
    )  # fmt: skip
    outcome = play(in_market(bars), {0: [500], 1: [-500]}, 20_000)
    assert reasons(outcome) == ["NONE", reason]


class Meddling(bt.Strategy):
    """Changes what the market decides."""

    params = (("what", "set_coc"), ("argument", True))

    def start(self) -> None:
        getattr(self.broker, self.p.what)(self.p.argument)


@pytest.mark.parametrize(
    ("what", "argument"),
    [
        ("set_coc", True),
        ("set_coo", True),
        ("set_filler", len),
        ("setcash", 1e9),
        ("set_cash", 1e9),
        ("add_cash", 1e9),
        ("set_slippage_fixed", 0.0),
        ("set_slippage_perc", 0.1),
        ("setcommission", 0.1),
        ("addcommissioninfo", bt.CommissionInfo(leverage=2.0)),
    ],
)
def test_a_script_cannot_leave_the_market(what: str, argument: object) -> None:
    bars = in_market(flat("600000", DAYS[:2], [10.0] * 2))
    params = {"what": what, "argument": argument}
    for engine in (BacktraderStockEngine(), BacktraderEngine()):
        with pytest.raises(ValueError, match=r"which the job's \[market\] excludes"):
            engine.run(Simulation(Meddling, params, (bars,), BrokerSettings(1e5, 0.0)))
