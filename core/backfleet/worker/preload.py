"""Imported once by the process that children are forked from, so that they start at once."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

from backfleet.code.open_recorder import wrap_open
from backfleet.no_bytecode import disable_bytecode
from backfleet.worker.env_vars import CODE, PRELOAD

__all__: list[str] = []

sys.path[:0] = filter(None, os.environ.get(CODE, "").split(os.pathsep))
disable_bytecode()
# Before the libraries are imported, which may keep `open` under names of their own.
wrap_open()
# A module that fails here fails again, and is reported, in the child.
for _module in ("backfleet.worker.child", *filter(None, os.environ.get(PRELOAD, "").split(","))):
    with contextlib.suppress(Exception):
        importlib.import_module(_module)
