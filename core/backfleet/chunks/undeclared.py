"""Files that tasks read and that the job does not declare, as a chunk's header records them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UndeclaredFile"]


@dataclass(frozen=True, order=True)
class UndeclaredFile:
    """A file that strategy code opened for reading.

    Attributes
    ----------
    path
        Relative to the strategy's folder, with slashes, if the file lies in it. Absolute otherwise.
    sha256
        Of its content when it was first opened in the process.
    host
        Name of the machine that an absolute path belongs to; empty for a relative path.
    """

    path: str
    sha256: str
    host: str = ""
