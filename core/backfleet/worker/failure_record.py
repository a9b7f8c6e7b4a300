"""The last record of a worker that gives up, for those who watch the run."""

from __future__ import annotations

import sys

from backfleet.errors import BackfleetError, StoreError
from backfleet.submissions.submission_log import WorkerFailure, write_failure

__all__ = ["write_failure_record"]


def write_failure_record(url: str, shard: int, error: BackfleetError) -> None:
    """Store why the worker of a shard of the submission at `url` ends; print it if it cannot."""
    try:
        write_failure(url, WorkerFailure(shard, type(error).__name__, str(error)))
    except StoreError as second:
        print(f"{type(second).__name__}: {second}", file=sys.stderr, flush=True)
