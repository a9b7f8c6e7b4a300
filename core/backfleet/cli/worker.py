"""`backfleet worker`: what executors start."""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress

import click

from backfleet.errors import FolderWarning, JobError

__all__ = ["worker"]


@click.command()
@click.argument("submission")
@click.argument("shards", type=int, nargs=-1, metavar="[SHARD]...")
def worker(submission: str, shards: tuple[int, ...]) -> None:
    """Run shards of a submission; executors call it.

    SUBMISSION is the path or URL of the submission's record. SHARD is taken from
    AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID if it is not given.
    With '-' as SUBMISSION the worker prepares itself and waits for both on standard input.
    """
    # What a worker prints is taken for the reason of its failure.
    warnings.simplefilter("ignore", FolderWarning)
    from backfleet.worker.forkserver import fork_forkserver

    # The worker reports a fault of this machine when it has a shard.
    with suppress(JobError):
        fork_forkserver()
    if submission == "-":
        sys.exit(_run_assignment())
    from backfleet.worker.shard import run_shards

    sys.exit(run_shards(submission, shards))


def _run_assignment() -> int:
    # The slow imports happen while the worker waits for its assignment; that is why it is
    # prewarmed.
    import backfleet.worker.worker  # noqa: F401
    from backfleet.worker.assignment import read_assignment
    from backfleet.worker.shard import run_shards

    assignment = read_assignment()
    # Standard input was closed: the job needed fewer workers than were prewarmed.
    if assignment is None:
        return 0
    submission, shard = assignment
    return run_shards(submission, [shard])
