"""The page of measurements: a part for each section, so that each can be measured alone."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["write_part"]

HEAD = """# Benchmarks

`python benchmarks/compare.py` wrote these tables. Each peer ran the same strategy on the same
prices, on one core, one after the other, and the shortest of several runs counts. Compare rows of
the same table only.
"""
MARK = "<!-- part: {} -->\n"


def write_part(page: Path, parts: Sequence[str], part: str, text: str) -> None:
    """Put a part, a title and what follows, in its place among `parts`; the others stay as they
    are."""
    kept = _read(page)
    title, _, rest = text.partition("\n")
    kept[part] = f"{title}\n\n{_circumstances()}\n{rest.strip()}\n"
    blocks = (f"{MARK.format(part)}{kept[part]}" for part in parts if part in kept)
    page.write_text("\n".join([HEAD, *blocks]))


def _read(page: Path) -> dict[str, str]:
    if not page.exists():
        return {}
    pieces = re.split(MARK.format("([a-z]+)"), page.read_text())
    return {
        name: text.rstrip() + "\n" for name, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def _circumstances() -> str:
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, on {os.cpu_count()} cores, "
        f"with Python {platform.python_version()}.\n"
    )
