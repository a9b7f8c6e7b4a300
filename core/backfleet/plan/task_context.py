"""`TaskContext`: what a process needs to run a run's tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backfleet.plan.manifest import Manifest
from backfleet.strategy_reference import StrategyReference

__all__ = ["TaskContext"]


@dataclass(frozen=True)
class TaskContext:
    """The context for running a run's tasks: the manifest, and the paths of code and data here.

    Attributes
    ----------
    data_path
        The data's directory or URL, as this process sees it.
    auxiliary_paths
        The same of each auxiliary feed, by its name.
    facts_path
        The same of the facts about the symbols; None for a run without facts.
    engine
        Another engine than the run's, for comparing the two.
    """

    manifest: Manifest
    strategy: StrategyReference
    data_path: str
    auxiliary_paths: Mapping[str, str] = field(default_factory=dict)
    facts_path: str | None = None
    # For running a single task again, whose result is shown and never stored.
    engine: str | None = None

    @property
    def data(self) -> list[str]:
        """All paths and URLs of data. An empty one would stand for the current directory."""
        facts = () if self.facts_path is None else (self.facts_path,)
        return [self.data_path, *self.auxiliary_paths.values(), *facts]
