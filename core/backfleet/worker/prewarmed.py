"""Processes that import what they need before their work is known.

A prewarmed worker starts while its job is planned, and reads its shard from standard input. The
forkserver is the process that children are forked from. It takes longest to start, so every worker
starts it first; it imports this module, which then imports what children need.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from multiprocessing import forkserver

from backfleet.errors import FolderWarning, JobError
from backfleet.no_bytecode import disable_bytecode
from backfleet.worker.env_vars import PRELOAD
from backfleet.worker.environment import pin_environment
from backfleet.worker.import_record import record_imports

__all__ = ["prewarm", "start_forkserver"]

MAX_SOCKET_FOLDER_BYTES = 70
"""A socket's path may have 107 bytes on Linux and 103 on macOS, and the names within the folder
need the rest."""


def prewarm() -> None:
    """Import what a worker of any run needs, and start its forkserver.

    Children import the run's engine themselves, because it is not known yet.
    """
    pin_environment()
    # The worker reports a fault of this machine when it has a shard.
    with contextlib.suppress(JobError):
        start_forkserver()
    import backfleet.worker.worker  # noqa: F401


def start_forkserver(engine: str = "", paths: Sequence[str] = ()) -> None:
    """Start the forkserver unless it is running.

    It imports what all tasks need and the module of the engine, which it also finds in `paths`.
    Raises JobError if the path of the temporary folder is too long for sockets.
    """
    _check_sockets()
    forkserver.set_forkserver_preload([__name__])
    # The variable is set for the forkserver alone: in it, importing this module preloads.
    os.environ[PRELOAD] = json.dumps([engine, *paths])
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[PRELOAD]


def _check_sockets() -> None:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER_BYTES:
        raise JobError(
            f"the folder for temporary files, {folder}, has too long a path for sockets, "
            f"more than {MAX_SOCKET_FOLDER_BYTES} bytes; set TMPDIR to a shorter one"
        )


def _preload(engine: str, *paths: str) -> None:
    sys.path[:0] = paths
    # It would be in the log of a task.
    warnings.simplefilter("ignore", FolderWarning)
    disable_bytecode()
    from backfleet.code.open_recorder import wrap_open

    # Imports create no garbage. A child enables collection again when it is ready.
    gc.disable()
    # Before libraries are imported, which may keep `open` under names of their own.
    wrap_open()
    # A module that fails here fails again, and is reported, in the child.
    with contextlib.suppress(Exception):
        import backfleet.worker.builders
        import backfleet.worker.child
        import backfleet.worker.task  # noqa: F401
    # What is imported from here on may be the run's code.
    record_imports()
    with contextlib.suppress(Exception):
        if engine:
            importlib.import_module(engine)


if PRELOAD in os.environ:
    _preload(*json.loads(os.environ.pop(PRELOAD)))
