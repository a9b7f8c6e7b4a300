"""What a run's workers have cost, from the seconds that its chunks record."""

from __future__ import annotations

from backfleet.executor import Cost
from backfleet.runs.run import Run
from backfleet.submissions.launch import Request, workload

__all__ = ["cost_so_far"]


def cost_so_far(run: Run) -> Cost | None:
    """What the newest submission's committed chunks cost; None where nothing is charged.

    Raises RunNotFound (nothing was ever submitted), PluginError, ExecutorError.
    """
    record = run.submitted().record
    generations = record.generations
    headers = [
        header
        for header in run.chunk_index.headers()
        if generations.get(header.chunk) == header.generation
    ]
    chunks = [(header.chunk, header.generation) for header in headers]
    request = Request(record, chunks, run.manifest)
    seconds = sum(header.seconds for header in headers)
    work = workload(run.store, request)
    return run.executor().cost(work, len(record.shards), seconds)
