"""How far the code of a strategy reaches: what it imports, however it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from backfleet.code.imports import find_unit, folder_unit, reached_units

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


def reached(module: str) -> set[str]:
    unit = find_unit(module)
    assert unit is not None
    return {each.name for each in reached_units(unit, module)}


@pytest.mark.parametrize(
    "statement",
    [
        "import other_lib",
        "import other_lib as o",
        "import json, other_lib.part",
        "from other_lib import part",
        "from other_lib.part import thing",
        "from other_lib import *",
        "def late():\n    import other_lib",
        "class A:\n    from other_lib import part",
        "try:\n    import nothing_here\nexcept ImportError:\n    import other_lib",
        "match 1:\n    case 1:\n        import other_lib",
        "if 1:\n    pass\nelse:\n    import other_lib",
        "with open('x'):\n    import other_lib",
        "while 0:\n    pass\nelse:\n    async def f():\n        import other_lib",
        "x = '\\d'\nimport other_lib",
    ],
)
def test_every_form_of_import_is_followed(write: Write, statement: str) -> None:
    write({"mine_lib.py": statement, "other_lib/__init__.py": "", "other_lib/part.py": ""})
    assert reached("mine_lib") == {"mine_lib", "other_lib"}


def test_imports_are_followed_through_other_packages_and_round_in_circles(write: Write) -> None:
    write(
        {
            "first_lib/__init__.py": "",
            "first_lib/main.py": "from . import near",
            "first_lib/near.py": "from .deep.low import x",
            "first_lib/deep/__init__.py": "",
            "first_lib/deep/low.py": "from ...first_lib import main\nimport second_lib",
            "second_lib.py": "import third_lib",
            "third_lib/__init__.py": "from first_lib import main",
        }
    )
    assert reached("first_lib.main") == {"first_lib", "second_lib", "third_lib"}


def test_what_only_tests_and_other_modules_of_a_package_import_is_left_out(write: Write) -> None:
    write(
        {
            "first_lib/__init__.py": "",
            "first_lib/main.py": "",
            "first_lib/tests.py": "import second_lib",
            "second_lib.py": "",
        }
    )
    assert reached("first_lib.main") == {"first_lib"}
    assert reached("first_lib.tests") == {"first_lib", "second_lib"}


def test_the_standard_library_and_what_the_id_pins_are_left_out(write: Write) -> None:
    write({"mine_lib.py": "import os, numpy, pandas, backtrader, numba, backfleet.bars, nothing"})
    assert reached("mine_lib") == {"mine_lib"}


def test_what_backfleet_requires_is_covered_and_not_followed(write: Write) -> None:
    write({"mine_lib.py": "import pyarrow, boto3.session"})
    assert reached("mine_lib") == {"mine_lib", "pyarrow", "boto3"}


def test_the_strategies_that_come_along_are_followed(write: Write) -> None:
    write({"mine_lib.py": "from backfleet_strategies.sma_crossover import SmaCrossover"})
    assert reached("mine_lib") == {"mine_lib", "backfleet_strategies"}


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
    assert reached("space_ns.one") == {"space_ns.one", "space_ns.two", "space_ns.four"}


def test_a_folder_of_that_name_without_code_is_no_import(write: Write) -> None:
    write({"mine_lib.py": "import data_dir", "data_dir/table.csv": "1"})
    assert reached("mine_lib") == {"mine_lib"}


@pytest.mark.parametrize("module", ["nothing_here", "nothing.here", "sys", "builtins", ""])
def test_what_is_no_file_has_no_unit(module: str) -> None:
    assert find_unit(module) is None


def test_a_file_reaches_its_folder_and_what_it_imports_through_it(
    write: Write, tmp_path: Path
) -> None:
    write(
        {
            "folder/main.py": "import near",
            "folder/near.py": "import other_lib",
            "folder/apart.py": "import third_lib",
            "folder/notes.txt": "",
            "folder/inside/__init__.py": "",
            "folder/inside/levels.json": "{}",
            "other_lib.py": "",
            "third_lib.py": "",
        }
    )
    folder = folder_unit(tmp_path / "folder")
    assert set(folder.files) == {
        "main.py",
        "near.py",
        "apart.py",
        "inside/__init__.py",
        "inside/levels.json",
    }
    assert {unit.name for unit in reached_units(folder, "main")} == {"", "other_lib"}


def test_a_namespace_folder_beside_a_file_is_covered(write: Write, tmp_path: Path) -> None:
    write({"folder/main.py": "from lib.deep import part", "folder/lib/deep/part.py": ""})
    folder = folder_unit(tmp_path / "folder")
    assert "lib/deep/part.py" in {
        name for unit in reached_units(folder, "main") for name in unit.files
    }


@pytest.mark.parametrize("text", ["def broken(:", "\0", "x = " + "(" * 5000, "# coding: nothing\n"])
def test_code_that_cannot_be_read_imports_nothing(write: Write, text: str) -> None:
    write(
        {"mine_lib/__init__.py": text, "mine_lib/fine.py": "import other_lib", "other_lib.py": ""}
    )
    assert reached("mine_lib.fine") == {"mine_lib", "other_lib"}


def test_a_package_of_very_many_modules_is_covered_and_not_followed(write: Write) -> None:
    write({f"huge_lib/m{i}.py": "import other_lib" for i in range(301)})
    write({"huge_lib/__init__.py": "import other_lib", "mine_lib.py": "import huge_lib"})
    write({"other_lib.py": ""})
    assert reached("mine_lib") == {"mine_lib", "huge_lib"}
