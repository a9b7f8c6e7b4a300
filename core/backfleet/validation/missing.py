"""Values that stand for a statistic that the data cannot give."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Missing", "TooLittle", "Undefined"]


@dataclass(frozen=True)
class TooLittle:
    """Too little data for a statistic.

    Attributes
    ----------
    quantity
        The plural noun that is counted, such as `sessions`.
    available, needed
        Its number, and the number from which the statistic is given.
    """

    quantity: str
    available: int
    needed: int

    @property
    def counted(self) -> str:
        """The available number with its noun."""
        noun = self.quantity.removesuffix("s") if self.available == 1 else self.quantity
        return f"{self.available:,} {noun}"

    def __str__(self) -> str:
        return f"too little data: {self.counted}, {self.needed:,} are needed"


@dataclass(frozen=True)
class Undefined:
    """A statistic that has no value for these data, however many there are.

    Attributes
    ----------
    reason
        A clause that follows "undefined, because".
    """

    reason: str

    def __str__(self) -> str:
        return f"undefined, because {self.reason}"


Missing = TooLittle | Undefined
