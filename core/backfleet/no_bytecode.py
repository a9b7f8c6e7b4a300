"""Importing what people edit from its source, never from bytecode.

Python uses bytecode if it names the size of the source and the second of its last change. Code that
is edited twice within a second, or whose time of change a tool sets back, would therefore run as it
was before the edit, under the hash of the edited source.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

__all__ = ["INSTALLED", "SourceLoader", "bytecode_disabled", "disable_bytecode"]

INSTALLED = {"site-packages", "dist-packages"}
"""Installers rewrite bytecode with the source, and nobody edits files in these folders."""

OWN = __name__.partition(".")[0]
STANDARD = Path(sys.modules["os"].__file__ or "").parent


class SourceLoader(SourceFileLoader):
    """Compiles a module whenever it is imported; neither reads nor writes bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _SourceFinder:
    """Finds modules through the finders after it, and compiles those that may be edited."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = self._next_spec(name, path, target)
        # Not `isinstance`: subclasses, such as pytest's, transform the source and must keep doing
        # so.
        if spec is not None and type(spec.loader) is SourceFileLoader and _may_be_edited(spec):
            spec.loader = SourceLoader(spec.loader.name, str(spec.loader.path))
        return spec

    def _next_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        # Looked up at each import, because tools insert finders of their own at any time.
        following = sys.meta_path[sys.meta_path.index(self) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in following)
        return next((spec for spec in specs if spec is not None), None)


def disable_bytecode() -> None:
    """From now on, in this process, import code from source unless an installer has put it there.

    Backfleet's own modules are left out: a process that runs them has begun with them already.
    """
    if not any(isinstance(finder, _SourceFinder) for finder in sys.meta_path):
        # Directly before the finder of files: builtin and frozen modules have no source, and the
        # finders behind it are asked in their usual order.
        at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(at, _SourceFinder())


@contextmanager
def bytecode_disabled() -> Iterator[None]:
    """Return a context within which `disable_bytecode` holds."""
    before = list(sys.meta_path)
    disable_bytecode()
    try:
        yield
    finally:
        added = [finder for finder in sys.meta_path if isinstance(finder, _SourceFinder)]
        for finder in added:
            # Within a worker the finder stays: `disable_bytecode` had put it there for good.
            if finder not in before:
                sys.meta_path.remove(finder)


def _may_be_edited(spec: ModuleSpec) -> bool:
    if spec.name.partition(".")[0] == OWN or spec.origin is None:
        return False
    file = Path(spec.origin)
    return not INSTALLED & set(file.parts) and not file.is_relative_to(STANDARD)
