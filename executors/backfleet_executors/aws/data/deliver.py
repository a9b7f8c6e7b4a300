"""Where a run's workers on AWS find the data that lies on this machine."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from backfleet_executors.aws.data.push import Pushed, Pushing, push

__all__ = ["deliver", "place_for"]

NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_-]+")


def deliver(
    path: str,
    symbols: Sequence[str],
    place: str,
    watch: Callable[[Pushing], None] | None = None,
) -> Pushed:
    """Push the files of a job's symbols, as far as they are not there yet.

    Parameters
    ----------
    path
        The directory that the job names.
    place
        `s3://bucket/prefix` for the data of all jobs.

    Raises what `push` raises.
    """
    return push(path, place_for(path, place), symbols, watch)


def place_for(path: str, place: str) -> str:
    """The prefix below `place` that belongs to a directory of this machine.

    It is the same for every run, so that only what changed is pushed, and no other directory's.
    """
    folder = Path(os.path.realpath(os.path.expanduser(path)))
    owner = f"{getpass.getuser()}@{socket.gethostname()}:{folder}"
    name = NOT_IN_KEYS.sub("-", folder.name).strip("-") or "data"
    return f"{place.rstrip('/')}/{name}-{hashlib.sha256(owner.encode()).hexdigest()[:12]}"
