"""Findings of an import, in words: facts that the files prove, and assumptions that they do not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Notes", "counted_rows"]

SINGULAR = {
    "are": "is", "have": "has", "fall": "falls", "look": "looks", "occur": "occurs", "say": "says"
}  # fmt: skip
VERB = re.compile(rf"\b({'|'.join(SINGULAR)})\b")


@dataclass
class Notes:
    """Sentences that an import prints, each once.

    Attributes
    ----------
    certain
        Readings that are certain, and changes that were made to the rows.
    assumed
        Readings that fit best while another one fits too; they need the user's consent.
    counts
        Numbers of rows that something was done to, and the first of them, by what was done.
    """

    # Mappings without values, because they keep the order and each sentence once.
    certain: dict[str, None] = field(default_factory=dict)
    assumed: dict[str, None] = field(default_factory=dict)
    counts: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def facts(self) -> list[str]:
        """The sentences that are certain."""
        counted = [
            f"{counted_rows(count, what)}{':' if count == 1 else '; the first is'} {first}"
            for what, (count, first) in self.counts.items()
        ]
        return [*self.certain, *counted]

    @property
    def assumptions(self) -> list[str]:
        """The sentences that need consent."""
        return list(self.assumed)

    def tell(self, sentence: str) -> None:
        """Add a fact."""
        self.certain.setdefault(sentence)

    def assume(self, sentence: str) -> None:
        """Add an assumption."""
        self.assumed.setdefault(sentence)

    def count(self, what: str, rows: int, first: str) -> None:
        """Add to the number of rows that something was done to."""
        before, seen = self.counts.get(what, (0, first))
        self.counts[what] = (before + rows, seen)


def counted_rows(count: int, what: str) -> str:
    """Return "3 rows have ..." or "1 row has ...": the verbs are those of the rows."""
    if count == 1:
        return f"1 row {VERB.sub(lambda verb: SINGULAR[verb[0]], what)}"
    return f"{count:,} rows {what}"
