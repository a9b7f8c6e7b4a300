"""The logic of a strategy: a hash of its own modules as syntax trees.

Comments, docstrings, formatting and the place of the files do not change it; everything that
Python runs does. It decides which points are new trials, never which rows may be reused.
"""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

from backfleet.code.hashes import strategy_closure
from backfleet.errors import PluginError
from backfleet.strategy_reference import StrategyReference

__all__ = ["logic_hash"]

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

IGNORED = frozenset({"kind", "type_comment", "type_ignores"})
"""Fields of a syntax tree that say how it was written."""


def logic_hash(strategy: StrategyReference) -> str:
    """Return the hash of a strategy's logic, as 64 hexadecimal digits. Raises PluginError.

    It is over the modules of the import closure that belong to the strategy: those of its package,
    or those in the folder of a `file.py:Class`. Other packages do not count, so that an upgrade of
    one makes no new trials.
    """
    try:
        modules = sorted((name, _file_hash(file)) for name, file in _own_modules(strategy))
    except OSError as error:
        raise PluginError(f"{error.filename} cannot be read: {error.strerror}") from error
    # Two classes of one file are two ideas, even if the job puts them into one family.
    name = strategy.target.partition(":")[2]
    return hashlib.sha256(json.dumps([name, modules]).encode()).hexdigest()


def _own_modules(strategy: StrategyReference) -> Iterator[tuple[str, Path]]:
    """Return the strategy's modules by names that a renamed package or file does not change."""
    closure = strategy_closure(strategy)
    module = strategy.target.partition(":")[0]
    if strategy.folder is not None:
        folder = Path(strategy.folder)
        for path, file in closure.files.items():
            # Not merely below the folder: an environment with other packages may lie there.
            if file == folder / path:
                # The strategy's own file has no name, so renaming it makes no new trials.
                yield ("" if path == module else path), file
        return
    # A namespace package is no unit, and backfleet itself is none.
    around = (unit for unit in closure.units if f"{module}.".startswith(f"{unit}."))
    unit = next(around, module)
    own = f"{module.replace('.', '/')}.py"
    root = unit.replace(".", "/")
    for path, file in closure.files.items():
        if path.startswith((f"{root}/", f"{root}.")):
            yield ("" if path == own else path.removeprefix(root)), file


def _file_hash(file: Path) -> str:
    """Return the hash of a file's syntax tree, or of its bytes if it has none."""
    source = file.read_bytes()
    digest = hashlib.sha256()
    try:
        with warnings.catch_warnings():
            # A warning that is made an error would end the parsing.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        for token in _tokens(tree):
            # String literals may hold lone surrogates, which UTF-8 cannot encode.
            digest.update(token.encode("utf-8", "backslashreplace") + b"\n")
    except (SyntaxError, ValueError, RecursionError):
        # A fresh hash, since some tokens may have gone into the first one before the recursion was
        # too deep.
        digest = hashlib.sha256(source)
    return digest.hexdigest()


def _tokens(node: object) -> Iterator[str]:
    """Return the nodes, fields and values of a syntax tree, in order.

    `ast.dump` would do, but writes absent fields in some versions of Python and not in others.
    """
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name in IGNORED or value is None or value == []:
                continue
            yield f".{name}"
            is_body = name == "body" and isinstance(node, DOCUMENTED)
            yield from _tokens(_undocumented(value) if is_body else value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _tokens(item)
        yield "]"
    else:
        yield repr(node)


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a body without its docstring.

    A body that has nothing else is the same as `pass`, so that a docstring may replace it.
    """
    # There is one: `_tokens` has left out empty bodies.
    first = body[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        body = body[1:]
    return [statement for statement in body if not isinstance(statement, ast.Pass)]
