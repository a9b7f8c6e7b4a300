"""`RunCode`: the files that the code of a run may be loaded from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backfleet.code.imports import ImportClosure

__all__ = ["RunCode"]


@dataclass(frozen=True)
class RunCode:
    """The files that the code of a run may be loaded from.

    Attributes
    ----------
    files
        Path from where the import begins to the file's absolute path.
    large
        Names of the packages whose imports are not followed.
    """

    files: Mapping[str, str]
    large: frozenset[str] = frozenset()

    @classmethod
    def of(cls, closures: Iterable[ImportClosure]) -> RunCode:
        """The code of several closures together."""
        # An iterator could be read only once.
        closures = list(closures)
        files = {path: str(file) for closure in closures for path, file in closure.files.items()}
        return cls(files, frozenset(unit for closure in closures for unit in closure.large))

    def has_module(self, name: str) -> bool:
        """Whether a module of this name is part of the code."""
        path = name.replace(".", "/")
        return f"{path}.py" in self.files or f"{path}/__init__.py" in self.files
