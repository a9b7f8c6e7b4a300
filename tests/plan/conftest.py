"""Planning in this process: the sample job, changed as the command line would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet.job import Job, Overrides
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import plan_job

Planner = Callable[..., Manifest]


@pytest.fixture
def plan(sample_job: Path) -> Planner:
    """The manifest of the sample job, with `-p`, `--symbols` and `--set`."""

    def planned(*sets: str, params: tuple[str, ...] = (), symbols: str | None = None) -> Manifest:
        return plan_job(Job.load(sample_job, Overrides(params, symbols, sets))).manifest

    return planned
