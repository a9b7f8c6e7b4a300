"""`FileSource`: one file a symbol, in a directory or under an S3 prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from backfleet.errors import DataError
from backfleet.job.refusal import nearest
from backfleet.source import Source, SourceSettings
from backfleet.sources.places import place_at

__all__ = ["FileSource"]

# The names that a store's key can have, so that a job's symbols are the same on S3.
SYMBOL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class FileSource(Source):
    """A file `<symbol><suffix>` for each symbol, directly below `settings.path`."""

    suffix: ClassVar[str]

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._place = place_at(settings.path)

    def symbols(self) -> Sequence[str]:
        found = self._found()
        for symbol in found:
            self.check_symbol(symbol)
        return found

    def fingerprint(self, symbol: str) -> str | None:
        self.check_symbol(symbol)
        with self._explaining(symbol):
            return self._place.fingerprint(symbol + self.suffix)

    def read(self, symbol: str) -> bytes:
        self.check_symbol(symbol)
        with self._explaining(symbol):
            return self._place.read(symbol + self.suffix)

    def describe(self, symbol: str) -> str:
        return f"{self.settings.path.rstrip('/')}/{symbol}{self.suffix}"

    def check_symbol(self, symbol: str) -> None:
        """Raises DataError where no file of this source can have this symbol."""
        if "/" in symbol or "\\" in symbol:
            raise DataError(f"symbol {symbol!r}: a symbol cannot hold a path separator")
        if not SYMBOL.fullmatch(symbol):
            raise DataError(
                f"symbol {symbol!r}: a symbol is made of the letters A to Z, digits, '.', '_' and "
                f"'-', and does not begin with a dot; rename its file in {self.settings.path}"
            )

    def _found(self) -> Sequence[str]:
        names = (name for name in self._place.names() if not name.startswith("."))
        found = sorted(n.removesuffix(self.suffix) for n in names if n.endswith(self.suffix))
        if not found:
            raise DataError(f"{self.settings.path}: there are no files *{self.suffix} in it")
        return found

    @contextmanager
    def _explaining(self, symbol: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            hint = nearest(symbol, self._found())
            raise DataError(
                f"symbol {symbol!r}: there is no {self.describe(symbol)}{hint}"
            ) from None
