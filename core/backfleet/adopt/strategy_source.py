"""The part of a script's source that a strategy needs, taken from the syntax tree.

A script usually runs its backtest at the top level, so that it cannot be imported. The names that a
strategy uses are followed to the statements that bind them: imports, functions and classes are
taken as they are. A name that had a plain value when the run began becomes that value.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from backfleet.adopt.python_code import PythonCode
from backfleet.backtest_on_import import is_main_guard

__all__ = ["ScriptSource", "TakenSource"]

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)

SAFE_MODULES = frozenset(
    {
        *("backtrader", "bt", "collections", "dataclasses", "datetime", "decimal", "enum"),
        *("fractions", "functools", "itertools", "logging", "math", "numpy", "operator", "random"),
        *("re", "statistics", "string", "types", "typing"),
    }
)
"""Modules whose functions give the same value wherever they are called, but for `UNSAFE` ones."""
IMPORT_WORDS = ("import ", "from ")
UNSAFE = frozenset({"Cerebro", "now", "today", "utcnow", "open", "input", "exec", "eval", "load"})


@dataclass(frozen=True)
class TakenSource:
    """A part of a script.

    Attributes
    ----------
    future
        Its imports of the future, which come first in a file.
    text
        Its other statements, in the script's order.
    imports
        Lines of imports that it needs in addition.
    refusals
        Names that the part needs and that cannot be taken, each with the reason.
    """

    future: str
    text: str
    imports: tuple[str, ...]
    refusals: tuple[str, ...]


class ScriptSource:
    """The source of a script, and the plain values of its names when a run began."""

    def __init__(self, text: str, values: Mapping[str, PythonCode]) -> None:
        self._lines = text.splitlines(keepends=True)
        self._text = text
        self._values = values
        self._body = ast.parse(text).body
        self._binders: dict[str, list[int]] = {}
        for position, statement in enumerate(self._body):
            for name in _bound(statement):
                # All statements that bind a name, in order, since a later one may replace an
                # earlier one.
                self._binders.setdefault(name, []).append(position)

    def take(self, names: Iterable[str]) -> TakenSource:
        """Return the statements that bind these names, and those that they need in turn."""
        kept: dict[int, list[str]] = {}
        imports: list[str] = []
        refusals: list[str] = []
        waiting, seen = list(names), set()
        for position, statement in enumerate(self._body):
            # Kept whatever is used, since it may bind any name.
            if _is_star_import(statement):
                kept[position] = [self._segment(statement)]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for position in self._binders.get(name, ()):
                statement = self._body[position]
                # Definitions come first, although a name may have a plain value, too.
                if _is_definition(statement):
                    kept[position] = [self._segment(statement)]
                    waiting += self._needed(statement)
                elif name in self._values:
                    self._take_value(name, position, kept, imports, waiting)
                elif (reason := _reason_against(statement, name)) is None:
                    kept[position] = [self._segment(statement)]
                    waiting += self._needed(statement)
                else:
                    refusals.append(f"the strategy uses {name}, {reason}")
        future = [ast.unparse(statement) for statement in self._body if _is_future(statement)]
        # In the script's order: a statement may need those above it.
        parts = [text for position in sorted(kept) for text in kept[position]]
        return TakenSource(
            "\n".join(future), _arranged(parts), tuple(dict.fromkeys(imports)), tuple(refusals)
        )

    def _take_value(
        self, name: str, position: int, kept: dict[int, list[str]], imports: list[str],
        waiting: list[str],
    ) -> None:  # fmt: skip
        """Take the value that a name had, at the first statement that binds it."""
        value = self._values[name]
        first = self._binders[name][0]
        if position != first:
            return
        imports += value.imports
        waiting += value.names
        # A list, because one statement can bind several names: `a, b = 1, 2`.
        kept.setdefault(first, []).append(self._literal(name, self._body[first], value))

    def _literal(self, name: str, statement: ast.stmt, value: PythonCode) -> str:
        """Return the code that assigns a value: the script's own line, if it says the same."""
        text = f"{name} = {value.text}"
        if isinstance(statement, ast.Assign) and len(self._binders[name]) == 1:
            segment = self._segment(statement)
            if ast.dump(ast.parse(textwrap.dedent(segment))) == ast.dump(ast.parse(text)):
                return segment
        return text

    def _needed(self, statement: ast.stmt) -> set[str]:
        """The script's names that a statement uses, now or when it is called."""
        # symtable tells a global name from a local one of the same spelling, which a walk of the
        # tree cannot.
        table = symtable.symtable(ast.unparse(statement), "script", "exec")
        return set(_used(table, top=True)) & self._binders.keys()

    def _segment(self, statement: ast.stmt) -> str:
        """The text of a statement with its decorators and the comment above it.

        Above imports is often a license, which belongs to the whole script.
        """
        if isinstance(statement, IMPORTS):
            return ast.unparse(statement)
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(node.lineno for node in decorators)]) - 1
        stop = statement.end_lineno or first + 1
        own = {*range(first, stop)}
        for other in self._body:
            # Another statement on the same line, as in `a = 1; b = 2`: the line cannot be taken
            # whole.
            if other is not statement and own & {other.lineno - 1, (other.end_lineno or 0) - 1}:
                return ast.unparse(statement)
        while (
            first
            and self._lines[first - 1].startswith("#")
            and not _is_head(self._lines[first - 1], first - 1)
        ):
            first -= 1
        return "".join(self._lines[first:stop]).rstrip()


def _is_head(line: str, position: int) -> bool:
    """Whether a comment is the line for the shell or the one that names the encoding."""
    return line.startswith("#!") or (position < 2 and "coding" in line)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_star_import(statement: ast.stmt) -> bool:
    """Whether a statement may bind any name."""
    return isinstance(statement, ast.ImportFrom) and any(a.name == "*" for a in statement.names)


def _is_definition(statement: ast.stmt) -> bool:
    """Whether a statement can be taken as it is: it defines or imports, at most if possible."""
    if isinstance(statement, (*DEFINITIONS, *IMPORTS)):
        return True
    if isinstance(statement, ast.Try):
        parts = [*statement.body, *statement.orelse, *statement.finalbody]
        parts += [part for handler in statement.handlers for part in handler.body]
    elif isinstance(statement, ast.If) and not is_main_guard(statement):
        parts = [*statement.body, *statement.orelse]
    else:
        return False
    return any(isinstance(part, (*DEFINITIONS, *IMPORTS)) for part in parts) and all(
        _is_definition(part)
        or isinstance(part, ast.Pass)
        or (isinstance(part, ASSIGNMENTS) and _unsafe_call(part) is None)
        for part in parts
    )


def _reason_against(statement: ast.stmt, name: str) -> str | None:
    """Return why an assignment cannot be repeated in another file; None if it can."""
    place = f"which line {statement.lineno} of the script sets"
    if not isinstance(statement, ASSIGNMENTS):
        return f"{place} while the script runs"
    call = _unsafe_call(statement)
    return None if call is None else f"{place} by calling {call}"


def _unsafe_call(statement: ast.stmt) -> str | None:
    """The first call in a statement whose value may be another one elsewhere."""
    for node in ast.walk(statement):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        parts = called.split(".")
        is_builtin = len(parts) == 1 and hasattr(builtins, parts[0])
        is_local = len(parts) == 1 and parts[0][:1].isupper()
        # A name with a capital letter is a class of the script or of a library, whose call makes an
        # object.
        safe = is_builtin or is_local or parts[0] in SAFE_MODULES or parts[0] in ("np", "dt")
        if not safe or UNSAFE & set(parts):
            return called
    return None


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names of the script that a statement binds."""
    if isinstance(statement, DEFINITIONS):
        yield statement.name
    elif isinstance(statement, IMPORTS):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        table = symtable.symtable(ast.unparse(statement), "script", "exec")
        for symbol in table.get_symbols():
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                yield symbol.get_name()


def _used(table: symtable.SymbolTable, top: bool = False) -> Iterator[str]:
    for symbol in table.get_symbols():
        # At the top, every name is the script's; in a function, only those that are not its own.
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _used(inner)


def _arranged(parts: list[str]) -> str:
    """The statements with the blank lines that readers are used to."""
    text = ""
    before = ""
    for part in parts:
        is_block = "\n" in part or "\n" in before
        ends_imports = before.startswith(IMPORT_WORDS) and not part.startswith(IMPORT_WORDS)
        if text:
            text += "\n\n\n" if is_block else "\n\n" if ends_imports else "\n"
        text += part
        before = part
    return text + "\n"
