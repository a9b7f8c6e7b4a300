"""Which module imported which, noted while a process imports."""

from __future__ import annotations

import sys
from functools import cache
from types import FrameType

__all__ = ["ImporterLog", "record_imports"]


class ImporterLog:
    """Notes the importer of each module that is imported for the first time.

    It stands first among the finders and finds nothing itself.

    Attributes
    ----------
    loaded
        Names of the modules that were imported before.
    importers
        Name of a module to the name of the module whose code imported it. The standard library is
        passed over: `importlib.import_module` imports on behalf of its caller.
    """

    def __init__(self) -> None:
        self.loaded = frozenset(sys.modules)
        self.importers: dict[str, str] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            importer = frame.f_globals.get("__name__") or ""
            if importer.partition(".")[0] not in sys.stdlib_module_names:
                self.importers[name] = importer
                return
            frame = frame.f_back


@cache
def record_imports() -> ImporterLog:
    """Return this process's record of imports, which begins with the first call."""
    record = ImporterLog()
    sys.meta_path.insert(0, record)
    return record
