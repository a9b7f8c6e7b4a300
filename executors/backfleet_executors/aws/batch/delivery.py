"""The location on S3 of local data that was uploaded."""

from __future__ import annotations

import hashlib
import os
import re
import socket

__all__ = ["delivery_url"]

DIGITS = 10
_NOT_A_KEY = re.compile(r"[^A-Za-z0-9_-]+")


def delivery_url(place: str, path: str) -> str:
    """Return the prefix below `place` that is for this directory of this machine alone.

    Two directories of one name must not overwrite each other's files while workers read them.
    """
    whole = os.path.abspath(os.path.expanduser(path))
    # The host, since colleagues with equal paths share the bucket and may have different files.
    origin = f"{socket.gethostname()}:{whole}"
    digest = hashlib.sha256(origin.encode()).hexdigest()[:DIGITS]
    # The name is for people who look into the bucket; the digest tells folders apart.
    name = _NOT_A_KEY.sub("-", os.path.basename(whole)).strip("-") or "data"
    return f"{place.rstrip('/')}/{name}-{digest}"
