"""Which engines a job's tasks may run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backfleet.errors import JobError
from backfleet.strategy import StrategyKind

if TYPE_CHECKING:
    from backfleet.job import Job

__all__ = ["VECTOR", "engine_candidates"]

AUTO, VECTOR, BACKTRADER = "auto", "vector", "backtrader"


def engine_candidates(job: Job, kind: StrategyKind) -> Sequence[str]:
    """Names of engines, the one to run on first; all of them agree to the last bit.

    Raises JobError where the engine that the job names cannot run it.
    """
    if job.engine == AUTO:
        return (VECTOR, BACKTRADER) if kind == VECTOR else (BACKTRADER,)
    if job.engine == VECTOR and kind != VECTOR:
        raise JobError(
            f"engine: 'vector' runs a backfleet.VectorStrategy, and {job.strategy} is a "
            "backtrader.Strategy; take 'auto' or 'backtrader'"
        )
    return (job.engine,)
