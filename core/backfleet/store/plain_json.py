"""Dataclasses as plain JSON, and back with strict types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from backfleet.errors import CorruptObject

__all__ = ["UNSTORED", "from_plain", "shown", "to_plain"]

_Path = Union[str, "tuple[_Path, str | int]"]
"""Position of a value in a record, which becomes a text only in an error."""

_Converter = Callable[[Any, Any], Any]


def to_plain(value: Any) -> Any:
    """Return a value as plain JSON: dataclasses become objects, tuples become lists."""
    if dataclasses.is_dataclass(value):
        names = (field.name for field in dataclasses.fields(value) if field.metadata != UNSTORED)
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        # JSON has text keys only; `from_plain` returns them as text.
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


UNSTORED: Mapping[str, bool] = {"unstored": True}
"""Metadata of a field that follows from the key of the record, and is not stored in it."""


def from_plain(kind: Any, value: Any, path: str = "") -> Any:
    """Return plain JSON as a value of the type `kind`; `path` names it in errors.

    The JSON must come from `parse_json`, which bounds it.

    Raises CorruptObject if the JSON is of another type. An integer is a valid float.
    """
    # The type is analyzed once per process, and each value then runs through plain closures.
    return _converter(kind)(value, path)


@cache
def _converter(kind: Any) -> _Converter:
    """Return the function that converts JSON to a type."""
    # A listing reads thousands of records, and examining the type for each value would take most of
    # the time.
    origin, args = get_origin(kind), get_args(kind)
    # For content that another package defines, such as an executor's handle.
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
    # `tuple[int, str]` has a type for each position, `tuple[int, ...]` one for all.
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
        # The path is a chain of pairs, since making a text of it for each value would cost more
        # than the conversion.
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
        # Unknown fields are errors and not ignored: a newer version may have put something decisive
        # there.
        for name in value:
            if name not in fields:
                raise CorruptObject(
                    f"the record was written by a newer backfleet: this one does not know the "
                    f"field {shown(_name((path, name)))}. Upgrade backfleet to read it"
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
    # Any other type is a programming error and raises KeyError when the converter is built.
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
            f"the record's field {_name(path)} is {shown(value)} and not {expected}"
        )
    return value


def shown(value: object) -> str:
    """Return a value for a message, of at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
