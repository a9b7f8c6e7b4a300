"""Results of tasks, made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backfleet.chunks.rows import Rows
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.engine import EQUITY, FILL, NOT_YET, ORDER, TRADE, Outcome
from backfleet.metrics import Metrics

UNDEFINED = Metrics(*[None] * len(Metrics._fields))  # type: ignore[arg-type]  # counts too

MakeResult = Callable[..., TaskResult]
LayOut = Callable[[list[TaskResult]], Rows]


def outcome_of(task: int, bars: int) -> Outcome:
    """Numbers that tell which task they are of; one order that stays open."""
    equity = np.zeros(bars, EQUITY)
    equity["time"] = np.arange(bars)
    equity["value"] = task + np.arange(bars) / 8
    orders = np.zeros(2, ORDER)
    orders["number"], orders["status"], orders["kind"] = [0, 1], [3, 1], [0, 4]
    orders["size"], orders["closed"], orders["limit"] = task, [5, NOT_YET], [np.nan, 2.5]
    fills = np.zeros(1, FILL)
    fills["price"] = 100 + task
    return Outcome(equity, orders, fills, np.zeros(0, TRADE))


@pytest.fixture(scope="session")
def result() -> MakeResult:
    """Makes the result of a task; `outcome` is how many bars its outcome has, if it has one."""

    def result(task: int, *, outcome: int | None = None, **differing: Any) -> TaskResult:
        values: dict[str, Any] = {
            "status": TaskStatus.OK,
            "metrics": UNDEFINED._replace(final_value=1000.5 + task, trades=task),
            "custom": {},
            "digest": f"{task:032}",
            "outcome": None if outcome is None else outcome_of(task, outcome),
            "seconds": 0.25,
            "engine": "backtrader",
        }
        return TaskResult(task, **values | differing)

    return result


@pytest.fixture(scope="session")
def lay_out() -> LayOut:
    """Rows of results, all of one symbol, with a parameter `period` and one named `sharpe`."""

    def lay_out(results: list[TaskResult]) -> Rows:
        tasks = [each.task for each in results]
        params: dict[str, Any] = {
            "period": ("int", tasks),
            "sharpe": ("float", [task / 4 for task in tasks]),
        }
        return Rows.of(results, ["AAA"] * len(tasks), params)

    return lay_out
