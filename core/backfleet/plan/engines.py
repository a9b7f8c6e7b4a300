"""The engines that a job's tasks may run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backfleet.errors import JobError
from backfleet.plan.broker_keys import unknown_to_vector
from backfleet.strategy import StrategyKind

if TYPE_CHECKING:
    from backfleet.job import Job

__all__ = ["VECTOR", "check_market", "engine_candidates"]

AUTO, VECTOR, BACKTRADER = "auto", "vector", "backtrader"
MARKET_ENGINES = (VECTOR, BACKTRADER, "backtrader-stock")


def check_market(job: Job, engines: Sequence[str]) -> None:
    """Raise JobError for a job whose engines do not know the rules of its market."""
    if job.market is None:
        return
    for engine in engines:
        if engine not in MARKET_ENGINES:
            raise JobError(
                f"market: the engine {engine!r} does not follow the rules of a market. Use one of "
                f"{', '.join(MARKET_ENGINES)}, or remove [market]"
            )


def engine_candidates(job: Job, kind: StrategyKind) -> Sequence[str]:
    """Names of engines, the one to run on first; all of them agree to the last bit.

    Raises JobError if the engine that the job names cannot run it.
    """
    has_tax = job.market is not None and job.market.dividend_tax
    if job.engine == AUTO:
        # `auto` falls back on backtrader for everything that the compiled engine does not know.
        is_vector = kind == VECTOR and not has_tax and unknown_to_vector(job) is None
        # Tasks run on the first one. Both are in the identity, so that a task can be compared on
        # both.
        return (VECTOR, BACKTRADER) if is_vector else (BACKTRADER,)
    if job.engine == VECTOR and has_tax:
        raise JobError(
            "market.dividend_tax: the engine 'vector' does not tax dividends. Use engine = "
            "'backtrader', or remove dividend_tax"
        )
    if job.engine == VECTOR and kind != VECTOR:
        raise JobError(
            f"engine: 'vector' runs a backfleet.VectorStrategy, and {job.strategy} is a "
            "backtrader.Strategy; use 'auto' or 'backtrader'"
        )
    return (job.engine,)
