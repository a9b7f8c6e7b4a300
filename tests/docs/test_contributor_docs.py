"""The pages for contributors and the maps of the rooms name files that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "backfleet"
PAGES = (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md")
ROOMS = sorted(path.parent for path in CORE.glob("*/__init__.py"))

FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+(?:\.(?:py|md|toml)|/))`")
"""A file or folder in backticks: `runs/run.py`, `tests/faults/`."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_for_contributors_names_exist(page: Path) -> None:
    names = FILE.findall(page.read_text())
    assert len(names) > 5
    missing = [name for name in names if not any((root / name).exists() for root in (ROOT, CORE))]
    assert not missing


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_files_that_a_map_names_exist(room: Path) -> None:
    names = FILE.findall(_map_of(room))
    missing = [name for name in names if not any((root / name).exists() for root in (room, CORE))]
    assert not missing


def test_rooms_with_many_modules_open_with_a_map() -> None:
    large = [room for room in ROOMS if len(list(room.glob("*.py"))) > 5]
    without = [room.name for room in large if len(_map_of(room).split()) < 40]
    assert not without


def _map_of(room: Path) -> str:
    return ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
