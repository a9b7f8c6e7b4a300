"""`FileSource`: one file per symbol, in a directory or under an S3 prefix."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from backfleet.errors import DataError
from backfleet.job.job_errors import suggestion
from backfleet.source import Source, SourceSettings
from backfleet.sources.locations import location_at

__all__ = ["SOURCES", "FileSource", "file_stem", "symbol_of_stem"]

SYMBOL = re.compile(r"(?!\.)[^\x00-\x1f\x7f/\\*?\[\]]+")
"""Names that a symbol can have: no path separators, marks of globs, or control characters."""

PLAIN = re.compile("[A-Za-z0-9._-]*")
"""Names of symbols that are those of their files."""

SOURCES = {".csv": "csv", ".parquet": "parquet"}
"""The source that reads files of a suffix, if no other is named."""

MAX_STEM_BYTES = 200


# It is asked for several times while a symbol is read.
@lru_cache(maxsize=64)
def file_stem(symbol: str) -> str:
    """Return the name of a symbol's file without the suffix.

    What is no letter A to Z, digit, `.`, `_` or `-` is written as `%` and the code of each byte, as
    in addresses: `^GSPC` is in `%5EGSPC.csv`. A store's key can have such a name.
    """
    if PLAIN.fullmatch(symbol):
        return symbol
    # `quote` leaves `~` as it is, which no key of a store may hold. With surrogateescape, a name
    # that is not UTF-8 on disk is written with its bytes.
    return urllib.parse.quote(symbol, safe="", errors="surrogateescape").replace("~", "%7E")


def symbol_of_stem(stem: str) -> str:
    """Return the symbol whose file has this name."""
    symbol = urllib.parse.unquote(stem)
    # `A%2fB` is the stem of no symbol, since codes are in upper case: it is taken as it is.
    return symbol if file_stem(symbol) == stem else stem


class FileSource(Source):
    """A file `<symbol><suffix>` for each symbol, directly below `settings.path`."""

    suffix: ClassVar[str]

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._location = location_at(settings.path)

    def symbols(self) -> Sequence[str]:
        symbols = self._found()
        for symbol in symbols:
            self.check_symbol(symbol)
        return symbols

    def fingerprint(self, symbol: str) -> str | None:
        self.check_symbol(symbol)
        try:
            return self._location.fingerprint(file_stem(symbol) + self.suffix)
        except FileNotFoundError:
            raise self._missing(symbol) from None

    def read(self, symbol: str) -> bytes:
        self.check_symbol(symbol)
        try:
            return self._location.read(file_stem(symbol) + self.suffix)
        except FileNotFoundError:
            raise self._missing(symbol) from None

    def describe(self, symbol: str) -> str:
        return f"{self.settings.path.rstrip('/')}/{file_stem(symbol)}{self.suffix}"

    def check_symbol(self, symbol: str) -> None:
        """Raises DataError where no file of this source can have this symbol."""
        if "/" in symbol or "\\" in symbol:
            raise DataError(f"symbol {symbol!r}: a symbol cannot hold a path separator")
        if not SYMBOL.fullmatch(symbol):
            raise DataError(
                f"symbol {symbol!r}: a symbol has at least one character, does not begin with a "
                "dot, and has no '*', '?', '[', ']' or control characters"
            )
        # File systems allow 255 bytes, the suffix included.
        if len(file_stem(symbol)) > MAX_STEM_BYTES:
            raise DataError(f"symbol {symbol!r}: its file's name would be too long")

    def _other_files(self) -> str:
        """Return the source that reads the files of the folder, for a message."""
        suffixes = {Path(name).suffix for name in self._location.names()}
        others = [suffix for suffix in SOURCES if suffix in suffixes]
        return "".join(f"; the source {SOURCES[name]!r} reads its files *{name}" for name in others)

    def _found(self) -> Sequence[str]:
        # Hidden files are those of editors, versions and unfinished downloads.
        names = (name for name in self._location.names() if not name.startswith("."))
        stems = [name.removesuffix(self.suffix) for name in names if name.endswith(self.suffix)]
        if not stems:
            others = self._other_files()
            raise DataError(
                f"{self.settings.path}: there are no files *{self.suffix} in it{others}"
            )
        # A stem that `file_stem` would write otherwise can never be found again by its symbol.
        symbols = {symbol_of_stem(stem): stem for stem in stems}
        odd = sorted(stem for symbol, stem in symbols.items() if file_stem(symbol) != stem)
        if odd:
            raise DataError(
                f"{self.settings.path}/{odd[0]}{self.suffix}: rename the file to "
                f"{file_stem(odd[0])}{self.suffix}, which is read as the symbol {odd[0]!r}; "
                "'backfleet data import' names files so"
            )
        return sorted(symbols)

    def _missing(self, symbol: str) -> DataError:
        hint = suggestion(symbol, self._found())
        return DataError(f"symbol {symbol!r}: there is no {self.describe(symbol)}{hint}")
