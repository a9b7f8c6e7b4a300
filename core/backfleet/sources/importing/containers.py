"""Opening files by their first bytes: archives, texts, Parquet, Feather, JSON, Excel, databases."""

from __future__ import annotations

import gzip
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from backfleet.errors import DataError
from backfleet.sources.importing.parts import (
    Part,
    TablePart,
    TextPart,
    TextSettings,
    naming_damage,
)

__all__ = ["SUFFIXES", "find_files", "is_data_name", "not_a_file", "open_parts", "plain_name"]

SUFFIXES = (
    "csv", "txt", "tsv", "dat", "zip", "gz", "zst", "json", "jsonl", "feather", "arrow", "ipc",
    "parquet", "pq", "xlsx", "xls", "duckdb", "ddb", "db", "sqlite", "sqlite3", "asc", "prn",
)  # fmt: skip
MAX_UNPACKED_BYTES = 4 * 2**30
MAX_RATIO = 1_000
_SKIPPED = re.compile(
    r"readme.*|licen[cs]e.*|.*\.checksum|__macosx|requirements\.txt", re.IGNORECASE
)
_HTML = re.compile(rb"\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)


def find_files(root: Path) -> list[Path]:
    """Return the files to import below a folder, or the file itself, sorted by path.

    Raises DataError if there is none.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise not_a_file(root)
    files = sorted(path for path in root.rglob("*") if _is_data(path, root) and not path.is_dir())
    for file in files:
        # To read from a pipe or a device would block or never end.
        if not file.is_file():
            raise not_a_file(file)
    if not files:
        raise DataError(
            f"{root}: it has no files to import; their names end in .{', .'.join(SUFFIXES[:12])} "
            "and so on"
        )
    return files


def not_a_file(path: Path) -> DataError:
    """Return the error for a path that is neither a file nor a folder."""
    if os.path.lexists(path):
        return DataError(
            f"{path}: this is no regular file, but a pipe, a device or a broken link; remove it"
        )
    return DataError(f"{path}: there is no such file or folder")


def _is_data(path: Path, root: Path) -> bool:
    return is_data_name(path.relative_to(root).as_posix())


def is_data_name(name: str) -> bool:
    """Whether a path below a folder can be that of a file of bars."""
    return not _is_skipped(name) and name.rpartition(".")[2].lower() in SUFFIXES


def _is_skipped(path: str) -> bool:
    """Whether a path leads to hidden files, or to those that archives and repositories add."""
    return any(part.startswith(".") or _SKIPPED.fullmatch(part) for part in path.split("/"))


def plain_name(path: str) -> str:
    """Return the last name of a path without the suffixes of formats: `AAPL.csv.gz` is `AAPL`."""
    name = path.rpartition("/")[2]
    # In a loop: `A.csv.gz` has two suffixes.
    while (suffix := name.rpartition(".")[2].lower()) in SUFFIXES and "." in name.lstrip("."):
        name = name[: -len(suffix) - 1]
    return name


def open_parts(file: Path, path: str, settings: TextSettings) -> Iterator[Part]:
    """Yield the tables of a file. Raises DataError.

    Parameters
    ----------
    path
        The file's path below the folder that is imported.
    """
    from backfleet.sources.importing import tables

    try:
        with file.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    # By the first bytes, since names lie: a `.csv` can be compressed, and a `.dat` can be anything.
    if head.startswith(b"\x1f\x8b"):
        yield from _stream_parts(file, path, partial(_gzip, file), settings)
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        yield from _stream_parts(file, path, partial(_zstd, file), settings)
    elif head.startswith(b"PK"):
        yield from _zip_parts(file, path, settings)
    elif head.startswith(b"PAR1"):
        yield TablePart(file, path, partial(tables.parquet, file))
    elif head.startswith((b"ARROW1", b"FEA1")):
        yield TablePart(file, path, partial(tables.feather, file))
    # DuckDB begins with a checksum of eight bytes.
    elif head[8:12] == b"DUCK":
        yield from (TablePart(file, path, load) for load in tables.duckdb_tables(file))
    elif head.startswith(b"SQLite format 3\0"):
        yield from (TablePart(file, path, load) for load in tables.sqlite_tables(file))
    elif head.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{file}: this is an old Excel workbook; save it as .xlsx or .csv")
    elif head.startswith((b"\x89HDF", b"BZh", b"\xfd7zXZ", b"Rar!", b"7z\xbc\xaf")):
        raise DataError(f"{file}: this kind of container is not read; save the data as CSV")
    else:
        yield from _stream_parts(file, path, partial(_plain, file), settings)


def _plain(file: Path) -> BinaryIO:
    return file.open("rb")


def _gzip(file: Path) -> BinaryIO:
    return gzip.open(file, "rb")  # type: ignore[return-value]  # a file of bytes in all but name


def _zstd(file: Path) -> BinaryIO:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.OSFile(str(file)), "zstd")  # type: ignore[no-any-return]


def _stream_parts(
    file: Path, path: str, open_stream: Callable[[], BinaryIO], settings: TextSettings
) -> Iterator[Part]:
    from backfleet.sources.importing import documents

    # The text within a compressed file can be JSON or a page of HTML, too.
    with naming_damage(file), open_stream() as stream:
        head = stream.read(4096)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(start):
        raise DataError(f"{file}: this is an HTML or XML page, not a table of bars")
    if not start:
        raise DataError(f"{file}: no rows: the file is empty")
    if start[:1] in (b"[", b"{"):
        yield from (
            TablePart(file, path, load) for load in documents.json_tables(file, open_stream)
        )
    else:
        yield TextPart(file, path, open_stream, settings)


def _zip_parts(file: Path, path: str, settings: TextSettings) -> Iterator[Part]:
    from backfleet.sources.importing import tables

    try:
        members = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{file}: this zip archive is damaged: {error}") from None
    # A workbook is a zip archive of XML.
    if any(member.filename == "xl/workbook.xml" for member in members):
        yield from (TablePart(file, path, load) for load in tables.workbook_sheets(file))
        return
    texts = [member for member in members if _is_text_member(member.filename)]
    if any(member.filename.lower().endswith(".csv") for member in texts):
        # A text beside it is a report, such as the one of gaps from HistData.
        texts = [member for member in texts if not member.filename.lower().endswith(".txt")]
    if not texts:
        raise DataError(f"{file}: the archive has no .csv, .txt or .json files")
    # The sizes as the archive states them, before anything is unpacked: a small archive can hold
    # terabytes.
    unpacked = sum(member.file_size for member in texts)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(file.stat().st_size, 1):
        raise DataError(
            f"{file}: the archive unpacks to {unpacked:,} bytes, which is not read; unpack it first"
        )
    for member in sorted(texts, key=lambda entry: entry.filename):
        inside = f"{path}/{member.filename}"
        yield from _stream_parts(file, inside, partial(_member, file, member.filename), settings)


def _is_text_member(name: str) -> bool:
    return not _is_skipped(name) and name.lower().endswith((".csv", ".txt", ".json", ".tsv"))


def _member(file: Path, name: str) -> BinaryIO:
    return zipfile.ZipFile(file).open(name)  # type: ignore[return-value]  # a file of bytes
