"""`StrategyReference`: how to find a strategy's class, as plain data.

It stands apart from `strategy`, which imports strategies, because executors and the log of
submissions need only the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StrategyReference", "is_module_reference"]


@dataclass(frozen=True)
class StrategyReference:
    """Location of a strategy's class.

    Attributes
    ----------
    target
        `module:Class`, or `file.py:Class` without the folder; names the class in a run's identity.
    folder
        The folder of a `file.py:Class` strategy; None for an importable module.
    plugin, distribution, version
        The name of the entry point that names the strategy, and its package; empty for others.
    modules
        Modules that the job declares, because the strategy imports them in a way that its source
        does not show.
    """

    target: str
    folder: str | None = None
    plugin: str = ""
    distribution: str = ""
    version: str = ""
    modules: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The form that a job takes and `locate_strategy` reads."""
        return f"{self.folder}/{self.target}" if self.folder else self.target


def is_module_reference(reference: str) -> bool:
    """Whether a job names its strategy by module: `pkg.module:Class`."""
    place, colon, _ = reference.rpartition(":")
    return bool(colon) and not place.endswith(".py")
