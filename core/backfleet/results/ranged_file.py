"""A file that is read range by range, through a function."""

from __future__ import annotations

import io
from collections.abc import Callable

__all__ = ["RangedFile"]


class RangedFile(io.RawIOBase):
    """A file of `size` bytes; `read_range` returns the bytes from an offset on, of a length."""

    def __init__(self, read_range: Callable[[int, int], bytes], size: int) -> None:
        self._read_range = read_range
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        rest = self._size - self._at
        # `read_range` is never asked beyond the end, where S3 would answer with an error.
        length = rest if size < 0 else min(size, rest)
        if length <= 0:
            return b""
        content = self._read_range(self._at, length)
        self._at += len(content)
        return content
