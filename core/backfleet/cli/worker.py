"""`backfleet worker`: what executors start."""

from __future__ import annotations

import sys

import click

__all__ = ["worker"]


@click.command()
@click.argument("submission")
@click.argument("shard", type=int, required=False)
def worker(submission: str, shard: int | None) -> None:
    """Run one shard of a submission; executors call it.

    SUBMISSION is the path or URL of the submission's record. SHARD is taken from
    AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID where it is not given.
    """
    from backfleet.worker.shard import run_shard

    sys.exit(run_shard(submission, shard))
