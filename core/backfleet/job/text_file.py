"""Reading a text file that a user names, whatever it is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["read_text_file"]

MAX_BYTES = 2**20


def read_text_file(file: Path) -> str:
    """Return the text of a file of at most 1 MiB; a pipe is read to its end.

    The mark that Windows editors write before UTF-8 is left out.

    Raises OSError and UnicodeDecodeError.
    """
    # A FIFO that nothing writes to is empty. Without O_NONBLOCK, opening it would wait forever.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as opened:
        # From here on, a pipe that has a writer is waited for.
        os.set_blocking(descriptor, True)
        # A device such as /dev/zero has no end.
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes", str(file))
    return content.decode("utf-8-sig")
