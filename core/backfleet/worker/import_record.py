"""Which module imported which, noted while a process imports."""

from __future__ import annotations

import sys
from types import FrameType

__all__ = ["ImportRecord", "record_imports"]


class ImportRecord:
    """Notes the importer of each module that is imported for the first time.

    It stands first among the finders and finds nothing itself.

    Attributes
    ----------
    importers
        Name of a module to the name of the module whose code imported it. The standard library is
        passed over: `importlib.import_module` imports on behalf of its caller.
    """

    def __init__(self) -> None:
        self.importers: dict[str, str] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            importer = frame.f_globals.get("__name__") or ""
            if importer.partition(".")[0] not in sys.stdlib_module_names:
                self.importers[name] = importer
                return
            frame = frame.f_back


def record_imports() -> ImportRecord:
    """Begin to note imports in this process."""
    record = ImportRecord()
    sys.meta_path.insert(0, record)
    return record
