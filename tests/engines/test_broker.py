"""The costs and switches of a job's broker, against plain backtrader scripts that set the same."""

# mypy: allow-subclassing-any

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.bars import Bars
from backfleet.class_call import ClassCall
from backfleet.engine import BrokerSettings, Commission, Outcome, Simulation, Slippage, SymbolCosts
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.bt import bt
from backfleet.engines.vector.engine import VectorEngine
from backfleet_strategies.sma_crossover import SmaCrossover
from engine_tasks import make_bars
from engines.random_orders import RandomOrders, random_bars

FEW, MANY = 40, 3000

commissions = st.builds(
    Commission,
    rate=st.sampled_from((0.0, 0.0005, 0.02)),
    per_share=st.sampled_from((0.0, 0.005, 1.3)),
    per_order=st.sampled_from((0.0, 0.0, 4.95)),
    margin=st.sampled_from((0.0, 0.0, 7.0, 200.0)),
    multiplier=st.sampled_from((1.0, 10.0, 0.3)),
    leverage=st.sampled_from((1.0, 1.0, 3.0)),
    interest=st.sampled_from((0.0, 0.0, 0.08)),
    interest_on_long=st.booleans(),
)
slippages = st.builds(
    Slippage,
    per_share=st.sampled_from((0.0, 0.05, 2.0)),
    open=st.booleans(),
    limit=st.booleans(),
    match=st.booleans(),
    out=st.booleans(),
) | st.builds(
    Slippage,
    rate=st.sampled_from((0.0005, 0.01, 0.3)),
    open=st.booleans(),
    limit=st.booleans(),
    match=st.booleans(),
    out=st.booleans(),
)
brokers = st.builds(
    BrokerSettings,
    st.sampled_from((1000.0, 10_000.0)),
    commissions | st.sampled_from((0.0, 0.001)),
    minimum_commission=st.sampled_from((0.0, 0.0, 5.0)),
    slippage=slippages | st.sampled_from((0.0, 0.02)),
    symbols=st.sampled_from(((), ("S1",))).flatmap(
        lambda names: st.tuples(
            *(st.builds(SymbolCosts, st.just(name), commissions) for name in names)
        )
    ),
    check_cash_at_submission=st.booleans(),
    fill_at_close=st.booleans(),
    cheat_on_open=st.booleans(),
    session_end_fills=st.booleans(),
    short_cash=st.booleans(),
    interest_in_pnl=st.booleans(),
    fund_mode=st.booleans(),
)


class Fees(bt.CommInfoBase):
    """The fees of a job as a script would write them."""

    params = (("terms", None), ("minimum", 0.0))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        terms = self.p.terms
        fee = abs(size) * terms.rate * price + abs(size) * terms.per_share + terms.per_order
        return float(max(fee, self.p.minimum))


def fees_of(costs: SymbolCosts) -> Any:
    terms = costs.commission
    return Fees(
        terms=terms,
        minimum=costs.minimum_commission,
        commtype=bt.CommInfoBase.COMM_FIXED,
        stocklike=terms.margin == 0.0,
        margin=terms.margin or None,
        mult=terms.multiplier,
        leverage=terms.leverage,
        interest=terms.interest,
        interest_long=terms.interest_on_long,
    )


class Watched(RandomOrders):
    """Random orders, also before the open, with a log of the account."""

    def __init__(self) -> None:
        super().__init__()
        self.account: list[tuple[float, float]] = []
        self.filled: dict[int, tuple[float, float]] = {}

    def notify_order(self, order: bt.Order) -> None:
        if order.executed.size:
            self.filled[order.ref] = (order.executed.size, order.executed.comm)

    def next_open(self) -> None:
        self.act()

    def next(self) -> None:
        self.account.append((self.broker.getvalue(), self.broker.getcash()))
        self.act()


def plain_script(broker: BrokerSettings, symbols: list[Bars], seed: int) -> Any:
    """Return the strategy after a plain script with the same broker has run it."""
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=broker.cheat_on_open)
    for bars in symbols:
        names = ("open", "high", "low", "close", "volume")
        columns = {name: getattr(bars, name)[bars.tradable] for name in names}
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(bars.session[bars.tradable]))
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=bars.symbol)
    slippage = broker.slippage_terms
    cerebro.broker = bt.brokers.BackBroker(
        cash=broker.cash,
        checksubmit=broker.check_cash_at_submission,
        coc=broker.fill_at_close,
        eosbar=broker.session_end_fills,
        shortcash=broker.short_cash,
        int2pnl=broker.interest_in_pnl,
        fundmode=broker.fund_mode,
        slip_perc=slippage.rate,
        slip_fixed=slippage.per_share,
        slip_open=slippage.open,
        slip_limit=slippage.limit,
        slip_match=slippage.match,
        slip_out=slippage.out,
    )
    cerebro.broker.addcommissioninfo(fees_of(broker.costs_of()))
    for costs in broker.symbols:
        cerebro.broker.addcommissioninfo(fees_of(costs), name=costs.symbol)
    cerebro.addstrategy(Watched, seed=seed)
    (strategy,) = cerebro.run()
    return strategy


def check(broker: BrokerSettings, seed: int, count: int, symbols: int) -> Outcome:
    bars = [random_bars(seed + step, count, f"S{step}") for step in range(symbols)]
    task = Simulation(Watched, {"seed": seed}, tuple(bars), broker)
    stock, fast = BacktraderStockEngine().run(task), BacktraderEngine().run(task)
    for part in ("equity", "orders", "fills", "trades"):
        assert getattr(stock, part).tobytes() == getattr(fast, part).tobytes(), part
    strategy = plain_script(broker, bars, seed)
    account = [tuple(row) for row in stock.equity[["value", "cash"]].tolist()]
    assert repr(account) == repr(strategy.account)
    # The last bar's notifications reach no strategy.
    orders = stock.orders[stock.orders["closed"] != stock.equity["time"][-1]]
    filled = [row for row in orders[["filled", "commission"]].tolist() if row[0]]
    assert {*filled} <= {*strategy.filled.values()}
    return stock


seeds = st.integers(0, 2**32)


@settings(max_examples=FEW)
@given(brokers, seeds, st.integers(2, 60), st.integers(1, 3))
def test_random_brokers_are_those_of_plain_scripts(
    broker: BrokerSettings, seed: int, count: int, symbols: int
) -> None:
    check(broker, seed, count, symbols)


@pytest.mark.exhaustive
@settings(max_examples=MANY)
@given(brokers, seeds, st.integers(2, 60), st.integers(1, 3))
def test_many_random_brokers_are_those_of_plain_scripts(
    broker: BrokerSettings, seed: int, count: int, symbols: int
) -> None:
    check(broker, seed, count, symbols)


DEFAULT_BROKER = BrokerSettings(10_000.0, Commission(rate=0.001))
CHANGES: dict[str, BrokerSettings] = {
    "rate": replace(DEFAULT_BROKER, commission=Commission(rate=0.002)),
    "per_share": replace(DEFAULT_BROKER, commission=Commission(rate=0.001, per_share=0.01)),
    "per_order": replace(DEFAULT_BROKER, commission=Commission(rate=0.001, per_order=1.0)),
    "margin": replace(DEFAULT_BROKER, commission=Commission(rate=0.001, margin=2.0)),
    "multiplier": replace(DEFAULT_BROKER, commission=Commission(rate=0.001, multiplier=2.0)),
    "leverage": replace(DEFAULT_BROKER, commission=Commission(rate=0.001, leverage=2.0)),
    "interest": replace(DEFAULT_BROKER, commission=Commission(rate=0.001, interest=0.1)),
    "minimum": replace(DEFAULT_BROKER, minimum_commission=5.0),
    "slippage": replace(DEFAULT_BROKER, slippage=0.05),
    "slippage rate": replace(DEFAULT_BROKER, slippage=Slippage(rate=0.01)),
    "a symbol": replace(DEFAULT_BROKER, symbols=(SymbolCosts("S1", Commission(per_share=0.1)),)),
    "cash unchecked": replace(DEFAULT_BROKER, check_cash_at_submission=False),
    "fill at close": replace(DEFAULT_BROKER, fill_at_close=True),
    "cheat on open": replace(DEFAULT_BROKER, cheat_on_open=True),
    "short cash": replace(DEFAULT_BROKER, short_cash=False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_changes_the_records(name: str) -> None:
    usual = check(DEFAULT_BROKER, 5, 60, 2)
    changed = check(CHANGES[name], 5, 60, 2)
    records = [(one.equity.tobytes(), one.orders.tobytes()) for one in (usual, changed)]
    assert records[0] != records[1]


@pytest.mark.parametrize(
    ("broker", "key"),
    [
        (replace(DEFAULT_BROKER, fill_at_close=True), "broker.fill_at_close"),
        (replace(DEFAULT_BROKER, commission=Commission(margin=2.0)), "broker.commission.margin"),
        (
            replace(DEFAULT_BROKER, slippage=Slippage(rate=0.1, match=False)),
            "broker.slippage.match",
        ),
        (replace(DEFAULT_BROKER, commission=ClassCall("CommInfo")), "broker.commission.class"),
        (replace(DEFAULT_BROKER, volume_filler=ClassCall("FixedSize")), "broker.volume_filler"),
    ],
)
def test_the_vector_engine_refuses_what_it_does_not_know(broker: BrokerSettings, key: str) -> None:
    task = Simulation(SmaCrossover, {}, (make_bars([10.0] * 3),), broker)
    with pytest.raises(ValueError, match=rf"^{re.escape(key)}: the engine 'vector' does not know"):
        VectorEngine().run(task)


def test_the_vector_engine_refuses_analyzers() -> None:
    analyzers = (("sqn", ClassCall("SQN")),)
    task = Simulation(
        SmaCrossover, {}, (make_bars([10.0] * 3),), DEFAULT_BROKER, analyzers=analyzers
    )
    with pytest.raises(ValueError, match="the engine 'vector' has no analyzers"):
        VectorEngine().run(task)
