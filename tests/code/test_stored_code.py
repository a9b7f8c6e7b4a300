"""Code in a run's store: once, verified whenever it is read, and mended where it is damaged."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.code.packages import CodePackage
from backfleet.code.stored_code import is_stored, read_stored_code, store_code
from backfleet.code.wheel import pack
from backfleet.errors import PluginError
from backfleet.store import open_store


@pytest.fixture
def packages(tmp_path: Path) -> list[CodePackage]:
    file = tmp_path / "acme_alpha.py"
    file.write_text("LEVEL = 3\n")
    alpha = CodePackage("acme-alpha", "1.2", {"acme_alpha.py": file})
    return [alpha, CodePackage("folder-of-mine", "0", {"mine.py": file}, folder=tmp_path)]


def test_workers_read_code_as_it_was_packed(packages: list[CodePackage], store_url: str) -> None:
    store = open_store(store_url)
    stored = store_code(store, packages)
    assert [read_stored_code(store, package) for package in stored] == list(map(pack, packages))
    assert [(package.name, package.content, package.is_folder) for package in stored] == [
        ("acme-alpha", packages[0].content, False),
        ("folder-of-mine", packages[1].content, True),
    ]
    assert stored[0].key == f"code/{hashlib.sha256(pack(packages[0])).hexdigest()}.whl"


def test_the_same_code_is_stored_once(packages: list[CodePackage], store_url: str) -> None:
    store = open_store(store_url)
    assert store_code(store, packages) == store_code(store, packages)
    before = list(store.list())
    store_code(store, packages)
    assert list(store.list()) == before
    assert len(before) == 2


def test_what_is_damaged_or_missing_is_refused_and_stored_anew(
    packages: list[CodePackage], store_url: str
) -> None:
    store = open_store(store_url)
    stored = store_code(store, packages)
    assert is_stored(store, stored)
    assert is_stored(store, [])
    store.replace(stored[0].key, b"damaged")
    assert not is_stored(store, stored)
    with pytest.raises(PluginError, match=rf"{stored[0].key} is damaged: .* acme-alpha 1\.2"):
        read_stored_code(store, stored[0])
    assert store_code(store, packages) == stored
    assert is_stored(store, stored)
    assert store.read(stored[0].key) == b"damaged"
    assert store.exists(f"code/{stored[0].sha256}.1.whl")
    with pytest.raises(PluginError, match=r"0{64}\.whl is missing: it is acme-alpha 1\.2"):
        read_stored_code(store, replace(stored[0], sha256="0" * 64))


def test_code_that_cannot_be_read_is_told_before_anything_is_stored(
    packages: list[CodePackage], tmp_path: Path
) -> None:
    (tmp_path / "acme_alpha.py").unlink()
    store = open_store(str(tmp_path / "runs"))
    with pytest.raises(PluginError, match="the code of acme-alpha cannot be read"):
        store_code(store, packages)
    assert not (tmp_path / "runs").exists()
