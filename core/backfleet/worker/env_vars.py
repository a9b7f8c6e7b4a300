"""Environment variables by which executors, workers and their children understand each other."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "IMAGE_INVENTORY",
    "INDEX_VARIABLES",
    "PINNED_HASHES",
    "RUN_KEY",
    "SHARDS",
    "STOP_WITH_PARENT",
    "TIME_LIMIT",
]

STOP_WITH_PARENT = "BACKFLEET_STOP_WITH_PARENT"
"""Set to 1 where the worker's standard input is a pipe: it ends when the pipe closes."""

INDEX_VARIABLES = ("AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID")
"""Where a worker finds its shard when it is not given one."""

SHARDS = "BACKFLEET_SHARDS"
"""The shards of the array that a worker belongs to, such as 0-9,12: its index counts along them.
Unset where they are all, from 0."""

IMAGE_INVENTORY = "BACKFLEET_IMAGE_INVENTORY"
"""SHA-256 of the inventory of the image that a worker runs in. `backfleet image build` sets it."""

TIME_LIMIT = "BACKFLEET_TIME_LIMIT"
"""Seconds after which a worker stores what is finished and ends with 75, to be started again."""

PINNED_HASHES: Mapping[str, str] = {"PYTHONHASHSEED": "0"}
"""Of the pinned environment, what Python reads before it runs any code. A worker that is started
with it can fork its children instead of starting an interpreter for them."""

RUN_KEY = "BACKFLEET_RUN_KEY"
"""The key of the run's seals, for workers whose role cannot read it."""
