"""The import closure: which modules code reaches, however it says so."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from backfleet.code.imports import import_closure
from backfleet.code.units import find_unit
from backfleet.errors import PluginError

Write = Callable[[Mapping[str, str]], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write modules into a folder that is searched for modules."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def reached(*modules: str) -> set[str]:
    return set(import_closure(modules).files)


@pytest.mark.parametrize(
    "statement",
    [
        "import other_lib.part",
        "import other_lib.part as o",
        "import json, other_lib.part",
        "from other_lib import part",
        "from other_lib.part import thing",
        "from other_lib.part import *",
        "def late():\n    import other_lib.part",
        "class A:\n    from other_lib import part",
        "try:\n    import nothing_here\nexcept ImportError:\n    import other_lib.part",
        "match 1:\n    case 1:\n        import other_lib.part",
        "if 1:\n    pass\nelse:\n    import other_lib.part",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import other_lib.part",
        "with open('x'):\n    import other_lib.part",
        "while 0:\n    pass\nelse:\n    async def f():\n        import other_lib.part",
        "x = '\\d'\nimport other_lib.part",
        "import importlib\nimportlib.import_module('other_lib.part')",
        "import importlib as i\nx = [i.import_module(name='other_lib.part') for _ in ()]",
        "from importlib import import_module\nf = lambda: import_module('other_lib.part')",
        "from importlib import import_module as load\nload('other_lib.part')",
        "from importlib import import_module as load\nload('.part', 'other_lib')",
        "from importlib import import_module as load\nload('.part', package='other_lib')",
        "__import__('other_lib.part')",
    ],
)
def test_every_form_of_import_is_followed(write: Write, statement: str) -> None:
    write({"mine_lib.py": statement, "other_lib/__init__.py": "", "other_lib/part.py": ""})
    write({"other_lib/unused.py": ""})
    assert reached("mine_lib") == {"mine_lib.py", "other_lib/__init__.py", "other_lib/part.py"}


@pytest.mark.parametrize(
    "statement",
    [
        "if TYPE_CHECKING:\n    import other_lib",
        "import typing\nif typing.TYPE_CHECKING:\n    import other_lib",
        "if __name__ == '__main__':\n    import other_lib",
        "'''\nimport other_lib\n'''",
        "# import other_lib",
    ],
)
def test_an_import_that_never_runs_in_a_task_is_left_out(write: Write, statement: str) -> None:
    write({"mine_lib.py": statement, "other_lib.py": ""})
    assert reached("mine_lib") == {"mine_lib.py"}


def test_imports_are_followed_through_packages_and_round_in_circles(write: Write) -> None:
    write(
        {
            "first_lib/__init__.py": "",
            "first_lib/main.py": "from . import near",
            "first_lib/near.py": "from .deep.low import x",
            "first_lib/deep/__init__.py": "from . import at_once",
            "first_lib/deep/at_once.py": "",
            "first_lib/deep/low.py": "from ...first_lib import main\nimport second_lib",
            "first_lib/deep/apart.py": "",
            "first_lib/tests.py": "import fourth_lib",
            "first_lib/table.csv": "",
            "second_lib.py": "import third_lib",
            "third_lib/__init__.py": "from first_lib import main",
            "fourth_lib.py": "",
        }
    )
    assert reached("first_lib.main") == {
        "first_lib/__init__.py",
        "first_lib/main.py",
        "first_lib/near.py",
        "first_lib/deep/__init__.py",
        "first_lib/deep/at_once.py",
        "first_lib/deep/low.py",
        "second_lib.py",
        "third_lib/__init__.py",
    }
    assert {"first_lib/tests.py", "fourth_lib.py"} <= reached("first_lib.tests")


def test_a_star_import_reaches_the_modules_that_all_names(write: Write) -> None:
    write({"mine_lib.py": "from star_lib import *", "star_lib/one.py": "", "star_lib/two.py": ""})
    write({"star_lib/__init__.py": "__all__ = ['one']\n__all__ += ['thing']"})
    assert reached("mine_lib") == {"mine_lib.py", "star_lib/__init__.py", "star_lib/one.py"}


LAZY = [
    "_HOMES = {'Thing': 'home'}",
    "_HOMES = {'Thing': '.home'}",
    "_HOMES = {'Thing': 'lazy_lib.home'}",
    "_HOMES = {'Thing': ('lazy_lib.home', 'Other')}",
    "if TYPE_CHECKING:\n    from lazy_lib.home import Thing",
]


@pytest.mark.parametrize("homes", LAZY)
def test_what_a_package_exports_lazily_is_reached_with_the_package(
    write: Write, homes: str
) -> None:
    getter = "def __getattr__(name):\n    return load(name)\n"
    write({"mine_lib.py": "import lazy_lib", "lazy_lib/home.py": "", "lazy_lib/unused.py": ""})
    write({"lazy_lib/__init__.py": f"{homes}\n\n{getter}"})
    assert reached("mine_lib") == {"mine_lib.py", "lazy_lib/__init__.py", "lazy_lib/home.py"}


def test_modules_that_a_lazy_loader_attaches_are_reached(write: Write) -> None:
    attach = "__getattr__, __dir__, __all__ = lazy.attach(__name__, ['home'])"
    write({"mine_lib.py": "import lazy_lib", "lazy_lib/home.py": "", "lazy_lib/unused.py": ""})
    write({"lazy_lib/__init__.py": attach})
    assert reached("mine_lib") == {"mine_lib.py", "lazy_lib/__init__.py", "lazy_lib/home.py"}


def test_a_string_is_no_import_where_nothing_is_exported_lazily(write: Write) -> None:
    write({"mine_lib.py": "import other_lib", "other_lib/home.py": ""})
    write({"other_lib/__init__.py": "NAMES = ['home', 'other_lib.home']"})
    assert reached("mine_lib") == {"mine_lib.py", "other_lib/__init__.py"}


def test_a_compiled_module_counts_and_hides_the_source_beside_it(write: Write) -> None:
    compiled = f"other_lib/fast{EXTENSION_SUFFIXES[0]}"
    write({"mine_lib.py": "from other_lib import fast", "other_lib/__init__.py": ""})
    write({compiled: "machine code", "other_lib/fast.py": "import json"})
    assert reached("mine_lib") == {"mine_lib.py", "other_lib/__init__.py", compiled}


def test_libraries_are_left_out(write: Write) -> None:
    write({"mine_lib.py": "import os, numpy, pandas, backtrader, numba, pyarrow, boto3, nothing"})
    assert reached("mine_lib") == {"mine_lib.py"}


def test_names_that_are_imported_from_backfleet_are_noted(write: Write) -> None:
    write({"mine_lib.py": "import backfleet as bf\nfrom backfleet.bars import Bars\nbf.Cerebro"})
    own = import_closure(["mine_lib"]).own
    assert {"backfleet.bars.Bars", "backfleet.Cerebro"} <= own


def test_the_strategies_that_come_along_are_followed(write: Write) -> None:
    write({"mine_lib.py": "from backfleet_strategies.sma_crossover import SmaCrossover"})
    assert reached("mine_lib") >= {"mine_lib.py", "backfleet_strategies/sma_crossover.py"}
    assert "backfleet_strategies/momentum.py" not in reached("mine_lib")


def test_portions_of_a_namespace_package_count_each_for_itself(write: Write) -> None:
    write(
        {
            "space_ns/one/__init__.py": "from space_ns import two",
            "space_ns/two.py": "from . import four",
            "space_ns/three/__init__.py": "",
            "space_ns/four/__init__.py": "",
            "space_ns/table.csv": "",
        }
    )
    closure = import_closure(["space_ns.one"])
    assert set(closure.files) == {
        "space_ns/one/__init__.py",
        "space_ns/two.py",
        "space_ns/four/__init__.py",
    }
    assert closure.units == {"space_ns.one", "space_ns.two", "space_ns.four"}


def test_a_folder_of_that_name_without_code_is_no_import(write: Write) -> None:
    write({"mine_lib.py": "import data_dir", "data_dir/table.csv": "1"})
    assert reached("mine_lib") == {"mine_lib.py"}


@pytest.mark.parametrize("module", ["nothing_here", "nothing.here", "sys", "builtins", ""])
def test_what_is_no_file_is_no_module(module: str) -> None:
    assert find_unit(module) is None
    with pytest.raises(PluginError, match="there is no module"):
        import_closure([module])


def test_a_file_reaches_its_folder_and_what_it_imports_through_it(
    write: Write, tmp_path: Path
) -> None:
    write(
        {
            "folder/main.py": "import near, inside.deep\nfrom lib.deep import part",
            "folder/near.py": "import other_lib",
            "folder/scratch.py": "import third_lib",
            "folder/notes.txt": "",
            "folder/inside/__init__.py": "",
            "folder/inside/deep.py": "",
            "folder/inside/levels.json": "{}",
            "folder/lib/deep/part.py": "",
            "other_lib.py": "",
            "third_lib.py": "",
        }
    )
    closure = import_closure([], tmp_path / "folder", "main.py")
    assert set(closure.files) == {
        "main.py",
        "near.py",
        "inside/__init__.py",
        "inside/deep.py",
        "lib/deep/part.py",
        "other_lib.py",
    }


def test_the_folder_of_a_file_comes_before_everything_else(write: Write, tmp_path: Path) -> None:
    write({"near.py": "", "folder/near.py": "", "folder/main.py": "import near, calendar"})
    write({"folder/calendar.py": ""})
    files = import_closure([], tmp_path / "folder", "main.py").files
    assert files["near.py"] == tmp_path / "folder" / "near.py"
    assert files["calendar.py"] == tmp_path / "folder" / "calendar.py"


def test_a_package_hides_a_folder_of_its_name_beside_the_file(write: Write, tmp_path: Path) -> None:
    write({"folder/main.py": "import pair_lib.part", "folder/pair_lib/part.py": ""})
    write({"pair_lib/__init__.py": "", "pair_lib/part.py": ""})
    files = import_closure([], tmp_path / "folder", "main.py").files
    assert files["pair_lib/part.py"] == tmp_path / "pair_lib" / "part.py"


def test_a_module_in_an_archive_is_refused_by_name(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "old.egg", "w") as archive:
        archive.writestr("egg_lib.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "old.egg"))
    write({"mine_lib.py": "import egg_lib"})
    with pytest.raises(PluginError, match=r"module 'egg_lib' is in .*old\.egg.*unpacked"):
        reached("mine_lib")


@pytest.mark.parametrize("text", ["def broken(:", "\0", "x = " + "(" * 5000, "# coding: nothing\n"])
def test_code_that_cannot_be_read_imports_nothing(write: Write, text: str) -> None:
    write({"mine_lib/__init__.py": text, "mine_lib/fine.py": "import other_lib"})
    write({"other_lib.py": ""})
    assert reached("mine_lib.fine") == {"mine_lib/__init__.py", "mine_lib/fine.py", "other_lib.py"}


def test_an_edit_is_seen_by_the_same_process_and_by_the_next_one(write: Write) -> None:
    write({"mine_lib.py": "import json", "other_lib.py": ""})
    assert reached("mine_lib") == {"mine_lib.py"}
    write({"mine_lib.py": "import other_lib"})
    assert reached("mine_lib") == {"mine_lib.py", "other_lib.py"}


def test_an_installed_package_of_very_many_modules_is_covered_and_not_followed(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("site-packages", "project"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    for package in ("site-packages/huge_lib", "project/mine_huge"):
        write({f"{package}/m{i}.py": "import other_lib" for i in range(301)})
        write({f"{package}/__init__.py": "import other_lib"})
    write({"mine_lib.py": "import huge_lib", "other_lib.py": ""})
    closure = import_closure(["mine_lib"])
    assert len(closure.files) == 303
    assert closure.large == {"huge_lib"}
    assert set(import_closure(["mine_huge"]).files) == {"mine_huge/__init__.py", "other_lib.py"}
