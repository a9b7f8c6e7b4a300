"""The sample stocks under `cn-a`: the values of the ledger in fractions, which the docs show."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import backfleet as bf
from markets.ledger import Bar, Dividend, Ledger, Rules

ROOT = Path(__file__).parents[2]
DATA = ROOT / "examples" / "data" / "cn-daily"
CASH, PERIOD = 1_000_000, 15
VALUES = {"600519": "1,697,048.04", "600559": "3,828,379.62", "600560": "640,463.71"}


def read(symbol: str) -> tuple[list[Bar], list[Decimal]]:
    """Return the bars of a sample file, and the factor of each."""
    with (DATA / f"{symbol}.csv").open() as file:
        rows = list(csv.DictReader(file))
    bars = [
        Bar(
            date.fromisoformat(row["tradedate"]),
            Decimal(row["openprice"]),
            Decimal(row["closeprice"]),
            0,
            row["isopen"] != "true",
        )
        for row in rows
    ]
    return bars, [Decimal(row["accumadjfactor"]) for row in rows]


def dividends(bars: Sequence[Bar], factor: Sequence[Decimal]) -> list[Dividend]:
    none = Decimal(0)
    return [
        Dividend(bar.day, none, none, bar.day, after / before)
        for bar, (before, after) in zip(bars[1:], pairwise(factor), strict=True)
        if before != after
    ]


def value_of(symbol: str) -> Fraction:
    """Return the final value of the reference strategy in the ledger."""
    bars, factor = read(symbol)
    seen = np.array([float(bar.close) for bar in bars]) * np.array(factor, np.float64)
    traded = np.array([not bar.halted for bar in bars])
    averages = np.convolve(seen[traded], np.ones(PERIOD) / PERIOD, "valid")
    targets: list[int | None] = [None] * len(bars)
    rows = np.flatnonzero(traded)[PERIOD - 1 :]
    for row, average in zip(rows.tolist(), averages, strict=True):
        # A close that equals its average but for the rounding of floats is no signal.
        if abs(seen[row] / average - 1.0) > 1e-12:
            targets[row] = int(seen[row] > average)
    rules = Rules(commission=Fraction(2, 10_000), reinvests=True, all_in=True)
    ledger = Ledger(Fraction(CASH), rules, dividends(bars, factor))
    ledger.follow(bars, targets)
    return ledger.values[-1]


def test_the_sample_stocks_have_the_values_of_the_ledger_and_of_the_docs(tmp_path: Path) -> None:
    run = bf.run(
        bf.Job(
            strategy="sma-crossover",
            params={"period": PERIOD},
            data={"source": "cn-daily", "path": str(DATA), "symbols": list(VALUES)},
            broker={"cash": CASH, "commission": 0.0002},
            market={"rules": "cn-a"},
            results={"store": str(tmp_path)},
        )
    )
    values = dict(zip(VALUES, run.results()["final_value"].tolist(), strict=True))
    page = (ROOT / "docs" / "money.md").read_text(encoding="utf-8")
    for symbol, value in values.items():
        assert value == pytest.approx(float(value_of(symbol)), rel=1e-9)
        assert f"{value:,.2f}" == VALUES[symbol]
        assert VALUES[symbol] in page
