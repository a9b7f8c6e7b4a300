"""Values of a running script as Python code that gives them again."""

from __future__ import annotations

import argparse
import datetime
import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from backfleet.engines.bt import bt

__all__ = ["MAIN", "NoCode", "PythonCode", "arguments_code", "python_code_of"]

MAIN = "__main__"
MAX_CODE_CHARS = 20_000
# Ends the recursion into a container that contains itself, too.
MAX_DEPTH = 20
NAMESPACES = ("", "indicators.", "sizers.", "analyzers.", "observers.", "strategies.", "feeds.")
DATETIME = (datetime.date, datetime.time, datetime.timedelta)


class NoCode(Exception):
    """A value that no code of reasonable length gives; the text says why."""


@dataclass(frozen=True)
class PythonCode:
    """An expression.

    Attributes
    ----------
    text
        The expression.
    imports
        Lines of imports that it needs.
    names
        Names of the script that it uses.
    """

    text: str
    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def python_code_of(value: object) -> PythonCode:
    """Return the code of a plain value, a container of such, a date, or a class or function.

    Raises NoCode.
    """
    code = _code_of(value, 0)
    if len(code.text) > MAX_CODE_CHARS:
        raise NoCode(f"it takes {len(code.text):,} characters to write")
    return code


def arguments_code(args: Any, kwargs: Any) -> PythonCode:
    """Return the code of a call's arguments, without the parentheses. Raises NoCode."""
    parts = [python_code_of(value) for value in args]
    parts += [_named(name, python_code_of(value)) for name, value in kwargs.items()]
    return _joined(parts)


def _named(name: str, code: PythonCode) -> PythonCode:
    return PythonCode(f"{name}={code.text}", code.imports, code.names)


def _code_of(value: Any, depth: int) -> PythonCode:
    if depth > MAX_DEPTH:
        raise NoCode("it is nested too deeply")
    if isinstance(value, np.generic):
        value = value.item()
    # The exact type: the repr of a subclass, such as an enum, is no code that gives it.
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        return PythonCode(repr(value))
    if kind is float:
        return PythonCode(repr(value) if math.isfinite(value) else f'float("{value}")')
    if kind in (list, tuple, set, frozenset, dict):
        return _container(value, depth + 1)
    # A pandas.Timestamp is a datetime, but not this one.
    if isinstance(value, DATETIME) and kind.__module__ == "datetime":
        return _date(value)
    if kind is argparse.Namespace:
        inner = _joined([_named(k, _code_of(v, depth + 1)) for k, v in vars(value).items()])
        imports = ("from argparse import Namespace", *inner.imports)
        return PythonCode(f"Namespace({inner.text})", imports, inner.names)
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return _reference(value)
    raise NoCode(f"it is a {kind.__module__}.{kind.__qualname__}".replace("builtins.", ""))


def _container(value: Any, depth: int) -> PythonCode:
    if isinstance(value, dict):
        pairs = [(_code_of(k, depth), _code_of(v, depth)) for k, v in value.items()]
        parts = [
            PythonCode(f"{k.text}: {v.text}", k.imports + v.imports, k.names + v.names)
            for k, v in pairs
        ]
        return _wrapped("{", _joined(parts), "}")
    # The order of a set is that of this process; sorted code is the same every time.
    items = [_code_of(item, depth) for item in value]
    if isinstance(value, (set, frozenset)):
        inner = _joined(sorted(items, key=lambda code: code.text))
        return _wrapped(f"{type(value).__name__}([", inner, "])")
    inner = _joined(items)
    if isinstance(value, tuple):
        return _wrapped("(", inner, ",)" if len(items) == 1 else ")")
    return _wrapped("[", inner, "]")


def _wrapped(before: str, code: PythonCode, after: str) -> PythonCode:
    return PythonCode(before + code.text + after, code.imports, code.names)


def _joined(parts: list[PythonCode]) -> PythonCode:
    return PythonCode(
        ", ".join(part.text for part in parts),
        tuple(dict.fromkeys(line for part in parts for line in part.imports)),
        tuple(dict.fromkeys(name for part in parts for name in part.names)),
    )


def _date(value: Any) -> PythonCode:
    if getattr(value, "tzinfo", None) is not None:
        raise NoCode("it is a time with a time zone")
    # A name of its own: scripts have `datetime` for the module or for the class.
    return PythonCode(f"_{value!r}", ("import datetime as _datetime",))


def _reference(value: Any) -> PythonCode:
    module, name = getattr(value, "__module__", None), value.__qualname__
    # As in "f.<locals>.Class" and "<lambda>".
    if "<" in name:
        raise NoCode(f"{name} is defined inside a function or is a lambda")
    if module == MAIN:
        # The script's own name: its statement is taken from the source.
        return PythonCode(name, (), (name.partition(".")[0],))
    for space in NAMESPACES:
        if _attribute(bt, space + name) is value:
            return PythonCode(f"bt.{space}{name}", ("import backtrader as bt",))
    # The import runs nothing new, because the script has imported the module. The comparison finds
    # names that were replaced since.
    if module and _attribute(importlib.import_module(module), name) is value:
        top = name.partition(".")[0]
        imports = () if module == "builtins" else (f"from {module} import {top}",)
        return PythonCode(name, imports)
    raise NoCode(f"{module}.{name} cannot be imported")


def _attribute(holder: Any, path: str) -> Any:
    for part in path.split("."):
        holder = getattr(holder, part, None)
    return holder
