"""The record of a run's code: what is kept, what is not, and what another platform cannot use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.code import kept_code
from backfleet.code.fetched_code import fetch_code
from backfleet.code.kept_code import (
    KEPT_CODE,
    is_kept,
    read_kept_code,
    store_packages,
)
from backfleet.code.packages import CodePackage
from backfleet.code.stored_code import read_stored_code
from backfleet.code.unpack import read_wheel
from backfleet.code.versions import platform_tag
from backfleet.errors import CorruptObject, PluginError
from backfleet.store import Store, open_store
from backfleet.strategy_reference import StrategyReference

STRATEGY = StrategyReference("mine.py:Mine", "/home/somebody/factors")


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "levels.py"
    file.write_text("LEVEL = 3\n")
    return file


def folder(file: Path) -> CodePackage:
    return CodePackage("folder-of-mine", "0", {"mine.py": file}, folder=file.parent)


def test_the_record_names_the_wheels_and_no_path_of_this_machine(store: Store, file: Path) -> None:
    alpha = CodePackage("acme-alpha", "1.2", {"acme_alpha.py": file})
    assert read_kept_code(store) is None
    kept = store_packages(store, STRATEGY, [alpha, folder(file)])
    assert not is_kept(store)
    kept.write(store)
    assert is_kept(store)
    assert read_kept_code(store) == kept
    assert [package.name for package in kept.packages] == ["acme-alpha", "folder-of-mine"]
    assert kept.is_folder
    assert b"somebody" not in store.read(KEPT_CODE)
    for package in kept.packages:
        read_stored_code(store, package)


def test_the_first_record_stays_and_a_damaged_one_is_replaced(store: Store, file: Path) -> None:
    first = store_packages(store, STRATEGY, [folder(file)])
    first.write(store)
    file.write_text("LEVEL = 4\n")
    second = store_packages(store, STRATEGY, [folder(file)])
    second.write(store)
    assert read_kept_code(store) == first
    store.replace(KEPT_CODE, store.read(KEPT_CODE).replace(b"mine.py", b"mine.PY"))
    with pytest.raises(CorruptObject, match=r"code\.json: .*checksum"):
        read_kept_code(store)
    assert not is_kept(store)
    second.write(store)
    assert read_kept_code(store) == second


@pytest.mark.parametrize(("limit", "value"), [("MAX_CODE_BYTES", 5), ("MAX_CODE_FILES", 0)])
def test_only_the_hash_of_a_large_package_is_kept(
    limit: str, value: int, store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_code, limit, value)
    package = folder(file)
    kept = store_packages(store, STRATEGY, [package])
    assert kept.packages == ()
    (unkept,) = kept.not_kept
    assert (unkept.name, unkept.content, unkept.is_folder) == (
        "folder-of-mine",
        package.content,
        True,
    )
    assert unkept.reason == "0 MiB in 1 files"


def test_files_that_only_differ_in_case_are_not_kept(store: Store, file: Path) -> None:
    package = CodePackage("acme", "1", {"acme/x.py": file, "acme/X.py": file})
    (unkept,) = store_packages(store, STRATEGY, [package]).not_kept
    assert "only differ in case" in unkept.reason


def test_machine_code_carries_its_platform_and_runs_on_no_other(store: Store, file: Path) -> None:
    package = CodePackage("acme", "1", {"acme.py": file, "acme_fast.so": file})
    (stored,) = store_packages(store, STRATEGY, [package]).packages
    assert stored.platform == platform_tag()
    files = read_wheel(read_stored_code(store, stored))
    assert f"Tag: {platform_tag()}" in files["acme-1.dist-info/WHEEL"].decode()
    with pytest.raises(PluginError, match="holds machine code for cp39-cp39-win_amd64"):
        fetch_code(store, [replace(stored, platform="cp39-cp39-win_amd64")])
