"""The result of a check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["BarLocation", "CheckResult", "Status"]


class Status(StrEnum):
    """The status of a check; skipped if an earlier failure leaves nothing to compare."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class BarLocation:
    """A bar: its symbol, its number among the symbol's tradable bars, and its session."""

    symbol: str
    bar: int
    session: str

    def __str__(self) -> str:
        return f"{self.symbol}, bar {self.bar} ({self.session})"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes
    ----------
    message
        What was found, and for a failure what to do.
    place
        The first bar at which a failure shows, where there is one.
    """

    check: str
    status: Status
    message: str
    place: BarLocation | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message
