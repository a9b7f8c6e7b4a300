"""Import of a Python file of a strategy's folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from backfleet.errors import PluginError
from backfleet.no_bytecode import SourceLoader

__all__ = ["import_file", "imported_file"]


def import_file(file: Path) -> ModuleType:
    """Import a file as a module of its stem."""
    name = file.stem
    known = sys.modules.get(name)
    # A second import would create second classes, and instances of the first ones would fail
    # `isinstance` and pickling.
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    if known is not None:
        # A strategy in `json.py` must not replace the library of that name for everybody else.
        name = _second_name(file)
    spec = importlib.util.spec_from_file_location(name, file, loader=SourceLoader(name, str(file)))
    if spec is None or spec.loader is None:
        raise PluginError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Before the execution, as in Python's own import: dataclasses and pickle look their module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # Otherwise the next import would return a half-executed module without an error.
        del sys.modules[name]
        raise
    return module


def imported_file(file: Path) -> ModuleType | None:
    """Return the module of a file that `import_file` has imported; None if it has not."""
    for name in (file.stem, _second_name(file)):
        module = sys.modules.get(name)
        if module is not None and getattr(module, "__file__", None) == str(file):
            return module
    return None


def _second_name(file: Path) -> str:
    """The name of a file whose stem is the name of another module."""
    return f"_strategy_{file.stem}"
