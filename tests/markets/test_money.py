"""Corporate actions in the books: the worked examples to the cent on every engine, the shares that
a backtrader strategy sees, and protective orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import backtrader as bt
import numpy as np
import pytest

from backfleet.bars import Bars, BarsWindow
from backfleet.engine import BrokerSettings, OrderStatus, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.errors import MarketError
from backfleet.facts import Action, SymbolFacts
from backfleet.market import MarketSettings
from backfleet.markets.cn_a.market import CnAMarket
from backfleet.markets.us_equity import UsEquity
from backfleet.metrics.trade_details import detailed_trades
from markets import test_worked_examples
from markets.market_bars import bars_of
from markets.test_worked_examples import DAYS, Placing, flat, in_market, play, reasons
from vector_tasks import Scripted, ScriptedPanel

D1, D2, D3, D4, D5 = map(date.fromisoformat, DAYS)


def exact(bars: Bars, *actions: Action, **settings: Any) -> Bars:
    return in_market(bars, *actions, actions="exact", **settings)


def test_example_19_an_odd_lot_of_bonus_shares_is_sold_whole() -> None:
    bars = exact(flat("600000", DAYS, [13.0, 13.0, 10.0, 10.0, 10.0]), Action(D3, bonus=0.3))
    outcome = play(bars, {0: [100], 2: [-50, -100], 3: [-30]}, 20_000)
    assert reasons(outcome) == ["NONE", "LOT", "NONE", "NONE"]
    assert outcome.fills["size"].tolist() == [100, -100, -30]
    (trade,) = outcome.trades
    assert (trade["size"], trade["price"], trade["pnl"]) == (130, 10.0, 0.0)


EXAMPLE_20 = bars_of(
    "600000",
    DAYS,
    [(10.0,) * 4, (10.0,) * 4, (9.5, 9.6, 9.5, 9.6), (9.6,) * 4, (9.6,) * 4],
    factor=[1.0, 1.0, 10 / 9.5, 10 / 9.5, 10 / 9.5],
)
DIVIDEND = Action(D3, cash=0.5, pay=D5)


def limits_at(bars: Bars, bar: int) -> tuple[float, float]:
    limits = CnAMarket().limits(bars, SymbolFacts(bars.symbol), frozenset())
    assert limits is not None
    return float(limits.up[bar]), float(limits.down[bar])


def test_example_20_a_dividend_is_a_receivable_until_it_is_paid() -> None:
    outcome = play(exact(EXAMPLE_20, DIVIDEND), {0: [900]}, 10_000)
    value, cash = outcome.equity["value"], outcome.equity["cash"]
    assert value == pytest.approx([10_000, 9_994.91, 10_084.91, 10_084.91, 10_084.91])
    assert cash == pytest.approx([10_000, 994.91, 994.91, 994.91, 1_444.91])


def test_example_20_the_factor_alone_reinvests_the_dividend() -> None:
    outcome = play(in_market(EXAMPLE_20, actions="factor"), {0: [900]}, 10_000)
    assert outcome.equity["value"][2:] == pytest.approx([10_089.646842] * 3)
    assert outcome.trades["size"] == pytest.approx([947.368421])
    exact_value = play(exact(EXAMPLE_20, DIVIDEND), {0: [900]}, 10_000).equity["value"][-1]
    assert outcome.equity["value"][-1] - exact_value == pytest.approx(4.736842)


def test_example_21_a_waiting_order_to_sell_all_sells_the_new_shares_too() -> None:
    bars = exact(flat("600000", DAYS[:3], [20.0, 20.0, 10.2]), Action(D3, capital=1.0))
    assert limits_at(bars, 2) == (11.0, 9.0)
    outcome = play(bars, {0: [300], 1: [-300]}, 10_000)
    assert outcome.fills["size"].tolist() == [300, -600]
    assert outcome.equity["cash"][2] - outcome.equity["cash"][1] == pytest.approx(6_111.8788)
    (trade,) = outcome.trades
    assert (trade["price"], trade["pnl"]) == (10.0, pytest.approx(120.0))


@pytest.mark.parametrize(
    ("symbol", "shares", "bonus", "after"),
    [("688001", 305, 0.3, 397), ("600000", 6_000, 0.15, 6_900)],
)
def test_example_22_new_shares_are_rounded_half_up(
    symbol: str, shares: int, bonus: float, after: int
) -> None:
    bars = exact(flat(symbol, DAYS[:4], [1.0] * 4), Action(D3, bonus=bonus))
    outcome = play(bars, {0: [shares]}, 20_000)
    assert outcome.equity["exposure"][2] == after


@pytest.mark.parametrize(
    ("rights", "cash", "paid", "worth"),
    [("subscribe", 20_000, 1_800, 11_804), ("lapse", 20_000, 0, 9_080),
     ("subscribe", 11_000, 0, 9_080)],
)  # fmt: skip
def test_example_23_rights_are_subscribed_or_lapse(
    rights: str, cash: float, paid: float, worth: float
) -> None:
    action = Action(D3, rights=0.3, rights_price=6.0)
    bars = exact(flat("600000", DAYS[:4], [10.0, 10.0, 9.08, 9.08]), action, rights=rights)
    assert limits_at(bars, 2)[0] == 9.99
    outcome = play(bars, {0: [1_000]}, cash)
    assert outcome.equity["cash"][1] - outcome.equity["cash"][2] == pytest.approx(paid)
    assert outcome.equity["exposure"][2] == pytest.approx(worth)


def test_example_24_the_reference_price_of_all_kinds_of_actions_at_once() -> None:
    action = Action(D2, cash=0.15, bonus=0.3, capital=0.2, rights=0.3, rights_price=8.0)
    bars = exact(flat("600000", DAYS[:3], [20.0, 12.36, 12.36]), action)
    assert bars.factor.tolist() == [1.0, pytest.approx(20 / 12.36), pytest.approx(20 / 12.36)]
    assert limits_at(bars, 1) == (13.6, 11.12)


def test_example_26_an_ex_date_in_a_halt_counts_at_the_next_bar() -> None:
    rows = flat(
        "600000", DAYS, [8.0, 8.0, 8.0, 8.0, 7.2], tradable=[True, True, False, False, True]
    )
    bars = exact(rows, Action(D3, cash=0.8, pay=date(2024, 2, 1)))
    assert limits_at(bars, 4) == (7.92, 6.48)
    outcome = play(bars, {0: [500]}, 20_000)
    assert outcome.equity["value"][-1] == outcome.equity["value"][-2]
    assert outcome.equity["cash"][-1] == outcome.equity["cash"][-2]


def test_two_ex_dates_in_one_halt_follow_each_other() -> None:
    rows = flat(
        "600000", DAYS, [8.0, 8.0, 8.0, 8.0, 3.0], tradable=[True, True, False, False, True]
    )
    bars = exact(rows, Action(D3, cash=2.0), Action(D4, bonus=1.0))
    outcome = play(bars, {0: [500]}, 20_000)
    assert outcome.equity["exposure"][-1] == 3_000
    assert outcome.equity["cash"][-1] - outcome.equity["cash"][-2] == 1_000


def test_an_ex_date_that_no_action_explains_is_found() -> None:
    assert exact(EXAMPLE_20, DIVIDEND).events.first_unexplained is None
    for actions in ((), (Action(D3, cash=0.7),), (Action(D4, cash=0.5),)):
        events = exact(EXAMPLE_20, *actions).events
        assert events is not None
        assert events.first_unexplained == D3


def test_actions_that_leave_no_price_are_refused() -> None:
    with pytest.raises(MarketError, match="ex = 2024-01-04 leave nothing of its close, 10"):
        exact(flat("600000", DAYS, [10.0] * 5), Action(D3, cash=10.0))


def test_events_after_the_last_bar_of_a_window_are_unknown_in_it() -> None:
    bars = exact(EXAMPLE_20, DIVIDEND)
    other = exact(EXAMPLE_20, Action(D3, cash=0.4))
    assert bars[:2].digest() == other[:2].digest()
    assert bars[:3].digest() != other[:3].digest()


@pytest.mark.parametrize("mode", ["exact", "factor"])
def test_protective_orders_follow_the_entry_price_through_a_split(mode: str) -> None:
    prices = [(20.0,) * 4, (20.0,) * 4, (10.0,) * 4, (9.6, 9.6, 9.4, 9.5), (9.5,) * 4]
    rows = bars_of("600000", DAYS, prices, factor=[1.0, 1.0, 2.0, 2.0, 2.0])
    bars = in_market(rows, Action(D3, capital=1.0), actions=mode)
    script = np.array([300.0] + [np.nan] * 4).tobytes().hex()
    params = {"script": script, "target": "size", "stop_loss": 0.05, "take_profit": 0.2}
    first = on_all_engines(Scripted, params, (bars,), 10_000)
    assert first.fills["size"].tolist() == [300, -600]
    assert first.fills["price"].tolist() == [20.0, 9.5]
    assert first.orders["price"][1:].tolist() == [9.5, 12.0]


@pytest.mark.parametrize("sells_first", [True, False])
def test_example_27_cash_of_a_sale_buys_at_the_same_open(sells_first: bool) -> None:
    # A was bought with nearly all cash, and its sale comes before the purchase of B, or after it.
    free = frozenset({"t1"})
    first = in_market(flat("600000", DAYS[:4], [10.0] * 4), off=free)
    second = in_market(flat("600001", DAYS[:4], [11.0] * 4), off=free)
    # B comes first in the order of the symbols.
    script = np.array([[0, 1000], [900, 0], [np.nan] * 2, [np.nan] * 2], np.float64)
    params = {
        "script": script.tobytes().hex(), "target": "size", "sells_first": sells_first
    }  # fmt: skip
    cash = 10_000 + 5.1
    outcome = on_all_engines(ScriptedPanel, params, (second, first), cash + 1e-6)
    if sells_first:
        assert outcome.equity["cash"][1:] == pytest.approx([0, 84.801, 84.801], abs=1e-5)
    else:
        assert reasons(outcome) == ["NONE", "CASH_AT_SUBMISSION", "NONE"]
        assert outcome.equity["cash"][-1] == pytest.approx(9_989.90)


def test_shares_of_a_delisted_symbol_are_paid_out_at_their_last_close() -> None:
    gone = SymbolFacts("600001", delisted=D4, actions=())
    rows = replace(flat("600001", DAYS[:3], [10.0, 10.0, 9.0]), facts=gone)
    first = CnAMarket().follow(rows, gone, MarketSettings(actions="exact")).window(BarsWindow())
    second = exact(flat("600000", DAYS, [10.0] * 5))
    script = np.array([[1000, np.nan], *[[np.nan] * 2] * 4], np.float64)
    params = {"script": script.tobytes().hex(), "target": "size", "stop_loss": 0.5}
    outcome = on_all_engines(ScriptedPanel, params, (first, second), 20_000)
    steps = np.diff(outcome.equity["cash"]), np.diff(outcome.equity["value"])
    assert steps[0] == pytest.approx([-10_005.1, 0, 9_000, 0])
    assert steps[1] == pytest.approx([-5.1, -1_000, 0, 0])
    (trade,) = outcome.trades
    assert trade["closed"] == second.time[3]
    assert (trade["size"], trade["pnl"], trade["bars"]) == (1_000, -1_000, 1)
    assert outcome.orders["status"].tolist() == [OrderStatus.COMPLETED, OrderStatus.CANCELED]


@pytest.mark.parametrize("strategy", [Scripted, ScriptedPanel])
@pytest.mark.parametrize("is_halted", [False, True])
def test_a_waiting_order_of_less_than_a_share_after_a_consolidation_is_rejected(
    strategy: type, is_halted: bool
) -> None:
    # In a halt, the order waits over a second ex-date.
    facts = SymbolFacts("ABC", actions=(Action(D3, capital=-0.9), Action(D4, capital=0.5)))
    traded = [True, True, not is_halted, True, True]
    rows = flat("ABC", DAYS, [1.0, 1.0, 10.0, 6.67, 6.67], tradable=traded)
    settings = MarketSettings(actions="exact", orders="wait")
    bars = UsEquity().follow(rows, facts, settings).window(BarsWindow())
    script = np.array([np.nan, 5.0, *[np.nan] * 3])[traded]
    params = {"script": script.tobytes().hex(), "target": "size"}
    outcome = on_all_engines(strategy, params, (bars,), 10_000)
    assert outcome.orders["status"].tolist() == [OrderStatus.REJECTED]
    assert outcome.orders["size"] == pytest.approx([0.75 if is_halted else 0.5])
    assert reasons(outcome) == ["LOT"]


def test_excursions_of_a_trade_are_in_the_money_of_its_end() -> None:
    prices = [(20.0,) * 4, (20.0, 22.0, 19.0, 20.0), (10.0,) * 4, (10.5,) * 4, (10.5,) * 4]
    rows = bars_of("600000", DAYS, prices, factor=[1.0, 1.0, 2.0, 2.0, 2.0])
    bars = exact(rows, Action(D3, capital=1.0))
    outcome = play(bars, {0: [300], 2: [-600]}, 10_000)
    (trade,) = detailed_trades(outcome.trades, outcome.fills, (bars,), [1.0])
    assert (trade["price"], trade["exit_price"]) == (10.0, 10.5)
    assert (trade["mae"], trade["mfe"]) == (pytest.approx(-0.05), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("sold", "tax"),
    [("2024-01-08", 100), ("2024-07-01", 50), ("2025-01-03", 50), ("2025-01-06", 0)],
)
def test_example_31_the_tax_on_a_dividend_depends_on_how_long_the_share_was_held(
    sold: str, tax: float
) -> None:
    days = [*DAYS[:3], sold, str(np.datetime64(sold) + np.timedelta64(1, "D"))]
    # Bought on 2024-01-03, and sold at the open of the fourth bar.
    rows = flat("600000", days, [10.0, 10.0, 9.5, 9.5, 9.5])
    bars = exact(rows, Action(D3, cash=0.5), dividend_tax=True)
    stock = bought_and_sold(bars, fee=0.0002)
    assert stock.fills["commission"][1] == pytest.approx(5 + 9_500 * (0.0005 + 0.00001) + tax)
    assert stock.equity["cash"][-1] == pytest.approx(
        20_000 + 500 - 500 - stock.fills["commission"].sum()
    )


@pytest.mark.parametrize(
    ("action", "taxed"),
    [
        (Action(D3, bonus=0.3), 300.0),
        (Action(D3, capital=0.3), 0.0),
        (Action(D3, cash=0.2, bonus=0.1, capital=0.2), 300.0),
    ],
)
def test_new_shares_from_profit_are_taxed_at_par_and_those_from_reserves_are_not(
    action: Action, taxed: float
) -> None:
    fee = sale_of_all("600000", DAYS, action)
    assert fee == pytest.approx(5 + 13_000 * (0.0005 + 0.00001) + 0.2 * taxed)


# The table changed on 2013-01-01.
@pytest.mark.parametrize(("ex", "rate"), [("2012-12-31", 0.10), ("2013-01-04", 0.20)])
def test_new_shares_are_taxed_by_the_table_of_their_ex_date(ex: str, rate: float) -> None:
    days = [str(day) for day in np.busday_offset(np.datetime64(ex), np.arange(-2, 3))]
    untaxed, taxed = (
        sale_of_all("000001", days, Action(date.fromisoformat(ex), bonus=0.3), is_taxed)
        for is_taxed in (False, True)
    )
    assert taxed - untaxed == pytest.approx(rate * 300)


def test_new_shares_of_a_fund_are_not_taxed() -> None:
    fees = [sale_of_all("510300", DAYS, Action(D3, bonus=0.3), taxed) for taxed in (True, False)]
    assert fees[0] == fees[1]


NONE = np.nan


@pytest.mark.parametrize(
    "targets",
    [
        [NONE, NONE, NONE, 1000, NONE, 0, NONE],
        [NONE, NONE, NONE, 1000, NONE, -500, NONE],
        [NONE, NONE, NONE, 1000, NONE, -1000, NONE],
        [-1000, 1000, 0, 1000, NONE, 0, NONE],
    ],
)
def test_only_shares_that_are_held_are_taxed_if_short_sales_are_allowed(
    targets: list[float],
) -> None:
    # Two months after the short sale, 1,000 shares are held over an ex-date and sold.
    days = [*DAYS[:3], "2024-03-01", "2024-03-04", "2024-03-05", "2024-03-06"]
    action = Action(date(2024, 3, 5), cash=0.5)
    fees = [
        on_backtrader(
            exact(
                flat("600000", days, [10.0] * 7),
                action,
                dividend_tax=is_taxed,
                off=frozenset({"shorts"}),
            ),
            targets,
        ).fills["commission"][-1]
        for is_taxed in (False, True)
    ]
    assert fees[1] - fees[0] == pytest.approx(100)


def test_purchases_after_a_consolidation_that_left_no_share_are_taxed() -> None:
    days = [*DAYS, "2024-01-09", "2024-01-10"]
    actions = (Action(D3, capital=-0.9999), Action(date(2024, 1, 9), cash=0.5))
    rows = flat("600000", days, [10.0] * 7)
    fees = [
        on_backtrader(
            exact(rows, *actions, dividend_tax=is_taxed, off=frozenset({"limits"})),
            [500, NONE, NONE, 1000, NONE, 0, NONE],
        ).fills["commission"][-1]
        for is_taxed in (False, True)
    ]
    assert fees[1] - fees[0] == pytest.approx(100)


def bought_and_sold(bars: Bars, fee: float) -> Outcome:
    """Return the outcome of buying 1,000 shares on the second bar and selling all on the fourth."""
    return on_backtrader(bars, [1000, NONE, 0, NONE, NONE], fee)


def on_backtrader(bars: Bars, targets: Sequence[float], fee: float = 0.0) -> Outcome:
    """Return the outcome of target numbers of shares, the same on both backtrader engines."""
    params = {"script": np.array(targets, np.float64).tobytes().hex(), "target": "size"}
    task = Simulation(Scripted, params, (bars,), BrokerSettings(20_000, fee))
    stock, fast = BacktraderStockEngine().run(task), BacktraderEngine().run(task)
    assert isinstance(stock, Outcome)
    assert isinstance(fast, Outcome)
    assert stock.fills.tobytes() == fast.fills.tobytes()
    return stock


def sale_of_all(symbol: str, days: Sequence[str], action: Action, is_taxed: bool = True) -> float:
    """Return the fee of selling 1,000 shares and their new ones, at 10.00, after the ex-date."""
    bars = exact(flat(symbol, days, [10.0] * len(days)), action, dividend_tax=is_taxed)
    stock = bought_and_sold(bars, fee=0.0)
    assert stock.fills["size"].tolist()[0] == 1000
    return float(stock.fills["commission"][1])


def on_all_engines(
    strategy: type, params: dict[str, Any], bars: tuple[Bars, ...], cash: float
) -> Outcome:
    task = Simulation(strategy, params, bars, BrokerSettings(cash, 0.00025))
    first, *others = (
        engine.run(task) for engine in (VectorEngine(), BacktraderStockEngine(), BacktraderEngine())
    )
    assert isinstance(first, Outcome)
    for other in others:
        assert isinstance(other, Outcome)
        for table in ("equity", "orders", "fills", "trades"):
            assert getattr(first, table).tobytes() == getattr(other, table).tobytes()
    return first


class Watching(bt.Strategy):
    """Buys once by its own rule, sells at the fifth bar, and notes what it sees."""

    params = (("rule", "cash"),)

    def __init__(self) -> None:
        self.metrics: dict[str, Any] = {}

    def next(self) -> None:
        close = self.data.close[0]
        if len(self) == 1:
            self.metrics["placed"] = self.rule(close)
        if len(self) == 3:
            held, value = self.position, self.broker.getvalue([self.data])
            self.metrics |= {"worth": held.size * close, "value": value, "entry": held.price}
        if len(self) == 4:
            self.close()

    def rule(self, close: float) -> float:
        if self.p.rule == "cash":
            size = int(self.broker.getcash() / close)
            self.buy(size=size)
            return float(size)
        if self.p.rule == "percent":
            return float(self.order_target_percent(target=0.99).size)
        return float(self.buy(size=100).size)

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed and order.isbuy():
            self.metrics |= {"paid": order.executed.price, "bought": order.executed.size}


SEEN = bars_of(
    "600559", DAYS, [(12.4,) * 4, (12.4,) * 4, (8.27,) * 4, (8.27,) * 4, (8.27,) * 4],
    factor=[1.0, 1.0, 1.5, 1.5, 1.5],
)  # fmt: skip


def watched(rule: str) -> Outcome:
    bars = in_market(SEEN, Action(D3, capital=0.5), actions="exact")
    task = Simulation(Watching, {"rule": rule}, (bars,), BrokerSettings(100_000, 0.0))
    first, second = BacktraderStockEngine().run(task), BacktraderEngine().run(task)
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    for table in ("equity", "orders", "fills", "trades"):
        assert getattr(first, table).tobytes() == getattr(second, table).tobytes()
    assert first.metrics == second.metrics
    return first


def test_sizes_of_a_backtrader_strategy_are_in_the_shares_that_its_prices_are_of() -> None:
    outcome = watched("cash")
    # 100,000 buy 8,064 traded shares at 12.40, and the strategy sees 12,096 at 8.27.
    assert outcome.metrics["placed"] == 12_096
    assert outcome.fills["size"].tolist() == [8_000, -12_000]
    assert outcome.fills["price"].tolist() == [12.4, 8.27]
    assert outcome.orders["price"].tolist() == [12.4, 8.27]


def test_what_a_backtrader_strategy_is_told_is_in_seen_shares_too() -> None:
    metrics = watched("cash").metrics
    assert metrics["bought"] == pytest.approx(12_000)
    assert metrics["paid"] == pytest.approx(12.4 / 1.5)
    assert metrics["worth"] == pytest.approx(metrics["value"])
    assert metrics["entry"] == pytest.approx(12.4 / 1.5)


def test_a_target_percent_of_a_backtrader_strategy_is_money() -> None:
    assert watched("percent").fills["size"].tolist() == [7_900, -11_850]


def test_a_fixed_size_of_a_backtrader_strategy_can_be_below_a_lot() -> None:
    outcome = watched("fixed")
    assert reasons(outcome) == ["LOT"]
    assert outcome.orders["size"].tolist() == [66]


def test_a_limit_order_keeps_its_seen_price_through_a_split() -> None:
    class Waiting(Placing):
        def next(self) -> None:
            if len(self) == 1:
                self.buy(size=1500, exectype=bt.Order.Limit, price=8.2)

    prices = [(12.4,) * 4, (12.4,) * 4, (8.27,) * 4, (8.27, 8.27, 8.1, 8.2), (8.27,) * 4]
    rows = bars_of("600559", DAYS, prices, factor=[1.0, 1.0, 1.5, 1.5, 1.5])
    bars = in_market(rows, Action(D3, capital=0.5), actions="exact")
    outcome = BacktraderStockEngine().run(
        Simulation(Waiting, {}, (bars,), BrokerSettings(100_000, 0.0))
    )
    assert isinstance(outcome, Outcome)
    assert outcome.fills["size"].tolist() == [1500]
    assert outcome.fills["price"] == pytest.approx([8.2], rel=1e-3)


def test_events_are_booked_if_an_auxiliary_feed_begins_before_the_symbol() -> None:
    class Holding(bt.Strategy):
        def next(self) -> None:
            if len(self.data) == 1:
                self.buy(size=1100)

    index = flat("index", ["2023-12-28", "2023-12-29", *DAYS], [10.0] * 7)
    stock = replace(exact(EXAMPLE_20, DIVIDEND), auxiliary={"index": index})
    task = Simulation(Holding, {}, (stock,), BrokerSettings(20_000, 0.0))
    for engine in (BacktraderStockEngine(), BacktraderEngine()):
        outcome = engine.run(task)
        assert isinstance(outcome, Outcome)
        assert outcome.fills["size"].tolist() == [1000]
        # The close falls by 0.40, and each share gets 0.50.
        assert np.diff(outcome.equity["value"])[1] == pytest.approx(100)


TRAIL, TRAIL_LIMIT = bt.Order.StopTrail, bt.Order.StopTrailLimit


@pytest.mark.parametrize(
    ("order", "stop", "limit"),
    [
        ({"exectype": TRAIL, "trailamount": 0.4}, 10.6, np.nan),
        ({"exectype": TRAIL_LIMIT, "trailamount": 0.4, "price": 10.0, "plimit": 9.8}, 10.6, 10.4),
        (
            {"exectype": TRAIL_LIMIT, "trailpercent": 0.05, "price": 10.0, "plimit": 9.8},
            10.45,
            10.25,
        ),
    ],
)
def test_a_trailing_stop_keeps_its_seen_distances_through_a_split(
    order: dict[str, Any], stop: float, limit: float
) -> None:
    class Trailing(Placing):
        def next(self) -> None:
            if len(self) == 1:
                self.buy(size=200)
            if len(self) == 2:
                self.sell(size=200, **order)

    # The strategy sees 10.00, 10.00 and 11.00, whose close the stop follows.
    rows = flat("600559", DAYS[:3], [20.0, 20.0, 11.0], factor=[1.0, 1.0, 2.0])
    bars = in_market(rows, Action(D3, capital=1.0), actions="exact")
    task = Simulation(Trailing, {}, (bars,), BrokerSettings(100_000, 0.0))
    for engine in (BacktraderStockEngine(), BacktraderEngine()):
        outcome = engine.run(task)
        assert isinstance(outcome, Outcome)
        waiting = outcome.orders[1]
        assert (waiting["size"], waiting["status"]) == (-200, OrderStatus.ACCEPTED)
        assert waiting["price"] == pytest.approx(stop)
        assert waiting["limit"] == pytest.approx(limit, nan_ok=True)


def test_a_backtrader_strategy_has_lines_of_the_traded_prices() -> None:
    class Reading(bt.Strategy):
        def next(self) -> None:
            line = self.data
            prices = (line.raw_open[0], line.raw_high[0], line.raw_low[0], line.raw_close[0])
            self.metrics[f"raw_{len(self)}"] = repr(prices)

        def __init__(self) -> None:
            self.metrics: dict[str, str] = {}

    rows = [(12.4, 12.5, 12.3, 12.4), (8.27, 8.3, 8.2, 8.25)]
    bars = in_market(bars_of("600559", DAYS[:2], rows, factor=[1.0, 1.5]), actions="factor")
    for engine in (BacktraderStockEngine(), BacktraderEngine()):
        outcome = engine.run(Simulation(Reading, {}, (bars,), BrokerSettings(1e5, 0.0)))
        assert isinstance(outcome, Outcome)
        assert outcome.metrics == {"raw_1": repr(rows[0]), "raw_2": repr(rows[1])}


def test_every_worked_example_has_a_test_on_the_engines() -> None:
    names = [*globals(), *vars(test_worked_examples)]
    numbers = {int(name.split("_")[2]) for name in names if name.startswith("test_example_")}
    assert numbers == set(range(1, 33))
    assert set(test_worked_examples.NOT_ON_VECTOR) <= numbers
