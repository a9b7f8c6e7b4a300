"""Unpacking code that came along: whole, or refused; never outside its folder."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from backfleet.code.packages import CodePackage
from backfleet.code.stored_code import MAX_CODE_BYTES, MAX_CODE_FILES
from backfleet.code.unpack import read_wheel, unpack
from backfleet.code.wheel import pack
from backfleet.errors import ExecutorError, PluginError


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def wheel(tmp_path: Path) -> bytes:
    file = tmp_path / "levels.py"
    file.write_text("LEVEL = 3\n")
    files = {"acme/__init__.py": file, "acme/deep/levels.py": file}
    return pack(CodePackage("acme", "1", files))


def digest(wheel: bytes) -> str:
    return hashlib.sha256(wheel).hexdigest()


def zipped(entries: Mapping[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            entry = ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_all_files_are_there_for_this_user_alone(wheel: bytes, scratch: Path) -> None:
    folder = unpack(wheel, digest(wheel))
    assert folder.is_relative_to(scratch)
    assert (folder / "acme/deep/levels.py").read_text() == "LEVEL = 3\n"
    assert {file.relative_to(folder).as_posix() for file in everything(folder)} == set(
        read_wheel(wheel)
    )
    assert all(not file.stat().st_mode & 0o077 for file in everything(folder))


def test_workers_share_what_is_unpacked_also_with_bytecode_in_it(wheel: bytes) -> None:
    folder = unpack(wheel, digest(wheel))
    (folder / "acme/__pycache__").mkdir()
    (folder / "acme/__pycache__/__init__.cpython-311.pyc").write_bytes(b"")
    assert unpack(wheel, digest(wheel)) == folder


@pytest.mark.parametrize("tampering", ["changed", "added", "removed"])
def test_what_was_written_to_since_is_not_used(wheel: bytes, tampering: str) -> None:
    folder = unpack(wheel, digest(wheel))
    if tampering == "removed":
        (folder / "acme/__init__.py").unlink()
    else:
        name = {"changed": "acme/__init__.py", "added": "acme/more.py"}[tampering]
        (folder / name).write_text("LEVEL = 4\n")
    fresh = unpack(wheel, digest(wheel))
    assert fresh != folder
    assert set(read_wheel(wheel)) == {
        file.relative_to(fresh).as_posix() for file in everything(fresh)
    }


def test_a_folder_that_others_can_write_to_is_not_used(wheel: bytes, scratch: Path) -> None:
    theirs = scratch / f"backfleet-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    assert not unpack(wheel, digest(wheel)).is_relative_to(theirs)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../outside.py",
        "acme/../../outside.py",
        "acme/./x.py",
        "acme//x.py",
        "acme\\..\\x.py",
        "C:\\x.py",
        "C:x.py",
        "x.py:hidden",
        "acme/",
        "x\n.py",
        "",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(name: str, scratch: Path) -> None:
    hostile = zipped({"fine.py": b"", name or "x/": b""})
    with pytest.raises(PluginError, match="which no package may"):
        unpack(hostile, digest(hostile))
    assert not everything(scratch.parent)


def test_a_name_with_a_zero_in_it_is_refused() -> None:
    hostile = zipped({"x?.py": b""}).replace(b"x?.py", b"x\0.py")
    with pytest.raises(PluginError, match="which no package may"):
        read_wheel(hostile)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR])
def test_what_is_no_plain_file_is_refused(kind: int) -> None:
    with pytest.raises(PluginError, match="which no package may"):
        read_wheel(zipped({"link.py": b"/etc/passwd"}, kind | 0o777))


def test_a_file_that_comes_twice_is_refused() -> None:
    buffer = io.BytesIO(zipped({"x.py": b"1"}))
    with pytest.warns(UserWarning, match="Duplicate name"), ZipFile(buffer, "a") as archive:
        archive.writestr("x.py", b"2")
    with pytest.raises(PluginError, match=r"'x\.py', which no package may"):
        read_wheel(buffer.getvalue())


@pytest.mark.parametrize(
    "names", [("acme/x.py", "acme/X.py"), ("acme/x.py", "Acme/y.py"), ("Straße.py", "STRASSE.py")]
)
def test_names_that_only_differ_in_case_are_rejected(names: tuple[str, str]) -> None:
    with pytest.raises(PluginError, match="only differ in case"):
        read_wheel(zipped(dict.fromkeys(names, b"")))


def test_a_file_in_the_place_of_a_folder_is_refused() -> None:
    hostile = zipped({"acme": b"", "acme/x.py": b""})
    with pytest.raises(ExecutorError, match="acme"):
        unpack(hostile, digest(hostile))


def test_what_grows_beyond_all_bounds_is_refused() -> None:
    bomb = zipped({f"x{i}.py": bytes(MAX_CODE_BYTES // 2) for i in range(3)})
    assert len(bomb) < 2**20
    with pytest.raises(PluginError, match="larger than 64 MiB"):
        read_wheel(bomb)


def test_what_lies_about_its_size_is_refused() -> None:
    bomb = bytearray(zipped({"x.py": bytes(2**22)}))
    size = (2**22).to_bytes(4, "little")
    assert bomb.count(size) == 2
    with pytest.raises(PluginError, match="cannot be unpacked"):
        read_wheel(bytes(bomb).replace(size, (100).to_bytes(4, "little")))


def test_very_many_files_are_refused() -> None:
    with pytest.raises(PluginError, match="10,000 may"):
        read_wheel(zipped({f"x{i}.py": b"" for i in range(MAX_CODE_FILES + 20)}))


@pytest.mark.parametrize("content", [b"", b"PK", b"#!/bin/sh\n", zipped({"x.py": b"x" * 99})[:-9]])
def test_what_is_no_wheel_is_refused(content: bytes) -> None:
    with pytest.raises(PluginError, match="cannot be unpacked"):
        read_wheel(content)


def test_a_damaged_file_is_refused() -> None:
    content = zipped({"x.py": os.urandom(999)})
    damaged = content[:500] + bytes([content[500] ^ 1]) + content[501:]
    with pytest.raises(PluginError, match="cannot be unpacked"):
        read_wheel(damaged)


def test_a_machine_without_a_place_for_temporary_files_is_told_so(
    wheel: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(ExecutorError, match=r"missing.*TMPDIR names another"):
        unpack(wheel, digest(wheel))
