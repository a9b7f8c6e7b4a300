"""Paths of a job: relative to the folder of the job file, else to the current directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backfleet.home import expand_home

__all__ = ["absolute_path", "absolute_preset", "absolute_strategy", "anchor"]


def absolute_path(path: str, folder: Path | None = None) -> str:
    """`path` made absolute from `folder` or else the current directory; `~` is the home directory.

    A URL is left alone, also one of a kind that nothing can open: whoever opens it refuses it.
    Raises UserError for the home directory of a user who does not exist, and for a path that
    cannot be stored.
    """
    # Before anything else: abspath would turn "s3://" into "s3:/".
    if "://" in path:
        return path
    absolute = os.path.abspath(os.path.join(folder or "", expand_home(path)))
    # The folder, too, must have a name that can be stored.
    return expand_home(absolute)


def absolute_strategy(reference: str, folder: Path | None = None) -> str:
    """A `file.py:Class` with its file made absolute; other references are left alone."""
    file, colon, name = reference.rpartition(":")
    if not file.endswith(".py"):
        return reference
    return f"{absolute_path(file, folder)}{colon}{name}"


def absolute_preset(preset: str, folder: Path | None = None) -> str:
    """A preset's `.toml` file made absolute; names of presets are left alone."""
    return absolute_path(preset, folder) if preset.endswith(".toml") else preset


def anchor(raw: dict[str, Any], folder: Path) -> None:
    """Make the paths of a job file's content absolute, in place: they start at the file's folder.

    These are `data.path`, `data.facts`, the paths of auxiliary feeds, `sweep.points`, and a preset
    and a strategy in a file; `results.store` is about where the job is run. What is not text is
    left for the validation.
    """
    _change(raw, "strategy", lambda value: absolute_strategy(value, folder))
    # Types are not checked yet, so whatever is no table or no text is left alone.
    _change(raw.get("data"), "facts", lambda value: absolute_path(value, folder))
    for table in _data_tables(raw.get("data")):
        _change(table, "path", lambda value: absolute_path(value, folder))
    _change(raw.get("data"), "preset", lambda value: absolute_preset(value, folder))
    _change(raw.get("sweep"), "points", lambda value: absolute_path(value, folder))


def _data_tables(data: object) -> list[object]:
    """`[data]` and each `[data.auxiliary.NAME]`."""
    feeds = data.get("auxiliary") if isinstance(data, dict) else None
    return [data, *(feeds.values() if isinstance(feeds, dict) else ())]


def _change(table: object, key: str, change: Callable[[str], str]) -> None:
    # An empty path names no folder; it is left for the validation, too.
    if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
        table[key] = change(table[key])
