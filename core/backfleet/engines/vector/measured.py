"""One run over the bars of a symbol and its metrics, in one compiled call: nothing is copied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.simulate import DONE, simulate
from backfleet.jit import compiled
from backfleet.metrics.kernel import measure

__all__ = ["simulate_and_measure"]


@compiled
def simulate_and_measure(
    time: NDArray[np.int64],
    prices: NDArray[np.float64],
    sessions: NDArray[np.int64],
    targets: NDArray[np.float64],
    settings: NDArray[np.float64],
    account: NDArray[np.float64],
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
    row: NDArray[np.float64],
) -> tuple[int, int, int]:
    """`simulate`, and then `measure` of what it wrote.

    Parameters
    ----------
    sessions, row
        As `measure` takes them.
    settings
        Those of `simulate`, and sessions a year after them.

    Returns
    -------
    How `simulate` ends; how many orders and how many fills there were.
    """
    end, made, filled, closed = simulate(
        time, prices, targets, settings, account, orders, fills, trades
    )
    if end != DONE:
        return end, 0, 0
    first = int(settings[9])
    measure(
        account[0, first:],
        account[2, first:],
        sessions,
        settings[5],
        settings[10],
        orders[:made],
        fills[:filled],
        trades[:closed],
        row,
    )
    return end, made, filled
