"""A new package with a strategy: written whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from string import Template

import backfleet.demo
from backfleet.errors import UserError
from backfleet.scaffold.package_name import PackageName
from backfleet.strategy import StrategyKind

__all__ = ["make_strategy_package"]

TEMPLATES = Path(__file__).parent / "templates"
DATA = Path(backfleet.demo.__file__).parent / "data" / "cn-daily"

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "sweep.toml": "sweep.toml",
    "src/$module/__init__.py": "package.py",
    "src/$module/strategy.py": "${kind}_strategy.py",
    "tests/test_$module.py": "${kind}_test.py",
}
"""Path in the new package to template, without its ending."""


def make_strategy_package(name: PackageName, kind: StrategyKind, parent: Path) -> Path:
    """Write the package into the folder `parent`, and return its own folder.

    Raises UserError where something of that name is there, or it cannot be written.
    """
    folder = parent / name.name
    # `exists` follows links, and is False for one that leads nowhere.
    if folder.exists() or folder.is_symlink():
        raise UserError(
            f"{folder} already exists. Choose another name, or change to another folder"
        )
    try:
        # Beside its final place: a rename within one file system is a single step, so that the
        # package is whole or not there. The leading dot hides it until then.
        with tempfile.TemporaryDirectory(prefix=f".{name.name}-", dir=parent) as scratch:
            made = Path(scratch, name.name)
            _write(made, name, kind)
            made.rename(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. Change to another folder"
        ) from error
    return folder


def _write(folder: Path, name: PackageName, kind: StrategyKind) -> None:
    words = {
        "name": name.name,
        "module": name.module,
        "cls": name.class_name,
        "kind": kind,
        "requirement": "backfleet" if kind == "vector" else 'backfleet", "backtrader',
    }
    for target, template in FILES.items():
        file = folder / Template(target).substitute(words)
        source = TEMPLATES / f"{Template(template).substitute(words)}.template"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(source.read_text(encoding="utf-8")).substitute(words), "utf-8")
    # The sweep of the new package runs at once, without data of one's own.
    shutil.copytree(DATA, folder / "data")
