"""The process that children are forked from: it takes longest to start, so it is started first."""

from __future__ import annotations

import os
import tempfile
from multiprocessing import forkserver

from backfleet.errors import JobError
from backfleet.worker.env_vars import PRELOAD

__all__ = ["start_forkserver"]

LONGEST_FOLDER = 70
"""Of a socket's path, which may have 107 bytes, so many are left beside the names within."""


def start_forkserver(engine: str = "") -> None:
    """Start it, unless it runs; it imports what all tasks need, and the module of the engine.

    Raises JobError where sockets for the children would have too long a path.
    """
    _check_sockets()
    os.environ[PRELOAD] = engine
    forkserver.set_forkserver_preload(["backfleet.worker.preload"])
    forkserver.ensure_running()


def _check_sockets() -> None:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        raise JobError(
            f"the folder for temporary files, {folder}, has too long a path for sockets, "
            f"more than {LONGEST_FOLDER} bytes; set TMPDIR to a shorter one"
        )
