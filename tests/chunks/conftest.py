"""Results of tasks, made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backfleet.chunks.rows import Rows
from backfleet.chunks.task_result import TaskResult
from made_results import made_result

MakeResult = Callable[..., TaskResult]
LayOut = Callable[[list[TaskResult]], Rows]


@pytest.fixture(scope="session")
def result() -> MakeResult:
    """Makes the result of a task."""
    return made_result


@pytest.fixture(scope="session")
def lay_out() -> LayOut:
    """Rows of results, all of one symbol, with a parameter `period` and one named `sharpe`."""

    def lay_out(results: list[TaskResult]) -> Rows:
        tasks = [result.task for result in results]
        params: dict[str, Any] = {
            "period": ("int", tasks),
            "sharpe": ("float", [task / 4 for task in tasks]),
        }
        return Rows.of(results, ["AAA"] * len(tasks), params)

    return lay_out
