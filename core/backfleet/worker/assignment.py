"""The line that tells a prewarmed worker which shard to run.

The client that writes it must not import what a worker needs: that would delay the start of the
worker.
"""

from __future__ import annotations

import json
import sys

__all__ = ["assignment", "read_assignment"]


def assignment(url: str, shard: int) -> bytes:
    """Return the line for a shard of the submission at `url`."""
    return json.dumps([url, shard]).encode() + b"\n"


def read_assignment() -> tuple[str, int] | None:
    """Wait for the line on standard input; None if it closes first."""
    line = sys.stdin.buffer.readline()
    if not line:
        return None
    url, shard = json.loads(line)
    return url, shard
