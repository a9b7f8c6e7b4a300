"""The rules for keys. A key that passes here is safe as a path and as an S3 object's name."""

from __future__ import annotations

import re

from backfleet.errors import StoreError

__all__ = ["check_key", "check_prefix", "is_key"]

# 255 bytes is the longest file name; the limit holds on S3 too, so that a run can be copied down.
# With %, a name can stand for any other, as in addresses.
_PART = re.compile(r"[A-Za-z0-9_%-][A-Za-z0-9._%-]{0,254}")


def is_key(text: str) -> bool:
    """Whether every part between slashes is a plain name that does not begin with a dot."""
    return all(map(_PART.fullmatch, text.split("/")))


def check_key(key: str) -> None:
    """Raise StoreError unless `key` is one."""
    if not is_key(key):
        raise StoreError(_refusal("key", key))


def check_prefix(prefix: str) -> None:
    """Raise StoreError unless keys can begin with `prefix`; an empty one is fine."""
    # The last part may be the beginning of a name, such as `run-` or nothing after a slash.
    folder, slash, beginning = prefix.rpartition("/")
    if (slash and not is_key(folder)) or (beginning and not is_key(beginning)):
        raise StoreError(_refusal("prefix", prefix))


def _refusal(what: str, text: str) -> str:
    return (
        f"{text!r} is no {what} of a store: it takes relative names of at most 255 letters, "
        "digits, '.', '_', '-' and '%', separated by '/', and none may begin with a dot"
    )
