"""The cost of a run's workers so far, from the seconds that its chunks record."""

from __future__ import annotations

from backfleet.executor import Cost, Priced
from backfleet.runs.run import Run
from backfleet.runs.workers import RunWorkers
from backfleet.submissions.workload import workload

__all__ = ["cost_so_far"]


def cost_so_far(run: Run, workers: RunWorkers) -> Cost | None:
    """Return what the newest submission's committed chunks cost; None if nothing is charged.

    Raises RunNotFound (nothing was ever submitted), PluginError, ExecutorError.
    """
    entry = run.latest_submission()
    submission = entry.submission
    expected = submission.generations
    headers = [
        header
        for header in run.chunk_index.headers()
        if expected.get(header.chunk) == header.generation
    ]
    work = workload(
        run.store,
        run.manifest,
        [(header.chunk, header.generation) for header in headers],
        cpus=submission.cpus,
        memory=submission.memory,
        reused=sum(header.reused for header in headers),
        seconds=sum(header.seconds for header in headers),
    )
    return Priced.of(workers.executor_of(entry)).cost(work, len(submission.shards))
