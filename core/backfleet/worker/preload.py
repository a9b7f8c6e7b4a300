"""Imported once by the process that children are forked from, so that they start at once."""

from __future__ import annotations

import contextlib
import importlib
import os

__all__: list[str] = []

PRELOAD = "BACKFLEET_PRELOAD"
"""Modules, separated by commas; one that fails here fails again, and is reported, in the child."""

for _module in ("backfleet.worker.child", *filter(None, os.environ.get(PRELOAD, "").split(","))):
    with contextlib.suppress(Exception):
        importlib.import_module(_module)
