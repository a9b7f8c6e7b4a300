"""The symbol of a file, from the path or from the name, and names that a symbol may have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from backfleet.errors import DataError
from backfleet.sources.importing.containers import plain_name
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.parts import Part
from backfleet.sources.importing.preset import FileLayout

__all__ = ["PERIOD", "check_names", "clean_symbol", "name_in_layouts", "path_match", "symbol_of"]

_NO_SYMBOL = re.compile(
    r"historicaldata_\d+"
    r"|(historical|stock|market|price|daily|intraday|all|my|raw|sample|test)?[ _-]?"
    r"(data|prices?|quotes?|stocks?|ohlcv?|bars?|candles?|klines?|history|historical|download(ed)?"
    r"|output|input|table|dataset|export|sheet\d*|daily|minute|market|train|test|sample|book\d*)"
    r"( ?\(\d+\)|[_-]?\d{1,2})?|part[-_]?\d+.*|(19|20)\d{2}([-_]\d{2}([-_]\d{2})?|\d{4})?",
    re.IGNORECASE,
)
PERIOD = re.compile(
    r"^(?P<symbol>.+?)[-_. ](?P<period>(?:19|20)\d{2}(?:[-_.]?\d{2}(?:[-_.]?\d{2})?)?)$"
)
_HIVE = re.compile(r"(?:^|/)(?:symbol|ticker|code|instrument)=([^/]+)(?:/|$)", re.IGNORECASE)
_PIECE = re.compile(r"part[-_]?\d+.*|(19|20)\d{2}([-_]\d{2}([-_]\d{2})?|\d{4})?", re.IGNORECASE)
CODE_DIGITS = 6
_UNSAFE = re.compile(r"[/\\:*?\[\]\x00-\x1f\x7f]")


def symbol_of(part: Part, layout: FileLayout) -> str | None:
    """Return the symbol that the path of a file names; None if it names none."""
    # A folder such as `symbol=AAPL` names the symbol of all files in it, and overrules their names.
    hive = _HIVE.search(part.path)
    if hive:
        return hive[1]
    match = path_match(part, layout)
    if match and match.groupdict().get("symbol"):
        return match["symbol"]
    name = plain_name(part.path)
    if layout.symbol:
        named = re.search(layout.symbol, name)
        if named and named.groupdict().get("symbol"):
            return named["symbol"].strip()
    folders = part.path.split("/")[:-1]
    # A year or `part-0` in the folder of a symbol.
    if _PIECE.fullmatch(name) and folders and not folders[-1].lower().endswith(".zip"):
        return folders[-1]
    return None if _NO_SYMBOL.fullmatch(name) else name.strip()


def name_in_layouts(file: str, layouts: Iterable[FileLayout]) -> str:
    """Return the symbol that a file's name has by the first layout whose pattern it matches."""
    name = plain_name(file)
    for layout in layouts:
        match = re.search(layout.symbol, name) if layout.symbol else None
        if match and match.groupdict().get("symbol"):
            return match["symbol"].strip()
    return name


def path_match(part: Part, layout: FileLayout) -> re.Match[str] | None:
    """Return the match of a layout's path, with its groups."""
    if layout.path is None:
        return None
    path = part.file.resolve().as_posix()
    member = f"{path}/{part.path.rpartition('/')[2]}"
    return re.search(layout.path, path) or re.search(layout.path, member)


def clean_symbol(name: str) -> str:
    """Return a vendor's symbol as a name that a file may have.

    Path separators, colons and the marks of globs become `_`; all else stays.
    """
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name.strip()))
    return re.sub(r"^\.+", "_", plain)


def check_names(vendor_names: Iterable[str], notes: Notes) -> dict[str, str]:
    """Return the symbol of each of the vendor's names.

    Raises
    ------
    DataError
        Two names give one symbol, or differ in case only, so that one file would replace the other.
    """
    symbols: dict[str, str] = {}
    taken: dict[str, str] = {}
    names = list(vendor_names)
    codes = [name for name in names if name.isdigit()]
    short = [code for code in codes if len(code) < CODE_DIGITS]
    # Both kinds together: codes of six digits, and shorter ones that can only be such without
    # zeros.
    lost = bool(short) and any(len(code) == CODE_DIGITS for code in codes)
    if lost:
        notes.assume(
            f"codes such as {short[0]} have lost the zeros in front, and are those such as "
            f"{short[0].zfill(CODE_DIGITS)}; accept it with --yes"
        )
    for name in names:
        symbol = clean_symbol(name.zfill(CODE_DIGITS) if lost and name in short else name)
        # Some file systems do not tell capital letters from small ones.
        other = taken.setdefault(symbol.casefold(), name)
        if other != name:
            raise DataError(
                f"the symbols {other!r} and {name!r} would both be stored as {symbol!r}. Import "
                "them into folders of their own"
            )
        symbols[name] = symbol
    return symbols
