"""`WorkPlan`: what a process needs to run a run's tasks."""

from __future__ import annotations

from dataclasses import dataclass

from backfleet.plan.manifest import Manifest
from backfleet.strategy import StrategyReference

__all__ = ["WorkPlan"]


@dataclass(frozen=True)
class WorkPlan:
    """What a process needs to run a run's tasks: the manifest, and where this process finds things.

    Attributes
    ----------
    data_path
        The data's directory or URL, as this process sees it.
    engine
        Another engine than the run's, for comparing the two.
    """

    manifest: Manifest
    strategy: StrategyReference
    data_path: str
    engine: str | None = None
