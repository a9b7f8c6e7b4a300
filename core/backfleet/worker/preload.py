"""Imported by the process that children are forked from: it imports what all children need."""

from __future__ import annotations

import contextlib
import gc
import sys
import warnings
from typing import TextIO

from backfleet.errors import FolderWarning
from backfleet.no_bytecode import disable_bytecode
from backfleet.worker.importer_log import record_imports
from backfleet.worker.shared_imports import import_shared_modules


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as Python does: the command line shows its own in another way."""
    text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


# Imports create no garbage. A child enables collection again when it is ready.
gc.disable()
warnings.showwarning = _show_warning
# It would be in the log of a task.
warnings.simplefilter("ignore", FolderWarning)
# A module that fails here fails again, and is reported, in the child.
with contextlib.suppress(Exception):
    import_shared_modules()
disable_bytecode()
# What is imported from here on may be the run's code.
record_imports()
