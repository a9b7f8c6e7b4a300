"""The share of a fair-share queue to which AWS Batch counts a job, and its priority within it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["TEAM", "USER", "Share", "share_identifier"]

TEAM, USER = "team", "user"
"""Prefixes of share identifiers. IAM holds a team's role to the share of the team, and the role of
the whole stack to shares of users."""

MAX_IDENTIFIER_CHARS = 255
SHORT_SECONDS = 600.0
SHORT_PRIORITY, LONG_PRIORITY = 100, 10
"""Within a share, runs of a few minutes start before those of hours."""

_OTHER = re.compile(r"[^A-Za-z0-9]")
_UNNAMED_SESSION = re.compile(r"botocore-session-\d+")
"""The name that an SDK gives to a session of a role if the profile sets no `role_session_name`."""


@dataclass(frozen=True)
class Share:
    """The share of a job in a queue with a scheduling policy."""

    identifier: str
    priority: int

    @classmethod
    def of(cls, team: str | None, user: str, seconds: float) -> Share:
        """Return the share for a run that is expected to take this number of seconds.

        0 seconds if nobody knows.
        """
        # An unknown time must not overtake those that are known to be short.
        is_short = 0 < seconds < SHORT_SECONDS
        priority = SHORT_PRIORITY if is_short else LONG_PRIORITY
        return cls(share_identifier(team, user), priority)

    @property
    def request(self) -> dict[str, Any]:
        """The fields of a SubmitJob request."""
        return {"shareIdentifier": self.identifier, "schedulingPriorityOverride": self.priority}


def share_identifier(team: str | None, user: str) -> str:
    """Return the share of a team, or without one that of a user: letters and digits alone."""
    if team is not None:
        # The settings hold teams to letters and digits.
        return f"{TEAM}{team}"
    # Each process would have a share of its own, and so an advantage over users with a name.
    name = "" if _UNNAMED_SESSION.fullmatch(user) else user
    # The prefix keeps a user called like a team out of the share of that team.
    return f"{USER}{_OTHER.sub('', name)}"[:MAX_IDENTIFIER_CHARS]
