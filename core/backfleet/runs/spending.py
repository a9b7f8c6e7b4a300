"""What a run's workers have cost, from the seconds that its chunks record."""

from __future__ import annotations

from backfleet.executor import Cost, Priced
from backfleet.runs.run import Run
from backfleet.submissions.launch import Request, workload

__all__ = ["cost_so_far"]


def cost_so_far(run: Run) -> Cost | None:
    """What the newest submission's committed chunks cost; None where nothing is charged.

    Raises RunNotFound (nothing was ever submitted), PluginError, ExecutorError.
    """
    record = run.submitted().record
    wanted = {chunk: generation for shard in record.shards for chunk, generation in shard}
    headers = [
        each for each in run.chunk_index.headers() if wanted.get(each.chunk) == each.generation
    ]
    request = Request(record, [(each.chunk, each.generation) for each in headers], run.manifest)
    seconds = sum(each.seconds for each in headers)
    work = workload(run.store, request, seconds)
    return Priced.of(run.executor()).cost(work, len(record.shards))
