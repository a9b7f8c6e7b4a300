"""Many parameter points of one symbol, one after the other, in the same buffers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import EQUITY, BrokerSettings, Outcome
from backfleet.engines.vector.bookings import event_rows
from backfleet.engines.vector.growing_buffers import GrowingBuffers
from backfleet.engines.vector.market_rules import market_rows
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.settings import pack_settings
from backfleet.engines.vector.simulate import DONE, FULL, simulate
from backfleet.engines.vector.state import BarArrays, BrokerParams
from backfleet.engines.vector.targets import check_targets, no_size, targets_of, tradable_bars
from backfleet.metrics.kernel import metrics_of, new_row, sessions_of, sums_of
from backfleet.metrics.segments import segments_of
from backfleet.metrics.task_status import status_of
from backfleet.summary import Calendar, Segments, Summary, TaskReturns
from backfleet.vector_strategy import VectorStrategy

MAX_SETTINGS = 1_000
"""Cache size. Only a sweep over the sizing or exit rules has more settings, and reuses none."""

NO_METRICS = np.empty(0)

__all__ = ["PointRunner", "copy_outcome"]


def copy_outcome(
    strategy: VectorStrategy,
    time: NDArray[np.int64],
    account: NDArray[np.float64],
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
) -> Outcome:
    """Return the outcome of a simulation, with copies of the records in its buffers."""
    equity = np.empty(len(time), EQUITY)
    equity["time"] = time
    # `account` is a buffer too. The assignment copies its three rows.
    equity["value"], equity["cash"], equity["exposure"] = account
    return Outcome(
        equity=equity,
        orders=orders.copy(),
        fills=fills.copy(),
        trades=trades.copy(),
        metrics=strategy.metrics,
        strategy=strategy,
    )


@lru_cache(maxsize=1)
def _buffers(bars: int) -> GrowingBuffers:
    """Return buffers that all runners share: nothing in them outlives a point."""
    return GrowingBuffers(bars, bars, 1)


class _SessionGrid(NamedTuple):
    """The sessions of bars on some days, as bytes, and the segments of their returns."""

    days: bytes
    sessions: NDArray[np.int64]
    segments: Segments


_latest_grid: _SessionGrid | None = None


def _session_grid(days: NDArray[np.datetime64]) -> _SessionGrid:
    """Return the sessions of bars on these days. Most symbols of a market share them."""
    global _latest_grid
    # Comparing bytes takes a third of the time of comparing dates.
    content = days.tobytes()
    if _latest_grid is None or _latest_grid.days != content:
        sessions = sessions_of(days)
        _latest_grid = _SessionGrid(content, sessions, segments_of(sessions[1, 1:]))
    return _latest_grid


class PointRunner:
    """Runs a strategy over one symbol at one parameter point after the other.

    All points share the buffers. So memory depends on the number of bars, not on that of points.
    """

    def __init__(self, bars: Bars, strategy: type[VectorStrategy], broker: BrokerSettings) -> None:
        self.bars = tradable_bars(bars)
        self.strategy = strategy
        self._arrays = BarArrays.of(self.bars)
        self._market = market_rows(self.bars)
        # Steps of the simulation are tradable bars, so an event on a day without one moves to the
        # next.
        self._events = event_rows((bars,), self.bars.session)
        self._broker = BrokerParams.of(broker, bars.symbol)
        self._buffers = _buffers(len(self.bars))
        grid = _session_grid(self.bars.session[self.bars.warmup :])
        self._sessions, self._segments = grid.sessions, grid.segments
        self._days = self._sessions[1, 1:]
        self._row = new_row(self._segments)
        self._settings: dict[tuple[object, ...], NDArray[np.float64]] = {}

    def run(self, params: Mapping[str, Any]) -> Outcome:
        """Run one point. The outcome holds copies of the records in the buffers.

        Raises TypeError and ValueError for impossible parameters, targets or order sizes; what the
        strategy raises passes through. The next point can be run all the same.
        """
        strategy, order_count, fill_count, trade_count = self._simulate(
            params, 0.0, NO_METRICS, NO_METRICS
        )
        account, orders, fills, trades = self._buffers.arrays
        return copy_outcome(
            strategy,
            self.bars.time[self.bars.warmup :],
            account[:, self.bars.warmup :],
            orders[:order_count],
            fills[:fill_count],
            trades[:trade_count],
        )

    def summarize(self, params: Mapping[str, Any], calendar: Calendar) -> Summary:
        """Return the summary of a point without copying its records. Raises as `run` does."""
        # The returns outlive the next point, so they are no buffer of this object.
        returns = np.empty(len(self._days))
        strategy, orders, fills, _ = self._simulate(
            params, calendar.periods_per_year, returns, self._row
        )
        metrics = metrics_of(self._row)
        status = status_of(orders, metrics.orders_rejected, fills)
        sums = sums_of(self._row, self._segments)
        return Summary(metrics, status, strategy.metrics, sums, TaskReturns(self._days, returns))

    def _simulate(
        self,
        params: Mapping[str, Any],
        periods_per_year: float,
        returns: NDArray[np.float64],
        row: NDArray[np.float64],
    ) -> tuple[VectorStrategy, int, int, int]:
        """Write the records of a point into the buffers, its returns, and its metrics into `row`.
        Returns the strategy and the numbers of orders, fills and trades."""
        strategy = self.strategy(**params)
        settings = self._settings_of(strategy, periods_per_year)
        targets = targets_of(strategy, self.bars)
        # If the records do not fit, the simulation starts again from the first bar with more room,
        # and overwrites all that the first attempt has written. The targets stay the same.
        while True:
            end, orders, fills, trades = simulate(
                self._arrays.time,
                self._arrays.prices,
                self._sessions,
                self._segments.borders,
                targets,
                settings,
                *self._buffers.arrays,
                returns,
                row,
                self._market,
                self._events,
            )
            if end == DONE:
                return strategy, orders, fills, trades
            if end != FULL:
                raise self._error(end, strategy, targets)
            self._buffers.grow()

    def _settings_of(
        self, strategy: VectorStrategy, periods_per_year: float
    ) -> NDArray[np.float64]:
        """Return the settings of a point. Most points have the same."""
        attributes = (
            strategy.target,
            strategy.sizing,
            strategy.amount,
            strategy.stop_loss,
            strategy.take_profit,
            periods_per_year,
        )
        try:
            # Packing takes microseconds, in which the loop simulates hundreds of bars.
            settings = self._settings.get(attributes)
        except TypeError:
            # A value without a hash is none of the choices, which `Rules.of` reports next.
            settings = None
        if settings is None:
            settings = pack_settings(
                Rules.of(strategy), self._broker, self.bars.warmup, periods_per_year
            )
            if len(self._settings) < MAX_SETTINGS:
                self._settings[attributes] = settings
        return settings

    def _error(
        self, end: int, strategy: VectorStrategy, targets: NDArray[np.float64]
    ) -> ValueError:
        """Return the error that ended a simulation."""
        # The compiled loop only reports that a target is impossible. Finding it here, with whole
        # arrays, costs nothing unless it happens. If all are possible, an order could not be sized.
        check_targets(strategy, self.bars, targets, Rules.of(strategy).target)
        return no_size(self.bars, end)
