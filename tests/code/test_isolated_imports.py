"""Imports from folders of kept code do not mix with those from elsewhere."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from backfleet.code.isolated_imports import IsolatedImports
from backfleet.plugins import list_plugins


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `acme_x` and a plugin, beside an `acme_x` that is imported from elsewhere."""
    for name, value in (("elsewhere", 1), ("kept", 2)):
        package = tmp_path / name / "acme_x"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"X = {value}\n")
        (package / "deep.py").write_text(f"X = {value}\n")
    info = tmp_path / "kept" / "acme_x-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-x\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[backfleet.engines]\nacme-x = acme_x:Engine\n")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path / "kept"


def value_of(module: str) -> int:
    value: int = importlib.import_module(module).X
    return value


def test_modules_come_from_the_folders_only_while_it_is_active(kept: Path) -> None:
    before = importlib.import_module("acme_x")
    path = list(sys.path)
    imports = IsolatedImports([str(kept)])
    with imports.active():
        inside = importlib.import_module("acme_x")
        assert (inside.X, value_of("acme_x.deep")) == (2, 2)
    assert sys.modules["acme_x"] is before
    assert sys.path == path
    assert value_of("acme_x.deep") == 1
    with imports.active():
        assert importlib.import_module("acme_x") is inside


def test_what_was_not_imported_before_is_not_afterwards(kept: Path) -> None:
    sys.modules.pop("acme_x", None)
    with IsolatedImports([str(kept)]).active():
        importlib.import_module("acme_x")
    assert "acme_x" not in sys.modules


def test_plugins_of_the_folders_are_known_only_while_it_is_active(kept: Path) -> None:
    def engines() -> set[str]:
        return {plugin.name for plugin in list_plugins("engine")}

    assert "acme-x" not in engines()
    with IsolatedImports([str(kept)]).active():
        assert "acme-x" in engines()
    assert "acme-x" not in engines()
