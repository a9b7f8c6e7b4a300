"""Imported once by the process that children are forked from, so that they start at once."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

from backfleet.no_bytecode import disable_bytecode
from backfleet.worker.env_vars import CODE, PRELOAD
from backfleet.worker.import_record import record_imports

__all__ = ["LOADED", "RECORD"]

sys.path[:0] = filter(None, os.environ.get(CODE, "").split(os.pathsep))
disable_bytecode()
with contextlib.suppress(Exception):
    importlib.import_module("backfleet.worker.child")

LOADED = frozenset(sys.modules)
"""Names of the modules that are loaded before any of a run's code is."""

RECORD = record_imports()

# A module that fails here fails again, and is reported, in the child.
for _module in filter(None, os.environ.get(PRELOAD, "").split(",")):
    with contextlib.suppress(Exception):
        importlib.import_module(_module)
