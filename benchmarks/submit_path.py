"""The dataclasses that the rooms of core hand each other from a job to running workers.

The calls are read from the code, from `backfleet.submit` on: those of functions and classes by
their names, those of methods by the classes that the module imports or defines. The signature of
a function counts if another room calls it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["submit_nouns"]

CORE = Path(__file__).parents[1] / "core"
START = ("backfleet.runs.start", "submit")
ROOMS = ("backfleet.runs", "backfleet.submissions", "backfleet.plan", "backfleet.executor")
"""Where a submit is followed; calls into other rooms read the job, code, data or rows."""

PLAIN = {"Handle"}
"""Nouns that are plain JSON instead of a dataclass."""


class Definition(NamedTuple):
    """A class or a function at the top of a module, or a method of such a class."""

    module: str
    node: ast.FunctionDef | ast.ClassDef


class Code:
    """The modules of core: their definitions, and what the names in them stand for."""

    def __init__(self) -> None:
        self._trees = {
            ".".join(file.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__"): (
                ast.parse(file.read_text())
            )
            for file in CORE.rglob("*.py")
        }

    def find(self, module: str, name: str) -> Definition | None:
        """Return what a name in a module stands for; None if it is not of core."""
        tree = self._trees.get(module, ast.Module([], []))
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
                return Definition(module, node)
        for source, original, alias in self._imports(module):
            if alias == name and source in self._trees:
                return self.find(source, original)
        return None

    def classes(self, module: str) -> list[Definition]:
        """Return the classes of core that a module defines or imports."""
        names = [node.name for node in self._trees[module].body if isinstance(node, ast.ClassDef)]
        names += [alias for _, _, alias in self._imports(module)]
        definitions = (self.find(module, name) for name in names)
        return [item for item in definitions if item and isinstance(item.node, ast.ClassDef)]

    def _imports(self, module: str) -> Iterator[tuple[str, str, str]]:
        for node in ast.walk(self._trees.get(module, ast.Module([], []))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    yield node.module, alias.name, alias.asname or alias.name


def submit_nouns() -> set[str]:
    """Return the names of the dataclasses in the signatures between rooms."""
    code = Code()
    start = code.find(*START)
    assert start is not None
    nouns: set[str] = set()
    seen: set[Definition] = set()
    waiting = [start]
    while waiting:
        caller = waiting.pop()
        for callee in _callees(code, caller):
            if _room(callee.module) != _room(caller.module):
                nouns.update(_nouns(code, callee))
            if callee not in seen:
                seen.add(callee)
                waiting.append(callee)
    return nouns


def _callees(code: Code, caller: Definition) -> Iterator[Definition]:
    """Yield the functions and methods that a function calls, within the rooms of a submit."""
    for call in ast.walk(caller.node):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Name):
            callee = code.find(caller.module, call.func.id)
            targets = [callee and (_method(callee, "__init__") or callee)]
        elif isinstance(call.func, ast.Attribute):
            name = call.func.attr
            targets = [_method(item, name) for item in code.classes(caller.module)]
        else:
            continue
        yield from (target for target in targets if target and target.module.startswith(ROOMS))


def _method(definition: Definition, name: str) -> Definition | None:
    for node in definition.node.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return Definition(definition.module, node)
    return None


def _nouns(code: Code, definition: Definition) -> Iterator[str]:
    """Yield the dataclasses in the signature of a function."""
    function = definition.node
    if isinstance(function, ast.ClassDef):
        return
    arguments = [*function.args.args, *function.args.kwonlyargs]
    for annotation in [*(argument.annotation for argument in arguments), function.returns]:
        for node in ast.walk(annotation) if annotation else ():
            if isinstance(node, ast.Name) and (
                node.id in PLAIN or _is_dataclass(code.find(definition.module, node.id))
            ):
                yield node.id


def _is_dataclass(definition: Definition | None) -> bool:
    if definition is None or not isinstance(definition.node, ast.ClassDef):
        return False
    decorators = map(ast.unparse, definition.node.decorator_list)
    return any(text.startswith(("dataclass", "dataclasses.dataclass")) for text in decorators)


def _room(module: str) -> str:
    return module.split(".")[1]
