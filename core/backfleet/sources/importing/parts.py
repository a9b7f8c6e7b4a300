"""`Part`: one table of a file, which can be sampled and read in pieces."""

from __future__ import annotations

import io
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from backfleet.errors import DataError
from backfleet.sources.importing.dates import is_date
from backfleet.sources.importing.dialect import Dialect, find_dialect, find_encoding
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.numbers import MISSING

__all__ = ["Part", "TablePart", "TextPart", "TextSettings", "naming_damage"]

# The head and the tail are enough to decide how a file is read, however large it is.
HEAD_BYTES = 256 * 1024
TAIL_BYTES = 64 * 1024
BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class TextSettings:
    """The user's statements about text files; None is detected."""

    encoding: str | None = None
    delimiter: str | None = None


@contextmanager
def naming_damage(file: Path) -> Iterator[None]:
    """Raise DataError for what readers of compressed files raise if a file is damaged."""
    try:
        yield
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        # zipfile raises RuntimeError for an encrypted member.
        raise DataError(f"{file}: the file is damaged or cannot be read: {error}") from None


class _NoFloats(Exception):
    """A column that was to be read as numbers has other text."""


class Part(ABC):
    """A table.

    Attributes
    ----------
    file
        The file on disk.
    path
        Its path below the folder that is imported, with `/`; the member of an archive follows
        after `/`, too.
    """

    file: Path
    path: str

    @abstractmethod
    def sample(self) -> Frame:
        """Return the first and the last rows. Raises DataError."""

    @abstractmethod
    def frames(self, floats: Collection[int] = ()) -> Iterator[Frame]:
        """Yield all rows in pieces of bounded size. Raises DataError.

        Parameters
        ----------
        floats
            Positions of columns that are read as numbers at once, if they are plain ones.
        """

    @property
    def preamble(self) -> tuple[str, ...]:
        """The lines above the header."""
        return ()

    @property
    def first_line(self) -> str | None:
        """The first row of a text without a header; None if the columns have names."""
        return None


@dataclass(frozen=True, eq=False)
class TablePart(Part):
    """A table that its container reads whole."""

    file: Path
    path: str
    load: Callable[[], Frame]

    def sample(self) -> Frame:
        return next(self.frames())

    def frames(self, floats: Collection[int] = ()) -> Iterator[Frame]:
        yield self.load()


@dataclass(frozen=True, eq=False)
class TextPart(Part):
    """A text with a delimiter.

    Attributes
    ----------
    open_stream
        Opens the bytes of the text.
    """

    file: Path
    path: str
    open_stream: Callable[[], BinaryIO]
    settings: TextSettings

    @cached_property
    def dialect(self) -> Dialect:
        """The form of the text."""
        head = self._head()
        complete = len(head) < HEAD_BYTES
        origin = str(self.file)
        encoding = self.settings.encoding or find_encoding(origin, head, complete)
        text = _decode(origin, head, encoding)
        return find_dialect(origin, text, encoding, self.settings.delimiter, complete)

    def _head(self) -> bytes:
        with naming_damage(self.file), self.open_stream() as stream:
            return stream.read(HEAD_BYTES)

    @property
    def preamble(self) -> tuple[str, ...]:
        return self.dialect.preamble

    @property
    def first_line(self) -> str | None:
        if self.dialect.header:
            return None
        lines = (
            _decode(str(self.file), self._head(), self.dialect.encoding)
            .lstrip("\ufeff")
            .splitlines()
        )
        return lines[self.dialect.skip]

    def sample(self) -> Frame:
        with naming_damage(self.file), self.open_stream() as stream:
            head = stream.read(HEAD_BYTES + TAIL_BYTES)
            rest = b""
            # The file goes on: its last rows show changes of units, and whether the newest row
            # comes first.
            if len(head) == HEAD_BYTES + TAIL_BYTES:
                head = head[: head.rfind(b"\n") + 1]
                rest = self._tail(stream)
        frames = list(self._read(io.BytesIO(head + rest)))
        return frames[0]

    def _tail(self, stream: BinaryIO) -> bytes:
        if self.dialect.encoding.startswith("utf-16") or not stream.seekable():
            return b""
        try:
            stream.seek(-TAIL_BYTES, io.SEEK_END)
        except (OSError, ValueError, EOFError):
            return b""
        tail = stream.read()
        # The tail begins within a row, which is left out.
        return tail[tail.find(b"\n") + 1 :]

    def frames(self, floats: Collection[int] = ()) -> Iterator[Frame]:
        done = 0
        try:
            with naming_damage(self.file), self.open_stream() as stream:
                for frame in self._read(stream, floats):
                    done += len(frame)
                    yield frame
            return
        except _NoFloats:
            pass
        # A number is not a plain one. What follows is read as text, from the row after the last.
        with naming_damage(self.file), self.open_stream() as stream:
            # Rows that have been yielded are skipped by their count, since both readings have the
            # same rows.
            for frame in self._read(stream):
                if done < len(frame):
                    yield frame.rows(done, len(frame)) if done else frame
                done = max(done - len(frame), 0)

    def _read(self, stream: BinaryIO, floats: Collection[int] = ()) -> Iterator[Frame]:
        dialect = self.dialect
        text: Any = stream
        if dialect.encoding not in ("utf-8", "ascii"):
            # Only old exports have these encodings, and they are small.
            text = io.BytesIO(_decode(str(self.file), stream.read(), dialect.encoding).encode())
        wrong: list[Any] = []

        def note(row: Any) -> str:
            wrong.append(row)
            return "skip"

        # By position: names can be missing or be there twice.
        names = [str(position) for position in range(dialect.width)]
        kinds = {
            name: pa.float64() if place in floats else pa.string()
            for place, name in enumerate(names)
        }
        rows = 0
        try:
            reader = pacsv.open_csv(
                text,
                read_options=pacsv.ReadOptions(
                    column_names=names,
                    skip_rows=dialect.skip,
                    block_size=BLOCK_BYTES,
                    use_threads=False,
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=dialect.delimiter, invalid_row_handler=note
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=kinds,
                    strings_can_be_null=True,
                    null_values=list(MISSING),
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    yield self._frame(batch, dialect.skip + 1 + rows)
                rows += batch.num_rows
        except pa.ArrowInvalid as error:
            # Other errors are those of the text itself, which a second reading would meet again.
            if floats and "conversion error" in str(error):
                raise _NoFloats from None
            raise DataError(f"{self.file}: {_explain(error, dialect.encoding)}") from None
        self._check_wrong(wrong, rows)
        if not rows:
            raise DataError(f"{self.file}: no rows below the names of the columns")

    def _frame(self, batch: Any, first_row: int) -> Frame:
        header = self.dialect.header
        width = self.dialect.width
        names = header[0] if len(header) == 1 and len(header[0]) == width else ("",) * width
        return Frame(str(self.file), tuple(names), tuple(batch.columns), first_row)

    def _check_wrong(self, wrong: list[Any], rows: int) -> None:
        """Refuse rows with another count of cells, except for one line of text at the end."""
        for row in wrong:
            number = row.number or 0
            # Below all other rows, such as a line with the name of the vendor. A row with a date is
            # data.
            last = row is wrong[-1] and number > rows + self.dialect.skip
            is_trailer = last and not is_date(row.text or "")
            if not is_trailer:
                raise DataError(
                    f"{self.file}: row {number}: {row.actual_columns} values "
                    f"for {row.expected_columns} columns"
                )


def _explain(error: Exception, encoding: str) -> str:
    text = str(error)
    if "UTF8" in text or "UTF-8" in text:
        return "the text is not UTF-8 throughout; name its encoding with --encoding"
    return text


def _decode(origin: str, content: bytes, encoding: str) -> str:
    # The bytes can end within a character, which has up to four of them.
    for shorter in range(4):
        try:
            return content[: len(content) - shorter].decode(encoding)
        except UnicodeDecodeError as error:
            failure = error
        except LookupError:
            raise DataError(f"--encoding {encoding}: Python knows no such encoding") from None
    raise DataError(f"{origin}: this is not text in {encoding}: {failure.reason}") from None
