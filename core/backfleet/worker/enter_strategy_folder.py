"""The step of a child before it imports the strategy: it enters its folder and records files."""

from __future__ import annotations

import os
from collections.abc import Iterable

from backfleet.cache import cache_folder
from backfleet.code.fetched_code import search_first
from backfleet.code.open_recorder import start_recording
from backfleet.code.opened_files import OpenedFiles
from backfleet.plan.task_context import TaskContext
from backfleet.strategy_folder import strategy_root

__all__ = ["enter_strategy_folder"]


def enter_strategy_folder(plan: TaskContext, code: Iterable[str]) -> None:
    """Make the strategy's folder the current one, and record from now on what the process reads.

    `code` are the folders into which shipped code was unpacked. Raises PluginError.
    """
    root = strategy_root(plan.strategy)
    # A relative setting would lead elsewhere from the new folder.
    os.environ["BACKFLEET_CACHE"] = os.path.abspath(cache_folder())
    files = plan.manifest.identity.files
    start_recording(OpenedFiles(root, code, plan.data, files))
    os.chdir(root)
    if plan.strategy.folder is not None:
        # As if the file were run: the hash of the code covers the modules that are found so.
        search_first([str(root)])
