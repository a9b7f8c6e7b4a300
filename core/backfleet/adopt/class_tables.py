"""Classes of a script as tables of a job."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.adopt.python_code import NoCode, PythonCode, python_code_of
from backfleet.class_call import CLASS
from backfleet.engines.classes import ClassKind, backtraders_classes

__all__ = ["ClassTable", "class_table_of", "in_file"]


@dataclass(frozen=True)
class ClassTable:
    """A class and its arguments.

    Attributes
    ----------
    table
        The job's table. The name of a class that goes into the strategy's file begins with `:`.
    code
        Code of such a class; None for a class of backtrader's.
    """

    table: Mapping[str, Any]
    code: PythonCode | None = None


def class_table_of(cls: Any, kind: ClassKind, arguments: Mapping[str, Any]) -> ClassTable:
    """Return the table of a class. Raises NoCode if a job cannot name it or an argument."""
    for name, value in arguments.items():
        if not _is_plain(value):
            raise NoCode(f"{name} = {value!r} is no number, text or bool")
    # By identity: a class of the script may have the name of one of backtrader's.
    for name, known in backtraders_classes(kind).items():
        if known is cls:
            return ClassTable({CLASS: name, **arguments})
    if not isinstance(cls, type):
        raise NoCode(f"{cls!r} is no class")
    code = python_code_of(cls)
    # The job file names a class by one identifier in the strategy's file.
    if not code.text.isidentifier():
        raise NoCode(f"{code.text} is not at the top level of its module")
    return ClassTable({CLASS: f":{code.text}", **arguments}, code)


def _is_plain(value: object) -> bool:
    # The bounds of `class_table` in the job; a bool is an int to Python.
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, str)


def in_file(table: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Return a table, and the tables in it, with the names of classes in a file."""
    return {
        name: in_file(value, file)
        if isinstance(value, Mapping)
        else f"{file}{value}"
        if name == CLASS and value.startswith(":")
        else value
        for name, value in table.items()
    }
