"""Seals: an HMAC in front of each chunk and part of a run on S3, under a key of that run.

Everybody whose role may write to a bucket can write into every run there. So each run on S3 has a
key of its own, in `keys/<place>/<run>` of its bucket: submitters create and read it, workers get it
from their executor, and the role of workers cannot read it. Readers of a run that has a key count
nothing without the right seal. Without access to the key, they read what is there and say that it
is not authenticated.

A directory has no keys. What is copied to one keeps its seals, which nobody checks there.
"""

from __future__ import annotations

import hmac

__all__ = ["NotAuthenticated", "Seals"]


class NotAuthenticated(UserWarning):
    """The seals of a run cannot be checked, because its key cannot be read."""


class Seals:
    """The seals of a store that has no keys: objects get none, and need none."""

    def prepare(self) -> bool:
        """Before a submit: draw a key for a run without one, and return whether it was drawn.

        From then on nothing counts that is there already. Raises AccessDenied if it is unknown
        whether the run has a key.
        """
        return False

    def keep(self) -> str:
        """Write the key that was drawn, and return the run's key as text; empty without keys.

        Raises StoreError.
        """
        return ""

    def use(self, key: str) -> None:
        """Take the key that `keep` has returned elsewhere; read it if `key` is empty.

        Raises AccessDenied if it is unknown whether the run has a key.
        """

    def mac(self, content: bytes) -> str:
        """Return a hash of the content; of a run with a key, one that nobody has without it."""
        # With an empty key this is a plain checksum, which is enough in a directory.
        return hmac.digest(self._secret() or b"", content, "sha256").hex()

    def is_open(self) -> bool:
        """Whether nothing is checked: the run has no key, or it cannot be read."""
        return self._secret() is None

    def is_denied(self) -> bool:
        """Whether the key cannot be read, and so nothing can be checked that should be."""
        return False

    def _secret(self) -> bytes | None:
        return None
