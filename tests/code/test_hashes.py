"""Code hashes: equal however code was installed, different when any of it differs."""

from __future__ import annotations

import compileall
import hashlib
import itertools
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from backfleet.code.distributions import find_distribution
from backfleet.code.hashes import (
    backfleet_hash,
    content_hash,
    distribution_hashes,
    plugin_hash,
    strategy_hash,
)
from backfleet.code.imports import find_unit
from backfleet.code.packages import CodePackage
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
    found = subprocess.run(
        [fresh_python, "-c", HASHES_BY_NAME],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    unit = find_unit("acme_alpha")
    assert unit is not None
    package = CodePackage("acme-alpha", "1.2", unit.files, (ENTRY_POINT,))
    assert found.stdout.splitlines() == [
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
        change("acme_alpha/levels.json", "[1, 3]\n"),
        change("acme_alpha/unused.py", ""),
        change("acme_alpha/data/more.csv", "1"),
        lambda folder: (folder / "acme_alpha/levels.json").unlink(),
        lambda folder: (folder / "acme_alpha/levels.json").rename(folder / "acme_alpha/l.json"),
    ],
    ids=["module", "data file", "new module", "new data", "gone", "renamed"],
)
def test_a_change_anywhere_in_the_package_changes_the_hash(
    plain: Path, edit: Callable[[Path], object]
) -> None:
    before = hold()
    edit(plain)
    assert hold() != before


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
    lay_out(plain, {"near_lib/__init__.py": "import far_lib", "far_lib.py": "", "no_lib.py": ""})
    alone = hold()
    lay_out(plain, {"acme_alpha/levels.py": "import near_lib\nLEVELS = 3\n"})
    using = hold()
    lay_out(plain, {"far_lib.py": "x = 1\n"})
    changed = hold()
    lay_out(plain, {"near_lib/table.json": "1"})
    assert len({alone, using, changed, hold()}) == 4
    before = hold()
    lay_out(plain, {"no_lib.py": "x = 1\n"})
    assert hold() == before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a strategy in a file."""
    text = "import backtrader as bt\n\nclass Mine(bt.Strategy):\n    pass\n"
    return lay_out(tmp_path / "folder", {"mine.py": text, "near.py": "", "notes.txt": ""})


def mine(folder: Path) -> str:
    return strategy_hash(locate_strategy(f"{folder}/mine.py:Mine"))


def test_a_strategy_in_a_file_covers_the_python_files_beside_it(folder: Path) -> None:
    hashes = [mine(folder)]
    for name, text in {"near.py": "x = 1\n", "new.py": "", "inside/__init__.py": ""}.items():
        lay_out(folder, {name: text})
        hashes.append(mine(folder))
    assert len(set(hashes)) == 4
    lay_out(folder, {"notes.txt": "changed", "runs/row.json": "", ".venv/lib.py": ""})
    assert mine(folder) == hashes[-1]


def test_a_syntax_error_in_a_file_beside_it_is_only_bytes(folder: Path) -> None:
    lay_out(folder, {"near.py": "def broken(:\n"})
    before = mine(folder)
    lay_out(folder, {"near.py": "def broken(::\n"})
    assert mine(folder) != before


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(PluginError, match=r"there is no module 'nothing_here\.deep' here"):
        plugin_hash("nothing_here.deep:Class")


def test_what_is_part_of_backfleet_has_the_hash_of_all_of_it() -> None:
    assert plugin_hash("backfleet.sources.csv:CsvSource") == backfleet_hash()
    assert plugin_hash("backfleet_strategies.buy_and_hold:BuyAndHold") != backfleet_hash()


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
