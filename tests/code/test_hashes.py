"""Code hashes: equal however code was installed, different when any of it differs."""

from __future__ import annotations

import compileall
import hashlib
import itertools
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.code.distributions import find_distribution
from backfleet.code.hashes import (
    content_hash,
    distribution_hashes,
    plugin_hash,
    strategy_hash,
)
from backfleet.code.packages import CodePackage
from backfleet.code.units import find_unit
from backfleet.code.wheel import pack
from backfleet.errors import PluginError
from backfleet.strategy import locate_strategy

PACKAGE = {
    "acme_alpha/__init__.py": "",
    "acme_alpha/hold.py": """
import backtrader as bt
from acme_alpha.levels import LEVELS

class Hold(bt.Strategy):
    params = (("level", LEVELS),)
""",
    "acme_alpha/levels.py": "LEVELS = 3\n",
    "acme_alpha/levels.json": "[1, 2]\n",
}
PROJECT = """
[build-system]
requires = ["{requires}"]
build-backend = "{backend}"

[project]
name = "acme-alpha"
version = "1.2"

[project.entry-points."backfleet.strategies"]
acme-hold = "acme_alpha.hold:Hold"

[tool.setuptools.package-data]
acme_alpha = ["*.json"]
"""
BACKENDS = {"hatchling": "hatchling.build", "setuptools": "setuptools.build_meta"}

ENTRY_POINT = ("backfleet.strategies", "acme-hold", "acme_alpha.hold:Hold")

HASHES_BY_NAME = """
import hashlib
from backfleet.code.hashes import distribution_hashes, strategy_hash
from backfleet.code.packages import strategy_packages
from backfleet.code.wheel import pack
from backfleet.strategy import locate_strategy

strategy = locate_strategy("acme-hold")
print(strategy_hash(strategy))
print(distribution_hashes(["Acme.Alpha", "never-installed"]))
(package,) = strategy_packages(strategy)
print(hashlib.sha256(pack(package)).hexdigest())
"""


def lay_out(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the package in it, searched for modules by this process."""
    folder = lay_out(tmp_path / "plain", PACKAGE)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def hold() -> str:
    return plugin_hash("acme_alpha.hold:Hold")


WAYS = list(itertools.product(BACKENDS, ["src", "."], ["wheel", "editable"]))


@pytest.mark.parametrize(("backend", "layout", "way"), WAYS)
def test_a_distribution_is_one_code_and_one_wheel_however_it_is_built_and_installed(
    tmp_path: Path,
    plain: Path,
    fresh_python: Path,
    pip_install: Callable[..., None],
    backend: str,
    layout: str,
    way: str,
) -> None:
    project = tmp_path / "project"
    text = PROJECT.format(requires=backend, backend=BACKENDS[backend])
    lay_out(lay_out(project, {"pyproject.toml": text}) / layout, PACKAGE)
    pip_install(*(["--editable"] if way == "editable" else []), project)
    copied = list(fresh_python.parents[1].glob("lib/*/site-packages/acme_alpha"))
    assert len(copied) == (way == "wheel")
    listing = subprocess.run(
        [fresh_python, "-c", HASHES_BY_NAME],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    unit = find_unit("acme_alpha")
    assert unit is not None
    package = CodePackage("acme-alpha", "1.2", unit.files, (ENTRY_POINT,))
    assert listing.stdout.splitlines() == [
        hold(),
        str({"acme-alpha": package.content}),
        hashlib.sha256(pack(package)).hexdigest(),
    ]


def test_bytecode_and_what_editors_leave_do_not_count(plain: Path) -> None:
    before = hold()
    compileall.compile_dir(plain, quiet=2)
    compileall.compile_dir(plain, quiet=2, legacy=True)
    lay_out(plain / "acme_alpha", {".hidden.swp": "x", ".ipynb_checkpoints/hold.py": "x"})
    assert list(plain.glob("acme_alpha/*.pyc"))
    assert hold() == before


def change(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: lay_out(folder, {name: text})


@pytest.mark.parametrize(
    "edit",
    [
        change("acme_alpha/levels.py", "LEVELS = 4\n"),
        change("acme_alpha/__init__.py", "x = 1\n"),
        lambda folder: (folder / "acme_alpha/levels.py").unlink(),
    ],
    ids=["module", "package", "gone"],
)
def test_a_change_of_what_the_strategy_imports_changes_the_hash(
    plain: Path, edit: Callable[[Path], object]
) -> None:
    before = hold()
    edit(plain)
    assert hold() != before


@pytest.mark.parametrize("name", ["unused.py", "levels.json", "data/more.csv", "deep/__init__.py"])
def test_what_else_lies_in_the_package_does_not_count(plain: Path, name: str) -> None:
    before = hold()
    lay_out(plain / "acme_alpha", {name: "1"})
    assert hold() == before


def test_an_edit_that_keeps_size_and_name_is_seen_by_the_same_process(plain: Path) -> None:
    file = plain / "acme_alpha" / "levels.py"
    hashes = set()
    for number in range(5):
        replacement = file.with_suffix(".new")
        replacement.write_text(f"LEVELS = {number}\n")
        replacement.rename(file)
        hashes.add(hold())
    assert len(hashes) == 5


def test_what_other_distributions_bring_counts_where_the_strategy_imports_it(plain: Path) -> None:
    lay_out(plain, {"near_lib/__init__.py": "from near_lib.deep.low import *"})
    lay_out(plain, {"near_lib/deep/__init__.py": "", "near_lib/deep/low.py": "import far_lib"})
    lay_out(plain, {"far_lib.py": "", "no_lib.py": "", "near_lib/unused.py": ""})
    hashes = [hold()]
    edits = {
        "acme_alpha/levels.py": "import near_lib\nLEVELS = 3\n",
        "far_lib.py": "x = 1\n",
        "near_lib/deep/low.py": "import far_lib\nx = 1\n",
        "near_lib/deep/__init__.py": "x = 1\n",
        "near_lib/__init__.py": "from near_lib.deep.low import x",
    }
    for name, text in edits.items():
        lay_out(plain, {name: text})
        hashes.append(hold())
    assert len(set(hashes)) == len(edits) + 1
    lay_out(plain, {"no_lib.py": "x = 1\n", "near_lib/unused.py": "", "near_lib/table.json": "1"})
    assert hold() == hashes[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a strategy in a file."""
    text = "import backtrader as bt\n\nclass Mine(bt.Strategy):\n    pass\n"
    return lay_out(tmp_path / "folder", {"mine.py": text, "near.py": "", "notes.txt": ""})


def mine(folder: Path) -> str:
    return strategy_hash(locate_strategy(f"{folder}/mine.py:Mine"))


def test_a_strategy_in_a_file_covers_the_modules_that_it_imports(folder: Path) -> None:
    hashes = [mine(folder)]
    text = "import backtrader as bt, near, inside\n\nclass Mine(bt.Strategy):\n    pass\n"
    edits = {"mine.py": text, "near.py": "x = 1\n", "inside/__init__.py": ""}
    for name, content in edits.items():
        lay_out(folder, {name: content})
        hashes.append(mine(folder))
    assert len(set(hashes)) == 4
    beside = {"scratch.py": "", "notes.txt": "changed", "runs/row.json": "", "inside/data.csv": ""}
    for name, content in beside.items():
        lay_out(folder, {name: content})
    assert mine(folder) == hashes[-1]


def test_declared_modules_count_with_what_they_import(folder: Path) -> None:
    lay_out(folder, {"late.py": "import near"})
    strategy = replace(locate_strategy(f"{folder}/mine.py:Mine"), modules=("late",))
    hashes = {mine(folder), strategy_hash(strategy)}
    lay_out(folder, {"near.py": "x = 1"})
    hashes.add(strategy_hash(strategy))
    assert len(hashes) == 3


def test_a_syntax_error_in_an_imported_file_is_only_bytes(folder: Path) -> None:
    lay_out(folder, {"mine.py": "import near", "near.py": "def broken(:\n"})
    before = mine(folder)
    lay_out(folder, {"near.py": "def broken(::\n"})
    assert mine(folder) != before


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(PluginError, match=r"there is no module 'nothing_here\.deep' here"):
        plugin_hash("nothing_here.deep:Class")


@pytest.mark.parametrize("name", ["numpy", "pandas", "backtrader", "python-dateutil", "click"])
def test_what_an_installer_recorded_of_a_distribution_is_what_there_is(name: str) -> None:
    distribution = find_distribution(name)
    assert distribution is not None
    files = {path: distribution.locate(path) for path in distribution.recorded}
    assert distribution_hashes([name]) == {name: content_hash(files, [])}


def test_every_installed_distribution_has_a_hash_of_its_own() -> None:
    hashes = distribution_hashes()
    assert {"backfleet", "numpy", "backtrader", "python-dateutil"} <= set(hashes)
    assert hashes == distribution_hashes(hashes)
