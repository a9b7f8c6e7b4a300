"""The cost of a run so far, over all its submissions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from backfleet.errors import BackfleetError, StoreError
from backfleet.executor import Cost, Priced, executor_errors
from backfleet.runs.run import Run
from backfleet.runs.workers import RunWorkers
from backfleet.submissions.submission_log import LogEntry, SubmissionLog

__all__ = ["cost_so_far", "stored_cost"]


def cost_so_far(run: Run, workers: RunWorkers) -> Cost | None:
    """Return what the workers of all submissions cost so far; None if nothing is charged or known.

    A final cost is written into the store, because an executor forgets workers that have ended.
    Raises StoreError.
    """
    costs = (_cost_of(run, workers, entry) for entry in run.submission_log.entries())
    return _total([cost for cost in costs if cost is not None])


def stored_cost(log: SubmissionLog) -> Cost | None:
    """Return the final costs that the store holds of a run; None if it holds none.

    No executor is asked. Raises StoreError.
    """
    costs = (log.final_cost(number) for number in log.numbers())
    return _total([cost for cost in costs if cost is not None])


def _cost_of(run: Run, workers: RunWorkers, entry: LogEntry) -> Cost | None:
    if entry.handle is None:
        return None
    try:
        executor = workers.executor_of(entry)
        if not isinstance(executor, Priced):
            return None
        number = entry.submission.number
        # The store before the executor: it forgets workers, and a final cost does not change.
        if (stored := run.submission_log.final_cost(number)) is not None:
            return stored
        with executor_errors(executor):
            cost = executor.spent(entry.handle)
    # The store holds the final costs, so its failure must not look like a run without costs.
    except StoreError:
        raise
    except BackfleetError:
        # Without its plugin, credentials or jobs, an executor cannot say.
        return None
    if cost is not None and cost.is_final:
        # Without the right to write, the cost is computed again next time.
        with suppress(StoreError):
            run.submission_log.keep_final_cost(number, cost)
    return cost


def _total(costs: Sequence[Cost]) -> Cost | None:
    """Return the sum of the costs in the currency of the newest one."""
    if not costs:
        return None
    # Amounts in different currencies cannot be added.
    newest = costs[-1]
    same = [cost for cost in costs if cost.currency == newest.currency]
    return Cost(
        sum(cost.amount for cost in same),
        newest.currency,
        newest.basis,
        ceiling=sum(cost.highest for cost in same),
        is_final=all(cost.is_final for cost in same),
    )
