"""Exemption of the heap from garbage collection during a process's first run.

A script has created some ten thousand objects when it begins to run, most of them by imports. The
first collections of the run examine them and find nothing, which takes as long as a hundred bars.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["heap_exempted_once"]

_runs_began = False


@contextmanager
def heap_exempted_once() -> Iterator[None]:
    """Exempt the objects that exist before the first run of this process, until the run is over.

    Later runs leave the heap alone: their garbage from one another must be found. So does a heap
    that the script, or a worker, has frozen itself.
    """
    global _runs_began
    # `unfreeze` has no memory: it would also thaw the objects that a worker froze on purpose.
    exempts = not _runs_began and not gc.get_freeze_count()
    _runs_began = True
    if exempts:
        gc.freeze()
    try:
        yield
    finally:
        if exempts:
            gc.unfreeze()
