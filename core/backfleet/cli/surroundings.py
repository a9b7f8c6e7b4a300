"""The surroundings of a command: its streams, warnings, arguments and current directory.

Whatever they are, a command works, or it ends with one message.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backfleet.errors import UserError

__all__ = [
    "check_surroundings",
    "explained",
    "flushed_output",
    "prepare_streams",
    "soften_warnings",
]

IGNORED = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Python ignores them by default outside `__main__`."""


def prepare_streams() -> None:
    """Open closed standard streams, and escape what a terminal's encoding lacks."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number: otherwise the next file, such as one of the store, gets it.
            os.open(os.devnull, os.O_RDWR)
    # Python sets a stream to None if its descriptor was closed when it started.
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def soften_warnings() -> None:
    """Show warnings that PYTHONWARNINGS or `-W` would make errors, here and in child processes.

    Libraries warn while they are imported, and a strategy's rows must not depend on it.
    """
    # The default filters stay as they are, also those that the user has set.
    if not any(action == "error" for action, *_ in warnings.filters):
        return
    os.environ.pop("PYTHONWARNINGS", None)
    # `multiprocessing` passes these options on to child processes.
    sys.warnoptions.clear()
    warnings.resetwarnings()
    for category in IGNORED:
        warnings.simplefilter("ignore", category)


def check_surroundings(arguments: Sequence[str]) -> None:
    """Raise UserError if the current directory is gone, or an argument cannot be stored as text."""
    try:
        os.getcwd()
    except OSError as error:
        raise UserError(
            f"the current directory cannot be used ({error.strerror}); change to another one"
        ) from None
    for argument in arguments:
        try:
            # Bytes that the locale cannot decode arrive as surrogates, which neither JSON nor TOML
            # can hold.
            argument.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{argument!a}: the argument is not text in {sys.getfilesystemencoding()}. Rename "
                "the file or folder that it names, or set PYTHONUTF8=1"
            ) from None


@contextmanager
def flushed_output() -> Iterator[None]:
    """Write all output before the command's exit code is final."""
    try:
        try:
            yield
        finally:
            # A writer that fails at a closed pipe has closed the stream.
            # A strategy's module may have replaced it by None.
            if sys.stdout is not None and not sys.stdout.closed:
                sys.stdout.flush()
    except OSError:
        # Python would try to write the rest at its end, and complain once more.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
        raise


def explained(error: OSError | MemoryError | RecursionError | UnicodeError) -> str:
    """Return the message for an error of the system that no command has explained better."""
    if isinstance(error, OSError):
        names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
        if not names:
            return (
                f"the output cannot be written ({error.strerror or error}). "
                "Write it to another file, or free some space"
            )
        return f"{' and '.join(names)}: {error.strerror}. Choose another path"
    if isinstance(error, MemoryError):
        return "the input needs more memory than there is. Use a smaller one"
    if isinstance(error, RecursionError):
        return "the input is nested too deeply. Simplify it"
    return f"a text cannot be read or written ({error}). Rename what is not UTF-8"
