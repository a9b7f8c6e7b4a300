"""Whether the code of a strategy or an indicator moves lines itself, such as by `data.rewind()`.

The lean loop cannot follow that, and nobody can take a run back, so it must be known before. The
names in the code tell it, without running it. A call that they do not show raises `LineMovedError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

__all__ = ["moving_method"]

MOVING = frozenset({"advance", "backwards", "home", "rewind"})
"""Methods of lines that move them. `extend`, `forward` and `reset` are left out, since lists and
people's own classes have methods with these names."""
OWN = ("backtrader", "builtins")


@lru_cache(maxsize=256)
def moving_method(owner: Any) -> str | None:
    """Return the first method that moves a line and that the code of a class names, or that of
    functions beside it; None if it names none."""
    # Base classes of a script's own, too
    functions = [function for cls in owner.__mro__ for function in _functions(cls)]
    seen: set[Any] = set()
    while functions:
        function = functions.pop(0)
        # Functions may call one another.
        if function in seen:
            continue
        seen.add(function)
        for code in _codes(function.__code__):
            # `co_names` has the global names and the attributes that a code uses, and not its local
            # variables.
            moving = MOVING.intersection(code.co_names)
            if moving:
                return min(moving)
            functions += _helpers(function, code)
    return None


def _functions(cls: type) -> Iterator[FunctionType]:
    """The functions of a class, other than backtrader's and Python's own."""
    if cls.__module__.partition(".")[0] in OWN:
        return
    for value in vars(cls).values():
        # Properties, class methods and static methods hold a function.
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        # backtrader puts functions of its own into classes that people derive.
        if isinstance(function, FunctionType) and function.__module__.partition(".")[0] not in OWN:
            yield function


def _helpers(function: FunctionType, code: CodeType) -> Iterator[FunctionType]:
    """The functions of the same module that a function names."""
    for name in code.co_names:
        helper = function.__globals__.get(name)
        if isinstance(helper, FunctionType) and helper.__module__ == function.__module__:
            yield helper


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and those within it: inner functions, lambdas and comprehensions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
