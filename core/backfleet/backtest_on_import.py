"""Files that run a backtest while they are imported, as scripts do at their top level."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["backtest_on_import", "is_main_guard"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
CEREBRO = "Cerebro"


def backtest_on_import(source: bytes) -> int | None:
    """Return the line at which importing a source runs a Cerebro; None if none does.

    Only what the source itself says counts: nothing is imported. A source with a syntax error has
    no such line, because its import reports that better.
    """
    # Parsing takes milliseconds per file, and most sources do not name the class at all.
    if CEREBRO.encode() not in source:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    running = {
        name
        for name, node in functions.items()
        if any(_is_run(inner) for inner in ast.walk(node))
        and any(_is_cerebro(inner) for inner in ast.walk(node))
    }
    # A function that calls a running function runs a backtest, too. The set grows by one level of
    # calls per round until no caller is left.
    while more := {name for name in functions.keys() - running if _calls(functions[name], running)}:
        running |= more
    # Names of module-level variables that hold a Cerebro. `run` is a common method name, so outside
    # functions it counts only on one of these, or on `Cerebro(...)` itself.
    engines = {
        target.id
        for node in _at_import(tree.body)
        if isinstance(node, ast.Assign) and _is_cerebro(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = (node for node in _at_import(tree.body) if isinstance(node, ast.Call))
    lines = [call.lineno for call in calls if _is_run(call, engines) or _name(call.func) in running]
    return min(lines, default=None)


def _at_import(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes that are executed by an import, functions' bodies and the main guard excluded."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS) or (isinstance(node, ast.If) and is_main_guard(node)):
            continue
        yield node
        # The order does not matter, because the caller takes the smallest line number.
        waiting += ast.iter_child_nodes(node)


def is_main_guard(statement: ast.If) -> bool:
    """Whether a statement holds what runs as a script only: `if __name__ == "__main__":`."""
    return any(_name(node) == "__name__" for node in ast.walk(statement.test))


def _is_cerebro(node: ast.AST) -> bool:
    """Whether a node creates a Cerebro: `bt.Cerebro(...)`."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return _name(called) == CEREBRO or (
        isinstance(called, ast.Attribute) and called.attr == CEREBRO
    )


def _is_run(node: ast.AST, engines: set[str] | None = None) -> bool:
    """Whether a node calls `run`, of one of these names if they are given."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    owner = node.func.value
    known = engines is None or _name(owner) in engines or _is_cerebro(owner)
    return node.func.attr == "run" and known


def _calls(function: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call) and _name(node.func) in names for node in ast.walk(function)
    )


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""
