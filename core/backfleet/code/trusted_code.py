"""Consent to code from stores: this user's list of wheels that may run.

The list is a text file in the user's state folder, with one line per wheel: its SHA-256 and its
name. Lines are only appended, so that several processes can write at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from backfleet.cache import state_folder
from backfleet.errors import UntrustedCode, UserError
from backfleet.submission import StoredCode

__all__ = ["check_trust", "describe_code", "trust_code", "untrusted_code"]

MIN_PREFIX_DIGITS = 16
"""A shorter prefix could be met on purpose by other code."""

_SHA = re.compile("[0-9a-f]{64}")
_PREFIX = re.compile(f"[0-9a-f]{{{MIN_PREFIX_DIGITS},64}}")


def trust_code(code: Iterable[StoredCode]) -> None:
    """Add wheels that this user has submitted or accepted to the list.

    Nothing happens if the list cannot be written: the question comes again.
    """
    fresh = untrusted_code(code)
    if not fresh:
        return
    # As ASCII literals: a name from a stranger's store must not add lines of its own.
    lines = [f"{code.sha256} {code.name!a} {code.version!a}\n" for code in fresh]
    with contextlib.suppress(OSError):
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a", encoding="ascii", opener=_private) as stream:
            stream.write("".join(lines))


def untrusted_code(code: Iterable[StoredCode], accepted: Sequence[str] = ()) -> list[StoredCode]:
    """Return the wheels that are neither on the list nor among the accepted hashes.

    Parameters
    ----------
    accepted
        SHA-256 of wheels, or prefixes of at least 16 digits.

    Raises UserError if one of these is no hash.
    """
    for prefix in accepted:
        if not _PREFIX.fullmatch(prefix.lower()):
            raise UserError(
                f"{prefix!r} is not the SHA-256 of a package: give all 64 hexadecimal digits, or "
                f"at least the first {MIN_PREFIX_DIGITS}"
            )
    prefixes = tuple(prefix.lower() for prefix in accepted)
    trusted = _trusted()
    return [
        package
        for package in code
        if package.sha256 not in trusted and not package.sha256.startswith(prefixes or "-")
    ]


def check_trust(url: str, code: Iterable[StoredCode], accepted: Sequence[str] = ()) -> None:
    """Raise UntrustedCode if this user has neither submitted nor accepted code of the run at `url`.

    What is accepted here goes on the list.
    """
    code = list(code)
    unknown = untrusted_code(code, accepted)
    if unknown:
        raise UntrustedCode(
            f"{url} keeps code that you have neither submitted nor accepted, and that would run "
            f"with your rights:\n{describe_code(unknown)}\nIf you trust its origin, accept it with "
            + " ".join(f"--trust-code {package.sha256}" for package in unknown)
        )
    trust_code(code)


def describe_code(code: Iterable[StoredCode]) -> str:
    """Return a line for each package: its name, version and SHA-256."""
    return "\n".join(
        f"  {_printable(package.name)} {_printable(package.version)}  sha256 {package.sha256}"
        for package in code
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _trusted() -> frozenset[str]:
    file = _file()
    try:
        status = file.stat()
        # A list that others can write to says nothing about this user.
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            return frozenset()
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(filter(_SHA.fullmatch, (line.partition(" ")[0] for line in lines)))


def _file() -> Path:
    return state_folder() / "trusted-code.txt"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
