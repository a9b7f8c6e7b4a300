"""Finished runs that tests of one module share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import backfleet as bf

__all__ = ["RunOf", "run_once"]

RunOf = Callable[..., bf.Run]


def run_once(factory: pytest.TempPathFactory, fresh: RunOf) -> RunOf:
    """Return `fresh` with a store of its own for each job; equal jobs run once.

    Parameters
    ----------
    fresh
        Runs a job in the store that is its first argument.
    """
    runs: dict[str, bf.Run] = {}

    def run(**changes: Any) -> bf.Run:
        key = repr(changes)
        if key not in runs:
            runs[key] = fresh(factory.mktemp("runs"), **changes)
        return runs[key]

    return run
