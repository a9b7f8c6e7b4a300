"""`RunSummary`: the state of a run in numbers, as `run`, `wait` and `status` show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["RunSummary"]


@dataclass(frozen=True)
class RunSummary:
    """The state of a run in numbers.

    Attributes
    ----------
    store
        Location of the run: a path or URL that every command takes.
    missing
        Tasks without a row.
    reused
        Tasks whose rows were copied from earlier runs.
    seconds
        From opening or starting the run here to the end of the wait for it, or until now.
    code_not_kept
        Packages of the run's code of which the store keeps only the hash.
    """

    run_id: str
    store: str
    tasks: int
    ok: int
    suspicious: int
    error: int
    missing: int
    reused: int = 0
    seconds: float = 0.0
    code_not_kept: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def succeeded(self) -> bool:
        """Whether every task has a row without error."""
        # Suspicious tasks have a valid row, so they do not count as failures.
        return not self.error and not self.missing
