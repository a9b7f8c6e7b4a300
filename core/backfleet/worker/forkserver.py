"""The forkserver, a process that has imported what tasks need, and from which children are forked.

It needs an interpreter that was started with the pinned environment. A worker that was started so
imports what it has in common with its children, and then becomes the forkserver's parent by a fork.
Otherwise multiprocessing starts another interpreter, which imports everything once more.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, util
from typing import NoReturn

from backfleet.errors import JobError
from backfleet.worker.env_vars import RUN_KEY
from backfleet.worker.environment import has_pinned_hashes, pin_environment
from backfleet.worker.shared_imports import import_shared_modules

__all__ = ["fork_forkserver", "start_forkserver"]

# A name and not a function: the forkserver imports it when it starts.
PRELOAD = "backfleet.worker.preload"

MAX_SOCKET_FOLDER_BYTES = 70
"""A socket's path may have 107 bytes on Linux and 103 on macOS, and the names within the folder
need the rest."""

STANDARD_STREAMS = (0, 1, 2)


def start_forkserver() -> None:
    """Start the forkserver as an interpreter of its own, unless it is running.

    Raises JobError if the path of the temporary folder is too long for sockets.
    """
    # Otherwise multiprocessing fails with "AF_UNIX path too long", which does not name the folder.
    _check_sockets()
    pin_environment()
    forkserver.set_forkserver_preload([PRELOAD])
    forkserver.ensure_running()


def fork_forkserver() -> None:
    """Start the forkserver as a fork of this process, before this process does anything else.

    Nothing happens if that is not possible: `start_forkserver` starts it later. Raises JobError as
    that does.
    """
    if not _is_fresh():
        return
    _check_sockets()
    pin_environment()
    # The C library has read TZ when this interpreter started.
    time.tzset()
    # Here, so that the fork inherits the imported modules; only then is it worth more than a new
    # interpreter.
    import_shared_modules()
    with _forks_for_interpreters():
        start_forkserver()


def _is_fresh() -> bool:
    """Return whether a fork of this process is as good as a new interpreter.

    The pins must come in time, no other thread may be missing in it, and the key of the run must
    not be in its memory.
    """
    # A numpy that is imported already has read the number of threads of its libraries.
    is_pinned = has_pinned_hashes() and "numpy" not in sys.modules
    return is_pinned and threading.active_count() == 1 and RUN_KEY not in os.environ


def _check_sockets() -> None:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER_BYTES:
        raise JobError(
            f"the folder for temporary files, {folder}, has too long a path for sockets, "
            f"more than {MAX_SOCKET_FOLDER_BYTES} bytes; set TMPDIR to a shorter one"
        )


@contextmanager
def _forks_for_interpreters() -> Iterator[None]:
    """Have multiprocessing fork this process where it would start `python -c` for its helpers.

    These are the forkserver and the tracker of resources. A version of Python that starts them in
    another way starts interpreters.
    """
    # A private hook of multiprocessing: both helpers are started through it, with the arguments
    # `path, args, passfds`.
    name = "spawnv_passfds"
    original = getattr(util, name)
    setattr(util, name, _fork)
    try:
        yield
    finally:
        setattr(util, name, original)


def _fork(_: str, command: Sequence[str], descriptors: Sequence[int]) -> int:
    """Run the last argument of `python -c` in a fork that keeps these descriptors."""
    process = os.fork()
    # The fork never returns into the code of the worker.
    if process == 0:
        _run_and_exit(command[-1], descriptors)
    return process


def _run_and_exit(statement: str, descriptors: Sequence[int]) -> NoReturn:
    """Run a statement in a fork, and end without any clean-up of its parent's."""
    code = 1
    try:
        # It was held when this process was forked.
        vars(forkserver._forkserver)["_lock"] = threading.Lock()
        _close_all_but({*STANDARD_STREAMS, *descriptors})
        exec(statement, {})
        code = 0
    except SystemExit:
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _close_all_but(kept: set[int]) -> None:
    """Close what belongs to this process alone, as the ends of pipes whose closing tells of its
    end."""
    last = os.sysconf("SC_OPEN_MAX")
    for first, following in zip(sorted(kept), [*sorted(kept)[1:], last], strict=True):
        os.closerange(first + 1, following)
