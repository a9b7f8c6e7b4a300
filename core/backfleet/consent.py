"""The list of what this user lets backfleet use although only a store names it.

The list is a text file in the user's state folder, with one line per item: a SHA-256 and a name.
Lines are only appended, so that several processes can write at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from backfleet.cache import state_folder
from backfleet.errors import UserError

__all__ = ["ConsentItem", "has_consent", "record_consent", "without_consent"]

MIN_PREFIX_DIGITS = 16
"""A shorter prefix could be met on purpose by other content."""

_SHA = re.compile("[0-9a-f]{64}")
_PREFIX = re.compile(f"[0-9a-f]{{{MIN_PREFIX_DIGITS},64}}")


@dataclass(frozen=True)
class ConsentItem:
    """Something that backfleet uses only if this user has submitted or accepted it.

    `name` is for people who read the list.
    """

    sha256: str
    name: str

    @classmethod
    def of(cls, kind: str, *parts: str, name: str) -> ConsentItem:
        """Return the item of some texts; items of different kinds or texts never agree."""
        # JSON keeps the texts apart, and escapes half characters, which a path may hold.
        return cls(sha256(json.dumps([kind, *parts]).encode()).hexdigest(), name)


def record_consent(items: Iterable[ConsentItem]) -> None:
    """Add items that this user has submitted or accepted to the list.

    Nothing happens if the list cannot be written: the question comes again.
    """
    # Items that are listed already are not appended again, so the file grows by new ones only.
    fresh = without_consent(items)
    if not fresh:
        return
    # As ASCII literals: a name from a stranger's store must not add lines of its own.
    lines = [f"{item.sha256} {item.name!a}\n" for item in fresh]
    with contextlib.suppress(OSError):
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a", encoding="ascii", opener=_private) as stream:
            # One write in append mode, so that lines of two processes cannot mix.
            stream.write("".join(lines))


def has_consent(item: ConsentItem) -> bool:
    """Whether an item is on the list."""
    return not without_consent([item])


def without_consent(
    items: Iterable[ConsentItem], accepted: Sequence[str] = ()
) -> list[ConsentItem]:
    """Return the items that are neither on the list nor among the accepted hashes.

    Parameters
    ----------
    accepted
        SHA-256 of items, or prefixes of at least 16 digits.

    Raises UserError if one of these is no hash.
    """
    for prefix in accepted:
        if not _PREFIX.fullmatch(prefix.lower()):
            raise UserError(
                f"{prefix!r} is not the SHA-256 of what a store names: give all 64 hexadecimal "
                f"digits, or at least the first {MIN_PREFIX_DIGITS}"
            )
    prefixes = tuple(prefix.lower() for prefix in accepted)
    listed = _listed()
    return [
        item for item in items if item.sha256 not in listed and not item.sha256.startswith(prefixes)
    ]


def _listed() -> frozenset[str]:
    file = _file()
    try:
        status = file.stat()
        # A list that others can write to says nothing about this user.
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            return frozenset()
        # A damaged line matches no hash, so that it accepts nothing.
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(filter(_SHA.fullmatch, (line.partition(" ")[0] for line in lines)))


def _file() -> Path:
    return state_folder() / "trusted.txt"


def _private(path: str, flags: int) -> int:
    # Otherwise a permissive umask could create a list that `_listed` then ignores as untrustworthy.
    return os.open(path, flags, 0o600)
