"""Records: what the store keeps as JSON, one frozen dataclass per kind of record.

A record begins with its format and number and ends with a checksum over the rest. `read_record`
checks all of it once, where the record is read: its size and depth, the checksum, the format, every
field and its type. Code behind it works with the dataclass and never with the JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeVar

from backfleet.errors import CorruptObject
from backfleet.nesting import nested_levels
from backfleet.store.base import Store
from backfleet.store.plain_json import from_plain, shown, to_plain

__all__ = [
    "MAX_RECORD_BYTES",
    "DamagedRecord",
    "canonical_digest",
    "decode_record",
    "encode_record",
    "parse_json",
    "read_record",
    "warn_of_damage",
]

T = TypeVar("T")

FORMAT, WRITER, CHECKSUM = "format", "written_by", "checksum"

MAX_RECORD_BYTES = 16 * 2**20
"""Size limit of a record. The manifest of 40,000 symbols has half of it."""

MAX_DEPTH = 64
"""Maximum nesting of lists and objects in a record, whose own fields need less than ten levels."""

MAX_VALUES_PER_MIB = 65_536
"""Maximum number of values per MiB of the limit: `[[],[],...` takes 20 times its size in memory."""

# JSON can escape half of a pair, which Python's decoder accepts.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class DamagedRecord(UserWarning):
    """A record in a store that cannot be read. The rest of the run is shown without it."""


def warn_of_damage(error: CorruptObject, consequence: str) -> None:
    """Warn that a record is damaged, in one line, and say what is done without it."""
    warnings.warn(f"{error}. {consequence}", DamagedRecord, stacklevel=3)


def encode_record(record_format: str, record: object) -> bytes:
    """Return a record as JSON: its format, its fields, and a checksum over them.

    Parameters
    ----------
    record_format
        Kind and number, such as `manifest/3`.
    """
    from importlib.metadata import version

    head = {FORMAT: record_format, WRITER: f"backfleet {version('backfleet')}"}
    # The format comes first, so that people and `head -c` see what the file is.
    content = head | to_plain(record)
    # The checksum finds damage and edits by hand, not forgery: anybody can compute it.
    return json.dumps(content | {CHECKSUM: canonical_digest(content)}, indent=1).encode()


def read_record(
    store: Store,
    key: str,
    kind: type[T],
    record_format: str,
    max_bytes: int = MAX_RECORD_BYTES,
) -> T:
    """Return the record that is stored under a key.

    Raises ObjectMissing, CorruptObject, which names the object.
    """
    try:
        return decode_record(kind, record_format, store.read(key, max_bytes), max_bytes)
    except CorruptObject as error:
        url = f"{store.url}/{key}"
        raise CorruptObject(str(error) if url in str(error) else f"{url}: {error}") from error


def decode_record(
    kind: type[T], record_format: str, content: bytes, max_bytes: int = MAX_RECORD_BYTES
) -> T:
    """Return the record that `encode_record` wrote.

    Raises CorruptObject if it is damaged, too large, has another format, or a field that is
    missing, unknown or of another type.
    """
    try:
        data = parse_json(content, max_bytes)
    except ValueError as error:
        raise CorruptObject(
            f"the record cannot be read as JSON: {error}. Restore it from a copy"
        ) from error
    if not isinstance(data, dict):
        raise CorruptObject(f"the record is not a JSON object but {shown(data)}")
    actual_format, writer = data.get(FORMAT), data.get(WRITER)
    # Before the checksum, because another format may compute it in another way.
    if actual_format != record_format:
        raise CorruptObject(
            f"the record has the format {shown(actual_format)}, written by {shown(writer)}. This "
            f"backfleet reads {record_format!r}; use the version that wrote it"
        )
    checksum = data.pop(CHECKSUM, None)
    if checksum != canonical_digest(data):
        raise CorruptObject("the record was altered: it does not match its checksum")
    fields = {name: value for name, value in data.items() if name not in (FORMAT, WRITER)}
    record: T = from_plain(kind, fields)
    return record


def parse_json(content: bytes, max_bytes: int = MAX_RECORD_BYTES) -> Any:
    """Return the JSON that a stranger may have written, as plain Python.

    Raises ValueError for JSON that is too large or too deep, that names a key twice or holds a
    number that is not finite or does not fit into 64 bits, or text that is not valid Unicode.
    """
    if len(content) > max_bytes:
        raise ValueError(f"it has {len(content):,} bytes; at most {max_bytes:,} are valid")
    # A cheap upper bound of the number of values, before any of them takes memory.
    count = content.count(b",") + content.count(b"[") + content.count(b"{")
    max_values = max_bytes * MAX_VALUES_PER_MIB // 2**20
    if count > max_values:
        raise ValueError(f"it has about {count:,} values; at most {max_values:,} are valid")
    text = content.decode()
    try:
        data = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_reject_constant,
            parse_int=_integer,
            parse_float=_fraction,
        )
    # Python's decoder recurses and gives up at the interpreter's limit, long before memory is
    # short.
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    # Exhausts the generator, which raises ValueError at a level that is too deep.
    deque(nested_levels(data, MAX_DEPTH), maxlen=0)
    if _SURROGATE.search(text):
        # Raises UnicodeEncodeError for half a character, which nobody could print.
        json.dumps(data, ensure_ascii=False).encode()
    return data


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    # Parsers differ in which of the two they take, so that two programs could read two records.
    if len(data) < len(pairs):
        raise ValueError("an object has two fields of the same name")
    return data


def _reject_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a valid JSON number")


def _integer(text: str) -> int:
    # Checked first, because converting thousands of digits takes long.
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"the number {shown(text)} does not fit into 64 bits")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {shown(text)} is too large")
    return number


def canonical_digest(content: Any) -> str:
    """Return the SHA-256 over canonical JSON (sorted keys, no spaces), in hexadecimal."""
    # Without `indent` and with sorted keys, so that the digest does not depend on how a record is
    # written.
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
