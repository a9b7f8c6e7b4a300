"""The schemas of the stored tables: the sums of every run, and the details of some.

To store a further field of an engine's records, add one line here and raise the schema's number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from backfleet.chunks.table_names import ANALYZERS, SUMS
from backfleet.engine import OrderKind, OrderStatus, RejectReason
from backfleet.errors import CorruptObject

__all__ = ["SCHEMAS", "StoredColumn", "TableSchema"]

INTEGER = pa.int64()
NUMBER = pa.float64()
DAY = pa.date32()
# Arrays of numbers as bytes; `chunks/sums.py` says which.
NUMBERS = pa.binary()
TIME = pa.timestamp("ns", tz="UTC")
LOCAL_TIME = pa.timestamp("ns")
TEXT = pa.string()
# int8 is the type of the enumerations in the engines' records.
WORD = pa.dictionary(pa.int8(), pa.string())

TYPES = tuple(kind.name.lower() for kind in OrderKind)
STATUSES = tuple(status.name.lower() for status in OrderStatus)
REASONS = tuple(reason.name.lower() for reason in RejectReason)


@dataclass(frozen=True)
class StoredColumn:
    """A column of a stored table.

    Attributes
    ----------
    source
        The field of the engine's records that it stores, if it has another name.
    words
        The texts that the numbers of a `WORD` column stand for.
    """

    name: str
    type: pa.DataType
    nullable: bool = False
    source: str = ""
    words: Sequence[str] = ()

    @property
    def field(self) -> str:
        """The field of the engine's records that the column stores."""
        return self.source or self.name


@dataclass(frozen=True)
class TableSchema:
    """A stored table: its name, the number of this version of it, and its columns after `task`."""

    name: str
    number: int
    columns: Sequence[StoredColumn]

    @property
    def label(self) -> str:
        """The name of the format, such as `orders/1`."""
        return f"{self.name}/{self.number}"

    @cached_property
    def arrow(self) -> pa.Schema:
        """The columns with their Arrow types."""
        # Every table begins with the task, by which merges and readers select records.
        columns = [StoredColumn("task", INTEGER), *self.columns]
        return pa.schema([pa.field(one.name, one.type, one.nullable) for one in columns])

    def check(self, table: pa.Table) -> None:
        """Raise CorruptObject unless a stored table has exactly these columns, without a null in
        one that has none."""
        expected = [(field.name, _plain(field.type)) for field in self.arrow]
        stored = [(field.name, _plain(field.type)) for field in table.schema]
        # Types, too, since readers take the values from buffers by their width.
        if stored != expected:
            raise CorruptObject(f"its columns are not those of {self.label}: {stored}")
        for field in self.arrow:
            if not field.nullable and table[field.name].null_count:
                raise CorruptObject(f"its column {field.name!r} lacks values")


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values: Parquet does not keep how words are numbered."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


_TABLES = (
    TableSchema(
        "equity",
        1,
        (
            StoredColumn("time", TIME),
            StoredColumn("value", NUMBER),
            StoredColumn("cash", NUMBER),
            StoredColumn("exposure", NUMBER),
        ),
    ),
    TableSchema(
        "orders",
        1,
        (
            StoredColumn("number", INTEGER),
            StoredColumn("symbol", INTEGER),
            StoredColumn("type", WORD, source="kind", words=TYPES),
            StoredColumn("status", WORD, words=STATUSES),
            StoredColumn("reason", WORD, words=REASONS),
            StoredColumn("created", TIME),
            StoredColumn("closed", TIME, nullable=True),
            StoredColumn("size", NUMBER),
            StoredColumn("price", NUMBER),
            StoredColumn("limit", NUMBER),
            StoredColumn("filled", NUMBER),
            StoredColumn("fill_price", NUMBER),
            StoredColumn("commission", NUMBER),
        ),
    ),
    TableSchema(
        "fills",
        1,
        (
            StoredColumn("order", INTEGER),
            StoredColumn("symbol", INTEGER),
            StoredColumn("time", TIME),
            StoredColumn("size", NUMBER),
            StoredColumn("price", NUMBER),
            StoredColumn("commission", NUMBER),
            StoredColumn("pnl", NUMBER),
        ),
    ),
    TableSchema(
        "trades",
        2,
        (
            StoredColumn("symbol", INTEGER),
            StoredColumn("opened", TIME),
            StoredColumn("closed", TIME, nullable=True),
            StoredColumn("size", NUMBER),
            StoredColumn("price", NUMBER),
            StoredColumn("pnl", NUMBER),
            StoredColumn("pnl_net", NUMBER),
            StoredColumn("commission", NUMBER),
            StoredColumn("bars", INTEGER),
            StoredColumn("exit_price", NUMBER),
            StoredColumn("mae", NUMBER),
            StoredColumn("mfe", NUMBER),
        ),
    ),
    TableSchema(
        ANALYZERS,
        1,
        (
            StoredColumn("analyzer", TEXT),
            StoredColumn("key", TEXT),
            StoredColumn("local_time", LOCAL_TIME, nullable=True),
            StoredColumn("row", INTEGER),
            StoredColumn("column", INTEGER),
            StoredColumn("value", NUMBER),
            StoredColumn("text", TEXT, nullable=True),
        ),
    ),
    TableSchema(
        SUMS,
        1,
        (
            StoredColumn("start", DAY),
            StoredColumn("months", INTEGER),
            StoredColumn("counts", NUMBERS),
            StoredColumn("values", NUMBERS),
        ),
    ),
)

SCHEMAS: Mapping[str, TableSchema] = {table.name: table for table in _TABLES}
"""Name of a table to its schema."""
