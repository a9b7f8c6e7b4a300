"""Count what keeps the structure of backfleet simple: run from a checkout, without arguments.

Prints one line per number and its limit, and exits with 1 if a limit is exceeded.

- modules of core that the executor on the documentation page and each bundled executor import
- nouns on the submit path: dataclasses that the rooms of a submit hand each other
- import cycles between modules of core, imports inside functions and under TYPE_CHECKING included
- string subscripts of an identity or manifest outside the parser of records
- lines of core without blank lines and comments
- lines of core and of the executors that hold only a comment, in percent of those not blank
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from submit_path import submit_nouns

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "backfleet"
EXECUTORS = ROOT / "executors" / "backfleet_executors"

EXECUTOR_MODULES = {
    "local": "local.py",
    "docker": "docker/executor.py",
    "aws-batch": "aws/batch/executor.py",
}
MAX_EXECUTOR_IMPORTS = 4

NOT_NOUNS = {
    "StrategyReference": "the strategy, as the job names it",
    "ChunkGrid": "the tasks of each chunk",
    "KnownRows": "rows of earlier runs",
    "RunCode": "code that is compared with the identity",
    "Cost": "an answer of an executor",
    "ShardStatus": "an answer of an executor",
}
"""Dataclasses on the submit path that do not stand for the run or its submission, and why."""

MAX_NOUNS = 8

RECORD_NAMES = {"identity", "manifest", "points", "submission"}


def main() -> int:
    """Print the numbers; return the exit code."""
    failures = 0
    for label, number, limit in _numbers():
        fits = limit is None or number <= limit
        failures += not fits
        bound = "" if limit is None else f" (at most {limit})"
        print(f"{'ok  ' if fits else 'FAIL'} {label}: {number}{bound}")
    return 1 if failures else 0


def _numbers() -> Iterator[tuple[str, float, int | None]]:
    for name, path in EXECUTOR_MODULES.items():
        modules = {m for m in _imports(EXECUTORS / path) if m.partition(".")[0] == "backfleet"}
        yield f"modules of core that executor {name} imports", len(modules), MAX_EXECUTOR_IMPORTS
    nouns = sorted(submit_nouns() - NOT_NOUNS.keys())
    yield f"nouns on the submit path ({', '.join(nouns)})", len(nouns), MAX_NOUNS
    cycles = _cycles()
    yield f"import cycles in core{_shown(cycles)}", len(cycles), 0
    subscripts = list(_subscripts())
    yield f"string subscripts of records{_shown(subscripts)}", len(subscripts), 0
    yield "lines of core", sum(_lines(file) for file in CORE.rglob("*.py")), None
    yield "comments of core, in percent", _comment_percentage(CORE), None
    yield "comments of the executors, in percent", _comment_percentage(EXECUTORS), None


def _shown(items: list[str]) -> str:
    return "".join(f"\n       {item}" for item in items)


def _imports(file: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it the import stands."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                modules.add(name if _is_module(name) else node.module)
    return modules


def _is_module(name: str) -> bool:
    path = CORE.parent / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _cycles() -> list[str]:
    """Return import cycles between modules of core, one per strongly connected group found."""
    graph = _graph()
    cycles: list[str] = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return cycles
        except CycleError as error:
            cycle = error.args[1]
            cycles.append(" -> ".join(cycle))
            graph[cycle[1]] = graph[cycle[1]] - {cycle[0]}


def _graph() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for file in CORE.rglob("*.py"):
        name = _module_name(file)
        # The package's own __init__ exports lazily what lies above; it is the door, not a floor.
        if name != "backfleet":
            own = {m for m in _imports(file) if m.startswith("backfleet.")}
            graph[name] = own - {name}
    return graph


def _module_name(file: Path) -> str:
    parts = file.relative_to(CORE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _subscripts() -> Iterator[str]:
    """Return places where a string subscripts an identity or a manifest."""
    for folder in (CORE, EXECUTORS):
        for file in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if _is_record_subscript(node):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]


def _is_record_subscript(node: ast.AST) -> bool:
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
        return False
    value = node.value
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    return isinstance(node.slice.value, str) and name in RECORD_NAMES


def _lines(file: Path) -> int:
    lines = (line.strip() for line in file.read_text().splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _comment_percentage(folder: Path) -> float:
    lines = [
        line.strip() for file in folder.rglob("*.py") for line in file.read_text().splitlines()
    ]
    comments = sum(line.startswith("#") for line in lines)
    return round(100 * comments / sum(bool(line) for line in lines), 1)


if __name__ == "__main__":
    sys.exit(main())
