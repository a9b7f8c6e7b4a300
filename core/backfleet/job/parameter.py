"""`Parameter`: one parameter of a strategy, and the type that its values take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Literal

from backfleet.job.job_errors import invalid_value

__all__ = ["Kind", "Parameter", "Value"]

Value = bool | int | float | str | list[Any] | None
"""A value of a parameter: plain JSON. A list holds scalars and lists."""

Kind = Literal["int", "float", "bool", "str", "any", "list"]

KINDS: Mapping[type, Kind] = {
    # A bool is an int to Python, so it comes first.
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "list",
    tuple: "list",
}
# The columns of points and results are int64.
MAX_INT = 2**63 - 1


@dataclass(frozen=True)
class Parameter:
    """One parameter of a strategy, as plain data.

    Attributes
    ----------
    name
        As the strategy declares it.
    kind
        The type of its values, which is that of its default; "any" takes any scalar.
    default
        A JSON scalar, a list, or None.
    has_default
        False if every job must set the parameter.
    describable
        False if the default is no plain JSON (a class, an enum): `default` is None then,
        and a job that does not set the parameter leaves it out.
    doc
        One line for the user.
    choices
        The texts that it takes, of an annotation such as `Literal["mean", "last"]`; empty for any.
    """

    name: str
    kind: Kind
    default: Value = None
    has_default: bool = True
    describable: bool = True
    doc: str = ""
    choices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, name: str, default: object, doc: str = "", choices: tuple[str, ...] = ()
    ) -> Parameter:
        """The parameter that takes the type of `default`."""
        # None shows no type, so the parameter takes any scalar.
        if default is None:
            return cls(name, "any", doc=doc)
        kinds = (kind for plain, kind in KINDS.items() if isinstance(default, plain))
        kind: Kind = next(kinds, "any")
        try:
            plain: Value = _plain_element(default)
        except ValueError:
            # An infinite float, an enum or a list of objects still says which values it takes.
            return cls(name, kind, describable=False, doc=doc)
        return cls(name, kind, plain, doc=doc, choices=choices)

    def coerce(self, value: object, key: str | None = None) -> Value:
        """`value` in the parameter's type: 5.0 for an int is 5, 5 for a float is 5.0.

        `key` is the path to name in the error, `params.<name>` if it is not given. Raises JobError.
        """
        # Only a parameter whose default is None can be set to None.
        if value is None and self._may_be_none:
            return None
        try:
            plain = _COERCE[self.kind](value)
            if self.choices and plain not in self.choices:
                raise ValueError(f"must be one of {', '.join(self.choices)}")
            return plain
        except ValueError as error:
            raise invalid_value(key or f"params.{self.name}", value, str(error)) from None

    @property
    def _may_be_none(self) -> bool:
        return self.has_default and self.describable and self.default is None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Parameter:
        """The parameter that `to_json` wrote."""
        return cls(**{**data, "choices": tuple(data["choices"])})


def _plain_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a whole number, as its default is")
    # TOML and shells write whole numbers as 5.0, too. NaN and infinity are no integers either.
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("must be a whole number, as its default is; it is not rounded")
    return _in_64_bits(int(value))


def _plain_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number, as its default is")
    return _finite(float(_in_64_bits(value) if isinstance(value, int) else value))


def _plain_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false, as its default is")
    return value


def _plain_str(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes, as its default is")
    # str() of a text that is an enum gives the name of the member instead of the text.
    return str.__str__(value)


def _plain_scalar(value: object) -> Value:
    # A strategy may ask for what only the member has, such as its name.
    if isinstance(value, Enum):
        raise ValueError("must be a number, text, true or false, not the member of an enum")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _in_64_bits(int(value))
    if isinstance(value, float):
        return _finite(float(value))
    raise ValueError("must be a number, text, true or false")


def _plain_list(value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list, as its default is; write one as {value = [...]}")
    return [_plain_element(element) for element in value]


def _plain_element(value: object) -> Value:
    return _plain_list(value) if isinstance(value, (list, tuple)) else _plain_scalar(value)


def _in_64_bits(value: int) -> int:
    if not -MAX_INT <= value <= MAX_INT:
        raise ValueError("does not fit into 64 bits")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    # -0.0 equals 0.0 and must not make another job.
    return value + 0.0


_COERCE: Mapping[Kind, Callable[[object], Value]] = {
    "int": _plain_int,
    "float": _plain_float,
    "bool": _plain_bool,
    "str": _plain_str,
    "any": _plain_scalar,
    "list": _plain_list,
}
