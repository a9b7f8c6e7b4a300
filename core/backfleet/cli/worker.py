"""`backfleet worker`: what executors start."""

from __future__ import annotations

import sys

import click

from backfleet.errors import BAD_INPUT

__all__ = ["worker"]


@click.command()
@click.argument("submission")
@click.argument("shards", type=int, nargs=-1, metavar="[SHARD]...")
def worker(submission: str, shards: tuple[int, ...]) -> None:
    """Run shards of a submission, one after another; executors call it.

    SUBMISSION is the path or URL of the submission's record. SHARD is taken from
    AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID where it is not given.
    """
    from backfleet.worker.shard import run_shard

    worst = 0
    for shard in shards or (None,):
        code = run_shard(submission, shard)
        worst = worst or code
        # Corrupt input is a shard's own; with anything else the next would fail as well.
        if code not in (0, BAD_INPUT):
            break
    sys.exit(worst)
