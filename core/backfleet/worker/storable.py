"""Texts of a strategy as a row can hold them: encodable, and equal in every process.

A row that cannot be stored must be found out in the child, where it is the task's own error.
"""

from __future__ import annotations

import re
import traceback
from bdb import BdbQuit
from pathlib import Path
from types import TracebackType

__all__ = ["describe_error", "storable"]

MAX_ERROR_CHARS = 1000
"""Characters kept of an error's message."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")


def storable(text: str) -> str:
    """The text, with what UTF-8 cannot encode written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def describe_error(error: BaseException, package: str) -> str:
    """`Type: message (file, line, in function)`, the deepest place that is in the top-level package
    or module of this name; without it where there is none.

    Addresses are left out of the message: they differ between processes.
    """
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    text = f"{type(error).__name__}: {message[:MAX_ERROR_CHARS]}".rstrip(": ")
    if hint := _hint(error, message):
        text += f"; {hint}"
    return storable(_ADDRESS.sub("0x...", text) + _place(error.__traceback__, package))


def _hint(error: BaseException, message: str) -> str:
    """Return what the exception itself does not say about a task in a worker, or ""."""
    # numpy does not say which array it is that a strategy must not change.
    if isinstance(error, ValueError) and "read-only" in message:
        return "bars cannot be changed, only copies of them"
    # A worker reads an empty standard input: a debugger quits there at its first prompt.
    if isinstance(error, BdbQuit):
        return "a worker has no terminal for breakpoint(): run 'backfleet debug RUN TASK'"
    if isinstance(error, EOFError) and message.startswith("EOF when reading"):
        return "a worker has no terminal for input(): give the value as a parameter"
    return ""


def _place(trace: TracebackType | None, package: str) -> str:
    location = ""
    for frame, line in traceback.walk_tb(trace):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            code = frame.f_code
            location = f" ({Path(code.co_filename).name}, line {line}, in {code.co_name})"
    return location
