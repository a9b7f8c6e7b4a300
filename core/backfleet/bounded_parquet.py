"""Parquet files that may be hostile: their size in memory is bounded before they are read.

A file of a few kilobytes can stand for more than a machine has: runs of equal values take a few
bytes, and a page can unpack to 2 GiB. Numbers are bounded by rows × width, pages by the sizes in
their headers (decompression stops there), and texts by the pages that hold them. The sums that a
file states in its footer are not used, because no reader compares them with the pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backfleet.parquet_pages import PageHeader, read_column_places, read_pages

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BoundedParquet", "OddColumn", "TooLarge"]

MIN_BOUND_BYTES = 256 * 2**20
MAX_RATIO = 64
"""Bound of the size in memory, in multiples of the file's size: a small file can still hold many
equal values, and a large one is data. Prices and equity with their times reach about 13."""

_STORED_TEXT = frozenset({0, 3, 6})
"""Encodings of pages that hold each text in full: PLAIN, RLE, DELTA_LENGTH_BYTE_ARRAY."""

# Pages of PLAIN_DICTIONARY and RLE_DICTIONARY hold positions in a dictionary of texts.
# DELTA_BYTE_ARRAY (7) is in neither set, since its texts share prefixes and can grow without bound.
_DICTIONARY = frozenset({2, 8})


class TooLarge(ValueError):
    """A file that would take more memory than its size justifies."""


class OddColumn(ValueError):
    """A column whose size in memory has no bound that is known before it is read."""


@dataclass
class BoundedParquet:
    """An open file.

    Raises pa.ArrowException, OSError for anything that is no Parquet file.
    """

    content: bytes
    file: Any = field(init=False)

    def __post_init__(self) -> None:
        self.file = self._open([])

    def check(self, columns: Sequence[str] | None = None, *, max_rows: int | None = None) -> None:
        """Raise ValueError, such as TooLarge, unless the columns can be read in bounded memory."""
        self._check(columns, max_rows)

    def read(
        self, columns: Sequence[str] | None = None, *, max_rows: int | None = None
    ) -> pa.Table:
        """Return all columns, or some, after `check`."""
        # Texts with a dictionary stay encoded at first: the same long text, a million times, takes
        # the memory of one until `_decoded` has added up the lengths.
        encoded = self._check(columns, max_rows)
        file = self._open(encoded) if encoded else self.file
        # A thread that still holds the bytes while the interpreter ends would abort the process.
        table = file.read(columns=None if columns is None else list(columns), use_threads=False)
        for name in encoded:
            table = self._decoded(table, name)
        return table

    def _open(self, encoded: Sequence[str]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pq.ParquetFile(pa.BufferReader(self.content), read_dictionary=list(encoded))

    @property
    def _max_bytes(self) -> int:
        return max(MIN_BOUND_BYTES, MAX_RATIO * len(self.content))

    def _check(self, columns: Sequence[str] | None, max_rows: int | None) -> list[str]:
        """Check the sizes, and return the text columns that are stored with a dictionary."""
        metadata, schema = self.file.metadata, self.file.schema
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        # A hostile footer can state different numbers in the two places, so the larger one counts.
        rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
        if max_rows is not None and rows > max_rows:
            raise TooLarge(f"it has {rows:,} rows, and at most {max_rows:,} are possible")
        # Arrow ends the process if it is asked about a column whose metadata contradict each other.
        places = read_column_places(self.content)
        if [len(columns) for columns in places] != [len(schema)] * len(groups):
            raise ValueError("the footer is damaged: its row groups lack columns")
        # The metadata of a row group without rows point to the beginning of the file, where no page
        # is.
        places = [place for place, group in zip(places, groups, strict=True) if group.num_rows]
        # Thousands of row groups of a small file can name the same pages, and reading their headers
        # again for each would take all time and memory.
        if sum(max(place.size, 0) for group in places for place in group) > len(self.content):
            raise ValueError("the footer is damaged: its columns overlap")
        unpacked, encoded = 0, []
        for position in range(len(schema)):
            leaf = schema.column(position)
            # A column of lists has the path "name.list.element".
            if columns is not None and not any(
                f"{leaf.path}.".startswith(f"{c}.") for c in columns
            ):
                continue
            pages = [page for group in places for page in read_pages(self.content, group[position])]
            # A column of lists has more values than rows, and a hostile header may state fewer.
            values = max(rows, sum(page.values for page in pages))
            width = _width(leaf)
            if width is None and _has_dictionary(leaf.path, pages):
                encoded.append(leaf.path)
            # 8 bytes for the offset of a text or a list, and 1 for whether there is a value.
            unpacked += sum(page.size for page in pages) + values * (9 + (width or 0))
            # In the loop, so that a file with thousands of columns is refused at the first that is
            # too large.
            self._check_size(unpacked)
        return encoded

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLarge(
                f"its {len(self.content):,} bytes would take {size / 2**20:,.0f} MiB of memory, "
                f"and at most {self._max_bytes / 2**20:,.0f} MiB are read"
            )

    def _decoded(self, table: pa.Table, name: str) -> pa.Table:
        """Write out the texts of a column, whose length is known only now."""
        import pyarrow as pa
        import pyarrow.compute as pc

        position = table.column_names.index(name)
        column = table.column(position)
        if not pa.types.is_dictionary(column.type):
            return table
        # Lengths of the texts as they will be written out, computed on the dictionary and its
        # positions.
        size = sum(
            pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
            for chunk in column.chunks
        )
        self._check_size(size + table.nbytes)
        kind = self.file.schema_arrow.field(name).type
        return table.set_column(position, name, column.cast(kind))


def _has_dictionary(path: str, pages: Sequence[PageHeader]) -> bool:
    """Whether texts are stored with a dictionary. Raises OddColumn if their size has no bound."""
    encodings = {page.encoding for page in pages}
    if encodings <= _STORED_TEXT:
        return False
    if "." in path or not encodings <= _STORED_TEXT | _DICTIONARY:
        raise OddColumn(f"column {path} has texts in an encoding of unknown size")
    return True


def _width(leaf: Any) -> int | None:
    """Return the bytes of a value in memory, or None for texts."""
    kind = leaf.physical_type
    if kind == "BYTE_ARRAY":
        return None
    # Arrow holds numbers, dates and times of any other type in at most 8 bytes.
    return int(leaf.length) if kind == "FIXED_LEN_BYTE_ARRAY" else 8
