"""`Doubt`: one sign that bars may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Doubt"]


@dataclass(frozen=True)
class Doubt:
    """A sign that bars may be wrong.

    Attributes
    ----------
    kind
        A word for the check, such as `jump`.
    bar
        The position of the first bar that it is about.
    text
        A sentence with sessions and values.
    is_serious
        False for a note, which many sound files have too.
    """

    kind: str
    bar: int
    text: str
    is_serious: bool = True

    def at(self, bar: int) -> Doubt:
        """Return the same doubt about another position."""
        return replace(self, bar=bar)
