"""`Adjustment`: the rule by which the prices of a file are adjusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

__all__ = ["ADJUSTED_BY", "ALREADY_ADJUSTED", "Adjustment"]

ALREADY_ADJUSTED = "already adjusted in the file"
"""The words about prices whose raw ones are unknown."""

ADJUSTED_BY = "adjusted by"
"""How the words about prices begin that are adjusted here."""

Rule = Literal["none", "factor", "adjusted", "events", "already"]


@dataclass(frozen=True)
class Adjustment:
    """A rule of adjustment and the columns that it reads.

    Attributes
    ----------
    rule
        `factor`: a column has it. `adjusted`: adjusted close / close. `events`: from splits and
        dividends. `already`: the prices are adjusted in the file. `none`: they are used as they
        are.
    splits, dividends
        The columns of events.
    unused
        A column that looks like an adjusted close, if there is no rule.
    """

    rule: Rule
    columns: tuple[str, ...] = ()
    splits: str | None = None
    dividends: str | None = None
    unused: str | None = None

    # Kept with the rule, because layouts are shared by files and each file's bars ask for the
    # words.
    @cached_property
    def words(self) -> str:
        """The rule in words for people."""
        names = " and ".join(repr(name) for name in self.columns)
        if self.rule == "factor":
            return f"{ADJUSTED_BY} the factor {names}"
        if self.rule == "adjusted":
            return f"{ADJUSTED_BY} {names} / close"
        if self.rule == "events":
            return f"{ADJUSTED_BY} the events in {names}"
        if self.rule == "already":
            return ALREADY_ADJUSTED
        # The only hint for people whose file has an adjusted close that no option names.
        return "as in the file" + (f"; {self.unused!r} is not used" if self.unused else "")
