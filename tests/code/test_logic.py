"""The logic of a strategy: what makes its points new trials, and what does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backfleet.code.logic import logic_hash
from backfleet.strategy import locate_strategy

SOURCE = '''
"""A strategy."""

import backtrader as bt

from levels import LEVEL


class Mine(bt.Strategy):
    """Buys above the level."""

    params = (("level", LEVEL),)

    def next(self):
        """Decide."""
        if self.data.close[0] > self.p.level:  # A comment.
            self.buy(size=1)

    def stop(self):
        pass
'''
LEVELS = "LEVEL = 3\n"


def logic_of(folder: Path, source: str = SOURCE, levels: str = LEVELS, file: str = "mine") -> str:
    folder.mkdir(exist_ok=True)
    (folder / f"{file}.py").write_text(source)
    (folder / "levels.py").write_text(levels)
    return logic_hash(locate_strategy(f"{folder}/{file}.py:Mine"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  # A comment.", ""),
        ('"""A strategy."""', ""),
        ('    """Buys above the level."""\n', "    # Nothing to say.\n"),
        ('"""Decide."""', "'''Decide, twice.'''"),
        ("self.buy(size=1)", "self.buy(\n                size=1,\n            )"),
        ("        pass\n", '        """Ends."""\n'),
        ('"level"', "'level'"),
    ],
)
def test_how_the_code_is_written_does_not_change_it(
    tmp_path: Path, before: str, after: str
) -> None:
    assert SOURCE.count(before) == 1
    assert logic_of(tmp_path / "a", SOURCE.replace(before, after)) == logic_of(tmp_path / "b")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("size=1", "size=2"),
        ("size=1", "size=1.0"),
        ("size=1", "size=True"),
        ("> self.p.level", ">= self.p.level"),
        ("self.buy", "self.sell"),
        ("        pass\n", "        return 1\n"),
    ],
)
def test_an_edit_of_the_code_changes_it(tmp_path: Path, before: str, after: str) -> None:
    assert SOURCE.count(before) == 1
    assert logic_of(tmp_path / "a", SOURCE.replace(before, after)) != logic_of(tmp_path / "b")


def test_text_that_is_no_docstring_counts(tmp_path: Path) -> None:
    returns = SOURCE.replace("        pass\n", '        self.note = "{}"\n')
    first = logic_of(tmp_path / "a", returns.format("one"))
    assert first != logic_of(tmp_path / "a", returns.format("two"))


def test_two_classes_of_a_file_differ(tmp_path: Path) -> None:
    logic_of(tmp_path, f"{SOURCE}\n\nclass Other(Mine):\n    pass\n")
    first, second = (locate_strategy(f"{tmp_path}/mine.py:{name}") for name in ("Mine", "Other"))
    assert logic_hash(first) != logic_hash(second)


def test_the_modules_beside_a_file_belong_to_it_and_its_name_and_folder_do_not(
    tmp_path: Path,
) -> None:
    logic = logic_of(tmp_path / "a")
    assert logic == logic_of(tmp_path / "b", file="renamed")
    assert logic != logic_of(tmp_path / "c", levels="LEVEL = 4\n")


def test_the_modules_of_a_package_belong_to_it_and_other_packages_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for package in ("acme_one", "acme_two"):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "levels.py").write_text(LEVELS)
        source = SOURCE.replace("from levels", "from .levels").replace(
            "import backtrader as bt", "import acme_helper\nimport backtrader as bt"
        )
        (folder / "hold.py").write_text(source)
    helper = tmp_path / "acme_helper.py"
    helper.write_text("FACTOR = 1\n")

    def logic(package: str) -> str:
        return logic_hash(locate_strategy(f"{package}.hold:Mine"))

    first = logic("acme_one")
    assert first == logic("acme_two")
    helper.write_text("FACTOR = 200\n")
    assert first == logic("acme_one")
    (tmp_path / "acme_one" / "levels.py").write_text("LEVEL = 5\n")
    assert first != logic("acme_one")


def test_a_file_without_a_syntax_tree_counts_by_its_bytes(tmp_path: Path) -> None:
    source = SOURCE.replace("from levels import LEVEL", "LEVEL = 3\ndef late():\n    import levels")
    first = logic_of(tmp_path / "a", source, levels="this is no Python\n")
    assert first != logic_of(tmp_path / "a", source, levels="this is no  Python\n")
