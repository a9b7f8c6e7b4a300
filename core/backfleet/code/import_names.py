"""The names that a Python file imports, read from its source without running it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["FileImports", "read_imports"]

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""The fields in which a statement holds other statements."""

MODULE_NAME = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

OWN = "backfleet"
DYNAMIC = (b"import_module", b"__import__", b"__getattr__", f"import {OWN}".encode())
"""Only a file that contains one of these has imports in its expressions."""


@dataclass(frozen=True)
class FileImports:
    """The imports of one file.

    Attributes
    ----------
    names
        Absolute names, down to what the file takes from each module; `package.*` for a star import.
    exports
        The names in its `__all__`: a star import of a package imports those that are modules.
    lazy
        Modules that a module-level `__getattr__` may import: every string that can name one.
    homes
        The module of each name that a lazily exporting package lists in a dictionary.
    is_inert
        Whether the file has nothing but a docstring, so that no edit of it changes a number.
    """

    names: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    lazy: tuple[str, ...] = ()
    homes: Mapping[str, str] = field(default_factory=dict)
    is_inert: bool = False


def read_imports(source: bytes, module: str, package: str) -> FileImports:
    """Read the imports of a module's source; a source that cannot be parsed has none."""
    try:
        with warnings.catch_warnings():
            # A warning that is made an error must not hide an import.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    # Importing such a file fails, too, so it reaches nothing.
    except (SyntaxError, ValueError, RecursionError):
        return FileImports()
    # The search in the bytes is quick, and true for few files.
    is_lazy = b"__getattr__" in source and "__getattr__" in set(_bound_names(tree))
    names = {
        name
        # A lazily exporting module repeats its exports for type checkers, and there they are
        # imports.
        for statement in _statements(tree, follow_typing=is_lazy)
        for name in _imported_names(statement, package)
    }
    if any(word in source for word in DYNAMIC):
        names.update(_dynamic_names(tree, module, package))
    return FileImports(
        names=tuple(sorted(names)),
        exports=tuple(sorted(set(_exports(tree)))),
        lazy=tuple(sorted(set(_lazy_names(tree, package)))) if is_lazy else (),
        homes=_homes(tree, package) if is_lazy else {},
        is_inert=all(_is_inert(statement) for statement in tree.body),
    )


def _statements(tree: ast.Module, follow_typing: bool) -> Iterator[ast.AST]:
    """All statements that an import or a call can run, however deep they are.

    `ast.walk` visits every expression too and takes seven times as long.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and _never_runs(node.test, follow_typing):
            waiting += node.orelse
            continue
        for block in BLOCKS:
            waiting += getattr(node, block, [])


def _never_runs(test: ast.expr, follow_typing: bool) -> bool:
    """Whether a condition holds for type checkers only, or only for a script that is run itself."""
    # Workers import the file, so the block of a script never runs there.
    if isinstance(test, ast.Compare):
        return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")
    name = getattr(test, "id", getattr(test, "attr", None))
    return name == "TYPE_CHECKING" and not follow_typing


def _imported_names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute("." * node.level + (node.module or ""), package)
        # Whether the last part is a module or an attribute is seen when the name is followed.
        yield from (".".join(filter(None, [base, alias.name])) for alias in node.names)


def _absolute(name: str, package: str) -> str:
    """The absolute form of a name that begins with as many dots as it goes up."""
    relative = name.lstrip(".")
    level = len(name) - len(relative)
    if not level:
        return name
    # One dot stands for the package itself, each further dot for the package around it.
    around = package.split(".")
    return ".".join(filter(None, [*around[: len(around) + 1 - level], relative]))


def _dynamic_names(tree: ast.Module, module: str, package: str) -> Iterator[str]:
    """Modules that calls import by literal names, and the attributes that are taken of backfleet,
    which exports lazily."""
    functions, aliases = {"import_module", "__import__"}, {OWN}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "importlib":
            # `from importlib import import_module as load`: calls of `load` import, too.
            functions.update(alias.asname or "" for alias in node.names if alias.name in functions)
        elif isinstance(node, ast.Import):
            aliases.update(alias.asname or "" for alias in node.names if alias.name == OWN)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if getattr(node.func, "id", getattr(node.func, "attr", None)) in functions:
                yield from _literal_name(node, module, package)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in aliases:
            yield f"{OWN}.{node.attr}"


def _literal_name(call: ast.Call, module: str, package: str) -> Iterator[str]:
    """The module that `import_module("name")` imports, unless the name is computed."""
    # The arguments by position, of which there may be fewer or, for `__import__`, more.
    given = dict(zip(("name", "package"), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    name, base = given.get("name"), given.get("package")
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        return
    if isinstance(base, ast.Constant) and isinstance(base.value, str):
        package = base.value
    elif isinstance(base, ast.Name) and base.id == "__name__":
        package = module
    yield _absolute(name.value, package)


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """The names of functions and variables at module level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            targets = (part for target in node.targets for part in ast.walk(target))
            yield from (part.id for part in targets if isinstance(part, ast.Name))


def _exports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if node.value and any(getattr(target, "id", None) == "__all__" for target in targets):
            yield from _strings(node.value)


def _lazy_names(tree: ast.Module, package: str) -> Iterator[str]:
    for text in _strings(tree):
        if MODULE_NAME.fullmatch(text):
            yield from _candidates(text, package)


def _candidates(text: str, package: str) -> Iterator[str]:
    """The modules that a string in a lazily exporting module may name."""
    if text.startswith("."):
        yield _absolute(text, package)
        return
    # Too many candidates do no harm: a name that is no module is dropped when it is followed.
    yield f"{package}.{text}"
    if "." in text:
        yield text


def _homes(tree: ast.Module, package: str) -> dict[str, str]:
    homes = {}
    for node in tree.body:
        value = getattr(node, "value", None)
        if not isinstance(value, ast.Dict):
            continue
        for key, home in zip(value.keys, value.values, strict=True):
            texts = [getattr(part, "value", None) for part in (key, home)]
            if all(isinstance(text, str) for text in texts):
                name, text = map(str, texts)
                is_absolute = text.startswith(f"{package}.")
                homes[name] = text if is_absolute else _absolute(f".{text}", package)
    return homes


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_inert(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
