"""The positions of the columns in a Parquet file, and the headers of their pages.

Both are structs in Thrift's compact protocol. Arrow reads them too, but ends the process on some
damaged footers as soon as it is asked about a column. What Arrow could read in another way, such as
a field that comes twice, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["ColumnPlace", "PageHeader", "read_column_places", "read_pages"]

MAX_DEPTH = 8
_I64 = 1 << 16
"""Added to the numbers of fields with 64 bits: Arrow skips a field that has another width."""

_ENCODING_IN = {5: 2, 7: 2, 8: 4}
"""Field of a page header that describes a kind of page, to the field of its encoding."""

_DICTIONARY_PAGE = 7

_VARINT = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
# In bytes: \x15 and \x2c begin fields 1 to 3 as i32 and field 5 as a struct. The struct has the
# number of values, the encoding, those of the levels, and optional empty statistics. The groups are
# the sizes unpacked and packed, the number of values, and the encoding.
_COMMON_HEADER = re.compile(
    rb"\x15\x00\x15(%b)\x15(%b)\x2c\x15(%b)\x15([\x00-\x7f])\x15[\x00-\x7f]\x15[\x00-\x7f](?:\x1c\x00)?\x00\x00"
    % ((_VARINT,) * 3),
    re.DOTALL,
)
"""A page of data without checksum and with empty statistics, as in chunks. This is much faster than
reading the fields one by one."""


@dataclass(frozen=True)
class PageHeader:
    """A page: its size in bytes when it is unpacked, its number of values, and their encoding."""

    size: int
    values: int
    encoding: int


@dataclass(frozen=True)
class ColumnPlace:
    """The first byte of the pages of a column of a row group, and the byte behind the last one."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes from the first to the last; negative in a damaged file."""
        return self.end - self.start


def read_column_places(content: bytes) -> list[list[ColumnPlace]]:
    """Return the columns of all row groups, as the footer states them. Raises ValueError."""
    try:
        # A file ends with the size of its footer and four letters. In the footer, field 4 holds the
        # row groups, field 1 of a group its columns, and field 3 of a column its metadata.
        size = int.from_bytes(content[-8:-4], "little")
        # Wrong sizes lead to wrong positions, and those to one of the errors below: nothing is
        # allocated by the numbers of the file.
        footer, _ = _read_struct(content, len(content) - 8 - size, 0)
        return [[_place(column[3]) for column in group[1]] for group in footer[4]]
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("the footer is damaged") from error


def _place(column: dict[int, Any]) -> ColumnPlace:
    # Field 7 is the packed size; 9 and 11 are the positions of the first page with data and of the
    # dictionary, which some columns lack.
    # The dictionary comes first if there is one.
    start = min(column[9 | _I64], column.get(11 | _I64, column[9 | _I64]))
    return ColumnPlace(start, start + column[7 | _I64])


def read_pages(content: bytes, place: ColumnPlace) -> Iterator[PageHeader]:
    """Return the headers of the pages of a column. Raises ValueError."""
    start, end = place.start, place.end
    if not 0 <= start <= end <= len(content):
        raise ValueError("a column lies outside the file")
    try:
        while start < end:
            common = _COMMON_HEADER.match(content, start)
            if common:
                size, packed, values = (_integer(it, 0)[0] for it in common.group(1, 2, 3))
                start = common.end() + packed
                # The encoding is one byte, zigzag-encoded: the low bit is the sign.
                yield PageHeader(*_natural(size, packed, values), common[4][0] >> 1)
                continue
            fields, body = _read_struct(content, start, 0)
            start = body + fields[3]
            yield _header(fields)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("the header of a page is damaged") from error


def _header(fields: dict[int, Any]) -> PageHeader:
    # The kinds are 5 for a page of data, 7 for a dictionary, 8 for a page of data of version 2, and
    # 0 for any other page, such as an index.
    kind = next(kind for kind in (*_ENCODING_IN, 0) if not kind or kind in fields)
    if kind in (0, _DICTIONARY_PAGE):
        # The texts in a dictionary are stored in full.
        return PageHeader(*_natural(fields[2], fields[3], 0), 0)
    page = fields[kind]
    return PageHeader(*_natural(fields[2], fields[3], page[1]), page[_ENCODING_IN[kind]])


def _natural(size: int, packed: int, values: int) -> tuple[int, int]:
    """Return the first and the last number. Raises ValueError if one is negative."""
    if min(size, packed, values) < 0:
        raise ValueError("the header of a page has a negative number")
    return size, values


def _read_struct(content: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return the fields of a struct by their numbers, and the position behind it."""
    if depth > MAX_DEPTH:
        raise ValueError("the metadata are nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    # A field begins with one byte: 4 bits of difference to the number of the field before, and 4
    # bits of type. A zero byte ends the struct.
    while kind_and_delta := content[at]:
        delta, kind = kind_and_delta >> 4, kind_and_delta & 15
        at += 1
        if delta:
            number += delta
        else:
            number, at = _integer(content, at)
        if number in fields or number | _I64 in fields or not 0 < number < 2**15:
            raise ValueError("a field is repeated, or has an impossible number")
        # In a struct, the value of a bool is in its type.
        if kind in (1, 2):
            fields[number] = kind == 1
        elif kind == 6:
            fields[number | _I64], at = _integer(content, at)
        else:
            fields[number], at = _read_value(content, at, kind, depth)
    return fields, at + 1


def _read_value(content: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    # Thrift's types: 1 and 2 are true and false, 3 is a byte, 4 to 6 are integers, 7 is a double, 8
    # is text, 9 and 10 are lists and sets, and 12 is a struct.
    if kind in (1, 2, 3):
        return content[at], at + 1
    if kind in (4, 5, 6):
        return _integer(content, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        length, at = _varint(content, at)
        return None, at + length
    if kind in (9, 10):
        return _read_list(content, at, depth)
    if kind == 12:
        return _read_struct(content, at, depth + 1)
    raise ValueError("the metadata have a field of an unknown type")


def _read_list(content: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    count, kind = content[at] >> 4, content[at] & 15
    at += 1
    # The count has 4 bits in the first byte; 15 says that it follows as a varint.
    if count == 15:
        count, at = _varint(content, at)
    # Each element takes a byte or more. Doubles are passed over without a look at the file, so
    # nothing else would end a list that states more of them than the file can hold.
    if count > len(content) - at:
        raise ValueError("the metadata have a list that is longer than the file")
    values = []
    for _ in range(count):
        value, at = _read_value(content, at, kind, depth + 1)
        values.append(value)
    return values, at


def _integer(content: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(content, at)
    # Zigzag encoding: 0, -1, 1, -2 are stored as 0, 1, 2, 3.
    return (value >> 1) ^ -(value & 1), at


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("the metadata have a number that is too long")
