"""What a bar and a point cost the engine `vector`, for few and for many of them."""

from __future__ import annotations

import math
import time

import numpy as np

from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings
from backfleet.engines.vector.points import PointRunner
from backfleet.jit import plan_work
from backfleet.metrics import Calendar
from backfleet_strategies.sma_crossover import SmaCrossover

__all__ = ["seconds_a_bar", "seconds_a_point"]

BROKER = BrokerSettings(100_000.0, 0.0002)
POINTS_BARS = 252


def seconds_a_bar(bars: int) -> float:
    """Seconds a bar of one task."""
    runner, calendar = _runner(bars)
    repetitions = max(1, 2_000_000 // bars)
    began = time.process_time()
    for _ in range(repetitions):
        runner.summarize({"period": 15}, calendar)
    return (time.process_time() - began) / repetitions / bars


def seconds_a_point(points: int) -> float:
    """Seconds a point of one symbol."""
    runner, calendar = _runner(POINTS_BARS)
    began = time.process_time()
    for point in range(points):
        runner.summarize({"period": 2 + point % 200}, calendar)
    return (time.process_time() - began) / points


def _runner(bars: int) -> tuple[PointRunner, Calendar]:
    plan_work(math.inf)
    draw = np.random.default_rng(bars)
    close = np.round(50.0 * np.exp(np.cumsum(draw.normal(0.0, 0.002, bars))), 2) + 1.0
    prices = Prices(close, close, close, close)
    session = np.datetime64("1700-01-01", "D") + np.arange(bars) // 24
    ones = np.ones(bars)
    hours = np.arange(bars) * 3_600_000_000_000
    bars_ = Bars("S", hours, session, prices, prices, ones, ones, ones.astype(np.bool_))
    runner, calendar = PointRunner(bars_, SmaCrossover, BROKER), Calendar(session, 252.0)
    for _ in range(3):
        runner.summarize({"period": 15}, calendar)
    return runner, calendar
