"""The last word of a worker that gives up, for those who watch the run."""

from __future__ import annotations

import json
import sys

from backfleet.errors import BackfleetError, StoreError
from backfleet.store import open_store

__all__ = ["write_failure_record"]


def write_failure_record(url: str, shard: int, error: BackfleetError) -> None:
    """Store why the worker of a shard of the submission at `url` ends, as well as can be."""
    root, _, name = url.rpartition("/")
    word = {"shard": shard, "kind": type(error).__name__, "message": str(error)}
    key = f"{name.removesuffix('.json')}.failure.{shard}.json"
    try:
        open_store(root).put_if_absent(key, json.dumps(word).encode())
    except StoreError as second:
        print(f"{type(second).__name__}: {second}", file=sys.stderr, flush=True)
