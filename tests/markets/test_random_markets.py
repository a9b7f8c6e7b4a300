"""All engines on random markets: equal to each other bit for bit, and to a ledger in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest

from backfleet.bars import Bars, BarsWindow
from backfleet.engine import (
    BrokerSettings,
    Commission,
    Engine,
    Outcome,
    RejectReason,
    Simulation,
    Slippage,
)
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.facts import Action, SymbolFacts
from backfleet.market import MarketSettings
from backfleet.markets.cn_a.market import CnAMarket
from markets.ledger import Bar, Dividend, Ledger, Rules, ex_price
from markets.market_bars import bars_of
from markets.portfolio_ledger import PortfolioLedger, Symbol, moments_of
from vector_tasks import Scripted, ScriptedPanel

FEW, MANY, PIECE = 25, 10_000, 1_000
SYMBOLS = {"main": "600000", "st": "600001", "star": "688001"}
TABLES = ("equity", "orders", "fills", "trades")
LIMITS = {"main": 100, "st": 50, "star": 200}
TARGETS: dict[str, tuple[float, ...]] = {
    "size": (0, 0, 100, 150, 400, 1000, 1530, -100, 60_000, *[np.nan] * 8),
    "position": (0, 1, 1, *[np.nan] * 3),
    "percent": (0, 0.2, 0.4, 0.7, *[np.nan] * 4),
    "value": (0, 900, 9_000, 20_000, *[np.nan] * 4),
}


def random_bars(draw: Random, board: str, a_day: int) -> tuple[list[Bar], list[Dividend]]:
    """Return bars across a change of the duty: gaps to the limits, halts, and dividends in cash and
    in shares."""
    day, close, bars = date(2023, 8, 18), draw.choice((35, 480, 1000, 4321)), list[Bar]()
    reference, dividends = close, list[Dividend]()
    for _ in range(draw.randint(5, 40)):
        if bars and draw.random() < 0.15:
            dividends.append(random_dividend(draw, day, reference))
            close = reference = int(ex_price(Decimal(reference) / 100, dividends[-1]) * 100)
        mille = LIMITS[board]
        up = max((reference * (1000 + mille) + 500) // 1000, reference + 1)
        down = max(min((reference * (1000 - mille) + 500) // 1000, reference - 1), 1)
        for _ in range(a_day):
            before = close
            opened = draw.choice((close, draw.randint(down, up), up, down))
            close = draw.choice((opened, draw.randint(down, up), up, down))
            bars.append(
                Bar(day, Decimal(opened) / 100, Decimal(close) / 100, draw.randint(0, 9000),
                    bool(bars) and draw.random() < 0.1)
            )  # fmt: skip
            if bars[-1].halted:
                close = before
        reference = close
        day += timedelta(days=draw.choice((1, 1, 3)))
    return bars, dividends


def random_dividend(draw: Random, day: date, reference: int) -> Dividend:
    """Return a dividend that leaves a price, paid at once, later or never."""
    cash = Decimal(draw.choice((0, reference // 20, reference // 2))) / 100
    bonus = Decimal(draw.choice(("0", "0", "0.3", "0.15", "1", "2.5") if reference > 20 else "0"))
    return Dividend(day, cash, bonus, day + timedelta(days=draw.choice((0, 0, 2, 5, 90))))


def as_bars(
    bars: Sequence[Bar],
    dividends: Sequence[Dividend],
    board: str,
    rules: Rules,
    delisted: date | None = None,
) -> Bars:
    """Return the bars with the terms and the events that `cn-a` gives them."""
    rows = []
    for bar in bars:
        opened, close = float(bar.open), float(bar.close)
        rows.append((opened, max(opened, close), min(opened, close), close))
    symbol = SYMBOLS[board]
    plain = bars_of(
        symbol,
        [bar.day.isoformat() for bar in bars],
        rows,
        volume=[bar.volume for bar in bars],
        tradable=[not bar.halted for bar in bars],
        factor=factor_of(bars, dividends) if rules.reinvests else None,
    )
    # Bars of one session need moments of their own.
    first = np.searchsorted(plain.session, plain.session, "left")
    plain = replace(plain, time=plain.time + (np.arange(len(bars)) - first) * 60_000_000_000)
    spans = {"st": ((date(2000, 1, 1), None),)} if board == "st" else {}
    settings = MarketSettings(
        orders="wait" if rules.waits else "day",
        volume_share=float(rules.share or 0),
        actions="factor" if rules.reinvests else "exact",
        dividend_tax=rules.taxed,
    )
    actions = tuple(
        Action(
            dividend.day, cash=float(dividend.cash), bonus=float(dividend.bonus), pay=dividend.pay
        )
        for dividend in dividends
    )
    facts = SymbolFacts(symbol, spans=spans, actions=actions, delisted=delisted)
    plain = replace(plain, facts=facts)
    return CnAMarket().follow(plain, facts, settings).window(BarsWindow())


def factor_of(bars: Sequence[Bar], dividends: Sequence[Dividend]) -> list[float]:
    """Return the cumulative factor of each bar, from the reference prices."""
    factor, price, factors = 1.0, bars[0].close, list[float]()
    day = bars[0].day
    for bar in bars:
        for dividend in dividends:
            if day < dividend.day <= bar.day:
                reference = ex_price(price, dividend)
                factor *= float(price) / float(reference)
                price = reference
        day = bar.day
        if not bar.halted:
            price = bar.close
        factors.append(factor)
    return factors


def random_broker(seed: int, cash: float) -> BrokerSettings:
    """A broker with any of the costs that the rules of a market know."""
    draw = Random(f"costs {seed}")
    return BrokerSettings(
        cash,
        Commission(
            rate=0.00025,
            per_share=draw.choice((0.0, 0.01)),
            per_order=draw.choice((0.0, 3.0)),
        ),
        minimum_commission=draw.choice((0.0, 7.5)),
        slippage=Slippage(
            **draw.choice(({"rate": 0.002}, {"per_share": 0.03}, {})),
            open=draw.random() < 0.5,
        ),
    )


def outcomes(
    bars: Bars,
    targets: Sequence[int | None],
    cash: float,
    broker: BrokerSettings | None = None,
    **more: float,
) -> list[Outcome]:
    kept = [target for target, keep in zip(targets, bars.tradable, strict=True) if keep]
    numbers = np.array([np.nan if target is None else target for target in kept], np.float64)
    params = {"script": numbers.tobytes().hex(), "target": "size", **more}
    settings = broker or BrokerSettings(cash, 0.00025)
    return run_all(Simulation(Scripted, params, (bars,), settings))


def run_all(simulation: Simulation) -> list[Outcome]:
    engines: list[Engine] = [BacktraderStockEngine(), BacktraderEngine()]
    # The engine `vector` does not tax dividends.
    if not any(bars.events.taxes.any() for bars in simulation.bars if bars.events is not None):
        engines.append(VectorEngine())
    results = [engine.run(simulation) for engine in engines]
    assert all(isinstance(result, Outcome) for result in results)
    return results  # type: ignore[return-value]


def check(seed: int) -> set[str]:
    """Compare one random market; return the reasons of its rejections."""
    draw = Random(seed)
    board = draw.choice(list(SYMBOLS))
    share = draw.choice((None, None, Fraction(1, 4)))
    waits, reinvests = draw.random() < 0.3, draw.random() < 0.3
    taxed = not reinvests and draw.random() < 0.2
    rules = Rules(board, waits=waits, share=share, reinvests=reinvests, taxed=taxed)
    rows, dividends = random_bars(draw, board, draw.choice((1, 1, 3)))
    sizes = (0, 0, 0, 100, 150, 230, 400, 1000, 1530, -100, 60_000, None, None, None)
    targets = [draw.choice(sizes) for _ in rows]
    # No cash that fits an order exactly: in floats, such an order may be a hair too expensive.
    cash = draw.choice((2_000, 30_000, 5_000_000)) + 1 / 128
    ledger = Ledger(Fraction(cash), rules, dividends)
    ledger.follow(rows, targets)
    bars = as_bars(rows, dividends, board, rules)
    outcome = assert_alike(outcomes(bars, targets, cash))
    assert_ledger(ledger, outcome, bars)
    # The ledger knows no stops and no other costs.
    broker = random_broker(seed, cash)
    assert_alike(outcomes(bars, targets, cash, broker, stop_loss=0.05, take_profit=0.2))
    return {reason for _, _, reason in ledger.rejections}


def assert_alike(results: Sequence[Outcome]) -> Outcome:
    first, *others = results
    for other in others:
        for table in TABLES:
            assert getattr(first, table).tobytes() == getattr(other, table).tobytes(), table
    return first


def assert_ledger(ledger: Ledger, outcome: Outcome, bars: Bars) -> None:
    assert_fills(ledger, outcome, bars, 0)
    assert_equity(ledger.values, ledger.cash, outcome)


def assert_fills(ledger: Ledger, outcome: Outcome, bars: Bars, symbol: int) -> None:
    """Compare the fills and rejections of a symbol."""
    own_fills = outcome.fills[outcome.fills["symbol"] == symbol]
    fills = [
        (int(np.searchsorted(bars.time, fill["time"])), shares(fill["size"]), fill["price"])
        for fill in own_fills
    ]
    assert fills == [(at, shares(size), float(price)) for at, size, price, _ in ledger.fills]
    fees = [float(fee) for _, _, _, fee in ledger.fills]
    assert own_fills["commission"].tolist() == pytest.approx(fees, rel=1e-12, abs=1e-9)
    own_orders = outcome.orders[outcome.orders["symbol"] == symbol]
    rejected = own_orders[own_orders["reason"] != RejectReason.NONE]
    reasons = [
        (
            int(np.searchsorted(bars.time, order["closed"])),
            shares(order["size"] - order["filled"]),
            RejectReason(order["reason"]).name.lower(),
        )
        for order in rejected
    ]
    assert reasons == [(at, shares(size), reason) for at, size, reason in ledger.rejections]


def assert_equity(values: Sequence[Fraction], cash: Fraction, outcome: Outcome) -> None:
    """Compare the values of the account, and the cash at the end."""
    expected = [float(value) for value in values]
    assert outcome.equity["value"].tolist() == pytest.approx(expected, rel=1e-12, abs=1e-7)
    assert outcome.equity["cash"][-1] == pytest.approx(float(cash), rel=1e-12, abs=1e-7)


def shares(size: float | Fraction) -> float:
    """Return a number of shares without the error of floats, which reinvested fractions have."""
    return round(float(size), 6)


def check_portfolio(seed: int) -> set[int]:
    """Compare the engines on a random portfolio; return the reasons of its rejections."""
    draw = Random(seed)
    a_day, reinvests = draw.choice((1, 1, 3)), draw.random() < 0.3
    share, waits = draw.choice((None, None, Fraction(1, 4))), draw.random() < 0.3
    symbols: list[Any] = []
    for board in draw.choices(list(SYMBOLS), k=draw.randint(2, 4)):
        rules = Rules(board, waits=waits, share=share, reinvests=reinvests)
        rows, dividends = random_bars(draw, board, a_day)
        gone = draw.choice((None, None, draw.choice(rows).day + timedelta(days=1)))
        bars = as_bars(rows, dividends, board, rules, gone)
        symbols.append(replace(bars, symbol=f"S{len(symbols)}"))
    target = draw.choice(("size", "position", "percent", "value"))
    steps = len(np.unique(np.concatenate([bars.time[bars.tradable] for bars in symbols])))
    script = [draw.choice(TARGETS[target]) for _ in range(steps * len(symbols))]
    params: dict[str, object] = {
        "script": np.array(script, np.float64).tobytes().hex(),
        "target": target,
        "sizing": draw.choice(("fee-aware", "percent-of-value")),
        "amount": 0.4,
        "sells_first": draw.random() < 0.5,
    }
    if draw.random() < 0.5:
        params |= {"stop_loss": 0.05, "take_profit": 0.2}
    cash = draw.choice((2_000, 30_000, 5_000_000)) + 1 / 128
    task = Simulation(ScriptedPanel, params, tuple(symbols), random_broker(seed, cash))
    return set(assert_alike(run_all(task)).orders["reason"].tolist())


def check_ledger_of_portfolio(seed: int) -> set[str]:
    """Compare the engines and the ledger on a random portfolio; return the reasons of its
    rejections."""
    draw = Random(seed)
    a_day, reinvests = draw.choice((1, 1, 3)), draw.random() < 0.3
    share, waits = draw.choice((None, None, Fraction(1, 4))), draw.random() < 0.3
    symbols, bars = list[Symbol](), list[Bars]()
    for board in draw.choices(list(SYMBOLS), k=draw.randint(2, 4)):
        rules = Rules(board, waits=waits, share=share, reinvests=reinvests)
        rows, dividends = random_bars(draw, board, a_day)
        followed = as_bars(rows, dividends, board, rules)
        bars.append(replace(followed, symbol=f"S{len(bars)}"))
        symbols.append(Symbol(rows, Ledger(Fraction(0), rules, dividends), list(dividends)))
    clock = sorted(
        {
            moment
            for symbol in symbols
            for moment, row in zip(moments_of(symbol.rows), symbol.rows, strict=True)
            if not row.halted
        }
    )
    sizes = (0, 0, 100, 150, 400, 1000, 1530, -100, 60_000, *[None] * 8)
    targets = {moment: [draw.choice(sizes) for _ in symbols] for moment in clock}
    cash = draw.choice((2_000, 30_000, 5_000_000)) + 1 / 128
    ledger = PortfolioLedger(Fraction(cash), symbols, draw.random() < 0.5)
    ledger.follow(targets)
    script = [np.nan if size is None else size for row in targets.values() for size in row]
    params = {
        "script": np.array(script, np.float64).tobytes().hex(),
        "target": "size",
        "sells_first": ledger.sells_first,
    }
    task = Simulation(ScriptedPanel, params, tuple(bars), BrokerSettings(cash, 0.00025))
    outcome = assert_alike(run_all(task))
    for number, symbol in enumerate(symbols):
        assert_fills(symbol.ledger, outcome, bars[number], number)
    assert_equity(ledger.values, ledger.cash, outcome)
    return {reason for symbol in symbols for _, _, reason in symbol.ledger.rejections}


def test_engines_and_the_ledger_agree_on_random_markets() -> None:
    reasons = set[str]().union(*(check(seed) for seed in range(FEW)))
    # Otherwise the random markets would not reach the rules.
    assert reasons >= {"lot", "short", "same_session", "limit_up", "limit_down", "volume", "halted"}


def test_engines_agree_on_random_portfolios() -> None:
    reasons = set[int]().union(*(check_portfolio(seed) for seed in range(FEW)))
    names = "LOT SAME_SESSION LIMIT_UP LIMIT_DOWN HALTED CASH_AT_SUBMISSION VOLUME"
    assert reasons >= {int(RejectReason[name]) for name in names.split()}


def test_engines_and_the_ledger_agree_on_random_portfolios() -> None:
    reasons = set[str]().union(*(check_ledger_of_portfolio(seed) for seed in range(FEW)))
    assert reasons >= {"lot", "same_session", "limit_up", "limit_down", "cash_at_submission"}


@pytest.mark.parametrize("seed", [2173, 5934])
def test_a_fraction_that_floats_lose_takes_no_lot_away(seed: int) -> None:
    check_ledger_of_portfolio(seed)


def test_a_sale_whose_tax_nobody_can_pay_is_rejected_at_submission() -> None:
    check(31160)


def test_protective_orders_follow_an_entry_price_that_dividends_have_paid_for() -> None:
    check(33061)


def test_an_order_for_a_delisted_symbol_keeps_its_size_for_the_rejection() -> None:
    check_portfolio(20288)


# Each piece takes about a minute of CPU, and its result counts alone.
@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(0, MANY, PIECE))
def test_engines_and_the_ledger_agree_on_many_random_markets(first: int) -> None:
    for seed in range(first, first + PIECE):
        check(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(0, MANY, PIECE))
def test_engines_and_the_ledger_agree_on_many_random_portfolios(first: int) -> None:
    for seed in range(first, first + PIECE):
        check_ledger_of_portfolio(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(0, MANY // 5, PIECE))
def test_engines_agree_on_many_random_portfolios(first: int) -> None:
    for seed in range(first, first + PIECE):
        check_portfolio(seed)
