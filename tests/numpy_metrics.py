"""The metrics with numpy: the oracle of the compiled ones.

Only sums, the four operations and square roots are used, which come out alike on every processor;
powers and logarithms do not. The one power, in the compound annual growth rate, is computed in
decimal.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import NOT_YET, OrderStatus, Outcome, Records
from backfleet.summary import Metrics

__all__ = ["last_bars", "measure_with_numpy"]

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

DAYS_A_YEAR = Decimal("365.25")
DECIMAL = Context(prec=45, Emax=999_999, Emin=-999_999, traps=[])
"""So many digits that a growth of nearly nothing keeps all those of a float."""


def measure_with_numpy(
    outcome: Outcome, cash: float, periods_per_year: float, sessions: Days
) -> Metrics:
    """As `compute_metrics`."""
    with np.errstate(all="ignore"):
        columns = _account(outcome, cash, periods_per_year, sessions)
        columns |= _market(outcome, periods_per_year, sessions)
        columns |= _trades(outcome.trades)
        columns["fees"] = _defined(outcome.fills["commission"].sum())
        columns |= _orders(outcome.orders["status"])
    return Metrics(**columns)


def _account(outcome: Outcome, cash: float, periods: float, sessions: Days) -> dict[str, Any]:
    """What follows from the value after each session."""
    last = last_bars(sessions)
    value = outcome.equity["value"][last]
    days = sessions[last].astype(np.int64)
    final = float(value[-1]) if len(value) else cash
    cagr = _cagr(final, cash, int(days[-1] - days[0]) if len(days) else 0)
    drawdown, drawdown_days = _drawdown(value, cash, days)
    return {
        "final_value": _defined(final),
        "total_return": _ratio(final, cash, -1.0),
        "cagr": cagr,
        **_risk(value, periods),
        "max_drawdown": drawdown,
        "max_drawdown_days": drawdown_days,
        "calmar": None if cagr is None or not drawdown else _ratio(cagr, -drawdown),
    }


def last_bars(sessions: Days) -> NDArray[np.bool_]:
    """Which bars are the last of their sessions."""
    last = np.ones(len(sessions), np.bool_)
    np.not_equal(sessions[1:], sessions[:-1], out=last[:-1])
    return last


def _cagr(final: float, cash: float, days: int) -> float | None:
    growth = _ratio(final, cash)
    if growth is None or growth <= 0.0 or days <= 0:
        return None
    years = DECIMAL.divide(Decimal(days), DAYS_A_YEAR)
    annual = DECIMAL.power(Decimal(growth), DECIMAL.divide(Decimal(1), years))
    return _defined(float(DECIMAL.subtract(annual, Decimal(1))))


def _risk(value: Floats, periods: float) -> dict[str, float | None]:
    """Volatility, Sharpe and Sortino; undefined where the account was ever at or below 0."""
    count = len(value) - 1
    if count < 1 or not value.min() > 0.0:
        return {"volatility": None, "sharpe": None, "sortino": None}
    returns = value[1:] / value[:-1] - 1.0
    mean = returns.sum() / count
    off = returns - mean
    variance = (off * off).sum() / (count - 1) if count > 1 else math.nan
    if variance <= 1e-12 * (returns * returns).sum() / count:
        variance = 0.0
    deviation = math.sqrt(variance)
    losses = np.minimum(returns, 0.0)
    downside = math.sqrt((losses * losses).sum() / count)
    annual = math.sqrt(periods)
    return {
        "volatility": _defined(deviation * annual),
        "sharpe": _ratio(mean * annual, deviation),
        "sortino": _ratio(mean * annual, downside),
    }


def _drawdown(
    value: Floats, cash: float, days: NDArray[np.int64]
) -> tuple[float | None, int | None]:
    """Depth and calendar days of the deepest drawdown."""
    if not len(value):
        return None, None
    peaks = np.maximum(np.maximum.accumulate(value), cash)
    depths = value / peaks - 1.0
    trough = int(depths.argmin())
    depth = _defined(depths[trough])
    if depth is None:
        return None, None
    if depth == 0.0:
        return 0.0, 0
    # The initial cash has no session of its own: a drawdown from it counts from the first one.
    at_peak = np.flatnonzero(value[:trough] >= peaks[trough])
    start = int(at_peak[-1]) if len(at_peak) else 0
    recovered = np.flatnonzero(value[trough:] >= peaks[trough])
    end = trough + int(recovered[0]) if len(recovered) else len(value) - 1
    return depth, int(days[end] - days[start])


def _market(outcome: Outcome, periods: float, sessions: Days) -> dict[str, float | None]:
    """How much of the account was in the market, and how often it was turned over."""
    bars = len(sessions)
    if not bars:
        return {"exposure": None, "time_in_market": None, "turnover": None}
    value, gross = outcome.equity["value"], outcome.equity["exposure"]
    mean = value.sum() / bars
    traded = np.abs(outcome.fills["size"] * outcome.fills["price"]).sum()
    count = int(np.count_nonzero(last_bars(sessions)))
    solvent = bool(value.min() > 0.0)
    per_year = periods / count if count > 1 else math.nan
    return {
        "exposure": _defined((gross / value).sum() / bars) if solvent else None,
        "time_in_market": int(np.count_nonzero(gross)) / bars,
        "turnover": _defined(traded / (2.0 * mean) * per_year) if mean > 0.0 else None,
    }


def _trades(trades: Records) -> dict[str, Any]:
    result = trades["pnl_net"][trades["closed"] != NOT_YET]
    count = len(result)
    if not count:
        return {"trades": 0, "win_rate": None, "profit_factor": None, "expectancy": None}
    profits, losses = result[result > 0.0], result[result < 0.0]
    return {
        "trades": count,
        "win_rate": len(profits) / count,
        "profit_factor": _ratio(profits.sum(), -losses.sum()),
        "expectancy": _defined(result.sum() / count),
    }


def _orders(status: NDArray[np.int8]) -> dict[str, int]:
    count = np.bincount(status, minlength=len(OrderStatus)).tolist()
    return {
        "orders_completed": count[OrderStatus.COMPLETED],
        "orders_rejected": count[OrderStatus.MARGIN] + count[OrderStatus.REJECTED],
        "orders_margin": count[OrderStatus.MARGIN],
        "orders_canceled": count[OrderStatus.CANCELED],
        "orders_expired": count[OrderStatus.EXPIRED],
        "orders_open": sum(count[OrderStatus.SUBMITTED : OrderStatus.COMPLETED]),
    }


def _ratio(above: float, below: float, plus: float = 0.0) -> float | None:
    return _defined(above / below + plus) if below else None


def _defined(number: float) -> float | None:
    """The number as a Python float; None in place of NaN and infinity."""
    return float(number) if math.isfinite(number) else None
