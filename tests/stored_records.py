"""Records of a store, altered and given a checksum that fits again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backfleet.store.records import canonical_digest

__all__ = ["alter_record", "sealed"]


def sealed(content: Mapping[str, Any]) -> bytes:
    """Return the JSON of a record with the checksum that its content has."""
    rest = {name: value for name, value in content.items() if name != "checksum"}
    return json.dumps(rest | {"checksum": canonical_digest(rest)}).encode()


def alter_record(file: Path, **changes: Any) -> None:
    """Change fields of a stored record, as somebody would who knows its format."""
    file.write_bytes(sealed(json.loads(file.read_bytes()) | changes))
