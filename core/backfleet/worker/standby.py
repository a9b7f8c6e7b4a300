"""A worker that is started before its submission is known, and imports what it needs meanwhile."""

from __future__ import annotations

import contextlib
import json
import sys

from backfleet.errors import JobError
from backfleet.worker.environment import pin_environment

__all__ = ["run_when_told", "told"]


def told(url: str, shard: int) -> bytes:
    """What `run_when_told` waits for on its standard input."""
    return json.dumps([url, shard]).encode() + b"\n"


def run_when_told() -> int:
    """Run the shard that standard input names, and return the exit code; 0 where it closes first.

    Children import the run's engine each for itself: which one is not known when the process that
    they are forked from starts.
    """
    pin_environment()
    from backfleet.worker.forkserver import start_forkserver

    # What is wrong with this machine is reported when there is work.
    with contextlib.suppress(JobError):
        start_forkserver()
    import backfleet.worker.worker  # noqa: F401
    from backfleet.worker.shard import run_shards

    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    url, shard = json.loads(line)
    return run_shards(url, [shard])
