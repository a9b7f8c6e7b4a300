"""Records: what the store keeps as JSON, one frozen dataclass per kind of record.

A record begins with its format and number and ends with a checksum over the rest. `read_record`
checks all of it once, where the record is read: its size and depth, the checksum, the format, every
field and its type. Code behind it works with the dataclass and never with the JSON.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from backfleet.errors import CorruptObject
from backfleet.store.base import Store

__all__ = [
    "MAX_RECORD_BYTES",
    "UNSTORED",
    "DamagedRecord",
    "canonical_digest",
    "decode_record",
    "encode_record",
    "from_plain",
    "parse_json",
    "read_record",
    "to_plain",
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
    content = head | to_plain(record)
    return json.dumps(content | {CHECKSUM: canonical_digest(content)}, indent=1).encode()


def read_record(store: Store, key: str, kind: type[T], record_format: str) -> T:
    """Return the record that is stored under a key.

    Raises ObjectMissing, CorruptObject, which names the object.
    """
    try:
        return decode_record(kind, record_format, store.read(key, MAX_RECORD_BYTES))
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
        raise CorruptObject(f"the record is not JSON that can be read: {error}") from error
    if not isinstance(data, dict):
        raise CorruptObject(f"the record is not a JSON object but {_shown(data)}")
    actual_format, writer = data.get(FORMAT), data.get(WRITER)
    if actual_format != record_format:
        raise CorruptObject(
            f"the record has the format {_shown(actual_format)}, written by {_shown(writer)}. This "
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
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _check_depth(data)
    if _SURROGATE.search(text):
        # Raises UnicodeEncodeError for half a character, which nobody could print.
        json.dumps(data, ensure_ascii=False).encode()
    return data


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("an object has two fields of the same name")
    return data


def _reject_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _integer(text: str) -> int:
    # Checked first, because converting thousands of digits takes long.
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"the number {_shown(text)} does not fit into 64 bits")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {_shown(text)} is too large")
    return number


def _check_depth(data: Any) -> None:
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


def canonical_digest(content: Any) -> str:
    """Return the SHA-256 over canonical JSON (sorted keys, no spaces), in hexadecimal."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def to_plain(value: Any) -> Any:
    """Return a value as plain JSON: dataclasses become objects, tuples become lists."""
    if dataclasses.is_dataclass(value):
        names = (field.name for field in dataclasses.fields(value) if field.metadata != UNSTORED)
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


UNSTORED: Mapping[str, bool] = {"unstored": True}
"""Metadata of a field that is known from where the record lies, and not stored in it."""


def from_plain(kind: Any, value: Any, path: str = "") -> Any:
    """Return plain JSON as a value of the type `kind`; `path` names it in errors.

    The JSON must come from `parse_json`, which bounds it.

    Raises CorruptObject if the JSON is of another type. An integer is a valid float.
    """
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _dataclass_from_plain(kind, value, path)
    if hasattr(kind, "_fields"):
        # A NamedTuple is stored as a list.
        fields = GenericAlias(tuple, tuple(get_type_hints(kind).values()))
        return kind(*from_plain(fields, value, path))
    if origin in (Union, UnionType):
        return _union_from_plain(args, value, path)
    if origin is Literal:
        return _checked(value in args, value, f"one of {', '.join(map(repr, args))}", path)
    if origin is tuple and args[-1] is not Ellipsis:
        _checked(isinstance(value, list) and len(value) == len(args), value, "a list", path)
        pairs = zip(args, value, strict=True)
        return tuple(from_plain(arg, item, f"{path}[{i}]") for i, (arg, item) in enumerate(pairs))
    if origin in (tuple, list, Sequence):
        _checked(isinstance(value, list), value, "a list", path)
        items = (from_plain(args[0], item, f"{path}[{i}]") for i, item in enumerate(value))
        return list(items) if origin is list else tuple(items)
    if origin in (dict, Mapping):
        _checked(isinstance(value, dict), value, "an object", path)
        return {key: from_plain(args[1], item, f"{path}.{key}") for key, item in value.items()}
    return _scalar_from_plain(kind, value, path)


def _dataclass_from_plain(kind: Any, value: Any, path: str) -> Any:
    _checked(isinstance(value, dict), value, "an object", path)
    hints, required = _fields_of(kind)
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in hints:
            raise CorruptObject(
                f"the record was written by a newer backfleet: this one does not know the field "
                f"{_shown(prefix + name)}. Upgrade backfleet to read it"
            )
    for name in required:
        if name not in value:
            raise CorruptObject(f"the record lacks the field {prefix}{name}")
    return kind(**{n: from_plain(hints[n], item, f"{prefix}{n}") for n, item in value.items()})


def _union_from_plain(kinds: Sequence[Any], value: Any, path: str) -> Any:
    for kind in kinds:
        try:
            return from_plain(kind, value, path)
        except CorruptObject:
            # If no member of the union fits, the error of the last one names the field.
            if kind is kinds[-1]:
                raise
    raise AssertionError("a union has at least one member")


def _scalar_from_plain(kind: Any, value: Any, path: str) -> Any:
    if kind in (None, NoneType):
        return _checked(value is None, value, "null", path)
    if issubclass(kind, Enum):
        _checked(value in [member.value for member in kind], value, f"a {kind.__name__}", path)
        return kind(value)
    if kind is float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(_checked(is_number, value, "a number", path))
    # To Python, a bool is an int too.
    fits = type(value) is kind
    return _checked(fits, value, {str: "text", int: "an integer", bool: "a bool"}[kind], path)


@cache
def _fields_of(kind: Any) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Return the types of a dataclass's stored fields, and the names of those without default."""
    hints = get_type_hints(kind)
    stored = [field for field in dataclasses.fields(kind) if field.metadata != UNSTORED]
    required = [
        field.name
        for field in stored
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return {field.name: hints[field.name] for field in stored}, required


def _checked(fits: bool, value: Any, expected: str, path: str) -> Any:
    if not fits:
        raise CorruptObject(f"the record's field {path} is {_shown(value)} and not {expected}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
