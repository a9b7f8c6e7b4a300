"""Interrupts that arrive while workers are being started, and would leave them without a handle."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["interrupts_deferred"]


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Raise the KeyboardInterrupt of a Ctrl-C within this context at its end.

    Outside the main thread, which alone gets interrupts, and where somebody else handles them, this
    changes nothing.
    """
    # Python sets signal handlers in the main thread only, and raises ValueError elsewhere.
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupts = 0

    def note(*_: object) -> None:
        nonlocal interrupts
        interrupts += 1
        # The first Ctrl-C is obeyed in a moment anyway. Someone who presses it again wonders why
        # nothing happens.
        if interrupts > 1:
            print(
                "the workers are being started, and it must be noted how to find them; then they "
                "are stopped",
                file=sys.stderr,
                flush=True,
            )

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Not in `finally`: an error of the workers' start is more important than the interrupt.
    if interrupts:
        raise KeyboardInterrupt
