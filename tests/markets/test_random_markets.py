"""All engines on random markets: equal to each other bit for bit, and to a ledger in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings, Outcome, RejectReason, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.facts import SymbolFacts
from backfleet.market import MarketSettings
from backfleet.markets.cn_a.market import CnAMarket
from markets.ledger import Bar, Ledger, Rules
from markets.market_bars import bars_of
from vector.conftest import Scripted

FEW, MANY = 40, 10_000
SYMBOLS = {"main": "600000", "st": "600001", "star": "688001"}
TABLES = ("equity", "orders", "fills", "trades")
LIMITS = {"main": 100, "st": 50, "star": 200}


def random_bars(draw: Random, board: str) -> list[Bar]:
    """Return bars across a change of the duty: gaps to the limits, halts, several a session."""
    day, close, bars = date(2023, 8, 18), draw.choice((35, 480, 1000, 4321)), list[Bar]()
    reference, a_day = close, draw.choice((1, 1, 3))
    for _ in range(draw.randint(5, 40)):
        mille = LIMITS[board]
        up = max((reference * (1000 + mille) + 500) // 1000, reference + 1)
        down = max(min((reference * (1000 - mille) + 500) // 1000, reference - 1), 1)
        for _ in range(a_day):
            opened = draw.choice((close, draw.randint(down, up), up, down))
            close = draw.choice((opened, draw.randint(down, up), up, down))
            bars.append(
                Bar(day, Decimal(opened) / 100, Decimal(close) / 100, draw.randint(0, 9000),
                    bool(bars) and draw.random() < 0.1)
            )  # fmt: skip
            if bars[-1].halted:
                close = int(next(bar for bar in reversed(bars) if not bar.halted).close * 100)
        reference = close
        day += timedelta(days=draw.choice((1, 1, 3)))
    return bars


def as_bars(bars: Sequence[Bar], board: str, rules: Rules) -> Bars:
    """Return the bars with the terms that `cn-a` gives them."""
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
    )
    # Bars of one session need moments of their own.
    plain = replace(plain, time=plain.time + np.arange(len(bars)) * 60_000_000_000)
    spans = {"st": ((date(2000, 1, 1), None),)} if board == "st" else {}
    settings = MarketSettings(
        orders="wait" if rules.waits else "day", volume_share=float(rules.share or 0)
    )
    terms = CnAMarket().apply(plain, SymbolFacts(symbol, spans=spans), settings)
    return replace(plain, terms=terms)


def outcomes(bars: Bars, targets: Sequence[int | None], cash: float) -> list[Outcome]:
    kept = [target for target, keep in zip(targets, bars.tradable, strict=True) if keep]
    numbers = np.array([np.nan if target is None else target for target in kept], np.float64)
    params = {"script": numbers.tobytes().hex(), "target": "size"}
    simulation = Simulation(Scripted, params, (bars,), BrokerSettings(cash, 0.00025))
    engines = (VectorEngine(), BacktraderStockEngine(), BacktraderEngine())
    results = [engine.run(simulation) for engine in engines]
    assert all(isinstance(result, Outcome) for result in results)
    return results  # type: ignore[return-value]


def check(seed: int) -> set[str]:
    """Compare one random market; return the reasons of its rejections."""
    draw = Random(seed)
    board = draw.choice(list(SYMBOLS))
    share = draw.choice((None, None, Fraction(1, 4)))
    rules = Rules(board, waits=draw.random() < 0.3, share=share)
    rows = random_bars(draw, board)
    sizes = (0, 0, 0, 100, 150, 230, 400, 1000, 1530, -100, 60_000, None, None, None)
    targets = [draw.choice(sizes) for _ in rows]
    # No cash that fits an order exactly: in floats, such an order may be a hair too expensive.
    cash = draw.choice((2_000, 30_000, 5_000_000)) + 1 / 128
    ledger = Ledger(Fraction(cash), rules)
    ledger.follow(rows, targets)
    bars = as_bars(rows, board, rules)
    first, *others = outcomes(bars, targets, cash)
    for other in others:
        for table in TABLES:
            assert getattr(first, table).tobytes() == getattr(other, table).tobytes(), table
    assert_ledger(ledger, first, bars)
    return {reason for _, _, reason in ledger.rejections}


def assert_ledger(ledger: Ledger, outcome: Outcome, bars: Bars) -> None:
    fills = [
        (int(np.searchsorted(bars.time, fill["time"])), fill["size"], fill["price"])
        for fill in outcome.fills
    ]
    assert fills == [(at, size, float(price)) for at, size, price, _ in ledger.fills]
    fees = [float(fee) for _, _, _, fee in ledger.fills]
    assert outcome.fills["commission"].tolist() == pytest.approx(fees, rel=1e-12, abs=1e-9)
    rejected = outcome.orders[outcome.orders["reason"] != RejectReason.NONE]
    reasons = [
        (
            int(np.searchsorted(bars.time, order["closed"])),
            order["size"] - order["filled"],
            RejectReason(order["reason"]).name.lower(),
        )
        for order in rejected
    ]
    assert reasons == ledger.rejections
    values = [float(value) for value in ledger.values]
    assert outcome.equity["value"].tolist() == pytest.approx(values, rel=1e-12, abs=1e-7)
    assert outcome.equity["cash"][-1] == pytest.approx(float(ledger.cash), rel=1e-12, abs=1e-7)


def test_engines_and_the_ledger_agree_on_random_markets() -> None:
    reasons = set[str]().union(*(check(seed) for seed in range(FEW)))
    # Otherwise the random markets would not reach the rules.
    assert reasons >= {"lot", "short", "same_session", "limit_up", "limit_down", "volume", "halted"}


@pytest.mark.exhaustive
def test_engines_and_the_ledger_agree_on_many_random_markets() -> None:
    for seed in range(FEW, MANY):
        check(seed)
