"""Records: what the store keeps as JSON, one frozen dataclass per kind of record.

A record begins with its format and number and ends with a checksum over the rest. `decode_record`
checks all of it once, where the record is read: the checksum, the format, every field and its
type. Code behind it works with the dataclass and never with the JSON.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from backfleet.errors import CorruptObject

__all__ = [
    "UNSTORED",
    "canonical_digest",
    "decode_record",
    "encode_record",
    "from_plain",
    "to_plain",
]

T = TypeVar("T")

_Path = Union[str, "tuple[_Path, str | int]"]
"""Where a value lies in a record: it becomes a text only in an error."""

_Converter = Callable[[Any, Any], Any]

FORMAT, WRITER, CHECKSUM = "format", "written_by", "checksum"


def encode_record(record_format: str, record: object) -> bytes:
    """Return a record as JSON: its format, its fields, and a checksum over them.

    Parameters
    ----------
    record_format
        Kind and number, such as `manifest/2`.
    """
    from importlib.metadata import version

    head = {FORMAT: record_format, WRITER: f"backfleet {version('backfleet')}"}
    content = head | to_plain(record)
    return json.dumps(content | {CHECKSUM: canonical_digest(content)}, indent=1).encode()


def decode_record(kind: type[T], record_format: str, content: bytes) -> T:
    """Return the record that `encode_record` wrote.

    Raises CorruptObject if it is damaged, has another format, or a field that is missing, unknown
    or of another type.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptObject(f"the record is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CorruptObject(f"the record is not a JSON object but {_shown(data)}")
    found_format, writer = data.get(FORMAT), data.get(WRITER)
    if found_format != record_format:
        raise CorruptObject(
            f"the record has the format {_shown(found_format)}, written by {_shown(writer)}. This "
            f"backfleet reads {record_format!r}; use the version that wrote it"
        )
    checksum = data.pop(CHECKSUM, None)
    if checksum != canonical_digest(data):
        raise CorruptObject("the record was altered: it does not match its checksum")
    fields = {name: value for name, value in data.items() if name not in (FORMAT, WRITER)}
    record: T = from_plain(kind, fields)
    return record


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

    Raises CorruptObject if the JSON is of another type. An integer is a valid float.
    """
    return _converter(kind)(value, path)


@cache
def _converter(kind: Any) -> _Converter:
    """Return the function that converts JSON to a type: a listing reads thousands of records, and
    looking at the type for each value would take most of the time."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value, path: value
    if dataclasses.is_dataclass(kind):
        return _dataclass_converter(kind)
    if hasattr(kind, "_fields"):
        # A NamedTuple is stored as a list.
        fields = _converter(GenericAlias(tuple, tuple(get_type_hints(kind).values())))
        return lambda value, path: kind(*fields(value, path))
    if origin in (Union, UnionType):
        return _union_converter(args)
    if origin is Literal:
        choices = f"one of {', '.join(map(repr, args))}"
        return lambda value, path: _checked(value in args, value, choices, path)
    if origin is tuple and args[-1] is not Ellipsis:
        return _tuple_converter([_converter(arg) for arg in args])
    if origin in (tuple, list, Sequence):
        return _list_converter(list if origin is list else tuple, _converter(args[0]))
    if origin in (dict, Mapping):
        return _dict_converter(_converter(args[1]))
    return _scalar_converter(kind)


def _tuple_converter(items: Sequence[_Converter]) -> _Converter:
    def convert(value: Any, path: _Path) -> Any:
        _checked(isinstance(value, list) and len(value) == len(items), value, "a list", path)
        pairs = zip(items, value, strict=True)
        return tuple([item(part, (path, i)) for i, (item, part) in enumerate(pairs)])

    return convert


def _list_converter(kind: Callable[[Any], Any], item: _Converter) -> _Converter:
    def convert(value: Any, path: _Path) -> Any:
        _checked(isinstance(value, list), value, "a list", path)
        return kind([item(part, (path, i)) for i, part in enumerate(value)])

    return convert


def _dict_converter(item: _Converter) -> _Converter:
    def convert(value: Any, path: _Path) -> Any:
        _checked(isinstance(value, dict), value, "an object", path)
        return {key: item(part, (path, key)) for key, part in value.items()}

    return convert


def _dataclass_converter(kind: Any) -> _Converter:
    hints, required = _fields_of(kind)
    fields = {name: _converter(hint) for name, hint in hints.items()}

    def convert(value: Any, path: _Path) -> Any:
        _checked(isinstance(value, dict), value, "an object", path)
        for name in value:
            if name not in fields:
                raise CorruptObject(
                    f"the record has the unknown field {_name((path, name))}; a newer backfleet "
                    "may have written it"
                )
        for name in required:
            if name not in value:
                raise CorruptObject(f"the record lacks the field {_name((path, name))}")
        return kind(**{name: fields[name](part, (path, name)) for name, part in value.items()})

    return convert


def _union_converter(kinds: Sequence[Any]) -> _Converter:
    *others, last = map(_converter, kinds)

    def convert(value: Any, path: _Path) -> Any:
        for member in others:
            try:
                return member(value, path)
            except CorruptObject:
                continue
        # If no member of the union fits, the error of the last one names the field.
        return last(value, path)

    return convert


def _scalar_converter(kind: Any) -> _Converter:
    if kind in (None, NoneType):
        return lambda value, path: _checked(value is None, value, "null", path)
    if issubclass(kind, Enum):
        values = [member.value for member in kind]
        expected = f"a {kind.__name__}"
        return lambda value, path: kind(_checked(value in values, value, expected, path))
    if kind is float:
        return _float
    expected = {str: "text", int: "an integer", bool: "a bool"}[kind]
    # To Python, a bool is an int too.
    return lambda value, path: _checked(type(value) is kind, value, expected, path)


def _float(value: Any, path: _Path) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(_checked(is_number, value, "a number", path))


def _name(path: _Path) -> str:
    """Return a path as text, such as `data.symbols[3].name`."""
    if isinstance(path, str):
        return path
    parent, part = _name(path[0]), path[1]
    if isinstance(part, int):
        return f"{parent}[{part}]"
    return f"{parent}.{part}" if parent else str(part)


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


def _checked(fits: bool, value: Any, expected: str, path: _Path) -> Any:
    if not fits:
        raise CorruptObject(
            f"the record's field {_name(path)} is {_shown(value)} and not {expected}"
        )
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
