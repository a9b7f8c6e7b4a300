"""Technical indicators, compiled: arrays of prices in, arrays of the same length out.

Each takes float64 arrays of shape (bars,), is NaN until it has seen enough bars, looks at no later
bar, and is equal to backtrader's indicator of that name (`above` has none); its docstring says how
exactly. They may be called from a function that is itself `compiled`.
"""

from backfleet.indicators.averages import dema, ema, sma, smma, wma
from backfleet.indicators.channels import Bollinger, bollinger, highest, lowest
from backfleet.indicators.crossing import above, crossover
from backfleet.indicators.directional import DirectionalIndicators, adx, directional_indicators
from backfleet.indicators.oscillators import (
    Macd,
    Stochastic,
    cci,
    macd,
    momentum,
    roc,
    rsi,
    stochastic,
    williams_r,
)
from backfleet.indicators.volatility import atr, stddev, true_range

__all__ = [
    "Bollinger",
    "DirectionalIndicators",
    "Macd",
    "Stochastic",
    "above",
    "adx",
    "atr",
    "bollinger",
    "cci",
    "crossover",
    "dema",
    "directional_indicators",
    "ema",
    "highest",
    "lowest",
    "macd",
    "momentum",
    "roc",
    "rsi",
    "sma",
    "smma",
    "stddev",
    "stochastic",
    "true_range",
    "williams_r",
    "wma",
]
